/**
 * The ways that sizes and layouts choose inside a kernel (vectors and rests, chunks, bands, tiles, blocks, columns),
 * against the reference backend. What kernels mean is tested in conformance.
 */
import type { Backend, DType, Expr, Kernel, View } from '@sconce/core';
import { describe, expect, it } from 'vitest';
import { reference } from '../../backend-reference/src/index.ts';
import { WasmBackend } from '../src/index.ts';

const backends: readonly Backend[] = [reference(), new WasmBackend()];

interface Spec {
  readonly shape: readonly number[];
  readonly dtype?: DType;
  /** Order of the dims in memory, outermost first; 'broadcast' dims have stride 0. */
  readonly order?: readonly number[];
  readonly broadcast?: readonly number[];
  /** Dims that run backwards. */
  readonly reversed?: readonly number[];
  readonly integers?: number;
}

/** Small whole numbers and halves: sums of them are exact, whatever their order. */
const valueAt = (i: number, integers?: number): number =>
  integers ? (i * 7919) % integers : (((i * 2654435761) % 1024) - 512) / 64;

function place(backend: Backend, spec: Spec): View {
  const { shape, dtype = 'float32', broadcast = [], reversed = [] } = spec;
  const order = spec.order ?? shape.map((_, i) => i);
  const strides = shape.map(() => 0);
  let step = 1;
  for (const d of [...order].reverse()) {
    if (broadcast.includes(d)) continue;
    strides[d] = step;
    step *= shape[d]!;
  }
  let offset = 0;
  for (const d of reversed) {
    offset += (shape[d]! - 1) * strides[d]!;
    strides[d] = -strides[d]!;
  }
  const memory = backend.allocate(dtype, step);
  const isInt = dtype.startsWith('int');
  const values = Array.from({ length: step }, (_, i) =>
    valueAt(i, spec.integers ?? (isInt ? 99 : undefined)),
  );
  if (dtype === 'int64') backend.write(memory, 0, new BigInt64Array(values.map(BigInt)));
  else if (dtype === 'float64') backend.write(memory, 0, new Float64Array(values));
  else if (dtype === 'int32') backend.write(memory, 0, new Int32Array(values));
  else backend.write(memory, 0, new Float32Array(values));
  return { memory, dtype, shape, strides, offset };
}

function read(backend: Backend, v: View): number[] {
  let n = v.offset;
  v.shape.forEach((size, d) => {
    n += Math.max(0, (size - 1) * v.strides[d]!);
  });
  const all = backend.readNow!(v.memory, 0, n + 1);
  let places = [v.offset];
  v.shape.forEach((size, d) => {
    places = places.flatMap((p) => Array.from({ length: size }, (_, i) => p + i * v.strides[d]!));
  });
  return places.map((p) => Number(all[p]));
}

function agree(kernel: Kernel, outputs: readonly Spec[], inputs: readonly Spec[], digits?: number): void {
  const [want, got] = backends.map((backend) => {
    const outs = outputs.map((s) => place(backend, s));
    backend.compile(kernel)(
      outs,
      inputs.map((s) => place(backend, s)),
    );
    return outs.map((v) => read(backend, v));
  });
  if (digits === undefined) expect(got).toEqual(want);
  else
    want!.forEach((list, j) => {
      const worst = Math.max(...list.map((w, i) => Math.abs(w - got![j]![i]!) / Math.max(1, Math.abs(w))));
      expect(worst).toBeLessThan(10 ** -digits);
    });
}

const f = 'float32';
const input = (index: number, dtype: DType = f): Expr => ({ op: 'input', index, dtype });
const add = (a: Expr, b: Expr): Expr => ({ op: 'add', args: [a, b], dtype: a.dtype }) as Expr;
const pointwise = (rank: number, expr: Expr = add(input(0), input(1))): Kernel => ({
  kind: 'pointwise',
  exprs: [expr],
  rank,
});

