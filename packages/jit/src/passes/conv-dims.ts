/** Dims of convolutions: what PyTorch's freezing takes for known of their results, so that a norm's check of it goes. */
import { insertConstant } from '../ir/copy.ts';
import { allNodes, type Graph } from '../ir/graph.ts';
import { IntT } from '../ir/types.ts';
import { Tensor } from '../ops/core.ts';

const convolutions = new Set(['aten::conv1d', 'aten::conv2d', 'aten::conv3d']);

/** A convolution of a batch has as many dims as its weight; one of a single sample is not looked for, as in PyTorch. */
export function foldConvolutionDims(graph: Graph): void {
  for (const node of [...allNodes(graph.block)]) {
    if (node.kind !== 'aten::dim' || !convolutions.has(node.inputs[0].node.kind)) continue;
    const weight = node.inputs[0].node.inputs[1].node.constant?.value;
    if (!(weight instanceof Tensor)) continue;
    node.output.replaceAllUsesWith(insertConstant(node, weight.shape.length, IntT));
    node.destroy();
  }
}
