/** Dead code elimination: nodes whose outputs nobody reads and whose effects nobody sees. */
import type { Block, Node } from '../ir/graph.ts';
import type { AliasAnalysis } from './alias.ts';
import { hasEffect, hasOwnEffect, writesArguments } from './effects.ts';

/**
 * Removes what is dead from the block, unused outputs of branches and loops included. Without an alias analysis every
 * write counts as seen; with one, only a write to memory that something alive may read.
 */
export function eliminateDeadCode(block: Block, aliases?: AliasAnalysis): void {
  // A write may be kept by a reader that is dead itself: swept until nothing changes.
  for (let before = -1; count(block) !== before; ) {
    before = count(block);
    sweep(block, (node) =>
      aliases ? hasOwnEffect(node) || (writesArguments(node) && aliases.isSeen(node)) : hasEffect(node),
    );
    if (!aliases) return;
  }
}

const count = (block: Block): number =>
  block.nodes.reduce((sum, node) => sum + 1 + node.blocks.reduce((inner, b) => inner + count(b), 0), 0);

function sweep(block: Block, isSeen: (node: Node) => boolean): void {
  for (let i = block.nodes.length - 1; i >= 0; i--) {
    const node = block.nodes[i];
    if (node.kind === 'prim::If') removeUnusedBranchOutputs(node);
    if (node.kind === 'prim::Loop') removeUnusedCarried(node);
    for (const inner of node.blocks) sweep(inner, isSeen);
    // As in torch::jit a loop lives on what its body hands from round to round: what is left of the blocks is alive.
    const isAlive = node.blocks.some(({ nodes }) => nodes.length > 0) || isSeen(node);
    if (!isAlive && node.outputs.every((output) => output.uses.length === 0)) node.destroy();
  }
}

function removeUnusedBranchOutputs(node: Node): void {
  for (let i = node.outputs.length - 1; i >= 0; i--) {
    const output = node.outputs[i];
    if (output.uses.length > 0) continue;
    output.setDebugName('');
    node.outputs.splice(i, 1);
    for (const block of node.blocks) block.returnNode.removeInput(i);
  }
  node.outputs.forEach((output, i) => {
    output.offset = i;
  });
}

/** Drops carried values that nothing reads, within the loop or after it. */
function removeUnusedCarried(node: Node): void {
  const [body] = node.blocks;
  for (let i = node.outputs.length - 1; i >= 0; i--) {
    const output = node.outputs[i];
    const param = body.paramNode.outputs[i + 1];
    const onlyItself = param.uses.every(({ user, index }) => user === body.returnNode && index === i + 1);
    if (output.uses.length > 0 || !onlyItself) continue;
    body.returnNode.removeInput(i + 1);
    node.removeInput(i + 2);
    output.setDebugName('');
    param.setDebugName('');
    node.outputs.splice(i, 1);
    body.paramNode.outputs.splice(i + 1, 1);
  }
  node.outputs.forEach((output, i) => {
    output.offset = i;
  });
}
