/** Dropout removal: in evaluation a dropout gives what it was given. */
import { allNodes, type Graph } from '../ir/graph.ts';

const dropout = /^aten::(feature_)?(alpha_)?dropout_?$/;

/** Removes every dropout that is known not to drop. */
export function removeDropout(graph: Graph): void {
  for (const node of [...allNodes(graph.block)]) {
    if (!dropout.test(node.kind) || node.inputs[2]?.node.constant?.value !== false) continue;
    node.output.replaceAllUsesWith(node.inputs[0]);
    node.destroy();
  }
}
