/** Functions of statistics and physics, and comparisons with a tolerance. */
import { applyElementwise } from '../autograd/pointwise.ts';
import { callOperator } from '../dispatch/call.ts';
import { findOperator, named, op, pointwise } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { Elementwise } from '../kernel/elementwise.ts';
import { isFloat, isIntegral } from '../tensor/dtype.ts';
import { scalarValue } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';

const zero = (x: X): X => X.const(0, x.dtype);
const one = (x: X): X => X.const(1, x.dtype);

/** x * log(y), and 0 where x is 0, even for y = 0. */
const xlogy = (x: X, y: X): X => y.isnan().where(y, x.eq(0).where(zero(x), x.mul(y.log())));
const xlog1py = (x: X, y: X): X => y.isnan().where(y, x.eq(0).where(zero(x), x.mul(y.log1p())));

const xlogyFamily = (name: string, f: (x: X, y: X) => X, slope: (x: Tensor, y: Tensor) => Tensor, log: (y: Tensor) => Tensor, overloads: readonly [string, string, string]) => {
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

/** Clenshaw's recurrence for a Chebyshev series, as Cephes has it. */
function chebyshev(x: X, coefficients: readonly number[]): X {
  let [b0, b1, b2] = [X.const(coefficients[0], x.dtype), zero(x), zero(x)];
  for (const c of coefficients.slice(1)) {
    [b2, b1] = [b1, b0];
    b0 = x.mul(b1).sub(b2).add(c);
  }
  return b0.sub(b2).mul(0.5);
}

// Coefficients of the modified Bessel functions exp(-x) I0(x) and exp(-x) I1(x) / x on [0, 8], and of sqrt(x) times them beyond (Cephes, S. Moshier).
const i0Near = [
  -4.41534164647933937950e-18, 3.33079451882223809783e-17, -2.43127984654795469359e-16, 1.71539128555513303061e-15,
  -1.16853328779934516808e-14, 7.67618549860493561688e-14, -4.85644678311192946090e-13, 2.95505266312963983461e-12,
  -1.72682629144155570723e-11, 9.67580903537323691224e-11, -5.18979560163526290666e-10, 2.65982372468238665035e-9,
  -1.30002500998624804212e-8, 6.04699502254191894932e-8, -2.67079385394061173391e-7, 1.11738753912010371815e-6,
  -4.41673835845875056359e-6, 1.64484480707288970893e-5, -5.75419501008210370398e-5, 1.88502885095841655729e-4,
  -5.76375574538582365885e-4, 1.63947561694133579842e-3, -4.32430999505057594430e-3, 1.05464603945949983183e-2,
  -2.37374148058994688156e-2, 4.93052842396707084878e-2, -9.49010970480476444210e-2, 1.71620901522208775349e-1,
  -3.04682672343198398683e-1, 6.76795274409476084995e-1,
]; // biome-ignore format: a table
const i0Far = [
  -7.23318048787475395456e-18, -4.83050448594418207126e-18, 4.46562142029675999901e-17, 3.46122286769746109310e-17,
  -2.82762398051658348494e-16, -3.42548561967721913462e-16, 1.77256013305652638360e-15, 3.81168066935262242075e-15,
  -9.55484669882830764870e-15, -4.15056934728722208663e-14, 1.54008621752140982691e-14, 3.85277838274214270114e-13,
  7.18012445138366623367e-13, -1.79417853150680611778e-12, -1.32158118404477131188e-11, -3.14991652796324136454e-11,
  1.18891471078464383424e-11, 4.94060238822496958910e-10, 3.39623202570838634515e-9, 2.26666899049817806459e-8,
  2.04891858946906374183e-7, 2.89137052083475648297e-6, 6.88975834691682398426e-5, 3.36911647825569408990e-3,
  8.04490411014108831608e-1,
]; // biome-ignore format: a table
const i1Near = [
  2.77791411276104639959e-18, -2.11142121435816608115e-17, 1.55363195773620046921e-16, -1.10559694773538630805e-15,
  7.60068429473540693410e-15, -5.04218550472791168711e-14, 3.22379336594557470981e-13, -1.98397439776494371520e-12,
  1.17361862988909016308e-11, -6.66348972350202774223e-11, 3.62559028155211703701e-10, -1.88724975172282928790e-9,
  9.38153738649577178388e-9, -4.44505912879632808065e-8, 2.00329475355213526229e-7, -8.56872026469545474066e-7,
  3.47025130813767847674e-6, -1.32731636560394358279e-5, 4.78156510755005422638e-5, -1.61760815825896745588e-4,
  5.12285956168575772895e-4, -1.51357245063125314899e-3, 4.15642294431288815669e-3, -1.05640848946261981558e-2,
  2.47264490306265168283e-2, -5.29459812080949914269e-2, 1.02643658689847095384e-1, -1.76416518357834055153e-1,
  2.52587186443633654823e-1,
]; // biome-ignore format: a table
const i1Far = [
  7.51729631084210481353e-18, 4.41434832307170791151e-18, -4.65030536848935832153e-17, -3.20952592199342395980e-17,
  2.96262899764595013876e-16, 3.30820231092092828324e-16, -1.88035477551078244854e-15, -3.81440307243700780478e-15,
  1.04202769841288027642e-14, 4.27244001671195135429e-14, -2.10154184277266431302e-14, -4.08355111109219731823e-13,
  -7.19855177624590851209e-13, 2.03562854414708950722e-12, 1.41258074366137813316e-11, 3.25260358301548823856e-11,
  -1.89749581235054123450e-11, -5.58974346219658380687e-10, -3.83538038596423702205e-9, -2.63146884688951950684e-8,
  -2.51223623787020892529e-7, -3.88256480887769039346e-6, -1.10588938762623716291e-4, -9.76109749136146840777e-3,
  7.78576235018280120474e-1,
]; // biome-ignore format: a table

const besselScaled = (x: X, near: readonly number[], far: readonly number[]): X => {
  const a = x.abs();
  return a.le(8).where(chebyshev(a.mul(0.5).sub(2), near), chebyshev(X.const(32, x.dtype).div(a).sub(2), far).div(a.sqrt()));
};
const i0e = (x: X): X => besselScaled(x, i0Near, i0Far);
const i0 = (x: X): X => i0e(x).mul(x.abs().exp());
/** Below 8 the series is for exp(-x) I1(x) / x. */
const i1e = (x: X): X => {
  const a = x.abs();
  const y = a
    .le(8)
    .where(chebyshev(a.mul(0.5).sub(2), i1Near).mul(a), chebyshev(X.const(32, x.dtype).div(a).sub(2), i1Far).div(a.sqrt()));
  return x.lt(0).where(y.neg(), y);
};
const i1 = (x: X): X => i1e(x).mul(x.abs().exp());

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
  x.isnan().where(x, x.gt(0).where(x.neg().mul(x.log()), x.eq(0).where(zero(x), X.const(-Infinity, x.dtype))));

const ndtr = (x: X): X => x.mul(Math.SQRT1_2).neg().erfc().mul(0.5);
const logNdtr = (x: X): X => {
  const t = x.mul(Math.SQRT1_2);
  return x
    .lt(-1)
    .where(erfcx(t.neg()).div(2).log().sub(t.mul(t)), t.erfc().div(-2).log1p());
};
const ndtri = (x: X): X => x.mul(2).sub(1).erfinv().mul(Math.SQRT2);

/** Hurwitz' zeta by Euler and Maclaurin, for s > 1 and q > 0: nine terms, the integral, and Bernoulli's corrections. */
function zeta(s: X, q: X): X {
  const power = (base: X): X => base.pow(s.neg());
  let sum = power(q);
  let a = q;
  for (let k = 0; k < 9; k++) {
    a = a.add(1);
    sum = sum.add(power(a));
  }
  const b = power(a);
  sum = sum.add(b.mul(a).div(s.sub(1))).sub(b.mul(0.5));
  const bernoulli = [12, -720, 30240, -1209600, 47900160, -1.8924375803183791606e9, 7.47242496e10, -2.950130727918164224e12, 1.1646782814350067249e14, -4.5979787224074726105e15, 1.8152105401943546773e17, -7.1661652561756670113e18];
  let factor = one(s);
  let term = b;
  let k = zero(s);
  for (const c of bernoulli) {
    factor = factor.mul(s.add(k));
    term = term.div(a);
    sum = sum.add(factor.mul(term).div(c));
    k = k.add(1);
    factor = factor.mul(s.add(k));
    term = term.div(a);
    k = k.add(1);
  }
  const nan = X.const(NaN, s.dtype);
  const pole = q.le(0);
  const integral = q.eq(q.floor());
  // A term past float's range is 0, and 0 * inf in the corrections must not spoil the sum.
  const value = q.eq(Infinity).or(s.eq(Infinity)).where(s.eq(Infinity).where(q.gt(1).where(zero(s), q.eq(1).where(one(s), X.const(Infinity, s.dtype))), zero(s)), sum);
  return s
    .eq(1)
    .where(X.const(Infinity, s.dtype), s.lt(1).where(nan, pole.where(integral.where(X.const(Infinity, s.dtype), s.ne(s.floor()).where(nan, value)), value)));
}

const polygammaRules = new Map<number, Elementwise>();

/** Derivatives of digamma: (-1)^(n+1) n! zeta(n + 1, x). */
function polygamma(n: number, self: Tensor): Tensor {
  if (n < 0) throw new TorchError('polygamma(n, x) does not support negative n.');
  if (n === 0) return self.digamma();
  let rule = polygammaRules.get(n);
  if (!rule) {
    let factorial = 1;
    for (let k = 2; k <= n; k++) factorial *= k;
    const sign = n % 2 === 0 ? -1 : 1;
    polygammaRules.set(
      n,
      (rule = new Elementwise((x) => zeta(X.const(n + 1, x.dtype), x).mul(sign * factorial), { promote: 'float' })),
    );
  }
  return rule.call('polygamma', [self])[0];
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
    throw new TorchError(`${self.dtype} did not match ${other.dtype}`);
  if (rtol < 0) throw new TorchError(`rtol must be greater than or equal to zero, but got ${rtol}`);
  if (atol < 0) throw new TorchError(`atol must be greater than or equal to zero, but got ${atol}`);
  let close = self.eq(other) as Tensor;
  if (isFloat(self.dtype) && equalNan) close = close.logical_or(self.isnan().logical_and(other.isnan()));
  if (rtol === 0 && atol === 0) return close;
  const [x, y] = isFloat(self.dtype) ? [self, other] : [self.to('float64'), other.to('float64')];
  const allowed = y.mul(rtol).abs().add(atol);
  const difference = x.sub(y).abs();
  return close.logical_or(difference.isfinite().logical_and(difference.le(allowed)));
}

/** Always in float64. */
const doubled = (t: Tensor): Tensor => t.to('float64');

const constantInX = (base: string, f: (x: X) => X, slope: (grad: Tensor, self: Tensor, result: Tensor) => Tensor, inplace = false) =>
  pointwise(named(base, '(Tensor self) -> Tensor'), {
    promote: 'float',
    inplace,
    math: ({ self }) => f(self),
    grad: { self: ({ grad, self, result }) => slope(grad, self, result) },
  });

const call = (name: string, ...args: unknown[]): Tensor => callOperator(findOperator(`aten::${name}`)!, args) as Tensor;

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
    math: ({ self, other }) => logAdd(self, other, (x) => x.exp(), (x) => x.log1p()),
    grad: {
      self: ({ grad, self, other }) => grad.div(other.sub(self).exp().add(1)),
      other: ({ grad, self, other }) => grad.div(self.sub(other).exp().add(1)),
    },
  }),
  pointwise('logaddexp2(Tensor self, Tensor other) -> Tensor', {
    promote: 'float',
    math: ({ self, other }) =>
      logAdd(self, other, (x) => x.mul(Math.LN2).exp(), (x) => x.log1p().mul(Math.LOG2E)),
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
  constantInX('i0', i0, (grad, self) => grad.mul(self.special_i1()), true),
  op('special_i0(Tensor self) -> Tensor', { define: ({ self }) => self.i0() }),
  constantInX('special_i0e', i0e, (grad, self, result) => grad.mul(self.special_i1e().sub(self.sgn().mul(result)))),
  constantInX('special_i1', i1, (grad, self, result) =>
    grad.mul(self.i0().sub(result.div(self)).masked_fill(self.eq(0), 0.5)),
  ),
  constantInX('special_i1e', i1e, (grad, self, result) =>
    grad.mul(self.special_i0e().sub(result.mul(self.sgn().add(self.reciprocal()))).masked_fill(self.eq(0), 0.5)),
  ),
  constantInX('special_entr', entr, (grad, self) => grad.mul(self.log().neg().sub(1))),
  constantInX('special_erfcx', erfcx, (grad, self, result) =>
    self.mul(result).mul(2).sub(2 / Math.sqrt(Math.PI)).mul(grad),
  ),
  op('special_ndtr(Tensor self) -> Tensor', {
    define: ({ self }) => applyElementwise('SpecialNdtrBackward0', normalDistribution, [self]),
  }),
  constantInX('special_log_ndtr', logNdtr, (grad, self, result) =>
    grad.div(result.exp()).mul(self.pow(2).div(-2).exp()).div(Math.sqrt(2 * Math.PI)),
  ),
  constantInX('special_ndtri', ndtri, (grad, _self, result) =>
    grad.mul(result.pow(2).div(2).exp()).mul(Math.sqrt(2 * Math.PI)),
  ),
  pointwise('special_zeta(Tensor self, Tensor other) -> Tensor', {
    promote: 'float',
    math: ({ self, other }) => zeta(self, other),
    grad: { other: ({ grad, self, other }) => grad.mul(self.neg().mul(call('special_zeta', self.add(1), other))) },
  }),
  pointwise('special_zeta.self_scalar(Scalar self, Tensor other) -> Tensor', {
    promote: 'float',
    math: ({ self, other }) => zeta(self, other),
    grad: {
      other: ({ grad, self, other }) => {
        const s = Number(scalarValue(self));
        return grad.mul(-s).mul(call('special_zeta', grad.new_full([], s + 1), other));
      },
    },
  }),
  pointwise('special_zeta.other_scalar(Tensor self, Scalar other) -> Tensor', {
    promote: 'float',
    math: ({ self, other }) => zeta(self, other),
  }),
  op('polygamma(int n, Tensor self) -> Tensor', {
    define: ({ n, self }) => polygamma(n, self),
    grad: { self: ({ grad, n, self }) => grad.mul(call('polygamma', n + 1, self)) },
  }),
  op('polygamma_(Tensor(a!) self, int n) -> Tensor(a!)', {
    define: ({ self, n }) => self.copy_(call('polygamma', n, self)),
  }),
  op('special_polygamma(int n, Tensor self) -> Tensor', { define: ({ n, self }) => call('polygamma', n, self) }),
  op('mvlgamma(Tensor self, int p) -> Tensor', {
    inplace: true,
    define: ({ self, p }) => {
      if (p < 1) throw new TorchError('p has to be greater than or equal to 1');
      const x = isFloat(self.dtype) ? self : (self.to('float32') as Tensor);
      let out = x.lgamma() as Tensor;
      for (let k = 1; k < p; k++) out = out.add(x.sub(k / 2).lgamma());
      return out.add((p * (p - 1) * Math.log(Math.PI)) / 4);
    },
  }),
  op('isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor', {
    grad: 'none',
    define: ({ self, other, rtol, atol, equal_nan }) => isclose(self, other, rtol, atol, equal_nan),
  }),
  op('ldexp.Tensor(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    define: ({ self, other }) => self.mul(call('pow.Scalar', 2, isFloat(other.dtype) ? other : other.to('float32'))),
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
    throw new TorchError(`the base given to float_power_ has dtype ${self.dtype} but the operation's result requires dtype Double`);
  return self;
}
