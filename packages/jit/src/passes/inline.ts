/** Inlining: calls of functions and methods become copies of their bodies. */
import { coercion } from '../interpreter/coerce.ts';
import { insertGraph } from '../ir/copy.ts';
import type { Func } from '../ir/function.ts';
import type { Block, Graph, Node, Value } from '../ir/graph.ts';
import type { JitType } from '../ir/types.ts';

/** The function that a call node runs, or undefined where that is not known. */
export type Callee = (node: Node) => Func | undefined;

const calls = new Set(['prim::CallMethod', 'prim::CallFunction']);

/** A program that calls deeper than this calls itself. */
const DEEPEST = 200;

/**
 * Replaces every call in the block, and every call in what was put in, by the callee's nodes. `callee` says what a method of
 * an interface is; `bodyOf` may give another graph of a callee than its own.
 */
export function inlineCalls(
  block: Block,
  callee: Callee = (node) => node.func,
  bodyOf: (func: Func) => Graph = (func) => func.graph,
): void {
  const visit = (inner: Block, from: readonly Node[], depth: number): void => {
    for (const node of from) {
      if (calls.has(node.kind)) {
        const func = depth < DEEPEST ? callee(node) : undefined;
        if (func) visit(inner, inlineCall(node, func, bodyOf(func)), depth + 1);
      } else for (const child of node.blocks) visit(child, [...child.nodes], depth);
    }
  };
  visit(block, [...block.nodes], 0);
}

function inlineCall(node: Node, func: Func, body: Graph): Node[] {
  const { params, returns } = func.signature;
  const inputs = node.kind === 'prim::CallFunction' ? node.inputs.slice(1) : node.inputs;
  const args = inputs.map((input, i) => (params[i] ? typed(input, params[i].type, node) : input));
  const before = node.owner!.nodes.indexOf(node);
  const results = insertGraph(body, args, node);
  const { nodes } = node.owner!;
  const own = nodes.slice(before, nodes.indexOf(node));
  const [result] = results;
  const name = node.output.hasDebugName ? node.output.debugName : undefined;
  node.output.replaceAllUsesWith(typed(result, returns, node));
  node.destroy();
  if (name !== undefined) result.setDebugName(name);
  return own;
}

/** The value as one of this type, where its representation is another one there. */
function typed(value: Value, type: JitType, before: Node): Value {
  if (coercion(value.type, type) === undefined) return value;
  const cast = before.graph.create('prim::unchecked_cast', [value], [type]);
  cast.insertBefore(before);
  return cast.output;
}
