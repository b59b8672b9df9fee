/** 64-bit integers as (low, high) words of 32 bits, and the integer operations that WGSL lacks. */
export const int64 = `
fn i64_of(a: i32) -> vec2<u32> { return vec2<u32>(bitcast<u32>(a), bitcast<u32>(a >> 31u)); }

fn i64_add(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = a.x + b.x;
  return vec2<u32>(low, a.y + b.y + u32(low < a.x));
}

fn i64_sub(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> { return vec2<u32>(a.x - b.x, a.y - b.y - u32(a.x < b.x)); }

fn i64_neg(a: vec2<u32>) -> vec2<u32> { return vec2<u32>(0u - a.x, ~a.y + u32(a.x == 0u)); }

fn i64_abs(a: vec2<u32>) -> vec2<u32> { return select(a, i64_neg(a), bitcast<i32>(a.y) < 0); }

fn i64_lt(a: vec2<u32>, b: vec2<u32>) -> bool {
  return select(bitcast<i32>(a.y) < bitcast<i32>(b.y), a.x < b.x, a.y == b.y);
}

fn u32_mul(a: u32, b: u32) -> vec2<u32> {
  let a0 = a & 0xffffu;
  let a1 = a >> 16u;
  let b0 = b & 0xffffu;
  let b1 = b >> 16u;
  let m = a0 * b1;
  let t = a1 * b0 + ((a0 * b0) >> 16u);
  let s = (t & 0xffffu) + (m & 0xffffu);
  return vec2<u32>(a * b, a1 * b1 + (t >> 16u) + (m >> 16u) + (s >> 16u));
}

fn i64_mul(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let low = u32_mul(a.x, b.x);
  return vec2<u32>(low.x, low.y + a.x * b.y + a.y * b.x);
}

fn i64_shl(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let n = b.x & 31u;
  let up = select(0u, a.x >> ((32u - n) & 31u), n != 0u);
  let near = vec2<u32>(a.x << n, (a.y << n) | up);
  let far = select(near, vec2<u32>(0u, a.x << n), b.x > 31u);
  return select(vec2<u32>(0u, 0u), far, (b.y == 0u) & (b.x < 64u));
}

fn i64_shr(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let sign = bitcast<u32>(bitcast<i32>(a.y) >> 31u);
  let n = b.x & 31u;
  let high = bitcast<u32>(bitcast<i32>(a.y) >> n);
  let down = select(0u, a.y << ((32u - n) & 31u), n != 0u);
  let near = vec2<u32>((a.x >> n) | down, high);
  let far = select(near, vec2<u32>(high, sign), b.x > 31u);
  return select(vec2<u32>(sign, sign), far, (b.y == 0u) & (b.x < 64u));
}

fn u64_divmod(a: vec2<u32>, b: vec2<u32>) -> vec4<u32> {
  if ((a.y | b.y) == 0u) { return vec4<u32>(a.x / b.x, 0u, a.x % b.x, 0u); }
  var q = vec2<u32>(0u, 0u);
  var r = vec2<u32>(0u, 0u);
  var n = a;
  var left = 64u;
  if (a.y == 0u) {
    n = vec2<u32>(0u, a.x);
    left = 32u;
  }
  loop {
    if (left == 0u) { break; }
    left -= 1u;
    r = vec2<u32>((r.x << 1u) | (n.y >> 31u), (r.y << 1u) | (r.x >> 31u));
    n = vec2<u32>(n.x << 1u, (n.y << 1u) | (n.x >> 31u));
    q = vec2<u32>(q.x << 1u, (q.y << 1u) | (q.x >> 31u));
    if ((r.y > b.y) | ((r.y == b.y) & (r.x >= b.x))) {
      r = i64_sub(r, b);
      q.x |= 1u;
    }
  }
  return vec4<u32>(q, r);
}

fn i64_div(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let q = u64_divmod(i64_abs(a), i64_abs(b)).xy;
  return select(q, i64_neg(q), ((a.y ^ b.y) >> 31u) != 0u);
}

fn i64_rem(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let r = u64_divmod(i64_abs(a), i64_abs(b)).zw;
  return select(r, i64_neg(r), (a.y >> 31u) != 0u);
}

fn i64_pow(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  if ((b.y >> 31u) != 0u) {
    let odd = vec2<u32>(select(1u, a.x, (b.x & 1u) != 0u), select(0u, a.y, (b.x & 1u) != 0u));
    let unit = ((a.x == 1u) & (a.y == 0u)) | ((a.x & a.y) == 0xffffffffu);
    return select(vec2<u32>(0u, 0u), odd, unit);
  }
  var result = vec2<u32>(1u, 0u);
  var base = a;
  var n = b;
  loop {
    if ((n.x | n.y) == 0u) { break; }
    if ((n.x & 1u) != 0u) { result = i64_mul(result, base); }
    base = i64_mul(base, base);
    n = vec2<u32>((n.x >> 1u) | (n.y << 31u), n.y >> 1u);
  }
  return result;
}

fn i32_div(a: i32, b: i32) -> i32 { return a / b; }

fn i32_rem(a: i32, b: i32) -> i32 { return a % b; }

fn i32_shl(a: i32, b: i32) -> i32 { return select(0, a << (bitcast<u32>(b) & 31u), bitcast<u32>(b) < 32u); }

fn i32_shr(a: i32, b: i32) -> i32 { return a >> min(bitcast<u32>(b), 31u); }

fn i32_pow(a: i32, b: i32) -> i32 {
  if (b < 0) { return select(0, select(1, a, (b & 1) != 0), abs(a) == 1); }
  var result = 1;
  var base = a;
  var n = b;
  loop {
    if (n == 0) { break; }
    if ((n & 1) != 0) { result *= base; }
    base *= base;
    n = n >> 1u;
  }
  return result;
}

fn f32_of_i64(a: vec2<u32>) -> f32 {
  let m = i64_abs(a);
  if ((m.y == 0u) & (m.x < 0x1000000u)) { return select(f32(m.x), -f32(m.x), a.y != 0u); }
  let zeros = select(countLeadingZeros(m.y), 32u + countLeadingZeros(m.x), m.y == 0u);
  let top = i64_shl(m, vec2<u32>(zeros, 0u));
  let kept = (top.y >> 8u) + (((top.y >> 7u) & 1u) & u32(((top.y & 0x1ffu) != 0x80u) | (top.x != 0u)));
  return bitcast<f32>((a.y & 0x80000000u) | (((189u - zeros) << 23u) + kept));
}

fn i64_of_f32(x: f32) -> vec2<u32> {
  let bits = bitcast<u32>(x);
  let e = (bits >> 23u) & 255u;
  if (e < 127u) { return vec2<u32>(0u, 0u); }
  if (e > 189u) { return vec2<u32>(0u, 0x80000000u); }
  let m = (bits & 0x7fffffu) | 0x800000u;
  let v = select(i64_shl(vec2<u32>(m, 0u), vec2<u32>(e - 150u, 0u)), vec2<u32>(m >> ((150u - e) & 31u), 0u), e < 150u);
  return select(v, i64_neg(v), (bits >> 31u) != 0u);
}

fn i32_of_f32(x: f32) -> i32 {
  if (abs(x) < 2147483648.0f) { return i32(x); }
  return bitcast<i32>(i64_of_f32(x).x);
}
`;
