/** Functions of statistics and physics, and comparisons with a tolerance. */
import { applyElementwise } from '../autograd/pointwise.ts';
import { callOperator } from '../dispatch/call.ts';
import { findOperator, named, op, pointwise } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { Elementwise, typeName } from '../kernel/elementwise.ts';
import { isFloat, isIntegral } from '../tensor/dtype.ts';
import { get_default_dtype, scalarValue } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';

const zero = (x: X): X => X.const(0, x.dtype);
const one = (x: X): X => X.const(1, x.dtype);

/** x * log(y), and 0 where x is 0, even for y = 0. */
const xlogy = (x: X, y: X): X => y.isnan().where(y, x.eq(0).where(zero(x), x.mul(y.log())));
const xlog1py = (x: X, y: X): X => y.isnan().where(y, x.eq(0).where(zero(x), x.mul(y.log1p())));

const xlogyFamily = (
  name: string,
  f: (x: X, y: X) => X,
  slope: (x: Tensor, y: Tensor) => Tensor,
  log: (y: Tensor) => Tensor,
  overloads: readonly [string, string, string],
) => {
  const gradSelf = (grad: Tensor, self: Tensor, other: Tensor): Tensor =>
    grad.mul(log(other)).masked_fill(self.eq(0).logical_and(other.le(name === 'xlogy' ? 0 : -1)), 0);
  const [tensor, otherScalar, selfScalar] = overloads;
  return [
    ...pointwise(named(`${name}${tensor}`, '(Tensor self, Tensor other) -> Tensor'), {
      inplace: name === 'xlogy',
      promote: 'float',
      math: ({ self, other }) => f(self, other),
      grad: {
        self: ({ grad, self, other }) => gradSelf(grad, self, other),
        other: ({ grad, self, other }) => grad.mul(slope(self, other)),
      },
    }),
    ...pointwise(named(`${name}${otherScalar}`, '(Tensor self, Scalar other) -> Tensor'), {
      inplace: name === 'xlogy',
      promote: 'float',
      math: ({ self, other }) => f(self, other),
      grad: {
        self: ({ grad, self, other }) => {
          const value = Number(scalarValue(other));
          return gradSelf(grad, self, grad.new_full([], value));
        },
      },
    }),
    ...pointwise(named(`${name}${selfScalar}`, '(Scalar self, Tensor other) -> Tensor'), {
      promote: 'float',
      math: ({ self, other }) => f(self, other),
      grad: { other: ({ grad, self, other }) => grad.mul(slope(grad.new_full([], self), other)) },
    }),
  ];
};

/** log(base^a + base^b) without overflow. */
const logAdd = (a: X, b: X, exp: (x: X) => X, log1p: (x: X) => X): X => {
  const [high, low] = [a.max(b), a.min(b)];
  const sum = high.add(log1p(exp(low.sub(high))));
  return a.isinf().and(a.eq(b)).where(a, sum);
};

/** |x| with y's sign, which for a zero is told by its reciprocal. */
function copysign(x: X, y: X): X {
  const negative = y.lt(0).or(y.eq(0).and(one(y).div(y).lt(0)));
  return negative.where(x.abs().neg(), x.abs());
}

const copysignSlope = (grad: Tensor, self: Tensor, result: Tensor): Tensor =>
  grad.mul(result.div(self).masked_fill(self.eq(0), 0));

const clenshaw = new Elementwise((x, b1, b2, c) => x.mul(b1).sub(b2).add(c), { promotes: [0, 1, 2] });

/** A Chebyshev series by Clenshaw's recurrence, as Cephes has it: a kernel for each term, since one for all would repeat itself endlessly. */
function chebyshev(x: Tensor, coefficients: readonly number[]): Tensor {
  let b0 = x.new_full(x.shape, coefficients[0]) as Tensor;
  let [b1, b2] = [x.new_zeros(x.shape), x.new_zeros(x.shape)] as Tensor[];
  for (const c of coefficients.slice(1)) {
    [b2, b1] = [b1, b0];
    [b0] = clenshaw.call('bessel', [x, b1, b2], [c]);
  }
  return b0.sub(b2).mul(0.5);
}

