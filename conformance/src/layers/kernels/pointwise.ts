/** `pointwise`: loads, stores and casts of every dtype, layouts, ranks, sizes, scalars, coordinates, several outputs, aliasing. */
import { type Backend, computeType, type DType, dtypes, type Expr } from '@sconce/core';
import { type Case, fail, type LayerContext, notApplicable, pass } from '../../case.ts';
import { decode, encode, isFloatDType, type Num, toDType } from '../../numbers.ts';
import { apply, cast, constant, coord, input, scalar } from './build.ts';
import { kernelCase, type Trial } from './kernel-case.ts';
import { indices, type LayoutName, layouts } from './place.ts';
import { someValues } from './values.ts';

const allDTypes = Object.keys(dtypes) as DType[];
const sizeOf = (shape: readonly number[]) => shape.reduce((n, size) => n * size, 1);

/** a + b in the compute type, or xor of bools: the smallest kernel with two inputs. */
function addExpr(dtype: DType): Expr {
  const type = computeType(dtype);
  const [a, b] = [cast(input(0, dtype), type), cast(input(1, dtype), type)];
  return cast(apply(dtype === 'bool' ? 'xor' : 'add', type, a, b), dtype);
}

function added(a: readonly Num[], b: readonly Num[], dtype: DType): Num[] {
  return a.map((x, i) => {
    if (dtype === 'bool') return x === b[i] ? 0 : 1;
    return toDType(isFloatDType(dtype) ? Number(x) + Number(b[i]) : BigInt(x) + BigInt(b[i]), dtype);
  });
}

const addTrial = (dtype: DType, shape: readonly number[], from: LayoutName, to: LayoutName): Trial => {
  const [a, b] = [someValues(dtype, sizeOf(shape), 1), someValues(dtype, sizeOf(shape), 2)];
  return {
    kernel: { kind: 'pointwise', rank: shape.length, exprs: [addExpr(dtype)] },
    inputs: [
      { dtype, shape, values: a, layout: from },
      { dtype, shape, values: b },
    ],
    outputs: [{ dtype, shape, layout: to, want: added(a, b, dtype) }],
  };
};

