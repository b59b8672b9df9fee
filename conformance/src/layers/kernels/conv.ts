/** `conv`: one to three dims, groups, strides, dilation, paddings wider than the window, the transposed kind, layouts, finishes. */
import { type ComputeType, type ConvKernel, computeType, type DType } from '@sconce/core';
import type { Case, LayerContext } from '../../case.ts';
import { isFloatDType, type Num, toDType } from '../../numbers.ts';
import { apply, cast, input } from './build.ts';
import { kernelCase, type Trial } from './kernel-case.ts';
import { indices, type LayoutName } from './place.ts';
import { someValues } from './values.ts';

interface Config {
  readonly batch?: number;
  readonly channels: readonly [input: number, output: number];
  readonly size: readonly number[];
  readonly window: readonly number[];
  readonly stride?: number | readonly number[];
  readonly padding?: number | readonly number[];
  readonly dilation?: number | readonly number[];
  readonly groups?: number;
  readonly outputPadding?: number;
}

const configs: Record<string, Config> = {
  '1d': { channels: [3, 4], size: [11], window: [3] },
  '1d-wide': { channels: [2, 3], size: [70], window: [5], padding: 2 },
  '1d-stride': { channels: [2, 2], size: [13], window: [4], stride: 3, padding: 1 },
  '2d-1x1': { batch: 2, channels: [5, 7], size: [4, 6], window: [1, 1] },
  '2d-3x3': { batch: 2, channels: [3, 5], size: [7, 9], window: [3, 3], padding: 1 },
  '2d-5x3': { channels: [2, 3], size: [8, 8], window: [5, 3] },
  '2d-stride': { batch: 2, channels: [3, 4], size: [9, 10], window: [3, 3], stride: 2, padding: 1 },
  '2d-uneven': {
    channels: [2, 3],
    size: [9, 11],
    window: [2, 3],
    stride: [1, 2],
    padding: [2, 1],
    dilation: [2, 1],
  },
  '2d-dilated': { channels: [2, 3], size: [9, 9], window: [3, 3], dilation: 2, padding: 2 },
  '2d-all': {
    batch: 2,
    channels: [4, 6],
    size: [11, 10],
    window: [3, 2],
    stride: 2,
    padding: 3,
    dilation: 2,
    groups: 2,
  },
  '2d-groups': { channels: [6, 9], size: [5, 5], window: [3, 3], groups: 3, padding: 1 },
  '2d-depthwise': { batch: 2, channels: [8, 8], size: [9, 7], window: [3, 3], groups: 8, padding: 1 },
  '2d-depthwise-stride': { channels: [5, 10], size: [9, 9], window: [3, 3], groups: 5, stride: 2 },
  '2d-padding-wider': { channels: [2, 2], size: [3, 3], window: [2, 2], padding: 4 },
  '2d-large': { channels: [16, 24], size: [20, 19], window: [3, 3], padding: 1 },
  '2d-patches': { channels: [3, 10], size: [12, 12], window: [4, 4], stride: 4 },
  '2d-none': { batch: 0, channels: [2, 3], size: [5, 5], window: [3, 3] },
  '2d-no-channels': { channels: [0, 3], size: [4, 4], window: [3, 3] },
  '3d': { channels: [2, 3], size: [4, 5, 6], window: [2, 3, 2], padding: 1 },
  '3d-stride': { channels: [2, 4], size: [5, 5, 5], window: [3, 3, 3], stride: 2, padding: 1, groups: 2 },
};

const each = (value: number | readonly number[], dims: number): readonly number[] =>
  typeof value === 'number' ? new Array<number>(dims).fill(value) : value;

