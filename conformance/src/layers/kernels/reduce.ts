/** `reduce`: every combine in every dtype, several folds at once, finishes with inputs, NaN, ties, empties, layouts, sizes. */
import {
  type Combine,
  type ComputeType,
  computeType,
  type DType,
  type Expr,
  type ReduceKernel,
} from '@sconce/core';
import type { Case, LayerContext } from '../../case.ts';
import { isFloatDType, type Num, toDType } from '../../numbers.ts';
import { apply, cast, constant, coord, input, scalar } from './build.ts';
import { kernelCase, type Trial } from './kernel-case.ts';
import { type LayoutName, layouts } from './place.ts';
import { someValues } from './values.ts';

const combines: Combine[] = ['sum', 'prod', 'min', 'max', 'any', 'all', 'argmin', 'argmax'];

const isArg = (combine: Combine) => combine === 'argmin' || combine === 'argmax';

/** The fold of a list, as a person would write it down. */
export function foldOf(combine: Combine, list: readonly Num[], dtype: DType): Num {
  const isNaNAt = list.findIndex((x) => typeof x === 'number' && Number.isNaN(x));
  const extreme = (sign: number): number =>
    list.reduce((best: number, x, i) => ((sign > 0 ? x > list[best] : x < list[best]) ? i : best), 0);
  switch (combine) {
    case 'sum':
      return isFloatDType(dtype)
        ? toDType(
            list.reduce((sum: number, x) => sum + Number(x), 0),
            dtype,
          )
        : toDType(
            list.reduce((sum: bigint, x) => sum + BigInt(x), 0n),
            dtype,
          );
    case 'prod':
      return isFloatDType(dtype)
        ? toDType(
            list.reduce((product: number, x) => product * Number(x), 1),
            dtype,
          )
        : toDType(
            list.reduce((product: bigint, x) => product * BigInt(x), 1n),
            dtype,
          );
    case 'min':
      return isNaNAt >= 0 ? NaN : list[extreme(-1)];
    case 'max':
      return isNaNAt >= 0 ? NaN : list[extreme(1)];
    case 'any':
      return list.some((x) => x !== 0) ? 1 : 0;
    case 'all':
      return list.every((x) => x !== 0) ? 1 : 0;
    case 'argmin':
      return BigInt(isNaNAt >= 0 ? isNaNAt : extreme(-1));
    case 'argmax':
      return BigInt(isNaNAt >= 0 ? isNaNAt : extreme(1));
  }
}

const resultType = (combine: Combine, type: ComputeType): ComputeType => (isArg(combine) ? 'int64' : type);

const sizeOf = (shape: readonly number[]) => shape.reduce((n, size) => n * size, 1);

/** Cuts a row-major list into its rows of `length`. */
const rows = <T>(list: readonly T[], length: number, count: number = list.length / length): T[][] =>
  Array.from({ length: count }, (_, i) => list.slice(i * length, (i + 1) * length));

interface Options {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly reduced: number;
  readonly from?: LayoutName;
  readonly to?: LayoutName;
  readonly values?: readonly Num[];
}

/** One fold, without more: cast in, fold, cast out. */
function foldTrial(combine: Combine, options: Options): Trial {
  const { dtype, shape, reduced, from, to } = options;
  const type = combine === 'any' || combine === 'all' ? 'bool' : computeType(dtype);
  const outType = isArg(combine) ? 'int64' : combine === 'any' || combine === 'all' ? 'bool' : dtype;
  const outer = shape.slice(0, shape.length - reduced);
  const length = sizeOf(shape.slice(shape.length - reduced));
  const values = options.values ?? someValues(dtype, sizeOf(shape), 21);
  const mapped = values.map((x) => toDType(x, type));
  const want = rows(mapped, length, sizeOf(outer)).map((row) => toDType(foldOf(combine, row, type), outType));
  return {
    kernel: {
      kind: 'reduce',
      rank: outer.length,
      reduced,
      folds: [{ map: cast(input(0, dtype), type), combine }],
      finish: [cast(input(0, resultType(combine, type)), outType)],
    },
    inputs: [{ dtype, shape, values, layout: from }],
    outputs: [{ dtype: outType, shape: outer, layout: to, want }],
    accuracy: combine === 'sum' || combine === 'prod' ? 'close' : 'exact',
    folded: length,
  };
}