export function* pointwiseCases({ backend }: LayerContext): Generator<Case> {
  const make = (
    name: string,
    params: Record<string, string | number>,
    build: () => Trial,
    fullOnly = false,
  ) => kernelCase(backend, `pointwise.${name}`, params, build, fullOnly);

  for (const from of allDTypes)
    for (const to of allDTypes) yield make('cast', { from, to }, () => castTrial(from, to));
  for (const dtype of ['float16', 'bfloat16'] as const) {
    yield make('load', { dtype, values: 'all' }, () => loadAllBits(dtype));
    yield make('store', { dtype, values: 'ties' }, () => storeTies(dtype));
  }
  for (const dtype of ['float32', 'float64'] as const) {
    yield make('cast', { from: 'int64', to: dtype, values: 'ties' }, () => int64Ties(dtype));
    yield make('cast', { from: dtype, to: 'bool', values: 'special' }, () =>
      floatsToBool(dtype, [0, -0, 1, -1, 0.25, 2 ** -126, NaN, Infinity, -Infinity]),
    );
    yield make('cast', { from: dtype, to: 'bool', values: 'subnormal' }, () => ({
      ...floatsToBool(dtype, [2 ** -149, -(2 ** -149), 2 ** -127]),
      subnormal: dtype === 'float32',
    }));
  }

  for (const dtype of allDTypes)
    for (const from of layouts)
      for (const to of layouts)
        yield make(
          'layout',
          { dtype, from, to },
          () => addTrial(dtype, [3, 5, 7], from, to),
          dtype !== 'float32' && from !== to,
        );
  const shapes = [[], [1], [7], [2, 3], [4, 1, 5], [2, 3, 2, 3], [2, 1, 3, 2, 2], [2, 2, 2, 3, 2, 2]];
  for (const shape of shapes)
    for (const layout of layouts)
      yield make('rank', { rank: shape.length, layout, shape: `[${shape}]` }, () =>
        addTrial('float32', shape, layout, layout),
      );
  for (const shape of [[0], [0, 3], [3, 0], [2, 0, 4]])
    yield make('empty', { shape: `[${shape}]` }, () =>
      addTrial('float32', shape, 'contiguous', 'contiguous'),
    );
  // Around the widths of vector registers and of their multiples, and past any block.
  for (const dtype of ['bool', 'uint8', 'int32', 'int64', 'float16', 'float32', 'float64'] as const)
    for (const size of [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 127, 1000, 4099])
      for (const layout of ['contiguous', 'offset', 'strided'] as const)
        yield make(
          'size',
          { dtype, size, layout },
          () => addTrial(dtype, [size], layout, 'contiguous'),
          layout === 'strided',
        );
  yield make('size', { dtype: 'float32', size: 100003 }, () =>
    addTrial('float32', [100003], 'contiguous', 'contiguous'),
  );
  yield make('size', { dtype: 'float32', size: '313x317' }, () =>
    addTrial('float32', [313, 317], 'transposed', 'contiguous'),
  );

  for (const dtype of ['float32', 'int64', 'bool'] as const)
    for (const repeated of [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]])
      yield make('broadcast', { dtype, along: repeated.join('') }, () =>
        broadcastTrial(dtype, [3, 4, 5], repeated),
      );

  for (const dtype of ['int32', 'int64', 'float32', 'float64', 'bool'] as const) {
    yield make('scalar', { dtype }, () => scalarTrial(dtype));
    yield make('const', { dtype }, () => constTrial(dtype));
  }
  yield make('coord', { layout: 'contiguous' }, () => coordTrial('contiguous'));
  yield make('coord', { layout: 'transposed' }, () => coordTrial('transposed'));
  yield make('outputs', { count: 2 }, outputsTrial);
  yield make('outputs', { count: 3, shared: 'expression' }, sharedTrial);
  for (const layout of layouts) {
    yield make('alias', { layout, outputs: 1 }, () => aliasTrial(layout));
    yield make('alias', { layout, outputs: 'swapped' }, () => swapTrial(layout));
  }
  yield reuseCase(backend);
  yield make('deep', { depth: 40 }, deepTrial);
}

/** Straight from one dtype to another, over values that both can hold or that wrap in a known way. */
function castTrial(from: DType, to: DType): Trial {
  const integers = [
    0, 1, 2, 3, 7, 77, 100, 127, -1, -2, -77, -128, 128, 200, 255, 256, 300, -300, 32767, 40000, -40000,
  ];
  const floats = [
    0,
    0.5,
    -0.5,
    0.999,
    1.5,
    -1.5,
    2.5,
    3.7,
    -3.7,
    100.25,
    -100.75,
    127.9,
    0.1,
    1 / 3,
    2049,
    65000,
  ];
  const large = from === 'int64' ? [2n ** 31n, 2n ** 32n + 5n, -(2n ** 33n) - 7n, 2n ** 40n + 1n] : [];
  const base =
    from === 'bool' ? [0, 1, 1, 0] : isFloatDType(from) ? [...floats, ...integers.slice(0, 10)] : integers;
  const values = [...base.map((x) => toDType(from === 'int64' ? BigInt(x) : x, from)), ...large];
  // What a float out of an integer's range becomes is not said.
  const isSaid = (x: Num) =>
    !isFloatDType(from) || isFloatDType(to) || to === 'bool' || inRange(Number(x), to);
  const kept = values.filter(isSaid);
  const shape = [kept.length];
  return {
    kernel: { kind: 'pointwise', rank: 1, exprs: [cast(input(0, from), to)] },
    inputs: [{ dtype: from, shape, values: kept }],
    outputs: [{ dtype: to, shape, want: kept.map((x) => toDType(x, to)) }],
    accuracy: 'exact',
  };
}

const inRange = (x: number, dtype: DType): boolean => {
  const value = Math.trunc(x);
  return Number(toDType(value, dtype)) === value;
};

