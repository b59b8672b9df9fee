/** Elements in memory: loads and stores of each dtype, one at a time or a vector at a time, and the 16-bit floats' bits. */
import { type DType, dtypes } from '@sconce/core/backend';
import { isVector, type Lane, wasmType } from '../asm/lane.ts';
import type { Fn } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';

/** Elements per step: 1, or a vector of four 32-bit or two 64-bit values. */
export type Width = 1 | 2 | 4;

/** The machine type that holds a value of the dtype. A bool is 0 or 1, in a vector a mask; 16-bit floats are float32 values. */
export function laneOf(dtype: DType, width: Width): Lane {
  const scalar: Lane =
    dtype === 'int64' ? 'i64' : dtype === 'float64' ? 'f64' : dtypes[dtype].isFloat ? 'f32' : 'i32';
  if (width === 1) return scalar;
  if (width === 2) return dtypes[dtype].isFloat ? 'f64x2' : 'i64x2';
  return scalar === 'f32' ? 'f32x4' : 'i32x4';
}

/** Lane of the integers beside a float lane: what `bits` gives. */
export const float16ToFloat32 = (h: Val): Val => {
  const { fn } = h;
  const magnitude = h.and(0x7fff).shl(13).keep();
  // As an exponent 112 too small: multiplying puts it right, and normalises subnormals.
  const finite = magnitude
    .asFloat()
    .mul(2 ** 112)
    .bits();
  const special = magnitude.or(0x7f800000);
  const bits = fn.select(magnitude.ge(0x7c00 << 13), special, finite);
  return bits.or(h.and(0x8000).shl(16)).asFloat();
};

/** Round to nearest even; the result's 16 bits in an integer lane. */
export const float32ToFloat16 = (x: Val): Val => {
  const { fn } = x;
  const bits = x.bits().keep();
  const sign = bits.shrU(16).and(0x8000).keep();
  const a = bits.and(0x7fffffff).keep();
  const special = fn.select(a.gt(0x7f800000), a.k(0x7e00), a.k(0x7c00));
  // Adding 1/2 puts the last bit of a float16 subnormal at the last bit of the float32.
  const subnormal = a.asFloat().add(0.5).bits().sub(0x3f000000);
  const normal = a
    .add(0xc8000fff | 0)
    .add(a.shrU(13).and(1))
    .shrU(13);
  const finite = fn.select(a.lt(0x38800000), subnormal, normal);
  return fn.select(a.ge(0x47800000), special, finite).or(sign);
};

export const bfloat16ToFloat32 = (h: Val): Val => h.shl(16).asFloat();

export const float32ToBfloat16 = (x: Val): Val => {
  const bits = x.bits().keep();
  const rounded = bits.add(0x7fff).add(bits.shrU(16).and(1)).shrU(16);
  return x.fn.select(x.ne(x), bits.k(0x7fc0), rounded);
};

/** The nearest value of a 16-bit float, as a float32. */
export function round16(dtype: 'float16' | 'bfloat16', x: Val): Val {
  return dtype === 'float16'
    ? float16ToFloat32(float32ToFloat16(x.keep()).keep())
    : bfloat16ToFloat32(float32ToBfloat16(x.keep()));
}

const scalarLoads: Readonly<Record<DType, number>> = {
  bool: 0x2d, uint8: 0x2d, int8: 0x2c, int16: 0x2e, int32: 0x28, int64: 0x29,
  float16: 0x2f, bfloat16: 0x2f, float32: 0x2a, float64: 0x2b,
}; // biome-ignore format: a table
const scalarStores: Readonly<Record<DType, number>> = {
  bool: 0x3a, uint8: 0x3a, int8: 0x3a, int16: 0x3b, int32: 0x36, int64: 0x37,
  float16: 0x3b, bfloat16: 0x3b, float32: 0x38, float64: 0x39,
}; // biome-ignore format: a table

export function load(fn: Fn, dtype: DType, address: Val, offset = 0): Val {
  if (dtype === 'float16') return float16ToFloat32(fn.load('i32', 0x2f, address, offset).keep());
  if (dtype === 'bfloat16') return bfloat16ToFloat32(fn.load('i32', 0x2f, address, offset));
  return fn.load(laneOf(dtype, 1), scalarLoads[dtype], address, offset);
}

export function store(fn: Fn, dtype: DType, address: Val, value: Val, offset = 0): void {
  const bits =
    dtype === 'float16'
      ? float32ToFloat16(value.keep()).keep()
      : dtype === 'bfloat16'
        ? float32ToBfloat16(value.keep()).keep()
        : value;
  fn.store(scalarStores[dtype], address, bits, offset);
}

