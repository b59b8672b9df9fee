/** The hyperbolic functions and their inverses, for f64 and f64x2. */
import type { Val } from '../asm/val.ts';
import { exp, expm1, log, log1p } from './exponential.ts';

/** Half the exponent, squared at the end: so that no intermediate overflows before the result does. */
export function cosh(x: Val): Val {
  const h = exp(x.abs().mul(0.5).keep()).keep();
  const inverse = x.k(0.5).div(h).div(h);
  return h.mul(0.5).mul(h).add(inverse);
}

export function sinh(x: Val): Val {
  const { fn } = x;
  const a = x.abs().keep();
  const e = expm1(a).keep();
  const small = e
    .add(e.div(e.add(1)))
    .mul(0.5)
    .keep();
  const h = exp(a.mul(0.5).keep()).keep();
  return fn.select(a.gt(22), h.mul(0.5).mul(h), small).keep().copysign(x);
}

export function asinh(x: Val): Val {
  const { fn } = x;
  const a = x.abs().keep();
  const z = a.mul(a).keep();
  const small = log1p(a.add(z.div(z.add(1).sqrt().add(1))).keep()).keep();
  const large = log(a).add(Math.LN2).keep();
  return fn.select(a.gt(1e9), large, small).keep().copysign(x);
}

/** NaN below 1 comes from the root. */
export function acosh(x: Val): Val {
  const { fn } = x;
  const t = x.sub(1).keep();
  const small = log1p(t.add(t.mul(t.add(2)).sqrt()).keep()).keep();
  const large = log(x).add(Math.LN2).keep();
  return fn.select(x.gt(1e9), large, small);
}

export function atanh(x: Val): Val {
  const a = x.abs().keep();
  return log1p(a.add(a).div(a.k(1).sub(a)).keep())
    .mul(0.5)
    .keep()
    .copysign(x);
}