export function* reduceCases({ backend }: LayerContext): Generator<Case> {
  const make = (
    name: string,
    params: Record<string, string | number>,
    build: () => Trial,
    fullOnly = false,
  ) => kernelCase(backend, `reduce.${name}`, params, build, fullOnly);

  const dtypesOf = (combine: Combine): DType[] => [
    'uint8',
    'int8',
    'int16',
    'int32',
    'int64',
    'float16',
    'bfloat16',
    'float32',
    'float64',
    ...(combine === 'sum' || combine === 'prod' ? [] : (['bool'] as const)),
  ];
  for (const combine of combines)
    for (const dtype of dtypesOf(combine)) {
      yield make(combine, { dtype, dims: 'last' }, () =>
        foldTrial(combine, { dtype, shape: [4, 7], reduced: 1 }),
      );
      yield make(combine, { dtype, dims: 'two' }, () =>
        foldTrial(combine, { dtype, shape: [3, 4, 5], reduced: 2 }),
      );
      yield make(combine, { dtype, dims: 'all' }, () =>
        foldTrial(combine, { dtype, shape: [37], reduced: 1 }),
      );
    }
  for (const combine of combines)
    for (const dtype of ['float32', 'int64'] as const) {
      for (const from of layouts)
        for (const to of layouts)
          yield make(
            combine,
            { dtype, from, to },
            () => foldTrial(combine, { dtype, shape: [3, 5, 4, 6], reduced: 2, from, to }),
            from !== to,
          );
      for (const size of [1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 65, 1000])
        yield make(
          combine,
          { dtype, size },
          () => foldTrial(combine, { dtype, shape: [3, size], reduced: 1 }),
          size > 17 && combine !== 'sum',
        );
      // A long row in steps; many short rows; a rank of none kept, a rank of none folded.
      yield make(combine, { dtype, size: 500, layout: 'strided' }, () =>
        foldTrial(combine, { dtype, shape: [500], reduced: 1, from: 'strided' }),
      );
      yield make(combine, { dtype, size: 3, rows: 257 }, () =>
        foldTrial(combine, { dtype, shape: [257, 3], reduced: 1, from: 'transposed' }),
      );
      yield make(combine, { dtype, rank: 0 }, () =>
        foldTrial(combine, { dtype, shape: [], reduced: 0, values: [toDType(3, dtype)] }),
      );
      yield make(combine, { dtype, reduced: 0 }, () =>
        foldTrial(combine, { dtype, shape: [2, 3], reduced: 0 }),
      );
      yield make(combine, { dtype, rows: 0 }, () => foldTrial(combine, { dtype, shape: [0, 3], reduced: 1 }));
      yield make(combine, { dtype, reduced: 4 }, () =>
        foldTrial(combine, { dtype, shape: [2, 2, 3, 2, 3], reduced: 4 }),
      );
    }
  for (const combine of ['sum', 'prod', 'any', 'all'] as const)
    for (const dtype of ['float32', 'int64', 'int32'] as const)
      yield make(combine, { dtype, size: 0 }, () => foldTrial(combine, { dtype, shape: [3, 0], reduced: 1 }));

  for (const combine of ['min', 'max', 'argmin', 'argmax', 'sum', 'prod', 'any'] as const)
    for (const dtype of ['float32', 'float64'] as const) {
      yield make(combine, { dtype, values: 'nan' }, () =>
        foldTrial(combine, {
          dtype,
          shape: [6, 5],
          reduced: 1,
          values: [
            1,
            NaN,
            3,
            NaN,
            5,
            NaN,
            1,
            2,
            3,
            4,
            1,
            2,
            3,
            4,
            NaN,
            9,
            9,
            -NaN,
            0,
            0,
            Infinity,
            NaN,
            -Infinity,
            0,
            1,
            NaN,
            NaN,
            NaN,
            NaN,
            NaN,
          ],
        }),
      );
      yield make(combine, { dtype, values: 'infinite' }, () =>
        foldTrial(combine, {
          dtype,
          shape: [4, 4],
          reduced: 1,
          values: [
            Infinity,
            1,
            2,
            3,
            -Infinity,
            -1,
            -2,
            -3,
            Infinity,
            Infinity,
            0.5,
            1,
            -Infinity,
            -Infinity,
            -Infinity,
            -Infinity,
          ],
        }),
      );
    }
  for (const combine of ['min', 'max', 'argmin', 'argmax'] as const)
    for (const dtype of ['float32', 'int32', 'int64', 'bool'] as const)
      yield make(combine, { dtype, values: 'ties' }, () => tiesTrial(combine, dtype));
  for (const combine of ['min', 'max', 'sum', 'prod', 'argmax'] as const)
    for (const dtype of ['int32', 'int64'] as const)
      yield make(combine, { dtype, values: 'extremes' }, () => extremesTrial(combine, dtype));
  yield make('sum', { dtype: 'float32', values: 'pairwise' }, () => accurateSum(100_000));
  yield make(
    'sum',
    { dtype: 'float32', values: 'pairwise', size: 1_000_000 },
    () => accurateSum(1_000_000),
    true,
  );
  yield make('sum', { dtype: 'float16', values: 'overflow-inside' }, widerThanFloat16);

  for (const layout of ['contiguous', 'transposed', 'strided'] as const) {
    yield make('folds', { count: 2, layout }, () => momentsTrial(layout));
    yield make('finish', { inputs: 'yes', layout }, () => finishTrial(layout));
  }
  yield make('folds', { count: 4, dtypes: 'mixed' }, mixedFolds);
  yield make('map', { inputs: 2 }, dotTrial);
  yield make('map', { coord: 'yes' }, coordTrial);
  yield make('map', { scalars: 'yes' }, scalarsTrial);
  yield make('finish', { alias: 'yes' }, aliasTrial);
  yield make('finish', { fault: 'division' }, divisionTrial);
}

