/** Comparisons, logic and bits, choice by a condition. */
import { named, op, pointwise } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { Elementwise } from '../kernel/elementwise.ts';

type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';

const comparison = (name: Comparison) => [
  pointwise(named(`${name}.Tensor`, '(Tensor self, Tensor other) -> Tensor'), {
    inplace: true,
    grad: 'none',
    math: ({ self, other }) => self[name](other),
  }),
  pointwise(named(`${name}.Scalar`, '(Tensor self, Scalar other) -> Tensor'), {
    inplace: true,
    grad: 'none',
    math: ({ self, other }) => self[name](other),
  }),
];

const truth = (x: X): X => (x.isBool ? x : x.ne(0));

function booleanMask(mask: X): X {
  if (!mask.isBool)
    throw new TorchError(`masked_fill_ only supports boolean masks, but got mask with dtype ${mask.dtype}`);
  return mask;
}

/** uint8 passes, as it still does in PyTorch. */
function booleanCondition(condition: X): X {
  if (condition.isFloat)
    throw new TorchError(
      `where expected condition to be a boolean tensor, but got a tensor with dtype ${condition.dtype}`,
    );
  return truth(condition);
}

type Logic = 'and' | 'or' | 'xor';

const logical = (name: Logic) =>
  pointwise(named(`logical_${name}`, '(Tensor self, Tensor other) -> Tensor'), {
    inplace: true,
    grad: 'none',
    promote: 'none',
    math: ({ self, other }) => truth(self)[name](truth(other)),
  });

/** Floats have no bits to combine; a backend need not know that. */
function bits(x: X, name: string): X {
  if (x.isFloat)
    throw new TorchError(
      `"bitwise_${name}_cpu" not implemented for '${x.dtype === 'float64' ? 'Double' : 'Float'}'`,
    );
  return x;
}

const bitwise = (name: Logic) => [
  pointwise(named(`bitwise_${name}.Tensor`, '(Tensor self, Tensor other) -> Tensor'), {
    inplace: true,
    grad: 'none',
    math: ({ self, other }) => bits(self, name)[name](other),
  }),
  pointwise(named(`bitwise_${name}.Scalar`, '(Tensor self, Scalar other) -> Tensor'), {
    inplace: true,
    grad: 'none',
    math: ({ self, other }) => bits(self, name)[name](other),
  }),
  pointwise(named(`__${name}__.Tensor`, '(Tensor self, Tensor other) -> Tensor'), {
    grad: 'none',
    math: ({ self, other }) => bits(self, name)[name](other),
  }),
  pointwise(named(`__${name}__.Scalar`, '(Tensor self, Scalar other) -> Tensor'), {
    grad: 'none',
    math: ({ self, other }) => bits(self, name)[name](other),
  }),
];

const shift = (base: string, dunder: string, name: 'shl' | 'shr') => [
  pointwise(named(`${base}.Tensor`, '(Tensor self, Tensor other) -> Tensor'), {
    inplace: true,
    grad: 'none',
    math: ({ self, other }) => self[name](other),
  }),
  pointwise(named(`${base}.Tensor_Scalar`, '(Tensor self, Scalar other) -> Tensor'), {
    inplace: true,
    grad: 'none',
    math: ({ self, other }) => self[name](other),
  }),
  pointwise(named(`${dunder}.Scalar`, '(Tensor self, Scalar other) -> Tensor'), {
    grad: 'none',
    math: ({ self, other }) => self[name](other),
  }),
];

const filling = new Elementwise((self, mask, value) => truth(mask).where(value.cast(self.dtype), self), {
  promotes: [0],
});

