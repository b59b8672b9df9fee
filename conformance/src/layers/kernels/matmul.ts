/** `matmul`: odd sizes, layouts, repeated batches, integers, 16-bit floats, finishes. */
import { type ComputeType, computeType, type DType } from '@sconce/core';
import type { Case, LayerContext } from '../../case.ts';
import { isFloatDType, type Num, toDType } from '../../numbers.ts';
import { apply, cast, input, scalar } from './build.ts';
import { kernelCase, type Trial } from './kernel-case.ts';
import { type LayoutName, layouts } from './place.ts';
import { someValues } from './values.ts';

type Sizes = readonly [batch: number, m: number, k: number, n: number];

export interface Product {
  readonly a: readonly Num[];
  readonly b: readonly Num[];
  /** Exact for integers, in double for floats; before any rounding. */
  readonly sums: readonly Num[];
}

function product(dtype: DType, [batch, m, k, n]: Sizes, batchesOfB = batch): Product {
  const a = someValues(dtype, batch * m * k, 41);
  const oneB = someValues(dtype, batchesOfB * k * n, 42);
  const b = Array.from({ length: batch * k * n }, (_, i) => oneB[i % oneB.length]);
  const sums: Num[] = [];
  const isFloat = isFloatDType(dtype);
  for (let i = 0; i < batch; i++)
    for (let row = 0; row < m; row++)
      for (let column = 0; column < n; column++) {
        let float = 0;
        let integer = 0n;
        for (let j = 0; j < k; j++) {
          const [x, y] = [a[(i * m + row) * k + j], b[(i * k + j) * n + column]];
          if (isFloat) float += Number(x) * Number(y);
          else integer += BigInt(x) * BigInt(y);
        }
        sums.push(isFloat ? float : integer);
      }
  return { a, b, sums };
}

interface Options {
  readonly a?: LayoutName;
  readonly b?: LayoutName;
  readonly out?: LayoutName;
  readonly repeatB?: boolean;
}

function trial(dtype: DType, sizes: Sizes, options: Options = {}): Trial {
  const [batch, m, k, n] = sizes;
  const { a, b, sums } = product(dtype, sizes, options.repeatB ? 1 : batch);
  return {
    kernel: { kind: 'matmul', dtype, accumulate: computeType(dtype) },
    inputs: [
      { dtype, shape: [batch, m, k], values: a, layout: options.a },
      {
        dtype,
        shape: [batch, k, n],
        values: b,
        layout: options.b,
        ...(options.repeatB && { repeated: [0] }),
      },
    ],
    outputs: [{ dtype, shape: [batch, m, n], layout: options.out, want: sums.map((v) => toDType(v, dtype)) }],
    accuracy: 'close',
    folded: k,
  };
}

export function* matmulCases({ backend }: LayerContext): Generator<Case> {
  const make = (params: Record<string, string | number>, build: () => Trial, fullOnly = false) =>
    kernelCase(backend, 'matmul', params, build, fullOnly);
  const sizesOf = (sizes: Sizes) => sizes.join('x');

  const shapes: Sizes[] = [
    [1, 1, 1, 1],
    [1, 3, 4, 5],
    [2, 3, 4, 5],
    [1, 1, 17, 1],
    [1, 1, 8, 33],
    [1, 33, 8, 1],
    [1, 7, 1, 9],
    [3, 5, 16, 7],
    [1, 4, 4, 4],
    [1, 8, 8, 8],
    [1, 16, 16, 16],
    [1, 17, 17, 17],
    [1, 31, 33, 35],
    [1, 64, 64, 64],
    [1, 65, 63, 67],
    [5, 9, 13, 11],
    [0, 3, 4, 5],
    [2, 0, 4, 5],
    [2, 3, 4, 0],
    [2, 3, 0, 5],
  ];
  for (const sizes of shapes)
    for (const dtype of ['float32', 'float64', 'int64'] as const)
      yield make(
        { dtype, size: sizesOf(sizes) },
        () => trial(dtype, sizes),
        dtype !== 'float32' && sizes[1] > 20,
      );
  for (const sizes of [
    [1, 130, 129, 131],
    [1, 1, 1025, 70],
    [1, 257, 300, 3],
    [2, 96, 512, 64],
  ] as Sizes[])
    yield make({ dtype: 'float32', size: sizesOf(sizes) }, () => trial('float32', sizes));
  for (const dtype of [
    'uint8',
    'int8',
    'int16',
    'int32',
    'int64',
    'float16',
    'bfloat16',
    'float32',
    'float64',
  ] as const) {
    yield make({ dtype, size: '2x6x19x10' }, () => trial(dtype, [2, 6, 19, 10]));
    yield make({ dtype, repeated: 'b' }, () => trial(dtype, [4, 3, 7, 5], { repeatB: true }));
  }
  for (const dtype of ['float32', 'int32'] as const)
    for (const a of layouts)
      for (const b of layouts)
        for (const out of layouts)
          yield make(
            { dtype, a, b, out },
            () => trial(dtype, [2, 9, 11, 10], { a, b, out }),
            out !== 'contiguous' && a !== b,
          );
  for (const [a, b] of [
    ['transposed', 'contiguous'],
    ['contiguous', 'transposed'],
    ['transposed', 'transposed'],
  ] as const)
    yield make({ dtype: 'float32', a, b, size: '1x70x90x80' }, () =>
      trial('float32', [1, 70, 90, 80], { a, b }),
    );
  for (const dtype of ['int32', 'int64'] as const)
    yield make({ dtype, values: 'overflow' }, () => overflow(dtype));
  yield make({ dtype: 'float16', values: 'overflow-inside' }, widerThanFloat16);
  for (const dtype of ['float32', 'float64', 'float16', 'int32'] as const)
    for (const out of ['contiguous', 'transposed'] as const)
      yield make({ dtype, finish: 'bias', out }, () => biasTrial(dtype, out));
  yield make({ dtype: 'float32', finish: 'scaled' }, scaledTrial);
  yield make({ dtype: 'float32', values: 'nan' }, nanTrial);
}

