/** Kernels at sizes where they take another form than for the suite's small cases: two passes, digits, pieces, taps. */
import {
  type Combine,
  type DType,
  decode16,
  dtypes,
  type Expr,
  encode16,
  type Kernel,
  KernelFault,
  type ReduceKernel,
  type TypedArray,
  type View,
} from '@sconce/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebGpuBackend } from '../src/index.ts';
import { backend } from './device.ts';

/** One that writes kernels for software adapters, one that writes those for GPUs. */
const forms = ['threads', 'workgroups'] as const;
const backends = {} as Record<(typeof forms)[number], WebGpuBackend>;
beforeAll(async () => {
  for (const form of forms) {
    backends[form] = await backend();
    (backends[form].gpu as { isSoftware: boolean }).isSoftware = form === 'threads';
  }
});
afterAll(() => {
  for (const b of Object.values(backends)) b.destroy();
});

const numelOf = (shape: readonly number[]): number => shape.reduce((n, size) => n * size, 1);

const rowMajor = (shape: readonly number[]): number[] => shape.map((_, d) => numelOf(shape.slice(d + 1)));

interface Operand {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values?: TypedArray;
  readonly strides?: readonly number[];
}

/** Runs a kernel on fresh memories, and reads its outputs. Values of outputs are what stands there before. */
async function run(
  b: WebGpuBackend,
  kernel: Kernel,
  outputs: readonly Operand[],
  inputs: readonly Operand[],
): Promise<TypedArray[]> {
  const place = ({ dtype, shape, values, strides }: Operand): View => {
    const memory = b.allocate(dtype, values?.length ?? numelOf(shape));
    if (values) b.write(memory, 0, values);
    return { memory, dtype, shape, strides: strides ?? rowMajor(shape), offset: 0 };
  };
  const [outs, ins] = [outputs.map(place), inputs.map(place)];
  b.compile(kernel)(outs, ins);
  const results = await Promise.all(outs.map((v) => b.read(v.memory, 0, numelOf(v.shape))));
  for (const v of [...outs, ...ins]) b.free(v.memory);
  return results;
}

const input = (index: number, dtype: DType): Expr => ({ op: 'input', index, dtype });

/** Whole numbers in [0, limit), the same every time. */
function whole(count: number, limit: number, seed = 1): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  });
}

const reduceOf = (
  combine: Combine,
  dtype: 'float32' | 'int32' | 'int64',
  rank: number,
  reduced = 1,
): ReduceKernel => ({
  kind: 'reduce',
  rank,
  reduced,
  folds: [{ map: input(0, dtype), combine }],
  finish: [input(0, combine.startsWith('arg') ? 'int64' : dtype)],
});

