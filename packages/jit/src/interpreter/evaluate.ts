/** Runs one node over its constant inputs, ahead of the program. */

import { copyNode } from '../ir/copy.ts';
import { Func } from '../ir/function.ts';
import { Graph, type Node } from '../ir/graph.ts';
import { tupleOf } from '../ir/types.ts';
import { type Device, no_grad } from '../ops/core.ts';
import { execute } from './run.ts';

/** The values of its outputs; undefined where it raises, or must wait for a device. */
export function evaluate(node: Node, device: Device | null): readonly unknown[] | undefined {
  const graph = new Graph();
  const values = new Map();
  for (const input of new Set(node.inputs)) graph.block.append(copyNode(input.node, graph, values));
  const copy = graph.block.append(copyNode(node, graph, values));
  const type = tupleOf(node.outputs.map((output) => output.type));
  const tuple = graph.block.append(graph.create('prim::TupleConstruct', copy.outputs, [type]));
  graph.block.returnNode.addInput(tuple.output);
  const func = new Func(
    node.kind,
    () => ({ name: node.kind, params: [], returns: type }),
    () => graph,
  );
  try {
    // In a tuple, since no_grad would last until a promise settles, which nobody waits for here.
    const [result] = no_grad(() => [execute(func, [], device)]);
    if (!(result instanceof Promise)) return result as readonly unknown[];
    result.catch(() => undefined);
  } catch {
    // It shall raise where the program does it.
  }
  return undefined;
}
