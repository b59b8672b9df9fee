/**
 * exp, log and what is made of them, in float32 alone. Reduction by powers of two, then a polynomial. A NaN goes through
 * comparisons, which are false for it, and comes out; nothing depends on subnormals or on when products are fused. The
 * `fma`s need not fuse either, since the products are exact: they keep compilers from putting the constants together.
 */
import { exp2Series, expSeries, logSeries, powSeries } from './coefficients.ts';
import { poly } from './poly.ts';

export const exponential = `
fn power_of_2(n: i32) -> f32 { return bitcast<f32>((n + 127) << 23u); }

fn scaled_by_2(x: f32, n: i32) -> f32 {
  let h = n >> 1u;
  return x * power_of_2(h) * power_of_2(n - h);
}

fn exp_rest(x: f32, n: f32) -> f32 {
  let r = fma(-n, 0.00000142860677f, fma(-n, 0.693145752f, x));
  return r + r * r * ${poly('r', expSeries)};
}

fn f32_exp(a: f32) -> f32 {
  let x = select(select(a, 95.0f, a > 95.0f), -110.0f, a < -110.0f);
  let n = round(x * 1.44269502f);
  return scaled_by_2(1.0f + exp_rest(x, n), i32(n));
}

fn f32_expm1(a: f32) -> f32 {
  let x = select(select(a, 89.0f, a > 89.0f), -25.0f, a < -25.0f);
  let n = round(x * 1.44269502f);
  let p = power_of_2(i32(n) - 1);
  return select(2.0f * (exp_rest(x, n) * p + (p - 0.5f)), a, abs(a) < 1e-9f);
}

fn f32_tanh(a: f32) -> f32 {
  let x = select(select(a, 10.0f, a > 10.0f), -10.0f, a < -10.0f);
  let e = f32_expm1(x + x);
  return e / (e + 2.0f);
}

fn log_split(x: f32) -> vec2<f32> {
  let b = bitcast<u32>(x);
  let small = b < 0x800000u;
  let m = select(b, bitcast<u32>(f32(b)), small) - 0x3f3504f3u;
  let k = i32(m >> 23u) - select(select(0, 512, (m >> 31u) != 0u), 149, small);
  return vec2<f32>(f32(k), bitcast<f32>((m & 0x7fffffu) + 0x3f3504f3u) - 1.0f);
}

fn log_rest(f: f32) -> f32 {
  let s = f / (2.0f + f);
  let z = s * s;
  let h = 0.5f * f * f;
  return h - s * (h + z * ${poly('z', logSeries)});
}

fn log_edges(x: f32, r: f32) -> f32 {
  let b = bitcast<u32>(x);
  let odd = select(f32_of(0x7fc00000u), x, b == 0x7f800000u);
  return select(select(r, odd, b >= 0x7f800000u), f32_of(0xff800000u), (b << 1u) == 0u);
}

fn f32_log(x: f32) -> f32 {
  let s = log_split(x);
  return log_edges(x, s[0] * 0.693145752f - ((log_rest(s[1]) - s[0] * 0.00000142860677f) - s[1]));
}

fn f32_log2(x: f32) -> f32 {
  let s = log_split(x);
  return log_edges(x, (s[1] - log_rest(s[1])) * 1.44269502f + s[0]);
}

fn f32_log10(x: f32) -> f32 {
  let s = log_split(x);
  return log_edges(x, (s[1] - log_rest(s[1])) * 0.434294492f + s[0] * 7.9034151667654e-7f + s[0] * 0.301029205f);
}

fn f32_log1p(x: f32) -> f32 {
  let near = (x > -0.292f) & (x < 0.414f);
  let s = log_split(1.0f + x);
  let k = select(s[0], 0.0f, near);
  let f = select(s[1], x, near);
  let r = k * 0.693145752f - ((log_rest(f) - k * 0.00000142860677f) - f);
  return select(log_edges(1.0f + x, r), select(r, x, abs(x) < 1e-9f), near);
}

fn upper_half(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }

fn f32_pow(x: f32, e: f32) -> f32 {
  let a = abs(x);
  let nan = f32_of(0x7fc00000u);
  let y = select(select(e, 1e30f, e > 1e30f), -1e30f, e < -1e30f);
  let split = log_split(a);
  let f = split[1];
  let t = 2.0f + f;
  let th = upper_half(t);
  let tl = f - (th - 2.0f);
  let s = f / t;
  let sh = upper_half(s);
  let sl = ((f - sh * th) - sh * tl) / t;
  let z = s * s;
  let main = sh * 2.88476562f;
  let rest = sh * 0.000624463951f + sl * 2.88539004f + s * (z * ${poly('z', powSeries)});
  let lh = upper_half(split[0] + main + rest);
  let ll = ((split[0] - lh) + main) + rest;
  let yh = upper_half(y);
  let p = yh * lh;
  let q = (y - yh) * lh + y * ll;
  let n = round(clamp(p + q, -160.0f, 140.0f));
  let r = (p - n) + q;
  var v = scaled_by_2(1.0f + r * ${poly('r', exp2Series)}, i32(n));
  v = select(select(v, f32_of(0x7f800000u), p + q > 129.0f), 0.0f, p + q < -151.0f);
  v = select(v, select(0.0f, f32_of(0x7f800000u), (a < 1.0f) == (e < 0.0f)), (a == 0.0f) | (bitcast<u32>(a) == 0x7f800000u));
  let whole = trunc(e) == e;
  let half = e * 0.5f;
  let odd = whole & (abs(e) < 16777216.0f) & (trunc(half) != half);
  v = select(v, -v, odd & ((bitcast<u32>(x) >> 31u) != 0u));
  v = select(v, nan, ((x < 0.0f) & !whole & (bitcast<u32>(a) != 0x7f800000u)) | f32_isnan(x) | f32_isnan(e));
  return select(v, 1.0f, (x == 1.0f) | (e == 0.0f) | ((a == 1.0f) & ((bitcast<u32>(e) & 0x7fffffffu) == 0x7f800000u)));
}

fn f32_rem(x: f32, y: f32) -> f32 {
  let sign = bitcast<u32>(x) & 0x80000000u;
  let a = bitcast<u32>(x) & 0x7fffffffu;
  let b = bitcast<u32>(y) & 0x7fffffffu;
  if ((a >= 0x7f800000u) | (b > 0x7f800000u) | (b == 0u)) { return f32_of(0x7fc00000u); }
  if (a < b) { return x; }
  let eb = max(b >> 23u, 1u);
  let mb = (b & 0x7fffffu) | select(0u, 0x800000u, b > 0x7fffffu);
  var n = max(a >> 23u, 1u) - eb;
  var r = ((a & 0x7fffffu) | select(0u, 0x800000u, a > 0x7fffffu)) % mb;
  loop {
    if (n == 0u) { break; }
    let s = min(n, 8u);
    r = (r << s) % mb;
    n -= s;
  }
  if (r == 0u) { return f32_of(sign); }
  let up = countLeadingZeros(r) - 8u;
  if (eb > up) { return bitcast<f32>(sign | (((eb - up - 1u) << 23u) + (r << up))); }
  return bitcast<f32>(sign | (r << (eb - 1u)));
}
`;