function overflow(dtype: 'int32' | 'int64'): Trial {
  const large =
    dtype === 'int32' ? [65537, -65539, 2147483647] : [2n ** 33n + 1n, -(2n ** 35n) - 3n, 2n ** 63n - 1n];
  const a = [...large, ...large].reverse() as Num[];
  const b = [...large, ...large] as Num[];
  const sums = [0, 1].flatMap((row) =>
    [0, 1].map((column) =>
      [0, 1, 2].reduce((sum, k) => sum + BigInt(a[row * 3 + k]) * BigInt(b[k * 2 + column]), 0n),
    ),
  );
  return {
    kernel: { kind: 'matmul', dtype, accumulate: dtype },
    inputs: [
      { dtype, shape: [1, 2, 3], values: a },
      { dtype, shape: [1, 3, 2], values: b },
    ],
    outputs: [{ dtype, shape: [1, 2, 2], want: sums.map((v) => toDType(v, dtype)) }],
  };
}

/** 60000 + 60000 - 60000: no infinity, when float32 adds up. */
const widerThanFloat16 = (): Trial => ({
  kernel: { kind: 'matmul', dtype: 'float16', accumulate: 'float32' },
  inputs: [
    { dtype: 'float16', shape: [1, 1, 3], values: [200, 200, -200] },
    { dtype: 'float16', shape: [1, 3, 1], values: [300, 300, 300] },
  ],
  outputs: [{ dtype: 'float16', shape: [1, 1, 1], want: [toDType(60000, 'float16')] }],
  accuracy: 'close',
});

/** max(sum + bias, 0), the bias repeated along the rows: a linear layer with its activation. */
function biasTrial(dtype: DType, out: LayoutName): Trial {
  const sizes: Sizes = [2, 5, 18, 7];
  const { a, b, sums } = product(dtype, sizes);
  const bias = someValues(dtype, 7, 43);
  const type = computeType(dtype) as ComputeType;
  const sum = apply('add', type, input(0, type), cast(input(1, dtype), type));
  const zero = { op: 'const', value: 0, dtype: type } as const;
  const want = sums.map((v, i) => {
    const total = Number(v) + Number(bias[i % 7]);
    return toDType(total > 0 ? total : 0, dtype);
  });
  return {
    kernel: { kind: 'matmul', dtype, accumulate: type, finish: cast(apply('max', type, sum, zero), dtype) },
    inputs: [
      { dtype, shape: [2, 5, 18], values: a },
      { dtype, shape: [2, 18, 7], values: b },
      {
        dtype,
        shape: [2, 5, 7],
        values: Array.from({ length: 70 }, (_, i) => bias[i % 7]),
        repeated: [0, 1],
      },
    ],
    outputs: [{ dtype, shape: [2, 5, 7], layout: out, want }],
    accuracy: 'close',
    folded: 18,
  };
}

/** alpha * sum + beta * input, with scalars: addmm, in place on its input. */
function scaledTrial(): Trial {
  const sizes: Sizes = [1, 6, 9, 8];
  const { a, b, sums } = product('float32', sizes);
  const base = someValues('float32', 48, 44) as number[];
  const f = 'float32';
  const finish = apply(
    'add',
    f,
    apply('mul', f, input(0, f), scalar(0, f)),
    apply('mul', f, input(1, f), scalar(1, f)),
  );
  return {
    kernel: { kind: 'matmul', dtype: f, accumulate: f, finish },
    inputs: [
      { dtype: f, shape: [1, 6, 9], values: a },
      { dtype: f, shape: [1, 9, 8], values: b },
      { dtype: f, shape: [1, 6, 8], values: base },
    ],
    outputs: [
      { dtype: f, shape: [1, 6, 8], want: sums.map((v, i) => Number(v) * 0.5 + base[i] * 3), sameAs: 2 },
    ],
    scalars: [0.5, 3],
    accuracy: 'close',
    folded: 9,
  };
}

/** A NaN or an infinity reaches its own row and column only, and 0 times it is NaN. */
function nanTrial(): Trial {
  const f = 'float32';
  return {
    kernel: { kind: 'matmul', dtype: f, accumulate: f },
    inputs: [
      { dtype: f, shape: [1, 3, 2], values: [1, 2, NaN, 0, 0, Infinity] },
      { dtype: f, shape: [1, 2, 3], values: [0, 1, 2, 3, 0, -1] },
    ],
    outputs: [{ dtype: f, shape: [1, 3, 3], want: [6, 1, 0, NaN, NaN, NaN, Infinity, NaN, -Infinity] }],
    accuracy: 'close',
  };
}
