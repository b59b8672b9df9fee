/** Where two lists of numbers differ by more than they may, and by how many of the dtype's steps. */
import { type DType, encode16, isFloat, type TypedArray } from '@sconce/core';

export interface Tolerance {
  readonly rtol: number;
  /** Of the largest finite value of the right tensor where `isScaled`, else absolute. */
  readonly atol: number;
  readonly isScaled: boolean;
}

/** `torch.testing.assert_close`'s. */
const closeness: Partial<Record<DType, readonly [rtol: number, atol: number]>> = {
  float16: [1e-3, 1e-5],
  bfloat16: [1.6e-2, 1e-5],
  float32: [1.3e-6, 1e-5],
  float64: [1e-7, 1e-7],
};

/** What a result that is a sum may lose, of the largest element: terms cancel, and Winograd's convolution rounds more often. */
const ofSums: Partial<Record<DType, number>> = {
  float16: 2e-3,
  bfloat16: 3e-2,
  float32: 2e-5,
  float64: 1e-9,
};

/** Pointwise results are as close as PyTorch's own tests ask; those of sums as close as their largest element allows. */
export function toleranceOf(dtype: DType, isPointwise: boolean): Tolerance {
  const [rtol, atol] = closeness[dtype] ?? [0, 0];
  return isPointwise ? { rtol, atol, isScaled: false } : { rtol, atol: ofSums[dtype] ?? 0, isScaled: true };
}

const bits = new DataView(new ArrayBuffer(8));

/** A float's place among the floats of its dtype, so that neighbours are 1 apart; negative numbers below zero. */
function placeOf(x: number, dtype: DType): bigint {
  if (dtype === 'float64') {
    bits.setFloat64(0, x);
    const n = bits.getBigInt64(0);
    return n < 0n ? -(n & 0x7fffffffffffffffn) : n;
  }
  if (dtype === 'float32') {
    bits.setFloat32(0, x);
    const n = bits.getInt32(0);
    return BigInt(n < 0 ? -(n & 0x7fffffff) : n);
  }
  const [n] = encode16(Float32Array.of(x), dtype as 'float16');
  return BigInt(n & 0x8000 ? -(n & 0x7fff) : n);
}

/** How many steps of the dtype lie between two numbers; Infinity where one is no number. */
export function ulpsBetween(a: number | bigint, b: number | bigint, dtype: DType): number {
  if (!isFloat(dtype))
    return Number(BigInt(a) - BigInt(b) < 0n ? BigInt(b) - BigInt(a) : BigInt(a) - BigInt(b));
  const [x, y] = [Number(a), Number(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) && Number.isNaN(y) ? 0 : Infinity;
  const distance = placeOf(x, dtype) - placeOf(y, dtype);
  return Number(distance < 0n ? -distance : distance);
}

export interface Difference {
  /** The position of the worst element in row-major order. */
  readonly index: number;
  readonly got: number | bigint;
  readonly expected: number | bigint;
  readonly ulps: number;
  /** How many elements are beyond tolerance. */
  readonly count: number;
}

/** The worst of the elements beyond tolerance, by how far they are beyond it. */
export function differenceOf(
  got: TypedArray,
  expected: TypedArray,
  dtype: DType,
  { rtol, atol, isScaled }: Tolerance,
): Difference | undefined {
  let largest = isScaled ? 0 : 1;
  if (isScaled)
    for (const x of expected)
      if (Number.isFinite(Number(x))) largest = Math.max(largest, Math.abs(Number(x)));
  let worst = -1;
  let excess = 0;
  let count = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [got[i], expected[i]];
    if (a === b) continue;
    const [x, y] = [Number(a), Number(b)];
    if (Number.isNaN(x) && Number.isNaN(y)) continue;
    const allowed = atol * largest + rtol * Math.abs(y);
    const distance = Math.abs(x - y);
    if (distance <= allowed && Number.isFinite(y)) continue;
    count++;
    const beyond =
      Number.isNaN(distance) || !Number.isFinite(y) ? Infinity : distance / (allowed || Number.MIN_VALUE);
    if (worst < 0 || beyond > excess) [worst, excess] = [i, beyond];
  }
  if (worst < 0) return undefined;
  const [a, b] = [got[worst], expected[worst]];
  return { index: worst, got: a, expected: b, ulps: ulpsBetween(a, b, dtype), count };
}
