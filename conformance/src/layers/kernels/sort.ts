/** `sort` and `scan`: both directions and every combine, stability, NaN, extremes, lengths, layouts. */
import type { DType, ScanCombine } from '@sconce/core';
import type { Case, LayerContext } from '../../case.ts';
import { isFloatDType, type Num, toDType } from '../../numbers.ts';
import { kernelCase, type Trial } from './kernel-case.ts';
import { type LayoutName, layouts } from './place.ts';
import { foldOf } from './reduce.ts';
import { someValues } from './values.ts';

const sizeOf = (shape: readonly number[]) => shape.reduce((n, size) => n * size, 1);
const allDTypes: DType[] = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'int32',
  'int64',
  'float16',
  'bfloat16',
  'float32',
  'float64',
];

interface Options {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values?: readonly Num[];
  readonly from?: LayoutName;
  readonly to?: LayoutName;
}

const rowsOf = (values: readonly Num[], length: number): Num[][] =>
  length === 0
    ? []
    : Array.from({ length: values.length / length }, (_, i) => values.slice(i * length, (i + 1) * length));

/** Few different values, so that there are ties, where stability shows. */
const tiedValues = (dtype: DType, count: number): Num[] =>
  someValues(dtype, count, 81).map((v) =>
    dtype === 'bool' || typeof v === 'bigint' ? v : toDType(Math.round(Number(v)), dtype),
  );

/** Insertion: each element goes before the first that must come after it. */
function insertionSort(row: readonly Num[], descending: boolean): number[] {
  const rank = (v: Num) => (typeof v === 'number' && Number.isNaN(v) ? 1 : 0);
  const isBefore = (a: Num, b: Num) => {
    const [x, y] = descending ? [b, a] : [a, b];
    return rank(x) < rank(y) || (rank(x) === rank(y) && rank(x) === 0 && x < y);
  };
  const order: number[] = [];
  for (const i of row.keys()) {
    const at = order.findIndex((j) => isBefore(row[i], row[j]));
    order.splice(at < 0 ? order.length : at, 0, i);
  }
  return order;
}

function sortTrial(descending: boolean, { dtype, shape, from, to, ...options }: Options): Trial {
  const length = shape[shape.length - 1];
  const values = options.values ?? tiedValues(dtype, sizeOf(shape));
  const rows = rowsOf(values, length);
  const orders = rows.map((row) => insertionSort(row, descending));
  return {
    kernel: { kind: 'sort', descending, rank: shape.length, dtype },
    inputs: [{ dtype, shape, values, layout: from }],
    outputs: [
      { dtype, shape, layout: to, want: orders.flatMap((order, r) => order.map((i) => rows[r][i])) },
      { dtype: 'int64', shape, layout: to, want: orders.flatMap((order) => order.map(BigInt)) },
    ],
    accuracy: 'exact',
  };
}

export function* sortCases({ backend }: LayerContext): Generator<Case> {
  for (const descending of [false, true]) {
    const make = (params: Record<string, string | number>, build: () => Trial, fullOnly = false) =>
      kernelCase(backend, descending ? 'sort.descending' : 'sort', params, build, fullOnly);
    for (const dtype of allDTypes)
      for (const shape of [[7], [3, 17], [2, 3, 5], [4, 1], [0, 3], [3, 0]])
        yield make({ dtype, shape: `[${shape}]` }, () => sortTrial(descending, { dtype, shape }));
    for (const length of [2, 4, 8, 9, 16, 31, 64, 100, 300])
      yield make({ dtype: 'float32', length }, () =>
        sortTrial(descending, { dtype: 'float32', shape: [2, length] }),
      );
    for (const from of layouts)
      for (const to of layouts)
        yield make(
          { from, to },
          () => sortTrial(descending, { dtype: 'float32', shape: [3, 4, 9], from, to }),
          from !== to,
        );
    for (const dtype of ['float32', 'float64', 'float16', 'bfloat16'] as const)
      yield make({ dtype, values: 'nan' }, () =>
        sortTrial(descending, {
          dtype,
          shape: [2, 9],
          values: [3, NaN, -1, Infinity, NaN, 0, -Infinity, 2, NaN, NaN, NaN, 1, NaN, 1, NaN, 1, NaN, NaN],
        }),
      );
    yield make({ dtype: 'float32', values: 'zeros' }, () =>
      sortTrial(descending, { dtype: 'float32', shape: [6], values: [0, -0, 1, -0, 0, -1] }),
    );
    yield make({ dtype: 'float32', values: 'same' }, () =>
      sortTrial(descending, { dtype: 'float32', shape: [200], values: new Array(200).fill(1.5) }),
    );
    yield make({ dtype: 'int64', values: 'extremes' }, () =>
      sortTrial(descending, {
        dtype: 'int64',
        shape: [7],
        values: [2n ** 53n + 1n, 2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n, 0n, 2n ** 53n + 2n, 2n ** 53n],
      }),
    );
    yield make({ dtype: 'uint8', values: 'extremes' }, () =>
      sortTrial(descending, { dtype: 'uint8', shape: [5], values: [255, 128, 0, 127, 1] }),
    );
    yield make({ alias: 'yes' }, () => {
      const trial = sortTrial(descending, { dtype: 'float32', shape: [3, 9] });
      return { ...trial, outputs: [{ ...trial.outputs[0], sameAs: 0 }, trial.outputs[1]] };
    });
  }
}