/** The first of equals. */
function tiesTrial(combine: Combine, dtype: DType): Trial {
  const values = [1, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 1, 1, 0, 0].map((x) => toDType(x, dtype));
  return foldTrial(combine, { dtype, shape: [4, 5], reduced: 1, values });
}

function extremesTrial(combine: Combine, dtype: 'int32' | 'int64'): Trial {
  const [least, greatest] =
    dtype === 'int32' ? [-(2n ** 31n), 2n ** 31n - 1n] : [-(2n ** 63n), 2n ** 63n - 1n];
  const values = [
    least,
    least,
    least,
    greatest,
    greatest,
    greatest,
    least,
    greatest,
    2n,
    greatest - 1n,
    greatest,
    1n,
  ];
  return foldTrial(combine, {
    dtype,
    shape: [4, 3],
    reduced: 1,
    values: values.map((x) => toDType(x, dtype)),
  });
}

/** Added one after another in float32, 0.1 a hundred thousand times over misses by 1e-3. */
function accurateSum(size: number): Trial {
  const value = Math.fround(0.1);
  const trial = foldTrial('sum', {
    dtype: 'float32',
    shape: [1, size],
    reduced: 1,
    values: new Array(size).fill(value),
  });
  return { ...trial, folded: 1 };
}

/** 65504 + 65504 - 65504 has no infinity in it when sums of 16-bit floats are kept in float32. */
const widerThanFloat16 = (): Trial =>
  foldTrial('sum', {
    dtype: 'float16',
    shape: [2, 3],
    reduced: 1,
    values: [65504, 65504, -65504, 2048, 1, 1],
  });

