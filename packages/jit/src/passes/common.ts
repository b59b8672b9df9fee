/** Common subexpression elimination: of two nodes that compute the same, the later one takes the earlier one's results. */
import type { Block, Graph, Node } from '../ir/graph.ts';
import { typesEqual } from '../ir/type-relations.ts';
import type { JitType } from '../ir/types.ts';
import { AliasAnalysis } from './alias.ts';
import { isPure } from './effects.ts';
import { constantKey } from './pool.ts';

const numbers = new WeakMap<object, number>();
let next = 0;

const numberOf = (object: object): number => {
  let number = numbers.get(object);
  if (number === undefined) numbers.set(object, (number = next++));
  return number;
};

/** Equal for equal numbers, strings and the like. */
const constantOf = (node: Node): string | undefined =>
  node.kind === 'prim::Constant' && isImmutable(node.output.type) ? constantKey(node) : undefined;

const keyOf = (node: Node): string =>
  constantOf(node) ??
  `${node.kind} ${node.operator ? numberOf(node.operator) : ''} ${node.name ?? ''} ${node.inputs.map((i) => numberOf(i))}`;

const isImmutable = (type: JitType): boolean =>
  ['int', 'float', 'bool', 'str', 'None', 'Device', 'number', 'Enum'].includes(type.kind);

const sameTypes = (a: Node, b: Node): boolean =>
  a.outputs.length === b.outputs.length &&
  a.outputs.every((output, i) => typesEqual(output.type, b.outputs[i].type)) &&
  (a.types?.length ?? 0) === (b.types?.length ?? 0) &&
  (a.types ?? []).every((type, i) => typesEqual(type, b.types![i]));

/** Nothing is merged that is written, or that may leave the graph as two tensors of their own. */
export function eliminateCommonSubexpressions(graph: Graph, aliases = new AliasAnalysis(graph)): void {
  const mayMerge = (node: Node): boolean =>
    isPure(node) &&
    (node.kind !== 'prim::Constant' || constantOf(node) !== undefined) &&
    !node.inputs.some((input) => aliases.isWritten(input)) &&
    node.outputs.every(
      (output) =>
        isImmutable(output.type) ||
        (!aliases.isWritten(output) &&
          aliases.isLocal(output) &&
          !graph.outputs.some((result) => aliases.mayAlias(result, output))),
    );
  const visit = (block: Block, outer: ReadonlyMap<string, Node>): void => {
    const seen = new Map(outer);
    for (const node of [...block.nodes]) {
      for (const inner of node.blocks) visit(inner, seen);
      if (!mayMerge(node)) continue;
      const key = keyOf(node);
      const earlier = seen.get(key);
      if (!earlier || !sameTypes(earlier, node)) {
        seen.set(key, node);
        continue;
      }
      node.outputs.forEach((output, i) => {
        output.replaceAllUsesWith(earlier.outputs[i]);
      });
      node.destroy();
    }
  };
  visit(graph.block, new Map());
}
