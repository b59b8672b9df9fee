/** Rewrites scalar operations that a backend does not have into those that it has. */
import { X } from './build.ts';
import type { Expr, ScalarOp } from './expr.ts';

/** One way to say an operation in others. Float only. */
const rewrites: Partial<Record<ScalarOp, (x: X, y: X) => X>> = {
  log2: (x) => x.log().mul(Math.LOG2E),
  log10: (x) => x.log().mul(Math.LOG10E),
  // Kahan's forms: exact where 1 + x rounds to 1.
  log1p: (x) => {
    const u = x.add(1);
    return u.eq(1).where(x, u.log().mul(x).div(u.sub(1)));
  },
  expm1: (x) => {
    const u = x.exp();
    const v = u.sub(1);
    return u.eq(1).where(x, v.eq(-1).where(v, u.eq(Infinity).where(u, v.mul(x).div(u.log()))));
  },
  tan: (x) => x.sin().div(x.cos()),
  sinh: (x) => x.expm1().sub(x.neg().expm1()).mul(0.5),
  cosh: (x) => x.exp().add(x.neg().exp()).mul(0.5),
  asinh: (x) => {
    const a = x.abs();
    const r = a.add(a.mul(a).div(a.mul(a).add(1).sqrt().add(1))).log1p();
    return x.lt(0).where(r.neg(), r);
  },
  acosh: (x) => x.add(x.sub(1).sqrt().mul(x.add(1).sqrt())).log(),
  atanh: (x) => x.mul(2).div(X.const(1, x.dtype).sub(x)).log1p().mul(0.5),
  erfc: (x) => X.const(1, x.dtype).sub(x.erf()),
  isinf: (x) => x.abs().eq(Infinity),
  isnan: (x) => x.ne(x),
  ne: (x, y) => x.eq(y).not(),
  gt: (x, y) => y.lt(x),
  ge: (x, y) => y.le(x),
  le: (x, y) => x.lt(y).or(x.eq(y)),
  neg: (x) => x.mul(-1),
};

/** `expr` in operations that the backend has. Throws, naming it, where one has no other way to be said. */
export function rewrite(expr: Expr, available: ReadonlySet<ScalarOp>, backend: string): Expr {
  const known = new Map<Expr, Expr>();
  const visit = (e: Expr): Expr => {
    if (!('args' in e)) return e;
    const seen = known.get(e);
    if (seen) return seen;
    const args = e.args.map(visit);
    const same = args.every((a, i) => a === e.args[i]);
    let out = same ? e : ({ ...e, args } as Expr);
    if (e.op !== 'cast' && !available.has(e.op)) {
      const rule = rewrites[e.op];
      if (!rule)
        throw new Error(`backend '${backend}' has no scalar operation '${e.op}', and it cannot be rewritten`);
      out = visit(rule(new X(args[0]), new X(args[1] ?? args[0])).expr);
    }
    known.set(e, out);
    return out;
  };
  return visit(expr);
}
