/** Numbers to integers of a scale and a zero point, and back. */
import { callOperator } from '../../dispatch/call.ts';
import { findOperator, op } from '../../dispatch/operator.ts';
import { NotSupportedError, TorchError } from '../../errors.ts';
import { canReadNow, readRaw, readRawNow } from '../../tensor/host.ts';
import {
  integersOf,
  isQuantized,
  type QuantizedDType,
  type Quantizer,
  quantized,
  quantizedRanges,
  quantizerOf,
} from '../../tensor/quantized.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { packHalves } from './halves.ts';

/** Calls an operator by its full name, with all its arguments. */
export const call = (name: string, ...args: unknown[]): Tensor =>
  callOperator(findOperator(name)!, args) as Tensor;

export const round32: (x: number) => number = Math.fround;

/** The dtype of a tensor that is quantised. Throws a TorchError for any other. */
export function quantizedDTypeOf({ dtype }: Tensor): QuantizedDType {
  if (isQuantized(dtype)) return dtype;
  throw new TorchError(
    `expected a quantized tensor, but got one of dtype ${dtype}; see torch.quantize_per_tensor`,
  );
}

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

/** Numbers, as many quantisation steps as they are, to integers of which none is below `low`, nor out of range. */
export function toIntegers(
  steps: Tensor,
  zero: Tensor | number,
  dtype: QuantizedDType,
  low: number = quantizedRanges[dtype].low,
): Tensor {
  const { high, stored } = quantizedRanges[dtype];
  // The greatest int32 is no float32.
  const most = dtype === 'qint32' ? 2147483520 : high;
  return (typeof zero === 'number' ? steps.round().add(zero) : steps.round().add(zero))
    .clamp(low, most)
    .to(stored) as Tensor;
}