function scanTrial(combine: ScanCombine, { dtype, shape, from, to, ...options }: Options): Trial {
  const length = shape[shape.length - 1];
  const values = options.values ?? someValues(dtype, sizeOf(shape), 82);
  const upTo = (row: readonly Num[]): Num => {
    if (combine !== 'logaddexp') return foldOf(combine, row, dtype);
    const numbers = row.map(Number);
    const largest = foldOf('max', row, dtype) as number;
    if (!Number.isFinite(largest)) return largest;
    return toDType(largest + Math.log(numbers.reduce((sum, v) => sum + Math.exp(v - largest), 0)), dtype);
  };
  const want = rowsOf(values, length).flatMap((row) => row.map((_, i) => upTo(row.slice(0, i + 1))));
  return {
    kernel: { kind: 'scan', combine, rank: shape.length, dtype },
    inputs: [{ dtype, shape, values, layout: from }],
    outputs: [{ dtype, shape, layout: to, want }],
    accuracy: combine === 'min' || combine === 'max' ? 'exact' : 'close',
    folded: length,
  };
}

export function* scanCases({ backend }: LayerContext): Generator<Case> {
  for (const combine of ['sum', 'prod', 'min', 'max', 'logaddexp'] as const) {
    const make = (params: Record<string, string | number>, build: () => Trial, fullOnly = false) =>
      kernelCase(backend, `scan.${combine}`, params, build, fullOnly);
    for (const dtype of allDTypes) {
      if (
        combine === 'logaddexp'
          ? !isFloatDType(dtype)
          : dtype === 'bool' && combine !== 'min' && combine !== 'max'
      )
        continue;
      for (const shape of [[7], [3, 17], [2, 3, 5], [4, 1], [0, 3], [3, 0]])
        yield make({ dtype, shape: `[${shape}]` }, () => scanTrial(combine, { dtype, shape }));
    }
    for (const length of [64, 100, 300])
      yield make({ dtype: 'float32', length }, () =>
        scanTrial(combine, { dtype: 'float32', shape: [2, length] }),
      );
    for (const from of layouts)
      for (const to of layouts)
        yield make(
          { from, to },
          () => scanTrial(combine, { dtype: 'float32', shape: [3, 4, 9], from, to }),
          from !== to,
        );
    yield make({ dtype: 'float32', values: 'nan' }, () =>
      scanTrial(combine, {
        dtype: 'float32',
        shape: [3, 5],
        values: [1, 2, NaN, 3, 0, NaN, 1, 2, 3, 4, 5, 4, 3, 2, NaN],
      }),
    );
    yield make({ dtype: 'float32', values: 'infinite' }, () =>
      scanTrial(combine, {
        dtype: 'float32',
        shape: [3, 3],
        values: [-Infinity, 1, 2, Infinity, 1, 2, -Infinity, -Infinity, 0],
      }),
    );
    yield make({ alias: 'yes' }, () => {
      const trial = scanTrial(combine, { dtype: 'float32', shape: [3, 9] });
      return { ...trial, outputs: [{ ...trial.outputs[0], sameAs: 0 }] };
    });
  }
  for (const combine of ['sum', 'prod'] as const)
    for (const dtype of ['int32', 'int64', 'int8', 'uint8'] as const)
      yield kernelCase(backend, `scan.${combine}`, { dtype, values: 'overflow' }, () =>
        scanTrial(combine, {
          dtype,
          shape: [6],
          values:
            dtype === 'int64'
              ? [2n ** 62n + 3n, 2n ** 62n + 1n, 5n, -9n, 2n ** 40n, 7n]
              : dtype === 'int32'
                ? [2147483000, 70000, 5, -9, 65537, 7]
                : [100, 60, 5, 99, 11, 7],
        }),
      );
}
