/** Operators on ints, floats, bools and Scalars: arithmetic, comparison, casts, and what Python's `math` has. */
import { JitError } from '../errors.ts';
import { PyFloat } from './core.ts';
import {
  addInt,
  bitwise,
  floorDivInt,
  type Int,
  mulInt,
  negInt,
  powInt,
  remainderInt,
  shiftLeft,
  shiftRight,
  subInt,
  truncDivInt,
  truncToInt,
} from './int.ts';
import type { ScalarEntry } from './operator.ts';

/** A number whose static type does not tell int from float: floats come boxed. */
type Scalar = Int | boolean | PyFloat;

const isFloatScalar = (value: Scalar): boolean =>
  value instanceof PyFloat || (typeof value === 'number' && !Number.isInteger(value));
const asNumber = (value: Scalar): number => (value instanceof PyFloat ? value.value : Number(value));
const asInt = (value: Scalar): Int => (typeof value === 'boolean' ? Number(value) : (value as Int));
const boxed = (value: number): PyFloat => new PyFloat(value);

const floorDivFloat = (a: number, b: number): number => {
  if (b === 0) throw new JitError('ZeroDivisionError', 'float divmod()');
  return Math.floor(a / b);
};
const remainderFloat = (a: number, b: number): number => {
  if (b === 0) throw new JitError('ZeroDivisionError', 'float modulo');
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
};
const divide = (a: number, b: number): number => {
  if (b === 0) throw new JitError('ZeroDivisionError', 'division by 0');
  return a / b;
};

/** Half to even, as Python rounds. */
const roundHalfEven = (x: number): number => {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
};

/** The overloads of a binary operator that gives int for ints and float where a float is in it. */
function arithmetic(
  name: string,
  ints: (a: Int, b: Int) => Int,
  floats: (a: number, b: number) => number,
): ScalarEntry[] {
  const mixed = (a: Int | number, b: Int | number) => floats(Number(a), Number(b));
  return [
    [`aten::${name}.int(int a, int b) -> int`, ints],
    [`aten::${name}.float(float a, float b) -> float`, floats],
    [`aten::${name}.int_float(int a, float b) -> float`, mixed],
    [`aten::${name}.float_int(float a, int b) -> float`, mixed],
    [
      `aten::${name}(Scalar a, Scalar b) -> Scalar`,
      (a: Scalar, b: Scalar) =>
        isFloatScalar(a) || isFloatScalar(b)
          ? boxed(floats(asNumber(a), asNumber(b)))
          : ints(asInt(a), asInt(b)),
    ],
  ];
}

/** The overloads of a binary operator whose result has one type. */
function fixed(
  name: string,
  result: string,
  fn: (a: number | bigint, b: number | bigint) => unknown,
): ScalarEntry[] {
  return [
    [`aten::${name}.int(int a, int b) -> ${result}`, fn],
    [`aten::${name}.float(float a, float b) -> ${result}`, fn],
    [`aten::${name}.int_float(int a, float b) -> ${result}`, fn],
    [`aten::${name}.float_int(float a, int b) -> ${result}`, fn],
    [
      `aten::${name}(Scalar a, Scalar b) -> ${result}`,
      (a: Scalar, b: Scalar) =>
        fn(a instanceof PyFloat ? a.value : asInt(a), b instanceof PyFloat ? b.value : asInt(b)),
    ],
  ];
}

/** The overloads of a function of one number that gives a float. */
function math(name: string, fn: (a: number) => number): ScalarEntry[] {
  const run = (a: Int | number) => fn(Number(a));
  return [
    [`aten::${name}.int(int a) -> float`, run],
    [`aten::${name}.float(float a) -> float`, fn],
    [`aten::${name}.Scalar(Scalar a) -> Scalar`, (a: Scalar) => boxed(fn(asNumber(a)))],
  ];
}

const floats2 = (fn: (a: number, b: number) => number) => (a: Int, b: Int) => fn(Number(a), Number(b));

const positive = (name: string, fn: (x: number) => number, allowed: (x: number) => boolean) =>
  math(name, (x) => {
    if (!allowed(x)) throw new JitError('ValueError', 'math domain error');
    return fn(x);
  });

function factorial(n: Int): Int {
  if (n < 0) throw new JitError('ValueError', 'factorial() not defined for negative values');
  if (n > 66) return 0;
  let result = 1n;
  for (let i = 2n; i <= BigInt(n); i++) result *= i;
  return BigInt.asIntN(64, result) === result
    ? result <= 9007199254740991n
      ? Number(result)
      : result
    : BigInt.asIntN(64, result);
}

