/** The value types that generated code computes with, four of them vectors, and the opcode of each operation on each. */

/** A machine type; `i32x4` … are the four readings of a 128-bit vector. */
export type Lane = 'i32' | 'i64' | 'f32' | 'f64' | 'i32x4' | 'i64x2' | 'f32x4' | 'f64x2';

export const I32 = 0x7f;
export const I64 = 0x7e;
export const F32 = 0x7d;
export const F64 = 0x7c;
export const V128 = 0x7b;

export const wasmType: Readonly<Record<Lane, number>> = {
  i32: I32,
  i64: I64,
  f32: F32,
  f64: F64,
  i32x4: V128,
  i64x2: V128,
  f32x4: V128,
  f64x2: V128,
};

export const isVector = (lane: Lane): boolean => wasmType[lane] === V128;
export const isFloatLane = (lane: Lane): boolean => lane.startsWith('f');

/** The integer reading of the same bits; also the type of a comparison's result for vectors. */
export const intLane: Readonly<Record<Lane, Lane>> = {
  i32: 'i32',
  i64: 'i64',
  f32: 'i32',
  f64: 'i64',
  i32x4: 'i32x4',
  i64x2: 'i64x2',
  f32x4: 'i32x4',
  f64x2: 'i64x2',
};

/** The one-element type of a vector, and the vector of an element. */
export const elementLane: Readonly<Record<Lane, Lane>> = {
  i32: 'i32',
  i64: 'i64',
  f32: 'f32',
  f64: 'f64',
  i32x4: 'i32',
  i64x2: 'i64',
  f32x4: 'f32',
  f64x2: 'f64',
};
export const vectorLane: Readonly<Record<Lane, Lane>> = {
  i32: 'i32x4',
  i64: 'i64x2',
  f32: 'f32x4',
  f64: 'f64x2',
  i32x4: 'i32x4',
  i64x2: 'i64x2',
  f32x4: 'f32x4',
  f64x2: 'f64x2',
};

export const laneCount: Readonly<Record<Lane, number>> = {
  i32: 1,
  i64: 1,
  f32: 1,
  f64: 1,
  i32x4: 4,
  i64x2: 2,
  f32x4: 4,
  f64x2: 2,
};

export type Unary = 'neg' | 'abs' | 'sqrt' | 'floor' | 'ceil' | 'trunc' | 'nearest';
export type Binary =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'divU'
  | 'rem'
  | 'remU'
  | 'and'
  | 'or'
  | 'xor'
  | 'andnot'
  | 'min'
  | 'max'
  | 'pmin'
  | 'pmax'
  | 'copysign';
export type Compare = 'eq' | 'ne' | 'lt' | 'gt' | 'le' | 'ge' | 'ltU' | 'gtU' | 'leU' | 'geU';
export type Shift = 'shl' | 'shr' | 'shrU';

