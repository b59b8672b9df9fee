/** `torch.nn.functional`: what modules do, as functions. */
import { ArgumentError, NotSupportedError, py_float, type Scalar, type Tensor } from '@sconce/core';
import { pairOf, type ReductionName, reductionNumber } from './modules/loss.ts';
import { torch } from './torch.ts';

export const { linear, conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d } = torch;
export const { max_pool1d, max_pool2d, max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d } = torch;
export const { adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d } = torch;
export const {
  relu,
  relu_,
  leaky_relu,
  selu,
  gelu,
  silu,
  mish,
  hardswish,
  hardsigmoid,
  softplus,
  prelu,
  glu,
  threshold,
} = torch;
export const {
  tanh,
  sigmoid,
  cosine_similarity,
  pairwise_distance,
  pixel_shuffle,
  pixel_unshuffle,
  pad,
  one_hot,
  scaled_dot_product_attention,
} = torch;
export { log_sigmoid as logsigmoid };

const { log_sigmoid } = torch;

/** An `alpha` that is left out is Python's `1.0`, as a trace shows. */
export const elu = (input: Tensor, alpha: Scalar = py_float(1)): Tensor => torch.elu(input, alpha);
export const celu = (input: Tensor, alpha: Scalar = py_float(1)): Tensor => torch.celu(input, alpha);

export const hardtanh = (
  input: Tensor,
  ...rest: Parameters<typeof torch.hardtanh> extends [unknown, ...infer R] ? R : never
): Tensor =>
  rest.length === 0 ? torch.hardtanh(input, py_float(-1), py_float(1)) : torch.hardtanh(input, ...rest);
export const relu6 = (input: Tensor): Tensor => torch.relu6(input);
export const softmax = (input: Tensor, dim: number): Tensor => input.softmax(dim);
export const log_softmax = (input: Tensor, dim: number): Tensor => input.log_softmax(dim);
export const softsign = (input: Tensor): Tensor => input.div(input.abs().add(1));

export const dropout = (
  input: Tensor,
  { p = 0.5, training = true }: { p?: number; training?: boolean } = {},
): Tensor => torch.dropout(input, p, training);

export const embedding = (
  input: Tensor,
  weight: Tensor,
  { padding_idx = -1 }: { padding_idx?: number } = {},
): Tensor => torch.embedding(weight, input, padding_idx);

export interface BatchNormArguments {
  weight?: Tensor | null;
  bias?: Tensor | null;
  training?: boolean;
  momentum?: number;
  eps?: number;
}

export const batch_norm = (
  input: Tensor,
  running_mean: Tensor | null,
  running_var: Tensor | null,
  o: BatchNormArguments = {},
): Tensor =>
  torch.batch_norm(
    input,
    o.weight ?? null,
    o.bias ?? null,
    running_mean,
    running_var,
    o.training ?? false,
    o.momentum ?? 0.1,
    o.eps ?? 1e-5,
    false,
  );

export const layer_norm = (
  input: Tensor,
  normalized_shape: readonly number[],
  {
    weight = null,
    bias = null,
    eps = 1e-5,
  }: { weight?: Tensor | null; bias?: Tensor | null; eps?: number } = {},
): Tensor => torch.layer_norm(input, normalized_shape, weight, bias, eps);

export const group_norm = (
  input: Tensor,
  num_groups: number,
  {
    weight = null,
    bias = null,
    eps = 1e-5,
  }: { weight?: Tensor | null; bias?: Tensor | null; eps?: number } = {},
): Tensor => torch.group_norm(input, num_groups, weight, bias, eps);

/** Divides by the norm along `dim`. */
export const normalize = (
  input: Tensor,
  { p = 2, dim = 1, eps = 1e-12 }: { p?: number; dim?: number; eps?: number } = {},
): Tensor => input.div(input.norm(py_float(p), [dim], true).clamp_min(eps).expand_as(input));

interface Reduced {
  reduction?: ReductionName;
}

