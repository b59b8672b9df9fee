/** Arithmetic on two operands. */

import { applyElementwise } from '../autograd/pointwise.ts';
import { op, pointwise } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { Elementwise } from '../kernel/elementwise.ts';
import { isIntegral } from '../tensor/dtype.ts';
import { type Scalar, scalarCategory, scalarValue } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';

const isOne = (s: Scalar): boolean => scalarValue(s) === 1;
const scaled = (grad: Tensor, by: Scalar): Tensor => (isOne(by) ? grad : grad.mul(by));

function checkAlpha(self: X, alpha: X): void {
  if (!self.isFloat && alpha.isFloat)
    throw new TorchError('For integral input tensors, argument alpha must not be a floating point number.');
}

function add(self: X, other: X, alpha: X): X {
  checkAlpha(self, alpha);
  const by = alpha.cast(self.dtype);
  return self.isBool ? self.or(other.and(by)) : self.add(other.mul(by));
}

/** Whether an operand is a bool tensor, whatever it was promoted to. */
const isBoolTensor = ({ expr }: X): boolean =>
  expr.op === 'input' ? expr.dtype === 'bool' : expr.op === 'cast' && isBoolTensor(new X(expr.args[0]));

function sub(self: X, other: X, alpha: X): X {
  checkAlpha(self, alpha);
  if (isBoolTensor(self) && isBoolTensor(other))
    throw new TorchError(
      'Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead.',
    );
  if (isBoolTensor(self) || isBoolTensor(other))
    throw new TorchError(
      'Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.',
    );
  return self.sub(other.mul(alpha.cast(self.dtype)));
}

const mul = (self: X, other: X): X => (self.isBool ? self.and(other) : self.mul(other));

const signsDiffer = (a: X, b: X): X => a.lt(0).ne(b.lt(0));

/** Division rounded towards minus infinity, as Python's `//`; floats by way of fmod, so that a - q * b keeps b's sign. */
function floorDivide(a: X, b: X): X {
  const mod = a.rem(b);
  const adjust = mod.ne(0).and(signsDiffer(b, mod));
  if (!a.isFloat) return adjust.where(a.div(b).sub(1), a.div(b));
  const quotient = a.sub(mod).div(b);
  const exact = adjust.where(quotient.sub(1), quotient);
  const floor = exact.floor();
  const rounded = exact.sub(floor).gt(0.5).where(floor.add(1), floor);
  // A zero quotient keeps the sign of a / b; a zero divisor gives IEEE's answer.
  return b.eq(0).where(a.div(b), exact.eq(0).where(a.div(b).mul(0), rounded));
}

const truncDivide = (a: X, b: X): X => (a.isFloat ? a.div(b).trunc() : a.div(b));

/** Python's `%`: the sign of the divisor. */
function remainder(a: X, b: X): X {
  const mod = a.rem(b);
  return mod.ne(0).and(signsDiffer(b, mod)).where(mod.add(b), mod);
}

const divide = (self: X, other: X, mode: string | null): X => {
  if (mode === null) return self.div(other);
  if (mode === 'floor') return floorDivide(self, other);
  if (mode === 'trunc') return truncDivide(self, other);
  throw new TorchError(
    `div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '${mode}'`,
  );
};

/** Integers to negative powers are 0, but for 1 and -1. */
function power(base: X, exponent: X): X {
  if (base.isBool) return base.or(exponent.not());
  if (base.isFloat) return base.pow(exponent);
  const one = X.const(1, base.dtype);
  const sign = exponent.and(1).eq(0).where(one, one.neg());
  const inverse = base.eq(1).where(one, base.eq(-1).where(sign, X.const(0, base.dtype)));
  return exponent.lt(0).where(inverse, base.pow(exponent.max(X.const(0, base.dtype))));
}

