/** Walks a scalar expression with one ATen call for each node, over whole views: correct, and slow. */
import { type ComputeType, type Expr, NotSupportedError, type ScalarOp, type View } from '@sconce/core';
import { aten } from '../call.ts';
import { dtypeCodes } from '../memory.ts';
import { cast } from './views.ts';

/** What an expression may refer to. `shape` is the iteration's, for coordinates; `input(i)` a view that broadcasts to it. */
export interface Environment {
  readonly input: (index: number) => View;
  readonly scalars: readonly (number | bigint)[];
  readonly shape: readonly number[];
}

const isInteger = (dtype: ComputeType): boolean => dtype === 'int32' || dtype === 'int64';

const constant = (value: number | bigint, dtype: ComputeType): View =>
  aten('full')([], value, dtypeCodes[dtype]);

const where = (condition: View, a: View, b: View): View => aten('where.self')(condition, a, b);

/** LibTorch's integer division kills the process for the least integer over -1; 1 stands in for -1 then. */
function divisorButMinusOne(b: View, dtype: ComputeType): { isMinusOne: View; divisor: View } {
  const isMinusOne = aten('eq.Scalar')(b, -1);
  return { isMinusOne, divisor: where(isMinusOne, constant(1, dtype), b) };
}

function divide(dtype: ComputeType, a: View, b: View): View {
  if (!isInteger(dtype)) return aten('div.Tensor')(a, b);
  const { isMinusOne, divisor } = divisorButMinusOne(b, dtype);
  return where(isMinusOne, aten('neg')(a), aten('div.Tensor_mode')(a, divisor, 'trunc'));
}

function remainder(dtype: ComputeType, a: View, b: View): View {
  return aten('fmod.Tensor')(a, isInteger(dtype) ? divisorButMinusOne(b, dtype).divisor : b);
}

/** C leaves shifts by the width or more undefined; ours give 0, or -1 for the right shift of a negative. */
function shift(name: string, dtype: ComputeType, a: View, b: View): View {
  const width = dtype === 'int64' ? 64 : 32;
  const within = aten('bitwise_and.Scalar')(b, width - 1);
  const isWithin = aten('eq.Tensor')(within, b);
  const shifted = aten(`bitwise_${name}_shift.Tensor`)(a, within);
  const beyond =
    name === 'left' ? constant(0, dtype) : aten('bitwise_right_shift.Tensor')(a, constant(width - 1, dtype));
  return where(isWithin, shifted, beyond);
}

type Emit = (dtype: ComputeType, ...args: View[]) => View;

const named =
  (name: string): Emit =>
  (_, ...args) =>
    aten(name)(...args);

const emit: Record<ScalarOp, Emit> = {
  add: named('add.Tensor'),
  sub: named('sub.Tensor'),
  mul: named('mul.Tensor'),
  div: divide,
  rem: remainder,
  neg: named('neg'),
  abs: named('abs'),
  min: named('minimum'),
  max: named('maximum'),
  pow: named('pow.Tensor_Tensor'),
  atan2: named('atan2'),
  sqrt: named('sqrt'),
  exp: named('exp'),
  expm1: named('expm1'),
  log: named('log'),
  log1p: named('log1p'),
  log2: named('log2'),
  log10: named('log10'),
  sin: named('sin'),
  cos: named('cos'),
  tan: named('tan'),
  asin: named('asin'),
  acos: named('acos'),
  atan: named('atan'),
  sinh: named('sinh'),
  cosh: named('cosh'),
  tanh: named('tanh'),
  asinh: named('asinh'),
  acosh: named('acosh'),
  atanh: named('atanh'),
  erf: named('erf'),
  erfc: named('erfc'),
  erfinv: named('erfinv'),
  lgamma: named('lgamma'),
  digamma: named('digamma'),
  floor: named('floor'),
  ceil: named('ceil'),
  trunc: named('trunc'),
  round: named('round'),
  isnan: named('isnan'),
  isinf: named('isinf'),
  eq: named('eq.Tensor'),
  ne: named('ne.Tensor'),
  lt: named('lt.Tensor'),
  le: named('le.Tensor'),
  gt: named('gt.Tensor'),
  ge: named('ge.Tensor'),
  and: named('bitwise_and.Tensor'),
  or: named('bitwise_or.Tensor'),
  xor: named('bitwise_xor.Tensor'),
  not: named('bitwise_not'),
  shl: (dtype, a, b) => shift('left', dtype, a, b),
  shr: (dtype, a, b) => shift('right', dtype, a, b),
  where: named('where.self'),
};

function coordinate(dim: number, shape: readonly number[]): View {
  const range = aten('arange')(shape[dim], dtypeCodes.int64);
  return { ...range, shape, strides: shape.map((_, d) => (d === dim ? 1 : 0)) };
}

/** The expression's values: of the iteration's shape, or of rank 0 where all elements are one. Shared nodes are run once. */
export function evaluate(expr: Expr, environment: Environment): View {
  const known = new Map<Expr, View>();
  const visit = (node: Expr): View => {
    const before = known.get(node);
    if (before) return before;
    const view = run(node);
    known.set(node, view);
    return view;
  };
  const run = (node: Expr): View => {
    switch (node.op) {
      case 'input':
        return environment.input(node.index);
      case 'const':
        return constant(node.value, node.dtype);
      case 'scalar':
        return constant(environment.scalars[node.index], node.dtype);
      case 'coord':
        return coordinate(node.dim, environment.shape);
      case 'cast': {
        const view = visit(node.args[0]);
        return view.dtype === node.dtype ? view : cast(view, dtypeCodes[node.dtype]);
      }
      default: {
        const build = emit[node.op];
        if (!build) throw new NotSupportedError(`libtorch: no scalar operation '${node.op}'`);
        const args = node.args.map(visit);
        return build(args[0].dtype as ComputeType, ...args);
      }
    }
  };
  return visit(expr);
}
