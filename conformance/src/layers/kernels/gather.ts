/** `gather` and `scatter`: dims, dtypes, layouts, tables larger than the index, every combine, NaN, indices out of range. */
import type { DType, ScatterCombine } from '@sconce/core';
import type { Case, LayerContext } from '../../case.ts';
import { generator, isFloatDType, type Num } from '../../numbers.ts';
import { kernelCase, type Trial } from './kernel-case.ts';
import { indices, type LayoutName, layouts } from './place.ts';
import { foldOf } from './reduce.ts';
import { someValues } from './values.ts';

const sizeOf = (shape: readonly number[]) => shape.reduce((n, size) => n * size, 1);
const flat = (at: readonly number[], shape: readonly number[]) =>
  at.reduce((sum, i, d) => sum * shape[d] + i, 0);

function someIndices(count: number, size: number, seed: number): bigint[] {
  const next = generator(seed);
  return Array.from({ length: count }, () => BigInt(Math.floor(next() * size)));
}

/** The element of the indexed side that each element of the index names. */
const named = (
  shape: readonly number[],
  indexShape: readonly number[],
  dim: number,
  index: readonly bigint[],
) =>
  indices(indexShape).map((at, i) =>
    flat(
      at.map((c, d) => (d === dim ? Number(index[i]) : c)),
      shape,
    ),
  );

interface Options {
  readonly dtype?: DType;
  readonly shape: readonly number[];
  readonly indexShape: readonly number[];
  readonly dim: number;
  readonly layout?: { x?: LayoutName; index?: LayoutName; out?: LayoutName };
  readonly index?: readonly bigint[];
}

function gatherTrial({ dtype = 'float32', shape, indexShape, dim, layout = {}, ...options }: Options): Trial {
  const x = someValues(dtype, sizeOf(shape), 71);
  const index = options.index ?? someIndices(sizeOf(indexShape), shape[dim], 72);
  const isFault = index.some((i) => i < 0n || i >= shape[dim]);
  return {
    kernel: { kind: 'gather', dim, rank: shape.length, dtype },
    inputs: [
      { dtype, shape, values: x, layout: layout.x },
      { dtype: 'int64', shape: indexShape, values: index, layout: layout.index },
    ],
    outputs: [
      {
        dtype,
        shape: indexShape,
        layout: layout.out,
        want: isFault ? [] : named(shape, indexShape, dim, index).map((at) => x[at]),
      },
    ],
    ...(isFault && { fault: 'index' as const }),
    accuracy: 'signed',
  };
}

/** A table of rows, read through an index that is repeated along them: `index_select` and `embedding`. */
function rowsTrial(dtype: DType, count: number, table: readonly [number, number]): Trial {
  const [size, width] = table;
  const x = someValues(dtype, size * width, 73);
  const wanted = someIndices(count, size, 74);
  return {
    kernel: { kind: 'gather', dim: 0, rank: 2, dtype },
    inputs: [
      { dtype, shape: [size, width], values: x },
      {
        dtype: 'int64',
        shape: [count, width],
        values: wanted.flatMap((i) => new Array(width).fill(i)),
        repeated: [1],
      },
    ],
    outputs: [
      {
        dtype,
        shape: [count, width],
        want: wanted.flatMap((i) => x.slice(Number(i) * width, (Number(i) + 1) * width)),
      },
    ],
  };
}

/** One row of values behind every row of the index. */
function broadcastTrial(): Trial {
  const x = someValues('float32', 7, 75);
  const index = someIndices(4 * 5, 7, 76);
  return {
    kernel: { kind: 'gather', dim: 1, rank: 2, dtype: 'float32' },
    inputs: [
      { dtype: 'float32', shape: [4, 7], values: [...x, ...x, ...x, ...x], repeated: [0] },
      { dtype: 'int64', shape: [4, 5], values: index },
    ],
    outputs: [{ dtype: 'float32', shape: [4, 5], want: index.map((i) => x[Number(i)]) }],
  };
}

function scatterTrial(
  combine: ScatterCombine,
  { dtype = 'float32', shape, indexShape, dim, layout = {}, ...options }: Options,
): Trial {
  const base = someValues(dtype, sizeOf(shape), 77);
  const x = someValues(dtype, sizeOf(indexShape), 78);
  const index =
    options.index ??
    (combine === 'set' ? distinct(shape, indexShape, dim) : someIndices(sizeOf(indexShape), shape[dim], 79));
  const isFault = index.some((i) => i < 0n || i >= shape[dim]);
  const want: (Num | null)[] = [...base];
  if (!isFault) {
    const groups = new Map<number, Num[]>();
    for (const [i, at] of named(shape, indexShape, dim, index).entries())
      groups.set(at, [...(groups.get(at) ?? []), x[i]]);
    for (const [at, list] of groups)
      want[at] =
        combine === 'set'
          ? list.length === 1
            ? list[0]
            : null
          : foldOf(combine, [base[at], ...list], dtype);
  }
  return {
    kernel: { kind: 'scatter', dim, combine, rank: shape.length, dtype },
    inputs: [
      { dtype, shape: indexShape, values: x, layout: layout.x },
      { dtype: 'int64', shape: indexShape, values: index, layout: layout.index },
    ],
    outputs: [{ dtype, shape, layout: layout.out, base, want: isFault ? [] : want }],
    ...(isFault && { fault: 'index' as const }),
    accuracy: combine === 'sum' || combine === 'prod' ? 'close' : 'exact',
    folded: isFloatDType(dtype) ? indexShape[dim] : 1,
  };
}

