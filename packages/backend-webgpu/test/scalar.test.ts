/** Every scalar operation in every type against the reference backend: where it goes wrong, and on random bits. */
// biome-ignore-all lint/suspicious/noApproximativeNumericConstant: the float32 beside it
import type { Backend, ComputeType, DType, ScalarOp, TypedArray } from '@sconce/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebGpuBackend } from '../src/index.ts';
import { apply, asArray, cast, Draws, input, line, pointwise, runBoth } from './beside.ts';
import { backend } from './device.ts';

let b: WebGpuBackend;
beforeAll(async () => {
  b = await backend();
});
afterAll(() => b.destroy());

/**
 * How many float32 numbers a result may be away from the nearest one: what our formulas lose, and 2.5 for each division
 * and 2 for each root that WGSL leaves to the GPU. Operations that are not here are exact.
 */
const ulps: Partial<Record<ScalarOp, number>> = {
  div: 3, sqrt: 3, pow: 5, atan2: 6, exp: 1, expm1: 2, log: 3, log1p: 5, log2: 4, log10: 4,
  sin: 3, cos: 3, tan: 7, asin: 5, acos: 5, atan: 6, sinh: 5, cosh: 5, tanh: 6,
  asinh: 7, acosh: 7, atanh: 7, erf: 9, erfc: 8, erfinv: 8, lgamma: 10, digamma: 10,
}; // biome-ignore format: a table

/** Beside their zeros these lose digits; there this much is allowed. */
const absolute: Partial<Record<ScalarOp, number>> = { lgamma: 4e-6, digamma: 4e-6 };

