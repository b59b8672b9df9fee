/** Random integers: ranges, whole dtypes, permutations; 64 random bits where PyTorch takes them, 32 elsewhere. */
import { ArgumentError, TorchError } from '../errors.ts';
import { type DType, dtypes, type TypedArray } from '../tensor/dtype.ts';
import { encode16 } from '../tensor/float16.ts';
import type { Generator } from './generator.ts';

const WIDE = 2n ** 32n;

/** Significant bits of each float dtype: integers up to 2^digits are exact in it. */
const digits = { float16: 11, bfloat16: 8, float32: 24, float64: 53 } as const;

/** The largest value of each integral dtype. */
const largest = {
  bool: 1,
  uint8: 255,
  int8: 127,
  int16: 32767,
  int32: 2147483647,
  int64: 2n ** 63n - 1n,
} as const;

type FloatDType = keyof typeof digits;
const isFloatDType = (dtype: DType): dtype is FloatDType => dtype in digits;

/**
 * `n` integers in [from, to), as `randint` and `random_(from, to)` draw them. For a range of 2^32 or more, int64 and the
 * float dtypes but float16 take 64 bits a draw. Throws where the range is empty or outside what the dtype holds.
 */
export function random_from_to(
  n: number,
  dtype: DType,
  from: number | bigint,
  to: number | bigint,
  generator: Generator,
): TypedArray {
  let low = BigInt(from);
  let high = BigInt(to);
  if (low >= high)
    throw new TorchError(`random_ expects 'from' to be less than 'to', but got from=${low} >= to=${high}`);
  if (isFloatDType(dtype)) {
    low = nextExact(low, digits[dtype], 1n);
    high = nextExact(high, digits[dtype], -1n);
    if (low >= high)
      throw new TorchError(
        `random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=${low} >= to=${high}`,
      );
  }
  checkRange('from', low, dtype);
  checkRange('to - 1', high - 1n, dtype);
  const range = high - low;
  const wide = range >= WIDE && (dtype === 'int64' || (isFloatDType(dtype) && dtype !== 'float16'));
  if (wide) return collect(n, dtype, () => (generator.random64() % range) + low);
  if (range < WIDE && low >= -(2n ** 52n) && low < 2n ** 52n) {
    const width = Number(range);
    const base = Number(low);
    return collect(n, dtype, () => (generator.random() % width) + base);
  }
  return collect(n, dtype, () => (BigInt(generator.random()) % range) + low);
}

/**
 * A bound that a float dtype cannot hold exactly moves inwards to one that it can, as PyTorch moves it:
 * by one place of the power of two that it lies at.
 */
function nextExact(bound: bigint, precision: number, inwards: 1n | -1n): bigint {
  const magnitude = (x: bigint) => (x < 0n ? -x : x);
  const beyond = bound + inwards;
  const rounded = roundTo(beyond, precision);
  if (inwards > 0n ? rounded >= bound : rounded < bound) return bound;
  const exponent = magnitude(beyond).toString(2).length - 1;
  return rounded + inwards * 2n ** BigInt(exponent - precision + 1);
}

/** The integer nearest to `x` of `precision` significant bits, ties to even. */
function roundTo(x: bigint, precision: number): bigint {
  const magnitude = x < 0n ? -x : x;
  const drop = magnitude.toString(2).length - precision;
  if (drop <= 0) return x;
  const unit = 2n ** BigInt(drop);
  const rest = magnitude % unit;
  let rounded = magnitude - rest;
  if (rest * 2n > unit || (rest * 2n === unit && (rounded / unit) % 2n === 1n)) rounded += unit;
  return x < 0n ? -rounded : rounded;
}

function checkRange(name: string, value: bigint, dtype: DType): void {
  const [least, most] = isFloatDType(dtype)
    ? dtype === 'float16'
      ? [-65504n, 65504n]
      : [-(2n ** 63n), 2n ** 63n - 1n]
    : [dtype === 'bool' || dtype === 'uint8' ? 0n : -BigInt(largest[dtype]) - 1n, BigInt(largest[dtype])];
  if (value < least || value > most) throw new TorchError(`${name} is out of bounds for ${cName(dtype)}`);
}

const cName = (dtype: DType): string =>
  ({ uint8: 'unsigned char', int8: 'signed char', int16: 'short', int32: 'int', int64: 'long' })[
    dtype as string
  ] ??
  { float32: 'float', float64: 'double', float16: 'c10::Half', bfloat16: 'c10::BFloat16' }[dtype as string] ??
  dtype;

/** `n` integers as `random_()` draws them: the non-negative ones of an integral dtype, [0, 2^digits] of a float one. */
export function random_full(n: number, dtype: DType, generator: Generator): TypedArray {
  if (dtype === 'int64') return collect(n, dtype, () => generator.random64() & (2n ** 63n - 1n));
  if (dtype === 'float64') return collect(n, dtype, () => generator.random64() % (2n ** 53n + 1n));
  const count = isFloatDType(dtype) ? 2 ** digits[dtype] + 1 : Number(largest[dtype]) + 1;
  return collect(n, dtype, () => generator.random() % count);
}

/** `n` integers of all 64 bits, as `random_(-2^63, None)` draws them. */
export const random_full_64 = (n: number, dtype: DType, generator: Generator): TypedArray =>
  collect(n, dtype, () => BigInt.asIntN(64, generator.random64()));

/** Draws in turn, in the dtype's own array. */
function collect(n: number, dtype: DType, draw: () => number | bigint): TypedArray {
  if (dtype === 'int64') {
    const out = new BigInt64Array(n);
    for (let i = 0; i < n; i++) out[i] = BigInt(draw());
    return out;
  }
  const out = new (dtype === 'float16' || dtype === 'bfloat16' ? Float32Array : dtypes[dtype].array)(
    n,
  ) as Float64Array;
  for (let i = 0; i < n; i++) out[i] = Number(draw());
  return dtype === 'float16' || dtype === 'bfloat16' ? encode16(out, dtype) : out;
}

/** A permutation of 0 … n-1, as `randperm` draws it. */
export function randperm(n: number, dtype: DType, generator: Generator): TypedArray {
  if (!(Number.isSafeInteger(n) && n >= 0)) throw new TorchError(`n must be non-negative, got${n}`);
  if (
    isFloatDType(dtype) ? n > 2 ** digits[dtype] + (dtype === 'bfloat16' ? 0 : 1) : n > Number(largest[dtype])
  )
    throw new TorchError(`n is too large for result tensor type: '${dtype}'`);
  if (dtype === 'bool') throw new ArgumentError('"randperm" not implemented for \'Bool\'');
  const order = new Float64Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = 0; i < n - 1; i++) {
    const other = i + (generator.random() % (n - i));
    const value = order[i];
    order[i] = order[other];
    order[other] = value;
  }
  let i = 0;
  return collect(n, dtype, () => order[i++]);
}