describe.each(forms)('reduce, by %s', (form) => {
  it('adds up a million float32 as accurately as pairs do', async () => {
    const values = new Float32Array(1_000_003).fill(0.1);
    const [sum] = await run(
      backends[form],
      reduceOf('sum', 'float32', 0),
      [{ dtype: 'float32', shape: [] }],
      [{ dtype: 'float32', shape: [values.length], values }],
    );
    const want = values.length * Math.fround(0.1);
    expect(Math.abs(Number(sum![0]) - want) / want).toBeLessThan(3e-7);
  });

  it.each([
    [[5000, 24], [1, 24], 'columns'],
    [[24, 5000], [5000, 1], 'rows'],
    [[3, 70_001], [70_001, 1], 'few long rows'],
  ] as const)('adds up int64 exactly over %o (%o, %s)', async (shape, strides, what) => {
    // Kept dim first, in a layout where it is the memory's first or last.
    const [kept, length] = what === 'columns' ? [shape[1], shape[0]] : shape;
    const list = whole(kept * length, 2 ** 31).map((v) => BigInt(v) * 2_147_483_659n - 2n ** 61n);
    const values = new BigInt64Array(list);
    const [sums] = await run(
      backends[form],
      reduceOf('sum', 'int64', 1),
      [{ dtype: 'int64', shape: [kept] }],
      [{ dtype: 'int64', shape: [kept, length], strides, values }],
    );
    const want = new BigInt64Array(kept);
    for (let k = 0; k < kept; k++)
      for (let i = 0; i < length; i++) want[k] += values[k * strides[0] + i * strides[1]]!;
    expect(sums).toEqual(want);
  });

  it('finds the first of equal extremes of long rows, and the first NaN', async () => {
    const length = 40_000;
    const values = new Float32Array(3 * length).fill(1);
    for (const at of [700, 20_000, 39_999]) values[at] = 5;
    values[length + 31_000] = values[length + 12_345] = Number.NaN;
    values[2 * length + 39_998] = -0;
    values[2 * length + 39_999] = 0;
    for (const [combine, want] of [
      ['argmax', [700n, 12_345n, 0n]],
      ['argmin', [0n, 12_345n, 39_998n]],
    ] as const) {
      const [places] = await run(
        backends[form],
        reduceOf(combine, 'float32', 1),
        [{ dtype: 'int64', shape: [3] }],
        [{ dtype: 'float32', shape: [3, length], values }],
      );
      expect(places).toEqual(new BigInt64Array(want));
    }
  });

  it('lets NaN win over the extremes of a long row, and infinities be extremes', async () => {
    const length = 30_000;
    const values = new Float32Array(2 * length).map((_, i) => i % 100);
    values[17_777] = Number.NaN;
    values[length + 5] = Number.POSITIVE_INFINITY;
    values[length + 29_999] = Number.NEGATIVE_INFINITY;
    for (const [combine, want] of [
      ['max', [Number.NaN, Infinity]],
      ['min', [Number.NaN, -Infinity]],
    ] as const) {
      const [extremes] = await run(
        backends[form],
        reduceOf(combine, 'float32', 1),
        [{ dtype: 'float32', shape: [2] }],
        [{ dtype: 'float32', shape: [2, length], values }],
      );
      expect(extremes).toEqual(new Float32Array(want));
    }
  });

  it('folds in several ways at once in two passes, with coordinates, and finishes with the inputs', async () => {
    const length = 20_000;
    const numbers = whole(2 * length, 1000);
    const x = input(0, 'int32');
    const cast = (e: Expr, dtype: DType): Expr => ({ op: 'cast', args: [e], dtype });
    const kernel: ReduceKernel = {
      kind: 'reduce',
      rank: 1,
      reduced: 1,
      folds: [
        { map: cast(x, 'float32'), combine: 'sum' },
        { map: x, combine: 'argmax' },
        { map: { op: 'lt', args: [x, { op: 'const', value: 999, dtype: 'int32' }], dtype: 'bool' }, combine: 'all' },
        { map: { op: 'mul', args: [cast(x, 'int64'), { op: 'coord', dim: 1, dtype: 'int64' }], dtype: 'int64' }, combine: 'sum' },
      ],
      finish: [
        { op: 'add', args: [input(0, 'float32'), cast(input(4, 'int32'), 'float32')], dtype: 'float32' },
        input(1, 'int64'),
        input(2, 'bool'),
        input(3, 'int64'),
      ],
    }; // biome-ignore format: one fold a line
    const results = await run(
      backends[form],
      kernel,
      (['float32', 'int64', 'bool', 'int64'] as const).map((dtype) => ({ dtype, shape: [2] })),
      [{ dtype: 'int32', shape: [2, length], values: new Int32Array(numbers) }],
    );
    for (const r of [0, 1]) {
      const row = numbers.slice(r * length, (r + 1) * length);
      const largest = Math.max(...row);
      expect(Number(results[0]![r])).toBeCloseTo(row.reduce((a, v) => a + v, 0) + row[0]!, -2);
      expect(results[1]![r]).toBe(BigInt(row.indexOf(largest)));
      expect(results[2]![r]).toBe(largest < 999 ? 1 : 0);
      expect(results[3]![r]).toBe(row.reduce((a, v, i) => a + BigInt(v * i), 0n));
    }
  });
});

describe('scan', () => {
  it.each([
    [1, 70_001],
    [3, 4099],
    [1500, 40],
  ])('adds up %i rows of %i int64 exactly', async (rows, length) => {
    const values = new BigInt64Array(whole(rows * length, 2 ** 31).map((v) => BigInt(v) << 25n));
    const shape = [rows, length];
    const [sums] = await run(
      backends.threads,
      { kind: 'scan', combine: 'sum', rank: 2, dtype: 'int64' },
      [{ dtype: 'int64', shape }],
      [{ dtype: 'int64', shape, values }],
    );
    const want = new BigInt64Array(values);
    for (let i = 0; i < want.length; i++) if (i % length > 0) want[i] += want[i - 1]!;
    expect(sums).toEqual(want);
  });

  it('keeps a NaN to the end of a long row', async () => {
    const values = new Float32Array(5000).map((_, i) => (i * 7919) % 5000);
    values[3000] = Number.NaN;
    const [extremes] = await run(
      backends.threads,
      { kind: 'scan', combine: 'max', rank: 1, dtype: 'float32' },
      [{ dtype: 'float32', shape: [5000] }],
      [{ dtype: 'float32', shape: [5000], values }],
    );
    let largest = -Infinity;
    expect(extremes).toEqual(values.map((v) => (largest = Math.max(largest, v))));
  });
});

