/** exp, log and what is made of them, for each float lane: argument reduction by powers of two, then a short series. */
import type { Val } from '../asm/val.ts';
import { exp32, expOfNegative32, tanh32P, tanh32Q } from './coefficients.ts';

const isDouble = (x: Val): boolean => x.lane === 'f64' || x.lane === 'f64x2';

/** 1.5 * 2^mantissa bits: adding it leaves the rounded integer in the low bits. */
const magicOf = (x: Val): number => (isDouble(x) ? 6755399441055744 : 12582912);
const magicBits = (x: Val): bigint => (isDouble(x) ? 0x4338000000000000n : 0x4b400000n);
const mantissa = (x: Val): number => (isDouble(x) ? 52 : 23);
const bias = (x: Val): number => (isDouble(x) ? 1023 : 127);

/** ln 2 in two parts, the first with so few bits that its product with an exponent is exact. */
const ln2 = (x: Val): readonly [number, number] =>
  isDouble(x) ? [0.6931471803691238, 1.9082149292705877e-10] : [0.693145751953125, 1.4286068203094173e-6];

/** 1 / k! from k = first on. */
const inverseFactorials = (first: number, last: number): number[] => {
  const out: number[] = [];
  let f = 1;
  for (let k = 1; k <= last; k++) {
    f *= k;
    if (k >= first) out.push(1 / f);
  }
  return out;
};
const expSeries64 = inverseFactorials(2, 14);

/** The integer 2^n's bits for an integer-lane n with a normal power. */
const power = (n: Val, x: Val): Val => n.add(bias(x)).shl(mantissa(x)).asFloat();

/** x = n ln 2 + r: n as the integer in the low bits of `sum`, with `offset` added; and e^r - 1. */
function reduce(x: Val, offset = 0): { sum: Val; em1: Val } {
  const magic = magicOf(x) + offset;
  const sum = x.mul(Math.LOG2E).add(magic).keep();
  const n = sum.sub(magic).keep();
  const [hi, lo] = ln2(x);
  const r = x.sub(n.mul(hi)).sub(n.mul(lo)).keep();
  const r2 = r.mul(r).keep();
  if (isDouble(x)) return { sum, em1: r2.mul(r.poly(expSeries64)).add(r) };
  // Two short chains instead of one long one.
  const [c0, c1, c2, c3, c4] = exp32 as [number, number, number, number, number];
  const high = r.mul(c3).add(c2).add(r2.mul(c4));
  return { sum, em1: r.mul(c1).add(c0).add(high.mul(r2)).mul(r2).add(r) };
}

/** 2^n from a sum that holds n + 2 * bias, in two factors that are both normal: results overflow to inf and underflow gradually. */
export function exp(x: Val): Val {
  const [least, most] = isDouble(x) ? [-760, 720] : [-110, 95];
  const { sum, em1 } = reduce(x.atLeast(least).atMost(most).keep(), 2 * bias(x));
  const bits = sum.bits();
  const half = bits.shrU(1).keep();
  return em1
    .add(1)
    .mul(half.shl(mantissa(x)).asFloat())
    .mul(bits.sub(half).shl(mantissa(x)).asFloat());
}

/** (2^f - 1) / f for |f| <= 1/2. */
const powerSeries = expOfNegative32.map((c, k) => c * Math.LN2 ** (k + 1));

/**
 * e^x for float32 x <= 0, as softmax has it, where x is a difference: its last bit, 2^-24 |x|, is uncertain, so 2^(x / ln 2) with
 * the quotient rounded and a polynomial to 2^-23 will do. From 2^-126.5 down it is 0, so that one factor will do, too: at the
 * clamp its exponent's bits are 0, which is the number 0. NaN stays.
 */
export function expOfNegative(x: Val): Val {
  const t = x.mul(Math.LOG2E).atLeast(-127).keep();
  const magic = magicOf(t) + bias(t);
  const sum = t.add(magic).keep();
  const f = t.sub(sum.sub(magic)).keep();
  const scale = sum.bits().shl(mantissa(t)).asFloat().keep();
  return f.mul(scale).mul(f.poly(powerSeries)).add(scale);
}

/** e^x - 1 without cancellation: 2^n (e^r - 1) + (2^n - 1), with 2^(n-1) so that nothing overflows early. */
export function expm1(x: Val): Val {
  // At the upper clamp n is the first exponent that overflows, and r is positive: inf.
  const [least, most] = isDouble(x) ? [-45, 710] : [-25, 89];
  const { sum, em1 } = reduce(x.atLeast(least).atMost(most).keep());
  const bits = sum.bits();
  const p = power(bits.sub(bits.k(magicBits(x) + 1n)), x).keep();
  const result = em1.mul(p).add(p.sub(0.5)).mul(2).keep();
  // Signed zero and tiny arguments are their own result.
  return x.fn.select(x.abs().lt(isDouble(x) ? 1e-17 : 1e-9), x, result);
}

