/** Forks: a closure that one takes becomes the body of a `prim::fork`; the closures themselves go. */
import { allNodes, type Graph } from '../ir/graph.ts';
import { CompileError } from './source.ts';

export function inlineForkedClosures(graph: Graph): void {
  // torch::jit packs what each closure captures, and the closure with that, as values of their own.
  for (const node of allNodes(graph.block))
    if (node.kind === 'prim::Closure') {
      graph.takeId();
      graph.takeId();
    }
  for (const node of [...allNodes(graph.block)]) {
    if (node.kind !== 'prim::forkClosure') continue;
    const closure = node.inputs[0].node;
    if (closure.kind !== 'prim::Closure' || closure.output.uses.length !== 1)
      throw new CompileError('Cannot fork this value', node.range);
    const fork = graph.create('prim::fork', [], [node.output.type]);
    fork.range = node.range;
    fork.blocks.push(closure.blocks.pop()!.ownedBy(fork));
    fork.insertAfter(node);
    if (node.output.hasDebugName) {
      const name = node.output.debugName;
      node.output.setDebugName('');
      fork.output.setDebugName(name);
    }
    node.output.replaceAllUsesWith(fork.output);
    node.destroy();
    closure.destroy();
  }
  for (const node of [...allNodes(graph.block)]) if (node.kind === 'prim::Closure') node.destroy();
}