// Coefficients of the modified Bessel functions exp(-x) I0(x) and exp(-x) I1(x) / x on [0, 8], and of sqrt(x) times them beyond (Cephes, S. Moshier).
const i0Near = [
  -4.4153416464793395e-18, 3.3307945188222384e-17, -2.431279846547955e-16, 1.715391285555133e-15,
  -1.1685332877993451e-14, 7.676185498604936e-14, -4.856446783111929e-13, 2.95505266312964e-12,
  -1.726826291441556e-11, 9.675809035373237e-11, -5.189795601635263e-10, 2.6598237246823866e-09,
  -1.300025009986248e-08, 6.046995022541919e-08, -2.670793853940612e-07, 1.1173875391201037e-06,
  -4.4167383584587505e-06, 1.6448448070728896e-05, -5.754195010082104e-05, 0.00018850288509584165,
  -0.0005763755745385824, 0.0016394756169413357, -0.004324309995050576, 0.010546460394594998,
  -0.02373741480589947, 0.04930528423967071, -0.09490109704804764, 0.17162090152220877,
  -0.3046826723431984, 0.6767952744094761,
]; // biome-ignore format: a table
const i0Far = [
  -7.233180487874754e-18, -4.830504485944182e-18, 4.46562142029676e-17, 3.461222867697461e-17,
  -2.8276239805165836e-16, -3.425485619677219e-16, 1.7725601330565263e-15, 3.8116806693526224e-15,
  -9.554846698828307e-15, -4.150569347287222e-14, 1.54008621752141e-14, 3.8527783827421426e-13,
  7.180124451383666e-13, -1.7941785315068062e-12, -1.3215811840447713e-11, -3.1499165279632416e-11,
  1.1889147107846439e-11, 4.94060238822497e-10, 3.3962320257083865e-09, 2.266668990498178e-08,
  2.0489185894690638e-07, 2.8913705208347567e-06, 6.889758346916825e-05, 0.0033691164782556943,
  0.8044904110141088,
]; // biome-ignore format: a table
const i1Near = [
  2.7779141127610464e-18, -2.111421214358166e-17, 1.5536319577362005e-16, -1.1055969477353862e-15,
  7.600684294735408e-15, -5.042185504727912e-14, 3.223793365945575e-13, -1.9839743977649436e-12,
  1.1736186298890901e-11, -6.663489723502027e-11, 3.625590281552117e-10, -1.8872497517228294e-09,
  9.381537386495773e-09, -4.445059128796328e-08, 2.0032947535521353e-07, -8.568720264695455e-07,
  3.4702513081376785e-06, -1.3273163656039436e-05, 4.781565107550054e-05, -0.00016176081582589674,
  0.0005122859561685758, -0.0015135724506312532, 0.004156422944312888, -0.010564084894626197,
  0.024726449030626516, -0.05294598120809499, 0.1026436586898471, -0.17641651835783406,
  0.25258718644363365,
]; // biome-ignore format: a table
const i1Far = [
  7.517296310842105e-18, 4.414348323071708e-18, -4.6503053684893586e-17, -3.209525921993424e-17,
  2.96262899764595e-16, 3.3082023109209285e-16, -1.8803547755107825e-15, -3.8144030724370075e-15,
  1.0420276984128802e-14, 4.272440016711951e-14, -2.1015418427726643e-14, -4.0835511110921974e-13,
  -7.198551776245908e-13, 2.0356285441470896e-12, 1.4125807436613782e-11, 3.2526035830154884e-11,
  -1.8974958123505413e-11, -5.589743462196584e-10, -3.835380385964237e-09, -2.6314688468895196e-08,
  -2.512236237870209e-07, -3.882564808877691e-06, -0.00011058893876262371, -0.009761097491361469,
  0.7785762350182801,
]; // biome-ignore format: a table

const floating = (t: Tensor): Tensor => (isFloat(t.dtype) ? t : t.to(get_default_dtype()));
/** In float32 at least. */
const widened = (t: Tensor): Tensor =>
  t.dtype === 'float16' || t.dtype === 'bfloat16' ? t.to('float32') : t;