describe('pointwise', () => {
  it.each([1, 3, 4, 5, 8191, 8192, 8193, 20001])('of %i elements', (n) => {
    agree(pointwise(1), [{ shape: [n] }], [{ shape: [n] }, { shape: [n], reversed: [0] }]);
    agree(pointwise(1), [{ shape: [n] }], [{ shape: [n] }, { shape: [n], broadcast: [0] }]);
  });
  it('copies transposed in bands, and the rest of a band', () => {
    for (const [m, n] of [
      [64, 64],
      [37, 53],
      [16, 17],
      [200, 3],
    ] as const)
      agree(pointwise(2, input(0)), [{ shape: [m, n] }], [{ shape: [m, n], order: [1, 0] }]);
  });
  it.each<[DType, number]>([
    ['float32', 1023],
    ['float32', 1024],
    ['float32', 9001],
    ['float64', 511],
    ['float64', 4097],
    ['int32', 1025],
    ['int64', 513],
  ])('copies rows of %s, %i long', (dtype, n) => {
    const rows = { shape: [3, n], dtype };
    agree(pointwise(2, input(0, dtype)), [rows], [{ ...rows, order: [1, 0] }]);
    agree(pointwise(2, input(0, dtype)), [rows], [{ ...rows, reversed: [0] }]);
    agree(pointwise(2, input(0, dtype)), [{ ...rows, reversed: [0] }], [rows]);
    agree(pointwise(2, input(0, dtype)), [rows], [{ ...rows, broadcast: [0] }]);
  });
  it('takes dims in any order, up to rank 8', () => {
    const shape = [2, 3, 2, 1, 3, 2, 2, 3];
    agree(
      pointwise(8),
      [{ shape, order: [3, 1, 0, 2, 7, 6, 4, 5] }],
      [
        { shape, order: [7, 6, 5, 4, 3, 2, 1, 0], reversed: [1, 4] },
        { shape, broadcast: [0, 5] },
      ],
    );
  });
});

describe('reduce', () => {
  const sum = (rank: number, reduced: number, dtype: DType = f): Kernel => ({
    kind: 'reduce',
    folds: [
      { map: input(0, dtype), combine: 'sum' },
      { map: input(0, dtype), combine: 'max' },
    ],
    reduced,
    finish: [input(0, dtype), input(1, dtype)],
    rank,
  });
  it.each([1, 5, 511, 512, 513, 9000])('of rows and columns of %i', (n) => {
    for (const dtype of ['float32', 'float64', 'int32', 'int64'] as const) {
      const outs = [
        { shape: [9], dtype },
        { shape: [9], dtype },
      ];
      agree(sum(1, 1, dtype), outs, [{ shape: [9, n], dtype, integers: 100 }]);
      agree(sum(1, 1, dtype), outs, [{ shape: [9, n], dtype, integers: 100, order: [1, 0] }]);
    }
  });
  it('of wide columns, tile after tile', () => {
    agree(sum(1, 2), [{ shape: [1100] }, { shape: [1100] }], [{ shape: [1100, 7, 11], order: [1, 2, 0] }]);
  });
  it('sums a million float32 as accurately as pairwise', () => {
    const backend = backends[1]!;
    const n = 1 << 20;
    const x = place(backend, { shape: [n] });
    backend.write(x.memory, 0, new Float32Array(n).fill(0.1));
    const out = place(backend, { shape: [] });
    backend.compile({
      kind: 'reduce',
      folds: [{ map: input(0), combine: 'sum' }],
      reduced: 1,
      finish: [input(0)],
      rank: 0,
    })([out], [x]);
    expect(Math.abs(read(backend, out)[0]! / (Math.fround(0.1) * n) - 1)).toBeLessThan(1e-6);
  });
});

describe('matmul', () => {
  const matmul = (dtype: DType = f): Kernel => ({ kind: 'matmul', dtype, accumulate: dtype });
  it.each([
    [1, 1, 1, 1],
    [1, 1, 300, 64],
    [1, 1, 303, 40],
    [1, 3, 129, 33],
    [2, 5, 128, 8],
    [1, 37, 300, 45],
    [1, 250, 17, 520],
  ])('%i x [%i, %i] [%i]', (b, m, k, n) => {
    const isLarge = m * n > 10000;
    const dtypes = isLarge ? (['float32'] as const) : (['float32', 'float64', 'int32', 'int64'] as const);
    for (const dtype of dtypes)
      for (const order of [
        [0, 1, 2],
        [0, 2, 1],
      ])
        agree(
          matmul(dtype),
          [{ shape: [b, m, n], dtype }],
          [
            { shape: [b, m, k], dtype, order: [0, ...order.slice(1).reverse()], integers: 50 },
            { shape: [b, k, n], dtype, order, integers: 50 },
          ],
        );
  });
  it('takes a shared right side as one product', () => {
    agree(
      matmul(),
      [{ shape: [6, 10, 70] }],
      [{ shape: [6, 10, 33] }, { shape: [6, 33, 70], broadcast: [0] }],
    );
  });
});

