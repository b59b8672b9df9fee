/** Quantised operators: tensors to integers and back, and layers over integers. */

import { callOperator, intercept } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { NotSupportedError, TorchError } from '../errors.ts';
import { canReadNow, readRaw, readRawNow } from '../tensor/host.ts';
import { PackedParams, packedClasses, packedOf } from '../tensor/packed.ts';
import {
  integersOf,
  isQuantized,
  type QuantizedDType,
  type Quantizer,
  quantized,
  quantizedRanges,
  quantizerOf,
  whenQuantized,
} from '../tensor/quantized.ts';
import { Tensor } from '../tensor/tensor.ts';
import { catOf } from './join.ts';

const call = (name: string, ...args: unknown[]): Tensor => callOperator(findOperator(name)!, args) as Tensor;
const round32 = Math.fround;

function quantizedDType(dtype: string): QuantizedDType {
  if (!isQuantized(dtype))
    throw new TorchError(
      `quantize_per_tensor: expected a quantized dtype (quint8, qint8, qint32), but got ${dtype}`,
    );
  return dtype;
}

function checkFloat(x: Tensor, name: string): void {
  if (x.dtype !== 'float32') throw new TorchError(`${name} only works on Float Tensor, got ${x.dtype}`);
}

/** Numbers, as many quantisation steps as they are, to integers that are in range. */
function toIntegers(steps: Tensor, zero: Tensor | number, dtype: QuantizedDType): Tensor {
  const { low, high, stored } = quantizedRanges[dtype];
  // The greatest int32 is no float32.
  const most = dtype === 'qint32' ? 2147483520 : high;
  return (typeof zero === 'number' ? steps.round().add(zero) : steps.round().add(zero))
    .clamp(low, most)
    .to(stored) as Tensor;
}

function quantize(x: Tensor, scale: number, zero_point: number, dtype: QuantizedDType): Tensor {
  const { low, high } = quantizedRanges[dtype];
  if (zero_point < low || zero_point > high)
    throw new TorchError(
      zero_point < low
        ? 'quantize_tensor_per_tensor_affine zero_point is below lower bound.'
        : 'quantize_tensor_per_tensor_affine zero_point is above upper bound.',
    );
  const steps = x.mul(round32(1 / round32(scale))) as Tensor;
  return quantized(toIntegers(steps, zero_point, dtype), dtype, { kind: 'tensor', scale, zero_point });
}

/** A list along an axis, shaped to broadcast with the tensor. */
const along = (list: Tensor, rank: number, axis: number): Tensor =>
  list.to('float32').view(Array.from({ length: rank }, (_, d) => (d === axis ? -1 : 1))) as Tensor;

/** The integers less their zero points, as float32, which holds them exactly. */
function centred(q: Tensor): Tensor {
  const quantizer = quantizerOf(q);
  const integers = integersOf(q).to('float32') as Tensor;
  return quantizer.kind === 'tensor'
    ? quantizer.zero_point === 0
      ? integers
      : integers.sub(quantizer.zero_point)
    : integers.sub(along(quantizer.zero_points, q.shape.length, quantizer.axis));
}

/** The scale as something to multiply by: a number, or a tensor with the channels along `axis` of `rank` dims. */
function scaleOf(quantizer: Quantizer, rank: number, axis: number): Tensor | number {
  return quantizer.kind === 'tensor' ? round32(quantizer.scale) : along(quantizer.scales, rank, axis);
}

function dequantized(q: Tensor): Tensor {
  if (!isQuantized(q.dtype)) return q.to('float32') as Tensor;
  const quantizer = quantizerOf(q);
  const axis = quantizer.kind === 'channel' ? quantizer.axis : 0;
  const scale = scaleOf(quantizer, q.shape.length, axis);
  return (typeof scale === 'number' ? centred(q).mul(scale) : centred(q).mul(scale)) as Tensor;
}

const perTensor = (q: Tensor, what: string): Quantizer & { kind: 'tensor' } => {
  const quantizer = quantizerOf(q);
  if (quantizer.kind !== 'tensor')
    throw new TorchError(`Expected quantizer->qscheme() == kPerTensorAffine: ${what}`);
  return quantizer;
};

const SMALLEST_SCALE = 6.1e-5;