/** float32: an odd rational function; from 9.01 on it is 1. */
export function tanh32(x: Val): Val {
  const t = x.atLeast(-9.01).atMost(9.01).keep();
  const z = t.mul(t).keep();
  return t.mul(z.poly(tanh32P)).div(z.poly(tanh32Q)).atLeast(-1).atMost(1);
}

/** tanh through e^2x - 1; beyond the clamp it is 1 to the last bit. */
export function tanh(x: Val): Val {
  const t = x.atLeast(-20).atMost(20).keep();
  const e = expm1(t.add(t).keep()).keep();
  return e.div(e.add(2));
}

/** x = 2^k m with m in [sqrt(1/2), sqrt(2)): k as a float, f = m - 1. Subnormals are scaled first. */
function split(x: Val): { k: Val; f: Val } {
  const [tiny, scale, shift] = isDouble(x)
    ? [2.2250738585072014e-308, 2 ** 54, 54]
    : [2 ** -126, 2 ** 25, 25];
  const small = x.lt(tiny).keep();
  const y = x.fn.select(small, x.mul(scale), x).keep();
  const bits = y.bits().keep();
  // Adding the distance from sqrt(1/2) to 1 moves the boundary between two exponents to sqrt(1/2).
  const root = isDouble(x) ? 0x3fe6a09e667f3bcdn : 0x3f3504f3n;
  const e = bits.sub(bits.k(root)).shr(mantissa(x)).keep();
  const m = bits.sub(e.shl(mantissa(x))).asFloat();
  let k = toFloat(e, x);
  k = k.sub(x.fn.select(small, x.k(shift), 0)).keep();
  return { k, f: m.sub(1).keep() };
}

/** A small integer as a float of x's lane; f64x2 has no conversion, so through the magic number. */
function toFloat(n: Val, x: Val): Val {
  switch (x.lane) {
    case 'f32':
      return n.convert(0xb2, 'f32');
    case 'f64':
      return n.convert(0xb9, 'f64');
    case 'f32x4':
      return n.convert(0x1fa, 'f32x4');
    default:
      return n
        .add(n.k(magicBits(x)))
        .asFloat()
        .sub(magicOf(x));
  }
}

const odds = (count: number): number[] => Array.from({ length: count }, (_, i) => 2 / (2 * i + 3));
const logSeries32 = odds(4);
const logSeries64 = odds(11);

/** log(1 + f) for f in [-0.293, 0.414]: s = f / (2 + f), log = 2 s + 2 s^3/3 + … = f - (f²/2 - s (f²/2 + R)). */
function log1pSmall(f: Val): { half: Val; tail: Val } {
  const s = f.div(f.add(2)).keep();
  const z = s.mul(s).keep();
  const half = f.mul(f).mul(0.5).keep();
  const tail = s.mul(half.add(z.mul(z.poly(isDouble(f) ? logSeries64 : logSeries32)))).keep();
  return { half, tail };
}

/** NaN below zero, -inf at zero, inf at inf, on top of a result for positive numbers. */
function logEdges(x: Val, result: Val): Val {
  const { fn } = x;
  const positive = fn.select(x.eq(Infinity), x, result);
  const signed = fn.select(x.eq(0), x.k(-Infinity), positive);
  // Not `x < 0`: a NaN must come out too.
  return fn.select(x.ge(0), signed, x.k(Number.NaN));
}

export function log(x: Val): Val {
  const { k, f } = split(x);
  const { half, tail } = log1pSmall(f);
  const [hi, lo] = ln2(x);
  return logEdges(
    x,
    k
      .mul(hi)
      .sub(half.sub(tail.add(k.mul(lo))).sub(f))
      .keep(),
  );
}

/** Exact at powers of two, since the exponent is added last. */
export function log2(x: Val): Val {
  const { k, f } = split(x);
  const { half, tail } = log1pSmall(f);
  return logEdges(x, f.sub(half.sub(tail)).mul(Math.LOG2E).add(k).keep());
}

export function log10(x: Val): Val {
  const { k, f } = split(x);
  const { half, tail } = log1pSmall(f);
  // log10(2) in two parts, as for ln 2.
  const [hi, lo] = isDouble(x)
    ? [0.30102999566406652, -8.5323443170571066e-14]
    : [0.30102920532226562, 7.9034151667654e-7];
  return logEdges(x, f.sub(half.sub(tail)).mul(Math.LOG10E).add(k.mul(lo)).add(k.mul(hi)).keep());
}

/** log(u) with u = 1 + x rounded, plus what the rounding lost over u. */
export function log1p(x: Val): Val {
  const { fn } = x;
  const u = x.add(1).keep();
  const lost = fn.select(x.gt(1), x.k(1).sub(u.sub(x)), x.sub(u.sub(1))).keep();
  const main = log(u).keep();
  const corrected = main.add(lost.div(u)).keep();
  const finite = fn.select(u.gt(0), fn.select(u.eq(Infinity), u, corrected), main).keep();
  return fn.select(x.abs().lt(isDouble(x) ? 1e-17 : 1e-9), x, finite);
}