describe('conv', () => {
  const conv = (
    groups: number,
    [stride, padding, dilation]: readonly [number, number, number],
    transposed = false,
  ): Kernel => ({
    kind: 'conv',
    dims: 2,
    transposed,
    groups,
    stride: [stride, stride],
    padding: [padding, padding],
    dilation: [dilation, dilation],
    dtype: f,
    accumulate: f,
  });
  const size = (n: number, k: number, [s, p, d]: readonly [number, number, number]): number =>
    Math.floor((n + 2 * p - d * (k - 1) - 1) / s) + 1;
  it.each([
    ['dense 3x3', 1, 16, 40, 19, 3, [1, 1, 1]],
    ['deep, of few positions', 3, 64, 20, 7, 3, [1, 1, 1]],
    ['of large maps', 1, 3, 9, 40, 3, [1, 0, 1]],
    ['1x1', 2, 24, 17, 11, 1, [1, 0, 1]],
    ['1x1 with steps', 2, 24, 17, 11, 1, [2, 0, 1]],
    ['dilated', 1, 8, 8, 20, 3, [2, 2, 2]],
  ] as const)('%s', (_, batch, channels, filters, n, k, how) => {
    const o = size(n, k, how);
    agree(
      conv(1, how),
      [{ shape: [batch, filters, o, o] }],
      [{ shape: [batch, channels, n, n] }, { shape: [filters, channels, k, k] }],
      5,
    );
    agree(
      conv(1, how),
      [{ shape: [batch, filters, o, o], order: [0, 2, 3, 1] }],
      [{ shape: [batch, channels, n, n], order: [0, 2, 3, 1] }, { shape: [filters, channels, k, k] }],
      5,
    );
  });
  it.each([4, 5, 7, 13, 16])('depthwise with rows of %i', (n) => {
    for (const how of [
      [1, 1, 1],
      [2, 1, 1],
      [1, 2, 2],
      [1, 0, 1],
    ] as const) {
      const o = size(n, 3, how);
      if (o > 0)
        agree(conv(6, how), [{ shape: [2, 6, o, o] }], [{ shape: [2, 6, n, n] }, { shape: [6, 1, 3, 3] }], 5);
    }
  });
  it('transposed, in groups', () => {
    agree(
      conv(2, [2, 1, 1], true),
      [{ shape: [2, 6, 13, 13] }],
      [{ shape: [2, 4, 7, 7] }, { shape: [4, 3, 3, 3] }],
      5,
    );
  });
});

describe('pool', () => {
  it.each([4, 7, 9, 12])('by rows of %i', (o) => {
    for (const reduce of ['max', 'sum'] as const)
      for (const stride of [1, 2])
        for (const padding of [0, 1]) {
          const n = (o - 1) * stride + 3 - 2 * padding;
          const values = { shape: [2, 3, o, o] };
          const kernel: Kernel = {
            kind: 'pool',
            dims: 2,
            reduce,
            window: [3, 3],
            stride: [stride, stride],
            padding: [padding, padding],
            dilation: [1, 1],
            dtype: f,
          };
          agree(kernel, [values], [{ shape: [2, 3, n, n] }]);
          // Few different values, so that the first of equals matters.
          const positions = { shape: [2, 3, o, o], dtype: 'int64' as const };
          if (reduce === 'max') agree(kernel, [values, positions], [{ shape: [2, 3, n, n], integers: 5 }]);
        }
  });
});

describe('sort', () => {
  it.each([1, 2, 3, 100, 5000])('is stable over %i', (n) => {
    for (const dtype of ['float32', 'float64', 'int64'] as const)
      for (const descending of [false, true])
        agree(
          { kind: 'sort', descending, rank: 2, dtype },
          [
            { shape: [2, n], dtype },
            { shape: [2, n], dtype: 'int64' },
          ],
          [{ shape: [2, n], dtype, integers: 17 }],
        );
  });
});
