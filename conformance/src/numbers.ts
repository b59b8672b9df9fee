/** Plain JavaScript numbers and bigints, and their way to and from each dtype: the arithmetic of the oracles. */
import { type DType, dtypes, type TypedArray } from '@sconce/core';

/** A bigint for int64, a number for every other dtype (0 and 1 for bool). */
export type Num = number | bigint;

const bytes = new DataView(new ArrayBuffer(8));

const decodeBits: Record<'float16' | 'bfloat16', (bits: number) => number> = {
  float16: (bits) => {
    const sign = bits >> 15 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14);
  },
  bfloat16: (bits) => {
    bytes.setUint16(0, bits);
    bytes.setUint16(2, 0);
    return bytes.getFloat32(0);
  },
};

/** The bit patterns from 0 on are in the order of their values, so rounding is a search for the nearest. */
function encodeBits(value: number, dtype: 'float16' | 'bfloat16'): number {
  if (Number.isNaN(value)) return 0x7fff;
  const decode = decodeBits[dtype];
  const infinity = dtype === 'float16' ? 0x7c00 : 0x7f80;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(Math.fround(value));
  let low = 0;
  let high = infinity;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (decode(middle) <= size) low = middle;
    else high = middle;
  }
  // What would come after the largest value, were there no infinity, decides what rounds to infinity.
  const next = high === infinity ? 2 * decode(low) - decode(low - 1) : decode(high);
  const toLow = size - decode(low);
  const toHigh = next - size;
  const up = size === Infinity || toHigh < toLow || (toHigh === toLow && low % 2 === 1);
  return sign | (up ? high : low);
}

/** Values as the array in which they travel to a backend. */
export function encode(values: readonly Num[], dtype: DType): TypedArray {
  const array = new dtypes[dtype].array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (dtype === 'float16' || dtype === 'bfloat16') array[i] = encodeBits(Number(value), dtype);
    else array[i] = dtype === 'int64' ? BigInt(value) : Number(value);
  }
  return array;
}

/** The other way. */
export function decode(array: TypedArray, dtype: DType): Num[] {
  if (dtype === 'float16' || dtype === 'bfloat16')
    return Array.from(array as Uint16Array, (bits) => decodeBits[dtype](bits));
  return Array.from(array as ArrayLike<Num>);
}

const integerWidth: Partial<Record<DType, number>> = { int8: 8, int16: 16, int32: 32, int64: 64 };

/** One value as `dtype` holds it: rounded to nearest even, wrapped, or tested for zero. Floats to integers truncate. */
export function toDType(value: Num, dtype: DType): Num {
  if (dtype === 'bool') return Number(value) === 0 ? 0 : 1;
  if (dtype === 'float64') return Number(value);
  if (dtype === 'float32') return typeof value === 'bigint' ? bigintToFloat32(value) : Math.fround(value);
  if (dtype === 'float16' || dtype === 'bfloat16')
    return decodeBits[dtype](encodeBits(Number(toDType(value, 'float32')), dtype));
  const integer = typeof value === 'bigint' ? value : BigInt(Math.trunc(value));
  if (dtype === 'uint8') return Number(BigInt.asUintN(8, integer));
  const wrapped = BigInt.asIntN(integerWidth[dtype]!, integer);
  return dtype === 'int64' ? wrapped : Number(wrapped);
}

/** Rounds once, on the integer: keep 24 bits, look at the rest. */
function bigintToFloat32(value: bigint): number {
  const size = value < 0n ? -value : value;
  const shift = BigInt(Math.max(size.toString(2).length - 24, 0));
  const kept = size >> shift;
  const rest = (size - (kept << shift)) * 2n;
  const half = 1n << shift;
  const rounded = rest > half || (rest === half && kept % 2n === 1n) ? kept + 1n : kept;
  const result = Number(rounded << shift);
  return value < 0n ? -result : result;
}

export const isFloatDType = (dtype: DType): boolean => dtypes[dtype].isFloat;

/** Numbers in [0, 1), the same on every run and machine. */
export function generator(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