/** Sum and sum of squares together: two outputs, then a finish that uses both. */
function momentsTrial(layout: LayoutName): Trial {
  const shape = [6, 5, 7];
  const values = someValues('float32', 210, 22) as number[];
  const x = input(0, 'float32');
  const [sum, squares] = [input(0, 'float32'), input(1, 'float32')];
  const list = rows(values, 35);
  const total = (row: readonly number[]) => row.reduce((s, v) => s + v, 0);
  const total2 = (row: readonly number[]) => row.reduce((s, v) => s + v * v, 0);
  return {
    kernel: {
      kind: 'reduce',
      rank: 1,
      reduced: 2,
      folds: [
        { map: x, combine: 'sum' },
        { map: apply('mul', 'float32', x, x), combine: 'sum' },
      ],
      finish: [
        sum,
        apply(
          'sub',
          'float32',
          apply('mul', 'float32', squares, constant(35, 'float32')),
          apply('mul', 'float32', sum, sum),
        ),
      ],
    },
    inputs: [{ dtype: 'float32', shape, values, layout }],
    outputs: [
      { dtype: 'float32', shape: [6], want: list.map(total) },
      {
        dtype: 'float32',
        shape: [6],
        layout: 'strided',
        want: list.map((row) => total2(row) * 35 - total(row) ** 2),
      },
    ],
    accuracy: 'close',
    folded: 35 * 64,
  };
}

/** The finish reads the kernel's inputs at index 0 of the folded dims: one as large as the first, one repeated. */
function finishTrial(layout: LayoutName): Trial {
  const shape = [4, 6, 3];
  const a = someValues('float32', 72, 23) as number[];
  const bias = someValues('float32', 4, 24) as number[];
  const repeated = bias.flatMap((b) => new Array<number>(18).fill(b));
  const finish = apply(
    'add',
    'float32',
    apply('mul', 'float32', input(0, 'float32'), input(2, 'float32')),
    input(1, 'float32'),
  );
  return {
    kernel: {
      kind: 'reduce',
      rank: 1,
      reduced: 2,
      folds: [{ map: input(0, 'float32'), combine: 'max' }],
      finish: [finish],
    },
    inputs: [
      { dtype: 'float32', shape, values: a, layout },
      { dtype: 'float32', shape, values: repeated, repeated: [1, 2] },
    ],
    outputs: [
      {
        dtype: 'float32',
        shape: [4],
        want: rows(a, 18).map((row, i) => Math.max(...row) * bias[i] + row[0]),
      },
    ],
    accuracy: 'close',
  };
}

/** A float sum, a largest value's place, a bool and an integer, from inputs of three dtypes. */
function mixedFolds(): Trial {
  const shape = [3, 11];
  const a = someValues('float32', 33, 25) as number[];
  const b = someValues('int64', 33, 26);
  const c = someValues('bool', 33, 27);
  const folds: ReduceKernel['folds'] = [
    { map: input(0, 'float32'), combine: 'sum' },
    { map: input(0, 'float32'), combine: 'argmax' },
    { map: input(2, 'bool'), combine: 'all' },
    { map: input(1, 'int64'), combine: 'prod' },
  ];
  const types: ComputeType[] = ['float32', 'int64', 'bool', 'int64'];
  return {
    kernel: { kind: 'reduce', rank: 1, reduced: 1, folds, finish: types.map((type, i) => input(i, type)) },
    inputs: [
      { dtype: 'float32', shape, values: a },
      { dtype: 'int64', shape, values: b, layout: 'strided' },
      { dtype: 'bool', shape, values: c, layout: 'transposed' },
    ],
    outputs: [
      { dtype: 'float32', shape: [3], want: rows(a, 11).map((row) => foldOf('sum', row, 'float32')) },
      { dtype: 'int64', shape: [3], want: rows(a, 11).map((row) => foldOf('argmax', row, 'float32')) },
      { dtype: 'bool', shape: [3], want: rows(c, 11).map((row) => foldOf('all', row, 'bool')) },
      { dtype: 'int64', shape: [3], want: rows(b, 11).map((row) => foldOf('prod', row, 'int64')) },
    ],
    accuracy: 'close',
    folded: 11,
  };
}

