/** Short spellings of expressions. */
import type { ComputeType, DType, Expr, ScalarOp } from '@sconce/core';

export const input = (index: number, dtype: DType): Expr => ({ op: 'input', index, dtype });
export const constant = (value: number | bigint, dtype: ComputeType): Expr => ({ op: 'const', value, dtype });
export const scalar = (index: number, dtype: ComputeType): Expr => ({ op: 'scalar', index, dtype });
export const coord = (dim: number): Expr => ({ op: 'coord', dim, dtype: 'int64' });
export const cast = (arg: Expr, dtype: DType): Expr =>
  arg.dtype === dtype ? arg : { op: 'cast', args: [arg], dtype };
export const apply = (op: ScalarOp, dtype: ComputeType, ...args: Expr[]): Expr => ({ op, args, dtype });