/** All 65536 of them. */
function loadAllBits(dtype: 'float16' | 'bfloat16'): Trial {
  const values = decode(
    Uint16Array.from({ length: 65536 }, (_, i) => i),
    dtype,
  );
  return {
    kernel: { kind: 'pointwise', rank: 1, exprs: [cast(input(0, dtype), 'float32')] },
    inputs: [{ dtype, shape: [values.length], values }],
    outputs: [{ dtype: 'float32', shape: [values.length], want: values }],
    accuracy: 'signed',
  };
}

/** float32 values half way between two neighbours, and beside that, from subnormals to what rounds to infinity. */
function storeTies(dtype: 'float16' | 'bfloat16'): Trial {
  const bits = [
    0, 1, 2, 3, 0x3fe, 0x3ff, 0x400, 0x401, 0x3bff, 0x3c00, 0x3c01, 0x7bfd, 0x7bfe, 0x7b00, 0x7f00, 0x7f7e,
  ];
  const values = bits.flatMap((at) => {
    const [low, high] = decode(Uint16Array.of(at, at + 1), dtype) as number[];
    if (!Number.isFinite(high) || Number.isNaN(low)) return [low];
    const middle = (low + high) / 2;
    return [low, middle, middle * (1 + 2 ** -20), middle * (1 - 2 ** -20), -middle, -low];
  });
  const edges = [
    65504,
    65519,
    65519.99,
    65520,
    65536,
    1e6,
    3.4e38,
    Infinity,
    -Infinity,
    NaN,
    0,
    -0,
    1e-10,
    -1e-10,
  ];
  const all = [...values, ...edges]
    .map(Math.fround)
    .filter((x) => dtype === 'float16' || Math.abs(x) !== 65519.99);
  return {
    kernel: { kind: 'pointwise', rank: 1, exprs: [cast(input(0, 'float32'), dtype)] },
    inputs: [{ dtype: 'float32', shape: [all.length], values: all }],
    outputs: [{ dtype, shape: [all.length], want: all.map((x) => toDType(x, dtype)) }],
    accuracy: 'signed',
  };
}

/** Integers that a double cannot hold, at and around the middle of two floats. */
function int64Ties(dtype: 'float32' | 'float64'): Trial {
  const steps = dtype === 'float32' ? [24n, 30n, 50n, 55n, 62n] : [53n, 54n, 58n, 62n];
  const width = dtype === 'float32' ? 24n : 53n;
  const values = steps.flatMap((e) => {
    const half = 2n ** (e - width);
    return [half, 3n * half]
      .flatMap((middle) => [-1n, 0n, 1n].map((d) => 2n ** e + middle + d))
      .flatMap((v) => [v, -v]);
  });
  const want = values.map((v) => (dtype === 'float32' ? toDType(v, dtype) : Number(v)));
  return {
    kernel: { kind: 'pointwise', rank: 1, exprs: [cast(input(0, 'int64'), dtype)] },
    inputs: [{ dtype: 'int64', shape: [values.length], values }],
    outputs: [{ dtype, shape: [values.length], want }],
    accuracy: 'exact',
  };
}

function floatsToBool(dtype: 'float32' | 'float64', values: readonly number[]): Trial {
  return {
    kernel: { kind: 'pointwise', rank: 1, exprs: [cast(input(0, dtype), 'bool')] },
    inputs: [{ dtype, shape: [values.length], values }],
    outputs: [{ dtype: 'bool', shape: [values.length], want: values.map((v) => (v === 0 ? 0 : 1)) }],
  };
}

function broadcastTrial(dtype: DType, shape: readonly number[], repeated: readonly number[]): Trial {
  const base = someValues(dtype, sizeOf(shape), 3);
  const at = (coordinates: readonly number[]) =>
    coordinates.reduce((sum, c, d) => sum * shape[d] + (repeated.includes(d) ? 0 : c), 0);
  const a = indices(shape).map((coordinates) => base[at(coordinates)]);
  const b = someValues(dtype, sizeOf(shape), 4);
  return {
    kernel: { kind: 'pointwise', rank: shape.length, exprs: [addExpr(dtype)] },
    inputs: [
      { dtype, shape, values: a, repeated },
      { dtype, shape, values: b },
    ],
    outputs: [{ dtype, shape, want: added(a, b, dtype) }],
  };
}

