/** sin, cos, tan and the inverse functions, for f64 and f64x2 (float32 goes through double). */
import { isVector } from '../asm/lane.ts';
import type { Val } from '../asm/val.ts';

/** pi/2 in three parts; the first two have 33 bits, so products with integers up to 2^20 are exact. */
const PIO2 = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21] as const;
/** The same in parts of 24 bits, and what rounds a number to a multiple of 2^26. */
const PIO2_FINE = [
  1.570796251296997, 7.549789415861596e-8, 5.390302529957765e-15, 3.282003415807913e-22,
  1.270655753080676e-29, 1.2293330898111133e-36,
];
const HALVES = 6755399441055744 * 2 ** 26;
const MAGIC = 6755399441055744;
const ANY_TRUE = 0x153;

/** (-1)^j / (2 j + first)! from j = 1 on. */
const alternating = (first: number, count: number): number[] => {
  const out: number[] = [];
  let f = 1;
  for (let k = 2; k <= first; k++) f *= k;
  for (let j = 1; j <= count; j++) {
    f *= (2 * j + first - 1) * (2 * j + first);
    out.push((j % 2 ? -1 : 1) / f);
  }
  return out;
};
const sinSeries = alternating(1, 8);
const cosSeries = alternating(0, 9);

/** x = q pi/2 + r, r in [-pi/4, pi/4]: the quadrant's bits, sin r and cos r. */
function quadrant(x: Val): { q: Val; sin: Val; cos: Val } {
  const { fn } = x;
  const m = x
    .mul(2 / Math.PI)
    .add(MAGIC)
    .keep();
  const n = m.sub(MAGIC).keep();
  const r = x.sub(n.mul(PIO2[0])).sub(n.mul(PIO2[1])).sub(n.mul(PIO2[2])).snapshot();
  const isLarge = x.abs().gt(1e6).keep();
  fn.if(isVector(x.lane) ? isLarge.convert(ANY_TRUE, 'i32') : isLarge, () => {
    // Halves of n times parts of 24 bits are exact, and so is every difference up to 2^51; beyond, only the range is.
    const high = n.add(HALVES).sub(HALVES).keep();
    const low = n.sub(high).keep();
    let rest = x;
    for (const part of PIO2_FINE) rest = rest.sub(high.mul(part)).sub(low.mul(part));
    r.set(fn.select(isLarge, rest.atLeast(-1).atMost(1), r));
  });
  const z = r.mul(r).keep();
  const sin = r.add(r.mul(z).mul(z.poly(sinSeries))).keep();
  const cos = z.mul(z.poly(cosSeries)).add(1).keep();
  return { q: m.bits().keep(), sin, cos };
}

const odd = (q: Val): Val => {
  const bit = q.and(q.k(1));
  return bit.ne(0);
};
const negated = (q: Val, value: Val): Val =>
  value
    .bits()
    .xor(q.and(q.k(2)).shl(62))
    .asFloat();

/** Beyond 2^52 the quadrant has no bits left; the result is NaN only for inf and NaN. */
export function sin(x: Val): Val {
  const { q, sin: s, cos: c } = quadrant(x);
  const r = negated(q, x.fn.select(odd(q), c, s)).keep();
  return x.fn.select(x.eq(0), x, r);
}

export function cos(x: Val): Val {
  const { q, sin: s, cos: c } = quadrant(x);
  return negated(q.add(q.k(1)), x.fn.select(odd(q), s, c));
}

export function tan(x: Val): Val {
  const { q, sin: s, cos: c } = quadrant(x);
  const isOdd = odd(q).keep();
  const top = x.fn.select(isOdd, c.neg(), s);
  const bottom = x.fn.select(isOdd, s, c);
  const r = top.div(bottom).keep();
  return x.fn.select(x.eq(0), x, r);
}

const atanSeries = Array.from({ length: 13 }, (_, i) => (i % 2 ? 1 : -1) / (2 * i + 3));

/** atan(top / bottom) for 0 <= top <= bottom, by the nearest of 0, pi/8 and pi/4. */
function atanRatio(top: Val, bottom: Val): Val {
  const { fn } = top;
  const high = top.gt(bottom.mul(0.6681786379192989)).keep();
  const middle = top.gt(bottom.mul(0.198912367379658)).keep();
  const c = fn.select(high, top.k(1), fn.select(middle, top.k(Math.SQRT2 - 1), 0)).keep();
  const base = fn.select(high, top.k(Math.PI / 4), fn.select(middle, top.k(Math.PI / 8), 0));
  const u = top
    .sub(c.mul(bottom))
    .div(bottom.add(c.mul(top)))
    .keep();
  const z = u.mul(u).keep();
  return base.add(u.add(u.mul(z).mul(z.poly(atanSeries))));
}

export function atan(x: Val): Val {
  const { fn } = x;
  const a = x.abs().atMost(1e300).keep();
  const inverted = a.gt(1).keep();
  const r = atanRatio(fn.select(inverted, x.k(1), a).keep(), fn.select(inverted, a, 1).keep()).keep();
  return fn
    .select(inverted, x.k(Math.PI / 2).sub(r), r)
    .keep()
    .copysign(x);
}

export function atan2(y: Val, x: Val): Val {
  const { fn } = x;
  const ax = x.abs().keep();
  const ay = y.abs().keep();
  const steep = ay.gt(ax).keep();
  const top0 = fn.select(steep, ax, ay).keep();
  const bottom0 = fn.select(steep, ay, ax).keep();
  // inf over inf is 1, and 0 over 0 is 0.
  const bothInf = top0.eq(Infinity).keep();
  const infBottom = bottom0.eq(Infinity).keep();
  const top = fn.select(bothInf, x.k(1), fn.select(infBottom, top0.mul(0), top0)).keep();
  const bottom = fn.select(infBottom, x.k(1), fn.select(bottom0.eq(0), x.k(1), bottom0)).keep();
  // A NaN in either argument must survive the selects above.
  const nan = ax.add(ay).keep();
  const scale = fn.select(bottom.gt(1e300), x.k(0.125), 1).keep();
  const r = atanRatio(top.mul(scale).keep(), bottom.mul(scale).keep()).keep();
  const turned = fn.select(steep, x.k(Math.PI / 2).sub(r), r).keep();
  const negative = x.bits().lt(x.bits().k(0)).keep();
  const full = fn.select(negative, x.k(Math.PI).sub(turned), turned).keep().copysign(y).keep();
  return fn.select(nan.eq(nan), full, nan);
}

/** asin(x) = atan2(x, sqrt((1 - x)(1 + x))), NaN outside [-1, 1] by the root. */
export function asin(x: Val): Val {
  const one = x.k(1);
  return atan2(x, one.sub(x).mul(one.add(x)).sqrt().keep());
}

export function acos(x: Val): Val {
  const one = x.k(1);
  return atan2(one.sub(x).sqrt().keep(), one.add(x).sqrt().keep()).mul(2);
}