export const compare = [
  ...(['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const).flatMap(comparison),
  ...(['and', 'or', 'xor'] as const).map(logical),
  ...(['and', 'or', 'xor'] as const).flatMap(bitwise),
  ...shift('bitwise_left_shift', '__lshift__', 'shl'),
  ...shift('bitwise_right_shift', '__rshift__', 'shr'),
  pointwise('logical_not(Tensor self) -> Tensor', {
    inplace: true,
    grad: 'none',
    promote: 'none',
    math: ({ self }) => (self.isBool ? self.not() : self.eq(0)),
  }),
  pointwise('bitwise_not(Tensor self) -> Tensor', {
    inplace: true,
    grad: 'none',
    math: ({ self }) => bits(self, 'not').not(),
  }),
  pointwise('isnan(Tensor self) -> Tensor', {
    grad: 'none',
    math: ({ self }) => (self.isFloat ? self.isnan() : self.ne(self)),
  }),
  pointwise('isinf(Tensor self) -> Tensor', {
    grad: 'none',
    math: ({ self }) => (self.isFloat ? self.isinf() : self.ne(self)),
  }),
  pointwise('isfinite(Tensor self) -> Tensor', {
    grad: 'none',
    math: ({ self }) => (self.isFloat ? self.isnan().or(self.isinf()).not() : self.eq(self)),
  }),
  pointwise('isposinf(Tensor self) -> Tensor', {
    grad: 'none',
    math: ({ self }) => (self.isFloat ? self.eq(Infinity) : self.ne(self)),
  }),
  pointwise('isneginf(Tensor self) -> Tensor', {
    grad: 'none',
    math: ({ self }) => (self.isFloat ? self.eq(-Infinity) : self.ne(self)),
  }),
  pointwise('signbit(Tensor self) -> Tensor', {
    grad: 'none',
    math: ({ self }) => {
      if (self.isBool) return self.ne(self);
      if (!self.isFloat) return self.lt(0);
      return self.lt(0).or(self.eq(0).and(self.atan2(-1).lt(0)));
    },
  }),
  pointwise('where.self(Tensor condition, Tensor self, Tensor other) -> Tensor', {
    promotes: [1, 2],
    math: ({ condition, self, other }) => booleanCondition(condition).where(self, other),
    grad: {
      self: ({ grad, condition }) => grad.where(condition, 0),
      other: ({ grad, condition }) => grad.masked_fill(condition, 0),
    },
  }),
  pointwise('where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor', {
    promotes: [1, 2],
    math: ({ condition, self, other }) => truth(condition).where(self, other),
    grad: { other: ({ grad, condition }) => grad.masked_fill(condition, 0) },
  }),
  pointwise('where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor', {
    promotes: [1, 2],
    math: ({ condition, self, other }) => truth(condition).where(self, other),
    grad: { self: ({ grad, condition }) => grad.where(condition, 0) },
  }),
  pointwise('where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor', {
    promotes: [1, 2],
    grad: 'none',
    math: ({ condition, self, other }) => truth(condition).where(self, other),
  }),
  pointwise('masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor', {
    inplace: true,
    promotes: [0],
    math: ({ self, mask, value }) => booleanMask(mask).where(value.cast(self.dtype), self),
    grad: { self: ({ grad, mask }) => grad.masked_fill(mask, 0) },
  }),
  op('masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor', {
    inplace: true,
    define: ({ self, mask, value }) => {
      if (value.shape.length !== 0)
        throw new TorchError(
          `masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ${value.shape.length} dimension(s).`,
        );
      return filling.call('masked_fill', [self, mask, value])[0];
    },
    grad: {
      self: ({ grad, mask }) => grad.masked_fill(mask, 0),
      value: ({ grad, mask }) => grad.where(mask, 0).sum(),
    },
    gradName: 'MaskedFillBackward1',
  }),
  pointwise('clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor', {
    inplace: true,
    math: ({ self, min, max }) => clampBetween(self, min, max),
    grad: {
      self: ({ grad, self, min, max }) => {
        let inside = self.eq(self);
        if (min !== null) inside = inside.logical_and(self.ge(min));
        if (max !== null) inside = inside.logical_and(self.le(max));
        return grad.where(inside.logical_or(self.isnan()), 0);
      },
    },
  }),
  pointwise('clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor', {
    inplace: true,
    math: ({ self, min, max }) => clamp(self, min, max),
    grad: {
      self: ({ grad, self, min, max }) => {
        let inside = self.eq(self);
        if (min !== null) inside = inside.logical_and(self.ge(min));
        if (max !== null) inside = inside.logical_and(self.le(max));
        return grad.where(inside, 0);
      },
      min: ({ grad, self, min, max }) => {
        const low = self.lt(min!);
        return grad.where(max === null ? low : low.logical_and(min!.lt(max)), 0);
      },
      max: ({ grad, self, min, max }) => {
        const high = self.gt(max!);
        return grad.where(min === null ? high : high.logical_or(max!.lt(min)), 0);
      },
    },
    gradName: 'ClampBackward1',
  }),
  pointwise('clamp_min(Tensor self, Scalar min) -> Tensor', {
    inplace: true,
    math: ({ self, min }) => clampBetween(self, min, null),
    grad: { self: ({ grad, self, min }) => grad.where(self.ge(min), 0) },
  }),
  pointwise('clamp_max(Tensor self, Scalar max) -> Tensor', {
    inplace: true,
    math: ({ self, max }) => clampBetween(self, null, max),
    grad: { self: ({ grad, self, max }) => grad.where(self.le(max), 0) },
  }),
  pointwise('clamp_min.Tensor(Tensor self, Tensor min) -> Tensor', {
    inplace: true,
    math: ({ self, min }) => self.max(min),
    grad: {
      self: ({ grad, self, min }) => grad.where(self.ge(min), 0),
      min: ({ grad, self, min }) => grad.where(self.lt(min), 0),
    },
    gradName: 'ClampMinBackward1',
  }),
  pointwise('clamp_max.Tensor(Tensor self, Tensor max) -> Tensor', {
    inplace: true,
    math: ({ self, max }) => self.min(max),
    grad: {
      self: ({ grad, self, max }) => grad.where(self.le(max), 0),
      max: ({ grad, self, max }) => grad.where(self.gt(max), 0),
    },
    gradName: 'ClampMaxBackward1',
  }),
  op('clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor', {
    define: ({ self, min, max }) => self.clamp(min, max),
  }),
  op('clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor', {
    define: ({ self, min, max }) => self.clamp(min, max),
  }),
  pointwise('heaviside(Tensor self, Tensor values) -> Tensor', {
    grad: 'none',
    math: ({ self, values }) =>
      self.isBool
        ? self.or(values)
        : self.eq(0).where(values, self.gt(0).where(X.const(1, self.dtype), X.const(0, self.dtype))),
  }),
].flat();

/** min first, then max, by comparisons: a bound that is NaN bounds nothing. */
function clampBetween(x: X, min: X | null, max: X | null): X {
  if (min === null && max === null)
    throw new TorchError("torch.clamp: At least one of 'min' or 'max' must not be None");
  const raised = min === null ? x : x.lt(min).where(min, x);
  return max === null ? raised : max.lt(raised).where(max, raised);
}

/** min first, then max; a NaN bound wins, as does a NaN value. */
function clamp(x: X, min: X | null, max: X | null): X {
  if (min === null && max === null)
    throw new TorchError("torch.clamp: At least one of 'min' or 'max' must not be None");
  const raised = min === null ? x : x.max(min);
  return max === null ? raised : raised.min(max);
}