type Computed = 'int32' | 'int64' | 'float32' | 'float64' | 'bool';

/** (a + s0) where s1, else a: two scalars, which are not constants. */
function scalarTrial(dtype: Computed): Trial {
  const a = someValues(dtype, 9, 5);
  const s: Num =
    dtype === 'int64'
      ? 2n ** 60n + 1n
      : dtype === 'float32' || dtype === 'float64'
        ? 0.1
        : dtype === 'bool'
          ? 1
          : 7;
  const sum = apply(dtype === 'bool' ? 'xor' : 'add', dtype, input(0, dtype), scalar(0, dtype));
  const value = toDType(s, dtype);
  return {
    kernel: {
      kind: 'pointwise',
      rank: 1,
      exprs: [apply('where', dtype, scalar(1, 'bool'), sum, input(0, dtype))],
    },
    inputs: [{ dtype, shape: [9], values: a }],
    outputs: [
      {
        dtype,
        shape: [9],
        want: added(
          a,
          a.map(() => value),
          dtype,
        ),
      },
    ],
    scalars: [s, 1],
    accuracy: 'exact',
  };
}

/** A fill, which has no inputs. */
function constTrial(dtype: Computed): Trial {
  const value: Num =
    dtype === 'int64' ? -(2n ** 63n) + 1n : dtype === 'int32' ? -(2 ** 31) : dtype === 'bool' ? 1 : -1.5e-3;
  return {
    kernel: { kind: 'pointwise', rank: 2, exprs: [constant(value, dtype)] },
    inputs: [],
    outputs: [{ dtype, shape: [3, 5], layout: 'strided', want: new Array(15).fill(toDType(value, dtype)) }],
    accuracy: 'exact',
  };
}

/** 100 i + 10 j + k, as in arange, tril and eye. */
function coordTrial(layout: LayoutName): Trial {
  const shape = [3, 4, 5];
  const times = (dim: number, factor: number) =>
    apply('mul', 'int64', coord(dim), constant(BigInt(factor), 'int64'));
  const sum = apply('add', 'int64', apply('add', 'int64', times(0, 100), times(1, 10)), coord(2));
  return {
    kernel: { kind: 'pointwise', rank: 3, exprs: [sum, cast(sum, 'float32')] },
    inputs: [],
    outputs: [
      {
        dtype: 'int64',
        shape,
        layout,
        want: indices(shape).map(([i, j, k]) => BigInt(100 * i + 10 * j + k)),
      },
      { dtype: 'float32', shape, want: indices(shape).map(([i, j, k]) => 100 * i + 10 * j + k) },
    ],
  };
}

/** Outputs of different dtypes and layouts. */
function outputsTrial(): Trial {
  const shape = [4, 6];
  const a = someValues('float32', 24, 6) as number[];
  const x = input(0, 'float32');
  return {
    kernel: {
      kind: 'pointwise',
      rank: 2,
      exprs: [apply('neg', 'float32', x), apply('gt', 'bool', x, constant(0, 'float32'))],
    },
    inputs: [{ dtype: 'float32', shape, values: a, layout: 'strided' }],
    outputs: [
      { dtype: 'float32', shape, layout: 'transposed', want: a.map((v) => -v) },
      { dtype: 'bool', shape, layout: 'negative', want: a.map((v) => Number(v > 0)) },
    ],
    accuracy: 'exact',
  };
}