function gcd(a: Int, b: Int): Int {
  let [x, y] = [BigInt(a), BigInt(b)];
  while (y) [x, y] = [y, x % y];
  return Number(x < 0n ? -x : x);
}

/** Lanczos' approximation with g = 7; good to 15 digits. */
function lgamma(x: number): number {
  if (Number.isInteger(x) && x <= 0) return Infinity;
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - lgamma(1 - x);
  const coefficients = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const y = x - 1;
  let sum = coefficients[0];
  for (let i = 1; i < 9; i++) sum += coefficients[i] / (y + i);
  const t = y + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(t) - t + Math.log(sum);
}

function frexp(x: number): [number, number] {
  if (x === 0 || !Number.isFinite(x)) return [x, 0];
  let exponent = Math.max(-1023, Math.floor(Math.log2(Math.abs(x))) + 1);
  let mantissa = x * 2 ** -exponent;
  while (Math.abs(mantissa) < 0.5) {
    mantissa *= 2;
    exponent--;
  }
  while (Math.abs(mantissa) >= 1) {
    mantissa /= 2;
    exponent++;
  }
  return [mantissa, exponent];
}

const parseNumber = (text: string, kind: 'int' | 'float'): number => {
  const clean = text
    .trim()
    .toLowerCase()
    .replace(/^([+-]?)(inf|infinity)$/, '$1Infinity')
    .replace(/^[+-]?nan$/, 'NaN');
  const value = Number(clean);
  if (
    clean === '' ||
    (Number.isNaN(value) && clean !== 'NaN') ||
    (kind === 'int' && !/^[+-]?\d+$/.test(clean))
  )
    throw new JitError(
      'RuntimeError',
      kind === 'int'
        ? `invalid literal for int() with base 10: '${text}'`
        : `could not convert string to float: ${text}`,
    );
  return value;
};

