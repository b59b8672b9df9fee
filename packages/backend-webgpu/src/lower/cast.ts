/** Conversion between dtypes. */
import { type DType, dtypes } from '@sconce/core';
import type { Value, Writer } from './lower.ts';

/** int32 to a narrower integer, whose value an i32 holds: wraps. */
function wrapped(i32: string, to: DType): string {
  switch (to) {
    case 'uint8':
      return `${i32} & 255`;
    case 'int8':
      return `(${i32} << 24u) >> 24u`;
    case 'int16':
      return `(${i32} << 16u) >> 16u`;
    default:
      return i32;
  }
}

/** Integers narrower than int32 lie within these: converting them to what is wider changes nothing. */
const contains: Partial<Record<DType, readonly DType[]>> = {
  uint8: ['uint8', 'bool'],
  int8: ['int8', 'bool'],
  int16: ['int16', 'int8', 'uint8', 'bool'],
  int32: ['int32', 'int16', 'int8', 'uint8', 'bool'],
};

/** 16-bit floats: rounding on the bits, so that no rounding mode or flushing matters. */
const rounded = (w: Writer, f32: string, to: DType): string =>
  to === 'float16' ? w.call('round_f16', f32) : to === 'bfloat16' ? w.call('round_bf16', f32) : f32;

/** The value in its new dtype; `isShort`: an int64 that is wanted as an i32. */
export function cast(w: Writer, v: Value, to: DType, isShort: boolean): string {
  const { text: x, dtype: from } = v;
  const wide = from === 'int64' && !v.isShort;
  if (from === to) return x;
  if (to === 'bool') {
    // On the bits: a subnormal is not zero, even where arithmetic says so.
    if (dtypes[from].isFloat) return `(bitcast<u32>(${x}) & 0x7fffffffu) != 0u`;
    return wide ? `(${x}.x | ${x}.y) != 0u` : `${x} != 0`;
  }
  if (dtypes[to].isFloat) {
    if (dtypes[from].isFloat) return to === 'float32' ? x : rounded(w, x, to);
    // A whole number of 8 bits is a 16-bit float.
    const single = wide ? w.call('f32_of_i64', x) : `f32(${x})`;
    return from === 'bool' || from === 'uint8' || from === 'int8' ? single : rounded(w, single, to);
  }
  if (to === 'int64') {
    if (dtypes[from].isFloat) return w.call('i64_of_f32', x);
    const short = from === 'bool' ? `i32(${x})` : x;
    return isShort ? short : w.call('i64_of', short);
  }
  if (dtypes[from].isFloat) return wrapped(w.call('i32_of_f32', x), to);
  const i32 = from === 'bool' ? `i32(${x})` : wide ? `bitcast<i32>(${x}.x)` : x;
  return contains[to]!.includes(from) ? i32 : wrapped(i32, to);
}
