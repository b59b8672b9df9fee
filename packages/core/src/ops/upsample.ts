/** Resizing images: every output element is a weighted sum of input elements, one dim after the other. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { refuseUnrecorded } from '../kernel/guard.ts';
import { fromTypedArray, toTypedArray } from '../tensor/create.ts';
import { type DType, isFloat } from '../tensor/dtype.ts';
import { isChannelsLast, isContiguous, numelOf, type Shape } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Which inputs each output along one dim is made of: tap k of output i is `at[k][i]`, with weight `weights[k][i]`. */
interface Taps {
  readonly input: number;
  readonly output: number;
  readonly at: readonly number[][];
  /** Null where there is one tap of weight 1. */
  readonly weights: readonly number[][] | null;
}

interface Along {
  readonly input: number;
  readonly output: number;
  readonly align: boolean;
  /** The scale factor that the caller gave, which then counts instead of the ratio of sizes. */
  readonly factor: number | null;
  /** Rounds as PyTorch's arithmetic does: float32, or float64 for float64 images. */
  readonly round: (x: number) => number;
}

const exactly = (x: number): number => x;

/** How far one step of the output goes in the input. */
function scaleOf({ input, output, align, factor, round }: Along): number {
  if (align) return output > 1 ? round((input - 1) / (output - 1)) : 0;
  return factor !== null && factor > 0 ? round(1 / factor) : round(input / output);
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const clamp = (i: number, n: number): number => Math.max(0, Math.min(i, n - 1));

/** `shift` is 0 for nearest, whose pixels start at their corner, and 0.5 for nearest-exact. */
const nearest =
  (shift: number) =>
  (a: Along): Taps => {
    const scale = scaleOf(a);
    const at = range(a.output).map((i) =>
      Math.min(Math.floor(Math.fround(a.round(i + shift) * scale)), a.input - 1),
    );
    return { ...a, at: [at], weights: null };
  };

function sourceOf(i: number, scale: number, { align, round }: Along): number {
  return align ? round(scale * i) : round(round(scale * round(i + 0.5)) - 0.5);
}

function linear(a: Along): Taps {
  const { input, output, round } = a;
  if (input === output) return { ...a, at: [range(output)], weights: null };
  const scale = scaleOf(a);
  const source = range(output).map((i) => Math.max(sourceOf(i, scale, a), 0));
  const low = source.map((x) => Math.min(Math.floor(x), input - 1));
  const high = low.map((i) => Math.min(i + 1, input - 1));
  const upper = source.map((x, i) => Math.max(0, Math.min(round(x - low[i]), 1)));
  return { ...a, at: [low, high], weights: [upper.map((w) => round(1 - w)), upper] };
}

/** Keys' cubic convolution: inside the two middle taps, and outside them. */
const near = (x: number, A: number): number => ((A + 2) * x - (A + 3)) * x * x + 1;
const far = (x: number, A: number): number => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;

function cubic(a: Along): Taps {
  const { input, output, round } = a;
  const scale = scaleOf(a);
  const source = range(output).map((i) => sourceOf(i, scale, a));
  const low = source.map((x) => Math.min(Math.floor(x), input - 1));
  const t = source.map((x, i) => Math.max(0, Math.min(round(x - low[i]), 1)));
  return {
    ...a,
    at: [-1, 0, 1, 2].map((k) => low.map((i) => clamp(i + k, input))),
    weights: [
      t.map((x) => far(x + 1, -0.75)),
      t.map((x) => near(x, -0.75)),
      t.map((x) => near(1 - x, -0.75)),
      t.map((x) => far(2 - x, -0.75)),
    ],
  };
}

/** A filter that widens as the image shrinks, so that every input counts. */
const antialiased =
  (reach: number, filter: (x: number) => number) =>
  (a: Along): Taps => {
    const { input, output, round } = a;
    const scale = scaleOf(a);
    const support = scale >= 1 ? round(reach * scale) : reach;
    const inverse = scale >= 1 ? round(1 / scale) : 1;
    const windows = range(output).map((i) => {
      const center = round(scale * (i + 0.5));
      const first = Math.max(Math.trunc(round(center - support + 0.5)), 0);
      const size = Math.max(Math.min(Math.trunc(round(center + support + 0.5)), input) - first, 0);
      const weights = range(size).map((j) => round(filter(round((j + first - center + 0.5) * inverse))));
      const total = weights.reduce((x, y) => round(x + y), 0);
      return { first, weights: total === 0 ? weights : weights.map((w) => round(w / total)) };
    });
    const most = Math.max(0, ...windows.map((w) => w.weights.length));
    return {
      ...a,
      at: range(most).map((k) => windows.map((w) => clamp(w.first + k, input))),
      weights: range(most).map((k) => windows.map((w) => w.weights[k] ?? 0)),
    };
  };

const triangle = (x: number): number => Math.max(1 - Math.abs(x), 0);
const cubicFilter = (x: number): number => {
  const d = Math.abs(x);
  return d < 1 ? near(d, -0.5) : d < 2 ? far(d, -0.5) : 0;
};

/** Up to this many taps are gathered one by one; more are a product with the matrix of their weights. */
const MOST_GATHERED = 4;

const indexOf = (list: readonly number[], like: Tensor): Tensor =>
  fromTypedArray(BigInt64Array.from(list, BigInt), [list.length], 'int64', like.backend);

function weightsOf(list: readonly number[], shape: Shape, like: Tensor): Tensor {
  return fromTypedArray(toTypedArray(list, like.dtype), shape, like.dtype, like.backend);
}

const isIdentity = ({ at, weights, input, output }: Taps): boolean =>
  weights === null && input === output && at[0].every((k, i) => k === i);

/** The matrix of the weights, [input, output]. */
function matrixOf({ at, weights, input, output }: Taps, like: Tensor): Tensor {
  const flat = new Float64Array(input * output);
  at.forEach((places, k) => {
    places.forEach((place, i) => {
      flat[place * output + i] += weights === null ? 1 : weights[k][i];
    });
  });
  return weightsOf([...flat], [input, output], like);
}

const columnShape = (n: number, dim: number, rank: number): number[] =>
  Array.from({ length: rank }, (_, d) => (d === dim ? n : 1));

function resampled(x: Tensor, dim: number, taps: Taps): Tensor {
  if (isIdentity(taps)) return x;
  const { at, weights, output } = taps;
  if (at.length > MOST_GATHERED)
    return x.transpose(dim, -1).matmul(matrixOf(taps, x)).transpose(dim, -1) as Tensor;
  const shape = columnShape(output, dim, x.shape.length);
  let sum: Tensor | null = null;
  at.forEach((places, k) => {
    const taken = x.index_select(dim, indexOf(places, x)) as Tensor;
    const part = weights === null ? taken : taken.mul(weightsOf(weights[k], shape, x));
    sum = sum === null ? part : (sum as Tensor).add(part);
  });
  return sum!;
}

/** The transpose of `resampled`: each output's gradient goes to its taps. */
function gathered(grad: Tensor, dim: number, taps: Taps): Tensor {
  if (isIdentity(taps)) return grad;
  const { at, weights, input, output } = taps;
  if (at.length > MOST_GATHERED)
    return grad.transpose(dim, -1).matmul(matrixOf(taps, grad).t()).transpose(dim, -1) as Tensor;
  const shape = columnShape(output, dim, grad.shape.length);
  let sum: Tensor = grad.new_zeros(grad.shape.map((n, d) => (d === dim ? input : n)));
  at.forEach((places, k) => {
    const part = weights === null ? grad : grad.mul(weightsOf(weights[k], shape, grad));
    sum = sum.index_add(dim, indexOf(places, grad), part);
  });
  return sum;
}

interface Mode {
  readonly name: string;
  readonly dims: 1 | 2 | 3;
  readonly taps: (a: Along) => Taps;
  /** Whether the operator takes `align_corners`. */
  readonly aligns: boolean;
  readonly integers?: boolean;
}

const modes: readonly Mode[] = [
  ...([1, 2, 3] as const).flatMap((dims) => [
    { name: `upsample_nearest${dims}d`, dims, taps: nearest(0), aligns: false, integers: true },
    { name: `_upsample_nearest_exact${dims}d`, dims, taps: nearest(0.5), aligns: false, integers: true },
  ]),
  { name: 'upsample_linear1d', dims: 1, taps: linear, aligns: true },
  { name: 'upsample_bilinear2d', dims: 2, taps: linear, aligns: true },
  { name: 'upsample_trilinear3d', dims: 3, taps: linear, aligns: true },
  { name: 'upsample_bicubic2d', dims: 2, taps: cubic, aligns: true },
  { name: '_upsample_bilinear2d_aa', dims: 2, taps: antialiased(1, triangle), aligns: true },
  { name: '_upsample_bicubic2d_aa', dims: 2, taps: antialiased(2, cubicFilter), aligns: true },
];

interface Scales {
  readonly scales?: number | null;
  readonly scales_d?: number | null;
  readonly scales_h?: number | null;
  readonly scales_w?: number | null;
}

const scaleNames = {
  1: ['scales'],
  2: ['scales_h', 'scales_w'],
  3: ['scales_d', 'scales_h', 'scales_w'],
} as const;

const factorsOf = ({ dims }: Mode, scales: Scales): (number | null)[] =>
  scaleNames[dims].map((name) => scales[name] ?? null);

const letters = ['D', 'H', 'W'];
const spell = (sizes: Shape): string =>
  sizes.map((n, i) => `${letters[i + 3 - sizes.length]}: ${n}`).join(', ');

function check({ name, dims }: Mode, input: Shape, output: Shape): void {
  if (output.length !== dims)
    throw new TorchError(`It is expected output_size equals to ${dims}, but got size ${output.length}`);
  if (input.length !== dims + 2)
    throw new TorchError(`It is expected input_size equals to ${dims + 2}, but got size ${input.length}`);
  const sizes = input.slice(2);
  if (sizes.some((n) => n <= 0) || output.some((n) => n <= 0))
    throw new TorchError(
      `Input and output sizes should be greater than 0, but got input (${spell(sizes)}) output (${spell(output)})`,
    );
  if (input[1] === 0)
    throw new TorchError(
      `Non-empty ${dims + 2}D data tensor expected but got a tensor with sizes [${input.join(', ')}]`,
    );
  void name;
}

const roundingOf = (dtype: DType): ((x: number) => number) => (dtype === 'float64' ? exactly : Math.fround);

const tapsOf = (
  mode: Mode,
  dtype: DType,
  input: Shape,
  output: Shape,
  align: boolean,
  scales: Scales,
): Taps[] =>
  factorsOf(mode, scales).map((factor, d) =>
    mode.taps({ input: input[d + 2], output: output[d], align, factor, round: roundingOf(dtype) }),
  );

/** 16-bit floats are widened on the way, and integers where weights are fractions. */
function workingType(mode: Mode, dtype: DType): DType {
  if (mode.integers || dtype === 'float32' || dtype === 'float64') return dtype;
  if (!isFloat(dtype) && dtype !== 'uint8')
    throw new TorchError(`"${mode.name}" not implemented for '${dtype}'`);
  return 'float32';
}

function upsample(mode: Mode, self: Tensor, output: Shape, align: boolean, scales: Scales): Tensor {
  refuseUnrecorded(mode.name, [self]);
  check(mode, self.shape, output);
  const taps = tapsOf(mode, self.dtype, self.shape, output, align, scales);
  if (numelOf(self.shape) === 0) return self.new_empty([self.shape[0], self.shape[1], ...output]);
  const work = workingType(mode, self.dtype);
  let x = work === self.dtype ? self : (self.to(work) as Tensor);
  for (let d = mode.dims - 1; d >= 0; d--) {
    x = resampled(x, d + 2, taps[d]);
    // Bytes are rounded, halves up, after each dim.
    if (self.dtype === 'uint8' && work !== 'uint8') x = x.add(0.5).floor().clamp(0, 255);
  }
  x = x.to(self.dtype);
  const last = isChannelsLast(self.shape, self.strides) && !isContiguous(self.shape, self.strides);
  const out = x.contiguous({
    memory_format: last ? (mode.dims === 3 ? 'channels_last_3d' : 'channels_last') : 'contiguous_format',
  }) as Tensor;
  return out === self ? (self.clone() as Tensor) : out;
}

function upsampleBackward(
  mode: Mode,
  grad: Tensor,
  output: Shape,
  input: Shape,
  align: boolean,
  scales: Scales,
): Tensor {
  refuseUnrecorded(`${mode.name}_backward`, [grad]);
  check(mode, input, output);
  const expected = [input[0], input[1], ...output];
  expected.forEach((n, d) => {
    if (grad.shape[d] !== n)
      throw new TorchError(
        `Expected grad_output to have the same shape as output; output.size(${d}) = ${n} but got grad_output.size(${d}) = ${grad.shape[d]}`,
      );
  });
  const taps = tapsOf(mode, grad.dtype, input, output, align, scales);
  const wide = grad.dtype === 'float16' || grad.dtype === 'bfloat16';
  let x = wide ? (grad.to('float32') as Tensor) : grad;
  for (let d = 0; d < mode.dims; d++) x = gathered(x, d + 2, taps[d]);
  x = x.to(grad.dtype).contiguous();
  return x === grad ? (grad.clone() as Tensor) : x;
}

/** What `output_size` or `scale_factors` ask for: exactly one of the two is given. */
function sizesOf(input: Shape, output_size: Shape | null, scale_factors: readonly number[] | null): number[] {
  const spatial = input.length - 2;
  if (output_size !== null) {
    if (scale_factors !== null)
      throw new TorchError('Must specify exactly one of output_size and scale_factors');
    if (output_size.length !== spatial)
      throw new TorchError(
        `It is expected output_size equals to ${spatial}, but got size ${output_size.length}`,
      );
    return [...output_size];
  }
  if (scale_factors === null)
    throw new TorchError('Must specify exactly one of output_size and scale_factors');
  if (scale_factors.length !== spatial)
    throw new TorchError(
      `It is expected scale_factors equals to ${spatial}, but got size ${scale_factors.length}`,
    );
  return scale_factors.map((s, d) => Math.floor(input[d + 2] * s));
}

const nodeName = (name: string): string =>
  `${name
    .replace(/^_/, '')
    .split('_')
    .map((part) => part[0].toUpperCase() + part.slice(1))
    .join('')
    .replace(/(\d)d/, '$1D')}Backward0`;

/** The families share their definitions; the texts differ in the number of dims and in `align_corners`. */
function operatorsOf(mode: Mode) {
  const { name, dims, aligns } = mode;
  const align = aligns ? 'bool align_corners, ' : '';
  const scales = scaleNames[dims].map((s) => `float? ${s}=None`).join(', ');
  type Forward =
    'f(Tensor self, SymInt[2] output_size, bool align_corners, float? scales, float? scales_d, float? scales_h, float? scales_w) -> Tensor';
  type Backward =
    'f(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales, float? scales_d, float? scales_h, float? scales_w) -> Tensor';
  type Vector =
    'f(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor';
  const backward = `aten::${name}_backward`;
  const tail = (a: Scales & { align_corners: boolean }): unknown[] => [
    ...(aligns ? [a.align_corners] : []),
    ...factorsOf(mode, a),
  ];
  return [
    op(
      `${name}.vec(Tensor input, SymInt[]? output_size, ${align}float[]? scale_factors) -> Tensor` as Vector,
      {
        define: ({ input, output_size, align_corners, scale_factors }) =>
          callOperator(findOperator(`aten::${name}`)!, [
            input,
            sizesOf(input.shape, output_size, scale_factors),
            ...(aligns ? [align_corners] : []),
            ...(scale_factors ?? new Array(dims).fill(null)),
          ]),
      },
    ),
    op(`${name}(Tensor self, SymInt[${dims}] output_size, ${align}${scales}) -> Tensor` as Forward, {
      define: ({ self, output_size, align_corners, ...factors }) =>
        upsample(mode, self, output_size, align_corners ?? false, factors),
      grad: {
        self: ({ grad, self, output_size, align_corners, scales, scales_d, scales_h, scales_w }) =>
          callOperator(findOperator(backward)!, [
            grad,
            output_size,
            self.shape,
            ...tail({ align_corners, scales, scales_d, scales_h, scales_w }),
          ]) as Tensor,
      },
      gradName: nodeName(name),
    }),
    op(
      `${name}_backward(Tensor grad_output, SymInt[${dims}] output_size, SymInt[${dims + 2}] input_size, ${align}${scales}) -> Tensor` as Backward,
      {
        define: ({ grad_output, output_size, input_size, align_corners, ...factors }) =>
          upsampleBackward(mode, grad_output, output_size, input_size, align_corners ?? false, factors),
        grad: {
          grad_output: ({ grad, output_size, align_corners, scales, scales_d, scales_h, scales_w }) =>
            callOperator(findOperator(`aten::${name}`)!, [
              grad,
              output_size,
              ...tail({ align_corners, scales, scales_d, scales_h, scales_w }),
            ]) as Tensor,
        },
        gradName: nodeName(`${name}_backward`),
      },
    ),
  ].flat();
}

export const upsamples = modes.flatMap(operatorsOf);
