/** Sort keys: unsigned words in the order of the values, NaN greatest, -0 equal to 0. For sort, argmin and argmax. */
import { computeType, type DType } from '@sconce/core';
import type { Shader } from '../shader.ts';

const keys: Readonly<Record<string, { readonly name: string; readonly text: string }>> = {
  float32: {
    name: 'f32_key',
    text: `fn f32_key(x: f32) -> u32 {
  let b = bitcast<u32>(x);
  let z = select(b, 0u, b == 0x80000000u);
  let k = z ^ (bitcast<u32>(bitcast<i32>(z) >> 31u) | 0x80000000u);
  return select(k, 0xffffffffu, (b & 0x7fffffffu) > 0x7f800000u);
}`,
  },
  int32: { name: 'i32_key', text: 'fn i32_key(x: i32) -> u32 { return bitcast<u32>(x) ^ 0x80000000u; }' },
  int64: {
    name: 'i64_key',
    text: 'fn i64_key(x: vec2<u32>) -> vec2<u32> { return vec2<u32>(x.x, x.y ^ 0x80000000u); }',
  },
};

/** The words of a key: 2 (low, high) for int64. */
export const keyWords = (dtype: DType): 1 | 2 => (dtype === 'int64' ? 2 : 1);

/** Declares the key function of a dtype and returns its call: of an element as stored (for bool also a u32). */
export function keyOf(shader: Shader, dtype: DType): (element: string) => string {
  const type = computeType(dtype);
  if (type === 'bool') return (x) => x;
  const { name, text } = keys[type]!;
  shader.declare(text);
  return (x) => `${name}(${x})`;
}
