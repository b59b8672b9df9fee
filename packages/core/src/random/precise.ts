/**
 * Logarithm, exponential, sine, cosine and tangent in double precision, rounded as the exact value would be in all but a few cases of ten
 * thousand. JavaScript leaves the last bits of `Math.log` and `Math.sin` to each engine; the same seed must give the same
 * numbers in all of them, and those of C's libm wherever that rounds correctly.
 *
 * Each value is split at a near point of a table, whose value there is held as the sum of two doubles.
 */

interface Tables {
  /** ln(1 + k / 64) for k from LOG_FIRST on. */
  readonly logHigh: Float64Array;
  readonly logLow: Float64Array;
  /** sin(k / 64) and cos(k / 64), up to pi / 4. */
  readonly sinHigh: Float64Array;
  readonly sinLow: Float64Array;
  readonly cosHigh: Float64Array;
  readonly cosLow: Float64Array;
  /** 2^(k / 64). */
  readonly expHigh: Float64Array;
  readonly expLow: Float64Array;
  /** ln 2 and pi / 2 in parts, the first short enough that its small multiples are exact. */
  readonly ln2: readonly [number, number, number];
  readonly halfPi: readonly [number, number, number];
}

const LOG_FIRST = -20;
const LOG_COUNT = 48;
const SIN_COUNT = 53;
const EXP_COUNT = 64;
const PLACES = 160n;
const ONE = 1n << PLACES;

/** Fixed-point 2·atanh(n / d): the logarithm of (d + n) / (d - n). */
function logRatio(n: bigint, d: bigint): bigint {
  let power = (ONE * n) / d;
  let sum = 0n;
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k;
    power = (power * n * n) / (d * d);
  }
  return 2n * sum;
}

/** Fixed-point exponential. */
function exponential(x: bigint): bigint {
  let term = ONE;
  let sum = 0n;
  for (let k = 1n; term !== 0n; k++) {
    sum += term;
    term = (term * x) / (ONE * k);
  }
  return sum;
}

/** Fixed-point sum of x^k / k! with alternating signs from k = first on in steps of two: cosine or sine. */
function taylor(x: bigint, first: bigint): bigint {
  let term = first === 0n ? ONE : x;
  let sum = 0n;
  for (let k = first; term !== 0n; k += 2n) {
    sum += term;
    term = -((((term * x) >> PLACES) * x) >> PLACES) / ((k + 1n) * (k + 2n));
  }
  return sum;
}

/** Fixed-point arctangent of 1 / d. */
function arctan(d: bigint): bigint {
  let power = ONE / d;
  let sum = 0n;
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k;
    power = -power / (d * d);
  }
  return sum;
}

/** A fixed-point number as a sum of doubles; `bits` shortens the first. */
function split(value: bigint, bits = 53): [number, number, number] {
  const scale = 2 ** Number(PLACES);
  const take = (rest: bigint): number => Number(rest) / scale;
  const exact = (x: number): bigint => BigInt(x * scale);
  let high = take(value);
  if (bits < 53) {
    const unit = 2 ** (Math.floor(Math.log2(Math.abs(high))) + 1 - bits);
    high = Math.trunc(high / unit) * unit;
  }
  const middle = take(value - exact(high));
  return [high, middle, take(value - exact(high) - exact(middle))];
}

let made: Tables | undefined;

function tables(): Tables {
  if (made) return made;
  const column = (count: number, value: (k: number) => bigint): [Float64Array, Float64Array] => {
    const parts = Array.from({ length: count }, (_, k) => split(value(k)));
    return [Float64Array.from(parts, (p) => p[0]), Float64Array.from(parts, (p) => p[1])];
  };
  const [logHigh, logLow] = column(LOG_COUNT, (k) =>
    logRatio(BigInt(k + LOG_FIRST), BigInt(128 + k + LOG_FIRST)),
  );
  const at = (k: number): bigint => (ONE * BigInt(k)) / 64n;
  const [sinHigh, sinLow] = column(SIN_COUNT, (k) => taylor(at(k), 1n));
  const [cosHigh, cosLow] = column(SIN_COUNT, (k) => taylor(at(k), 0n));
  const ln2Exact = logRatio(1n, 3n);
  const [expHigh, expLow] = column(EXP_COUNT, (k) => exponential((ln2Exact * BigInt(k)) / BigInt(EXP_COUNT)));
  const ln2 = split(ln2Exact, 33);
  // Machin: pi / 4 = 4 arctan(1/5) - arctan(1/239).
  const halfPi = split(8n * arctan(5n) - 2n * arctan(239n), 33);
  return (made = { logHigh, logLow, sinHigh, sinLow, cosHigh, cosLow, expHigh, expLow, ln2, halfPi });
}

const SPLITTER = 2 ** 27 + 1;

/** What a·b loses when it is rounded to `product`. */
function productError(a: number, b: number, product: number): number {
  const a1 = a * SPLITTER;
  const b1 = b * SPLITTER;
  const ah = a1 - (a1 - a);
  const bh = b1 - (b1 - b);
  const al = a - ah;
  const bl = b - bh;
  return al * bl - (product - ah * bh - al * bh - ah * bl);
}

/** What a + b loses when it is rounded to `sum`. */
function sumError(a: number, b: number, sum: number): number {
  const b1 = sum - a;
  return a - (sum - b1) + (b - b1);
}

const bits = new DataView(new ArrayBuffer(8));

