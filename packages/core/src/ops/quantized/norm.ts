/** Norms of quantised tensors: computed on numbers, quantised as their callers want them. */
import { op } from '../../dispatch/operator.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { call, dequantized, quantize, quantizedDTypeOf } from './quantize.ts';

interface BatchNorm {
  readonly qx: Tensor;
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
  readonly mean: Tensor;
  readonly var: Tensor;
  readonly eps: number;
  readonly output_scale: number;
  readonly output_zero_point: number;
}

/** The numbers quantised as the caller wants them, in the dtype of `like`. */
const asked = (
  y: Tensor,
  like: Tensor,
  { output_scale, output_zero_point }: Pick<BatchNorm, 'output_scale' | 'output_zero_point'>,
): Tensor => quantize(y, output_scale, output_zero_point, quantizedDTypeOf(like));

function batchNorm(a: BatchNorm, isRelu: boolean): Tensor {
  const { weight, bias, mean, eps } = a;
  const y = call('aten::batch_norm', dequantized(a.qx), weight, bias, mean, a.var, false, 0, eps, false);
  return asked(isRelu ? (y.relu() as Tensor) : y, a.qx, a);
}

const batchNorms = (['', '1d', '2d', '3d'] as const).flatMap((dims) =>
  (['', '_relu'] as const).flatMap((suffix) =>
    op(
      `quantized::batch_norm${dims}${suffix}(Tensor qx, Tensor? weight, Tensor? bias, Tensor mean, Tensor var, float eps, float output_scale, int output_zero_point) -> Tensor`,
      { grad: 'none', define: (args) => batchNorm(args, suffix !== '') },
    ),
  ),
);

export const quantizedNorms = [
  batchNorms,
  op(
    'quantized_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor mean, Tensor var, float eps, float output_scale, int output_zero_point) -> Tensor',
    { grad: 'none', define: ({ input, ...rest }) => batchNorm({ qx: input, ...rest }, false) },
  ),
  op(
    'quantized::layer_norm(Tensor input, int[] normalized_shape, Tensor? weight, Tensor? bias, float eps, float output_scale, int output_zero_point) -> Tensor',
    {
      grad: 'none',
      define: ({ input, normalized_shape, weight, bias, eps, ...out }) =>
        asked(
          call('aten::layer_norm', dequantized(input), normalized_shape, weight, bias, eps, false),
          input,
          out,
        ),
    },
  ),
  op(
    'quantized::group_norm(Tensor input, int num_groups, Tensor? weight, Tensor? bias, float eps, float output_scale, int output_zero_point) -> Tensor',
    {
      grad: 'none',
      define: ({ input, num_groups, weight, bias, eps, ...out }) =>
        asked(call('aten::group_norm', dequantized(input), num_groups, weight, bias, eps, false), input, out),
    },
  ),
  op(
    'quantized::instance_norm(Tensor input, Tensor? weight, Tensor? bias, float eps, float output_scale, int output_zero_point) -> Tensor',
    {
      grad: 'none',
      define: ({ input, weight, bias, eps, ...out }) =>
        asked(
          call('aten::instance_norm', dequantized(input), weight, bias, null, null, true, 0, eps, false),
          input,
          out,
        ),
    },
  ),
].flat();
