/** Sums, products, joins and activations of quantised tensors, each quantised as its caller wants it. */
import { op } from '../../dispatch/operator.ts';
import { NotSupportedError, TorchError } from '../../errors.ts';
import { itemNow } from '../../tensor/host.ts';
import { integersOf, type QuantizedDType, quantized, quantizedRanges } from '../../tensor/quantized.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { catOf } from '../join.ts';
import {
  call,
  centred,
  dequantized,
  perTensor,
  quantize,
  quantizedDTypeOf,
  roundHalfToEven,
  toIntegers,
} from './quantize.ts';

/** Numbers to the dtype of the operand that they came from. */
const like = (q: Tensor, x: Tensor, scale: number, zero_point: number): Tensor =>
  quantize(x, scale, zero_point, quantizedDTypeOf(q));

/** Numbers to the scale and zero point of the operand too. */
export function onNumbers(q: Tensor, compute: (x: Tensor) => Tensor, what: string): Tensor {
  const { scale, zero_point } = perTensor(q, what);
  return like(q, compute(dequantized(q)), scale, zero_point);
}

/** The integers themselves, as they stand for other numbers now; with `isRelu` none of these is negative. */
function reread(
  integers: Tensor,
  dtype: QuantizedDType,
  scale: number,
  zero: number,
  isRelu: boolean,
): Tensor {
  const { stored } = quantizedRanges[dtype];
  const kept = isRelu ? integers.to('float32').clamp(zero, null).to(stored) : integers.clone();
  return quantized(kept as Tensor, dtype, { kind: 'tensor', scale, zero_point: zero });
}

/** Adds a number by moving the zero point; where that leaves its range, by another scale. */
function addNumber(q: Tensor, value: number, isRelu: boolean): Tensor {
  const dtype = quantizedDTypeOf(q);
  const { scale, zero_point } = perTensor(q, 'quantized::add_scalar');
  const { low, high } = quantizedRanges[dtype];
  const zero = zero_point - roundHalfToEven(value / scale);
  if (zero >= low && zero <= high) return reread(integersOf(q), dtype, scale, zero, isRelu);
  const [span, edge] = zero < low ? [high - zero, low] : [zero - low, high];
  const wider = (span / (high - low)) * scale;
  const steps = (integersOf(q).to('float32').sub(zero) as Tensor).mul(scale / wider) as Tensor;
  return quantized(toIntegers(steps, edge, dtype, isRelu ? edge : undefined), dtype, {
    kind: 'tensor',
    scale: wider,
    zero_point: edge,
  });
}

/** Multiplies by a number through the scale; a negative one mirrors the integers. */
function multiplyByNumber(q: Tensor, value: number, isRelu: boolean): Tensor {
  const dtype = quantizedDTypeOf(q);
  const { scale, zero_point } = perTensor(q, 'quantized::mul_scalar');
  const { low, high, stored } = quantizedRanges[dtype];
  const integers = integersOf(q);
  if (value === 0) return reread(integers.mul(0) as Tensor, dtype, 1, 0, false);
  if (value > 0) return reread(integers, dtype, scale * value, zero_point, isRelu);
  const mirrored = integers
    .to('float32')
    .neg()
    .add(high + low)
    .to(stored) as Tensor;
  return reread(mirrored, dtype, -value * scale, high - (zero_point - low), isRelu);
}

/** A number that an argument holds; from a tensor, where the host can read it. */
function numberIn(value: unknown): number {
  return Number(value instanceof Tensor ? itemNow(value) : value);
}

const sums = (['', '_relu'] as const).flatMap((suffix) => {
  const isRelu = suffix !== '';
  const out = (qa: Tensor, x: Tensor, scale: number, zero: number): Tensor =>
    like(qa, isRelu ? (x.relu() as Tensor) : x, scale, zero);
  return [
    op(`quantized::add${suffix}(Tensor qa, Tensor qb, float scale, int zero_point) -> Tensor qc`, {
      grad: 'none',
      define: ({ qa, qb, scale, zero_point }) =>
        out(qa, dequantized(qa).add(dequantized(qb)) as Tensor, scale, zero_point),
    }),
    op(`quantized::mul${suffix}(Tensor qa, Tensor qb, float scale, int zero_point) -> Tensor qc`, {
      grad: 'none',
      define: ({ qa, qb, scale, zero_point }) =>
        out(qa, dequantized(qa).mul(dequantized(qb)) as Tensor, scale, zero_point),
    }),
    op(`quantized::cat${suffix}(Tensor[] qx, int dim, float? scale, int? zero_point) -> Tensor`, {
      grad: 'none',
      define: ({ qx, dim, scale, zero_point }) => {
        const first = perTensor(qx[0], 'quantized::cat');
        return out(
          qx[0],
          catOf(qx.map(dequantized), dim),
          scale ?? first.scale,
          zero_point ?? first.zero_point,
        );
      },
    }),
    // With a number, under both the names that PyTorch has had for it.
    ...(
      [
        ['add', addNumber],
        ['mul', multiplyByNumber],
      ] as const
    ).flatMap(([base, calculate]) =>
      [
        `${base}_scalar${suffix}(Tensor qa, Scalar b)`,
        `${base}_scalar${suffix}.Tensor(Tensor qa, Tensor b)`,
        `${base}${suffix}.Scalar(Tensor qa, Scalar b)`,
      ].map((signature) =>
        op(`quantized::${signature} -> Tensor qc`, {
          grad: 'none',
          define: ({ qa, b }) => calculate(qa, numberIn(b), isRelu),
        }),
      ),
    ),
  ].flat();
});