describe('sort', () => {
  const length = 3001;
  const samples: readonly [DType, (v: number) => number | bigint][] = [
    ['bool', (v) => v % 2],
    ['uint8', (v) => v % 256],
    ['int8', (v) => (v % 256) - 128],
    ['int16', (v) => v - 32768],
    ['int32', (v) => (v - 32768) * 65521],
    ['int64', (v) => BigInt(v - 32768) * 140_000_000_000_003n],
    ['float32', (v) => (v % 50 === 7 ? Number.NaN : v % 50 === 8 ? -0 : v % 50 === 9 ? Infinity : (v % 500) / 7 - 30)],
    ['float16', (v) => (v % 50 === 7 ? Number.NaN : (v % 3000) / 64 - 20)],
    ['bfloat16', (v) => (v % 50 === 7 ? -Infinity : (v % 3000) * 1e30 - 1e33)],
  ]; // biome-ignore format: one dtype a line

  it.each(samples)('sorts long rows of %s digit by digit, stably, both ways', async (dtype, value) => {
    const numbers = whole(2 * length, 65536).map(value);
    const is16 = dtype === 'float16' || dtype === 'bfloat16';
    const values = is16
      ? encode16(new Float32Array(numbers as number[]), dtype)
      : (dtypes[dtype].array as typeof Int32Array).from(numbers as number[]);
    const seen = is16 ? decode16(values as Uint16Array, dtype) : values;
    for (const descending of [false, true]) {
      const shape = [2, length];
      const [sorted, places] = await run(
        backends.threads,
        { kind: 'sort', descending, rank: 2, dtype },
        [
          { dtype, shape },
          { dtype: 'int64', shape },
        ],
        [{ dtype, shape, values }],
      );
      const isGreater = (a: number | bigint, b: number | bigint) =>
        a > b || (Number.isNaN(a) && !Number.isNaN(b));
      for (const r of [0, 1]) {
        const row: ArrayLike<number | bigint> = seen.slice(r * length, (r + 1) * length);
        const order = Array.from({ length: row.length }, (_, i) => i).sort((i, j) => {
          const sign = +isGreater(row[i]!, row[j]!) - +isGreater(row[j]!, row[i]!);
          return descending ? -sign : sign;
        });
        expect(Array.from(places!.slice(r * length, (r + 1) * length) as BigInt64Array, Number)).toEqual(
          order,
        );
        const got: ArrayLike<number | bigint> = sorted!.slice(r * length, (r + 1) * length);
        expect(Array.from<number | bigint>(got)).toEqual(order.map((i) => values[r * length + i]));
      }
    }
  });
});

describe('scatter', () => {
  const count = 5000;
  const cells = 37;
  const places = whole(count, cells, 5);
  const index = { dtype: 'int64', shape: [count], values: new BigInt64Array(places.map(BigInt)) } as const;
  const kernel = (combine: 'sum' | 'prod' | 'min' | 'max', dtype: DType): Kernel => ({
    kind: 'scatter',
    dim: 0,
    combine,
    rank: 1,
    dtype,
  });

  it('adds int64 with many equal indices exactly', async () => {
    const values = new BigInt64Array(whole(count, 2 ** 32, 9).map((v) => (BigInt(v) << 30n) - 2n ** 61n));
    const want = new BigInt64Array(cells).fill(3n);
    for (const [i, at] of places.entries()) want[at] += values[i]!;
    const base = new BigInt64Array(cells).fill(3n);
    const out = { dtype: 'int64', shape: [cells], values: base } as const;
    expect(
      (
        await run(
          backends.threads,
          kernel('sum', 'int64'),
          [out],
          [{ dtype: 'int64', shape: [count], values }, index],
        )
      )[0],
    ).toEqual(want);
  });

  it.each(['prod', 'min', 'max'] as const)(
    'combines int64 by %s in the order of the index',
    async (combine) => {
      const values = new BigInt64Array(
        whole(count, 2 ** 32, 9).map((v) => (BigInt(v) << 20n) - 2n ** 50n + 1n),
      );
      const want = new BigInt64Array(cells).fill(5n);
      for (const [i, at] of places.entries()) {
        const [a, b] = [want[at]!, values[i]!];
        want[at] = combine === 'prod' ? a * b : combine === 'min' ? (b < a ? b : a) : b > a ? b : a;
      }
      const base = new BigInt64Array(cells).fill(5n);
      const out = { dtype: 'int64', shape: [cells], values: base } as const;
      expect(
        (
          await run(
            backends.threads,
            kernel(combine, 'int64'),
            [out],
            [{ dtype: 'int64', shape: [count], values }, index],
          )
        )[0],
      ).toEqual(want);
    },
  );

  it('wraps int8 and rounds float16 once', async () => {
    const small = new Int8Array(whole(count, 100, 3));
    const want = new Int8Array(cells);
    for (const [i, at] of places.entries()) want[at] += small[i]!;
    expect(
      (
        await run(
          backends.threads,
          kernel('sum', 'int8'),
          [{ dtype: 'int8', shape: [cells], values: new Int8Array(cells) }],
          [{ dtype: 'int8', shape: [count], values: small }, index],
        )
      )[0],
    ).toEqual(want);

    // 2048 and 1 is 2048 in float16, but 2048 and 1 and 1 is 2050.
    const [half] = await run(
      backends.threads,
      kernel('sum', 'float16'),
      [{ dtype: 'float16', shape: [1], values: encode16(new Float32Array([2048]), 'float16') }],
      [
        { dtype: 'float16', shape: [2], values: encode16(new Float32Array([1, 1]), 'float16') },
        { dtype: 'int64', shape: [2], values: new BigInt64Array(2) },
      ],
    );
    expect(decode16(half as Uint16Array, 'float16')[0]).toBe(2050);
  });

  it.each([1, 64])('adds floats of %i columns per index, which is broadcast', async (columns) => {
    const values = new Float32Array(whole(count * columns, 100, 7));
    const want = new Float32Array(cells * columns);
    for (const [i, at] of places.entries())
      for (let c = 0; c < columns; c++) want[at * columns + c] += values[i * columns + c]!;
    const zeros = new Float32Array(cells * columns);
    const [got] = await run(
      backends.threads,
      { kind: 'scatter', dim: 0, combine: 'sum', rank: 2, dtype: 'float32' },
      [{ dtype: 'float32', shape: [cells, columns], values: zeros }],
      [
        { dtype: 'float32', shape: [count, columns], values },
        { ...index, shape: [count, columns], strides: [1, 0] },
      ],
    );
    expect(got).toEqual(want);
  });

  it.each([
    [1, -1],
    [1, 8],
    [64, -1],
    [64, 8],
  ])('faults for %i columns on index %i, and writes nothing outside', async (columns, wrong) => {
    const b = backends.threads;
    const zeros = new Float32Array(8 * columns);
    await expect(
      run(
        b,
        { kind: 'scatter', dim: 0, combine: 'sum', rank: 2, dtype: 'float32' },
        [{ dtype: 'float32', shape: [8, columns], values: zeros }],
        [
          { dtype: 'float32', shape: [3, columns], values: new Float32Array(3 * columns) },
          {
            dtype: 'int64',
            shape: [3, columns],
            strides: [1, 0],
            values: new BigInt64Array([0n, BigInt(wrong), 7n]),
          },
        ],
      ),
    ).rejects.toThrow(KernelFault);
  });
});

