/** Pooling over windows: largest, average, adaptive. */
import { is_grad_enabled } from '../autograd/mode.ts';
import { callOperator } from '../dispatch/call.ts';
import { findOperator, named, op } from '../dispatch/operator.ts';
import { IndexError, TorchError } from '../errors.ts';
import { compile } from '../kernel/compile.ts';
import { refuseUnrecorded } from '../kernel/guard.ts';
import { emptyStrided, fromTypedArray, toTypedArray } from '../tensor/create.ts';
import {
  channelsLastOrder,
  contiguousStrides,
  isChannelsLast,
  isContiguous,
  numelOf,
  type Shape,
  stridesInOrder,
} from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { catOf } from './join.ts';

interface Window {
  readonly window: number[];
  readonly stride: number[];
  readonly padding: number[];
  readonly dilation: number[];
}

const spread = (list: Shape, dims: number): number[] =>
  list.length === 1 ? new Array(dims).fill(list[0]) : [...list];

function windowOf(
  name: string,
  dims: number,
  kernel: Shape,
  stride: Shape,
  padding: Shape,
  dilation: Shape,
): Window {
  const window = spread(kernel, dims);
  const out = {
    window,
    stride: stride.length === 0 ? window : spread(stride, dims),
    padding: spread(padding, dims),
    dilation: spread(dilation, dims),
  };
  if (out.window.some((k) => k <= 0))
    throw new TorchError(`${name}: kernel size should be greater than zero, but got [${window.join(', ')}]`);
  if (out.stride.some((s) => s <= 0)) throw new TorchError('stride should not be zero');
  if (out.dilation.some((d) => d <= 0))
    throw new TorchError(`dilation should be greater than zero, but got [${out.dilation.join(', ')}]`);
  out.padding.forEach((p, d) => {
    if (p < 0 || p > (out.dilation[d] * (window[d] - 1) + 1) / 2)
      throw new TorchError(
        p < 0
          ? `pad must be non-negative, but got pad: ${p}`
          : `pad should be at most half of effective kernel size, but got pad=${p}, kernel_size=${window[d]} and dilation=${out.dilation[d]}`,
      );
  });
  return out;
}

function outputSizes(input: Shape, { window, stride, padding, dilation }: Window, ceil: boolean): number[] {
  return window.map((k, d) => {
    const reach = input[d] + 2 * padding[d] - dilation[d] * (k - 1) - 1;
    let n = Math.floor((reach + (ceil ? stride[d] - 1 : 0)) / stride[d]) + 1;
    // The last window must start inside the input or its left padding.
    if (ceil && (n - 1) * stride[d] >= input[d] + padding[d]) n--;
    if (n < 1)
      throw new TorchError(
        `Given input size: (${input.join('x')}). Calculated output size: (${n}). Output size is too small`,
      );
    return n;
  });
}

/** Runs on [N, C, ...]; one sample without batch is a batch of one. */
function batched(
  name: string,
  dims: number,
  self: Tensor,
  run: (x: Tensor) => Tensor | Tensor[],
): Tensor | Tensor[] {
  const rank = self.shape.length;
  if (rank !== dims + 1 && rank !== dims + 2)
    throw new TorchError(
      `${name}: Expected ${dims + 1}D or ${dims + 2}D (batch mode) tensor, but got: [${self.shape.join(', ')}]`,
    );
  if (self.shape.slice(1).some((n) => n === 0) && rank === dims + 1)
    throw new TorchError(
      `${name}(): Expected tensor with non-zero dimensions, but got: [${self.shape.join(', ')}]`,
    );
  if (rank === dims + 2) return run(self);
  const out = run(self.unsqueeze(0));
  return Array.isArray(out) ? out.map((t) => t.squeeze(0)) : out.squeeze(0);
}