export const numberOperators: readonly ScalarEntry[] = [
  ...arithmetic('add', addInt, (a, b) => a + b),
  ...arithmetic('sub', subInt, (a, b) => a - b),
  ...arithmetic('mul', mulInt, (a, b) => a * b),
  ...arithmetic('floordiv', floorDivInt, floorDivFloat),
  ...arithmetic('remainder', remainderInt, remainderFloat),
  ['aten::div.int(int a, int b) -> float', (a: Int, b: Int) => divide(Number(a), Number(b))],
  ['aten::div.float(float a, float b) -> float', divide],
  ['aten::div(Scalar a, Scalar b) -> float', (a: Scalar, b: Scalar) => divide(asNumber(a), asNumber(b))],
  ['aten::__round_to_zero_floordiv.int(int a, int b) -> int', truncDivInt],
  ['aten::pow.int(int a, int b) -> float', (a: Int, b: Int) => Number(a) ** Number(b)],
  ['aten::pow.float(float a, float b) -> float', (a: number, b: number) => a ** b],
  ['aten::pow.int_float(int a, float b) -> float', (a: Int, b: number) => Number(a) ** b],
  ['aten::pow.float_int(float a, int b) -> float', (a: number, b: Int) => a ** Number(b)],
  [
    'aten::pow.Scalar_Scalar(Scalar a, Scalar b) -> float',
    (a: Scalar, b: Scalar) => asNumber(a) ** asNumber(b),
  ],
  ['aten::pow.int_to_int(int a, int b) -> int', powInt],
  ...fixed('lt', 'bool', (a, b) => a < b),
  ...fixed('gt', 'bool', (a, b) => a > b),
  ...fixed('le', 'bool', (a, b) => a <= b),
  ...fixed('ge', 'bool', (a, b) => a >= b),
  ['aten::eq.bool(bool a, bool b) -> bool', (a: boolean, b: boolean) => a === b],
  ['aten::ne.bool(bool a, bool b) -> bool', (a: boolean, b: boolean) => a !== b],
  // biome-ignore lint/suspicious/noDoubleEquals: a number and a bigint of one value are equal
  ...fixed('eq', 'bool', (a, b) => a == b),
  // biome-ignore lint/suspicious/noDoubleEquals: as above
  ...fixed('ne', 'bool', (a, b) => a != b),
  ['aten::fmod.int(int a, int b) -> float', floats2((a, b) => a % b)],
  ['aten::fmod.float(float a, float b) -> float', (a: number, b: number) => a % b],
  ['aten::fmod.int_float(int a, float b) -> float', floats2((a, b) => a % b)],
  ['aten::fmod.float_int(float a, int b) -> float', floats2((a, b) => a % b)],
  ['aten::fmod(Scalar a, Scalar b) -> float', (a: Scalar, b: Scalar) => asNumber(a) % asNumber(b)],
  ['aten::atan2.int(int a, int b) -> float', floats2(Math.atan2)],
  ['aten::atan2.float(float a, float b) -> float', Math.atan2],
  ['aten::atan2.int_float(int a, float b) -> float', floats2(Math.atan2)],
  ['aten::atan2.float_int(float a, int b) -> float', floats2(Math.atan2)],
  [
    'aten::copysign.float(float a, float b) -> float',
    (a: number, b: number) => Math.abs(a) * (b < 0 || Object.is(b, -0) ? -1 : 1),
  ],
  ['aten::hypot.float(float a, float b) -> float', Math.hypot],
  [
    'aten::divmod.int(int x, int y) -> (int, int)',
    (a: Int, b: Int) => [floorDivInt(a, b), remainderInt(a, b)],
  ],
  [
    'aten::divmod.float(float x, float y) -> (float, float)',
    (a: number, b: number) => [floorDivFloat(a, b), remainderFloat(a, b)],
  ],
  [
    'aten::divmod.int_float(int x, float y) -> (float, float)',
    (a: Int, b: number) => [floorDivFloat(Number(a), b), remainderFloat(Number(a), b)],
  ],
  [
    'aten::divmod.float_int(float x, int y) -> (float, float)',
    (a: number, b: Int) => [floorDivFloat(a, Number(b)), remainderFloat(a, Number(b))],
  ],
  ['aten::__and__.bool(bool a, bool b) -> bool', (a: boolean, b: boolean) => a && b],
  ['aten::__or__.bool(bool a, bool b) -> bool', (a: boolean, b: boolean) => a || b],
  ['aten::__xor__.bool(bool a, bool b) -> bool', (a: boolean, b: boolean) => a !== b],
  ['aten::__not__(bool self) -> bool', (a: boolean) => !a],
  ['aten::__and__.int(int a, int b) -> int', bitwise((a, b) => a & b)],
  ['aten::__or__.int(int a, int b) -> int', bitwise((a, b) => a | b)],
  ['aten::__xor__.int(int a, int b) -> int', bitwise((a, b) => a ^ b)],
  ['aten::__lshift__.int(int a, int b) -> int', shiftLeft],
  ['aten::__rshift__.int(int a, int b) -> int', shiftRight],
  ['aten::neg.int(int a) -> int', negInt],
  ['aten::neg.float(float a) -> float', (a: number) => -a],
  [
    'aten::neg.Scalar(Scalar a) -> Scalar',
    (a: Scalar) => (isFloatScalar(a) ? boxed(-asNumber(a)) : negInt(asInt(a))),
  ],
  ['aten::floor.int(int a) -> int', (a: Int) => a],
  ['aten::floor.float(float a) -> int', (a: number) => truncToInt(Math.floor(a))],
  [
    'aten::floor.Scalar(Scalar a) -> Scalar',
    (a: Scalar) => (isFloatScalar(a) ? truncToInt(Math.floor(asNumber(a))) : a),
  ],
  ['aten::ceil.int(int a) -> int', (a: Int) => a],
  ['aten::ceil.float(float a) -> int', (a: number) => truncToInt(Math.ceil(a))],
  [
    'aten::ceil.Scalar(Scalar a) -> Scalar',
    (a: Scalar) => (isFloatScalar(a) ? truncToInt(Math.ceil(asNumber(a))) : a),
  ],
  ...math('round', roundHalfEven),
  ...math('fabs', Math.abs),
  ...math('exp', Math.exp),
  ...math('expm1', Math.expm1),
  ...positive('log', Math.log, (x) => x > 0 || Number.isNaN(x)),
  ['aten::log.int_int(int a, int b) -> float', floats2((a, b) => Math.log(a) / Math.log(b))],
  ['aten::log.float_float(float a, float b) -> float', floats2((a, b) => Math.log(a) / Math.log(b))],
  ['aten::log.int_float(int a, float b) -> float', floats2((a, b) => Math.log(a) / Math.log(b))],
  ['aten::log.float_int(float a, int b) -> float', floats2((a, b) => Math.log(a) / Math.log(b))],
  ...positive('log10', Math.log10, (x) => x > 0 || Number.isNaN(x)),
  ...positive('log2', Math.log2, (x) => x > 0 || Number.isNaN(x)),
  ...positive('log1p', Math.log1p, (x) => x > -1 || Number.isNaN(x)),
  ...positive('sqrt', Math.sqrt, (x) => x >= 0 || Number.isNaN(x)),
  ...math('sin', Math.sin),
  ...math('cos', Math.cos),
  ...math('tan', Math.tan),
  ...math('asin', Math.asin),
  ...math('acos', Math.acos),
  ...math('atan', Math.atan),
  ...math('sinh', Math.sinh),
  ...math('cosh', Math.cosh),
  ...math('tanh', Math.tanh),
  ...math('asinh', Math.asinh),
  ...math('acosh', Math.acosh),
  ...math('atanh', Math.atanh),
  ...math('degrees', (x) => (x * 180) / Math.PI),
  ...math('radians', (x) => (x * Math.PI) / 180),
  ...math('lgamma', lgamma),
  ['aten::isnan.float(float a) -> bool', Number.isNaN],
  ['aten::isfinite.float(float a) -> bool', Number.isFinite],
  ['aten::isinf.float(float a) -> bool', (a: number) => a === Infinity || a === -Infinity],
  ['aten::factorial.int(int a) -> int', factorial],
  ['aten::gcd.int(int a, int b) -> int', gcd],
  [
    'aten::modf(float a) -> (float, float)',
    (a: number) => [Number.isFinite(a) ? a - Math.trunc(a) : 0, Math.trunc(a)],
  ],
  ['aten::frexp(float a) -> (float, int)', frexp],
  ['aten::ldexp(float x, int i) -> float', (x: number, i: Int) => x * 2 ** Number(i)],
  ['aten::Int.bool(bool a) -> int', Number],
  ['aten::Int.float(float a) -> int', truncToInt],
  [
    'aten::Int.Scalar(Scalar a) -> int',
    (a: Scalar) => (isFloatScalar(a) ? truncToInt(asNumber(a)) : asInt(a)),
  ],
  ['aten::Int.str(str a) -> int', (a: string) => parseNumber(a, 'int')],
  ['aten::Float.int(int a) -> float', Number],
  ['aten::Float.bool(bool a) -> float', Number],
  ['aten::Float.Scalar(Scalar a) -> float', asNumber],
  ['aten::Float.str(str a) -> float', (a: string) => parseNumber(a, 'float')],
  // biome-ignore lint/suspicious/noDoubleEquals: 0n is false too
  ['aten::Bool.int(int a) -> bool', (a: Int) => a != 0],
  ['aten::Bool.float(float a) -> bool', (a: number) => a !== 0],
  ['prim::abs.int(int a) -> int', (a: Int) => (a < 0 ? negInt(a) : a)],
  ['prim::abs.float(float a) -> float', Math.abs],
  [
    'prim::abs.Scalar(Scalar a) -> Scalar',
    (a: Scalar) => (isFloatScalar(a) ? boxed(Math.abs(asNumber(a))) : asInt(a) < 0 ? negInt(asInt(a)) : a),
  ],
  ...(['max', 'min'] as const).flatMap((name): ScalarEntry[] => {
    const first = name === 'max' ? <T>(a: T, b: T) => b > a : <T>(a: T, b: T) => b < a;
    const pick = (a: Int, b: Int) => (first(a, b) ? b : a);
    const mixed = (a: Int, b: Int) => Number(pick(a, b));
    return [
      [`prim::${name}.int(int a, int b) -> int`, pick],
      [`prim::${name}.float(float a, float b) -> float`, pick],
      [`prim::${name}.int_float(int a, float b) -> float`, mixed],
      [`prim::${name}.float_int(float a, int b) -> float`, mixed],
      [
        `prim::${name}(Scalar a, Scalar b) -> Scalar`,
        (a: Scalar, b: Scalar) => (first(asNumber(a), asNumber(b)) ? b : a),
      ],
    ];
  }),
  [
    'aten::__range_length(int lo, int hi, int step) -> int',
    (lo: Int, hi: Int, step: Int) => {
      if (step === 0) throw new JitError('RuntimeError', 'range() arg 3 must not be zero');
      const [from, to, by] = [Number(lo), Number(hi), Number(step)];
      if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to))
        return exactLength(BigInt(lo), BigInt(hi), BigInt(step));
      return by > 0 && from < to
        ? 1 + Math.floor((to - 1 - from) / by)
        : by < 0 && from > to
          ? 1 + Math.floor((from - 1 - to) / -by)
          : 0;
    },
  ],
  [
    'aten::__derive_index(int index, int start, int step) -> int',
    (index: Int, start: Int, step: Int) => addInt(start, mulInt(index, step)),
  ],
];

/** How many steps a range takes whose bounds no number holds. */
function exactLength(lo: bigint, hi: bigint, step: bigint): Int {
  const count = step > 0n ? (hi - lo + step - 1n) / step : (lo - hi - step - 1n) / -step;
  const length = count > 0n ? count : 0n;
  return length <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(length) : length;
}
