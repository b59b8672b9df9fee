/** The special functions that JavaScript's Math lacks, to double precision. */

const twoOverSqrtPi = 2 / Math.sqrt(Math.PI);
const eulerGamma = 0.5772156649015329;

/** exp(-x * x); the square is split so that its rounding does not grow with x. */
function expMinusSquare(x: number): number {
  const high = Math.fround(x);
  return Math.exp(-high * high) * Math.exp(-(x - high) * (x + high));
}

/** exp(-x²) times a series whose terms are all positive, so nothing cancels. For |x| up to about 3. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) sum += term *= (2 * x * x) / (2 * n + 1);
  return twoOverSqrtPi * expMinusSquare(x) * sum;
}

/** Laplace's continued fraction, from its tail inwards. For x from about 1.5 on. */
function erfcFraction(x: number): number {
  let tail = 0;
  for (let n = x < 3 ? 160 : 60; n > 0; n--) tail = n / 2 / (x + tail);
  return expMinusSquare(x) / Math.sqrt(Math.PI) / (x + tail);
}

export function erf(x: number): number {
  if (x === 0 || Number.isNaN(x)) return x;
  if (Math.abs(x) === Infinity) return Math.sign(x);
  if (Math.abs(x) < 2) return erfSeries(x);
  return x > 0 ? 1 - erfcFraction(x) : erfcFraction(-x) - 1;
}

export function erfc(x: number): number {
  if (Number.isNaN(x)) return x;
  // Below the least double from 27.3 on.
  if (x > 28) return 0;
  if (x < -1.5) return 2 - erfc(-x);
  return x < 1.5 ? 1 - erfSeries(x) : erfcFraction(x);
}

/** A first guess (Winitzki's), then Halley's iteration; close to ±1 on erfc, where erf has no digits left. */
export function erfinv(y: number): number {
  if (y === 0 || Number.isNaN(y)) return y;
  if (Math.abs(y) > 1) return NaN;
  if (Math.abs(y) === 1) return y * Infinity;
  const rest = 1 - Math.abs(y);
  const log = Math.log(rest * (1 + Math.abs(y)));
  const half = 2 / (Math.PI * 0.147) + log / 2;
  let x = Math.sqrt(Math.sqrt(half * half - log / 0.147) - half);
  for (let i = 0; i < 4; i++) {
    const error = rest < 0.5 ? rest - erfc(x) : erf(x) - Math.abs(y);
    const step = error / (twoOverSqrtPi * expMinusSquare(x));
    x -= step / (1 + x * step);
  }
  return Math.sign(y) * x;
}

/** zetaMinusOne[k] is ζ(k) - 1: a direct sum with Euler and Maclaurin's tail. */
const zetaMinusOne = Array.from({ length: 32 }, (_, k) => {
  if (k < 2) return 0;
  const last = 20;
  let sum = last ** (1 - k) / (k - 1) + last ** -k / 2 + (k * last ** (-k - 1)) / 12;
  sum -= (k * (k + 1) * (k + 2) * last ** (-k - 3)) / 720;
  sum += (k * (k + 1) * (k + 2) * (k + 3) * (k + 4) * last ** (-k - 5)) / 30240;
  for (let n = last - 1; n > 1; n--) sum += n ** -k;
  return sum;
});

/** log Γ(2 + z) for |z| up to 1/2, by its series, which keeps its digits at the zeros of log Γ. */
function lgammaAtTwo(z: number): number {
  let sum = 0;
  for (let k = zetaMinusOne.length - 1; k >= 2; k--) sum = -z * sum + zetaMinusOne[k] / k;
  return z * (1 - eulerGamma) + z * z * sum;
}

/** sin(πx), exact where x is an integer. */
function sinPi(x: number): number {
  const rest = x - Math.round(x);
  return (Math.round(x) % 2 === 0 ? 1 : -1) * Math.sin(Math.PI * rest);
}

/** log |Γ(x)|. */
export function lgamma(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) === Infinity) return Infinity;
  if (x <= 0 && Number.isInteger(x)) return Infinity;
  if (x < 0.5) {
    if (x > -0.5) return lgammaAtTwo(x) - Math.log1p(x) - Math.log(Math.abs(x));
    return Math.log(Math.PI / Math.abs(sinPi(x))) - lgamma(1 - x);
  }
  if (x < 1.5) return lgammaAtTwo(x - 1) - Math.log1p(x - 1);
  if (x < 2.5) return lgammaAtTwo(x - 2);
  let product = 1;
  while (x < 12) product *= x++;
  const r = 1 / (x * x);
  const series =
    1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r * (1 / 1188 - (r * 691) / 360360))));
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series / x - Math.log(product);
}

/** Γ'(x) / Γ(x). */
export function digamma(x: number): number {
  if (x === 0) return Object.is(x, -0) ? Infinity : -Infinity;
  if (x < 0) {
    if (Number.isInteger(x) || x === -Infinity) return NaN;
    const rest = x - Math.trunc(x);
    return digamma(1 - x) - Math.PI / Math.tan(Math.PI * rest);
  }
  let shift = 0;
  while (x < 12) shift -= 1 / x++;
  const r = 1 / (x * x);
  const series =
    r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - (r * 691) / 32760)))));
  return x === Infinity ? x : Math.log(x) - 0.5 / x - series + shift;
}
