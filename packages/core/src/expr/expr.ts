/** Scalar expressions: what a pointwise kernel computes for one element, as plain immutable data. */
import type { DType } from '../tensor/dtype.ts';

/**
 * The dtypes that scalar operations compute in. Narrower dtypes enter by `cast` and leave by `cast`:
 * float16 and bfloat16 compute as float32; int8, uint8 and int16 as int32. Core inserts those casts.
 */
export type ComputeType = 'bool' | 'int32' | 'int64' | 'float32' | 'float64';

export const computeType = (dtype: DType): ComputeType => {
  switch (dtype) {
    case 'float16':
    case 'bfloat16':
      return 'float32';
    case 'int8':
    case 'uint8':
    case 'int16':
      return 'int32';
    default:
      return dtype;
  }
};

/**
 * The scalar operations. Unless it says otherwise, arguments and result have one compute type.
 * Integers wrap around. On bool only the comparisons, `and or xor not`, `min max` and `where` occur.
 */
export const scalarOps = [
  // int and float. Integer `div` truncates towards zero; division by zero is a `KernelFault`. `rem` is C's fmod: the sign of the dividend.
  'add', 'sub', 'mul', 'div', 'rem', 'neg', 'abs',
  // int, float and bool; a NaN argument gives NaN.
  'min', 'max',
  // float; integer `pow` has a non-negative exponent.
  'pow', 'atan2', 'sqrt', 'exp', 'expm1', 'log', 'log1p', 'log2', 'log10',
  'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'erf', 'erfc', 'erfinv', 'lgamma', 'digamma',
  // float; `round` takes halves to even.
  'floor', 'ceil', 'trunc', 'round',
  // float to bool.
  'isnan', 'isinf',
  // any to bool. Every comparison with NaN is false but `ne`.
  'eq', 'ne', 'lt', 'le', 'gt', 'ge',
  // int (bitwise) and bool (logical). `shr` is arithmetic; a shift by the width or more gives 0 (`shr` of a negative: -1).
  'and', 'or', 'xor', 'not', 'shl', 'shr',
  // where(condition: bool, a, b).
  'where',
] as const; // biome-ignore format: grouped by what they take

export type ScalarOp = (typeof scalarOps)[number];

export type Expr =
  /** The element of input view `index`; its dtype is the view's, so 16-bit and narrow dtypes appear here. */
  | { readonly op: 'input'; readonly index: number; readonly dtype: DType }
  /** A literal of the definition. int64 may be a bigint; bool is 0 or 1. */
  | { readonly op: 'const'; readonly value: number | bigint; readonly dtype: ComputeType }
  /** Number `index` of the call's `scalars`: a bigint or integral number for int64 and int32, 0 or 1 for bool. */
  | { readonly op: 'scalar'; readonly index: number; readonly dtype: ComputeType }
  /** The element's index along dimension `dim` of the iteration (in a reduce: kept dims first, then reduced). */
  | { readonly op: 'coord'; readonly dim: number; readonly dtype: 'int64' }
  /**
   * Conversion, as PyTorch's `to`: to bool is `!= 0`; float to int truncates (out of range and NaN: what x86 does,
   * through int64 and then wrapped; no case depends on it); int to narrower int wraps; to float rounds to nearest even.
   */
  | { readonly op: 'cast'; readonly args: readonly [Expr]; readonly dtype: DType }
  | { readonly op: ScalarOp; readonly args: readonly Expr[]; readonly dtype: ComputeType };
