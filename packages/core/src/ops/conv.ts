/** Convolutions. Their gradients are convolutions on other views, so every order of derivative follows. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import type { Epilogue } from '../kernel/epilogue.ts';
import type { Shape } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { convolve, filled, outputSizes, type Window, windowOf } from './convolve.ts';

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

const biasGradient = (grad: Tensor): Tensor => grad.sum([0, ...grad.shape.slice(2).map((_, d) => d + 2)]);

/** The convolution with its epilogue, of a batch; one sample alone is left to the definition. */
const finished = (
  args: { readonly input: Tensor; readonly weight: Tensor; readonly bias: Tensor | null },
  window: Window,
  epilogue: Epilogue,
): Tensor | undefined =>
  args.input.shape.length === args.weight.shape.length
    ? convolve(args.input, args.weight, args.bias, window, epilogue)
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
      define: (args) => convolve(args.input, args.weight, args.bias, args),
      followsLayouts: true,
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
      followsLayouts: true,
      finish: (args, epilogue) => finished(args, args, epilogue),
    },
  ),
  op(
    '_convolution_mode(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, str padding, SymInt[] dilation, SymInt groups) -> Tensor',
    {
      define: (args) => convNamed(args.weight.shape.length - 2, args, args.padding),
      followsLayouts: true,
    },
  ),
  op(
    '_convolution.deprecated(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, int[] output_padding, SymInt groups, bool benchmark, bool deterministic, bool cudnn_enabled) -> Tensor',
    {
      define: (args) =>
        batched(args.input, args.weight.shape.length - 2, 'convolution', (x) =>
          call(x, args.weight, args.bias, windowOf(args.weight, args)),
        ),
      followsLayouts: true,
      finish: (args, epilogue) => finished(args, args, epilogue),
    },
  ),
  op(
    'conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor',
    {
      define: (args) => conv(1, args, args.padding),
      followsLayouts: true,
      finish: (args, epilogue) => finished(args, { ...args, ...forward }, epilogue),
    },
  ),
  op(
    'conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor',
    {
      define: (args) => convNamed(1, args, args.padding),
      followsLayouts: true,
    },
  ),
  op(
    'conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor',
    {
      define: (args) => conv(2, args, args.padding),
      followsLayouts: true,
      finish: (args, epilogue) => finished(args, { ...args, ...forward }, epilogue),
    },
  ),
  op(
    'conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor',
    {
      define: (args) => convNamed(2, args, args.padding),
      followsLayouts: true,
    },
  ),
  op(
    'conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor',
    {
      define: (args) => conv(3, args, args.padding),
      followsLayouts: true,
      finish: (args, epilogue) => finished(args, { ...args, ...forward }, epilogue),
    },
  ),
  op(
    'conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str padding="valid", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor',
    {
      define: (args) => convNamed(3, args, args.padding),
      followsLayouts: true,
    },
  ),
  op(
    'conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor',
    {
      define: (args) => convTranspose(1, args, args.padding, args.output_padding),
      followsLayouts: true,
    },
  ),
  op(
    'conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor',
    {
      define: (args) => convTranspose(2, args, args.padding, args.output_padding),
      followsLayouts: true,
    },
  ),
  op(
    'conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor',
    {
      define: (args) => convTranspose(3, args, args.padding, args.output_padding),
      followsLayouts: true,
    },
  ),
].flat();
