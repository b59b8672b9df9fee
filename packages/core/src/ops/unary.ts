/** Functions of one operand. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, named, op, pointwise } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** The dtype that an operand had before it was widened. */
const originOf = ({ expr }: X): string => (expr.op === 'cast' ? expr.args[0].dtype : expr.dtype);

const one = (x: X): X => X.const(1, x.dtype);

/** `exp(Tensor self) -> Tensor` and `exp_`, on floats; integers become the default dtype. */
const float = (name: string, math: (x: X) => X) =>
  pointwise(named(name, '(Tensor self) -> Tensor'), {
    inplace: true,
    promote: 'float',
    math: ({ self }) => math(self),
  });

/** A rounding function: integers stay as they are, and no gradient flows. */
const rounding = (name: string, math: (x: X) => X) =>
  pointwise(named(name, '(Tensor self) -> Tensor'), {
    inplace: true,
    math: ({ self }) => (self.isFloat ? math(self) : self),
    grad: { self: ({ grad }) => grad.new_zeros(grad.shape) },
  });

export const unary = [
  pointwise('exp(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => self.exp(),
    grad: { self: ({ grad, result }) => grad.mul(result) },
  }),
  float('exp2', (x) => X.const(2, x.dtype).pow(x)),
  float('expm1', (x) => x.expm1()),
  float('log', (x) => x.log()),
  float('log1p', (x) => x.log1p()),
  float('log2', (x) => x.log2()),
  float('log10', (x) => x.log10()),
  float('sin', (x) => x.sin()),
  float('cos', (x) => x.cos()),
  float('tan', (x) => x.tan()),
  float('asin', (x) => x.asin()),
  float('acos', (x) => x.acos()),
  float('atan', (x) => x.atan()),
  float('sinh', (x) => x.sinh()),
  float('cosh', (x) => x.cosh()),
  float('asinh', (x) => x.asinh()),
  pointwise('acosh(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => self.acosh(),
    grad: { self: ({ grad, self }) => grad.mul(self.pow(2).sub(1).rsqrt()) },
  }),
  float('atanh', (x) => x.atanh()),
  float('erf', (x) => x.erf()),
  float('erfc', (x) => x.erfc()),
  float('erfinv', (x) => x.erfinv()),
  pointwise('lgamma(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => self.lgamma(),
    grad: { self: ({ grad, self }) => grad.mul(self.digamma()) },
  }),
  pointwise('digamma(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => self.digamma(),
    grad: {
      self: ({ grad, self }) => grad.mul(callOperator(findOperator('aten::polygamma')!, [1, self]) as Tensor),
    },
  }),
  float('sinc', (x) => {
    const angle = x.mul(Math.PI);
    return x.eq(0).where(one(x), angle.sin().div(angle));
  }),
  pointwise('sqrt(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => self.sqrt(),
    grad: { self: ({ grad, result }) => grad.div(result.mul(2)) },
  }),
  pointwise('rsqrt(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => one(self).div(self.sqrt()),
    grad: { self: ({ grad, result }) => grad.mul(result.pow(3).mul(-0.5)) },
  }),
  pointwise('reciprocal(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => one(self).div(self),
    grad: { self: ({ grad, result }) => grad.neg().mul(result.mul(result)) },
  }),
  op('square(Tensor self) -> Tensor', { inplace: true, define: ({ self }) => self.pow(2) }),
  pointwise('tanh(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => self.tanh(),
    grad: { self: ({ grad, result }) => tanhBackward(grad, result) },
  }),
  pointwise('sigmoid(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => one(self).div(self.neg().exp().add(1)),
    grad: { self: ({ grad, result }) => sigmoidBackward(grad, result) },
  }),
  pointwise('logit(Tensor self, float? eps=None) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self, eps }) => {
      const p =
        eps === null
          ? self
          : self
              .lt(eps)
              .where(X.const(eps, self.dtype), self.gt(1 - eps).where(X.const(1 - eps, self.dtype), self));
      return p.div(one(p).sub(p)).log();
    },
    grad: {
      self: ({ grad, self, eps }) => {
        const slope = grad.div(self.mul(self.rsub(1)));
        if (eps === null) return slope.where(self.ge(0).logical_and(self.le(1)), NaN);
        return slope.where(self.ge(eps).logical_and(self.le(1 - eps)), 0);
      },
    },
  }),
  pointwise('neg(Tensor self) -> Tensor', {
    inplace: true,
    math: ({ self }) => {
      if (self.isBool)
        throw new TorchError(
          'Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.',
        );
      return self.neg();
    },
    grad: { self: ({ grad }) => grad.neg() },
  }),
  pointwise('abs(Tensor self) -> Tensor', {
    inplace: true,
    math: ({ self }) => (self.isBool ? self : self.abs()),
    grad: { self: ({ grad, self }) => grad.mul(self.sign()) },
  }),
  pointwise('sign(Tensor self) -> Tensor', {
    inplace: true,
    math: ({ self }) => {
      if (self.isBool) return self;
      const [zero, unit] = [X.const(0, self.dtype), one(self)];
      return self.gt(0).where(unit, self.lt(0).where(unit.neg(), zero));
    },
    grad: { self: ({ grad }) => grad.new_zeros(grad.shape) },
  }),
  pointwise('sgn(Tensor self) -> Tensor', {
    inplace: true,
    math: ({ self }) => {
      if (self.isBool) return self;
      const [zero, unit] = [X.const(0, self.dtype), one(self)];
      return self.gt(0).where(unit, self.lt(0).where(unit.neg(), zero));
    },
    grad: { self: ({ grad }) => grad.new_zeros(grad.shape) },
  }),
  rounding('floor', (x) => x.floor()),
  rounding('ceil', (x) => x.ceil()),
  rounding('trunc', (x) => x.trunc()),
  rounding('round', (x) => x.round()),
  pointwise('round.decimals(Tensor self, *, int decimals) -> Tensor', {
    inplace: true,
    math: ({ self, decimals }) => {
      if (!self.isFloat || decimals === 0) return self.isFloat ? self.round() : self;
      const power = 10 ** Math.abs(decimals);
      return decimals > 0 ? self.mul(power).round().div(power) : self.div(power).round().mul(power);
    },
    grad: { self: ({ grad }) => grad.new_zeros(grad.shape) },
  }),
  pointwise('frac(Tensor self) -> Tensor', {
    inplace: true,
    math: ({ self }) => self.sub(self.trunc()),
    grad: { self: ({ grad }) => grad },
  }),
  pointwise('nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor', {
    inplace: true,
    math: ({ self, nan, posinf, neginf }) => {
      if (!self.isFloat) return self;
      const largest =
        { float16: 65504, bfloat16: 3.3895313892515355e38, float64: Number.MAX_VALUE }[
          originOf(self) as 'float64'
        ] ?? 3.4028234663852886e38;
      const finite = self
        .eq(Infinity)
        .where(
          X.const(posinf ?? largest, self.dtype),
          self.eq(-Infinity).where(X.const(neginf ?? -largest, self.dtype), self),
        );
      return self.isnan().where(X.const(nan ?? 0, self.dtype), finite);
    },
    grad: { self: ({ grad, self }) => grad.mul(self.isinf().logical_or(self.isnan()).logical_not()) },
  }),
  pointwise('deg2rad(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => self.mul(Math.PI / 180),
  }),
  pointwise('rad2deg(Tensor self) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self }) => self.mul(180 / Math.PI),
  }),
].flat();

/** Written over operators, so that it can be differentiated again. */
const tanhBackward = (grad: Tensor, result: Tensor): Tensor => grad.mul(result.mul(result).rsub(1));
const sigmoidBackward = (grad: Tensor, result: Tensor): Tensor => grad.mul(result.rsub(1).mul(result));
