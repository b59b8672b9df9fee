/** Floats looked at as bits: odd constants, tests that no compiler may fold, and rounding to 16 bits. */
export const bits = `
fn f32_of(bits: u32) -> f32 { return bitcast<f32>(bits); }

fn f32_isnan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }

fn round_bf16(x: f32) -> f32 {
  let b = bitcast<u32>(x);
  let r = (b + 0x7fffu + ((b >> 16u) & 1u)) & 0xffff0000u;
  return bitcast<f32>(select(r, 0x7fc00000u, (b & 0x7fffffffu) > 0x7f800000u));
}

fn round_f16(x: f32) -> f32 {
  let b = bitcast<u32>(x);
  let a = b & 0x7fffffffu;
  let shift = 13u + min(113u - min(a >> 23u, 113u), 12u);
  let m = select(a, (a & 0x7fffffu) | 0x800000u, shift > 13u);
  let r = ((m + (1u << (shift - 1u)) - 1u + ((m >> shift) & 1u)) >> shift) << shift;
  let size = select(bitcast<f32>(((a >> 23u) - 23u) << 23u), 0.0f, a < 0x33000000u);
  let small = bitcast<u32>(f32(r) * size);
  let large = select(0x7f800000u, 0x7fc00000u, a > 0x7f800000u);
  let v = select(select(r, large, r > 0x477fe000u), small, shift > 13u);
  return bitcast<f32>(v | (b & 0x80000000u));
}
`;