/** An index in which no two elements name the same place: a rotation along the dim. */
const distinct = (shape: readonly number[], indexShape: readonly number[], dim: number): bigint[] =>
  indices(indexShape).map((at) => BigInt((at[dim] * (shape[dim] > 2 ? shape[dim] - 1 : 1) + 1) % shape[dim]));

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
const shapes: readonly Options[] = [
  { shape: [9], indexShape: [5], dim: 0 },
  { shape: [4, 6], indexShape: [4, 3], dim: 1 },
  { shape: [4, 6], indexShape: [2, 6], dim: 0 },
  { shape: [3, 5, 4], indexShape: [2, 3, 4], dim: 1 },
  { shape: [3, 5, 4], indexShape: [2, 5, 3], dim: 0 },
  { shape: [2, 3, 4, 5], indexShape: [2, 3, 4, 2], dim: 3 },
  { shape: [5, 4], indexShape: [0, 4], dim: 0 },
];
/** Before the first, past the last, far past, and where only one of many is wrong. */
const badIndices: Record<string, readonly bigint[]> = {
  negative: [0n, 1n, -1n, 2n],
  size: [0n, 1n, 2n, 6n],
  huge: [0n, 2n ** 40n, 1n, 2n],
  'huge-negative': [0n, 1n, -(2n ** 63n), 2n],
  last: [...new Array<bigint>(60).fill(0n), 0n, 0n, 0n, 6n],
};

export function* gatherCases({ backend }: LayerContext): Generator<Case> {
  const make = (params: Record<string, string | number>, build: () => Trial, fullOnly = false) =>
    kernelCase(backend, 'gather', params, build, fullOnly);
  for (const dtype of allDTypes)
    for (const [i, options] of shapes.entries())
      yield make({ dtype, case: i }, () => gatherTrial({ ...options, dtype }), i > 1 && dtype !== 'float32');
  for (const layout of layouts)
    for (const side of ['x', 'index', 'out'] as const)
      for (const dim of [0, 1, 2])
        yield make({ [side]: layout, dim }, () =>
          gatherTrial({ shape: [4, 5, 6], indexShape: [3, 4, 5], dim, layout: { [side]: layout } }),
        );
  for (const dtype of ['float32', 'float16', 'int64'] as const)
    yield make({ dtype, case: 'rows' }, () => rowsTrial(dtype, 11, [17, 9]));
  yield make({ dtype: 'float32', case: 'many-rows' }, () => rowsTrial('float32', 200, [1000, 64]));
  yield make({ case: 'repeated' }, broadcastTrial);
  for (const [name, index] of Object.entries(badIndices))
    yield make({ fault: name }, () => gatherTrial({ shape: [6], indexShape: [index.length], dim: 0, index }));
  yield make({ fault: 'size', dim: 1 }, () =>
    gatherTrial({ shape: [2, 3], indexShape: [2, 2], dim: 1, index: [0n, 1n, 2n, 3n] }),
  );
  yield make({ fault: 'empty' }, () => gatherTrial({ shape: [0], indexShape: [1], dim: 0, index: [0n] }));
}

export function* scatterCases({ backend }: LayerContext): Generator<Case> {
  for (const combine of ['set', 'sum', 'prod', 'min', 'max'] as const) {
    const make = (params: Record<string, string | number>, build: () => Trial, fullOnly = false) =>
      kernelCase(backend, `scatter.${combine}`, params, build, fullOnly);
    for (const dtype of allDTypes) {
      if (dtype === 'bool' && combine !== 'set') continue;
      for (const [i, options] of shapes.entries())
        yield make(
          { dtype, case: i },
          () => scatterTrial(combine, { ...options, dtype }),
          i > 1 && dtype !== 'float32',
        );
    }
    for (const layout of layouts)
      for (const side of ['x', 'index', 'out'] as const)
        for (const dim of [0, 1, 2])
          yield make({ [side]: layout, dim }, () =>
            scatterTrial(combine, {
              shape: [4, 5, 6],
              indexShape: [3, 4, 5],
              dim,
              layout: { [side]: layout },
            }),
          );
    for (const [name, index] of Object.entries(badIndices))
      yield make({ fault: name }, () =>
        scatterTrial(combine, { shape: [6], indexShape: [index.length], dim: 0, index }),
      );
    yield make({ case: 'one-place' }, () =>
      scatterTrial(combine, { shape: [3], indexShape: [64], dim: 0, index: new Array<bigint>(64).fill(1n) }),
    );
  }
  for (const combine of ['min', 'max', 'sum'] as const)
    yield kernelCase(backend, `scatter.${combine}`, { values: 'nan' }, () => nanTrial(combine));
}

function nanTrial(combine: 'min' | 'max' | 'sum'): Trial {
  const base = [1, NaN, 3, -Infinity];
  const x = [NaN, 2, 5, 4, Infinity];
  const index = [0n, 1n, 2n, 2n, 3n];
  const want = base.map((b, at) =>
    foldOf(combine, [b, ...x.filter((_, i) => Number(index[i]) === at)], 'float32'),
  );
  return {
    kernel: { kind: 'scatter', dim: 0, combine, rank: 1, dtype: 'float32' },
    inputs: [
      { dtype: 'float32', shape: [5], values: x },
      { dtype: 'int64', shape: [5], values: index },
    ],
    outputs: [{ dtype: 'float32', shape: [4], base, want }],
    accuracy: 'exact',
  };
}
