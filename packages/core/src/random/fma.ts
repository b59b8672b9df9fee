/** Fused multiply-add, rounded once, which JavaScript lacks and PyTorch's AVX2 code is full of. */

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const LOW = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1;

/** x + y rounded to odd: inexact sums end in a 1 bit, so that rounding them once more is as good as rounding once. */
function addToOdd(x: number, y: number): number {
  const sum = x + y;
  const y1 = sum - x;
  const error = x - (sum - y1) + (y - y1);
  if (error === 0 || !Number.isFinite(sum)) return sum;
  double[0] = sum;
  if (words[LOW] & 1) return sum;
  if (error > 0 === sum > 0) words[LOW] |= 1;
  else {
    if (words[LOW] === 0) words[1 - LOW]--;
    words[LOW]--;
  }
  return double[0];
}

/** a·b + c of float32 values, rounded once to float32. (Not for results below 2^-126.) */
export function fma32(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  double[0] = sum;
  // A double rounds to float32 as the exact value would, unless it lies exactly halfway between two of them.
  return Math.fround((words[LOW] & 0x1fffffff) === 0x10000000 ? addToOdd(product, c) : sum);
}

const SPLITTER = 2 ** 27 + 1;

/** a·b + c of doubles, rounded once (Boldo and Melquiond, 2008). For magnitudes far from overflow and underflow. */
export function fma64(a: number, b: number, c: number): number {
  const product = a * b;
  const a1 = a * SPLITTER;
  const b1 = b * SPLITTER;
  const ah = a1 - (a1 - a);
  const bh = b1 - (b1 - b);
  const al = a - ah;
  const bl = b - bh;
  const low = al * bl - (product - ah * bh - al * bh - ah * bl);
  const t = c + low;
  const t1 = t - c;
  const tLow = c - (t - t1) + (low - t1);
  const v = product + t;
  const v1 = v - product;
  const vLow = product - (v - v1) + (t - v1);
  return v + addToOdd(tLow, vLow);
}
