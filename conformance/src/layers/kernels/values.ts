/** The values that the cases are made of. */
import type { DType } from '@sconce/core';
import { generator, isFloatDType, type Num, toDType } from '../../numbers.ts';

/** `count` values of a dtype: floats in (-2, 2), integers in [-10, 10] ([0, 20] unsigned), bools of both kinds. */
export function someValues(dtype: DType, count: number, seed: number): Num[] {
  const next = generator(seed + 1);
  return Array.from({ length: count }, () => {
    const u = next();
    if (dtype === 'bool') return u < 0.5 ? 0 : 1;
    if (isFloatDType(dtype)) return toDType(u * 4 - 2, dtype);
    const integer = Math.floor(u * 21) - (dtype === 'uint8' ? 0 : 10);
    return dtype === 'int64' ? BigInt(integer) : integer;
  });
}

/** The values where integers go wrong. */
export const specialIntegers = (dtype: 'int32' | 'int64'): Num[] => {
  const small = [
    0, 1, -1, 2, -2, 3, -3, 7, -7, 31, 32, 33, 63, 64, 65, 100, -100, 46341, 65536, 2147483647, -2147483648,
  ];
  if (dtype === 'int32') return small;
  const large = [
    2n ** 32n,
    -(2n ** 32n) - 1n,
    2n ** 53n,
    2n ** 53n + 1n,
    -(2n ** 53n) - 1n,
    3037000500n,
    2n ** 62n + 3n,
  ];
  return [...small.map(BigInt), ...large, 2n ** 63n - 1n, -(2n ** 63n)];
};

/** The values where floats go wrong; exact in float32. */
export const specialFloats: number[] = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  -1.5,
  2.5,
  -2.5,
  3,
  -3,
  0.75,
  7.25,
  -7.75,
  100,
  -1000.5,
  2 ** 23,
  -(2 ** 23) - 1,
  2 ** 24,
  2 ** -20,
  -(2 ** -126),
  2 ** -149,
  2 ** 100,
  -(2 ** 127),
  Infinity,
  -Infinity,
  NaN,
];

/** Every pair of two lists, as two lists. */
export function pairs<A, B>(a: readonly A[], b: readonly B[]): [A[], B[]] {
  return [a.flatMap((x) => b.map(() => x)), a.flatMap(() => [...b])];
}
