/** One convolution: what its arguments must be, the kernel that runs it, and what of that is kept with its weight. */
import type { Backend, ConvKernel, Executable, View } from '../backend/backend.ts';
import { TorchError } from '../errors.ts';
import { computeType, type Expr } from '../expr/expr.ts';
import { compileProduct } from '../kernel/compile.ts';
import { expandTo } from '../kernel/elementwise.ts';
import { broadcastsTo, type Epilogue, finishOf } from '../kernel/epilogue.ts';
import { oneBackend } from '../kernel/guard.ts';
import { precisionOf } from '../kernel/precision.ts';
import { emptyStrided } from '../tensor/create.ts';
import type { DType } from '../tensor/dtype.ts';
import {
  channelsLastOrder,
  contiguousStrides,
  isChannelsLast,
  isContiguous,
  type Shape,
  sameShape,
  stridesInOrder,
} from '../tensor/layout.ts';
import { materialise, type Storage } from '../tensor/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** The arguments beside the tensors, lists as they are given. */
export interface Window {
  readonly stride: Shape;
  readonly padding: Shape;
  readonly dilation: Shape;
  readonly transposed: boolean;
  readonly output_padding: Shape;
  readonly groups: number;
}

export const filled = (list: Shape, dims: number): number[] =>
  list.length === 1 ? new Array(dims).fill(list[0]) : [...list];

const span = (window: Shape, dilation: Shape): number[] => window.map((k, d) => dilation[d] * (k - 1) + 1);

export function outputSizes(input: Shape, window: Shape, w: Window): number[] {
  const spans = span(window, w.dilation);
  return window.map((_, d) =>
    w.transposed
      ? (input[d] - 1) * w.stride[d] - 2 * w.padding[d] + spans[d] + w.output_padding[d]
      : Math.floor((input[d] + 2 * w.padding[d] - spans[d]) / w.stride[d]) + 1,
  );
}

function check(input: Tensor, weight: Tensor, bias: Tensor | null, w: Window): void {
  const { shape } = weight;
  const rank = shape.length;
  const list = (s: Shape): string => `[${s.join(', ')}]`;
  if (input.dtype !== weight.dtype || (bias && bias.dtype !== input.dtype))
    throw new TorchError(
      `Input type (${input.dtype}) and ${input.dtype !== weight.dtype ? 'weight' : 'bias'} type (${(input.dtype !== weight.dtype ? weight : bias!).dtype}) should be the same`,
    );
  if (w.stride.some((s) => s <= 0)) throw new TorchError('non-positive stride is not supported');
  if (w.padding.some((p) => p < 0)) throw new TorchError('negative padding is not supported');
  if (w.dilation.some((d) => d <= 0)) throw new TorchError('dilation should be greater than zero');
  if (w.groups <= 0) throw new TorchError('non-positive groups is not supported');
  if (input.shape.length !== rank)
    throw new TorchError(
      `Expected ${rank}-dimensional input for ${rank}-dimensional weight ${list(shape)}, but got ${input.shape.length}-dimensional input of size ${list(input.shape)} instead`,
    );
  const outChannels = w.transposed ? shape[1] * w.groups : shape[0];
  if (shape[0] < w.groups)
    throw new TorchError(
      `Given groups=${w.groups}, expected weight to be at least ${w.groups} at dimension 0, but got weight of size ${list(shape)} instead`,
    );
  if (shape[0] % w.groups !== 0)
    throw new TorchError(
      `Given groups=${w.groups}, expected weight to be divisible by ${w.groups} at dimension 0, but got weight of size ${list(shape)} instead`,
    );
  const channels = w.transposed ? shape[0] : shape[1] * w.groups;
  if (input.shape[1] !== channels)
    throw new TorchError(
      `Given ${w.transposed ? 'transposed=1' : `groups=${w.groups}`}, weight of size ${list(shape)}, expected input${list(input.shape)} to have ${channels} channels, but got ${input.shape[1]} channels instead`,
    );
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outChannels))
    throw new TorchError(
      `Given ${w.transposed ? 'transposed=1' : `weight of size ${list(shape)}`}, expected bias to be 1-dimensional with ${outChannels} elements, but got bias of size ${list(bias.shape)} instead`,
    );
  if (!w.transposed) {
    const padded = input.shape.slice(2).map((n, d) => n + 2 * w.padding[d]);
    const spans = span(shape.slice(2), w.dilation);
    if (padded.some((n, d) => n < spans[d]))
      throw new TorchError(
        `Calculated padded input size per channel: (${padded.join(' x ')}). Kernel size: (${spans.join(' x ')}). Kernel size can't be greater than actual input size`,
      );
  }
}

/** The same with a number for each dim where one was given for all. */
export function windowOf(weight: Tensor, args: Window): Window {
  const dims = weight.shape.length - 2;
  return {
    stride: filled(args.stride, dims),
    padding: filled(args.padding, dims),
    dilation: filled(args.dilation, dims),
    transposed: args.transposed,
    output_padding: filled(args.output_padding, dims),
    groups: args.groups,
  };
}