function outputLike(x: Tensor, sizes: Shape, dtype: Tensor['dtype']): Tensor {
  const shape = [x.shape[0], x.shape[1], ...sizes];
  const last = isChannelsLast(x.shape, x.strides) && !isContiguous(x.shape, x.strides);
  const strides = last ? stridesInOrder(shape, channelsLastOrder(shape.length)) : contiguousStrides(shape);
  return emptyStrided(shape, strides, dtype, x.backend);
}

/** The values, and with `indices` where they were. */
function largest(
  name: string,
  dims: 1 | 2 | 3,
  self: Tensor,
  w: Window,
  ceil: boolean,
  indices = true,
): Tensor[] {
  refuseUnrecorded(name, [self]);
  return batched(name, dims, self, (x) => {
    const sizes = outputSizes(x.shape.slice(2), w, ceil);
    const outputs = [outputLike(x, sizes, x.dtype)];
    if (indices) outputs.push(outputLike(x, sizes, 'int64'));
    compile(x.backend, { kind: 'pool', dims, reduce: 'max', ...w, dtype: x.dtype })(outputs, [x]);
    return outputs;
  }) as Tensor[];
}

/** Gradients go to the positions that won; a position may win in several windows. */
function largestGradient(grad: Tensor, self: Tensor, indices: Tensor, dims: number): Tensor {
  const input = self.shape;
  const lead = input.slice(0, -dims);
  const plane = numelOf(input.slice(-dims));
  const flat = [...lead, numelOf(indices.shape.slice(-dims))];
  return grad
    .new_zeros([...lead, plane])
    .scatter_add(-1, indices.reshape(flat), grad.reshape(flat))
    .view(input)
    .contiguous({ memory_format: isLast(self) ? 'channels_last' : 'contiguous_format' });
}

const isLast = (t: Tensor): boolean =>
  t.shape.length === 4 && isChannelsLast(t.shape, t.strides) && !isContiguous(t.shape, t.strides);

interface Average {
  readonly kernel_size: Shape;
  readonly stride: Shape;
  readonly padding: Shape;
  readonly ceil_mode: boolean;
  readonly count_include_pad: boolean;
  readonly divisor_override: number | null;
}

/** How many elements each output averages, per dim. */
function counts(input: Shape, sizes: Shape, w: Window, includePad: boolean): number[][] {
  return sizes.map((n, d) =>
    Array.from({ length: n }, (_, i) => {
      const start = i * w.stride[d] - w.padding[d];
      const end = Math.min(start + w.window[d], input[d] + w.padding[d]);
      return includePad ? end - start : Math.min(end, input[d]) - Math.max(start, 0);
    }),
  );
}

/** Sums divided by what they count: one number, or a grid of them where borders count less. */
function divided(sums: Tensor, input: Shape, w: Window, a: Average): Tensor {
  if (a.divisor_override !== null) return sums.div(a.divisor_override);
  const perDim = counts(input, sums.shape.slice(2), w, a.count_include_pad);
  if (perDim.every((c) => c.every((n) => n === c[0]))) return sums.div(numelOf(perDim.map((c) => c[0])));
  let out = sums;
  perDim.forEach((c, d) => {
    const shape = sums.shape.slice(1).map((_, k) => (k === d + 1 ? c.length : 1));
    const divisor = fromTypedArray(toTypedArray(c, 'float32'), shape, 'float32', sums.backend);
    out = out.div(divisor.to(sums.dtype));
  });
  return out;
}

function average(name: string, dims: 1 | 2 | 3, self: Tensor, a: Average): Tensor {
  refuseUnrecorded(name, [self]);
  if (a.divisor_override === 0) throw new TorchError('divisor must be not zero');
  const w = windowOf(name, dims, a.kernel_size, a.stride, a.padding, [1]);
  return batched(name, dims, self, (x) => {
    const wide = x.dtype === 'float16' || x.dtype === 'bfloat16' ? x.to('float32') : x;
    const sums = outputLike(wide, outputSizes(x.shape.slice(2), w, a.ceil_mode), wide.dtype);
    compile(x.backend, { kind: 'pool', dims, reduce: 'sum', ...w, dtype: wide.dtype })([sums], [wide]);
    return divided(sums, x.shape.slice(2), w, a).to(x.dtype);
  }) as Tensor;
}