/** The scale and zero point that make 0 … `most` cover the values between `least` and `greatest`, and 0. */
function chooseQuantization(
  least: number,
  greatest: number,
  most: number,
): { scale: number; zero_point: number } {
  let min = Math.min(least, 0);
  let max = Math.max(greatest, 0);
  let scale = (max - min) / most;
  if (round32(scale) === 0 || 1 / round32(scale) === Infinity) scale = 0.1;
  if (scale < SMALLEST_SCALE) {
    const original = scale;
    scale = SMALLEST_SCALE;
    if (min === 0) max = SMALLEST_SCALE * most;
    else if (max === 0) min = -SMALLEST_SCALE * most;
    else {
      const amplifier = SMALLEST_SCALE / original;
      min *= amplifier;
      max *= amplifier;
    }
  }
  const fromMin = -min / scale;
  const fromMax = most - max / scale;
  const zero = Math.abs(min / scale) < most + Math.abs(max / scale) ? fromMin : fromMax;
  return { scale, zero_point: Math.min(Math.max(roundHalfToEven(zero), 0), most) };
}

function roundHalfToEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

/** Calls `then` with the least and the greatest element: at once where the host can read them, else later. */
function withRange<T>(x: Tensor, then: (least: number, greatest: number) => T): T | Promise<T> {
  if (x.elements === 0) return then(0, 0);
  const both = call('aten::stack', [x.amin(), x.amax()], 0);
  if (canReadNow(both)) {
    const [least, greatest] = readRawNow(both);
    return then(Number(least), Number(greatest));
  }
  return readRaw(both).then(([least, greatest]) => then(Number(least), Number(greatest)));
}

/** A product over integers, as float32: exact while the sums are below 2^24. */
const product = (integers: Tensor, weight: Tensor): Tensor =>
  call('aten::linear', integers, centred(weight), null);

/** Sums of integer products as numbers: scaled per tensor or per output channel, which stands at `axis`, and biased. */
function scaled(sums: Tensor, packed: PackedParams, inputScale: number, axis: number): Tensor {
  const quantizer = quantizerOf(packed.weight);
  const scale = scaleOf(quantizer, sums.shape.length, axis);
  const out = (
    typeof scale === 'number'
      ? sums.mul(round32(round32(inputScale) * scale))
      : sums.mul(scale.mul(inputScale))
  ) as Tensor;
  return packed.bias ? (out.add(along(packed.bias, sums.shape.length, axis)) as Tensor) : out;
}

/** A product whose input is quantised by what is in it; a promise where that must be read. */
export function dynamicLinear(x: Tensor, packed: PackedParams, reduce: boolean): Tensor | Promise<Tensor> {
  if (x.dtype !== 'float32')
    throw new TorchError(`quantized::linear_dynamic: expected scalar type Float but found ${x.dtype}`);
  return withRange(x, (least, greatest) => {
    const { scale, zero_point } = chooseQuantization(least, greatest, reduce ? 127 : 255);
    const q = quantize(x, scale, zero_point, 'quint8');
    return scaled(product(centred(q), packed.weight), packed, scale, x.shape.length - 1);
  });
}

/** A layer's numbers, quantised as its caller wants them. */
function requantized(x: Tensor, scale: number, zero_point: number, isRelu: boolean): Tensor {
  return quantize(isRelu ? (x.relu() as Tensor) : x, scale, zero_point, 'quint8');
}

function linear(x: Tensor, value: unknown, scale: number, zero: number, isRelu: boolean): Tensor {
  const packed = packedOf(value, 'linear');
  const sums = product(centred(x), packed.weight);
  return requantized(
    scaled(sums, packed, perTensor(x, 'quantized::linear').scale, sums.shape.length - 1),
    scale,
    zero,
    isRelu,
  );
}

function conv2d(x: Tensor, value: unknown, scale: number, zero: number, isRelu: boolean): Tensor {
  const packed = packedOf(value, 'conv2d');
  const { stride, padding, dilation, groups } = packed.window!;
  const sums = call(
    'aten::conv2d',
    centred(x),
    centred(packed.weight),
    null,
    stride,
    padding,
    dilation,
    groups,
  );
  return requantized(scaled(sums, packed, perTensor(x, 'quantized::conv2d').scale, 1), scale, zero, isRelu);
}

const { linear: LINEAR, conv2d: CONV2D } = packedClasses;

