/** How two values become one: the combines of reduce, scan, scatter and pool, and what they start from. */
import type { Combine, DType, ScanCombine } from '@sconce/core';

export type Combining = Exclude<Combine | ScanCombine, 'argmin' | 'argmax'>;
type Of<T> = (a: T, b: T) => T;

const numbers: Record<Combining, Of<number>> = {
  sum: (a, b) => a + b,
  prod: (a, b) => a * b,
  // Math's give NaN for a NaN.
  min: Math.min,
  max: Math.max,
  any: (a, b) => a | b,
  all: (a, b) => a & b,
  logaddexp: (a, b) => {
    const larger = Math.max(a, b);
    if (a === b) return a === -Infinity || a === Infinity ? a : a + Math.LN2;
    return larger === Infinity ? larger : larger + Math.log1p(Math.exp(-Math.abs(a - b)));
  },
};

const bigints: Partial<Record<Combining, Of<bigint>>> = {
  sum: (a, b) => BigInt.asIntN(64, a + b),
  prod: (a, b) => BigInt.asIntN(64, a * b),
  min: (a, b) => (b < a ? b : a),
  max: (a, b) => (b > a ? b : a),
};

/** Combines two values of a dtype, taken from one of its values arrays. */
export function combiner(combine: Combining, dtype: DType): (a: never, b: never) => number | bigint {
  if (dtype === 'int64') return bigints[combine]!;
  if (combine === 'prod' && !dtype.includes('float')) return Math.imul;
  if (combine === 'sum' && !dtype.includes('float')) return (a: number, b: number) => (a + b) | 0;
  return numbers[combine];
}

/** The fold of nothing. */
export function identity(combine: Combining, dtype: DType): number | bigint {
  switch (combine) {
    case 'min':
      return extreme(dtype, 1);
    case 'max':
      return extreme(dtype, -1);
    case 'logaddexp':
      return -Infinity;
    default: {
      const unit = combine === 'prod' || combine === 'all' ? 1 : 0;
      return dtype === 'int64' ? BigInt(unit) : unit;
    }
  }
}

const integers: Partial<Record<DType, readonly [least: number | bigint, greatest: number | bigint]>> = {
  bool: [0, 1],
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

const extreme = (dtype: DType, sign: 1 | -1): number | bigint =>
  integers[dtype]?.[sign === 1 ? 1 : 0] ?? sign * Infinity;

/** The order of sort, argmin and argmax: NaN is greater than everything. */
export const isGreater = (a: number | bigint, b: number | bigint): boolean =>
  a > b || (Number.isNaN(a) && !Number.isNaN(b));
