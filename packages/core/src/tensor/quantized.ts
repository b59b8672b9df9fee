/** Quantised tensors: integers with the scale and zero point that make them numbers. No backend sees their dtypes. */
import { TorchError } from '../errors.ts';
import type { DType } from './dtype.ts';
import type { Layout } from './layout.ts';
import { Tensor } from './tensor.ts';

export type QuantizedDType = 'qint8' | 'quint8' | 'qint32';

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