const layers = (['', '_relu'] as const).flatMap((suffix) => {
  const isRelu = suffix !== '';
  return [
    ...op(
      `quantized::linear${suffix}(Tensor X, ${LINEAR} W_prepack, float Y_scale_i, int Y_zero_point_i) -> Tensor Y`,
      {
        grad: 'none',
        define: ({ X, W_prepack, Y_scale_i, Y_zero_point_i }) =>
          linear(X, W_prepack, Y_scale_i, Y_zero_point_i, isRelu),
      },
    ),
    ...op(
      `quantized::conv2d${suffix}.new(Tensor qx, ${CONV2D} packed_weight, float output_scale, int output_zero_point) -> Tensor`,
      {
        grad: 'none',
        define: ({ qx, packed_weight, output_scale, output_zero_point }) =>
          conv2d(qx, packed_weight, output_scale, output_zero_point, isRelu),
      },
    ),
    ...op(
      `quantized::linear${suffix}_dynamic(Tensor X, ${LINEAR} W_prepack, bool reduce_range=False) -> Tensor Y`,
      {
        grad: 'none',
        define: ({ X, W_prepack, reduce_range }) => {
          const out = dynamicLinear(X, packedOf(W_prepack, 'linear'), reduce_range);
          if (!isRelu) return out;
          return out instanceof Promise ? out.then((y) => y.relu()) : out.relu();
        },
      },
    ),
    ...op(`quantized::add${suffix}(Tensor qa, Tensor qb, float scale, int zero_point) -> Tensor qc`, {
      grad: 'none',
      define: ({ qa, qb, scale, zero_point }) =>
        requantized(dequantized(qa).add(dequantized(qb)) as Tensor, scale, zero_point, isRelu),
    }),
    ...op(`quantized::mul${suffix}(Tensor qa, Tensor qb, float scale, int zero_point) -> Tensor qc`, {
      grad: 'none',
      define: ({ qa, qb, scale, zero_point }) =>
        requantized(dequantized(qa).mul(dequantized(qb)) as Tensor, scale, zero_point, isRelu),
    }),
  ];
});

/** Operators whose result on numbers of a quantised tensor is of the same scale: those that are linear work on the integers, so that halves are rounded as such. */
const onIntegers = new Set([
  'relu',
  'max_pool2d',
  'avg_pool2d',
  'adaptive_avg_pool2d',
  'mean',
  'upsample_nearest2d',
  'upsample_bilinear2d',
  'clone',
  'contiguous',
]);
const onNumbers = new Set(['hardtanh', 'clamp', 'constant_pad_nd']);

whenQuantized(() => {
  intercept((operator, args, proceed) => {
    const [q, ...rest] = args;
    const { base } = operator;
    if (!(q instanceof Tensor) || !isQuantized(q.dtype)) return proceed();
    if (!onIntegers.has(base) && !onNumbers.has(base)) return proceed();
    const dtype = q.dtype as QuantizedDType;
    const quantizer = perTensor(q, base);
    const { scale, zero_point } = quantizer;
    if (onNumbers.has(base))
      return quantize(callOperator(operator, [dequantized(q), ...rest]) as Tensor, scale, zero_point, dtype);
    const steps = callOperator(operator, [centred(q), ...rest]) as Tensor;
    return quantized(toIntegers(steps, zero_point, dtype), dtype, quantizer);
  });
});

/** A weight to pack must be quantised, by int8. */
function checkWeight(weight: Tensor, name: string): void {
  if ((weight.dtype as string) !== 'qint8')
    throw new NotSupportedError(`${name}: expected a weight of dtype qint8, but got ${weight.dtype}`);
}

