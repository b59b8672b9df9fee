/** Peephole: small patterns that say in more nodes what fewer say. */
import { insertConstant } from '../ir/copy.ts';
import { allNodes, type Graph, type Node, type Value } from '../ir/graph.ts';
import { BoolT, IntT, type JitType } from '../ir/types.ts';
import { Tensor } from '../ops/core.ts';
import { AliasAnalysis } from './alias.ts';

/** The value that the node's one output is; undefined where the pattern does not fit. */
type Rule = (node: Node, aliases: AliasAnalysis) => Value | undefined;

const constantOf = (value: Value | undefined): unknown => value?.node.constant?.value;
const isNever = (type: JitType): boolean =>
  type.kind !== 'None' && type.kind !== 'Optional' && type.kind !== 'Union' && type.kind !== 'Any';

/** `is None` of what never is, or always. */
const isNone =
  (answer: boolean): Rule =>
  (node) => {
    const [a, b] = node.inputs;
    const other = a.type.kind === 'None' ? b : b.type.kind === 'None' ? a : undefined;
    if (!other) return undefined;
    if (other.type.kind === 'None') return insertConstant(node, answer, BoolT);
    if (isNever(other.type)) return insertConstant(node, !answer, BoolT);
    return undefined;
  };

/** What the list or tuple was made of, where nothing changes it. */
const partsOf = (value: Value, aliases: AliasAnalysis): readonly Value[] | undefined =>
  value.node.kind === 'prim::TupleConstruct' ||
  (value.node.kind === 'prim::ListConstruct' && !aliases.isWritten(value))
    ? value.node.inputs
    : undefined;

const element: Rule = (node, aliases) => {
  const parts = partsOf(node.inputs[0], aliases);
  const index = constantOf(node.inputs[1]);
  if (!parts || typeof index !== 'number') return undefined;
  return parts[index < 0 ? index + parts.length : index];
};

const length: Rule = (node, aliases) => {
  const parts = partsOf(node.inputs[0], aliases);
  return parts && insertConstant(node, parts.length, IntT);
};

/** The number that was made a tensor to be recorded: traces are full of `int(torch.tensor(n))`. */
const untensored =
  (kind: string): Rule =>
  (node) => {
    const { node: source } = node.inputs[0];
    return source.kind === 'prim::NumToTensor' && source.inputs[0].type.kind === kind
      ? source.inputs[0]
      : undefined;
  };

const isSelf =
  (kind: string): Rule =>
  (node) =>
    node.inputs[0].type.kind === kind ? node.inputs[0] : undefined;

const first = (...rules: Rule[]): Rule => {
  return (node, aliases) => {
    for (const rule of rules) {
      const value = rule(node, aliases);
      if (value) return value;
    }
    return undefined;
  };
};

/** `not not a` is a. */
const negation: Rule = (node) => {
  const { node: inner } = node.inputs[0];
  return inner.kind === 'aten::__not__' ? inner.inputs[0] : undefined;
};

/** Transposed twice, as before; neither may be written, for the result would be another window of the same memory. */
const twice: Rule = (node, aliases) => {
  const inner = node.inputs[0].node;
  if (inner.kind !== node.kind || aliases.isWritten(node.inputs[0])) return undefined;
  if (node.kind === 'aten::t') return inner.inputs[0];
  const [a, b] = [1, 2].map((i) => constantOf(node.inputs[i]));
  const [c, d] = [1, 2].map((i) => constantOf(inner.inputs[i]));
  if ([a, b, c, d].some((v) => typeof v !== 'number')) return undefined;
  return (a === c && b === d) || (a === d && b === c) ? inner.inputs[0] : undefined;
};

/** A constant tensor's own properties. */
const property =
  (read: (t: Tensor, node: Node) => unknown): Rule =>
  (node) => {
    const tensor = constantOf(node.inputs[0]);
    const value = tensor instanceof Tensor ? read(tensor, node) : undefined;
    return value === undefined ? undefined : insertConstant(node, value, node.output.type);
  };

const rules: Readonly<Record<string, Rule>> = {
  'aten::__is__': isNone(true),
  'aten::__isnot__': isNone(false),
  'aten::__not__': negation,
  'aten::__getitem__': element,
  'prim::TupleIndex': element,
  'aten::len': length,
  'aten::Int': first(isSelf('int'), untensored('int')),
  'aten::IntImplicit': untensored('int'),
  'aten::Float': first(isSelf('float'), untensored('float')),
  'aten::FloatImplicit': untensored('float'),
  'aten::Bool': first(isSelf('bool'), untensored('bool')),
  'aten::ScalarImplicit': first(untensored('int'), untensored('float')),
  'aten::t': twice,
  'aten::transpose': twice,
  'aten::dim': property((t) => t.shape.length),
  'prim::is_cuda': property(() => false),
};

/** Rewrites what one of the rules fits, and unpacks what was just packed. */
export function peephole(graph: Graph, aliases = new AliasAnalysis(graph)): void {
  for (const node of [...allNodes(graph.block)]) {
    if (!node.owner) continue;
    if (node.kind === 'prim::TupleUnpack' || node.kind === 'prim::ListUnpack') {
      const parts = partsOf(node.inputs[0], aliases);
      if (parts?.length === node.outputs.length)
        node.outputs.forEach((output, i) => {
          output.replaceAllUsesWith(parts[i]);
        });
      continue;
    }
    if (node.outputs.length !== 1) continue;
    const value = rules[node.kind]?.(node, aliases);
    if (!value || value === node.output) continue;
    // A float where any number may stand has another representation.
    if (value.type.kind !== node.output.type.kind && node.output.type.kind === 'number') continue;
    node.output.replaceAllUsesWith(value);
  }
}