/** The adjoint of summing windows: a transposed convolution with ones, one group per channel. */
function averageGradient(name: string, dims: number, grad: Tensor, input: Shape, a: Average): Tensor {
  const w = windowOf(name, dims, a.kernel_size, a.stride, a.padding, [1]);
  const isBatched = input.length === dims + 2;
  const g = divided(isBatched ? grad : grad.unsqueeze(0), input.slice(-dims), w, a);
  const [n, channels, ...sizes] = g.shape;
  const planes = g.reshape([n * channels, 1, ...sizes]);
  const ones = grad.new_ones([1, 1, ...w.window]);
  const wanted = input.slice(-dims);
  const reached = sizes.map((m, d) => (m - 1) * w.stride[d] - 2 * w.padding[d] + w.window[d]);
  let out = callOperator(findOperator('aten::convolution')!, [
    planes, ones, null, w.stride, w.padding, w.dilation, true, wanted.map((m, d) => Math.max(m - reached[d], 0)), 1,
  ]) as Tensor; // biome-ignore format: one call
  wanted.forEach((m, d) => {
    if (out.shape[d + 2] > m) out = out.narrow(d + 2, 0, m);
  });
  return out.reshape(input).contiguous();
}

const start = (i: number, input: number, output: number): number => Math.floor((i * input) / output);
const end = (i: number, input: number, output: number): number => Math.ceil(((i + 1) * input) / output);

function checkAdaptive(name: string, dims: number, self: Tensor, sizes: Shape): number[] {
  if (self.shape.length !== dims + 1 && self.shape.length !== dims + 2)
    throw new TorchError(
      `${name}(): Expected ${dims + 1}D or ${dims + 2}D tensor, but got [${self.shape.join(', ')}]`,
    );
  const out = spread(sizes, dims);
  if (out.length !== dims) throw new TorchError(`${name}: output_size must be ${dims}`);
  if (out.some((n) => n < 0))
    throw new TorchError(
      `${name}: elements of output_size must be greater than or equal to 0 but received {[${out.join(', ')}]}`,
    );
  return out;
}

/** Averages one dim over windows that may overlap: a product with the matrix of their weights. */
function averageDim(self: Tensor, dim: number, output: number): Tensor {
  const n = self.shape[dim];
  const weights = new Float64Array(n * output);
  for (let i = 0; i < output; i++)
    for (let k = start(i, n, output); k < end(i, n, output); k++)
      weights[k * output + i] = 1 / (end(i, n, output) - start(i, n, output));
  const matrix = fromTypedArray(
    toTypedArray([...weights], self.dtype),
    [n, output],
    self.dtype,
    self.backend,
  );
  return self.transpose(dim, -1).matmul(matrix).transpose(dim, -1);
}

function adaptiveAverage(name: string, dims: 1 | 2 | 3, self: Tensor, output_size: Shape): Tensor {
  const sizes = checkAdaptive(name, dims, self, output_size);
  const input = self.shape.slice(-dims);
  if (sizes.every((n) => n === 1)) {
    const mean = self.mean(
      sizes.map((_, d) => d - dims),
      true,
    );
    return isChannelsLast(self.shape, self.strides) && !isContiguous(self.shape, self.strides)
      ? mean.contiguous({ memory_format: 'channels_last' })
      : mean;
  }
  if (sizes.every((n, d) => n > 0 && input[d] % n === 0)) {
    const kernel = sizes.map((n, d) => input[d] / n);
    return self[`avg_pool${dims}d`](kernel);
  }
  let out = self;
  sizes.forEach((n, d) => {
    out = averageDim(out, out.shape.length - dims + d, n);
  });
  return out.contiguous();
}

