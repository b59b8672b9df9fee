/** Pointwise kernels in every layout, four elements at a time and one, and int64 in 32 bits where it fits. */
import {
  type ComputeType,
  type DType,
  type Expr,
  KernelFault,
  type ScalarOp,
  type TypedArray,
} from '@sconce/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebGpuBackend } from '../src/index.ts';
import { type Range, rangeOf } from '../src/lower/walk.ts';
import {
  apply,
  asArray,
  cast,
  constant,
  Draws,
  input,
  line,
  type Operand,
  type Place,
  pointwise,
  runBoth,
} from './beside.ts';
import { backend } from './device.ts';

let b: WebGpuBackend;
beforeAll(async () => {
  b = await backend();
});
afterAll(() => b.destroy());

const draws = new Draws(7);
/** Small whole numbers: every operation on them is exact, however it is fused. */
const numbers = (dtype: DType, n: number): TypedArray =>
  asArray(
    dtype,
    Array.from({ length: n }, () =>
      dtype === 'int64' ? BigInt(draws.below(64)) : draws.below(dtype === 'bool' ? 2 : 64),
    ),
  );
const filled = (dtype: DType, at: Place): Operand => ({ ...at, dtype, data: numbers(dtype, at.length) });

const rows = (shape: readonly number[], strides: readonly number[], offset = 0, length?: number): Place => ({
  shape,
  strides,
  offset,
  length: length ?? offset + 1 + shape.reduce((sum, n, d) => sum + Math.max(0, (n - 1) * strides[d]!), 0),
});

const dense = rows([64, 128], [128, 1]);
const places: Readonly<Record<string, Place>> = {
  dense,
  'a row for all': rows([64, 128], [0, 1]),
  'a column for all': rows([64, 128], [1, 0]),
  'one number': rows([64, 128], [0, 0]),
  transposed: rows([64, 128], [1, 64]),
  'part of longer rows': rows([64, 128], [132, 1], 4),
  'part of longer rows, beside fours': rows([64, 128], [131, 1], 3),
  backwards: rows([64, 128], [-128, 1], 63 * 128, 64 * 128),
  'backwards in the row': rows([64, 128], [128, -1], 127, 64 * 128),
};

describe('layouts', () => {
  const sum = (dtype: ComputeType): Expr =>
    apply('add', dtype, apply('mul', dtype, input(0, dtype), constant(3, dtype)), input(1, dtype));
  for (const [to, output] of Object.entries(places).filter(([, p]) => !p.strides.includes(0)))
    for (const [from, other] of Object.entries(places))
      it(`writes ${to} from ${from}`, async () => {
        for (const dtype of ['float32', 'int32'] as const)
          for (const { got, want } of await runBoth(
            b,
            pointwise(sum(dtype), apply('lt', 'bool', input(0, dtype), input(1, dtype))),
            [filled(dtype, output), filled('bool', dense)],
            [filled(dtype, other), filled(dtype, dense)],
          ))
            expect(got).toEqual(want);
      });

  it.each([4095, 4096, 4097, 4098, 4099, 5000])('writes %i elements and nothing beside them', async (n) => {
    for (const [offset, length] of [
      [0, n],
      [0, n + 3],
      [4, n + 4],
      [4, n + 9],
      [5, n + 5],
    ] as const)
      for (const { got, want } of await runBoth(
        b,
        pointwise(apply('add', 'float32', input(0, 'float32'), constant(1, 'float32'))),
        [filled('float32', { ...line(n), offset, length })],
        [filled('float32', { ...line(n), offset: 8, length: n + 8 })],
      ))
        expect(got).toEqual(want);
  });

  it('computes with bools, narrow integers and 16-bit floats in fours', async () => {
    for (const dtype of ['uint8', 'int8', 'int16', 'float16', 'bfloat16', 'bool'] as const) {
      const type: ComputeType = dtype === 'bool' ? 'bool' : dtype.includes('float') ? 'float32' : 'int32';
      const [x, y] = [cast(input(0, dtype), type), cast(input(1, dtype), type)];
      const mixed =
        type === 'bool' ? apply('xor', type, x, y) : apply('mul', type, apply('mul', type, x, y), y);
      for (const { got, want } of await runBoth(
        b,
        pointwise(cast(apply('where', type, input(2, 'bool'), mixed, x), dtype)),
        [filled(dtype, dense)],
        [
          filled(dtype, dense),
          filled(dtype, places['a row for all']!),
          filled('bool', places['a column for all']!),
        ],
      ))
        expect(got).toEqual(want);
    }
  });

  it('writes in place, with scalars of every type', async () => {
    const n = 8192;
    const memory = b.allocate('float32', n);
    b.write(
      memory,
      0,
      new Float32Array(n).map((_, i) => i % 100),
    );
    const view = { memory, dtype: 'float32' as const, shape: [n], strides: [1], offset: 0 };
    const scalar = (index: number, dtype: ComputeType): Expr => ({ op: 'scalar', index, dtype });
    const x = apply('where', 'float32', scalar(3, 'bool'), input(0, 'float32'), constant(0, 'float32'));
    const sum = [
      scalar(0, 'float32'),
      cast(scalar(1, 'int32'), 'float32'),
      cast(scalar(2, 'int64'), 'float32'),
    ].reduce((s, e) => apply('add', 'float32', s, e), x);
    b.compile(pointwise(sum))([view], [view], [0.5, -2, 2n ** 33n, 1]);
    b.compile(pointwise(apply('sub', 'float32', input(0, 'float32'), constant(2 ** 33, 'float32'))))(
      [view],
      [view],
    );
    const got = (await b.read(memory, 0, n)) as Float32Array;
    expect(got).toEqual(
      new Float32Array(n).map((_, i) => Math.fround(Math.fround((i % 100) - 1.5) + 2 ** 33) - 2 ** 33),
    );
    b.free(memory);
  });
});