function sharedTrial(): Trial {
  const a = someValues('float32', 13, 7) as number[];
  const square = apply('mul', 'float32', input(0, 'float32'), input(0, 'float32'));
  const outputs = [
    square,
    apply('add', 'float32', square, square),
    apply('sub', 'float32', input(0, 'float32'), square),
  ];
  const squares = a.map((v) => Math.fround(v * v));
  return {
    kernel: { kind: 'pointwise', rank: 1, exprs: outputs },
    inputs: [{ dtype: 'float32', shape: [13], values: a }],
    outputs: [
      { dtype: 'float32', shape: [13], want: squares },
      { dtype: 'float32', shape: [13], want: squares.map((v) => Math.fround(v + v)) },
      { dtype: 'float32', shape: [13], want: squares.map((v, i) => Math.fround(a[i] - v)) },
    ],
    accuracy: 'close',
  };
}

/** In place: the output is the first input. */
function aliasTrial(layout: LayoutName): Trial {
  const trial = addTrial('float32', [3, 5, 7], layout, layout);
  return { ...trial, outputs: [{ ...trial.outputs[0], sameAs: 0 }] };
}

/** Both inputs are outputs, and each gets the other's values. */
function swapTrial(layout: LayoutName): Trial {
  const shape = [5, 9];
  const [a, b] = [someValues('float32', 45, 8), someValues('float32', 45, 9)];
  return {
    kernel: { kind: 'pointwise', rank: 2, exprs: [input(1, 'float32'), input(0, 'float32')] },
    inputs: [
      { dtype: 'float32', shape, values: a, layout },
      { dtype: 'float32', shape, values: b, layout },
    ],
    outputs: [
      { dtype: 'float32', shape, want: b, sameAs: 0 },
      { dtype: 'float32', shape, want: a, sameAs: 1 },
    ],
  };
}

/** x * 1.5 - 0.25, forty times over: fused chains are long. */
function deepTrial(): Trial {
  let expr: Expr = input(0, 'float64');
  const a = someValues('float64', 11, 10) as number[];
  let want = a;
  for (let i = 0; i < 40; i++) {
    expr = apply(
      'sub',
      'float64',
      apply('mul', 'float64', expr, constant(1.0625, 'float64')),
      constant(0.25, 'float64'),
    );
    want = want.map((v) => v * 1.0625 - 0.25);
  }
  return {
    kernel: { kind: 'pointwise', rank: 1, exprs: [expr] },
    inputs: [{ dtype: 'float64', shape: [11], values: a }],
    outputs: [{ dtype: 'float64', shape: [11], want }],
    accuracy: 'close',
  };
}

/** One executable, called again with other scalars, sizes and strides. */
function reuseCase(backend: Backend): Case {
  const dtype = 'float32';
  return {
    id: { layer: 'kernels', name: 'pointwise.reuse', params: { dtype } },
    async run() {
      if (!backend.capabilities.scalarOps.has('mul'))
        return notApplicable('mul is not in capabilities.scalarOps');
      const run = backend.compile({
        kind: 'pointwise',
        rank: 2,
        exprs: [apply('mul', dtype, input(0, dtype), scalar(0, dtype))],
      });
      const values = someValues(dtype, 12, 11) as number[];
      const [from, to] = [backend.allocate(dtype, 12), backend.allocate(dtype, 12)];
      try {
        for (const [shape, strides, factor] of [
          [[3, 4], [4, 1], 2],
          [[4, 3], [1, 4], -3],
          [[2, 2], [4, 2], 0.5],
          [[0, 4], [4, 1], 1],
          [[1, 12], [0, 1], 4],
        ] as const) {
          backend.write(from, 0, encode(values, dtype));
          const view = { memory: to, dtype, shape, strides: [shape[1], 1], offset: 0 } as const;
          run([view], [{ ...view, memory: from, strides }], [factor]);
          const got = decode(await backend.read(to, 0, sizeOf(shape)), dtype);
          const want = indices(shape).map(([i, j]) =>
            Math.fround(values[i * strides[0] + j * strides[1]] * factor),
          );
          if (!want.every((v, i) => v === got[i]))
            return fail(`shape [${shape}], strides [${strides}], scalar ${factor}: got ${got}, want ${want}`);
        }
        return pass;
      } finally {
        backend.free(from);
        backend.free(to);
      }
    },
  };
}