/** The natural logarithm of a normal number > 0. */
export function log(x: number): number {
  if (!(x >= 2 ** -1022 && x < Number.POSITIVE_INFINITY)) return Math.log(x);
  const { logHigh, logLow, ln2 } = tables();
  bits.setFloat64(0, x);
  const word = bits.getInt32(0);
  let e = (word >> 20) - 1023;
  bits.setInt32(0, (word & 0xfffff) | 0x3ff00000);
  let m = bits.getFloat64(0);
  if (m > Math.SQRT2) {
    m /= 2;
    e += 1;
  }
  // x = 2^e · c · (1 + h + l), where c = 1 + k / 64.
  const k = Math.round((m - 1) * 64);
  const c = 1 + k / 64;
  const h = (m - c) / c;
  const back = h * c;
  const l = (m - c - back - productError(h, c, back)) / c;
  const square = h * h;
  const half = -0.5 * square;
  const halfLow = -0.5 * productError(h, h, square);
  const tail =
    square *
    h *
    (1 / 3 - h * (1 / 4 - h * (1 / 5 - h * (1 / 6 - h * (1 / 7 - h * (1 / 8 - h * (1 / 9 - h / 10)))))));
  const a = e * ln2[0];
  const i = k - LOG_FIRST;
  const s1 = a + logHigh[i];
  const s2 = s1 + h;
  const s3 = s2 + half;
  const low = sumError(a, logHigh[i], s1) + sumError(s1, h, s2) + sumError(s2, half, s3);
  return s3 + (low + (e * ln2[1] + logLow[i] + halfLow + (l - l * h) + tail));
}

/** The exponential of a number whose result is a normal one. */
export function exp(x: number): number {
  if (!(x > -700 && x < 700)) return Math.exp(x);
  const { expHigh, expLow, ln2 } = tables();
  // x = (64 e + j) ln 2 / 64 + r
  const k = Math.round((x * EXP_COUNT) / ln2[0]);
  const near = x - (k * ln2[0]) / EXP_COUNT;
  const middle = (-k * ln2[1]) / EXP_COUNT;
  const r = near + middle;
  const rLow = sumError(near, middle, r) - (k * ln2[2]) / EXP_COUNT;
  const j = k & (EXP_COUNT - 1);
  const rest =
    r * r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720 + r / 5040))))) + rLow * (1 + r);
  const product = expHigh[j] * r;
  const sum = expHigh[j] + product;
  const low =
    sumError(expHigh[j], product, sum) +
    productError(expHigh[j], r, product) +
    (expLow[j] + expLow[j] * r + expHigh[j] * rest);
  return (sum + low) * 2 ** ((k - j) / EXP_COUNT);
}

// What `reduce` and `rotate` find, as sums of two doubles: sine and cosine of the angle less `quarter` right angles.
let quarter = 0;
let sinHigh = 0;
let sinLow = 0;
let cosHigh = 0;
let cosLow = 0;
let high = 0;
let low = 0;

/** Sets `high` and `low` to p cos d + q sin d, where cos d = 1 + cosRest and sin d = d + sinRest. */
function rotate(
  p: number,
  pLow: number,
  q: number,
  qLow: number,
  d: number,
  cosRest: number,
  sinRest: number,
): void {
  const product = q * d;
  const sum = p + product;
  const rest =
    sumError(p, product, sum) + productError(q, d, product) + (pLow + qLow * d + q * sinRest + p * cosRest);
  high = sum + rest;
  low = sumError(sum, rest, high);
}

function reduce(angle: number): void {
  const t = tables();
  quarter = Math.round(angle / (Math.PI / 2));
  const near = angle - quarter * t.halfPi[0];
  const middle = -quarter * t.halfPi[1];
  const reduced = near + middle;
  const rest = sumError(near, middle, reduced) - quarter * t.halfPi[2];
  const k = Math.round(Math.abs(reduced) * 64);
  const d = Math.abs(reduced) - k / 64;
  const dLow = reduced < 0 ? -rest : rest;
  const d2 = d * d;
  const sinRest = dLow + d * d2 * (-1 / 6 + d2 * (1 / 120 - d2 / 5040));
  const cosRest = d2 * (-1 / 2 + d2 * (1 / 24 - d2 / 720)) - d * dLow;
  rotate(t.sinHigh[k], t.sinLow[k], t.cosHigh[k], t.cosLow[k], d, cosRest, sinRest);
  sinHigh = reduced < 0 ? -high : high;
  sinLow = reduced < 0 ? -low : low;
  rotate(t.cosHigh[k], t.cosLow[k], -t.sinHigh[k], -t.sinLow[k], d, cosRest, sinRest);
  cosHigh = high;
  cosLow = low;
}

/** The sine of an angle from -10 to 10. */
export function sin(angle: number): number {
  reduce(angle);
  const value = quarter & 1 ? cosHigh : sinHigh;
  return quarter & 2 ? -value : value;
}

/** The cosine of an angle from -10 to 10. */
export function cos(angle: number): number {
  reduce(angle);
  const value = quarter & 1 ? sinHigh : cosHigh;
  return (quarter + 1) & 2 ? -value : value;
}

/** The tangent of an angle from -10 to 10. */
export function tan(angle: number): number {
  reduce(angle);
  const odd = (quarter & 1) !== 0;
  const top = odd ? -cosHigh : sinHigh;
  const topLow = odd ? -cosLow : sinLow;
  const bottom = odd ? sinHigh : cosHigh;
  const ratio = top / bottom;
  const back = ratio * bottom;
  const rest = top - back - productError(ratio, bottom, back) + topLow - ratio * (odd ? sinLow : cosLow);
  return ratio + rest / bottom;
}