const powerOf = new Elementwise(power);
/** Exponents with a form of their own, as in PyTorch: faster, and at the edges other than the general power. */
const simplePowers = new Map<number, Elementwise>([
  [2, new Elementwise((x) => x.mul(x))],
  [3, new Elementwise((x) => x.mul(x).mul(x))],
  [0.5, new Elementwise((x) => x.sqrt())],
  [-0.5, new Elementwise((x) => X.const(1, x.dtype).div(x.sqrt()))],
  [-1, new Elementwise((x) => X.const(1, x.dtype).div(x))],
  [-2, new Elementwise((x) => X.const(1, x.dtype).div(x.mul(x)))],
]);

function powScalar(self: Tensor, exponent: Scalar): Tensor {
  const value = scalarValue(exponent);
  if (isIntegral(self.dtype) && scalarCategory(exponent) !== 'float') {
    if (value < 0) throw new TorchError('Integers to negative integer powers are not allowed.');
    if (self.dtype === 'bool' && scalarCategory(exponent) === 'bool')
      return self.logical_or(self.new_full([], !exponent));
  }
  const simple = simplePowers.get(Number(value));
  if (simple && (!isIntegral(self.dtype) || (self.dtype !== 'bool' && scalarCategory(exponent) === 'int')))
    return applyElementwise('PowBackward0', simple, [self]);
  return applyElementwise('PowBackward0', powerOf, [self], [exponent]);
}

