/** erf and its relatives, the gamma functions, pow and fmod. */
import type { Val } from '../asm/val.ts';
import { erf32P, erf32Q, erfcTail, erfinvCentral, erfinvTail, erfSmall } from './coefficients.ts';
import { exp, log } from './exponential.ts';
import { sin, tan } from './trigonometric.ts';

/** float32: an odd rational function; from 4 on it is 1. */
export function erf32(x: Val): Val {
  const t = x.atLeast(-4).atMost(4).keep();
  const z = t.mul(t).keep();
  return t.mul(z.poly(erf32P)).div(z.poly(erf32Q)).atLeast(-1).atMost(1);
}

/** erfc of a >= 0: exp(-a²) times a Chebyshev expansion in (a - k) / (a + k) of what remains. */
function erfcPositive(a: Val): Val {
  const x = a.atMost(30).keep();
  const t = x.sub(3.75).div(x.add(3.75)).keep();
  const t2 = t.add(t).keep();
  let b1 = x.k(0);
  let b2 = x.k(0);
  for (let k = erfcTail.length - 1; k > 0; k--) {
    const b = t2.mul(b1).sub(b2).add(erfcTail[k]!).keep();
    b2 = b1;
    b1 = b;
  }
  const series = t.mul(b1).sub(b2).add(erfcTail[0]!).keep();
  // x² to twice the precision: s has so few bits that s² is exact.
  const s = x.bits().shrU(32).shl(32).asFloat().keep();
  const main = exp(s.mul(s).neg().keep()).keep();
  const rest = exp(s.sub(x).mul(s.add(x)).keep()).keep();
  return main.mul(rest).mul(series).div(x.add(x).add(1));
}

export function erf(x: Val): Val {
  const { fn } = x;
  const a = x.abs().keep();
  const z = a.mul(a).keep();
  const small = x.mul(z.poly(erfSmall)).keep();
  const large = x.k(1).sub(erfcPositive(a)).keep().copysign(x).keep();
  return fn.select(a.lt(1), small, large);
}

export function erfc(x: Val): Val {
  const { fn } = x;
  const a = x.abs().keep();
  const z = a.mul(a).keep();
  const small = x
    .k(1)
    .sub(x.mul(z.poly(erfSmall)))
    .keep();
  const tail = erfcPositive(a).keep();
  const large = fn.select(x.gt(0), tail, x.k(2).sub(tail)).keep();
  return fn.select(a.lt(0.5), small, large);
}

/** A polynomial in -log(1 - x²), then two steps of Halley's method on erf, or on erfc near 1. */
export function erfinv(x: Val): Val {
  const { fn } = x;
  const a = x.abs().keep();
  const rest = a.k(1).sub(a).keep();
  const w = log(rest.mul(a.add(1)).keep())
    .neg()
    .keep();
  const root = w.sqrt().keep();
  let y = fn.select(w.lt(6), a.mul(w.poly(erfinvCentral)), root.poly(erfinvTail)).keep();
  for (let step = 0; step < 2; step++) {
    const error = fn.select(a.lt(0.5), erf(y).keep().sub(a), rest.sub(erfc(y).keep())).keep();
    const d = error
      .mul(Math.sqrt(Math.PI) / 2)
      .div(exp(y.mul(y).neg().keep()))
      .keep();
    y = y.sub(d.div(y.mul(d).add(1))).keep();
  }
  const signed = fn.select(rest.eq(0), x.k(Infinity), y).keep().copysign(x).keep();
  return fn.select(a.le(1), fn.select(a.eq(0), x, signed), x.k(Number.NaN));
}

/** B_2k / (2k (2k - 1)) and B_2k / 2k: the asymptotic series of log gamma and of its derivative. */
const lgammaSeries = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156];
const digammaSeries = [1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12];

/** f64 only. Up by the recurrence to 10, then Stirling's series; below 1/2 by reflection. */
export function lgamma(x: Val): Val {
  const { fn } = x;
  const result = fn.local('f64');
  const y = fn.local('f64');
  const product = fn.local('f64');
  fn.if(
    x.abs().eq(Infinity).or(x.eq(1)).or(x.eq(2)),
    // The two zeros are exact.
    () => result.set(fn.select(x.abs().eq(Infinity), x.k(Infinity), 0)),
    () => {
      const reflect = x.lt(0.5).keep();
      y.set(fn.select(reflect, x.k(1).sub(x), x));
      product.set(1);
      fn.while(
        () => y.lt(10),
        () => {
          product.set(product.mul(y));
          y.set(y.add(1));
        },
      );
      const inverse = y.k(1).div(y).keep();
      const z = inverse.mul(inverse).keep();
      const series = z.poly(lgammaSeries).mul(inverse);
      const main = y.sub(0.5).mul(log(y).keep()).sub(y).add(0.9189385332046728);
      result.set(main.add(series).sub(log(product).keep()));
      fn.if(reflect, () => {
        const r = x.sub(x.nearest()).keep();
        const s = sin(r.mul(Math.PI).keep()).keep().abs().keep();
        result.set(x.k(1.1447298858494002).sub(log(s).keep()).sub(result));
        fn.if(r.eq(0), () => result.set(Infinity));
      });
    },
  );
  return result;
}