/** A sum over two inputs, one of them repeated along the kept dim: a matrix times a vector. */
function dotTrial(): Trial {
  const [m, k] = [5, 33];
  const a = someValues('float32', m * k, 28) as number[];
  const vector = someValues('float32', k, 29) as number[];
  const repeated = Array.from({ length: m }, () => vector).flat();
  return {
    kernel: {
      kind: 'reduce',
      rank: 1,
      reduced: 1,
      folds: [{ map: apply('mul', 'float32', input(0, 'float32'), input(1, 'float32')), combine: 'sum' }],
      finish: [input(0, 'float32')],
    },
    inputs: [
      { dtype: 'float32', shape: [m, k], values: a, layout: 'transposed' },
      { dtype: 'float32', shape: [m, k], values: repeated, repeated: [0] },
    ],
    outputs: [
      {
        dtype: 'float32',
        shape: [m],
        want: rows(a, k).map((row) => row.reduce((s, v, i) => s + v * vector[i], 0)),
      },
    ],
    accuracy: 'close',
    folded: k,
  };
}

/** Elements above the diagonal only; coordinates number the kept dims first, then the folded. */
function coordTrial(): Trial {
  const shape = [2, 4, 5];
  const a = someValues('int64', 40, 30);
  const isAbove = apply('gt', 'bool', coord(2), coord(1));
  const map = apply('where', 'int64', isAbove, input(0, 'int64'), constant(0n, 'int64'));
  const finish = apply(
    'add',
    'int64',
    input(0, 'int64'),
    apply('mul', 'int64', coord(0), constant(1000n, 'int64')),
  );
  const want = rows(a, 20).map((plane, n) =>
    plane.reduce(
      (sum: bigint, x, i) => (i % 5 > Math.floor(i / 5) ? sum + BigInt(x) : sum),
      1000n * BigInt(n),
    ),
  );
  return {
    kernel: { kind: 'reduce', rank: 1, reduced: 2, folds: [{ map, combine: 'sum' }], finish: [finish] },
    inputs: [{ dtype: 'int64', shape, values: a }],
    outputs: [{ dtype: 'int64', shape: [2], want }],
  };
}

function scalarsTrial(): Trial {
  const shape = [3, 8];
  const a = someValues('float64', 24, 31) as number[];
  const map: Expr = apply('mul', 'float64', input(0, 'float64'), scalar(1, 'float64'));
  return {
    kernel: {
      kind: 'reduce',
      rank: 1,
      reduced: 1,
      folds: [{ map, combine: 'sum' }],
      finish: [apply('add', 'float64', input(0, 'float64'), scalar(0, 'float64'))],
    },
    inputs: [{ dtype: 'float64', shape, values: a }],
    outputs: [
      { dtype: 'float64', shape: [3], want: rows(a, 8).map((row) => row.reduce((s, v) => s + v * 0.3, 0.7)) },
    ],
    scalars: [0.7, 0.3],
    accuracy: 'close',
  };
}

/** The output is an input's own view: here there is nothing folded, so the shapes agree. */
function aliasTrial(): Trial {
  const shape = [4, 3];
  const a = someValues('float32', 12, 32) as number[];
  return {
    kernel: {
      kind: 'reduce',
      rank: 2,
      reduced: 0,
      folds: [{ map: input(0, 'float32'), combine: 'sum' }],
      finish: [apply('add', 'float32', input(0, 'float32'), input(1, 'float32'))],
    },
    inputs: [{ dtype: 'float32', shape, values: a, layout: 'transposed' }],
    outputs: [{ dtype: 'float32', shape, want: a.map((v) => v * 2), sameAs: 0 }],
    accuracy: 'exact',
  };
}

/** The third row's sum is zero: nothing may be written, not even the first row. */
function divisionTrial(): Trial {
  const values = [1n, 2n, 3n, 4n, 5n, -5n, 7n, 8n];
  return {
    kernel: {
      kind: 'reduce',
      rank: 1,
      reduced: 1,
      folds: [{ map: input(0, 'int64'), combine: 'sum' }],
      finish: [apply('div', 'int64', constant(100n, 'int64'), input(0, 'int64'))],
    },
    inputs: [{ dtype: 'int64', shape: [4, 2], values }],
    outputs: [{ dtype: 'int64', shape: [4], want: [] }],
    fault: 'division',
  };
}
