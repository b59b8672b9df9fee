/** The functions of scalar expressions on any float lane: which algorithm, inline or called, in which precision. */
import type { Lane } from '../asm/lane.ts';
import type { Val } from '../asm/val.ts';
import * as e from '../math/exponential.ts';
import * as h from '../math/hyperbolic.ts';
import * as s from '../math/special.ts';
import * as t from '../math/trigonometric.ts';

export type MathOp =
  | 'exp'
  | 'expm1'
  | 'log'
  | 'log1p'
  | 'log2'
  | 'log10'
  | 'sin'
  | 'cos'
  | 'tan'
  | 'asin'
  | 'acos'
  | 'atan'
  | 'sinh'
  | 'cosh'
  | 'tanh'
  | 'asinh'
  | 'acosh'
  | 'atanh'
  | 'erf'
  | 'erfc'
  | 'erfinv'
  | 'lgamma'
  | 'digamma'
  | 'pow'
  | 'atan2'
  | 'rem';

/**
 * `single`: a float32 algorithm, worth its code where the function is hot; the others compute in double.
 * `scalar`: the double algorithm branches or loops, so a vector goes through it one element at a time.
 */
interface Algorithm {
  readonly single?: (x: Val) => Val;
  readonly double: (x: Val, y: Val) => Val;
  readonly scalar?: true;
  /** Branch-free, and in double exact enough for float32 arguments. */
  readonly widened?: (x: Val, y: Val) => Val;
}

const algorithms: Readonly<Record<MathOp, Algorithm>> = {
  exp: { single: e.exp, double: e.exp },
  expm1: { single: e.expm1, double: e.expm1 },
  log: { single: e.log, double: e.log },
  log1p: { single: e.log1p, double: e.log1p },
  log2: { single: e.log2, double: e.log2 },
  log10: { single: e.log10, double: e.log10 },
  sin: { double: t.sin },
  cos: { double: t.cos },
  tan: { double: t.tan },
  asin: { double: t.asin },
  acos: { double: t.acos },
  atan: { double: t.atan },
  sinh: { double: h.sinh },
  cosh: { double: h.cosh },
  tanh: { single: e.tanh32, double: e.tanh },
  asinh: { double: h.asinh },
  acosh: { double: h.acosh },
  atanh: { double: h.atanh },
  erf: { single: s.erf32, double: s.erf },
  erfc: { double: s.erfc },
  erfinv: { double: s.erfinv },
  lgamma: { double: s.lgamma, scalar: true },
  digamma: { double: s.digamma, scalar: true },
  pow: { double: s.pow, scalar: true, widened: s.powSingle },
  atan2: { double: t.atan2 },
  rem: { double: s.fmod, scalar: true },
};

/** Calls the module's own copy of a double function. */
function called(op: MathOp, lane: Lane, args: readonly Val[], algorithm = algorithms[op].double): Val {
  const { module } = args[0]!.fn;
  const f = module.library(
    `${op}:${lane}:${algorithm.name}`,
    args.map(() => lane),
    [lane],
    (fn) => algorithm(fn.param(0), args.length > 1 ? fn.param(1) : fn.param(0)).put(),
  );
  return args[0]!.fn.call(f, args).keep();
}

function perElement(op: MathOp, args: readonly Val[], count: number): Val {
  let r: Val | undefined;
  for (let i = 0; i < count; i++) {
    const y = math(
      op,
      args.map((a) => a.extract(i)),
    );
    r = (r ? r.replace(i, y) : y.splat()).keep();
  }
  return r!;
}

/** The value of a function; arguments are all of one float lane. */
export function math(op: MathOp, values: readonly Val[]): Val {
  const args = values.map((v) => v.keep());
  const x = args[0]!;
  const { single, scalar, double, widened = double } = algorithms[op];
  if (single && (x.lane === 'f32' || x.lane === 'f32x4')) return single(x).keep();
  switch (x.lane) {
    case 'f32':
      return called(
        op,
        'f64',
        args.map((a) => a.convert(0xbb, 'f64')),
        widened,
      ).convert(0xb6, 'f32');
    case 'f32x4': {
      if (scalar && widened === double) return perElement(op, args, 4);
      const half = (pick: readonly number[]) =>
        called(
          op,
          'f64x2',
          args.map((a) => a.shuffle32(a, pick).convert(0x15f, 'f64x2')),
          widened,
        ).convert(0x15e, 'f32x4');
      const low = half([0, 1, 0, 1]).keep();
      return low.shuffle32(half([2, 3, 2, 3]).keep(), [0, 1, 4, 5]);
    }
    case 'f64x2':
      return scalar ? perElement(op, args, 2) : called(op, 'f64x2', args);
    default:
      return called(op, 'f64', args);
  }
}
