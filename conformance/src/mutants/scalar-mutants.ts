/** Faults in what a scalar operation or a cast does: another expression in its place. */
import { type ComputeType, type DType, type Expr, isFloat, isIntegral, type ScalarOp } from '@sconce/core';
import { apply, cast, constant } from '../layers/kernels/build.ts';
import { exprMutant, kernelMutant, type Mutant, mapExpr } from './mutant.ts';

type Build = (args: readonly Expr[], dtype: ComputeType) => Expr;

/** Replaces one operation, where `when` takes the dtype of its first argument. */
const operation = (name: string, op: ScalarOp, when: (dtype: DType) => boolean, build: Build): Mutant =>
  exprMutant(name, `kernels:pointwise.${op}`, (expr) =>
    expr.op === op && when(expr.args[0].dtype) ? build(expr.args, expr.dtype) : expr,
  );

const any = () => true;
const isInt = (dtype: DType) => isIntegral(dtype) && dtype !== 'bool';
const one = (dtype: ComputeType) => constant(dtype === 'int64' ? 1n : 1, dtype);
const zero = (dtype: ComputeType) => constant(dtype === 'int64' ? 0n : 0, dtype);
const typeOf = (expr: Expr) => expr.dtype as ComputeType;

/** The operation on the arguments as doubles. */
const throughDouble =
  (op: ScalarOp): Build =>
  (args, dtype) =>
    cast(apply(op, 'float64', ...args.map((arg) => cast(arg, 'float64'))), dtype);

const compare = (op: ScalarOp, a: Expr, b: Expr) => apply(op, 'bool', a, b);

/** Replaces casts, where `when` takes the dtypes from and to. */
const conversion = (
  name: string,
  when: (from: DType, to: DType) => boolean,
  build: (arg: Expr, to: DType) => Expr,
): Mutant =>
  exprMutant(name, 'kernels:pointwise.*:from=*', (expr) =>
    expr.op === 'cast' && when(expr.args[0].dtype, expr.dtype) ? build(expr.args[0], expr.dtype) : expr,
  );

