/** Convolutions. Their gradients are convolutions on other views, so every order of derivative follows. */
import type { View } from '../backend/backend.ts';
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { computeType } from '../expr/expr.ts';
import { compileProduct } from '../kernel/compile.ts';
import { expandTo } from '../kernel/elementwise.ts';
import { broadcastsTo, type Epilogue, finishOf } from '../kernel/epilogue.ts';
import { oneBackend } from '../kernel/guard.ts';
import { precisionOf } from '../kernel/precision.ts';
import { empty, emptyStrided } from '../tensor/create.ts';
import {
  channelsLastOrder,
  isChannelsLast,
  isContiguous,
  type Shape,
  stridesInOrder,
} from '../tensor/layout.ts';
import { materialise } from '../tensor/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';

interface Window {
  readonly stride: Shape;
  readonly padding: Shape;
  readonly dilation: Shape;
  readonly transposed: boolean;
  readonly output_padding: Shape;
  readonly groups: number;
}

const filled = (list: Shape, dims: number): number[] =>
  list.length === 1 ? new Array(dims).fill(list[0]) : [...list];

const span = (window: Shape, dilation: Shape): number[] => window.map((k, d) => dilation[d] * (k - 1) + 1);

function outputSizes(input: Shape, window: Shape, w: Window): number[] {
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

/** With an epilogue whose operands do not fit the result, undefined. */
function convolve(input: Tensor, weight: Tensor, bias: Tensor | null, w: Window): Tensor;
function convolve(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  w: Window,
  epilogue: Epilogue,
): Tensor | undefined;
function convolve(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  w: Window,
  epilogue?: Epilogue,
): Tensor | undefined {
  check(input, weight, bias, w);
  const backend = oneBackend('convolution', bias ? [input, weight, bias] : [input, weight]);
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
  const out = last
    ? emptyStrided(shape, stridesInOrder(shape, channelsLastOrder(shape.length)), input.dtype, backend)
    : empty(shape, input.dtype, backend);
  const accumulate = computeType(input.dtype);
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
  const finish = finishOf(input.dtype, bias?.dtype, epilogue);
  const precision = precisionOf(backend);
  compileProduct(backend, {
    kind: 'conv',
    dims: window.length as 1 | 2 | 3,
    transposed: w.transposed,
    groups: w.groups,
    stride: w.stride,
    padding: w.padding,
    dilation: w.dilation,
    dtype: input.dtype,
    accumulate,
    ...(finish && { finish }),
    ...(precision && { precision }),
  })([out], inputs);
  return out;
}

const call = (input: Tensor, weight: Tensor, bias: Tensor | null, w: Window): Tensor =>
  callOperator(findOperator('aten::convolution')!, [
    input, weight, bias, w.stride, w.padding, w.dilation, w.transposed, w.output_padding, w.groups,
  ]) as Tensor; // biome-ignore format: one call

/** Cuts each window dim to `sizes`. */
function cutTo(t: Tensor, sizes: Shape): Tensor {
  let out = t;
  sizes.forEach((n, d) => {
    if (out.shape[d + 2] > n) out = out.narrow(d + 2, 0, n);
  });
  return out;
}

/** The adjoint in the input: a convolution of the other kind. */
function inputGradient(grad: Tensor, input: Shape, weight: Tensor, w: Window): Tensor {
  const sizes = input.slice(2);
  const none = sizes.map(() => 0);
  if (w.transposed)
    return cutTo(call(grad, weight, null, { ...w, transposed: false, output_padding: none }), sizes);
  const back = { ...w, transposed: true, output_padding: none };
  const reached = outputSizes(grad.shape.slice(2), weight.shape.slice(2), back);
  return call(grad, weight, null, { ...back, output_padding: sizes.map((n, d) => n - reached[d]) });
}

/**
 * The gradient of the weight: the input's channels become the batch, the batch the channels, and the output's
 * gradient slides over it; stride and dilation change places.
 */
function weightGradient(grad: Tensor, input: Tensor, weight: Shape, w: Window): Tensor {
  const [x, g] = w.transposed ? [grad, input] : [input, grad];
  const { groups } = w;
  const [n, channels, ...sizes] = x.shape;
  const batch =
    groups === 1
      ? x.transpose(0, 1)
      : x
          .reshape([n, groups, channels / groups, ...sizes])
          .transpose(0, 2)
          .reshape([channels / groups, groups * n, ...sizes]);
  const swapped = {
    stride: w.dilation,
    padding: w.padding,
    dilation: w.stride,
    transposed: false,
    output_padding: w.output_padding.map(() => 0),
    groups,
  };
  return cutTo(call(batch, g.transpose(0, 1), null, swapped), weight.slice(2)).transpose(0, 1);
}

function windowOf(
  weight: Tensor,
  args: {
    stride: Shape;
    padding: Shape;
    dilation: Shape;
    transposed: boolean;
    output_padding: Shape;
    groups: number;
  },
): Window {
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

const biasGradient = (grad: Tensor): Tensor => grad.sum([0, ...grad.shape.slice(2).map((_, d) => d + 2)]);

/** The convolution with its epilogue, of a batch; one sample alone is left to the definition. */
const finished = (
  args: { readonly input: Tensor; readonly weight: Tensor; readonly bias: Tensor | null },
  window: Parameters<typeof windowOf>[1],
  epilogue: Epilogue,
): Tensor | undefined =>
  args.input.shape.length === args.weight.shape.length
    ? convolve(args.input, args.weight, args.bias, windowOf(args.weight, window), epilogue)
    : undefined;

/** What `conv1d`, `conv2d` and `conv3d` leave out. */
const forward = { transposed: false, output_padding: [0] };

interface ConvArgs {
  readonly input: Tensor;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly stride: Shape;
  readonly dilation: Shape;
  readonly groups: number;
}

/** One sample without a batch dim is a batch of one. */
function batched(input: Tensor, dims: number, name: string, run: (x: Tensor) => Tensor): Tensor {
  if (input.shape.length === dims + 2) return run(input);
  if (input.shape.length === dims + 1) return run(input.unsqueeze(0)).squeeze(0);
  throw new TorchError(
    `Expected ${dims + 1}D (unbatched) or ${dims + 2}D (batched) input to ${name}, but got input of size: [${input.shape.join(', ')}]`,
  );
}

const conv = (
  dims: number,
  { input, weight, bias, stride, dilation, groups }: ConvArgs,
  padding: Shape,
): Tensor =>
  batched(input, dims, `conv${dims}d`, (x) =>
    call(
      x,
      weight,
      bias,
      windowOf(weight, {
        stride,
        padding,
        dilation,
        transposed: false,
        output_padding: new Array(dims).fill(0),
        groups,
      }),
    ),
  );

/** `padding='same'`: as much on both sides, the odd one after. */
function convNamed(dims: number, args: ConvArgs, padding: string): Tensor {
  if (padding === 'valid') return conv(dims, args, new Array(dims).fill(0));
  if (padding !== 'same') throw new TorchError(`Invalid padding string: '${padding}'`);
  if (args.stride.some((s) => s !== 1))
    throw new TorchError("padding='same' is not supported for strided convolutions");
  const dilation = filled(args.dilation, dims);
  const total = args.weight.shape.slice(2).map((k, d) => dilation[d] * (k - 1));
  const before = total.map((t) => Math.floor(t / 2));
  if (total.every((t) => t % 2 === 0)) return conv(dims, args, before);
  const extra = total.flatMap((t) => [0, t % 2]);
  const pad = [];
  for (let d = dims - 1; d >= 0; d--) pad.push(extra[2 * d], extra[2 * d + 1]);
  return conv(dims, { ...args, input: args.input.constant_pad_nd(pad, 0) }, before);
}

const convTranspose = (dims: number, args: ConvArgs, padding: Shape, output_padding: Shape): Tensor =>
  batched(args.input, dims, `conv_transpose${dims}d`, (x) => {
    const w = windowOf(args.weight, { ...args, padding, transposed: true, output_padding });
    w.output_padding.forEach((p, d) => {
      if (p >= Math.max(w.stride[d], w.dilation[d]))
        throw new TorchError(
          `output padding must be smaller than either stride or dilation, but got output_padding: ${p}, stride: ${w.stride[d]}, dilation: ${w.dilation[d]}`,
        );
    });
    return call(x, args.weight, args.bias, w);
  });

export const convolutions = [
  op(
    'convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor',
    {
      define: (args) => convolve(args.input, args.weight, args.bias, windowOf(args.weight, args)),
      finish: (args, epilogue) => finished(args, args, epilogue),
      grad: ({
        grad,
        input,
        weight,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
        needs,
      }) => {
        const w = windowOf(weight, { stride, padding, dilation, transposed, output_padding, groups });
        return {
          input: needs.input ? inputGradient(grad, input.shape, weight, w) : null,
          weight: needs.weight ? weightGradient(grad, input, weight.shape, w) : null,
          bias: needs.bias ? biasGradient(grad) : null,
        };
      },
    },
  ),
  op(
    'convolution_backward(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? bias_sizes, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool[3] output_mask) -> (Tensor, Tensor, Tensor)',
    {
      define: (args) => {
        const w = windowOf(args.weight, args);
        const [x, k, b] = args.output_mask;
        return [
          x ? inputGradient(args.grad_output, args.input.shape, args.weight, w) : null,
          k ? weightGradient(args.grad_output, args.input, args.weight.shape, w).contiguous() : null,
          b ? biasGradient(args.grad_output) : null,
        ];
      },
    },
  ),
  op(
    '_convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool benchmark, bool deterministic, bool cudnn_enabled, bool allow_tf32) -> Tensor',
    {
      define: (args) =>
        batched(args.input, args.weight.shape.length - 2, 'convolution', (x) =>
          call(x, args.weight, args.bias, windowOf(args.weight, args)),
        ),
      finish: (args, epilogue) => finished(args, args, epilogue),
    },
  ),
  op(
    '_convolution_mode(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, str padding, SymInt[] dilation, SymInt groups) -> Tensor',
    {
      define: (args) => convNamed(args.weight.shape.length - 2, args, args.padding),
    },
  ),
  op(
    '_convolution.deprecated(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, int[] output_padding, SymInt groups, bool benchmark, bool deterministic, bool cudnn_enabled) -> Tensor',
    {
      define: (args) =>
        batched(args.input, args.weight.shape.length - 2, 'convolution', (x) =>
          call(x, args.weight, args.bias, windowOf(args.weight, args)),
        ),
      finish: (args, epilogue) => finished(args, args, epilogue),
    },
  ),
  op(
    'conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor',
    {
      define: (args) => conv(1, args, args.padding),
      finish: (args, epilogue) => finished(args, { ...args, ...forward }, epilogue),
    },
  ),
  op(
    'conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor',
    {
      define: (args) => convNamed(1, args, args.padding),
    },
  ),
  op(
    'conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor',
    {
      define: (args) => conv(2, args, args.padding),
      finish: (args, epilogue) => finished(args, { ...args, ...forward }, epilogue),
    },
  ),
  op(
    'conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor',
    {
      define: (args) => convNamed(2, args, args.padding),
    },
  ),
  op(
    'conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor',
    {
      define: (args) => conv(3, args, args.padding),
      finish: (args, epilogue) => finished(args, { ...args, ...forward }, epilogue),
    },
  ),
  op(
    'conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str padding="valid", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor',
    {
      define: (args) => convNamed(3, args, args.padding),
    },
  ),
  op(
    'conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor',
    {
      define: (args) => convTranspose(1, args, args.padding, args.output_padding),
    },
  ),
  op(
    'conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor',
    {
      define: (args) => convTranspose(2, args, args.padding, args.output_padding),
    },
  ),
  op(
    'conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor',
    {
      define: (args) => convTranspose(3, args, args.padding, args.output_padding),
    },
  ),
].flat();