const floatOps: Readonly<Record<1 | 2, readonly ScalarOp[]>> = {
  1: [
    'neg', 'abs', 'sqrt', 'exp', 'expm1', 'log', 'log1p', 'log2', 'log10', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan',
    'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'erf', 'erfc', 'erfinv', 'lgamma', 'digamma',
    'floor', 'ceil', 'trunc', 'round', 'isnan', 'isinf',
  ],
  2: ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'pow', 'atan2', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'],
}; // biome-ignore format: a table
const intOps: Readonly<Record<1 | 2, readonly ScalarOp[]>> = {
  1: ['neg', 'abs', 'not'],
  2: [
    'add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'pow', 'and', 'or', 'xor', 'shl', 'shr',
    'eq', 'ne', 'lt', 'le', 'gt', 'ge',
  ],
}; // biome-ignore format: a table
const boolOps: Readonly<Record<1 | 2, readonly ScalarOp[]>> = {
  1: ['not'],
  2: ['and', 'or', 'xor', 'min', 'max', 'eq', 'ne', 'lt', 'le', 'gt', 'ge'],
};
const toBool = new Set<ScalarOp>(['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'isnan', 'isinf']);

const LEAST = 2 ** -126;
const draws = new Draws();
const single = new Float32Array(1);
const word = new Uint32Array(single.buffer);

function randomFloat(): number {
  do word[0] = draws.bits();
  while (single[0]! !== 0 && Math.abs(single[0]!) < LEAST);
  return single[0]!;
}

/** Of a size where most functions are neither flat nor infinite. */
const middling = (): number => Math.fround((draws.bits() / 2 ** 32 - 0.5) * 2 ** (1 + draws.below(8)));

const positives = [
  0, LEAST, 1e-30, 1e-9, 2 ** -24, 2 ** -23, 1e-3, 0.1, 0.25, 0.292, 0.4142135, 0.41421357, 0.5, 0.70710677, 0.75,
  0.99999994, 1, 1.0000001, 1.4142135, 1.5, 1.5707963, 2, 2.5, 3, 3.1415927, 3.5, 4, 4.5, 5, 8.5, 10, 17, 22, 64, 87,
  88.7, 88.8, 89, 100, 103, 126, 127, 128, 1000.5, 8388607.5, 8388608, 16777215, 16777216, 2 ** 31, 2 ** 32, 2 ** 62,
  2 ** 63, 2 ** 64, 1e19, 1e30, 1.7014118e38, 3.4028235e38, Infinity,
].map(Math.fround); // biome-ignore format: a table
const floatEdges = [...positives.flatMap((x) => [x, -x]), Number.NaN];

const intEdges = (width: 32 | 64): bigint[] => {
  const out: bigint[] = [];
  for (const shift of [0, 1, 2, 5, 8, 15, 16, 24, 31, 32, 33, 47, 62, 63])
    for (const near of [-1n, 0n, 1n])
      for (const sign of [1n, -1n]) out.push(BigInt.asIntN(width, sign * (2n ** BigInt(shift) + near)));
  return [...new Set([...out, 3n, 7n, 10n, 100n, -3n, -10n, 64n])];
};
const randomInt = (width: 32 | 64): bigint =>
  BigInt.asIntN(width, (BigInt(draws.bits()) << 32n) | BigInt(draws.bits())) >> BigInt(draws.below(width));

/** The edges, or all pairs of them, then random values: enough of them for vectors. */
function operands<T>(edges: readonly T[], count: 1 | 2, random: () => T): T[][] {
  const [a, c]: [T[], T[]] = [[], []];
  for (const x of edges)
    for (const y of count === 2 ? edges : [x]) {
      a.push(x);
      c.push(y);
    }
  const length = Math.max(8192, Math.ceil((a.length + 2048) / 4) * 4);
  while (a.length < length) {
    a.push(random());
    c.push(random());
  }
  return count === 2 ? [a, c] : [a];
}

/** Neighbouring floats have neighbouring numbers; infinity comes after the largest. */
function place(x: number): number {
  single[0] = x;
  return word[0]! >> 31 ? -(word[0]! & 0x7fffffff) : word[0]! & 0x7fffffff;
}

function isNear(op: ScalarOp, got: number, want: number): boolean {
  if (Object.is(got, want)) return true;
  if (Number.isNaN(got) || Number.isNaN(want)) return false;
  // Results that have no normal float may be zero; which zero min and max take is not said.
  if (Math.abs(want) <= LEAST && Math.abs(got) <= LEAST && !(got === 0 && want === 0 && isSigned(op)))
    return true;
  if (Math.abs(got - want) <= (absolute[op] ?? 0)) return true;
  return Math.abs(place(got) - place(want)) <= (ulps[op] ?? 0);
}
/** Whose zeros must have the right sign. */
const isSigned = (op: ScalarOp): boolean => op !== 'min' && op !== 'max';

async function check(op: ScalarOp, dtype: ComputeType, args: readonly TypedArray[]): Promise<void> {
  const expr = apply(op, toBool.has(op) ? 'bool' : dtype, ...args.map((_, i) => input(i, dtype)));
  const n = args[0]!.length;
  // Densely, in vectors where there are any, and with a stride, one at a time.
  for (const stride of [1, 2]) {
    const spaced = (data: TypedArray): TypedArray => {
      const all = asArray(
        dtype,
        Array.from<number | bigint>({ length: n * stride }).fill(dtype === 'int64' ? 1n : 1),
      );
      for (let i = 0; i < n; i++) all[i * stride] = data[i]!;
      return all;
    };
    const [{ got, want }] = (await runBoth(
      b,
      pointwise(expr),
      [{ ...line(n), dtype: expr.dtype, data: asArray(expr.dtype, expr.dtype === 'int64' ? [] : []) }],
      args.map((data) => ({ ...line(n, stride), dtype, data: spaced(data) })),
    )) as [{ got: TypedArray; want: TypedArray }];
    const wrong: unknown[] = [];
    for (let i = 0; i < n && wrong.length < 8; i++) {
      const isRight =
        expr.dtype === 'float32' ? isNear(op, got[i] as number, want[i] as number) : got[i] === want[i];
      if (!isRight) wrong.push({ args: args.map((a) => a[i]), got: got[i], want: want[i], stride });
    }
    expect(wrong).toEqual([]);
  }
}

describe('float32', () => {
  for (const count of [1, 2] as const)
    for (const op of floatOps[count])
      it(`${op} is within ${ulps[op] ?? 0} of the nearest float`, async () => {
        const random = (): number => (draws.below(2) ? randomFloat() : middling());
        await check(
          op,
          'float32',
          operands(floatEdges, count, random).map((v) => asArray('float32', v)),
        );
      });

  it('keeps subnormals where bits suffice', async () => {
    const x = [1e-45, -1e-45, 1e-40, -1e-40, 1.1754942e-38, 0, -0, 1, -3e-39].map(Math.fround);
    for (const expr of [
      input(0, 'float32'),
      cast(input(0, 'float32'), 'bool'),
      cast(input(0, 'float32'), 'bfloat16'),
      apply('where', 'float32', cast(input(0, 'float32'), 'bool'), input(0, 'float32'), input(1, 'float32')),
      apply('rem', 'float32', input(1, 'float32'), input(0, 'float32')),
    ]) {
      // A remainder of a division by zero is NaN on both.
      const [{ got, want }] = (await runBoth(
        b,
        pointwise(expr),
        [{ ...line(x.length), dtype: expr.dtype, data: asArray(expr.dtype, []) }],
        [x, x.map((_, i) => Math.fround(7e-39 * i))].map((v) => ({
          ...line(x.length),
          dtype: 'float32' as const,
          data: asArray('float32', v),
        })),
      )) as [{ got: TypedArray; want: TypedArray }];
      expect(got).toEqual(want);
    }
  });
});

describe.each([['int32', 32] as const, ['int64', 64] as const])('%s', (dtype, width) => {
  for (const count of [1, 2] as const)
    for (const op of intOps[count])
      it(`${op} is exact`, async () => {
        const columns = operands(intEdges(width), count, () => randomInt(width));
        if (op === 'div' || op === 'rem') columns[1] = columns[1]!.map((divisor) => divisor || 5n);
        await check(
          op,
          dtype,
          columns.map((v) => asArray(dtype, width === 64 ? v : v.map(Number))),
        );
      });
});

describe('bool', () => {
  for (const count of [1, 2] as const)
    for (const op of boolOps[count])
      it(`${op} is logical`, async () => {
        const columns = operands([0, 1], count, () => draws.below(2));
        await check(
          op,
          'bool',
          columns.map((v) => asArray('bool', v)),
        );
      });
});

describe('cast', () => {
  const ints: DType[] = ['bool', 'uint8', 'int8', 'int16', 'int32', 'int64'];
  const floats: DType[] = ['float16', 'bfloat16', 'float32'];
  const valuesOf = (from: DType): TypedArray => {
    if (from === 'float32')
      return asArray(from, operands(floatEdges, 1, () => (draws.below(2) ? randomFloat() : middling()))[0]!);
    if (from === 'bool')
      return asArray(
        from,
        Array.from({ length: 64 }, () => draws.below(2)),
      );
    // 16-bit floats travel as their bits: all of them.
    if (from === 'float16' || from === 'bfloat16') return Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = operands(intEdges(64), 1, () => randomInt(64))[0]!;
    return asArray(from, from === 'int64' ? values : values.map((v) => Number(BigInt.asIntN(32, v))));
  };
  for (const from of [...ints, ...floats])
    it(`from ${from} is exact to every dtype`, async () => {
      const data = valuesOf(from);
      const n = data.length;
      const to = [...ints, ...floats];
      for (let at = 0; at < to.length; at += 3) {
        const some = to.slice(at, at + 3);
        const results = await runBoth(
          b as Backend,
          pointwise(...some.map((dtype) => cast(input(0, from), dtype))),
          some.map((dtype) => ({ ...line(n), dtype, data: asArray(dtype, []) })),
          [{ ...line(n), dtype: from, data }],
        );
        for (const [k, { got, want }] of results.entries()) {
          const wrong: unknown[] = [];
          for (let i = 0; i < n && wrong.length < 8; i++)
            if (!sameElement(some[k]!, got[i]!, want[i]!)) wrong.push([data[i], got[i], want[i]]);
          expect({ to: some[k], wrong }).toEqual({ to: some[k], wrong: [] });
        }
      }
    });

  /** Any NaN is NaN. */
  function sameElement(dtype: DType, got: number | bigint, want: number | bigint): boolean {
    const isNaN16 = (v: number | bigint, infinity: number): boolean => (Number(v) & 0x7fff) > infinity;
    if (dtype === 'float16' && isNaN16(got, 0x7c00)) return isNaN16(want, 0x7c00);
    if (dtype === 'bfloat16' && isNaN16(got, 0x7f80)) return isNaN16(want, 0x7f80);
    return Object.is(got, want);
  }
});