/** Even in x: the series below 8, and the asymptotic one from there on. */
function bessel(x: Tensor, near: (a: Tensor) => Tensor, far: readonly number[]): Tensor {
  const a = x.abs() as Tensor;
  const inside = near(a.clamp_max(8));
  const beyond = chebyshev(a.clamp_min(8).reciprocal().mul(32).sub(2), far).div(a.clamp_min(8).sqrt());
  return inside.where(a.le(8), beyond).where(x.isnan().logical_not(), x);
}
const i0e = (x: Tensor): Tensor => bessel(x, (a) => chebyshev(a.mul(0.5).sub(2), i0Near), i0Far);
/** The series is for exp(-x) I1(x) / x. */
const i1e = (x: Tensor): Tensor => {
  const y = bessel(x, (a) => chebyshev(a.mul(0.5).sub(2), i1Near).mul(a), i1Far);
  return y.where(x.ge(0).logical_or(x.isnan()), y.neg());
};
const i0 = (x: Tensor): Tensor => i0e(x).mul(x.abs().exp());
const i1 = (x: Tensor): Tensor => i1e(x).mul(x.abs().exp());

const overTensor = (
  base: string,
  f: (x: Tensor) => Tensor,
  slope: (grad: Tensor, self: Tensor, result: Tensor) => Tensor,
  inplace = false,
) =>
  op(named(base, '(Tensor self) -> Tensor'), {
    inplace,
    define: ({ self }) => {
      const x = floating(self);
      return f(widened(x)).to(x.dtype);
    },
    grad: { self: ({ grad, self, result }) => slope(grad, self, result) },
  });

/** exp(x²) erfc(x): straight where that is exact enough, a continued fraction where erfc would vanish. */
const erfcx = (x: X): X => {
  const a = x.abs();
  // Lentz-free: the continued fraction of Laplace, from the inside out; 40 terms for x > 2.
  let tail = a;
  for (let k = 40; k >= 1; k--) tail = a.add(X.const(k / 2, x.dtype).div(tail));
  const far = X.const(1 / Math.sqrt(Math.PI), x.dtype).div(tail);
  const near = x.mul(x).exp().mul(x.erfc());
  return x.gt(2).where(far, near);
};

const entr = (x: X): X =>
  x
    .isnan()
    .where(x, x.gt(0).where(x.neg().mul(x.log()), x.eq(0).where(zero(x), X.const(-Infinity, x.dtype))));

const ndtr = (x: X): X => x.mul(Math.SQRT1_2).neg().erfc().mul(0.5);
const logNdtr = (x: X): X => {
  const t = x.mul(Math.SQRT1_2);
  return x.lt(-1).where(erfcx(t.neg()).div(2).log().sub(t.mul(t)), t.erfc().div(-2).log1p());
};
const ndtri = (x: X): X => x.mul(2).sub(1).erfinv().mul(Math.SQRT2);

// Factors (2k)! / B(2k) of Euler's and Maclaurin's corrections.
const maclaurin = [
  12, -720, 30240, -1209600, 47900160, -1892437580.3183792, 7.47242496e10, -2950130727918.164,
  116467828143500.67, -4597978722407473.0, 1.8152105401943546e+17, -7.166165256175667e+18,
]; // biome-ignore format: a table

/** Terms q^-s, (q + 1)^-s, … to the one past 9 (ten at least), and the base of the last. */
const direct = new Elementwise((s, q) => {
  let sum = q.pow(s.neg());
  let last = q;
  for (let k = 1; k <= MOST_TERMS; k++) {
    const wanted = q.add(k - 1).le(9);
    const base = q.add(k);
    const term = base.pow(s.neg());
    sum = sum.add(k <= 9 ? term : wanted.where(term, X.const(0, q.dtype)));
    last = k <= 9 ? base : wanted.where(base, last);
  }
  return [sum, q.lt(9 - MOST_TERMS).where(X.const(NaN, q.dtype), last)];
});

/** Enough for a base above -50; below, the answer is NaN. */
const MOST_TERMS = 60;

