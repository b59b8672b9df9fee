/** Elements as WGSL values: the type that each dtype computes in, from and to what buffers hold, and exact literals. */
import { type ComputeType, computeType, type DType } from '@sconce/core';
import type { Shader } from '../shader.ts';

/** The WGSL type of a value of the dtype. int64 is (low, high). */
export function valueType(dtype: DType): 'bool' | 'i32' | 'f32' | 'vec2<u32>' {
  switch (computeType(dtype)) {
    case 'bool':
      return 'bool';
    case 'int32':
      return 'i32';
    case 'int64':
      return 'vec2<u32>';
    default:
      return 'f32';
  }
}

/** A stored element as a value. Every dtype but bool is held as it is computed. */
export const loaded = (dtype: DType, stored: string): string =>
  dtype === 'bool' ? `(${stored} != 0u)` : stored;

/** A value as a stored element. The value is of the dtype itself: a cast to it has rounded or wrapped it. */
export const stored = (dtype: DType, value: string): string => (dtype === 'bool' ? `u32(${value})` : value);

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** A float32 to the last bit. WGSL has no literals for NaN and the infinities, and compilers may drop other odd ones. */
export function floatLiteral(shader: Pick<Shader, 'use'>, value: number): string {
  float[0] = value;
  const single = float[0];
  const size = Math.abs(single);
  // What rounds to the largest float32 from above is out of range to WGSL.
  if (Object.is(single, -0) || !(size < 3.4028e38) || (size > 0 && size < 2 ** -126))
    return `${shader.use('f32_of')}(0x${bits[0]!.toString(16)}u)`;
  let text = '';
  for (let digits = 6; digits <= 9; digits++) {
    text = String(Number(single.toPrecision(digits)));
    if (Math.fround(Number(text)) === single) break;
  }
  return `${single < 0 ? '(' : ''}${text}f${single < 0 ? ')' : ''}`;
}

const intLiteral = (value: number): string =>
  value === -0x80000000 ? '(-2147483647i - 1i)' : value < 0 ? `(${value}i)` : `${value}i`;

/** A constant of a compute type. */
export function literal(shader: Pick<Shader, 'use'>, value: number | bigint, dtype: ComputeType): string {
  switch (dtype) {
    case 'bool':
      return Number(value) === 0 ? 'false' : 'true';
    case 'int32':
      return intLiteral(Number(BigInt.asIntN(32, BigInt(value))));
    case 'int64': {
      const wide = BigInt.asUintN(64, BigInt(value));
      return `vec2<u32>(${wide & 0xffffffffn}u, ${wide >> 32n}u)`;
    }
    default:
      return floatLiteral(shader, Number(value));
  }
}