export const quantizeds = [
  op('quantize_per_tensor(Tensor self, float scale, int zero_point, ScalarType dtype) -> Tensor', {
    grad: 'none',
    define: ({ self, scale, zero_point, dtype }) => {
      checkFloat(self, 'Quantize');
      return quantize(self, scale, zero_point, quantizedDType(dtype));
    },
  }),
  op('quantize_per_tensor_dynamic(Tensor self, ScalarType dtype, bool reduce_range) -> Tensor', {
    grad: 'none',
    define: ({ self, dtype, reduce_range }) => {
      checkFloat(self, 'Quantize');
      if (quantizedDType(dtype) !== 'quint8')
        throw new NotSupportedError(`quantize_per_tensor_dynamic: Sconce has quint8, not ${dtype}`);
      return withRange(self, (least, greatest) => {
        const { scale, zero_point } = chooseQuantization(least, greatest, reduce_range ? 127 : 255);
        return quantize(self, scale, zero_point, 'quint8');
      });
    },
  }),
  op(
    'quantize_per_channel(Tensor self, Tensor scales, Tensor zero_points, int axis, ScalarType dtype) -> Tensor',
    {
      grad: 'none',
      define: ({ self, scales, zero_points, axis, dtype }) => {
        checkFloat(self, 'Quantize');
        const d = axis < 0 ? axis + self.shape.length : axis;
        const rank = self.shape.length;
        const steps = self.mul(along(scales.reciprocal() as Tensor, rank, d)) as Tensor;
        const integers = toIntegers(steps, along(zero_points, rank, d), quantizedDType(dtype));
        const own = (t: Tensor): Tensor => {
          const copy = t.clone() as Tensor;
          copy.isKept = true;
          return copy;
        };
        return quantized(integers, quantizedDType(dtype), {
          kind: 'channel',
          scales: own(scales),
          zero_points: own(zero_points),
          axis: d,
        });
      },
    },
  ),
  op('dequantize.self(Tensor self) -> Tensor', {
    grad: 'none',
    define: ({ self }) => dequantized(self),
  }),
  op('dequantize.tensors(Tensor[] tensors) -> Tensor[]', {
    grad: 'none',
    define: ({ tensors }) => tensors.map(dequantized),
  }),
  op('int_repr(Tensor self) -> Tensor', {
    grad: 'none',
    define: ({ self }) => integersOf(self).clone(),
  }),
  op('q_scale(Tensor self) -> float', {
    grad: 'none',
    define: ({ self }) => perTensor(self, 'q_scale').scale,
  }),
  op('q_zero_point(Tensor self) -> int', {
    grad: 'none',
    define: ({ self }) => perTensor(self, 'q_zero_point').zero_point,
  }),
  op(`quantized::linear_prepack(Tensor W, Tensor? B=None) -> ${LINEAR} W_prepack`, {
    grad: 'none',
    define: ({ W, B }) => {
      checkWeight(W, 'quantized::linear_prepack');
      return new PackedParams('linear', { weight: W, bias: B });
    },
  }),
  op(`quantized::linear_unpack(${LINEAR} W_prepack) -> (Tensor W_origin, Tensor? B_origin)`, {
    grad: 'none',
    define: ({ W_prepack }) => {
      const { weight, bias } = packedOf(W_prepack, 'linear');
      return [weight, bias];
    },
  }),
  op(
    `quantized::conv2d_prepack(Tensor weight, Tensor? bias, int[] stride, int[] padding, int[] dilation, int groups) -> ${CONV2D}`,
    {
      grad: 'none',
      define: ({ weight, bias, ...window }) => {
        checkWeight(weight, 'quantized::conv2d_prepack');
        return new PackedParams('conv2d', { weight, bias, window });
      },
    },
  ),
  op(`quantized::conv2d_unpack(${CONV2D} packed_weights) -> (Tensor unpacked_weights, Tensor? B_origin)`, {
    grad: 'none',
    define: ({ packed_weights }) => {
      const { weight, bias } = packedOf(packed_weights, 'conv2d');
      return [weight, bias];
    },
  }),
  op(`quantized::linear_prepack_fp16(Tensor W, Tensor? B=None) -> ${LINEAR} W_prepack`, {
    grad: 'none',
    // The weight is rounded, and computed with as float32.
    define: ({ W, B }) =>
      new PackedParams('linear', { weight: W.to('float16').to('float32') as Tensor, bias: B }),
  }),
  op(`quantized::linear_unpack_fp16(${LINEAR} W_prepack) -> (Tensor W_origin, Tensor? B_origin)`, {
    grad: 'none',
    define: ({ W_prepack }) => {
      const { weight, bias } = packedOf(W_prepack, 'linear');
      return [weight, bias];
    },
  }),
  op(`quantized::linear_dynamic_fp16(Tensor X, ${LINEAR} W_prepack) -> Tensor Y`, {
    grad: 'none',
    define: ({ X, W_prepack }) => {
      const { weight, bias } = packedOf(W_prepack, 'linear');
      return call('aten::linear', X, weight, bias);
    },
  }),
  op('quantized::cat(Tensor[] qx, int dim, float? scale, int? zero_point) -> Tensor', {
    grad: 'none',
    define: ({ qx, dim, scale, zero_point }) => {
      const first = perTensor(qx[0], 'quantized::cat');
      return quantize(
        catOf(qx.map(dequantized), dim),
        scale ?? first.scale,
        zero_point ?? first.zero_point,
        qx[0].dtype as unknown as QuantizedDType,
      );
    },
  }),
  layers,
].flat();