const activations = [
  op('quantized::hardswish(Tensor input, float output_scale, int output_zero_point) -> Tensor', {
    grad: 'none',
    define: ({ input, output_scale, output_zero_point }) =>
      like(input, call('aten::hardswish', dequantized(input)), output_scale, output_zero_point),
  }),
  op('quantized::sigmoid(Tensor qx, float output_scale, int output_zero_point) -> Tensor', {
    grad: 'none',
    define: ({ qx, output_scale, output_zero_point }) =>
      like(qx, dequantized(qx).sigmoid() as Tensor, output_scale, output_zero_point),
  }),
  op(
    'quantized::leaky_relu(Tensor qx, Scalar negative_slope, bool inplace, float output_scale, int output_zero_point) -> Tensor',
    {
      grad: 'none',
      define: ({ qx, negative_slope, output_scale, output_zero_point }) =>
        like(qx, call('aten::leaky_relu', dequantized(qx), negative_slope), output_scale, output_zero_point),
    },
  ),
  op(
    'quantized::elu(Tensor self, float output_scale, int output_zero_point, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor',
    {
      grad: 'none',
      define: ({ self, output_scale, output_zero_point, alpha, scale, input_scale }) =>
        like(
          self,
          call('aten::elu', dequantized(self), alpha, scale, input_scale),
          output_scale,
          output_zero_point,
        ),
    },
  ),
  op('quantized::celu(Tensor self, float output_scale, int output_zero_point, Scalar alpha=1) -> Tensor', {
    grad: 'none',
    define: ({ self, output_scale, output_zero_point, alpha }) =>
      like(self, call('aten::celu', dequantized(self), alpha), output_scale, output_zero_point),
  }),
  op('quantized::prelu(Tensor qx, Tensor weight, float output_scale, int output_zero_point) -> Tensor', {
    grad: 'none',
    define: ({ qx, weight, output_scale, output_zero_point }) =>
      like(qx, call('aten::prelu', dequantized(qx), dequantized(weight)), output_scale, output_zero_point),
  }),
  op('quantized::softmax(Tensor qx, int dim, float output_scale, int output_zero_point) -> Tensor', {
    grad: 'none',
    define: ({ qx, dim, output_scale, output_zero_point }) =>
      like(qx, call('aten::softmax.int', dequantized(qx), dim, null), output_scale, output_zero_point),
  }),
  op('quantized::matmul(Tensor qa, Tensor qb, float scale, int zero_point) -> Tensor qc', {
    grad: 'none',
    define: ({ qa, qb, scale, zero_point }) =>
      like(qa, dequantized(qa).matmul(dequantized(qb)) as Tensor, scale, zero_point),
  }),
  op('quantized::relu6(Tensor qx, bool inplace=False) -> Tensor', {
    grad: 'none',
    define: ({ qx }) => onNumbers(qx, (x) => x.clamp(0, 6) as Tensor, 'quantized::relu6'),
  }),
  op('quantized::clamp(Tensor qx, Scalar? min=None, Scalar? max=None) -> Tensor qy', {
    grad: 'none',
    define: ({ qx, min, max }) => onNumbers(qx, (x) => call('aten::clamp', x, min, max), 'quantized::clamp'),
  }),
  op('quantized::threshold(Tensor qx, Scalar threshold, Scalar value) -> Tensor qy', {
    grad: 'none',
    define: ({ qx, threshold, value }) =>
      onNumbers(qx, (x) => call('aten::threshold', x, threshold, value), 'quantized::threshold'),
  }),
  op(
    'quantized::dropout(Tensor self, float output_scale, int output_zero_point, Scalar p=0.5, bool training=False) -> Tensor',
    {
      grad: 'none',
      define: ({ self, training }) => {
        if (training)
          throw new NotSupportedError('quantized::dropout in training; call eval() on the module');
        return self.clone();
      },
    },
  ),
].flat();

const pools = ([1, 2] as const).flatMap((dims) =>
  op(
    `quantized::max_pool${dims}d(Tensor qx, int[] kernel_size, int[] stride, int[] padding, int[] dilation, bool ceil_mode) -> Tensor`,
    {
      grad: 'none',
      define: ({ qx, kernel_size, stride, padding, dilation, ceil_mode }) => {
        const quantizer = perTensor(qx, 'quantized::max_pool');
        const dtype = quantizedDTypeOf(qx);
        const most = call(
          `aten::max_pool${dims}d`,
          centred(qx),
          kernel_size,
          stride,
          padding,
          dilation,
          ceil_mode,
        );
        return quantized(toIntegers(most, quantizer.zero_point, dtype), dtype, quantizer);
      },
    },
  ),
);

/** Whether operands are quantised alike, as `torch.cat` and `torch.stack` want them. Throws a TorchError otherwise. */
export function checkAlike(list: readonly Tensor[], what: string): void {
  const [first, ...rest] = list;
  const { scale, zero_point } = perTensor(first, what);
  for (const q of rest) {
    const other = perTensor(q, what);
    if (q.dtype !== first.dtype || other.scale !== scale || other.zero_point !== zero_point)
      throw new TorchError(
        `${what}: quantized tensors must have one dtype, scale and zero point, but got ${first.dtype} (${scale}, ${zero_point}) and ${q.dtype} (${other.scale}, ${other.zero_point}); see quantized::cat`,
      );
  }
}

export const quantizedArithmetic = [...sums, ...activations, ...pools];
