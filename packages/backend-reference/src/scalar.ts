/**
 * What each scalar operation does to one element. The result is assigned to a typed array, which rounds it to float32
 * or wraps it to its width; so these functions compute exactly, or in double, and care for neither.
 */
import { type ComputeType, KernelFault, type ScalarOp } from '@sconce/core';
import { digamma, erf, erfc, erfinv, lgamma } from './special.ts';

type Of<T> = (a: T, b: T) => T | number;
export type Table<T> = Partial<Record<ScalarOp, Of<T>>>;

/** The same text for numbers and bigints. */
const comparisons = {
  eq: (a: unknown, b: unknown) => +(a === b),
  ne: (a: unknown, b: unknown) => +(a !== b),
  lt: <T>(a: T, b: T) => +(a < b),
  le: <T>(a: T, b: T) => +(a <= b),
  gt: <T>(a: T, b: T) => +(a > b),
  ge: <T>(a: T, b: T) => +(a >= b),
};

const bool: Table<number> = {
  ...comparisons,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => 1 - a,
  min: Math.min,
  max: Math.max,
};

const float: Table<number> = {
  ...comparisons,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  neg: (a) => -a,
  abs: Math.abs,
  // Math's give NaN for a NaN.
  min: Math.min,
  max: Math.max,
  pow,
  atan2: Math.atan2,
  sqrt: Math.sqrt,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  log2: Math.log2,
  log10: Math.log10,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  erf,
  erfc,
  erfinv,
  lgamma,
  digamma,
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: roundToEven,
  isnan: (a) => +Number.isNaN(a),
  isinf: (a) => +(Math.abs(a) === Infinity),
};

const int32: Table<number> = {
  ...comparisons,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: Math.imul,
  div: (a, b) => (b === 0 ? divisionByZero() : Math.trunc(a / b)),
  rem: (a, b) => (b === 0 ? divisionByZero() : a % b),
  neg: (a) => -a,
  abs: Math.abs,
  min: Math.min,
  max: Math.max,
  pow: (a, b) => {
    if (b < 0) return a === 1 ? 1 : a === -1 ? (b % 2 ? -1 : 1) : 0;
    let result = 1;
    for (; b > 0; b >>>= 1, a = Math.imul(a, a)) if (b & 1) result = Math.imul(result, a);
    return result;
  },
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => ~a,
  // Counted as unsigned, so that a negative count is one past the width, as in PyTorch.
  shl: (a, b) => (b >>> 0 < 32 ? a << b : 0),
  shr: (a, b) => a >> (b >>> 0 < 32 ? b : 31),
};

const int64: Table<bigint> = {
  ...comparisons,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => (b === 0n ? divisionByZero() : a / b),
  rem: (a, b) => (b === 0n ? divisionByZero() : a % b),
  neg: (a) => -a,
  abs: (a) => (a < 0n ? -a : a),
  min: (a, b) => (b < a ? b : a),
  max: (a, b) => (b > a ? b : a),
  pow: (a, b) => {
    if (b < 0n) return a === 1n ? 1n : a === -1n ? (b % 2n ? -1n : 1n) : 0n;
    let result = 1n;
    for (; b > 0n; b >>= 1n, a = BigInt.asIntN(64, a * a)) if (b & 1n) result = BigInt.asIntN(64, result * a);
    return result;
  },
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => ~a,
  shl: (a, b) => (b >= 0n && b < 64n ? a << b : 0n),
  shr: (a, b) => a >> (b >= 0n && b < 64n ? b : 63n),
};

/** By the compute type of the arguments. `where` is not here: its arguments differ in type. */
export const scalar: Record<ComputeType, Table<number> | Table<bigint>> = {
  bool,
  int32,
  int64,
  float32: float,
  float64: float,
};

function divisionByZero(): never {
  throw new KernelFault('division');
}

/** C's pow: where JavaScript's gives NaN, 1 to any power is 1, and so is -1 to an infinite one. */
function pow(a: number, b: number): number {
  if (a === 1 || (a === -1 && Math.abs(b) === Infinity)) return 1;
  return a ** b;
}

function roundToEven(a: number): number {
  const down = Math.floor(a);
  const rest = a - down;
  if (rest < 0.5) return a < 0 ? -Math.abs(down) : down;
  if (rest > 0.5 || down % 2 !== 0) return a < 0 ? -Math.abs(down + 1) : down + 1;
  return down;
}