describe('faults', () => {
  it.each(['div', 'rem'] as const)('%s by zero is a fault, by a constant zero too', async (op) => {
    for (const dtype of ['int32', 'int64'] as const)
      for (const divisor of [input(1, dtype), constant(0, dtype)]) {
        const run = runBoth(
          b,
          pointwise(apply(op, dtype, input(0, dtype), divisor)),
          [filled(dtype, line(5))],
          [
            filled(dtype, line(5)),
            {
              ...line(5),
              dtype,
              data: asArray(dtype, dtype === 'int64' ? [1n, 2n, 0n, 4n, 5n] : [1, 2, 0, 4, 5]),
            },
          ],
        );
        await expect(run).rejects.toThrow(KernelFault);
      }
  });
});

describe('int64', () => {
  const binary: readonly ScalarOp[] = ['add', 'sub', 'mul', 'min', 'max', 'and', 'or', 'xor', 'shr', 'shl'];
  const compared: readonly ScalarOp[] = ['eq', 'ne', 'lt', 'le', 'gt', 'ge'];
  const constants = [0n, 1n, -1n, 5n, 100n, -70000n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 31n, 2n ** 40n + 3n];

  function tree(depth: number): Expr {
    if (depth === 0) {
      const leaves: (() => Expr)[] = [
        () => ({ op: 'coord', dim: draws.below(2), dtype: 'int64' }),
        () => constant(draws.pick(constants), 'int64'),
        () => cast(cast(input(0, 'int8'), 'int32'), 'int64'),
        () => cast(input(1, 'int32'), 'int64'),
        () => input(2, 'int64'),
        () => cast(apply('lt', 'bool', input(1, 'int32'), constant(9, 'int32')), 'int64'),
      ];
      return draws.pick(leaves)();
    }
    const kind = draws.below(10);
    const [a, c] = [tree(draws.below(depth)), tree(depth - 1)];
    if (kind < 5) return apply(draws.pick(binary), 'int64', a, c);
    if (kind === 5) return apply(draws.pick(['neg', 'abs', 'not'] as const), 'int64', c);
    if (kind === 6) return apply('where', 'int64', apply(draws.pick(compared), 'bool', a, c), c, a);
    if (kind === 7)
      return apply(
        draws.pick(['div', 'rem'] as const),
        'int64',
        c,
        constant(draws.pick(constants) || 7n, 'int64'),
      );
    return kind === 8 ? cast(cast(c, 'int32'), 'int64') : apply('max', 'int64', a, c);
  }

  it('is exact in random formulas, whether it fits 32 bits or not', async () => {
    const shape = [5, 7];
    const at = rows(shape, [7, 1]);
    const wide = asArray(
      'int64',
      Array.from(
        { length: 35 },
        () =>
          BigInt.asIntN(64, (BigInt(draws.bits()) << 32n) | BigInt(draws.bits())) >> BigInt(draws.below(60)),
      ),
    );
    const int32s = asArray(
      'int32',
      Array.from({ length: 35 }, () => (draws.bits() | 0) >> draws.below(31)),
    );
    const int8s = asArray(
      'int8',
      Array.from({ length: 35 }, () => draws.bits()),
    );
    for (let k = 0; k < 40; k++) {
      const e = tree(1 + draws.below(5));
      const exprs = [e, cast(e, 'float32'), cast(e, 'uint8')];
      const results = await runBoth(
        b,
        { kind: 'pointwise', exprs, rank: 2 },
        exprs.map(({ dtype }) => filled(dtype, at)),
        [
          { ...at, dtype: 'int8', data: int8s },
          { ...at, dtype: 'int32', data: int32s },
          { ...at, dtype: 'int64', data: wide },
        ],
      );
      for (const { got, want } of results)
        expect(
          got,
          JSON.stringify(e, (_, v) => (typeof v === 'bigint' ? `${v}n` : v)),
        ).toEqual(want);
    }
  });

  it('knows how far results can reach', () => {
    const range = (e: Expr): Range => rangeOf(e, range);
    const i = (value: number): Expr => constant(value, 'int64');
    const row: Expr = { op: 'coord', dim: 0, dtype: 'int64' };
    expect(range(apply('sub', 'int64', row, row))).toEqual([-(2 ** 30), 2 ** 30]);
    expect(range(apply('mul', 'int64', i(-3), cast(input(0, 'int8'), 'int64')))).toEqual([
      -(2 ** 31 - 1) * 3,
      2 ** 31 * 3,
    ]);
    expect(range(apply('rem', 'int64', input(0, 'int64'), i(10)))[1]).toBe(Infinity);
    expect(range(apply('where', 'int64', constant(1, 'bool'), i(4), i(-2)))).toEqual([-2, 4]);
  });
});
