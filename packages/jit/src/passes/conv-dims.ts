/** Dims of convolutions: what PyTorch's freezing takes for known of their results, so that a norm's check of it goes. */
import { insertConstant } from '../ir/copy.ts';
import { allNodes, type Graph, type Value } from '../ir/graph.ts';
import { IntT } from '../ir/types.ts';
import { Tensor } from '../ops/core.ts';
import { AliasAnalysis } from './alias.ts';

const convolutions = new Set(['aten::conv1d', 'aten::conv2d', 'aten::conv3d']);

/**
 * A convolution of a batch has as many dims as its weight, unless something unsqueezes it in place; one of a single sample is
 * not looked for, as in PyTorch.
 */
export function foldConvolutionDims(
  graph: Graph,
  /** What a weight is known to be. */
  held: (weight: Value) => unknown = (weight) => weight.node.constant?.value,
): void {
  const dims = [...allNodes(graph.block)].filter(
    ({ kind, inputs }) => kind === 'aten::dim' && convolutions.has(inputs[0].node.kind),
  );
  if (dims.length === 0) return;
  const aliases = new AliasAnalysis(graph);
  for (const node of dims) {
    const [result] = node.inputs;
    const weight = held(result.node.inputs[1]);
    if (!(weight instanceof Tensor) || aliases.isWritten(result)) continue;
    node.output.replaceAllUsesWith(insertConstant(node, weight.shape.length, IntT));
    node.destroy();
  }
}
