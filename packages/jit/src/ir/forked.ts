/** The graph that a fork shows: its block with what it captures as parameters, numbered as torch::jit's lifting numbers it. */
import { copyNode } from './copy.ts';
import { Graph, type Node, type Value } from './graph.ts';

export interface Forked {
  /** The values of the graph around that the body uses, in the order of their first use. */
  readonly captured: readonly Value[];
  readonly graph: Graph;
}

export function forkedGraph(fork: Node): Forked {
  const [block] = fork.blocks;
  const graph = new Graph();
  const captured = new Set<Value>();
  const own = new Set<Value>();
  const visit = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      for (const input of node.inputs) if (!own.has(input)) captured.add(input);
      for (const output of node.outputs) own.add(output);
      for (const inner of node.blocks) {
        for (const input of inner.inputs) own.add(input);
        visit(inner.nodes);
        for (const output of inner.outputs) if (!own.has(output)) captured.add(output);
      }
    }
  };
  visit(block.nodes);
  for (const output of block.outputs) if (!own.has(output)) captured.add(output);
  // The one value that held all of them.
  graph.takeId();
  const values = new Map<Value, Value>();
  const place = (nodes: readonly Node[]) => {
    for (const node of nodes) graph.block.append(copyNode(node, graph, values));
  };
  const constants = block.nodes.filter((node) => node.kind === 'prim::Constant');
  place(constants);
  // What they were unpacked to stands for the parameters, which come last.
  const unpacked = graph.create('prim::TupleUnpack');
  for (const value of captured) values.set(value, unpacked.addOutput(value.type));
  place(block.nodes.filter((node) => node.kind !== 'prim::Constant'));
  for (const output of block.outputs) graph.block.returnNode.addInput(values.get(output)!);
  for (const value of captured) {
    const param = graph.block.paramNode.addOutput(value.type);
    if (value.hasDebugName) param.setDebugName(value.debugName);
    values.get(value)!.replaceAllUsesWith(param);
  }
  return { captured: [...captured], graph };
}
