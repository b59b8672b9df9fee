/** How folds combine: their identities and steps, in every lane. */
import type { Combine, DType, ScalarOp } from '@sconce/core/backend';
import { dtypes } from '@sconce/core/backend';
import type { Lane } from '../asm/lane.ts';
import type { Fn } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { laneOf, type Width } from '../lower/element.ts';
import { scalarOp } from '../lower/scalar.ts';

export const combineOps: Readonly<Record<Exclude<Combine, 'argmin' | 'argmax'>, ScalarOp>> = {
  sum: 'add',
  prod: 'mul',
  min: 'min',
  max: 'max',
  any: 'or',
  all: 'and',
};

export const isArg = (combine: Combine): boolean => combine === 'argmin' || combine === 'argmax';

const lowest: Partial<Record<DType, bigint>> = {
  uint8: 0n,
  int8: -128n,
  int16: -32768n,
  int32: -(2n ** 31n),
  int64: -(2n ** 63n),
};
const highest: Partial<Record<DType, bigint>> = {
  uint8: 255n,
  int8: 127n,
  int16: 32767n,
  int32: 2n ** 31n - 1n,
  int64: 2n ** 63n - 1n,
};

/** What folding nothing gives. */
export function identity(combine: Combine, dtype: DType): number | bigint {
  switch (combine) {
    case 'prod':
    case 'all':
      return 1;
    case 'min':
      return dtypes[dtype].isFloat ? Infinity : dtype === 'bool' ? 1 : highest[dtype]!;
    case 'max':
      return dtypes[dtype].isFloat ? -Infinity : dtype === 'bool' ? 0 : lowest[dtype]!;
    default:
      return 0;
  }
}

/** The identity in a lane; as a mask where it is a vector of bools. */
export function identityVal(fn: Fn, combine: Combine, dtype: DType, width: Width): Val {
  const lane: Lane = laneOf(dtype, width);
  const value = identity(combine, dtype);
  if (dtype === 'bool' && width !== 1) return fn.const(lane, Number(value) ? -1 : 0);
  return fn.const(lane, value);
}

export const step = (combine: Combine, dtype: DType, a: Val, b: Val): Val =>
  scalarOp(combineOps[combine as keyof typeof combineOps], [a.keep(), b.keep()], dtype as never);
