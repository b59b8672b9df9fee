/**
 * Values: a view's elements in row-major order, one after another. Every kernel here loads its inputs to values,
 * computes values, and stores those: so no kernel knows about strides, writes before it is sure that nothing
 * faults, or minds that an output is the same view as an input.
 */
import { type DType, decode16, encode16, isContiguous, numelOf, type View } from '@sconce/core';
import { elements } from './memory.ts';

export type NumberValues = Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;
export type Values = NumberValues | BigInt64Array;

const constructors: Record<DType, { new (length: number): Values }> = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  // As values, not bits; `convert` and `store` round them.
  float16: Float32Array,
  bfloat16: Float32Array,
  float32: Float32Array,
  float64: Float64Array,
};

/** Room for values. Assigning to it rounds to float32, or wraps an integer, as the dtype asks. */
export const allocateValues = (dtype: DType, length: number): Values => new constructors[dtype](length);

/** Room to add up values of `dtype`: sums of floats are kept in double and rounded once. */
export const allocateSums = (dtype: DType, length: number): Values =>
  dtype.includes('float') ? new Float64Array(length) : allocateValues(dtype, length);

/** Where the elements of a strided window lie, in row-major order. */
export function offsets(shape: readonly number[], strides: readonly number[], offset: number): Int32Array {
  const count = numelOf(shape);
  const result = new Int32Array(count);
  if (count === 0) return result;
  // Grows the list from the innermost dim outwards: each dim repeats what is there, `stride` further on.
  let filled = 1;
  result[0] = offset;
  for (let d = shape.length - 1; d >= 0; d--) {
    for (let i = 1; i < shape[d]; i++) {
      const shift = i * strides[d];
      const start = i * filled;
      for (let j = 0; j < filled; j++) result[start + j] = result[j] + shift;
    }
    filled *= shape[d];
  }
  return result;
}

/** The values of a view, copied: an output may be the same view, and is then written while they are still needed. */
export function load(view: View): Values {
  if (isContiguous(view.shape, view.strides) && !isSixteenBit(view.dtype))
    return elements(view).slice(view.offset, view.offset + numelOf(view.shape)) as Values;
  return pick(view, offsets(view.shape, view.strides, view.offset));
}

/** Writes values of the view's own dtype. */
export function store(view: View, values: Values): void {
  // The offset of a view without elements may lie beyond the memory's end.
  if (values.length === 0) return;
  const target = elements(view);
  const encoded = isSixteenBit(view.dtype) ? encode16(values as NumberValues, view.dtype) : values;
  if (isContiguous(view.shape, view.strides)) {
    (target as Float64Array).set(encoded as Float64Array, view.offset);
    return;
  }
  const at = offsets(view.shape, view.strides, view.offset);
  for (let i = 0; i < at.length; i++) target[at[i]] = encoded[i];
}

/** The values at these places of a view's memory. */
export function pick(view: View, at: Int32Array): Values {
  const source = elements(view);
  const { dtype } = view;
  const values = isSixteenBit(dtype) ? new Uint16Array(at.length) : allocateValues(dtype, at.length);
  for (let i = 0; i < at.length; i++) values[i] = source[at[i]];
  return isSixteenBit(dtype) ? decode16(values as Uint16Array, dtype) : (values as Values);
}

const isSixteenBit = (dtype: DType): dtype is 'float16' | 'bfloat16' =>
  dtype === 'float16' || dtype === 'bfloat16';