function adaptiveLargest(name: string, dims: 1 | 2 | 3, self: Tensor, output_size: Shape): Tensor[] {
  const sizes = checkAdaptive(name, dims, self, output_size);
  const input = self.shape.slice(-dims);
  if (input.some((n) => n === 0))
    throw new IndexError(
      `${name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes [${self.shape.join(', ')}]`,
    );
  if (sizes.every((n, d) => n > 0 && input[d] % n === 0))
    return self[`max_pool${dims}d_with_indices`](sizes.map((n, d) => input[d] / n));
  const lead = self.shape.slice(0, -dims);
  const values: Tensor[] = [];
  const indices: Tensor[] = [];
  const positions = self.new_empty([0]).new_zeros([], { dtype: 'int64' });
  const plane = numelOf(input);
  const grid = callOperator(findOperator('aten::arange')!, [
    plane,
    'int64',
    null,
    positions.backend,
    null,
  ]) as Tensor;
  const place = grid.view(input);
  for (let flat = 0; flat < numelOf(sizes); flat++) {
    let rest = flat;
    let cut = self;
    let where = place;
    for (let d = dims - 1; d >= 0; d--) {
      const i = rest % sizes[d];
      rest = Math.floor(rest / sizes[d]);
      const [a, b] = [start(i, input[d], sizes[d]), end(i, input[d], sizes[d])];
      cut = cut.narrow(d - dims, a, b - a);
      where = where.narrow(d - dims, a, b - a);
    }
    const [v, k] = cut.reshape([...lead, -1]).max(-1, true) as unknown as Tensor[];
    values.push(v);
    indices.push(where.reshape([-1]).take(k));
  }
  const shape = [...lead, ...sizes];
  return [catOf(values, -1).view(shape), catOf(indices, -1).view(shape)];
}

const listOf = (dims: number): 1 | 2 | 3 => dims as 1 | 2 | 3;