describe('pool', () => {
  it.each([
    [
      [2, 2],
      [2, 2],
      [0, 0],
      [1, 1],
    ],
    [
      [3, 3],
      [2, 2],
      [1, 1],
      [1, 1],
    ],
    [
      [3, 2],
      [1, 2],
      [1, 0],
      [2, 1],
    ],
    [
      [7, 7],
      [3, 3],
      [3, 3],
      [1, 1],
    ],
  ] as const)(
    'takes the maxima of windows %o, stride %o, padding %o, dilation %o',
    async (window, stride, padding, dilation) => {
      const [planes, size] = [9, 61];
      const values = new Float32Array(whole(planes * size * size, 50, 11));
      values[100] = values[9000] = Number.NaN;
      const outSize = window.map(
        (w, d) => Math.floor((size + 2 * padding[d]! - dilation[d]! * (w - 1) - 1) / stride[d]!) + 1,
      );
      const shape = [1, planes, ...outSize];
      const want = new Float32Array(numelOf(shape));
      const wantPlaces: number[] = [];
      let o = 0;
      for (let p = 0; p < planes; p++)
        for (let i = 0; i < outSize[0]!; i++)
          for (let j = 0; j < outSize[1]!; j++) {
            let [best, at] = [Number.NEGATIVE_INFINITY, -1];
            for (let k = 0; k < window[0]; k++)
              for (let l = 0; l < window[1]; l++) {
                const y = i * stride[0] - padding[0] + k * dilation[0];
                const x = j * stride[1] - padding[1] + l * dilation[1];
                if (y < 0 || x < 0 || y >= size || x >= size) continue;
                const v = values[(p * size + y) * size + x]!;
                if (at < 0 || (!Number.isNaN(best) && (v > best || Number.isNaN(v))))
                  [best, at] = [v, y * size + x];
              }
            wantPlaces.push(at);
            want[o++] = best;
          }
      const [maxima, where] = await run(
        backends.threads,
        { kind: 'pool', dims: 2, reduce: 'max', window, stride, padding, dilation, dtype: 'float32' },
        [
          { dtype: 'float32', shape },
          { dtype: 'int64', shape },
        ],
        [{ dtype: 'float32', shape: [1, planes, size, size], values }],
      );
      expect(maxima).toEqual(want);
      expect(Array.from(where as BigInt64Array, Number)).toEqual(wantPlaces);
    },
  );
});
