/** Quantised tensors: integers with the scale and zero point that make them numbers. No backend sees their dtypes. */
import { TorchError } from '../errors.ts';
import type { DType } from './dtype.ts';
import type { Printable, PrintedQuantizer } from './format.ts';
import type { Layout } from './layout.ts';
import { Tensor } from './tensor.ts';

export type QuantizedDType = 'qint8' | 'quint8' | 'qint32' | 'quint4x2';

/** What its integers are stored as, and which of them there are. */
interface Range {
  readonly stored: DType;
  readonly low: number;
  readonly high: number;
}

export const quantizedRanges: Readonly<Record<QuantizedDType, Range>> = {
  qint8: { stored: 'int8', low: -128, high: 127 },
  quint8: { stored: 'uint8', low: 0, high: 255 },
  qint32: { stored: 'int32', low: -2147483648, high: 2147483647 },
  // A byte each in memory; archives have two in one.
  quint4x2: { stored: 'uint8', low: 0, high: 15 },
};

export const isQuantized = (dtype: string): dtype is QuantizedDType => Object.hasOwn(quantizedRanges, dtype);

/** `real = (integer - zero_point) * scale`, for all elements alike or for each index along `axis`. */
export type Quantizer =
  | { readonly kind: 'tensor'; readonly scale: number; readonly zero_point: number }
  | {
      readonly kind: 'channel';
      readonly scales: Tensor;
      readonly zero_points: Tensor;
      readonly axis: number;
    };

/** PyTorch's name for it: zero points may be fractions where channels have their own. */
export const schemeOf = (quantizer: Quantizer): string =>
  quantizer.kind === 'tensor'
    ? 'per_tensor_affine'
    : quantizer.zero_points.dtype.startsWith('float')
      ? 'per_channel_affine_float_qparams'
      : 'per_channel_affine';

const quantizers = new WeakMap<Tensor, Quantizer>();

let onFirst: (() => void) | undefined;

/** Calls `fn` when the first quantised tensor is made: what only they need costs nothing before. */
export function whenQuantized(fn: () => void): void {
  onFirst = fn;
}

/** The integers as a quantised tensor, on the same memory. */
export function quantized(integers: Tensor, dtype: QuantizedDType, quantizer: Quantizer): Tensor {
  onFirst?.();
  onFirst = undefined;
  const { storage, shape, strides, offset } = integers;
  const out = new Tensor(storage, dtype as unknown as DType, shape, strides, offset);
  quantizers.set(out, quantizer);
  return out;
}

/** The scale and zero point of a quantised tensor. */
export function quantizerOf(tensor: Tensor): Quantizer {
  const quantizer = quantizers.get(tensor);
  if (!quantizer)
    throw new TorchError(
      `expected a quantized tensor, but got one of dtype ${tensor.dtype}; see torch.quantize_per_tensor`,
    );
  return quantizer;
}

/** What must be read of a quantised tensor beside its integers, to print it: none, or its scales and its zero points. */
export function listsOf(tensor: Tensor): readonly Tensor[] {
  const quantizer = quantizerOf(tensor);
  return quantizer.kind === 'tensor' ? [] : [quantizer.scales, quantizer.zero_points];
}

/** The quantiser as it is printed, given what was read. */
export function printedQuantizer(quantizer: Quantizer, lists: readonly Printable[]): PrintedQuantizer {
  const scheme = schemeOf(quantizer);
  if (quantizer.kind === 'tensor')
    return { scheme, scale: quantizer.scale, zero_point: quantizer.zero_point };
  const [scale, zero_point] = lists;
  return { scheme, scale, zero_point, axis: quantizer.axis };
}

/** By the one letter that only their dtypes begin with, since every view asks. */
export const hasQuantizer = ({ dtype }: Tensor): boolean => dtype.charCodeAt(0) === 113;

/** The stored integers of a quantised tensor, on the same memory. */
export function integersOf(tensor: Tensor): Tensor {
  quantizerOf(tensor);
  const { stored } = quantizedRanges[tensor.dtype as unknown as QuantizedDType];
  return new Tensor(tensor.storage, stored, tensor.shape, tensor.strides, tensor.offset);
}

/** A view of a quantised tensor is quantised alike; along the axis of single scales there are no views. */
export function viewOfQuantized(tensor: Tensor, layout: Layout): Tensor {
  const quantizer = quantizerOf(tensor);
  const same =
    layout.shape.length === tensor.shape.length && layout.shape.every((n, d) => n === tensor.shape[d]);
  if (quantizer.kind === 'channel' && !same)
    throw new TorchError('Setting strides is possible only on uniformly quantized tensor');
  const out = new Tensor(tensor.storage, tensor.dtype, layout.shape, layout.strides, layout.offset);
  quantizers.set(out, quantizer);
  return out;
}