const LOAD = 0x100;
const LOAD16X4_S = 0x103;
const LOAD16X4_U = 0x104;
const LOAD32_ZERO = 0x15c;
const LOAD64_ZERO = 0x15d;
const STORE = 0x10b;

/** Four (or, at width 2, two) consecutive elements. */
export function loadVector(fn: Fn, dtype: DType, width: Width, address: Val, offset = 0): Val {
  if (width === 2) {
    switch (dtype) {
      case 'float64':
        return fn.load('f64x2', LOAD, address, offset);
      case 'int64':
        return fn.load('i64x2', LOAD, address, offset);
      case 'float32':
        return fn.load('f32x4', LOAD64_ZERO, address, offset).convert(0x15f, 'f64x2');
      case 'bool': {
        const first = fn.load('i64', 0x31, address, offset).splat();
        return first.replace(1, fn.load('i64', 0x31, address, offset + 1)).neg();
      }
      default:
        throw new Error(`no pair load of ${dtype}`);
    }
  }
  switch (dtype) {
    case 'float32':
      return fn.load('f32x4', LOAD, address, offset);
    case 'int32':
      return fn.load('i32x4', LOAD, address, offset);
    case 'int16':
      return fn.load('i32x4', LOAD16X4_S, address, offset);
    case 'float16':
      return float16ToFloat32(fn.load('i32x4', LOAD16X4_U, address, offset).keep());
    case 'bfloat16':
      return bfloat16ToFloat32(fn.load('i32x4', LOAD16X4_U, address, offset));
    case 'int8':
      return fn.load('i32x4', LOAD32_ZERO, address, offset).convert(0x187, 'i32x4').convert(0x1a7, 'i32x4');
    case 'uint8':
      return fn.load('i32x4', LOAD32_ZERO, address, offset).convert(0x189, 'i32x4').convert(0x1a9, 'i32x4');
    case 'bool':
      return loadVector(fn, 'uint8', width, address, offset).ne(0);
    default:
      throw new Error(`no vector load of ${dtype}`);
  }
}

/** Packs the low 16 (8) bits of four elements into the low half (quarter) of a vector. */
const narrow16 = (v: Val): Val => {
  const kept = v.keep();
  return new16(kept, kept, 0x186);
};
const new16 = (a: Val, b: Val, code: number): Val => {
  const { fn } = a;
  const r = fn.local('i32x4');
  a.put();
  b.put();
  fn.op(code);
  fn.body.byte(0x21);
  fn.body.u(r.slot!);
  return r;
};
const narrow8 = (v: Val): Val => {
  const halves = narrow16(v);
  return new16(halves, halves, 0x166);
};

export function storeVector(fn: Fn, dtype: DType, width: Width, address: Val, value: Val, offset = 0): void {
  if (!isVector(value.lane)) throw new Error(`store of ${wasmType[value.lane]} as a vector`);
  if (width === 2) {
    switch (dtype) {
      case 'float64':
      case 'int64':
        fn.store(STORE, address, value, offset);
        return;
      case 'float32':
        fn.storeLane(0x15b, address, value.convert(0x15e, 'f32x4').keep(), 0, offset);
        return;
      case 'bool': {
        const v = value.keep();
        for (let i = 0; i < 2; i++) fn.store(0x3c, address, v.extract(i).and(v.extract(i).k(1)), offset + i);
        return;
      }
      default:
        throw new Error(`no pair store of ${dtype}`);
    }
  }
  switch (dtype) {
    case 'float32':
    case 'int32':
      fn.store(STORE, address, value, offset);
      return;
    case 'int16':
      fn.storeLane(0x15b, address, narrow16(value.and(0xffff)), 0, offset);
      return;
    case 'float16':
      fn.storeLane(0x15b, address, narrow16(float32ToFloat16(value.keep())), 0, offset);
      return;
    case 'bfloat16':
      fn.storeLane(0x15b, address, narrow16(float32ToBfloat16(value.keep())), 0, offset);
      return;
    case 'int8':
    case 'uint8':
      fn.storeLane(0x15a, address, narrow8(value.and(0xff)), 0, offset);
      return;
    case 'bool':
      fn.storeLane(0x15a, address, narrow8(value.and(1)), 0, offset);
      return;
    default:
      throw new Error(`no vector store of ${dtype}`);
  }
}