/** f64 only. Poles are NaN, but at 0 the infinity of the side that the zero's sign names. */
export function digamma(x: Val): Val {
  const { fn } = x;
  const result = fn.local('f64');
  const y = fn.local('f64');
  fn.if(
    x.eq(0),
    () => result.set(x.k(Infinity).copysign(x.neg())),
    () => {
      const reflect = x.lt(0).keep();
      y.set(fn.select(reflect, x.k(1).sub(x), x));
      result.set(0);
      fn.while(
        () => y.lt(10),
        () => {
          result.set(result.sub(y.k(1).div(y)));
          y.set(y.add(1));
        },
      );
      const inverse = y.k(1).div(y).keep();
      const z = inverse.mul(inverse).keep();
      const series = z.poly(digammaSeries).mul(z);
      result.set(result.add(log(y).keep().sub(inverse.mul(0.5)).sub(series)));
      fn.if(reflect, () => {
        const r = x.sub(x.nearest()).keep();
        result.set(result.sub(x.k(Math.PI).div(tan(r.mul(Math.PI).keep()))));
        fn.if(r.eq(0), () => result.set(Number.NaN));
        fn.if(x.eq(-Infinity), () => result.set(Number.NaN));
      });
    },
  );
  return result;
}

/** f64 only. Small whole exponents by squaring, which is exact where the result is; else exp(y log |x|). */
export function pow(x: Val, y: Val): Val {
  const { fn } = x;
  const result = fn.local('f64');
  const a = x.abs().keep();
  const n = y.abs().keep();
  const whole = y.trunc().eq(y).keep();
  const done = fn.local('i32');
  fn.if(y.eq(0), () => {
    result.set(1);
    done.set(1);
  });
  fn.if(x.eq(1), () => {
    result.set(1);
    done.set(1);
  });
  fn.if(done.not(), () => {
    fn.if(whole.and(n.le(64)), () => {
      const bits = fn.local('i32');
      const square = fn.local('f64');
      bits.set(n.convertFc(2, 'i32'));
      square.set(a);
      result.set(1);
      fn.while(
        () => bits.ne(0),
        () => {
          fn.if(bits.and(1), () => result.set(result.mul(square)));
          square.set(square.mul(square));
          bits.set(bits.shrU(1));
        },
      );
      fn.if(
        y.lt(0),
        () => {
          // A power beyond the range has an inverse that is not: leave it to the logarithm.
          done.set(result.lt(1e300).and(result.gt(1e-300)));
          result.set(y.k(1).div(result));
        },
        () => done.set(1),
      );
    });
    fn.if(done.not(), () => {
      fn.if(
        a.eq(1),
        () => result.set(fn.select(y.eq(y), a, y)),
        () => {
          result.set(exp(y.mul(log(a).keep()).keep()));
        },
      );
    });
    const isOdd = whole.and(y.mul(0.5).trunc().mul(2).ne(y)).keep();
    const negative = x.bits().lt(x.bits().k(0)).keep();
    fn.if(negative, () => {
      fn.if(isOdd, () => result.set(result.neg()));
      fn.if(whole.not().and(x.lt(0)).and(x.ne(-Infinity)).and(y.eq(y)), () => result.set(Number.NaN));
    });
    fn.if(x.ne(x), () => result.set(x));
  });
  return result;
}

/** For float32 operands held as doubles, without branches: exp(y log |x|) is exact enough there. */
export function powSingle(x: Val, y: Val): Val {
  const { fn } = x;
  const a = x.abs().keep();
  const whole = y.trunc().eq(y).keep();
  const isOdd = whole.and(y.mul(0.5).trunc().mul(2).ne(y)).keep();
  const size = exp(y.mul(log(a).keep()).keep()).keep();
  // A negative base: odd powers are negative, those of fractions are not real (but for -inf and -0).
  const negative = x.bits().lt(x.bits().k(0)).keep();
  const signed = fn.select(negative.and(isOdd), size.neg(), size).keep();
  const finite = x
    .lt(0)
    .and(x.ne(x.k(-Infinity)))
    .and(whole.not());
  const real = fn.select(finite, x.k(Number.NaN), signed).keep();
  const one = x
    .eq(1)
    .or(y.eq(0))
    .or(a.eq(1).and(y.abs().eq(Infinity)));
  const nan = x.add(y).keep();
  // 1 to any power and any number to 0 are 1, NaN or not.
  return fn.select(
    one,
    x.k(1),
    fn.select(nan.eq(nan).or(a.eq(Infinity)).and(x.eq(x)).and(y.eq(y)), real, nan),
  );
}

/** f64 only; exact, by subtracting the divisor's doublings from the largest down. */
export function fmod(x: Val, y: Val): Val {
  const { fn } = x;
  const r = fn.local('f64');
  const t = fn.local('f64');
  const b = y.abs().keep();
  r.set(x.abs());
  fn.if(
    b.gt(0).and(r.lt(Infinity)),
    () =>
      // An infinite divisor leaves x as it is.
      fn.if(b.lt(Infinity), () => {
        t.set(b);
        fn.while(
          () => t.le(r.sub(t)),
          () => t.set(t.add(t)),
        );
        fn.while(
          () => t.ge(b),
          () => {
            fn.if(r.ge(t), () => r.set(r.sub(t)));
            t.set(t.mul(0.5));
          },
        );
      }),
    () => r.set(Number.NaN),
  );
  return r.copysign(x);
}
