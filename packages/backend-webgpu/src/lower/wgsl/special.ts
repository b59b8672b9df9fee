/** erf and its relatives, and the gamma functions. */
import { erfcSeries, erfinvCentral, erfinvTail, lgammaTwo } from './coefficients.ts';
import { poly } from './poly.ts';

/** An odd rational function on [-4, 4]; beyond, erf is 1. */
const erfP = [1.12837917, 0.193132192, 0.0530448035, 0.00386522338, 0.00028409223, 0.00000198896278];
const erfQ = [1, 0.504491568, 0.115177289, 0.0151707195, 0.00118107104, 0.0000374182418];

/** B_2k / (2k (2k - 1)) and B_2k / 2k: the asymptotic series of log gamma and of its derivative. */
const lgammaSeries = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188];
const digammaSeries = [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132];

export const special = `
fn f32_erf(x: f32) -> f32 {
  let t = select(select(x, 4.0f, x > 4.0f), -4.0f, x < -4.0f);
  let z = t * t;
  let r = t * ${poly('z', erfP)} / ${poly('z', erfQ)};
  return select(select(r, 1.0f, r > 1.0f), -1.0f, r < -1.0f);
}

fn f32_erfc(a: f32) -> f32 {
  if (a < 0.5f) { return 1.0f - f32_erf(a); }
  let x = select(a, 11.0f, a > 11.0f);
  let t = (x - 2.0f) / (x + 2.0f);
  let s = upper_half(x);
  let e = f32_exp(-(s * s)) * f32_exp((s - x) * (s + x));
  return e * ${poly('t', erfcSeries)} / (x + x + 1.0f);
}

fn f32_erfinv(x: f32) -> f32 {
  let a = abs(x);
  let w = -f32_log((1.0f - a) * (1.0f + a));
  let v = w - 3.0f;
  let u = sqrt(w) - 3.0f;
  let r = x * select(${poly('u', erfinvTail)}, ${poly('v', erfinvCentral)}, w < 6.0f);
  return select(select(r, f32_of(0x7fc00000u), !(a <= 1.0f)), copysign(f32_of(0x7f800000u), x), a == 1.0f);
}

fn sin_pi(x: f32) -> f32 { return f32_sin(3.14159274f * (x - round(x))); }

fn lgamma_right(x: f32) -> f32 {
  let near = x < 4.5f;
  let k = floor(x + 0.5f);
  let product = select(x, select(x - 1.0f, (x - 1.0f) * (x - 2.0f), k > 3.5f), k > 2.5f);
  let l = f32_log(select(x, product, near));
  if (near) {
    let z = x - k;
    return z * ${poly('z', lgammaTwo)} + select(select(l, 0.0f, k == 2.0f), -l, k < 1.5f);
  }
  let i = 1.0f / x;
  let z = i * i;
  return (x - 0.5f) * (l - 1.0f) + (0.418938518f + i * ${poly('z', lgammaSeries)});
}

fn f32_lgamma(x: f32) -> f32 {
  if (f32_isnan(x)) { return x; }
  if (((bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u) | ((x <= 0.0f) & (floor(x) == x))) { return f32_of(0x7f800000u); }
  let far = x <= -0.5f;
  let right = lgamma_right(select(select(x, x + 1.0f, x < 0.5f), 1.0f - x, far));
  if (x >= 0.5f) { return right; }
  let l = f32_log(abs(select(x, sin_pi(x), far)));
  return select(right - l, (1.14472985f - l) - right, far);
}

fn f32_digamma(x: f32) -> f32 {
  if (x == 0.0f) { return copysign(f32_of(0x7f800000u), -x); }
  let negative = x < 0.0f;
  if (f32_isnan(x) | (negative & (floor(x) == x))) { return f32_of(0x7fc00000u); }
  if (bitcast<u32>(x) == 0x7f800000u) { return x; }
  var y = select(x, 1.0f - x, negative);
  var sum = 0.0f;
  loop {
    if (y >= 6.0f) { break; }
    sum -= 1.0f / y;
    y += 1.0f;
  }
  let i = 1.0f / y;
  let z = i * i;
  sum += f32_log(y) - 0.5f * i - z * ${poly('z', digammaSeries)};
  if (!negative) { return sum; }
  return sum - 3.14159274f / f32_tan(3.14159274f * (x - round(x)));
}
`;