/** A convolution that was worked out for operands of these layouts, kept with the weight: networks call it with the same again. */
interface Plan {
  readonly input: Pick<Tensor, 'dtype' | 'shape' | 'strides'>;
  readonly weight: Shape;
  readonly bias: DType | undefined;
  readonly window: Window;
  readonly epilogue: Expr | undefined;
  readonly operands: readonly Shape[];
  readonly backend: Backend;
  readonly precision: ConvKernel['precision'];
  readonly shape: Shape;
  readonly strides: Shape;
  readonly run: Executable;
}
const plans = new WeakMap<Storage, Plan>();

function fits(plan: Plan, { input, weight, bias, w, epilogue }: Operands, backend: Backend): boolean {
  const { window } = plan;
  if (plan.backend !== backend || plan.precision !== precisionOf(backend)) return false;
  if (plan.input.dtype !== input.dtype || plan.bias !== bias?.dtype || plan.epilogue !== epilogue?.expr)
    return false;
  if (!sameShape(plan.input.shape, input.shape) || !sameShape(plan.input.strides, input.strides))
    return false;
  if (!sameShape(plan.weight, weight.shape) || weight.dtype !== input.dtype) return false;
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== plan.shape[1])) return false;
  if (window.transposed !== w.transposed || window.groups !== w.groups) return false;
  if (!sameShape(window.stride, w.stride) || !sameShape(window.padding, w.padding)) return false;
  if (!sameShape(window.dilation, w.dilation) || !sameShape(window.output_padding, w.output_padding))
    return false;
  const others = epilogue?.operands ?? [];
  return (
    plan.operands.length === others.length && others.every((o, i) => sameShape(o.shape, plan.operands[i]))
  );
}

interface Operands {
  readonly input: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly w: Window;
  readonly epilogue: Epilogue | undefined;
}

function planOf({ input, weight, bias, w: args, epilogue }: Operands, backend: Backend): Plan | undefined {
  const w = windowOf(weight, args);
  check(input, weight, bias, w);
  const window = weight.shape.slice(2);
  const channels = w.transposed ? weight.shape[1] * w.groups : weight.shape[0];
  const sizes = outputSizes(input.shape.slice(2), window, w);
  if (sizes.some((n) => n < 0))
    throw new TorchError(
      `Given input size per channel: (${input.shape.slice(2).join(' x ')}). Calculated output size per channel: (${sizes.join(' x ')}). Output size is too small`,
    );
  const shape = [input.shape[0], channels, ...sizes];
  if (epilogue && !epilogue.operands.every((o) => broadcastsTo(o.shape, shape))) return undefined;
  const last = isChannelsLast(input.shape, input.strides) && !isContiguous(input.shape, input.strides);
  const finish = finishOf(input.dtype, bias?.dtype, epilogue);
  const precision = precisionOf(backend);
  return {
    input: { dtype: input.dtype, shape: [...input.shape], strides: [...input.strides] },
    weight: [...weight.shape],
    bias: bias?.dtype,
    window: {
      stride: [...args.stride],
      padding: [...args.padding],
      dilation: [...args.dilation],
      output_padding: [...args.output_padding],
      transposed: args.transposed,
      groups: args.groups,
    },
    epilogue: epilogue?.expr,
    operands: epilogue?.operands.map((o) => [...o.shape]) ?? [],
    backend,
    precision,
    shape,
    strides: last ? stridesInOrder(shape, channelsLastOrder(shape.length)) : contiguousStrides(shape),
    run: compileProduct(backend, {
      kind: 'conv',
      dims: window.length as 1 | 2 | 3,
      transposed: w.transposed,
      groups: w.groups,
      stride: w.stride,
      padding: w.padding,
      dilation: w.dilation,
      dtype: input.dtype,
      accumulate: computeType(input.dtype),
      ...(finish && { finish }),
      ...(precision && { precision }),
    }),
  };
}

/** With an epilogue whose operands do not fit the result, undefined. */
export function convolve(input: Tensor, weight: Tensor, bias: Tensor | null, w: Window): Tensor;
export function convolve(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  w: Window,
  epilogue: Epilogue,
): Tensor | undefined;
export function convolve(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  w: Window,
  epilogue?: Epilogue,
): Tensor | undefined {
  const backend = oneBackend('convolution', bias ? [input, weight, bias] : [input, weight]);
  const operands = { input, weight, bias, w, epilogue };
  let plan = plans.get(weight.storage);
  if (!plan || !fits(plan, operands, backend)) {
    plan = planOf(operands, backend);
    if (!plan) return undefined;
    plans.set(weight.storage, plan);
  }
  const { shape } = plan;
  const out = emptyStrided(shape, plan.strides, input.dtype, backend);
  const inputs: View[] = [input, weight];
  if (bias)
    inputs.push({
      memory: materialise(bias.storage),
      dtype: bias.dtype,
      shape,
      strides: shape.map((_, d) => (d === 1 ? bias.strides[0] : 0)),
      offset: bias.offset,
    });
  if (epilogue) for (const o of epilogue.operands) inputs.push(expandTo(o, shape));
  plan.run([out], inputs);
  return out;
}
