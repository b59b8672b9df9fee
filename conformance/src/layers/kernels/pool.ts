/** `pool`: maximum (with and without positions) and sum, over one to three dims, with ties, NaN and paddings. */
import type { DType, PoolKernel } from '@sconce/core';
import type { Case, LayerContext } from '../../case.ts';
import { isFloatDType, type Num, toDType } from '../../numbers.ts';
import { kernelCase, type Trial } from './kernel-case.ts';
import { indices, type LayoutName } from './place.ts';
import { someValues } from './values.ts';

interface Config {
  readonly lead?: readonly [batch: number, channels: number];
  readonly size: readonly number[];
  readonly window: readonly number[];
  readonly stride?: readonly number[];
  readonly padding?: readonly number[];
  readonly dilation?: readonly number[];
}

const configs: Record<string, Config> = {
  '1d': { size: [11], window: [3], stride: [2] },
  '1d-dilated': { lead: [2, 3], size: [13], window: [3], dilation: [3], padding: [1] },
  '2d-2x2': { lead: [2, 3], size: [6, 8], window: [2, 2], stride: [2, 2] },
  '2d-3x3': { lead: [2, 2], size: [9, 7], window: [3, 3], stride: [2, 2], padding: [1, 1] },
  '2d-1-step': { lead: [1, 4], size: [7, 7], window: [3, 3], padding: [1, 1] },
  '2d-uneven': {
    lead: [1, 2],
    size: [8, 11],
    window: [3, 2],
    stride: [1, 3],
    padding: [1, 0],
    dilation: [2, 1],
  },
  '2d-whole': { lead: [2, 5], size: [5, 7], window: [5, 7] },
  '2d-none': { lead: [0, 2], size: [4, 4], window: [2, 2] },
  '3d': { lead: [1, 2], size: [5, 4, 6], window: [2, 2, 3], stride: [2, 1, 2], padding: [1, 0, 1] },
};

interface Options {
  readonly reduce: 'max' | 'sum';
  readonly dtype: DType;
  readonly positions?: boolean;
  readonly values?: readonly Num[];
  readonly from?: LayoutName;
  readonly to?: LayoutName;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((n, size) => n * size, 1);

function trial(config: Config, { reduce, dtype, positions, from, to, ...options }: Options): Trial {
  const { size, window, lead = [1, 2] } = config;
  const ones = size.map(() => 1);
  const { stride = ones, padding = size.map(() => 0), dilation = ones } = config;
  const outSize = size.map(
    (n, d) => Math.floor((n + 2 * padding[d] - dilation[d] * (window[d] - 1) - 1) / stride[d]) + 1,
  );
  const values = options.values ?? someValues(dtype, sizeOf(lead) * sizeOf(size), 61);
  const results: Num[] = [];
  const where: Num[] = [];
  for (let plane = 0; plane < sizeOf(lead); plane++)
    for (const o of indices(outSize)) {
      const places = indices(window).flatMap((k) => {
        const p = o.map((i, d) => i * stride[d] - padding[d] + k[d] * dilation[d]);
        return p.every((i, d) => i >= 0 && i < size[d])
          ? [p.reduce((sum, i, d) => sum * size[d] + i, 0)]
          : [];
      });
      const seen = places.map((at) => values[plane * sizeOf(size) + at]);
      if (reduce === 'sum') {
        if (isFloatDType(dtype))
          results.push(
            toDType(
              seen.reduce((sum: number, v) => sum + Number(v), 0),
              dtype,
            ),
          );
        else
          results.push(
            toDType(
              seen.reduce((sum: bigint, v) => sum + BigInt(v), 0n),
              dtype,
            ),
          );
        continue;
      }
      const firstNaN = seen.findIndex((v) => typeof v === 'number' && Number.isNaN(v));
      const best = firstNaN >= 0 ? firstNaN : seen.findIndex((v) => seen.every((other) => !(other > v)));
      results.push(seen[best]);
      where.push(BigInt(places[best]));
    }
  const shape = [...lead, ...outSize];
  const kernel: PoolKernel = {
    kind: 'pool',
    dims: size.length as 1 | 2 | 3,
    reduce,
    window,
    stride,
    padding,
    dilation,
    dtype,
  };
  return {
    kernel,
    inputs: [{ dtype, shape: [...lead, ...size], values, layout: from }],
    outputs: [
      { dtype, shape, layout: to, want: results },
      ...(positions ? [{ dtype: 'int64' as const, shape, layout: to, want: where }] : []),
    ],
    accuracy: reduce === 'sum' ? 'close' : 'exact',
    folded: sizeOf(window),
  };
}

export function* poolCases({ backend }: LayerContext): Generator<Case> {
  for (const reduce of ['max', 'sum'] as const) {
    const make = (params: Record<string, string | number>, build: () => Trial, fullOnly = false) =>
      kernelCase(backend, `pool.${reduce}`, params, build, fullOnly);
    for (const [name, config] of Object.entries(configs))
      for (const dtype of ['float32', 'float64', 'int64', 'float16', 'bfloat16', 'uint8'] as const) {
        yield make(
          { case: name, dtype },
          () => trial(config, { reduce, dtype }),
          dtype !== 'float32' && name !== '2d-3x3',
        );
        if (reduce === 'max')
          yield make(
            { case: name, dtype, positions: 'yes' },
            () => trial(config, { reduce, dtype, positions: true }),
            dtype !== 'float32' && name !== '2d-3x3',
          );
      }
    for (const name of ['2d-3x3', '2d-uneven', '1d', '3d'])
      for (const layout of ['transposed', 'strided', 'negative'] as const) {
        const positions = reduce === 'max';
        yield make({ case: name, from: layout }, () =>
          trial(configs[name], { reduce, dtype: 'float32', positions, from: layout }),
        );
        yield make({ case: name, to: layout }, () =>
          trial(configs[name], { reduce, dtype: 'float32', positions, to: layout }),
        );
      }
  }
  const special = (name: string, values: readonly Num[], dtype: DType = 'float32') =>
    kernelCase(backend, 'pool.max', { values: name, dtype }, () =>
      trial(
        { lead: [1, 1], size: [5, 5], window: [3, 3], stride: [2, 2], padding: [1, 1] },
        { reduce: 'max', dtype, positions: true, values },
      ),
    );
  yield special('ties', [1, 1, 0, 2, 2, 1, 1, 0, 2, 2, 0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]);
  yield special('nan', [
    NaN,
    1,
    2,
    3,
    NaN,
    5,
    6,
    NaN,
    7,
    8,
    9,
    9,
    9,
    NaN,
    9,
    1,
    2,
    3,
    4,
    5,
    NaN,
    NaN,
    2,
    3,
    4,
  ]);
  yield special('infinite', new Array(25).fill(-Infinity));
  yield special(
    'negative',
    Array.from({ length: 25 }, (_, i) => -1 - i),
  );
  yield special('extremes', new Array(25).fill(-(2n ** 63n)), 'int64');
}
