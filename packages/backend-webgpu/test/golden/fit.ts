/** Prints src/lower/wgsl/coefficients.ts: minimax polynomials for float32, by reweighted least squares (Lawson). */
import { erfc, erfinv, lgamma } from '../../../backend-reference/src/special.ts';

type F = (t: number) => number;

/** Solves the normal equations in a Chebyshev basis, where doubles suffice. */
function leastSquares(xs: number[], ys: number[], ws: number[], degree: number): number[] {
  const n = degree + 1;
  const [lo, hi] = [xs[0]!, xs[xs.length - 1]!];
  const A = Array.from({ length: n }, () => new Array<number>(n + 1).fill(0));
  for (let k = 0; k < xs.length; k++) {
    const u = (2 * xs[k]! - lo - hi) / (hi - lo);
    const T = [1, u];
    for (let i = 2; i < n; i++) T[i] = 2 * u * T[i - 1]! - T[i - 2]!;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) A[i]![j]! += ws[k]! * T[i]! * T[j]!;
      A[i]![n]! += ws[k]! * T[i]! * ys[k]!;
    }
  }
  for (let i = 0; i < n; i++) {
    let p = i;
    for (let r = i; r < n; r++) if (Math.abs(A[r]![i]!) > Math.abs(A[p]![i]!)) p = r;
    [A[i], A[p]] = [A[p]!, A[i]!];
    for (let r = 0; r < n; r++) {
      if (r === i) continue;
      const f = A[r]![i]! / A[i]![i]!;
      for (let c = i; c <= n; c++) A[r]![c]! -= f * A[i]![c]!;
    }
  }
  const cheb = A.map((row, i) => row[n]! / row[i]!);
  // To powers of t.
  const a = 2 / (hi - lo);
  const b = -(lo + hi) / (hi - lo);
  const out = new Array<number>(n).fill(0);
  let T0 = [1];
  let T1 = [b, a];
  for (let i = 0; i < n; i++) {
    const T = i === 0 ? T0 : T1;
    T.forEach((c, k) => {
      out[k]! += cheb[i]! * c;
    });
    if (i >= 1) {
      const next = new Array<number>(i + 2).fill(0);
      T1.forEach((c, k) => {
        next[k]! += 2 * b * c;
        next[k + 1]! += 2 * a * c;
      });
      T0.forEach((c, k) => {
        next[k]! -= c;
      });
      [T0, T1] = [T1, next];
    }
  }
  return out;
}

/** `f` on [lo, hi] by a polynomial; errors count `weight` times. */
function fit(name: string, f: F, lo: number, hi: number, degree: number, weight: F): void {
  const N = 4000;
  const xs = Array.from(
    { length: N },
    (_, i) => (lo + hi) / 2 - ((hi - lo) / 2) * Math.cos((Math.PI * (i + 0.5)) / N),
  );
  const ys = xs.map(f);
  const scale = xs.map((x) => Math.abs(weight(x)));
  let lawson = xs.map(() => 1);
  let best: number[] = [];
  let least = Infinity;
  for (let it = 0; it < 200; it++) {
    const c = leastSquares(
      xs,
      ys,
      lawson.map((l, i) => l * scale[i]! ** 2),
      degree,
    );
    const errors = xs.map((x, i) => Math.abs(c.reduceRight((s, k) => s * x + k, 0) - ys[i]!) * scale[i]!);
    const most = Math.max(...errors);
    if (most < least) [least, best] = [most, c];
    const total = lawson.reduce((s, l, i) => s + l * errors[i]!, 0);
    lawson = lawson.map((l, i) => ((l * errors[i]!) / total) * N);
  }
  console.log(`export const ${name} = [\n  ${best.map((c) => Number(c.toPrecision(10))).join(', ')},\n];`);
  console.error(name, 'error', least.toExponential(2));
}

const H = Math.LN2 / 2;
const small =
  (f: F, series: F, below: number): F =>
  (t) =>
    Math.abs(t) < below ? series(t) : f(t);
