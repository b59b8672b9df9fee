/** How two values become one, as expressions that `lower` writes: the combines of reduce, scan, scatter and pool. */
import {
  type Combine,
  type ComputeType,
  computeType,
  type DType,
  type Expr,
  type ScanCombine,
} from '@sconce/core';
import { loaded, stored, valueType } from '../lower/element.ts';
import { lower } from '../lower/lower.ts';
import type { Shader } from '../shader.ts';

export type Combining = Exclude<Combine | ScanCombine, 'argmin' | 'argmax'>;

export const input = (index: number, dtype: DType): Expr => ({ op: 'input', index, dtype });
export const constant = (value: number | bigint, dtype: ComputeType): Expr => ({ op: 'const', value, dtype });

/** To the dtype, where it is not it. */
export const converted = (e: Expr, dtype: DType): Expr =>
  e.dtype === dtype ? e : { op: 'cast', args: [e], dtype };

const boolOps = { sum: 'or', any: 'or', max: 'or', prod: 'and', all: 'and', min: 'and' } as const;
const numberOps = { sum: 'add', any: 'or', max: 'max', prod: 'mul', all: 'and', min: 'min' } as const;

/** `a` with `b`, both of one compute type. */
export function combined(combine: Combining, a: Expr, b: Expr): Expr {
  const dtype = a.dtype as ComputeType;
  if (combine !== 'logaddexp')
    return { op: (dtype === 'bool' ? boolOps : numberOps)[combine], args: [a, b], dtype };
  // Equal infinities are themselves; a NaN stays.
  const apply = (op: 'max' | 'sub' | 'abs' | 'neg' | 'exp' | 'log1p' | 'add', ...args: Expr[]): Expr => ({
    op,
    args,
    dtype,
  });
  const apart = apply('log1p', apply('exp', apply('neg', apply('abs', apply('sub', a, b)))));
  return {
    op: 'where',
    args: [
      { op: 'eq', args: [a, b], dtype: 'bool' },
      apply('add', a, constant(Math.LN2, 'float32')),
      apply('add', apply('max', a, b), apart),
    ],
    dtype,
  };
}

const integers: Readonly<
  Partial<Record<DType, readonly [least: number | bigint, greatest: number | bigint]>>
> = {
  bool: [0, 1],
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
};

/** The fold of nothing. */
export function identity(combine: Combining, dtype: DType): number | bigint {
  switch (combine) {
    case 'min':
      return integers[dtype]?.[1] ?? Infinity;
    case 'max':
      return integers[dtype]?.[0] ?? -Infinity;
    case 'logaddexp':
      return -Infinity;
    default:
      return combine === 'prod' || combine === 'all' ? 1 : 0;
  }
}

/**
 * A running fold of elements of `dtype`, kept in a `var` of its compute type: its type, and the statements that take
 * in an element (as stored), and that give the fold back as an element.
 */
export interface Running {
  readonly type: string;
  /** The variable's first value: an element. */
  start(element: string): string;
  take(variable: string, element: string): string;
  /** Another running fold. */
  join(variable: string, other: string): string;
  /** Statements, and the element. */
  give(variable: string): { statements: string; element: string };
}

export function running(shader: Shader, combine: Combining, dtype: DType): Running {
  const type = computeType(dtype);
  const written = (
    exprs: readonly Expr[],
    inputs: readonly string[],
  ): { statements: string; value: string } => {
    const { statements, values } = lower(shader, exprs, {
      input: (i) => inputs[i]!,
      scalar: () => '',
      coord: () => '',
    });
    return { statements, value: values[0]! };
  };
  const assigned = (variable: string, e: Expr, inputs: readonly string[]): string => {
    const { statements, value } = written([e], inputs);
    return `${statements}\n${variable} = ${value};`;
  };
  const own = (variable: string): string => (type === 'bool' ? `u32(${variable})` : variable);
  return {
    type: valueType(type),
    start: (element) => loaded(dtype, element),
    take: (variable, element) =>
      assigned(variable, combined(combine, input(0, type), converted(input(1, dtype), type)), [
        own(variable),
        element,
      ]),
    join: (variable, other) =>
      assigned(variable, combined(combine, input(0, type), input(1, type)), [own(variable), own(other)]),
    give: (variable) => {
      const { statements, value } = written([converted(input(0, type), dtype)], [own(variable)]);
      return { statements, element: stored(dtype, value) };
    },
  };
}
