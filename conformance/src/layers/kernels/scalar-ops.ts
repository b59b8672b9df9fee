/** `pointwise.<operation>`: every scalar operation, in every compute type that it has, on the values where it goes wrong. */
import { type ComputeType, type Expr, type ScalarOp, scalarOps } from '@sconce/core';
import type { Case, LayerContext } from '../../case.ts';
import { readJson } from '../../files.ts';
import { type Num, toDType } from '../../numbers.ts';
import { apply, input } from './build.ts';
import { kernelCase, type Trial } from './kernel-case.ts';
import { pairs, specialFloats, specialIntegers } from './values.ts';

type Frozen = number | 'nan' | 'inf' | '-inf' | '-0';

/** edges/scalar.json: float64 results of PyTorch. */
interface ScalarValues {
  readonly unary: Record<string, { readonly x: Frozen[]; readonly y: Frozen[] }>;
  readonly binary: Record<string, { readonly a: Frozen[]; readonly b: Frozen[]; readonly y: Frozen[] }>;
}

const thaw = (list: readonly Frozen[]): number[] =>
  list.map((v) =>
    typeof v === 'number' ? v : v === 'nan' ? NaN : v === 'inf' ? Infinity : v === '-inf' ? -Infinity : -0,
  );

/** What arithmetic that is exact, or rounded once, gives; integers are bigints here, and wrapped afterwards. */
const floatOracle: Partial<Record<ScalarOp, (a: number, b: number) => number | boolean>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  neg: (a) => -a,
  abs: (a) => (a < 0 || Object.is(a, -0) ? -a : a),
  min: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a < b ? a : b),
  max: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : a > b ? a : b),
  floor: Math.floor,
  ceil: Math.ceil,
  trunc: Math.trunc,
  round: (a) => {
    if (!Number.isFinite(a) || Number.isInteger(a)) return a;
    const candidates = [Math.floor(a), Math.ceil(a)].sort(
      (x, y) => Math.abs(x - a) - Math.abs(y - a) || (x % 2 === 0 ? -1 : 1),
    );
    return candidates[0] === 0 && a < 0 ? -0 : candidates[0];
  },
  isnan: (a) => !(a <= 0 || a > 0),
  isinf: (a) => a === Infinity || a === -Infinity,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
};

const power = (a: bigint, b: bigint): bigint => {
  let result = 1n;
  for (let i = 0n; i < b; i++) result = BigInt.asIntN(64, result * a);
  return result;
};

const intOracle = (width: bigint): Partial<Record<ScalarOp, (a: bigint, b: bigint) => bigint | boolean>> => ({
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  neg: (a) => -a,
  abs: (a) => (a < 0n ? -a : a),
  min: (a, b) => (a < b ? a : b),
  max: (a, b) => (a < b ? b : a),
  pow: power,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => -a - 1n,
  shl: (a, b) => (b >= width ? 0n : a * 2n ** b),
  shr: (a, b) => (b >= width ? (a < 0n ? -1n : 0n) : (a - (((a % 2n ** b) + 2n ** b) % 2n ** b)) / 2n ** b),
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ge: (a, b) => a >= b,
});

const boolOracle: Partial<Record<ScalarOp, (a: boolean, b: boolean) => boolean>> = {
  and: (a, b) => a && b,
  or: (a, b) => a || b,
  xor: (a, b) => a !== b,
  not: (a) => !a,
  min: (a, b) => a && b,
  max: (a, b) => a || b,
  eq: (a, b) => a === b,
  ne: (a, b) => a !== b,
  lt: (a, b) => !a && b,
  le: (a, b) => !a || b,
  gt: (a, b) => a && !b,
  ge: (a, b) => a || !b,
};

