/** Operators that go element by element, as ONNX has them. */
import type { DType } from '@sconce/core';
import type { Call } from '../call.ts';
import type { Converters } from './converter.ts';

/** An operand of the operator: a tensor as this dtype, or a number as a constant of it. */
function operand(c: Call, name: string, dtype: DType): string {
  return c.has(name)
    ? c.cast(c.input(name), c.tensor(name).dtype, dtype)
    : c.scalar(c.value(name) as number, dtype);
}

/** What operands are computed in, where the result is a bool. */
function commonDType(c: Call, names: readonly string[]): DType {
  const tensors = names.filter((name) => c.has(name)).map((name) => c.tensor(name));
  const floating = tensors.find(({ dtype }) => dtype.startsWith('float') || dtype === 'bfloat16');
  const fraction = names.some((name) => !c.has(name) && !Number.isInteger(c.number(name)));
  return (
    floating?.dtype ??
    (fraction ? 'float32' : (tensors.find(({ dtype }) => dtype !== 'bool') ?? tensors[0]).dtype)
  );
}

const unary =
  (type: string, attributes = {}) =>
  (c: Call): string =>
    c.node(type, [operand(c, 'self', c.result().dtype)], attributes);

const binary =
  (type: string, second = 'other') =>
  (c: Call): string => {
    const { dtype } = c.result();
    return c.node(type, [operand(c, 'self', dtype), operand(c, second, dtype)]);
  };

/** `self + alpha * other`. */
const scaled =
  (type: string) =>
  (c: Call): string => {
    const { dtype } = c.result();
    const alpha = c.number('alpha');
    let other = operand(c, 'other', dtype);
    if (!Number.isNaN(alpha) && alpha !== 1) other = c.graph.node('Mul', [other, c.scalar(alpha, dtype)]);
    return c.node(type, [operand(c, 'self', dtype), other]);
  };

const comparison =
  (type: string, negated = false) =>
  (c: Call): string => {
    const dtype = commonDType(c, ['self', 'other']);
    const wide = dtype === 'bool' && type !== 'Equal' ? 'int32' : dtype;
    const operands = [operand(c, 'self', wide), operand(c, 'other', wide)];
    return negated ? c.node('Not', [c.graph.node(type, operands)]) : c.node(type, operands);
  };

const logical =
  (type: string) =>
  (c: Call): string =>
    c.node(type, [operand(c, 'self', 'bool'), operand(c, 'other', 'bool')]);

const rounding: Readonly<Record<string, string>> = { floor: 'Floor', trunc: 'trunc' };

function division(c: Call): string {
  const { dtype } = c.result();
  const mode = c.value('rounding_mode');
  const isFloat = dtype.startsWith('float');
  if (mode === null || (!isFloat && mode === 'trunc')) return binary('Div')(c);
  if (!isFloat) return floorDivision(c);
  const quotient = c.graph.node('Div', [operand(c, 'self', dtype), operand(c, 'other', dtype)]);
  if (rounding[mode as string] === 'Floor') return c.node('Floor', [quotient]);
  return c.node('Mul', [
    c.graph.node('Floor', [c.graph.node('Abs', [quotient])]),
    c.graph.node('Sign', [quotient]),
  ]);
}

/** ONNX divides integers towards zero. */
function floorDivision(c: Call): string {
  const { dtype } = c.result();
  const wide = dtype.startsWith('float') ? dtype : 'float64';
  const quotient = c.graph.node('Div', [operand(c, 'self', wide), operand(c, 'other', wide)]);
  return c.cast(c.graph.node('Floor', [quotient]), wide, dtype);
}

/** The sign of the divisor, as in Python. */
function remainder(c: Call): string {
  const { dtype } = c.result();
  if (!dtype.startsWith('float')) return binary('Mod')(c);
  const [a, b] = [operand(c, 'self', dtype), operand(c, 'other', dtype)];
  const whole = c.graph.node('Floor', [c.graph.node('Div', [a, b])]);
  return c.node('Sub', [a, c.graph.node('Mul', [b, whole])]);
}