/** Hurwitz' zeta by Euler and Maclaurin, for s > 1: some terms, the integral of the rest, and the corrections. */
function zeta(order: Tensor, from: Tensor): Tensor {
  const dtype = order.add(from).dtype as Tensor['dtype'];
  // Near the poles much cancels.
  const wide = from.backend.capabilities.dtypes.has('float64') ? 'float64' : 'float32';
  const [s, q] = [order.to(wide), from.to(wide)] as Tensor[];
  // The corrections want to start past 9; from a negative number that takes more terms.
  let [sum, a] = direct.call('zeta', [s, q]) as [Tensor, Tensor];
  const minus = s.neg() as Tensor;
  const last = a.pow(minus) as Tensor;
  sum = sum.add(last.mul(a).div(s.sub(1))).sub(last.mul(0.5));
  let term = last.mul(s).div(a) as Tensor;
  maclaurin.forEach((c, k) => {
    // The last terms are 0 / inf where the first ones already are nothing.
    sum = sum.add(term.div(c).nan_to_num(0));
    term = term
      .mul(s.add(2 * k + 1))
      .mul(s.add(2 * k + 2))
      .div(a.mul(a));
  });
  const whole = q.eq(q.floor());
  const atPole = q.le(0).logical_and(whole);
  const outside = s.lt(1).logical_or(q.le(0).logical_and(whole.logical_not()).logical_and(s.ne(s.floor())));
  const out = sum
    .masked_fill(atPole, Infinity)
    .masked_fill(outside, NaN)
    .masked_fill(s.eq(1), Infinity) as Tensor;
  return out.to(isFloat(dtype) ? dtype : get_default_dtype());
}

/** Six terms, then the asymptotic series; below a half by reflection. */
const trigamma = new Elementwise(
  (self) => {
    const isLow = self.lt(0.5);
    const sine = self.mul(Math.PI).sin();
    let sum = isLow.where(X.const(-Math.PI * Math.PI, self.dtype).div(sine.mul(sine)), zero(self));
    const from = isLow.where(one(self).sub(self), self);
    for (let k = 0; k < 6; k++) {
      const x = from.add(k);
      sum = sum.add(one(x).div(x.mul(x)));
    }
    const x = from.add(6);
    const square = one(x).div(x.mul(x));
    const tail = square.mul(
      square
        .mul(square.mul(-1 / 42).add(1 / 30))
        .neg()
        .add(1 / 6),
    );
    sum = sum.add(
      one(x)
        .add(one(x).div(x.mul(2)))
        .add(tail)
        .div(x),
    );
    return isLow.where(sum.neg(), sum);
  },
  { promote: 'float' },
);

/** Derivatives of digamma: (-1)^(n+1) n! zeta(n + 1, x). */
function polygamma(n: number, self: Tensor): Tensor {
  if (n < 0) throw new TorchError('polygamma(n, x) does not support negative n.');
  if (n === 0) return self.digamma();
  if (n === 1) return trigamma.call('polygamma', [self])[0];
  let factorial = n % 2 === 0 ? -1 : 1;
  for (let k = 2; k <= n; k++) factorial *= k;
  const x = floating(self);
  return zeta(widened(x).new_full([], n + 1), widened(x))
    .mul(factorial)
    .to(x.dtype);
}

const gcdSteps: Partial<Record<string, number>> = { int64: 92, int32: 46, int16: 24, int8: 13, uint8: 13 };

/** Euclid's algorithm, a few steps in each kernel, as many as the dtype can need. */
function gcdOf(name: string, a: Tensor, b: Tensor): Tensor {
  if (!isIntegral(a.dtype) || a.dtype === 'bool' || !isIntegral(b.dtype) || b.dtype === 'bool')
    throw new TorchError(`"${name}_cpu" not implemented for '${isFloat(a.dtype) ? a.dtype : b.dtype}'`);
  let [x, y] = [a.abs(), b.abs()] as Tensor[];
  for (let k = 0; k < (gcdSteps[x.dtype] ?? 92); k += STEPS) [x, y] = euclid.call(name, [x, y]);
  return x;
}

const STEPS = 4;
const euclid = new Elementwise((a, b) => {
  let [x, y] = [a, b];
  for (let k = 0; k < STEPS; k++) {
    const done = y.eq(0);
    const rest = x.rem(done.where(one(y), y));
    [x, y] = [done.where(x, y), done.where(y, rest)];
  }
  return [x, y];
});

function isclose(self: Tensor, other: Tensor, rtol: number, atol: number, equalNan: boolean): Tensor {
  if (self.dtype !== other.dtype)
    throw new TorchError(`${typeName(self.dtype)} did not match ${typeName(other.dtype)}`);
  if (rtol < 0) throw new TorchError(`rtol must be greater than or equal to zero, but got ${rtol}`);
  if (atol < 0) throw new TorchError(`atol must be greater than or equal to zero, but got ${atol}`);
  let close = self.eq(other) as Tensor;
  if (isFloat(self.dtype) && equalNan) close = close.logical_or(self.isnan().logical_and(other.isnan()));
  if (rtol === 0 && atol === 0) return close;
  const wide = get_default_dtype();
  const [x, y] = isFloat(self.dtype) ? [self, other] : [self.to(wide), other.to(wide)];
  const allowed = y.mul(rtol).abs().add(atol);
  const difference = x.sub(y).abs();
  return close.logical_or(difference.isfinite().logical_and(difference.le(allowed)));
}