export const arithmetic = [
  pointwise('add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor', {
    inplace: true,
    promotes: [0, 1],
    math: ({ self, other, alpha }) => add(self, other, alpha),
    grad: { self: ({ grad }) => grad, other: ({ grad, alpha }) => scaled(grad, alpha) },
  }),
  pointwise('add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor', {
    inplace: true,
    promotes: [0, 1],
    math: ({ self, other, alpha }) => add(self, other, alpha),
    grad: { self: ({ grad }) => grad },
  }),
  pointwise('sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor', {
    inplace: true,
    promotes: [0, 1],
    math: ({ self, other, alpha }) => sub(self, other, alpha),
    grad: { self: ({ grad }) => grad, other: ({ grad, alpha }) => scaled(grad.neg(), alpha) },
  }),
  pointwise('sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor', {
    inplace: true,
    promotes: [0, 1],
    math: ({ self, other, alpha }) => sub(self, other, alpha),
    grad: { self: ({ grad }) => grad },
  }),
  pointwise('rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor', {
    promotes: [0, 1],
    math: ({ self, other, alpha }) => sub(other, self, alpha),
    grad: { self: ({ grad, alpha }) => scaled(grad.neg(), alpha), other: ({ grad }) => grad },
  }),
  pointwise('rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor', {
    promotes: [0, 1],
    math: ({ self, other, alpha }) => sub(other, self, alpha),
    grad: { self: ({ grad, alpha }) => scaled(grad.neg(), alpha) },
    gradName: 'RsubBackward1',
  }),
  pointwise('mul.Tensor(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    math: ({ self, other }) => mul(self, other),
    grad: { self: ({ grad, other }) => grad.mul(other), other: ({ grad, self }) => grad.mul(self) },
  }),
  pointwise('mul.Scalar(Tensor self, Scalar other) -> Tensor', {
    inplace: true,
    math: ({ self, other }) => mul(self, other),
    grad: { self: ({ grad, other }) => grad.mul(other) },
  }),
  pointwise('div.Tensor(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self, other }) => self.div(other),
    grad: {
      self: ({ grad, other }) => grad.div(other),
      other: ({ grad, self, other }) => grad.neg().mul(self.div(other).div(other)),
    },
  }),
  pointwise('div.Scalar(Tensor self, Scalar other) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self, other }) => self.div(other),
    grad: { self: ({ grad, other }) => grad.div(other) },
  }),
  op('div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor', {
    inplace: true,
    define: ({ self, other, rounding_mode }) => modedDivision(self, [self, other], [], rounding_mode),
    grad: {
      self: ({ grad, other, rounding_mode }) =>
        rounding_mode === null ? grad.div(other) : grad.new_zeros(grad.shape),
      other: ({ grad, self, other, rounding_mode }) =>
        rounding_mode === null ? grad.neg().mul(self.div(other).div(other)) : grad.new_zeros(grad.shape),
    },
  }),
  op('div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor', {
    inplace: true,
    define: ({ self, other, rounding_mode }) => modedDivision(self, [self], [other], rounding_mode),
    grad: {
      self: ({ grad, other, rounding_mode }) =>
        rounding_mode === null ? grad.div(other) : grad.new_zeros(grad.shape),
    },
  }),
  pointwise('floor_divide(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    math: ({ self, other }) => floorDivide(self, other),
    grad: 'none',
  }),
  pointwise('floor_divide.Scalar(Tensor self, Scalar other) -> Tensor', {
    inplace: true,
    math: ({ self, other }) => floorDivide(self, other),
    grad: 'none',
  }),
  pointwise('remainder.Tensor(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    math: ({ self, other }) => remainder(self, other),
    grad: {
      self: ({ grad }) => grad,
      other: ({ grad, self, other }) => grad.neg().mul(self.div(other, { rounding_mode: 'floor' })),
    },
  }),
  pointwise('remainder.Scalar(Tensor self, Scalar other) -> Tensor', {
    inplace: true,
    math: ({ self, other }) => remainder(self, other),
    grad: { self: ({ grad }) => grad },
  }),
  pointwise('remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor', {
    math: ({ self, other }) => remainder(self, other),
    grad: { other: ({ grad, self, other }) => grad.neg().mul(other.reciprocal().mul(self).floor()) },
  }),
  pointwise('fmod.Tensor(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    math: ({ self, other }) => self.rem(other),
    grad: {
      self: ({ grad }) => grad,
      other: ({ grad, self, other }) => grad.neg().mul(self.div(other, { rounding_mode: 'trunc' })),
    },
  }),
  pointwise('fmod.Scalar(Tensor self, Scalar other) -> Tensor', {
    inplace: true,
    math: ({ self, other }) => self.rem(other),
    grad: { self: ({ grad }) => grad },
  }),
  op('pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor', {
    inplace: true,
    define: ({ self, exponent }) => powScalar(self, exponent),
    grad: {
      self: ({ grad, self, exponent }) => {
        const e = scalarValue(exponent);
        if (e === 0) return grad.new_zeros(grad.shape);
        const lower = typeof e === 'bigint' ? e - 1n : e - 1;
        return grad.mul(self.pow(lower).mul(exponent));
      },
    },
  }),
  pointwise('pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor', {
    inplace: true,
    math: ({ self, exponent }) => power(self, exponent),
    gradName: 'PowBackward1',
  }),
  pointwise('pow.Scalar(Scalar self, Tensor exponent) -> Tensor', {
    math: ({ self, exponent }) => power(self, exponent),
    gradName: 'PowBackward2',
  }),
  pointwise('maximum(Tensor self, Tensor other) -> Tensor', { math: ({ self, other }) => self.max(other) }),
  pointwise('minimum(Tensor self, Tensor other) -> Tensor', { math: ({ self, other }) => self.min(other) }),
  pointwise('fmax(Tensor self, Tensor other) -> Tensor', {
    math: ({ self, other }) =>
      self.isFloat ? self.isnan().where(other, other.isnan().where(self, self.max(other))) : self.max(other),
    grad: {
      self: ({ grad, self, other }) => grad.where(self.ge(other).logical_or(other.isnan()), 0),
      other: ({ grad, self, other }) => grad.masked_fill(self.ge(other).logical_or(other.isnan()), 0),
    },
  }),
  pointwise('fmin(Tensor self, Tensor other) -> Tensor', {
    math: ({ self, other }) =>
      self.isFloat ? self.isnan().where(other, other.isnan().where(self, self.min(other))) : self.min(other),
    grad: {
      self: ({ grad, self, other }) => grad.where(self.le(other).logical_or(other.isnan()), 0),
      other: ({ grad, self, other }) => grad.masked_fill(self.le(other).logical_or(other.isnan()), 0),
    },
  }),
  pointwise('atan2(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self, other }) => self.atan2(other),
  }),
  pointwise('hypot(Tensor self, Tensor other) -> Tensor', {
    inplace: true,
    promote: 'float',
    math: ({ self, other }) => {
      const [a, b] = [self.abs(), other.abs()];
      const [low, high] = [a.min(b), a.max(b)];
      const ratio = low.div(high);
      return a
        .isinf()
        .or(b.isinf())
        .where(Infinity, high.eq(0).where(high, high.mul(ratio.mul(ratio).add(1).sqrt())));
    },
    grad: {
      self: ({ grad, self, result }) => grad.mul(self.div(result)),
      other: ({ grad, other, result }) => grad.mul(other.div(result)),
    },
  }),
  pointwise('addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor', {
    inplace: true,
    math: ({ self, tensor1, tensor2, value }) => self.add(tensor1.mul(tensor2).mul(value)),
    grad: {
      self: ({ grad }) => grad,
      tensor1: ({ grad, tensor2, value }) => scaled(grad.mul(tensor2), value),
      tensor2: ({ grad, tensor1, value }) => scaled(grad.mul(tensor1), value),
    },
  }),
  pointwise('addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor', {
    inplace: true,
    math: ({ self, tensor1, tensor2, value }) => {
      if (!self.isFloat)
        throw new TorchError(
          'Integer division with addcdiv is no longer supported, and in a future release addcdiv will perform a true division of tensor1 and tensor2.',
        );
      return self.add(tensor1.mul(value).div(tensor2));
    },
    grad: {
      self: ({ grad }) => grad,
      tensor1: ({ grad, tensor2, value }) => scaled(grad.div(tensor2), value),
      tensor2: ({ grad, tensor1, tensor2, value }) =>
        scaled(grad, value)
          .neg()
          .mul(tensor1.div(tensor2.mul(tensor2))),
    },
  }),
  pointwise('lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor', {
    inplace: true,
    math: ({ self, end, weight }) => lerp(self, end, weight),
    grad: {
      self: ({ grad, weight }) => grad.mul(1 - Number(scalarValue(weight))),
      end: ({ grad, weight }) => grad.mul(weight),
    },
  }),
  pointwise('lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor', {
    inplace: true,
    math: ({ self, end, weight }) => lerp(self, end, weight),
    grad: {
      self: ({ grad, weight }) => grad.mul(weight.rsub(1)),
      end: ({ grad, weight }) => grad.mul(weight),
      weight: ({ grad, self, end }) => grad.mul(end.sub(self)),
    },
    gradName: 'LerpBackward1',
  }),
].flat();

/** From the nearer end, so that both ends are exact. */
function lerp(start: X, end: X, weight: X): X {
  const difference = end.sub(start);
  return weight
    .abs()
    .lt(0.5)
    .where(start.add(weight.mul(difference)), end.sub(difference.mul(weight.neg().add(1))));
}

const divisions = new Map<string | null, Elementwise>();

function modedDivision(self: Tensor, tensors: Tensor[], scalars: Scalar[], mode: string | null): Tensor {
  // PyTorch rounds the quotient to 16 bits before it truncates.
  if (mode === 'trunc' && (self.dtype === 'float16' || self.dtype === 'bfloat16'))
    return self.div(tensors[1] ?? scalars[0]).trunc();
  let division = divisions.get(mode);
  if (!division)
    divisions.set(
      mode,
      (division = new Elementwise((a, b) => divide(a, b, mode), {
        promote: mode === null ? 'float' : 'common',
      })),
    );
  return applyElementwise('DivBackward0', division, tensors, scalars);
}