interface Problem {
  readonly kernel: ConvKernel;
  readonly xShape: readonly number[];
  readonly wShape: readonly number[];
  readonly outShape: readonly number[];
  readonly x: readonly Num[];
  readonly w: readonly Num[];
  readonly sums: readonly Num[];
  readonly folded: number;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((n, size) => n * size, 1);

/** The definition: every pair of an input and a window position adds to the output position that it meets. */
function problem(config: Config, dtype: DType, transposed: boolean): Problem {
  const { batch = 1, channels, size, window, groups = 1, outputPadding = 0 } = config;
  const dims = size.length;
  const [stride, padding, dilation] = [config.stride ?? 1, config.padding ?? 0, config.dilation ?? 1].map(
    (v) => each(v, dims),
  );
  const [cin, cout] = channels;
  const outSize = size.map((n, d) => {
    const reach = dilation[d] * (window[d] - 1) + 1;
    return transposed
      ? (n - 1) * stride[d] - 2 * padding[d] + reach + outputPadding
      : Math.floor((n + 2 * padding[d] - reach) / stride[d]) + 1;
  });
  const xShape = [batch, cin, ...size];
  const wShape = transposed ? [cin, cout / groups, ...window] : [cout, cin / groups, ...window];
  const outShape = [batch, cout, ...outSize];
  const x = someValues(dtype, sizeOf(xShape), 51);
  const w = someValues(dtype, sizeOf(wShape), 52);
  const isFloat = isFloatDType(dtype);
  const sums: Num[] = new Array(sizeOf(outShape)).fill(isFloat ? 0 : 0n);
  const flat = (at: readonly number[], shape: readonly number[]) =>
    at.reduce((sum, i, d) => sum * shape[d] + i, 0);
  const [inPerGroup, outPerGroup] = [cin / groups, cout / groups];
  const [inputs, outputs, taps] = [size, outSize, window].map((shape) => indices(shape));
  // p on the finer side is q * stride - padding + k * dilation on the coarser.
  const [coarse, fine, fineSize] = transposed ? [inputs, outputs, outSize] : [outputs, inputs, size];
  const meets = coarse.flatMap((q) =>
    taps.flatMap((k) => {
      const p = q.map((i, d) => i * stride[d] - padding[d] + k[d] * dilation[d]);
      return p.every((i, d) => i >= 0 && i < fineSize[d]) ? [{ q, p, k }] : [];
    }),
  );
  if (fine.length > 0)
    for (let n = 0; n < batch; n++)
      for (let co = 0; co < cout; co++)
        for (let ci = 0; ci < inPerGroup; ci++) {
          const group = Math.floor(co / outPerGroup);
          const channel = group * inPerGroup + ci;
          for (const { q, p, k } of meets) {
            const to = flat([n, co, ...(transposed ? p : q)], outShape);
            const value = x[flat([n, channel, ...(transposed ? q : p)], xShape)];
            const weight = w[flat(transposed ? [channel, co % outPerGroup, ...k] : [co, ci, ...k], wShape)];
            if (isFloat) (sums[to] as number) += Number(value) * Number(weight);
            else (sums[to] as bigint) += BigInt(value) * BigInt(weight);
          }
        }
  const kernel: ConvKernel = {
    kind: 'conv',
    dims: dims as 1 | 2 | 3,
    transposed,
    groups,
    stride,
    padding,
    dilation,
    dtype,
    accumulate: computeType(dtype),
  };
  return { kernel, xShape, wShape, outShape, x, w, sums, folded: inPerGroup * sizeOf(window) };
}

function trial(
  config: Config,
  dtype: DType,
  transposed: boolean,
  layout: { x?: LayoutName; w?: LayoutName; out?: LayoutName } = {},
): Trial {
  const { kernel, xShape, wShape, outShape, x, w, sums, folded } = problem(config, dtype, transposed);
  return {
    kernel,
    inputs: [
      { dtype, shape: xShape, values: x, layout: layout.x },
      { dtype, shape: wShape, values: w, layout: layout.w },
    ],
    outputs: [{ dtype, shape: outShape, layout: layout.out, want: sums.map((v) => toDType(v, dtype)) }],
    accuracy: 'close',
    folded,
  };
}

export function* convCases({ backend }: LayerContext): Generator<Case> {
  for (const transposed of [false, true]) {
    const make = (params: Record<string, string | number>, build: () => Trial, fullOnly = false) =>
      kernelCase(backend, transposed ? 'conv.transposed' : 'conv', params, build, fullOnly);
    for (const [name, config] of Object.entries(configs)) {
      // The adjoint of padding wider than the window would have an output of negative size.
      if (transposed && name === '2d-padding-wider') continue;
      for (const dtype of ['float32', 'float64', 'int64'] as const)
        yield make({ case: name, dtype }, () => trial(config, dtype, transposed), dtype !== 'float32');
    }
    for (const dtype of ['float16', 'bfloat16', 'int32', 'int8'] as const)
      yield make({ case: '2d-3x3', dtype }, () => trial(configs['2d-3x3'], dtype, transposed));
    for (const name of ['2d-3x3', '2d-1x1', '2d-depthwise', '2d-all', '1d', '3d'])
      for (const layout of ['transposed', 'strided', 'negative', 'offset'] as const) {
        yield make({ case: name, x: layout }, () =>
          trial(configs[name], 'float32', transposed, { x: layout }),
        );
        yield make({ case: name, w: layout }, () =>
          trial(configs[name], 'float32', transposed, { w: layout }),
        );
        yield make({ case: name, out: layout }, () =>
          trial(configs[name], 'float32', transposed, { out: layout }),
        );
      }
    for (const dtype of ['float32', 'float16'] as const)
      yield make({ case: '2d-3x3', dtype, finish: 'bias' }, () => biasTrial(dtype, transposed));
    yield make(
      { case: '2d-stride', dtype: 'float32', outputPadding: 1 },
      () => trial({ ...configs['2d-stride'], outputPadding: 1 }, 'float32', transposed),
      !transposed,
    );
  }
}

/** max(sum + bias, 0), one bias per channel. */
function biasTrial(dtype: DType, transposed: boolean): Trial {
  const { kernel, xShape, wShape, outShape, x, w, sums, folded } = problem(
    configs['2d-3x3'],
    dtype,
    transposed,
  );
  const type = computeType(dtype) as ComputeType;
  const bias = someValues(dtype, outShape[1], 53);
  const plane = outShape[2] * outShape[3];
  const channelOf = (i: number) => Math.floor(i / plane) % outShape[1];
  const sum = apply('add', type, input(0, type), cast(input(1, dtype), type));
  const finish = cast(apply('max', type, sum, { op: 'const', value: 0, dtype: type }), dtype);
  return {
    kernel: { ...kernel, finish },
    inputs: [
      { dtype, shape: xShape, values: x },
      { dtype, shape: wShape, values: w },
      { dtype, shape: outShape, values: sums.map((_, i) => bias[channelOf(i)]), repeated: [0, 2, 3] },
    ],
    outputs: [
      {
        dtype,
        shape: outShape,
        want: sums.map((v, i) => toDType(Math.max(Number(v) + Number(bias[channelOf(i)]), 0), dtype)),
      },
    ],
    accuracy: 'close',
    folded,
  };
}
