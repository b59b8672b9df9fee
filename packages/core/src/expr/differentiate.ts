/** Derivatives of scalar expressions, by the chain rule. */
import { isFloat } from '../tensor/dtype.ts';
import { X } from './build.ts';
import { type ComputeType, computeType, type Expr, type ScalarOp } from './expr.ts';

type Tangent = X | undefined; // undefined is zero

const plus = (a: Tangent, b: Tangent): Tangent => (a && b ? a.add(b) : (a ?? b));
const times = (t: Tangent, factor: () => X): Tangent => {
  if (!t) return undefined;
  const f = factor();
  return t.isConstant(1) ? f : f.isConstant(1) ? t : t.mul(f);
};

/** `(y, args, tangents)`: the tangent of the result y from the arguments' tangents. Operations not listed are flat. */
type Rule = (y: X, args: readonly X[], tangents: readonly Tangent[]) => Tangent;

const unary =
  (factor: (x: X, y: X) => X): Rule =>
  (y, [x], [t]) =>
    times(t, () => factor(x, y));

const constant = (like: X, value: number): X => X.const(value, like.dtype);
const inverse = (x: X): X => constant(x, 1).div(x);

const rules: Partial<Record<ScalarOp, Rule>> = {
  add: (_, __, [s, t]) => plus(s, t),
  sub: (_, __, [s, t]) => plus(s, t?.neg()),
  mul: (_, [a, b], [s, t]) =>
    plus(
      times(s, () => b),
      times(t, () => a),
    ),
  div: (y, [, b], [s, t]) => plus(s?.div(b), t?.mul(y.div(b)).neg()),
  rem: (_, [a, b], [s, t]) =>
    plus(
      s,
      times(t, () => a.div(b).trunc().neg()),
    ),
  neg: (_, __, [t]) => t?.neg(),
  abs: (_, [x], [t]) =>
    times(t, () => x.gt(0).where(constant(x, 1), x.lt(0).where(constant(x, -1), constant(x, 0)))),
  min: (_, [a, b], [s, t]) => halves(a.lt(b), b.lt(a), s, t),
  max: (_, [a, b], [s, t]) => halves(a.gt(b), b.gt(a), s, t),
  pow: (y, [a, b], [s, t]) =>
    plus(
      times(s, () => b.eq(0).where(constant(b, 0), b.mul(a.pow(b.sub(1))))),
      times(t, () => a.eq(0).and(b.ge(0)).where(constant(a, 0), y.mul(a.log()))),
    ),
  atan2: (_, [a, b], [s, t]) => {
    const square = a.mul(a).add(b.mul(b));
    return plus(
      times(s, () => b.div(square)),
      times(t, () => a.div(square).neg()),
    );
  },
  sqrt: unary((_, y) => constant(y, 0.5).div(y)),
  exp: unary((_, y) => y),
  expm1: unary((_, y) => y.add(1)),
  log: unary((x) => inverse(x)),
  log1p: unary((x) => inverse(x.add(1))),
  log2: unary((x) => inverse(x.mul(Math.LN2))),
  log10: unary((x) => inverse(x.mul(Math.LN10))),
  sin: unary((x) => x.cos()),
  cos: unary((x) => x.sin().neg()),
  tan: unary((_, y) => y.mul(y).add(1)),
  asin: unary((x) => inverse(constant(x, 1).sub(x.mul(x)).sqrt())),
  acos: unary((x) => inverse(constant(x, 1).sub(x.mul(x)).sqrt()).neg()),
  atan: unary((x) => inverse(x.mul(x).add(1))),
  sinh: unary((x) => x.cosh()),
  cosh: unary((x) => x.sinh()),
  tanh: unary((_, y) => constant(y, 1).sub(y.mul(y))),
  asinh: unary((x) => inverse(x.mul(x).add(1).sqrt())),
  acosh: unary((x) => inverse(x.sub(1).mul(x.add(1)).sqrt())),
  atanh: unary((x) => inverse(constant(x, 1).sub(x.mul(x)))),
  erf: unary((x) =>
    x
      .mul(x)
      .neg()
      .exp()
      .mul(2 / Math.sqrt(Math.PI)),
  ),
  erfc: unary((x) =>
    x
      .mul(x)
      .neg()
      .exp()
      .mul(-2 / Math.sqrt(Math.PI)),
  ),
  erfinv: unary((_, y) =>
    y
      .mul(y)
      .exp()
      .mul(Math.sqrt(Math.PI) / 2),
  ),
  lgamma: unary((x) => x.digamma()),
  where: (y, [c], [, s, t]) => (s || t ? c.where(s ?? constant(y, 0), t ?? constant(y, 0)) : undefined),
};

/** The tangent of min and max; equal arguments share it. */
function halves(first: X, second: X, s: Tangent, t: Tangent): Tangent {
  const share = (strict: X, other: X, tangent: Tangent): Tangent =>
    tangent && strict.where(tangent, other.where(constant(tangent, 0), tangent.mul(0.5)));
  return plus(share(first, second, s), share(second, first, t));
}

/** Derivative of `expr` with respect to input `index`, or undefined where it is zero everywhere. */
export function differentiate(expr: Expr, index: number): X | undefined {
  const known = new Map<Expr, Tangent>();
  const tangentOf = (e: Expr): Tangent => {
    if (known.has(e)) return known.get(e);
    const tangent = derive(e);
    known.set(e, tangent);
    return tangent;
  };
  const derive = (e: Expr): Tangent => {
    switch (e.op) {
      case 'input':
        return e.index === index && isFloat(e.dtype) ? X.const(1, computeType(e.dtype)) : undefined;
      case 'const':
      case 'scalar':
      case 'coord':
        return undefined;
      case 'cast':
        return isFloat(e.dtype) ? tangentOf(e.args[0])?.cast(computeType(e.dtype)) : undefined;
      default: {
        const rule = rules[e.op];
        if (!rule || !isFloat(e.dtype)) return undefined;
        const tangents = e.args.map(tangentOf);
        return tangents.some(Boolean)
          ? rule(
              new X(e),
              e.args.map((a) => new X(a)),
              tangents,
            )
          : undefined;
      }
    }
  };
  return tangentOf(expr);
}

/** Reads `expr` again with other inputs and scalars in the places of its own. */
export function substitute(
  expr: Expr,
  replace: {
    input?: (index: number, dtype: Expr['dtype']) => Expr;
    scalar?: (index: number, dtype: ComputeType) => Expr;
  },
): Expr {
  const known = new Map<Expr, Expr>();
  const visit = (e: Expr): Expr => {
    const seen = known.get(e);
    if (seen) return seen;
    let out: Expr;
    if (e.op === 'input') out = replace.input?.(e.index, e.dtype) ?? e;
    else if (e.op === 'scalar') out = replace.scalar?.(e.index, e.dtype) ?? e;
    else if ('args' in e) out = { ...e, args: e.args.map(visit) } as Expr;
    else out = e;
    known.set(e, out);
    return out;
  };
  return visit(expr);
}