/** Numbers as a tensor of that scale and zero point. */
export function quantize(x: Tensor, scale: number, zero_point: number, dtype: QuantizedDType): Tensor {
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

/** A list along an axis, shaped to broadcast with a tensor of this rank. */
export const along = (list: Tensor, rank: number, axis: number): Tensor =>
  list.to('float32').view(Array.from({ length: rank }, (_, d) => (d === axis ? -1 : 1))) as Tensor;

/** The integers less their zero points, as float32, which holds them exactly. */
export function centred(q: Tensor): Tensor {
  const quantizer = quantizerOf(q);
  const integers = integersOf(q).to('float32') as Tensor;
  return quantizer.kind === 'tensor'
    ? quantizer.zero_point === 0
      ? integers
      : integers.sub(quantizer.zero_point)
    : integers.sub(along(quantizer.zero_points, q.shape.length, quantizer.axis));
}

/** The scale as something to multiply by: a number, or a tensor with the channels along `axis` of `rank` dims. */
export function scaleOf(quantizer: Quantizer, rank: number, axis: number): Tensor | number {
  return quantizer.kind === 'tensor' ? round32(quantizer.scale) : along(quantizer.scales, rank, axis);
}

export function dequantized(q: Tensor): Tensor {
  if (!isQuantized(q.dtype)) return q.to('float32') as Tensor;
  const quantizer = quantizerOf(q);
  const axis = quantizer.kind === 'channel' ? quantizer.axis : 0;
  const scale = scaleOf(quantizer, q.shape.length, axis);
  return (typeof scale === 'number' ? centred(q).mul(scale) : centred(q).mul(scale)) as Tensor;
}

/** The one scale and zero point of a tensor. Throws a TorchError where each channel has its own. */
export const perTensor = (q: Tensor, what: string): Quantizer & { kind: 'tensor' } => {
  const quantizer = quantizerOf(q);
  if (quantizer.kind !== 'tensor')
    throw new TorchError(`Expected quantizer->qscheme() == kPerTensorAffine: ${what}`);
  return quantizer;
};

const perChannel = (q: Tensor, what: string): Quantizer & { kind: 'channel' } => {
  const quantizer = quantizerOf(q);
  if (quantizer.kind !== 'channel')
    throw new TorchError(`Expected quantizer->qscheme() == kPerChannelAffine: ${what}`);
  return quantizer;
};

const SMALLEST_SCALE = 6.1e-5;

interface Quantization {
  readonly scale: number;
  readonly zero_point: number;
}

/** The scale and zero point that make 0 … `most` cover the values between `least` and `greatest`, and 0. */
function chooseQuantization(least: number, greatest: number, most: number): Quantization {
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

export function roundHalfToEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

/** Calls `then` with a tensor's values: at once where the host can read them, else later. */
function withValues<T>(x: Tensor, then: (values: number[]) => T): T | Promise<T> {
  if (canReadNow(x)) return then(Array.from(readRawNow(x), Number));
  return readRaw(x).then((values) => then(Array.from(values, Number)));
}

/** Calls `then` with the least and the greatest element: at once where the host can read them, else later. */
function withRange<T>(x: Tensor, then: (least: number, greatest: number) => T): T | Promise<T> {
  if (x.elements === 0) return then(0, 0);
  const both = call('aten::stack', [x.amin(), x.amax()], 0);
  return withValues(both, ([least, greatest]) => then(least, greatest));
}

/** Calls `then` with the numbers quantised to bytes by what is in them; a promise where that must be read. */
export function withDynamic<T>(
  x: Tensor,
  name: string,
  reduce_range: boolean,
  then: (q: Tensor, scale: number) => T,
): T | Promise<T> {
  if (x.dtype !== 'float32') throw new TorchError(`${name}: expected scalar type Float but found ${x.dtype}`);
  return withRange(x, (least, greatest) => {
    const { scale, zero_point } = chooseQuantization(least, greatest, reduce_range ? 127 : 255);
    return then(quantize(x, scale, zero_point, 'quint8'), scale);
  });
}

/** A list that a tensor keeps for itself. */
function own(list: Tensor): Tensor {
  const copy = list.clone() as Tensor;
  copy.isKept = true;
  return copy;
}

export const quantizations = [
  op('quantize_per_tensor(Tensor self, float scale, int zero_point, ScalarType dtype) -> Tensor', {
    grad: 'none',
    define: ({ self, scale, zero_point, dtype }) => {
      checkFloat(self, 'Quantize');
      return quantize(self, scale, zero_point, quantizedDType(dtype));
    },
  }),
  op(
    'quantize_per_tensor.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, ScalarType dtype) -> Tensor',
    {
      grad: 'none',
      define: ({ self, scale, zero_point, dtype }) => {
        checkFloat(self, 'Quantize');
        const both = call('aten::stack', [scale.to('float32'), zero_point.to('float32')], 0);
        return withValues(both.view([-1]) as Tensor, ([s, zero]) =>
          quantize(self, s, zero, quantizedDType(dtype)),
        );
      },
    },
  ),
  op('quantize_per_tensor_dynamic(Tensor self, ScalarType dtype, bool reduce_range) -> Tensor', {
    grad: 'none',
    define: ({ self, dtype, reduce_range }) => {
      checkFloat(self, 'Quantize');
      if (quantizedDType(dtype) !== 'quint8')
        throw new NotSupportedError(`quantize_per_tensor_dynamic: Sconce has quint8, not ${dtype}`);
      return withDynamic(self, 'quantize_per_tensor_dynamic', reduce_range, (q) => q);
    },
  }),
  op(
    'quantize_per_channel(Tensor self, Tensor scales, Tensor zero_points, int axis, ScalarType dtype) -> Tensor',
    {
      grad: 'none',
      define: ({ self, scales, zero_points, axis, dtype }) => {
        checkFloat(self, 'Quantize');
        const rank = self.shape.length;
        const d = axis < 0 ? axis + rank : axis;
        const zeros = along(zero_points, rank, d);
        const steps = self.mul(along(scales.reciprocal() as Tensor, rank, d)) as Tensor;
        // Zero points that are fractions are added before anything is rounded.
        const integers = zero_points.dtype.startsWith('float')
          ? toIntegers(steps.add(zeros) as Tensor, 0, quantizedDType(dtype))
          : toIntegers(steps, zeros, quantizedDType(dtype));
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
    define: ({ self }) =>
      (self.dtype as string) === 'quint4x2' ? packHalves(integersOf(self)) : integersOf(self).clone(),
  }),
  op('_make_per_tensor_quantized_tensor(Tensor self, float scale, int zero_point) -> Tensor', {
    grad: 'none',
    define: ({ self, scale, zero_point }) =>
      quantized(self.clone() as Tensor, quantizedOf(self), { kind: 'tensor', scale, zero_point }),
  }),
  op('_make_per_channel_quantized_tensor(Tensor self, Tensor scale, Tensor zero_point, int axis) -> Tensor', {
    grad: 'none',
    define: ({ self, scale, zero_point, axis }) =>
      quantized(self.clone() as Tensor, quantizedOf(self), {
        kind: 'channel',
        scales: own(scale),
        zero_points: own(zero_point),
        axis,
      }),
  }),
  op('q_scale(Tensor self) -> float', {
    grad: 'none',
    define: ({ self }) => perTensor(self, 'q_scale').scale,
  }),
  op('q_zero_point(Tensor self) -> int', {
    grad: 'none',
    define: ({ self }) => perTensor(self, 'q_zero_point').zero_point,
  }),
  op('q_per_channel_scales(Tensor self) -> Tensor', {
    grad: 'none',
    define: ({ self }) => own(perChannel(self, 'q_per_channel_scales').scales),
  }),
  op('q_per_channel_zero_points(Tensor self) -> Tensor', {
    grad: 'none',
    define: ({ self }) => own(perChannel(self, 'q_per_channel_zero_points').zero_points),
  }),
  op('q_per_channel_axis(Tensor self) -> int', {
    grad: 'none',
    define: ({ self }) => perChannel(self, 'q_per_channel_axis').axis,
  }),
].flat();

/** The quantised dtype whose integers are stored so. */
function quantizedOf({ dtype }: Tensor): QuantizedDType {
  const found = (Object.keys(quantizedRanges) as QuantizedDType[]).find(
    (name) => quantizedRanges[name].stored === dtype,
  );
  if (found) return found;
  throw new TorchError(`expected integers of dtype int8, uint8 or int32, but got ${dtype}`);
}