const unaryOps = new Set<ScalarOp>([
  'neg',
  'abs',
  'floor',
  'ceil',
  'trunc',
  'round',
  'isnan',
  'isinf',
  'not',
]);
const toBool = new Set<ScalarOp>(['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'isnan', 'isinf']);
/** Correctly rounded everywhere; of the others only closeness is asked. */
const exactOps = new Set<ScalarOp>([
  'add',
  'sub',
  'mul',
  'neg',
  'abs',
  'min',
  'max',
  'floor',
  'ceil',
  'trunc',
  'round',
]);

export async function* scalarOpCases({ backend, files }: LayerContext): AsyncGenerator<Case> {
  const frozen = await readJson<ScalarValues>(files, 'edges/scalar.json');
  for (const op of scalarOps) {
    for (const dtype of ['bool', 'int32', 'int64', 'float32', 'float64'] as const) {
      const build = op === 'where' ? () => whereTrial(dtype) : scalarTrial(op, dtype, frozen);
      if (build && dtype === 'float32') {
        const [normal, subnormal] = bySubnormals(build());
        yield kernelCase(backend, `pointwise.${op}`, { dtype, values: 'special' }, () => normal);
        if (subnormal)
          yield kernelCase(backend, `pointwise.${op}`, { dtype, values: 'subnormal' }, () => subnormal);
      } else if (build) yield kernelCase(backend, `pointwise.${op}`, { dtype, values: 'special' }, build);
    }
    if (oddAtZero.includes(op))
      for (const dtype of ['float32', 'float64'] as const)
        yield kernelCase(backend, `pointwise.${op}`, { dtype, values: 'tiny' }, () => tinyTrial(op, dtype));
    if (op === 'div' || op === 'rem')
      for (const dtype of ['int32', 'int64'] as const)
        yield kernelCase(backend, `pointwise.${op}`, { dtype, values: 'zero' }, () =>
          divisionFault(op, dtype),
        );
  }
}

const isSubnormal = (x: Num | null): boolean => x !== null && x !== 0 && Math.abs(Number(x)) < 2 ** -126;

/** A trial without the elements that speak of float32's subnormals, and one of those alone. */
function bySubnormals(whole: Trial): [normal: Trial, subnormal: Trial | undefined] {
  const lists = [...whole.inputs.map(({ values }) => values), ...whole.outputs.map(({ want }) => want)];
  const marked = lists[0].map((_, i) => lists.some((list) => isSubnormal(list[i])));
  const only = (wanted: boolean): Trial => {
    const shape = [marked.filter((mark) => mark === wanted).length];
    const keep = <T>(list: readonly T[]) => list.filter((_, i) => marked[i] === wanted);
    return {
      ...whole,
      inputs: whole.inputs.map((x) => ({ ...x, shape, values: keep(x.values) })),
      outputs: whole.outputs.map((x) => ({ ...x, shape, want: keep(x.want) })),
    };
  };
  return marked.includes(true) ? [only(false), { ...only(true), subnormal: true }] : [whole, undefined];
}

function scalarTrial(op: ScalarOp, dtype: ComputeType, frozen: ScalarValues): (() => Trial) | undefined {
  if (dtype === 'bool') {
    const f = boolOracle[op];
    if (!f) return undefined;
    return () => {
      const [a, b] = pairs([0, 1], [0, 1]);
      return trial(
        op,
        dtype,
        [a, b],
        a.map((x, i) => Number(f(x === 1, b[i] === 1))),
        'exact',
      );
    };
  }
  if (dtype === 'int32' || dtype === 'int64') {
    const f = intOracle(dtype === 'int32' ? 32n : 64n)[op];
    if (!f) return undefined;
    return () => {
      const [a, b] = pairs(
        specialIntegers(dtype),
        op === 'pow' ? ([0, 1, 2, 3, 5, 31, 64] as Num[]) : specialIntegers(dtype),
      );
      const isAllowed = (_: Num, i: number) =>
        !((op === 'div' || op === 'rem') && Number(b[i]) === 0) &&
        !((op === 'shl' || op === 'shr') && b[i] < 0);
      const [left, right] = [a.filter(isAllowed), b.filter(isAllowed)];
      const y = left.map((x, i) => f(BigInt(x), BigInt(right[i])));
      const convert = (list: readonly Num[]) => list.map((x) => toDType(BigInt(x), dtype));
      return trial(
        op,
        dtype,
        [convert(left), convert(right)],
        y.map((v) => (typeof v === 'boolean' ? Number(v) : toDType(v, dtype))),
        'exact',
      );
    };
  }
  const unary = frozen.unary[op];
  if (unary)
    return () =>
      trial(
        op,
        dtype,
        [thaw(unary.x)],
        thaw(unary.y).map((y) => toDType(y, dtype)),
        'close',
      );
  const binary = frozen.binary[op];
  if (binary)
    return () =>
      trial(
        op,
        dtype,
        [thaw(binary.a), thaw(binary.b)],
        thaw(binary.y).map((y) => toDType(y, dtype)),
        op === 'rem' ? 'signed' : 'close',
      );
  const f = floatOracle[op];
  if (!f) return undefined;
  return () => {
    const [a, b] = unaryOps.has(op) ? [specialFloats, specialFloats] : pairs(specialFloats, specialFloats);
    const y = a.map((x, i) => f(x, b[i]));
    // Which zero min and max take is not said.
    const accuracy =
      op === 'min' || op === 'max' || toBool.has(op) ? 'exact' : exactOps.has(op) ? 'signed' : 'close';
    return trial(
      op,
      dtype,
      [a, b],
      y.map((v) => toDType(Number(v), dtype)),
      accuracy,
    );
  };
}

/** Operations that are x near 0, up to terms of x²: there an error is measured against x, not against 1. */
const oddAtZero: readonly ScalarOp[] = [
  'expm1',
  'log1p',
  'sin',
  'tan',
  'asin',
  'atan',
  'sinh',
  'tanh',
  'asinh',
  'atanh',
];

function tinyTrial(op: ScalarOp, dtype: 'float32' | 'float64'): Trial {
  const x = Array.from({ length: 20 }, (_, i) => (i % 2 ? -1 : 1) * 2 ** (-24 - i));
  // Scaled up afterwards, so that the tolerance's absolute part does not hide them.
  const scaled = (expr: Expr) =>
    apply('mul', dtype, expr, apply('div', dtype, { op: 'const', value: 1, dtype }, input(0, dtype)));
  return {
    kernel: { kind: 'pointwise', rank: 1, exprs: [scaled(apply(op, dtype, input(0, dtype)))] },
    inputs: [{ dtype, shape: [x.length], values: x }],
    outputs: [{ dtype, shape: [x.length], want: x.map(() => 1) }],
    accuracy: 'close',
  };
}

function trial(
  op: ScalarOp,
  dtype: ComputeType,
  operands: readonly (readonly Num[])[],
  want: readonly Num[],
  accuracy: Trial['accuracy'],
): Trial {
  const used = unaryOps.has(op) ? operands.slice(0, 1) : operands;
  const result = toBool.has(op) ? 'bool' : dtype;
  const shape = [want.length];
  return {
    kernel: {
      kind: 'pointwise',
      rank: 1,
      exprs: [apply(op, result, ...used.map((_, i): Expr => input(i, dtype)))],
    },
    inputs: used.map((values) => ({ dtype, shape, values })),
    outputs: [{ dtype: result, shape, want }],
    accuracy,
  };
}

function whereTrial(dtype: ComputeType): Trial {
  const a: Num[] =
    dtype === 'bool'
      ? [0, 1, 0, 1]
      : dtype.startsWith('int')
        ? specialIntegers(dtype as 'int32')
        : specialFloats;
  const b = [...a].reverse();
  const condition = a.map((_, i) => (i % 3 === 0 ? 1 : 0));
  const shape = [a.length];
  return {
    kernel: {
      kind: 'pointwise',
      rank: 1,
      exprs: [apply('where', dtype, input(0, 'bool'), input(1, dtype), input(2, dtype))],
    },
    inputs: [
      { dtype: 'bool', shape, values: condition },
      { dtype, shape, values: a },
      { dtype, shape, values: b },
    ],
    outputs: [{ dtype, shape, want: a.map((x, i) => (condition[i] ? x : b[i])) }],
    accuracy: 'signed',
  };
}

/** One zero, far behind, must leave the whole output as it was. */
function divisionFault(op: 'div' | 'rem', dtype: 'int32' | 'int64'): Trial {
  const convert = (list: number[]) => list.map((x) => toDType(BigInt(x), dtype));
  const length = 37;
  const divisors = Array.from({ length }, (_, i) => (i === 35 ? 0 : i + 1));
  const dividends = divisors.map((_, i) => i * 3);
  return {
    kernel: { kind: 'pointwise', rank: 1, exprs: [apply(op, dtype, input(0, dtype), input(1, dtype))] },
    inputs: [
      { dtype, shape: [length], values: convert(dividends) },
      { dtype, shape: [length], values: convert(divisors) },
    ],
    outputs: [{ dtype, shape: [length], want: [] }],
    fault: 'division',
  };
}
