/**
 * The circular functions and their inverses. The argument is reduced with integers, exactly for every float32: products
 * of its 24 bits with the bits of 2 / pi that count.
 */
import { asinSeries, atanSeries, cosSeries, sinSeries } from './coefficients.ts';
import { poly } from './poly.ts';

export const trigonometric = `
fn f32_sincos(x: f32) -> vec2<f32> {
  let b = bitcast<u32>(x) & 0x7fffffffu;
  var r = x;
  var q = 0u;
  if (b > 0x3f490fdau) {
    var table = array<u32, 8>(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
    let at = (b >> 23u) - 120u;
    let w = min(at >> 5u, 4u);
    let s = at & 31u;
    let d = (32u - s) & 31u;
    let on = select(0u, 0xffffffffu, s != 0u);
    let p0 = (table[w] << s) | ((table[w + 1u] >> d) & on);
    let p1 = (table[w + 1u] << s) | ((table[w + 2u] >> d) & on);
    let p2 = (table[w + 2u] << s) | ((table[w + 3u] >> d) & on);
    let m = (b & 0x7fffffu) | 0x800000u;
    let low = u32_mul(m, p2).y;
    let t = i64_add(u32_mul(m, p1), vec2<u32>(low, m * p0));
    q = t.y >> 30u;
    var f = vec2<u32>(t.x << 2u, (t.y << 2u) | (t.x >> 30u));
    let above = f.y >> 31u;
    q += above;
    f = select(f, i64_neg(f), above != 0u);
    r = (f32(f.y) * 2.32830644e-10f + f32(f.x) * 5.42101086e-20f) * 1.57079637f;
    r = select(r, -r, above != 0u);
    r = select(r, f32_of(0x7fc00000u), b >= 0x7f800000u);
    let flip = bitcast<u32>(x) >> 31u;
    r = select(r, -r, flip != 0u);
    q = select(q, 0u - q, flip != 0u);
  }
  let z = r * r;
  let sine = r * (1.0f + z * ${poly('z', sinSeries)});
  let cosine = 1.0f + z * ${poly('z', cosSeries)};
  let turned = select(vec2<f32>(sine, cosine), vec2<f32>(cosine, -sine), (q & 1u) != 0u);
  return select(turned, -turned, (q & 2u) != 0u);
}

fn f32_sin(x: f32) -> f32 { return f32_sincos(x).x; }

fn f32_cos(x: f32) -> f32 { return f32_sincos(x).y; }

fn f32_tan(x: f32) -> f32 {
  let v = f32_sincos(x);
  return v.x / v.y;
}

fn copysign(x: f32, s: f32) -> f32 {
  return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(s) & 0x80000000u));
}

fn atan_unit(x: f32) -> f32 {
  let high = x > 0.414213568f;
  let u = select(x, (x - 1.0f) / (x + 1.0f), high);
  let z = u * u;
  return select(0.0f, 0.785398185f, high) + u * (1.0f + z * ${poly('z', atanSeries)});
}

fn f32_atan(x: f32) -> f32 {
  let a = abs(x);
  let steep = a > 1.0f;
  let r = atan_unit(select(a, 1.0f / a, steep));
  return copysign(select(r, 1.57079637f - r, steep), x);
}

fn f32_atan2(y: f32, x: f32) -> f32 {
  let ax = abs(x);
  let ay = abs(y);
  let steep = ay > ax;
  let top = select(ay, ax, steep);
  let bottom = select(ax, ay, steep);
  let s = select(select(1.0f, 0.0625f, bottom > 1e30f), 1e20f, bottom < 1e-20f);
  var t = (top * s) / (bottom * s);
  t = select(select(t, 0.0f, bottom == 0.0f), 1.0f, bitcast<u32>(top) == 0x7f800000u);
  var r = atan_unit(t);
  r = select(r, 1.57079637f - r, steep);
  r = copysign(select(r, 3.14159274f - r, (bitcast<u32>(x) >> 31u) != 0u), y);
  return select(r, f32_of(0x7fc00000u), f32_isnan(x) | f32_isnan(y));
}

fn asin_half(x: f32) -> f32 {
  let z = x * x;
  return x * (1.0f + z * ${poly('z', asinSeries)});
}

fn f32_asin(x: f32) -> f32 {
  let a = abs(x);
  let high = a > 0.5f;
  let r = asin_half(select(a, sqrt(0.5f - 0.5f * min(a, 1.0f)), high));
  return select(copysign(select(r, 1.57079637f - 2.0f * r, high), x), f32_of(0x7fc00000u), !(a <= 1.0f));
}

fn f32_acos(x: f32) -> f32 {
  let a = abs(x);
  let high = a > 0.5f;
  let r = asin_half(select(x, sqrt(0.5f - 0.5f * min(a, 1.0f)), high));
  let v = select(1.57079637f - r, select(2.0f * r, 3.14159274f - 2.0f * r, x < 0.0f), high);
  return select(v, f32_of(0x7fc00000u), !(a <= 1.0f));
}

fn f32_cosh(x: f32) -> f32 {
  let h = f32_exp(0.5f * abs(x));
  return 0.5f * h * h + 0.5f / h / h;
}

fn f32_sinh(x: f32) -> f32 {
  let a = abs(x);
  let e = f32_expm1(min(a, 30.0f));
  let h = f32_exp(0.5f * a);
  let r = copysign(select(0.5f * h * h, 0.5f * (e + e / (e + 1.0f)), a < 20.0f), x);
  return select(r, x, f32_isnan(x));
}

fn f32_asinh(x: f32) -> f32 {
  let a = abs(x);
  let z = a * a;
  let small = f32_log1p(a + z / (sqrt(z + 1.0f) + 1.0f));
  return copysign(select(f32_log(a) + 0.693147182f, small, a < 1e9f), x);
}

fn f32_acosh(x: f32) -> f32 {
  let t = x - 1.0f;
  let small = f32_log1p(t + sqrt(t * (t + 2.0f)));
  let r = select(f32_log(x) + 0.693147182f, small, x < 1e9f);
  return select(r, f32_of(0x7fc00000u), x < 1.0f);
}

fn f32_atanh(x: f32) -> f32 {
  let a = abs(x);
  let r = 0.5f * f32_log1p((a + a) / (1.0f - a));
  return select(copysign(select(r, f32_of(0x7f800000u), a == 1.0f), x), f32_of(0x7fc00000u), !(a <= 1.0f));
}
`;
