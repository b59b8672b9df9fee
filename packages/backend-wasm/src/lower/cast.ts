/** Conversion between dtypes of values in machine lanes. */
import { type DType, dtypes } from '@sconce/core/backend';
import type { Val } from '../asm/val.ts';
import { round16, type Width } from './element.ts';

/** float to int64 as x86 does: the lowest for what does not fit and for NaN. */
function truncate(x: Val): Val {
  const kept = x.keep();
  const r = kept.convertFc(x.lane === 'f32' ? 0x04 : 0x06, 'i64');
  return x.fn.select(kept.lt(2 ** 63), r, x.fn.const('i64', -(2n ** 63n)));
}

function narrowInt(x: Val, to: DType, vector: boolean): Val {
  switch (to) {
    case 'int8':
      return vector ? x.shl(24).shr(24) : x.convert(0xc0, 'i32');
    case 'int16':
      return vector ? x.shl(16).shr(16) : x.convert(0xc1, 'i32');
    case 'uint8':
      return x.and(0xff);
    default:
      return x;
  }
}

function roundTo(x: Val, to: DType): Val {
  return to === 'float16' || to === 'bfloat16' ? round16(to, x) : x;
}

function castScalar(x: Val, from: DType, to: DType): Val {
  const source = dtypes[from];
  const target = dtypes[to];
  if (to === 'bool') return from === 'bool' ? x : x.ne(x.k(0));
  if (target.isFloat) {
    if (source.isFloat) {
      if (from === 'float64') return to === 'float64' ? x : roundTo(x.convert(0xb6, 'f32'), to);
      return to === 'float64' ? x.convert(0xbb, 'f64') : to === from ? x : roundTo(x, to);
    }
    if (to === 'float64') return x.convert(from === 'int64' ? 0xb9 : 0xb7, 'f64');
    return roundTo(x.convert(from === 'int64' ? 0xb4 : 0xb2, 'f32'), to);
  }
  const whole = source.isFloat ? truncate(x) : x;
  if (to === 'int64') return whole.lane === 'i64' ? whole : whole.convert(0xac, 'i64');
  return narrowInt(whole.lane === 'i64' ? whole.convert(0xa7, 'i32') : whole, to, false);
}

/** Four lanes; no 64-bit dtypes. Out-of-range floats saturate here: no case depends on them. */
function castVector4(x: Val, from: DType, to: DType): Val {
  const source = dtypes[from];
  if (to === 'bool') return from === 'bool' ? x : x.ne(0);
  if (dtypes[to].isFloat) {
    if (source.isFloat) return to === from ? x : roundTo(x, to);
    return from === 'bool' ? x.and(0x3f800000).asFloat() : roundTo(x.convert(0x1fa, 'f32x4'), to);
  }
  if (from === 'bool') return x.and(1);
  return narrowInt(source.isFloat ? x.convert(0x1f8, 'i32x4') : x, to, true);
}

/** Two lanes: float32 values are held as doubles. */
function castVector2(x: Val, from: DType, to: DType): Val {
  if (to === from) return x;
  if (to === 'bool') return x.ne(x.k(0));
  if (from === 'bool') {
    return dtypes[to].isFloat ? x.and(x.k(0x3ff0000000000000n)).asFloat() : x.and(x.k(1n));
  }
  return x;
}

/** Whether `cast` has vector code for it. */
export function castIsVector(from: DType, to: DType, width: Width): boolean {
  if (width === 4) return true;
  const known = (d: DType) => d === 'float64' || d === 'int64' || d === 'bool';
  if (from === 'float32') return to === 'float64';
  return known(from) && known(to) && (from === to || from === 'bool' || to === 'bool');
}

export function cast(x: Val, from: DType, to: DType, width: Width): Val {
  if (width === 1) return castScalar(x, from, to);
  return width === 4 ? castVector4(x, from, to) : castVector2(x, from, to);
}
