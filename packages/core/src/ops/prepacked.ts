/** The operators of models optimised for mobile: products and convolutions with their weights and bounds in one object. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { PackedParams, packedClasses, packedOf } from '../tensor/packed.ts';
import type { Tensor } from '../tensor/tensor.ts';

const { clampedLinear: LINEAR, clampedConv2d: CONV2D } = packedClasses;

const bounded = (x: Tensor, { low, high }: PackedParams): Tensor =>
  low === null && high === null ? x : (x.clamp(low, high) as Tensor);

export const prepackeds = [
  op(
    `prepacked::linear_clamp_prepack(Tensor W, Tensor? B=None, Scalar? output_min=None, Scalar? output_max=None) -> ${LINEAR}`,
    {
      grad: 'none',
      define: ({ W, B, output_min, output_max }) =>
        new PackedParams('clampedLinear', { weight: W, bias: B, low: output_min, high: output_max }),
    },
  ),
  op(`prepacked::linear_clamp_run(Tensor X, ${LINEAR} W_prepack) -> Tensor Y`, {
    grad: 'none',
    define: ({ X, W_prepack }) => {
      const packed = packedOf(W_prepack, 'clampedLinear');
      const product = callOperator(findOperator('aten::linear')!, [X, packed.weight, packed.bias]) as Tensor;
      return bounded(product, packed);
    },
  }),
  op(
    `prepacked::conv2d_clamp_prepack(Tensor W, Tensor? B, int[2] stride, int[2] padding, int[2] dilation, int groups, Scalar? output_min=None, Scalar? output_max=None) -> ${CONV2D}`,
    {
      grad: 'none',
      define: ({ W, B, stride, padding, dilation, groups, output_min, output_max }) =>
        new PackedParams('clampedConv2d', {
          weight: W,
          bias: B,
          window: { stride, padding, dilation, output_padding: [0, 0], groups, transposed: false },
          low: output_min,
          high: output_max,
        }),
    },
  ),
  op(`prepacked::conv2d_clamp_run(Tensor X, ${CONV2D} W_prepack) -> Tensor Y`, {
    grad: 'none',
    define: ({ X, W_prepack }) => {
      const packed = packedOf(W_prepack, 'clampedConv2d');
      const { stride, padding, dilation, groups } = packed.window!;
      const out = callOperator(findOperator('aten::conv2d')!, [
        X,
        packed.weight,
        packed.bias,
        stride,
        padding,
        dilation,
        groups,
      ]) as Tensor;
      return bounded(out, packed);
    },
  }),
].flat();
