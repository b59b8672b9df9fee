/** Copies of graphs: whole ones, and one block's nodes put among another's. */
import { type Block, Graph, type Node, type Value } from './graph.ts';

/** Gives the copy what the original is called and typed. */
function copyValue(from: Value, to: Value): Value {
  to.type = from.type;
  if (from.hasDebugName) to.setDebugName(from.debugName);
  return to;
}

/** Copies the nodes of a block, each given to `put`. */
type CopyNodes = (block: Block, put: (copy: Node) => void) => void;

/** A copy of one node, its inputs looked up in `values`, where its outputs are noted; it stands in no block. */
export function copyNode(
  node: Node,
  graph: Graph,
  values: Map<Value, Value>,
  copyNodes: CopyNodes = (block, put) => {
    for (const child of block.nodes) put(copyNode(child, graph, values));
  },
): Node {
  const copy = graph.create(node.kind);
  for (const input of node.inputs) copy.addInput(values.get(input) ?? input);
  copy.name = node.name;
  copy.warnId = node.warnId;
  copy.constant = node.constant;
  copy.types = node.types;
  copy.func = node.func;
  copy.operator = node.operator;
  copy.subgraph = node.subgraph;
  copy.range = node.range;
  copy.scope = node.scope;
  for (const output of node.outputs) values.set(output, copyValue(output, copy.addOutput()));
  for (const block of node.blocks) {
    const inner = copy.addBlock();
    for (const input of block.inputs) values.set(input, copyValue(input, inner.paramNode.addOutput()));
    copyNodes(block, (child) => inner.append(child));
    for (const output of block.outputs) inner.returnNode.addInput(values.get(output) ?? output);
  }
  return copy;
}

/** A graph of its own with the same nodes, numbered from 0. */
export function copyGraph(graph: Graph): Graph {
  const copy = new Graph();
  const values = new Map<Value, Value>();
  for (const input of graph.inputs) values.set(input, copyValue(input, copy.block.paramNode.addOutput()));
  for (const node of graph.block.nodes) copy.block.append(copyNode(node, copy, values));
  for (const output of graph.outputs) copy.block.returnNode.addInput(values.get(output)!);
  return copy;
}

/** Puts the callee's nodes before `at`, the arguments in its parameters' places. Returns what its results became. */
export function insertGraph(callee: Graph, args: readonly Value[], at: Node): Value[] {
  const values = new Map<Value, Value>();
  callee.inputs.forEach((input, i) => {
    values.set(input, args[i]);
  });
  for (const node of callee.block.nodes) {
    copyNode(node, at.graph, values).insertBefore(at);
  }
  return callee.outputs.map((output) => values.get(output)!);
}

/** Adds a constant before `at`. */
export function insertConstant(at: Node, value: unknown, type: Value['type'], name?: string): Value {
  const node = at.graph.create('prim::Constant', [], [type]);
  node.constant = { value };
  if (name !== undefined) node.output.setDebugName(name);
  node.insertBefore(at);
  return node.output;
}