console.log(
  '/** Fitted coefficients, printed by test/golden/fit.ts. */\n// biome-ignore-all format: tables\n// biome-ignore-all lint/suspicious/noApproximativeNumericConstant: fitted to float32\n',
);
fit(
  'expSeries',
  small(
    (r) => (Math.expm1(r) - r) / (r * r),
    (r) => 0.5 + r / 6 + (r * r) / 24,
    1e-3,
  ),
  -H,
  H,
  4,
  (r) => (r * r) / Math.exp(r),
);
fit(
  'exp2Series',
  small(
    (r) => Math.expm1(r * Math.LN2) / r,
    (r) => Math.LN2 + (r * Math.LN2 ** 2) / 2,
    1e-7,
  ),
  -0.5,
  0.5,
  6,
  (r) => r || 1e-9,
);
const S = 0.17157287525380993;
const logRest: F = (z) => {
  const s = Math.sqrt(z);
  return z < 1e-5 ? 2 / 3 + 0.4 * z : (2 * Math.atanh(s) - 2 * s) / (s * z);
};
fit('logSeries', logRest, 0, S * S, 2, (z) => z);
fit(
  'powSeries',
  (z) => logRest(z) / Math.LN2,
  0,
  S * S,
  3,
  (z) => z,
);
const Q = (Math.PI / 4) ** 2;
fit(
  'sinSeries',
  (z) => {
    const r = Math.sqrt(z);
    return z < 1e-4 ? -1 / 6 + z / 120 : (Math.sin(r) / r - 1) / z;
  },
  0,
  Q,
  3,
  (z) => z,
);
fit(
  'cosSeries',
  (z) => (z < 1e-3 ? -0.5 + z / 24 - (z * z) / 720 : (Math.cos(Math.sqrt(z)) - 1) / z),
  0,
  Q,
  3,
  (z) => z,
);
const T = Math.SQRT2 - 1;
fit(
  'atanSeries',
  (z) => {
    const r = Math.sqrt(z);
    return z < 1e-4 ? -1 / 3 + z / 5 : (Math.atan(r) / r - 1) / z;
  },
  0,
  T * T,
  4,
  (z) => z,
);
fit(
  'asinSeries',
  (z) => {
    const r = Math.sqrt(z);
    return z < 1e-4 ? 1 / 6 + (3 * z) / 40 : (Math.asin(r) / r - 1) / z;
  },
  0,
  0.25,
  4,
  (z) => z,
);
// erfc(x) = exp(-x²) series(t) / (1 + 2 x), t = (x - 2) / (x + 2).
fit(
  'erfcSeries',
  (t) => {
    const x = (2 * (1 + t)) / (1 - t);
    return x > 25
      ? ((1 + 2 * x) / (x * Math.sqrt(Math.PI))) * (1 - 0.5 / (x * x))
      : erfc(x) * Math.exp(x * x) * (1 + 2 * x);
  },
  -0.6,
  0.7,
  9,
  () => 1,
);
const atW = (w: number): number => Math.sqrt(-Math.expm1(-w));
fit(
  'erfinvCentral',
  (v) => {
    const w = v + 3;
    return w < 1e-6 ? Math.sqrt(Math.PI) / 2 : erfinv(atW(w)) / atW(w);
  },
  -3,
  3,
  11,
  () => 1,
);
fit(
  'erfinvTail',
  (v) => {
    const w = (v + 3) ** 2;
    const rest = Math.exp(-w) / (1 + atW(w));
    return inverseOf(rest) / atW(w);
  },
  Math.sqrt(5.9) - 3,
  1.1,
  8,
  () => 0.4,
);
fit(
  'lgammaTwo',
  (z) => (Math.abs(z) < 1e-4 ? 0.422784335098467 + 0.322467033424113 * z : lgamma(2 + z) / z),
  -0.5,
  0.5,
  9,
  () => 1,
);

/** erfinv(1 - rest) by bisection on erfc. */
function inverseOf(rest: number): number {
  let [a, b] = [0, 6];
  for (let i = 0; i < 80; i++) {
    const m = (a + b) / 2;
    if (erfc(m) > rest) a = m;
    else b = m;
  }
  return a;
}
