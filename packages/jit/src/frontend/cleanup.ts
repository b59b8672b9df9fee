/** What torch::jit does to every freshly compiled graph: simple tuples lowered, dead values dropped, constants pooled at the top. */
import { allNodes, type Block, type Graph, type Node, type Value } from '../ir/graph.ts';
import { AliasAnalysis } from '../passes/alias.ts';
import { takeDecidedBranches } from '../passes/constants.ts';
import { eliminateDeadCode } from '../passes/dead-code.ts';
import { writesArguments } from '../passes/effects.ts';
import { poolConstants } from '../passes/pool.ts';
import { lowerSimpleTuples } from '../passes/tuples.ts';

export function cleanUp(graph: Graph): void {
  eraseListLiterals(graph.block);
  lowerSimpleTuples(graph.block);
  eliminateDeadCode(graph.block);
  takeDecidedBranches(graph);
  eliminateDeadCode(graph.block);
  // Who sees a write takes longer to find out, and traces are full of writes whose result is read on.
  if (hasUnreadWrite(graph.block)) eliminateDeadCode(graph.block, new AliasAnalysis(graph));
  poolConstants(graph);
  canonicalizeOutputs(graph.block);
  numberWarnings(graph.block);
}

let warnings = 0;

function numberWarnings(block: Block): void {
  for (const node of allNodes(block)) if (node.kind === 'aten::warn') node.warnId = warnings++;
}

function hasUnreadWrite(block: Block): boolean {
  for (const node of allNodes(block))
    if (writesArguments(node) && node.outputs.every((output) => output.uses.length === 0)) return true;
  return false;
}

/** An empty list that nothing gave another type is a list of tensors. */
function eraseListLiterals(block: Block): void {
  for (const node of allNodes(block)) {
    if (node.kind !== 'prim::EmptyListLiteral') continue;
    if (node.output.uses.length > 0) {
      const list = node.graph.create('prim::ListConstruct', [], [node.output.type]);
      list.owner = node.owner;
      node.owner!.nodes.splice(node.owner!.nodes.indexOf(node), 0, list);
      node.output.replaceAllUsesWith(list.output);
    }
    node.destroy();
  }
}

/** Orders the outputs of branches by their first use and drops the unused. */
function canonicalizeOutputs(block: Block): void {
  const position = new Map<Node, number>();
  let count = 0;
  const number = (inner: Block) => {
    for (const node of inner.nodes) {
      position.set(node, count++);
      for (const child of node.blocks) number(child);
    }
    position.set(inner.returnNode, count++);
  };
  number(block);
  const firstUse = (value: Value): [number, number] => {
    let best: [number, number] = [Number.POSITIVE_INFINITY, 0];
    for (const use of value.uses) {
      const at = position.get(use.user) ?? 0;
      if (at < best[0] || (at === best[0] && use.index < best[1])) best = [at, use.index];
    }
    return best;
  };
  const sort = (node: Node): void => {
    if (node.kind !== 'prim::If' && node.kind !== 'prim::Loop') return;
    if (node.outputs.length < 2) return;
    const order = node.outputs.map((value, i) => ({ i, use: firstUse(value) }));
    order.sort((a, b) => a.use[0] - b.use[0] || a.use[1] - b.use[1] || a.i - b.i);
    if (order.every(({ i }, at) => i === at)) return;
    const permute = <T>(list: readonly T[], skip: number): T[] => [
      ...list.slice(0, skip),
      ...order.map(({ i }) => list[skip + i]),
    ];
    const reinput = (target: Node, skip: number) => {
      const inputs = permute(target.inputs, skip);
      while (target.inputs.length) target.removeInput(target.inputs.length - 1);
      for (const input of inputs) target.addInput(input);
    };
    const reoutput = (target: Node, skip: number) => {
      const outputs = permute(target.outputs, skip);
      target.outputs.splice(0, target.outputs.length, ...outputs);
      outputs.forEach((output, i) => {
        output.offset = i;
      });
    };
    reoutput(node, 0);
    if (node.kind === 'prim::If') for (const inner of node.blocks) reinput(inner.returnNode, 0);
    else {
      reinput(node, 2);
      reoutput(node.blocks[0].paramNode, 1);
      reinput(node.blocks[0].returnNode, 1);
    }
  };
  // From the end, and a node before its blocks: an order depends on the orders of what uses it.
  const visit = (inner: Block): void => {
    for (const node of [...inner.nodes].reverse()) {
      sort(node);
      for (const child of node.blocks) visit(child);
    }
  };
  visit(block);
}