function clamp(c: Call, low: string, high: string): string {
  const { dtype } = c.result();
  const bound = (name: string): string =>
    c.value(name) === null && !c.has(name) ? '' : operand(c, name, dtype);
  const x = operand(c, 'self', dtype);
  const [min, max] = [bound(low), bound(high)];
  // Clip wants numbers for its ends.
  if (c.has(low) || c.has(high)) {
    const raised = min === '' ? x : c.graph.node('Max', [x, min]);
    return max === '' ? raised : c.node('Min', [raised, max]);
  }
  return c.node('Clip', max === '' ? [x, min] : [x, min, max]);
}

function gelu(c: Call): string {
  const { dtype } = c.result();
  const x = c.input('self');
  const number = (value: number): string => c.scalar(value, dtype);
  const half = c.graph.node('Mul', [x, number(0.5)]);
  let inner: string;
  if (c.value('approximate') === 'tanh') {
    const cube = c.graph.node('Mul', [c.graph.node('Mul', [x, x]), x]);
    const sum = c.graph.node('Add', [x, c.graph.node('Mul', [cube, number(0.044715)])]);
    inner = c.graph.node('Tanh', [c.graph.node('Mul', [sum, number(Math.sqrt(2 / Math.PI))])]);
  } else inner = c.graph.node('Erf', [c.graph.node('Mul', [x, number(Math.SQRT1_2)])]);
  return c.node('Mul', [half, c.graph.node('Add', [inner, number(1)])]);
}

/** `x * gate(x)`. */
const gated =
  (gate: (c: Call, x: string) => string) =>
  (c: Call): string =>
    c.node('Mul', [c.input('self'), gate(c, c.input('self'))]);

const relu6Over6 = (c: Call, x: string): string =>
  c.graph.node('HardSigmoid', [x], { alpha: { float: 1 / 6 } });

/** A type conversion; moves to another device are nothing here. */
export const toResult = (c: Call): string =>
  c.cast(c.input('self'), c.tensor('self').dtype, c.result().dtype);

