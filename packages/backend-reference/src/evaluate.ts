/** Evaluates a scalar expression for all elements at once: a node's values, from its arguments' values. */
import { type ComputeType, type DType, type Expr, NotSupportedError, numelOf } from '@sconce/core';
import { convert } from './convert.ts';
import { scalar } from './scalar.ts';
import { allocateValues, type Values } from './values.ts';

/** What an expression can refer to. `input` gives values of the shape evaluated over. */
export interface Scope {
  readonly shape: readonly number[];
  readonly input: (index: number) => Values;
  readonly scalars: readonly (number | bigint)[];
}

/** The values of each expression over the scope's shape. A node that occurs twice is computed once. */
export function evaluate(exprs: readonly Expr[], scope: Scope): Values[] {
  const count = numelOf(scope.shape);
  const known = new Map<Expr, Values>();
  const valuesOf = (expr: Expr): Values => {
    let values = known.get(expr);
    if (!values) {
      values = compute(expr);
      known.set(expr, values);
    }
    return values;
  };
  const compute = (expr: Expr): Values => {
    switch (expr.op) {
      case 'input':
        return scope.input(expr.index);
      case 'const':
        return fill(expr.value, expr.dtype, count);
      case 'scalar':
        return fill(scope.scalars[expr.index], expr.dtype, count);
      case 'coord':
        return coordinates(scope.shape, expr.dim);
      case 'cast':
        return convert(valuesOf(expr.args[0]), expr.args[0].dtype, expr.dtype);
      case 'where':
        return select(expr.args.map(valuesOf), expr.dtype);
      default: {
        const f = scalar[expr.args[0].dtype as ComputeType]?.[expr.op];
        if (!f) throw new NotSupportedError(`reference: no ${expr.op} for ${expr.args[0].dtype}`);
        return apply(f as never, expr.args.map(valuesOf), expr.dtype, count);
      }
    }
  };
  return exprs.map(valuesOf);
}

function apply(
  f: (a: never, b: never) => number | bigint,
  [a, b]: Values[],
  dtype: DType,
  count: number,
): Values {
  const result = allocateValues(dtype, count);
  if (b) for (let i = 0; i < count; i++) result[i] = f(a[i] as never, b[i] as never);
  else {
    const unary = f as (a: never) => number | bigint;
    for (let i = 0; i < count; i++) result[i] = unary(a[i] as never);
  }
  return result;
}

function select([condition, a, b]: Values[], dtype: DType): Values {
  const result = allocateValues(dtype, condition.length);
  for (let i = 0; i < result.length; i++) result[i] = condition[i] ? a[i] : b[i];
  return result;
}

function fill(value: number | bigint, dtype: DType, count: number): Values {
  const result = allocateValues(dtype, count);
  if (result instanceof BigInt64Array) result.fill(BigInt(value));
  else result.fill(Number(value));
  return result;
}

function coordinates(shape: readonly number[], dim: number): Values {
  const inner = numelOf(shape.slice(dim + 1));
  const result = new BigInt64Array(numelOf(shape));
  for (let i = 0; i < result.length; i++) result[i] = BigInt(Math.floor(i / inner) % shape[dim]);
  return result;
}