/** Always in float64. */
const doubled = (t: Tensor): Tensor => t.to('float64');

const smooth = (
  base: string,
  f: (x: X) => X,
  slope: (grad: Tensor, self: Tensor, result: Tensor) => Tensor,
  inplace = false,
) =>
  pointwise(named(base, '(Tensor self) -> Tensor'), {
    promote: 'float',
    inplace,
    math: ({ self }) => f(self),
    grad: { self: ({ grad, self, result }) => slope(grad, self, result) },
  });

const call = (name: string, ...args: unknown[]): Tensor =>
  callOperator(findOperator(`aten::${name}`)!, args) as Tensor;

export const specials = [
  ...xlogyFamily(
    'xlogy',
    xlogy,
    (x, y) => x.div(y),
    (y) => y.log(),
    ['.Tensor', '.Scalar_Other', '.Scalar_Self'],
  ),
  ...xlogyFamily(
    'special_xlog1py',
    xlog1py,
    (x, y) => x.div(y.add(1)),
    (y) => y.log1p(),
    ['', '.other_scalar', '.self_scalar'],
  ),
  pointwise('logaddexp(Tensor self, Tensor other) -> Tensor', {
    promote: 'float',
    math: ({ self, other }) =>
      logAdd(
        self,
        other,
        (x) => x.exp(),
        (x) => x.log1p(),
      ),
    grad: {
      self: ({ grad, self, other }) => grad.div(other.sub(self).exp().add(1)),
      other: ({ grad, self, other }) => grad.div(self.sub(other).exp().add(1)),
    },
  }),
  pointwise('logaddexp2(Tensor self, Tensor other) -> Tensor', {
    promote: 'float',
    math: ({ self, other }) =>
      logAdd(
        self,
        other,
        (x) => x.mul(Math.LN2).exp(),
        (x) => x.log1p().mul(Math.LOG2E),
      ),
    grad: {
      self: ({ grad, self, other }) => grad.div(other.sub(self).exp2().add(1)),
      other: ({ grad, self, other }) => grad.div(self.sub(other).exp2().add(1)),
    },
  }),
  pointwise('copysign.Tensor(Tensor self, Tensor other) -> Tensor', {
    promote: 'float',
    inplace: true,
    math: ({ self, other }) => copysign(self, other),
    grad: {
      self: ({ grad, self, result }) => copysignSlope(grad, self, result),
      other: ({ other }) => other.new_zeros(other.shape),
    },
  }),
  pointwise('copysign.Scalar(Tensor self, Scalar other) -> Tensor', {
    promote: 'float',
    inplace: true,
    math: ({ self, other }) => copysign(self, other),
    grad: { self: ({ grad, self, result }) => copysignSlope(grad, self, result) },
  }),
  overTensor('i0', i0, (grad, self) => grad.mul(self.special_i1()), true),
  op('special_i0(Tensor self) -> Tensor', { define: ({ self }) => self.i0() }),
  overTensor('special_i0e', i0e, (grad, self, result) =>
    grad.mul(self.special_i1e().sub(self.sgn().mul(result))),
  ),
  overTensor('special_i1', i1, (grad, self, result) =>
    grad.mul(self.i0().sub(result.div(self)).masked_fill(self.eq(0), 0.5)),
  ),
  overTensor('special_i1e', i1e, (grad, self, result) =>
    grad.mul(
      self
        .special_i0e()
        .sub(result.mul(self.sgn().add(self.reciprocal())))
        .masked_fill(self.eq(0), 0.5),
    ),
  ),
  smooth('special_entr', entr, (grad, self) => grad.mul(self.log().neg().sub(1))),
  smooth('special_erfcx', erfcx, (grad, self, result) =>
    self
      .mul(result)
      .mul(2)
      .sub(2 / Math.sqrt(Math.PI))
      .mul(grad),
  ),
  op('special_ndtr(Tensor self) -> Tensor', {
    define: ({ self }) => applyElementwise('SpecialNdtrBackward0', normalDistribution, [self]),
  }),
  smooth('special_log_ndtr', logNdtr, (grad, self, result) =>
    grad.mul(self.pow(2).div(2).add(result).neg().exp()).div(Math.sqrt(2 * Math.PI)),
  ),
  smooth('special_ndtri', ndtri, (grad, _self, result) =>
    grad.mul(result.pow(2).div(2).exp()).mul(Math.sqrt(2 * Math.PI)),
  ),
  op('special_zeta(Tensor self, Tensor other) -> Tensor', {
    define: ({ self, other }) => zeta(self, other),
    grad: {
      other: ({ grad, self, other }) => grad.mul(self.neg().mul(call('special_zeta', self.add(1), other))),
    },
  }),
  op('special_zeta.self_scalar(Scalar self, Tensor other) -> Tensor', {
    define: ({ self, other }) => zeta(floating(other).new_full([], self), other),
    grad: {
      other: ({ grad, self, other }) => {
        const s = Number(scalarValue(self));
        return grad.mul(-s).mul(call('special_zeta', grad.new_full([], s + 1), other));
      },
    },
  }),
  op('special_zeta.other_scalar(Tensor self, Scalar other) -> Tensor', {
    define: ({ self, other }) => zeta(self, floating(self).new_full([], other)),
  }),
  op('polygamma(int n, Tensor self) -> Tensor', {
    define: ({ n, self }) => polygamma(n, self),
    grad: { self: ({ grad, n, self }) => grad.mul(call('polygamma', n + 1, self)) },
  }),
  op('polygamma_(Tensor(a!) self, int n) -> Tensor(a!)', {
    define: ({ self, n }) => self.copy_(call('polygamma', n, self)),
  }),
  op('special_polygamma(int n, Tensor self) -> Tensor', {
    define: ({ n, self }) => call('polygamma', n, self),
  }),
  op('mvlgamma(Tensor self, int p) -> Tensor', {
    inplace: true,
    define: ({ self, p }) => {
      if (p < 1) throw new TorchError('p has to be greater than or equal to 1');
      const x = isFloat(self.dtype) ? self : (self.to('float32') as Tensor);
      let out = x.contiguous().lgamma() as Tensor;
      for (let k = 1; k < p; k++) out = out.add(x.sub(k / 2).lgamma());
      return out.add((p * (p - 1) * Math.log(Math.PI)) / 4);
    },
  }),
  op(
    'isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor',
    {
      grad: 'none',
      define: ({ self, other, rtol, atol, equal_nan }) => isclose(self, other, rtol, atol, equal_nan),
    },
  ),
  op('ldexp.Tensor(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    define: ({ self, other }) =>
      self.mul(call('pow.Scalar', 2, isFloat(other.dtype) ? other : other.to('float32'))),
  }),
  op('float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor', {
    define: ({ self, exponent }) => doubled(self).pow(doubled(exponent)),
  }),
  op('float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor', {
    define: ({ self, exponent }) => doubled(self).pow(exponent),
  }),
  op('float_power.Scalar(Scalar self, Tensor exponent) -> Tensor', {
    define: ({ self, exponent }) => call('pow.Scalar', self, doubled(exponent)),
  }),
  op('float_power_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)', {
    define: ({ self, exponent }) => self.copy_(inDouble(self).pow(doubled(exponent))),
  }),
  op('float_power_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)', {
    define: ({ self, exponent }) => self.copy_(inDouble(self).pow(exponent)),
  }),
  op('gcd(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    grad: 'none',
    define: ({ self, other }) => gcdOf('gcd', self, other),
  }),
  op('lcm(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    grad: 'none',
    define: ({ self, other }) => {
      const divisor = gcdOf('lcm', self, other);
      return self
        .div(divisor.masked_fill(divisor.eq(0), 1), { rounding_mode: 'trunc' })
        .mul(other)
        .abs()
        .masked_fill(divisor.eq(0), 0);
    },
  }),
  op('special_round(Tensor self, *, int decimals=0) -> Tensor', {
    define: ({ self, decimals }) => call('round.decimals', self, decimals),
  }),
].flat();

const normalDistribution = new Elementwise(ndtr, { promote: 'float' });

function inDouble(self: Tensor): Tensor {
  if (self.dtype !== 'float64')
    throw new TorchError(
      `the base given to float_power_ has dtype ${self.dtype} but the operation's result requires dtype Double`,
    );
  return self;
}