/** Opcodes: below 0x100 one byte, else 0xfd and the rest. A missing one is not in the instruction set. */
const V = 0x100;
// biome-ignore format: a table
export const opcodes: Readonly<Record<Lane, Partial<Record<Unary | Binary | Compare | Shift, number>>>> = {
  i32: {
    add: 0x6a, sub: 0x6b, mul: 0x6c, div: 0x6d, divU: 0x6e, rem: 0x6f, remU: 0x70, and: 0x71, or: 0x72, xor: 0x73,
    shl: 0x74, shr: 0x75, shrU: 0x76,
    eq: 0x46, ne: 0x47, lt: 0x48, ltU: 0x49, gt: 0x4a, gtU: 0x4b, le: 0x4c, leU: 0x4d, ge: 0x4e, geU: 0x4f,
  },
  i64: {
    add: 0x7c, sub: 0x7d, mul: 0x7e, div: 0x7f, divU: 0x80, rem: 0x81, remU: 0x82, and: 0x83, or: 0x84, xor: 0x85,
    shl: 0x86, shr: 0x87, shrU: 0x88,
    eq: 0x51, ne: 0x52, lt: 0x53, ltU: 0x54, gt: 0x55, gtU: 0x56, le: 0x57, leU: 0x58, ge: 0x59, geU: 0x5a,
  },
  f32: {
    abs: 0x8b, neg: 0x8c, ceil: 0x8d, floor: 0x8e, trunc: 0x8f, nearest: 0x90, sqrt: 0x91,
    add: 0x92, sub: 0x93, mul: 0x94, div: 0x95, min: 0x96, max: 0x97, copysign: 0x98,
    eq: 0x5b, ne: 0x5c, lt: 0x5d, gt: 0x5e, le: 0x5f, ge: 0x60,
  },
  f64: {
    abs: 0x99, neg: 0x9a, ceil: 0x9b, floor: 0x9c, trunc: 0x9d, nearest: 0x9e, sqrt: 0x9f,
    add: 0xa0, sub: 0xa1, mul: 0xa2, div: 0xa3, min: 0xa4, max: 0xa5, copysign: 0xa6,
    eq: 0x61, ne: 0x62, lt: 0x63, gt: 0x64, le: 0x65, ge: 0x66,
  },
  i32x4: {
    abs: V + 0xa0, neg: V + 0xa1, add: V + 0xae, sub: V + 0xb1, mul: V + 0xb5,
    min: V + 0xb6, max: V + 0xb8, and: V + 0x4e, andnot: V + 0x4f, or: V + 0x50, xor: V + 0x51,
    shl: V + 0xab, shr: V + 0xac, shrU: V + 0xad,
    eq: V + 0x37, ne: V + 0x38, lt: V + 0x39, ltU: V + 0x3a, gt: V + 0x3b, gtU: V + 0x3c,
    le: V + 0x3d, leU: V + 0x3e, ge: V + 0x3f, geU: V + 0x40,
  },
  i64x2: {
    abs: V + 0xc0, neg: V + 0xc1, add: V + 0xce, sub: V + 0xd1, mul: V + 0xd5,
    and: V + 0x4e, andnot: V + 0x4f, or: V + 0x50, xor: V + 0x51,
    shl: V + 0xcb, shr: V + 0xcc, shrU: V + 0xcd,
    eq: V + 0xd6, ne: V + 0xd7, lt: V + 0xd8, gt: V + 0xd9, le: V + 0xda, ge: V + 0xdb,
  },
  f32x4: {
    ceil: V + 0x67, floor: V + 0x68, trunc: V + 0x69, nearest: V + 0x6a,
    abs: V + 0xe0, neg: V + 0xe1, sqrt: V + 0xe3, add: V + 0xe4, sub: V + 0xe5, mul: V + 0xe6, div: V + 0xe7,
    min: V + 0xe8, max: V + 0xe9, pmin: V + 0xea, pmax: V + 0xeb,
    and: V + 0x4e, andnot: V + 0x4f, or: V + 0x50, xor: V + 0x51,
    eq: V + 0x41, ne: V + 0x42, lt: V + 0x43, gt: V + 0x44, le: V + 0x45, ge: V + 0x46,
  },
  f64x2: {
    ceil: V + 0x74, floor: V + 0x75, trunc: V + 0x7a, nearest: V + 0x94,
    abs: V + 0xec, neg: V + 0xed, sqrt: V + 0xef, add: V + 0xf0, sub: V + 0xf1, mul: V + 0xf2, div: V + 0xf3,
    min: V + 0xf4, max: V + 0xf5, pmin: V + 0xf6, pmax: V + 0xf7,
    and: V + 0x4e, andnot: V + 0x4f, or: V + 0x50, xor: V + 0x51,
    eq: V + 0x47, ne: V + 0x48, lt: V + 0x49, gt: V + 0x4a, le: V + 0x4b, ge: V + 0x4c,
  },
};