export const pointwise: Converters = {
  abs: unary('Abs'),
  acos: unary('Acos'),
  add: scaled('Add'),
  asin: unary('Asin'),
  atan: unary('Atan'),
  bitwise_not: unary('Not'),
  ceil: unary('Ceil'),
  celu: (c) => c.node('Celu', [c.input('self')], { alpha: { float: c.number('alpha') } }),
  clamp: (c) => clamp(c, 'min', 'max'),
  clamp_max: (c) => clamp(c, 'none', 'max'),
  clamp_min: (c) => clamp(c, 'min', 'none'),
  cos: unary('Cos'),
  cosh: unary('Cosh'),
  div: division,
  divide: division,
  elu: (c) => c.node('Elu', [c.input('self')], { alpha: { float: c.number('alpha') } }),
  eq: comparison('Equal'),
  erf: unary('Erf'),
  exp: unary('Exp'),
  expm1: (c) => c.node('Sub', [c.graph.node('Exp', [c.input('self')]), c.scalar(1, c.result().dtype)]),
  floor: unary('Floor'),
  floor_divide: floorDivision,
  ge: comparison('GreaterOrEqual'),
  gelu,
  gt: comparison('Greater'),
  hardsigmoid: (c) => c.node('HardSigmoid', [c.input('self')], { alpha: { float: 1 / 6 } }),
  hardswish: gated(relu6Over6),
  hardtanh: (c) => clamp(c, 'min_val', 'max_val'),
  le: comparison('LessOrEqual'),
  leaky_relu: (c) => c.node('LeakyRelu', [c.input('self')], { alpha: { float: c.number('negative_slope') } }),
  log: unary('Log'),
  log1p: (c) => c.node('Log', [c.graph.node('Add', [c.input('self'), c.scalar(1, c.result().dtype)])]),
  log_sigmoid: (c) => c.node('Log', [c.graph.node('Sigmoid', [c.input('self')])]),
  logical_and: logical('And'),
  logical_not: (c) => c.node('Not', [operand(c, 'self', 'bool')]),
  logical_or: logical('Or'),
  logical_xor: logical('Xor'),
  lt: comparison('Less'),
  maximum: binary('Max'),
  minimum: binary('Min'),
  mish: gated((c, x) => c.graph.node('Tanh', [c.graph.node('Softplus', [x])])),
  mul: binary('Mul'),
  ne: comparison('Equal', true),
  neg: unary('Neg'),
  pow: (c) => {
    const { dtype } = c.result();
    return c.node('Pow', [operand(c, 'self', dtype), operand(c, 'exponent', dtype)]);
  },
  prelu: (c) => {
    const rank = c.rank('self');
    const weight = c.tensor('weight').elements;
    const slope = c.graph.node('Reshape', [
      c.input('weight'),
      c.constant([weight, ...new Array<number>(Math.max(rank - 2, 0)).fill(1)]),
    ]);
    return c.node('PRelu', [c.input('self'), slope]);
  },
  reciprocal: unary('Reciprocal'),
  relu: unary('Relu'),
  relu6: (c) =>
    c.node('Clip', [c.input('self'), c.scalar(0, c.result().dtype), c.scalar(6, c.result().dtype)]),
  remainder,
  round: unary('Round'),
  rsqrt: (c) => c.node('Reciprocal', [c.graph.node('Sqrt', [c.input('self')])]),
  rsub: (c) => {
    const { dtype } = c.result();
    const alpha = c.number('alpha');
    let self = operand(c, 'self', dtype);
    if (alpha !== 1) self = c.graph.node('Mul', [self, c.scalar(alpha, dtype)]);
    return c.node('Sub', [operand(c, 'other', dtype), self]);
  },
  selu: unary('Selu'),
  sigmoid: unary('Sigmoid'),
  sign: unary('Sign'),
  silu: gated((c, x) => c.graph.node('Sigmoid', [x])),
  sin: unary('Sin'),
  sinh: unary('Sinh'),
  softplus: (c) => {
    const beta = c.number('beta');
    if (beta === 1) return c.node('Softplus', [c.input('self')]);
    const { dtype } = c.result();
    const inner = c.graph.node('Softplus', [c.graph.node('Mul', [c.input('self'), c.scalar(beta, dtype)])]);
    return c.node('Div', [inner, c.scalar(beta, dtype)]);
  },
  softsign: unary('Softsign'),
  sqrt: unary('Sqrt'),
  square: (c) => c.node('Mul', [c.input('self'), c.input('self')]),
  sub: scaled('Sub'),
  tan: unary('Tan'),
  tanh: unary('Tanh'),
  threshold: (c) => {
    const { dtype } = c.result();
    const over = c.graph.node('Greater', [c.input('self'), c.scalar(c.number('threshold'), dtype)]);
    return c.node('Where', [over, c.input('self'), c.scalar(c.number('value'), dtype)]);
  },
  to: toResult,
  type_as: toResult,
  where: (c) => {
    const { dtype } = c.result();
    return c.node('Where', [
      operand(c, 'condition', 'bool'),
      operand(c, 'self', dtype),
      operand(c, 'other', dtype),
    ]);
  },
  masked_fill: (c) => {
    const { dtype } = c.result();
    return c.node('Where', [operand(c, 'mask', 'bool'), operand(c, 'value', dtype), c.input('self')]);
  },
  addcmul: (c) => {
    const { dtype } = c.result();
    const product = c.graph.node('Mul', [c.input('tensor1'), c.input('tensor2')]);
    return c.node('Add', [
      c.input('self'),
      c.graph.node('Mul', [product, c.scalar(c.number('value'), dtype)]),
    ]);
  },
  lerp: (c) => {
    const difference = c.graph.node('Sub', [c.input('end'), c.input('self')]);
    const weight = operand(c, 'weight', c.result().dtype);
    return c.node('Add', [c.input('self'), c.graph.node('Mul', [weight, difference])]);
  },
};