export const pools = [
  ...[1, 2, 3].flatMap((n) => {
    const dims = listOf(n);
    const list = `int[${n}]` as 'int[2]';
    const window =
      `${list} kernel_size, ${list} stride=[], ${list} padding=0, ${list} dilation=1, bool ceil_mode=False` as const;
    return [
      op(named(`max_pool${n}d_with_indices`, `(Tensor self, ${window}) -> (Tensor, Tensor)`), {
        define: ({ self, kernel_size, stride, padding, dilation, ceil_mode }) =>
          largest(
            `max_pool${n}d`,
            dims,
            self,
            windowOf(`max_pool${n}d`, n, kernel_size, stride, padding, dilation),
            ceil_mode,
          ),
        grad: { self: ({ grad, self, results }) => largestGradient(grad, self, results[1], dims) },
        gradName: `MaxPool${n}DWithIndicesBackward0`,
      }),
      op(named(`max_pool${n}d`, `(Tensor self, ${window}) -> Tensor`), {
        define({ self, kernel_size, stride, padding, dilation, ceil_mode }) {
          const name = `max_pool${dims}d` as const;
          // Only a gradient asks where the values were.
          if (is_grad_enabled() && self.requires_grad)
            return self[`${name}_with_indices`](kernel_size, stride, padding, dilation, ceil_mode)[0];
          const w = windowOf(name, n, kernel_size, stride, padding, dilation);
          return largest(name, dims, self, w, ceil_mode, false)[0];
        },
        followsLayouts: true,
      }),
    ].flat();
  }),
  ...[2, 3].flatMap((n) => {
    const list = `int[${n}]` as 'int[2]';
    return op(
      named(
        `max_pool${n}d_with_indices_backward`,
        `(Tensor grad_output, Tensor self, ${list} kernel_size, ${list} stride, ${list} padding, ${list} dilation, bool ceil_mode, Tensor indices) -> Tensor`,
      ),
      { define: ({ grad_output, self, indices }) => largestGradient(grad_output, self, indices, n) },
    );
  }),
  op(
    'avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor',
    {
      define: ({ self, ...a }) => average('avg_pool1d', 1, self, { ...a, divisor_override: null }),
      followsLayouts: true,
      grad: {
        self: ({ grad, self, kernel_size, stride, padding, ceil_mode, count_include_pad }) =>
          averageGradient('avg_pool1d', 1, grad, self.shape, {
            kernel_size,
            stride,
            padding,
            ceil_mode,
            count_include_pad,
            divisor_override: null,
          }),
      },
      gradName: 'AvgPool1DBackward0',
    },
  ),
  ...[2, 3].flatMap((n) => {
    const list = `int[${n}]` as 'int[2]';
    return [
      op(
        named(
          `avg_pool${n}d`,
          `(Tensor self, ${list} kernel_size, ${list} stride=[], ${list} padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor`,
        ),
        {
          define: ({ self, ...a }) => average(`avg_pool${n}d`, listOf(n), self, a),
          followsLayouts: true,
          grad: {
            self: ({
              grad,
              self,
              kernel_size,
              stride,
              padding,
              ceil_mode,
              count_include_pad,
              divisor_override,
            }) =>
              averageGradient(`avg_pool${n}d`, n, grad, self.shape, {
                kernel_size,
                stride,
                padding,
                ceil_mode,
                count_include_pad,
                divisor_override,
              }),
          },
          gradName: `AvgPool${n}DBackward0`,
        },
      ),
      op(
        named(
          `avg_pool${n}d_backward`,
          `(Tensor grad_output, Tensor self, ${list} kernel_size, ${list} stride, ${list} padding, bool ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor`,
        ),
        {
          define: ({ grad_output, self, ...a }) =>
            averageGradient(`avg_pool${n}d`, n, grad_output, self.shape, a),
        },
      ),
    ].flat();
  }),
  op('adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor', {
    define: ({ self, output_size }) => adaptiveAverage('adaptive_avg_pool1d', 1, self, output_size),
    followsLayouts: true,
  }),
  ...[2, 3].flatMap((n) => {
    const list = `SymInt[${n}]` as 'SymInt[2]';
    return [
      op(named(`adaptive_avg_pool${n}d`, `(Tensor self, ${list} output_size) -> Tensor`), {
        define: ({ self, output_size }) =>
          adaptiveAverage(`adaptive_avg_pool${n}d`, listOf(n), self, output_size),
        followsLayouts: true,
      }),
      op(named(`_adaptive_avg_pool${n}d`, `(Tensor self, ${list} output_size) -> Tensor`), {
        define: ({ self, output_size }) =>
          adaptiveAverage(`adaptive_avg_pool${n}d`, listOf(n), self, output_size),
        followsLayouts: true,
      }),
      op(named(`_adaptive_avg_pool${n}d_backward`, '(Tensor grad_output, Tensor self) -> Tensor'), {
        define: ({ grad_output, self }) => adaptiveAverageGradient(grad_output, self.shape, n),
      }),
    ].flat();
  }),
  ...[1, 2, 3].flatMap((n) =>
    op(
      named(
        `adaptive_max_pool${n}d`,
        `(Tensor self, ${`int[${n}]` as 'int[2]'} output_size) -> (Tensor, Tensor)`,
      ),
      {
        define: ({ self, output_size }) =>
          adaptiveLargest(`adaptive_max_pool${n}d`, listOf(n), self, output_size),
      },
    ),
  ),
].flat();

/** Each output's gradient in equal parts to its window: the same products, turned round. */
function adaptiveAverageGradient(grad: Tensor, input: Shape, dims: number): Tensor {
  let out = grad;
  for (let d = 0; d < dims; d++) {
    const dim = input.length - dims + d;
    const [n, m] = [input[dim], grad.shape[dim]];
    const weights = new Float64Array(m * n);
    for (let i = 0; i < m; i++)
      for (let k = start(i, n, m); k < end(i, n, m); k++)
        weights[i * n + k] = 1 / (end(i, n, m) - start(i, n, m));
    const matrix = fromTypedArray(toTypedArray([...weights], grad.dtype), [m, n], grad.dtype, grad.backend);
    out = out.transpose(dim, -1).matmul(matrix).transpose(dim, -1);
  }
  return out.contiguous();
}
