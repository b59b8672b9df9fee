/** Folding: a batch normalisation of fixed statistics goes into the weights of the convolution or linear layer before it. */
import { insertConstant } from '../ir/copy.ts';
import { allNodes, type Graph, type Node, type Value } from '../ir/graph.ts';
import { TensorT } from '../ir/types.ts';
import { no_grad, scope, Tensor } from '../ops/core.ts';
import { AliasAnalysis } from './alias.ts';

const constantOf = (value: Value): unknown => value.node.constant?.value;
const isNone = (value: Value): boolean => value.node.kind === 'prim::Constant' && constantOf(value) === null;
const tensorOf = (value: Value): Tensor | undefined => {
  const constant = constantOf(value);
  return constant instanceof Tensor ? constant : undefined;
};

/** The dim of the weight that the output's channels lie along, per group; undefined for what is not folded into. */
function channelDim(node: Node): number | undefined {
  switch (node.kind) {
    case 'aten::conv1d':
    case 'aten::conv2d':
    case 'aten::conv3d':
    case 'aten::linear':
      return 0;
    case 'aten::conv_transpose1d':
    case 'aten::conv_transpose2d':
    case 'aten::conv_transpose3d':
      return 1;
    case 'aten::_convolution':
    case 'aten::convolution': {
      const transposed = constantOf(node.inputs[6]);
      return typeof transposed === 'boolean' ? Number(transposed) : undefined;
    }
    default:
      return undefined;
  }
}

/** Replaces each pair whose numbers are all known. The weights are new tensors; the module's own stay as they are. */
export function foldBatchNorm(graph: Graph): void {
  const aliases = new AliasAnalysis(graph);
  for (const node of [...allNodes(graph.block)]) if (node.kind === 'aten::batch_norm') fold(node, aliases);
}

function fold(norm: Node, aliases: AliasAnalysis): void {
  const [input, scale, shift, mean, variance, training, , epsilon] = norm.inputs;
  const { node } = input;
  const dim = channelDim(node);
  if (dim === undefined || input.uses.length !== 1 || constantOf(training) !== false) return;
  const weight = tensorOf(node.inputs[1]);
  const bias = isNone(node.inputs[2]) ? null : tensorOf(node.inputs[2]);
  const statistics = [mean, variance].map(tensorOf);
  const affine = [scale, shift].map((v) => (isNone(v) ? null : tensorOf(v)));
  const eps = constantOf(epsilon);
  if (!weight || bias === undefined || statistics.includes(undefined) || affine.includes(undefined)) return;
  const used = [node.inputs[1], node.inputs[2], scale, shift, mean, variance];
  if (typeof eps !== 'number' || used.some((v) => aliases.isWritten(v))) return;
  // Of a linear layer's output the features are the channels only where it is a matrix.
  if (node.kind === 'aten::linear' && !isMatrix(node.inputs[0])) return;
  const [m, v] = statistics as Tensor[];
  const channels = m.elements;
  if (weight.dtype !== m.dtype || (dim === 0 ? weight.shape[0] : channels) !== channels) return;
  const folded = foldedWeights(weight, bias, m, v, affine as (Tensor | null)[], eps, dim);
  const { hasDebugName, debugName } = node.inputs[1];
  const path = hasDebugName ? debugName.replace(/weight(\.\d+)?$/, '') : '';
  replaceInput(node, 1, insertConstant(node, folded.weight, TensorT, `${path}weight_fused_bn`));
  replaceInput(node, 2, insertConstant(node, folded.bias, TensorT, `${path}bias_fused_bn`));
  norm.output.replaceAllUsesWith(input);
  norm.destroy();
}

/** Whether the value is known to have two dims. */
function isMatrix({ node, type }: Value): boolean {
  if (type.kind !== 'Tensor') return false;
  switch (node.kind) {
    case 'aten::flatten':
      return constantOf(node.inputs[1]) === 1 && constantOf(node.inputs[2]) === -1;
    case 'aten::view':
    case 'aten::reshape': {
      const [, shape] = node.inputs;
      const sizes = constantOf(shape);
      return shape.node.kind === 'prim::ListConstruct'
        ? shape.node.inputs.length === 2
        : Array.isArray(sizes) && sizes.length === 2;
    }
    case 'aten::mm':
    case 'aten::addmm':
      return true;
    case 'aten::linear':
    case 'aten::relu':
    case 'aten::relu_':
    case 'aten::gelu':
    case 'aten::sigmoid':
    case 'aten::tanh':
    case 'aten::hardtanh':
    case 'aten::batch_norm':
      return isMatrix(node.inputs[0]);
    default:
      return false;
  }
}

function replaceInput(node: Node, at: number, value: Value): void {
  node.removeInput(at);
  node.insertInput(at, value);
}

/** `W * s` and `(b - mean) * s + shift` for `s = scale / sqrt(var + eps)`. */
function foldedWeights(
  weight: Tensor,
  bias: Tensor | null,
  mean: Tensor,
  variance: Tensor,
  [scale, shift]: readonly (Tensor | null)[],
  eps: number,
  dim: number,
): { weight: Tensor; bias: Tensor } {
  const kept: Tensor[] = [];
  no_grad(() =>
    scope(({ keep }) => {
      const inverse = variance.add(eps).rsqrt() as Tensor;
      const s = scale ? inverse.mul(scale) : inverse;
      const ones = weight.shape.slice(2).map(() => 1);
      const wide =
        dim === 0
          ? weight.mul(s.view([-1, ...weight.shape.slice(1).map(() => 1)]))
          : // Of a transposed convolution: [in, out / groups, ...], a group's inputs beside its outputs.
            groupsOf(weight, s, ones);
      const moved = bias ? bias.sub(mean) : mean.neg();
      const b = shift ? moved.mul(s).add(shift) : moved.mul(s);
      kept.push(keep(wide), keep(b));
    }),
  );
  return { weight: kept[0], bias: kept[1] };
}

function groupsOf(weight: Tensor, s: Tensor, ones: readonly number[]): Tensor {
  const [inputs, perGroup, ...window] = weight.shape;
  const groups = s.elements / perGroup;
  const split = weight.view([groups, inputs / groups, perGroup, ...window]);
  return split.mul(s.view([groups, 1, perGroup, ...ones])).view(weight.shape);
}