export const scalarMutants: readonly Mutant[] = [
  operation('max drops a NaN', 'max', isFloat, ([a, b], t) => apply('where', t, compare('gt', a, b), a, b)),
  operation('min drops a NaN', 'min', isFloat, ([a, b], t) => apply('where', t, compare('lt', a, b), a, b)),
  operation('round takes halves up', 'round', any, ([a], t) =>
    apply('floor', t, apply('add', t, a, constant(0.5, t))),
  ),
  operation('fmod takes the sign of the divisor', 'rem', isFloat, ([a, b], t) => {
    const rest = apply('rem', t, a, b);
    const isOther = compare('lt', apply('mul', t, rest, b), zero(t));
    return apply('where', t, isOther, apply('add', t, rest, b), rest);
  }),
  operation('integer rem takes the sign of the divisor', 'rem', isInt, ([a, b], t) => {
    const rest = apply('rem', t, a, b);
    const isOther = compare('lt', apply('xor', t, rest, b), zero(t));
    const isExact = compare('eq', rest, zero(t));
    return apply(
      'where',
      t,
      apply('and', 'bool', isOther, apply('not', 'bool', isExact)),
      apply('add', t, rest, b),
      rest,
    );
  }),
  operation('int64 add through double', 'add', (t) => t === 'int64', throughDouble('add')),
  operation('int64 mul through double', 'mul', (t) => t === 'int64', throughDouble('mul')),
  operation('int32 mul through double', 'mul', (t) => t === 'int32', throughDouble('mul')),
  operation(
    'int64 comparison through double',
    'lt',
    (t) => t === 'int64',
    ([a, b]) => compare('lt', cast(a, 'float64'), cast(b, 'float64')),
  ),
  operation('integer pow through double', 'pow', isInt, throughDouble('pow')),
  operation('integer division rounds down', 'div', isInt, ([a, b], t) => {
    const quotient = apply('div', t, a, b);
    const isInexact = compare('ne', apply('mul', t, quotient, b), a);
    const isNegative = compare('lt', apply('xor', t, a, b), zero(t));
    return apply(
      'where',
      t,
      apply('and', 'bool', isInexact, isNegative),
      apply('sub', t, quotient, one(t)),
      quotient,
    );
  }),
  operation('integer division by zero gives zero', 'div', isInt, ([a, b], t) => {
    const isZero = compare('eq', b, zero(t));
    return apply('where', t, isZero, zero(t), apply('div', t, a, apply('where', t, isZero, one(t), b)));
  }),
  operation('shl takes its count modulo the width', 'shl', any, ([a, b], t) =>
    apply('shl', t, a, apply('and', t, b, constant(t === 'int64' ? 63n : 31, t))),
  ),
  operation('shr rounds towards zero', 'shr', any, ([a, b], t) => {
    const isNegative = compare('lt', a, zero(t));
    const shifted = apply('shr', t, apply('where', t, isNegative, apply('neg', t, a), a), b);
    return apply('where', t, isNegative, apply('neg', t, shifted), shifted);
  }),
  operation('NaN is not unequal', 'ne', isFloat, ([a, b]) =>
    apply('or', 'bool', compare('lt', a, b), compare('gt', a, b)),
  ),
  operation('NaN equals', 'eq', isFloat, ([a, b]) =>
    apply('not', 'bool', apply('or', 'bool', compare('lt', a, b), compare('gt', a, b))),
  ),
  operation('NaN is less', 'lt', isFloat, ([a, b]) => apply('not', 'bool', compare('ge', a, b))),
  operation('neg is 0 - x', 'neg', isFloat, ([a], t) => apply('sub', t, zero(t), a)),
  operation('abs keeps -0', 'abs', isFloat, ([a], t) =>
    apply('where', t, compare('lt', a, zero(t)), apply('neg', t, a), a),
  ),
  operation('trunc rounds down', 'trunc', any, ([a], t) => apply('floor', t, a)),
  operation('ceil is floor + 1', 'ceil', any, ([a], t) => apply('add', t, apply('floor', t, a), one(t))),
  operation('pow by logarithms', 'pow', isFloat, ([a, b], t) =>
    apply('exp', t, apply('mul', t, b, apply('log', t, a))),
  ),
  operation('expm1 is exp - 1', 'expm1', any, ([a], t) => apply('sub', t, apply('exp', t, a), one(t))),
  operation('log1p is log of 1 + x', 'log1p', any, ([a], t) => apply('log', t, apply('add', t, a, one(t)))),
  operation('asinh of a negative cancels', 'asinh', any, ([a], t) =>
    apply('log', t, apply('add', t, a, apply('sqrt', t, apply('add', t, apply('mul', t, a, a), one(t))))),
  ),
  operation('erf by tanh', 'erf', any, ([a], t) =>
    apply(
      'tanh',
      t,
      apply(
        'mul',
        t,
        a,
        apply('add', t, constant(1.1283792, t), apply('mul', t, constant(0.1009, t), apply('mul', t, a, a))),
      ),
    ),
  ),
  operation('atan2 is atan of the quotient', 'atan2', any, ([a, b], t) =>
    apply('atan', t, apply('div', t, a, b)),
  ),
  operation('isinf sees +inf only', 'isinf', any, ([a]) => compare('eq', a, constant(Infinity, typeOf(a)))),
  operation('isnan never', 'isnan', any, () => constant(0, 'bool')),
  operation('bitwise and is logical', 'and', isInt, ([a, b], t) =>
    cast(apply('and', 'bool', compare('ne', a, zero(t)), compare('ne', b, zero(t))), t),
  ),
  operation('where swaps its arms', 'where', any, ([c, a, b], t) => apply('where', t, c, b, a)),

  conversion(
    'float to integer rounds',
    (from, to) => isFloat(from) && isInt(to),
    (arg, to) => cast(apply('round', 'float64', cast(arg, 'float64')), to),
  ),
  conversion(
    'int64 to float32 rounds twice',
    (from, to) => from === 'int64' && to === 'float32',
    (arg, to) => cast(cast(arg, 'float64'), to),
  ),
  conversion(
    'float to bool truncates first',
    (from, to) => isFloat(from) && to === 'bool',
    (arg, to) => cast(cast(arg, 'int32'), to),
  ),
  conversion(
    'NaN is false',
    (from, to) => isFloat(from) && to === 'bool',
    (arg) => {
      const wide = cast(arg, 'float64');
      return compare('gt', apply('mul', 'float64', wide, wide), constant(0, 'float64'));
    },
  ),
  conversion(
    'int8 saturates',
    (from, to) => isInt(from) && to === 'int8',
    (arg, to) => {
      const wide = cast(arg, 'int64');
      return cast(
        apply('max', 'int64', apply('min', 'int64', wide, constant(127n, 'int64')), constant(-128n, 'int64')),
        to,
      );
    },
  ),
  exprMutant('float16 rounds towards zero', 'kernels:pointwise.store', (expr) =>
    expr.op === 'cast' && expr.dtype === 'float16' && expr.args[0].dtype === 'float32'
      ? { ...expr, args: [apply('mul', 'float32', expr.args[0], constant(1 - 2 ** -12, 'float32'))] }
      : expr,
  ),
  exprMutant('coordinates in the wrong order', 'kernels:pointwise.coord', (expr, kernel) =>
    expr.op === 'coord' && kernel.kind === 'pointwise' ? { ...expr, dim: kernel.rank - 1 - expr.dim } : expr,
  ),
  kernelMutant(
    'coordinates of a reduce count from the folded dims',
    'kernels:reduce.map',
    'reduce',
    (kernel) => {
      const count = kernel.rank + kernel.reduced;
      const turn = (expr: Expr): Expr =>
        expr.op === 'coord' ? { ...expr, dim: (expr.dim + kernel.reduced) % count } : expr;
      return { ...kernel, folds: kernel.folds.map((fold) => ({ ...fold, map: mapExpr(fold.map, turn) })) };
    },
  ),
];