export const mse_loss = (input: Tensor, target: Tensor, { reduction = 'mean' }: Reduced = {}): Tensor =>
  torch.mse_loss(...pairOf(input, target), reductionNumber(reduction));
export const l1_loss = (input: Tensor, target: Tensor, { reduction = 'mean' }: Reduced = {}): Tensor =>
  torch.l1_loss(...pairOf(input, target), reductionNumber(reduction));
export const smooth_l1_loss = (
  input: Tensor,
  target: Tensor,
  { reduction = 'mean', beta = 1 }: Reduced & { beta?: number } = {},
): Tensor => torch.smooth_l1_loss(...pairOf(input, target), reductionNumber(reduction), beta);

interface ClassLoss extends Reduced {
  weight?: Tensor | null;
  ignore_index?: number;
}

export const nll_loss = (
  input: Tensor,
  target: Tensor,
  { weight = null, ignore_index = -100, reduction = 'mean' }: ClassLoss = {},
): Tensor => torch.nll_loss_nd(input, target, weight, reductionNumber(reduction), ignore_index);

export const cross_entropy = (
  input: Tensor,
  target: Tensor,
  {
    weight = null,
    ignore_index = -100,
    reduction = 'mean',
    label_smoothing = 0,
  }: ClassLoss & { label_smoothing?: number } = {},
): Tensor =>
  torch.cross_entropy_loss(input, target, weight, reductionNumber(reduction), ignore_index, label_smoothing);

export const binary_cross_entropy = (
  input: Tensor,
  target: Tensor,
  { weight = null, reduction = 'mean' }: ClassLoss = {},
): Tensor => torch.binary_cross_entropy(input, target, weight, reductionNumber(reduction));

export const binary_cross_entropy_with_logits = (
  input: Tensor,
  target: Tensor,
  { weight = null, pos_weight = null, reduction = 'mean' }: ClassLoss & { pos_weight?: Tensor | null } = {},
): Tensor =>
  torch.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reductionNumber(reduction));

export interface InterpolateOptions {
  size?: number | readonly number[] | null;
  scale_factor?: number | readonly number[] | null;
  mode?: string;
  align_corners?: boolean | null;
  antialias?: boolean;
}

/** Resamples the last dims of [N, C, ...] to `size`, or by `scale_factor`. */
export function interpolate(
  input: Tensor,
  {
    size = null,
    scale_factor = null,
    mode = 'nearest',
    align_corners = null,
    antialias = false,
  }: InterpolateOptions = {},
): Tensor {
  const dims = input.ndim - 2;
  if ((size === null) === (scale_factor === null))
    throw new ArgumentError('only one of size or scale_factor should be defined');
  const spread = (v: number | readonly number[] | null): number[] | null =>
    v === null ? null : typeof v === 'number' ? new Array(dims).fill(v) : [...v];
  const [sizes, scales] = [spread(size), spread(scale_factor)];
  const operators: Record<string, string> = {
    'nearest/1': 'upsample_nearest1d', 'nearest/2': 'upsample_nearest2d', 'nearest/3': 'upsample_nearest3d',
    'nearest-exact/1': '_upsample_nearest_exact1d', 'nearest-exact/2': '_upsample_nearest_exact2d', 'nearest-exact/3': '_upsample_nearest_exact3d',
    'linear/1': 'upsample_linear1d', 'bilinear/2': antialias ? '_upsample_bilinear2d_aa' : 'upsample_bilinear2d',
    'bicubic/2': antialias ? '_upsample_bicubic2d_aa' : 'upsample_bicubic2d', 'trilinear/3': 'upsample_trilinear3d',
  }; // biome-ignore format: a table
  const name = operators[`${mode}/${dims}`];
  if (!name)
    throw new NotSupportedError(
      `Input Error: Only 3D, 4D and 5D input Tensors supported (got ${input.ndim}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | nearest-exact (got ${mode})`,
    );
  const run = torch[name as keyof typeof torch] as (...args: unknown[]) => Tensor;
  return mode.startsWith('nearest')
    ? run(input, sizes, scales)
    : run(input, sizes, align_corners ?? false, scales);
}
