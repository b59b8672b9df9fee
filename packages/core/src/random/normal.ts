/** Normal samples by Box and Muller, each dtype and length on the way on which PyTorch's AVX2 build computes it. */
import type { DType, TypedArray } from '../tensor/dtype.ts';
import { decode16, encode16, round16 } from '../tensor/float16.ts';
import { fma32, fma64 } from './fma.ts';
import type { Generator } from './generator.ts';
import { cos, log, sin } from './precise.ts';
import { uniform } from './uniform.ts';

/** From this many elements on, PyTorch fills 16 at a time, if the tensor is contiguous. */
const BLOCK = 16;

/**
 * `n` samples with this mean and standard deviation. `contiguous` says whether the tensor they are for is: PyTorch
 * draws them one by one where it is not.
 */
export function normal(
  n: number,
  dtype: DType,
  mean: number,
  std: number,
  generator: Generator,
  contiguous = true,
): TypedArray {
  if (n < BLOCK || !contiguous) {
    const out = new Float64Array(n);
    for (let i = 0; i < n; i++) out[i] = nextNormal(generator, mean, std);
    if (dtype === 'float64') return out;
    return dtype === 'float32' ? Float32Array.from(out) : encode16(out, dtype as 'float16');
  }
  if (dtype === 'float32') {
    const out = new Float32Array(n);
    const fill = (start: number) => fillFloat(out, start, Math.fround(mean), Math.fround(std));
    inBlocks(n, (i) => (out[i] = generator.uniform24()), fill);
    return out;
  }
  if (dtype === 'float64') {
    const out = new Float64Array(n);
    inBlocks(
      n,
      (i) => (out[i] = generator.uniform53()),
      (start) => fillDouble(out, start, mean, std),
    );
    return out;
  }
  const type = dtype as 'float16' | 'bfloat16';
  const out = new Float32Array(n);
  inBlocks(
    n,
    (i) => (out[i] = decode16(uniform(1, type, 0, 1, generator) as Uint16Array, type)[0]),
    (start) => fillHalf(out, start, round16(mean, type), round16(std, type), type),
  );
  return encode16(out, type);
}

/** Uniform numbers everywhere, then normal ones block by block; a last block that is not full is drawn anew, reaching back. */
function inBlocks(n: number, draw: (i: number) => void, fill: (start: number) => void): void {
  for (let i = 0; i < n; i++) draw(i);
  for (let start = 0; start + BLOCK <= n; start += BLOCK) fill(start);
  if (n % BLOCK === 0) return;
  for (let i = n - BLOCK; i < n; i++) draw(i);
  fill(n - BLOCK);
}

/** One sample, `normal_distribution<double>`; the sine's half of each pair waits in the generator for the next call. */
export function nextNormal(generator: Generator, mean = 0, std = 1): number {
  let sample = generator.nextNormal;
  if (sample === undefined) {
    const u1 = generator.uniform53();
    const u2 = generator.uniform53();
    const radius = Math.sqrt(-2 * log(1 - u2));
    const angle = 2 * Math.PI * u1;
    generator.nextNormal = radius * sin(angle);
    sample = radius * cos(angle);
  } else generator.nextNormal = undefined;
  return fma64(sample, std, mean);
}

function fillDouble(data: Float64Array, start: number, mean: number, std: number): void {
  for (let j = start; j < start + 8; j++) {
    const radius = Math.sqrt(-2 * log(1 - data[j]));
    const angle = 2 * Math.PI * data[j + 8];
    data[j] = fma64(radius * cos(angle), std, mean);
    data[j + 8] = fma64(radius * sin(angle), std, mean);
  }
}

function fillHalf(
  data: Float32Array,
  start: number,
  mean: number,
  std: number,
  dtype: 'float16' | 'bfloat16',
): void {
  const f = Math.fround;
  const round = (x: number) => round16(x, dtype);
  // C++ has log, sin and cos of a bfloat16, which round to it; a float16 becomes a float32 on the way into them.
  const between = dtype === 'bfloat16' ? round : f;
  for (let j = start; j < start + 8; j++) {
    const u1 = round(1 - data[j]);
    const radius = round(Math.sqrt(between(-2 * between(Math.log(u1)))));
    const angle = round(2 * Math.PI * data[j + 8]);
    const place = (direction: number) => {
      const sample = between(radius * between(direction));
      return dtype === 'bfloat16' ? round(round(sample * std) + mean) : round(fma32(sample, std, mean));
    };
    data[j] = place(Math.cos(angle));
    data[j + 8] = place(Math.sin(angle));
  }
}

const TWO_PI = Math.fround(2 * Math.PI);

function fillFloat(data: Float32Array, start: number, mean: number, std: number): void {
  const f = Math.fround;
  for (let j = start; j < start + 8; j++) {
    const radius = f(Math.sqrt(f(-2 * logFloat(f(1 - data[j])))));
    sincosFloat(f(TWO_PI * data[j + 8]));
    data[j] = fma32(f(radius * cosine), std, mean);
    data[j + 8] = fma32(f(radius * sine), std, mean);
  }
}

// The single-precision polynomials of Cephes (Moshier) in the order of operations of the vectorised code, with every
// multiplication and addition fused that the compiler fuses.
const LOG = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
].map(Math.fround);
const LOG2_LOW = Math.fround(-2.1219444e-4);
const LOG2_HIGH = 0.693359375;
const SQRT_HALF = Math.fround(Math.SQRT1_2);

const single = new Float32Array(1);
const singleBits = new Uint32Array(single.buffer);

/** The logarithm of a float32 in (0, 1]. */
function logFloat(value: number): number {
  const f = Math.fround;
  single[0] = value;
  let e = (singleBits[0] >>> 23) - 126;
  singleBits[0] = (singleBits[0] & 0x807fffff) | 0x3f000000;
  let x = single[0];
  if (x < SQRT_HALF) {
    e -= 1;
    x = f(f(x - 1) + x);
  } else x = f(x - 1);
  const z = f(x * x);
  let y = LOG[0];
  for (let i = 1; i < 9; i++) y = fma32(y, x, LOG[i]);
  y = fma32(f(y * x), z, f(e * LOG2_LOW));
  y = fma32(z, -0.5, y);
  return fma32(e, LOG2_HIGH, f(x + y));
}

const FOUR_OVER_PI = Math.fround(1.27323954473516);
const PI_4 = [-0.78515625, -2.4187564849853516e-4, -3.774894977445941e-8].map(Math.fround);
const COS = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(Math.fround);
const SIN = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(Math.fround);
let sine = 0;
let cosine = 0;

/** Sets `sine` and `cosine` for an angle ≥ 0. */
function sincosFloat(angle: number): void {
  const f = Math.fround;
  const octant = (Math.trunc(f(angle * FOUR_OVER_PI)) + 1) & ~1;
  let x = fma32(octant, PI_4[0], angle);
  x = fma32(octant, PI_4[1], x);
  x = fma32(octant, PI_4[2], x);
  const z = f(x * x);
  let c = fma32(fma32(COS[0], z, COS[1]), z, COS[2]);
  c = f(fma32(f(c * z), z, -f(z * 0.5)) + 1);
  const s = fma32(f(fma32(fma32(SIN[0], z, SIN[1]), z, SIN[2]) * z), x, x);
  const swap = (octant & 2) !== 0;
  sine = swap ? c : s;
  cosine = swap ? s : c;
  if (octant & 4) sine = -sine;
  if (((octant - 2) & 4) === 0) cosine = -cosine;
}
