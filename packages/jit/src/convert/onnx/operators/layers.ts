/** Convolutions, pooling, norms, products and recurrent layers. */
import type { Call } from '../call.ts';
import type { Converters } from './converter.ts';
import { slice } from './shapes.ts';

/** `VALID` and the like, or amounts on both sides of each dimension. */
function convolution(c: Call, transposed: boolean, rank: number): string {
  const weight = c.tensor('weight');
  const spatial = weight.shape.length - 2;
  const isSingle = c.rank('input') === rank + 1;
  const padding = c.value('padding');
  const amounts = typeof padding === 'string' ? [] : c.numbers('padding', spatial);
  const attributes = {
    kernel_shape: weight.shape.slice(2),
    strides: c.numbers('stride', spatial),
    dilations: c.numbers('dilation', spatial),
    group: c.fixed('groups'),
    ...(padding === 'same'
      ? { auto_pad: 'SAME_UPPER' }
      : typeof padding === 'string'
        ? {}
        : { pads: [...amounts, ...amounts] }),
    ...(transposed && { output_padding: c.numbers('output_padding', spatial) }),
  };
  let x = c.input('input');
  if (isSingle) x = c.graph.node('Unsqueeze', [x, c.constant([0])]);
  const inputs = [x, c.input('weight')];
  if (c.has('bias')) inputs.push(c.input('bias'));
  const y = c.node(transposed ? 'ConvTranspose' : 'Conv', inputs, attributes);
  return isSingle ? c.graph.node('Squeeze', [y, c.constant([0])]) : y;
}

const plainConvolution =
  (transposed: boolean, rank: number) =>
  (c: Call): string =>
    convolution(c, transposed, rank);

function pool(c: Call, type: 'MaxPool' | 'AveragePool', spatial: number): string {
  const kernel = c.numbers('kernel_size', spatial);
  const stride = c.numbers('stride', spatial);
  const padding = c.numbers('padding', spatial);
  const isMax = type === 'MaxPool';
  if (!isMax && c.value('divisor_override') !== null) c.refuse('divisor_override');
  const sizes = c.tensor('self').shape.slice(-spatial);
  const steps = stride.length ? stride : kernel;
  const dilation = isMax ? c.numbers('dilation', spatial) : kernel.map(() => 1);
  // What ceil_mode adds at the end is padding that ONNX's runtimes disagree on: it is written out.
  const results = c.result().shape.slice(-spatial);
  const extra = results.map((out, i) =>
    Math.max((out - 1) * steps[i] + dilation[i] * (kernel[i] - 1) + 1 - sizes[i] - 2 * padding[i], 0),
  );
  if (extra.some((amount) => amount > 0) && !isMax && c.value('count_include_pad'))
    c.refuse('ceil_mode with count_include_pad');
  const attributes = {
    kernel_shape: kernel,
    strides: steps,
    pads: [...padding, ...padding.map((amount, i) => amount + extra[i])],
    ...(isMax ? { dilations: dilation } : { count_include_pad: c.value('count_include_pad') ? 1 : 0 }),
  };
  if (c.rank('self') === spatial + 2) return c.node(type, [c.input('self')], attributes);
  const batched = c.graph.node('Unsqueeze', [c.input('self'), c.constant([0])]);
  return c.graph.node('Squeeze', [c.node(type, [batched], attributes), c.constant([0])]);
}

/** The matrix that averages `size` numbers to `out`: row i has its share for each that window i covers. */
function averaging(size: number, out: number): number[] {
  const rows: number[] = [];
  for (let i = 0; i < out; i++) {
    const [start, end] = [Math.floor((i * size) / out), Math.ceil(((i + 1) * size) / out)];
    for (let j = 0; j < size; j++) rows.push(j >= start && j < end ? 1 / (end - start) : 0);
  }
  return rows;
}

/** Windows that differ in size are a product with a matrix from each side. */
function adaptiveAverage(c: Call, spatial: number): string {
  const shape = c.tensor('self').shape;
  const sizes = shape.slice(-spatial);
  const outs = c.result().shape.slice(-spatial);
  const x = c.input('self');
  if (outs.every((out, i) => out === sizes[i])) return x;
  const axes = sizes.map((_, i) => shape.length - spatial + i);
  if (outs.every((out) => out === 1)) return c.node('ReduceMean', [x], { axes, keepdims: 1 });
  const { dtype } = c.result();
  const transposed = (m: readonly number[], rows: number, columns: number): number[] =>
    Array.from({ length: columns * rows }, (_, i) => m[(i % rows) * columns + Math.floor(i / rows)]);
  if (spatial > 2) c.refuse('windows of different sizes in more than two dimensions');
  const last = spatial - 1;
  const right = transposed(averaging(sizes[last], outs[last]), outs[last], sizes[last]);
  const y = c.node('MatMul', [x, c.constant(right, dtype, [sizes[last], outs[last]])]);
  if (spatial === 1) return y;
  return c.node('MatMul', [c.constant(averaging(sizes[0], outs[0]), dtype, [outs[0], sizes[0]]), y]);
}

function adaptiveMax(c: Call, spatial: number): string {
  const sizes = c.tensor('self').shape.slice(-spatial);
  const outs = c.result().shape.slice(-spatial);
  if (outs.some((out, i) => sizes[i] % out !== 0)) c.refuse('windows of different sizes');
  const kernel = outs.map((out, i) => sizes[i] / out);
  return c.node('MaxPool', [c.input('self')], { kernel_shape: kernel, strides: kernel });
}

/** One number a channel, or what stands for it where there is none. */
function perChannel(c: Call, name: string, channels: number, otherwise: number): string {
  if (c.has(name)) return c.input(name);
  return c.constant(new Array<number>(channels).fill(otherwise), c.result().dtype);
}

function batchNorm(c: Call): string {
  if (c.value('training')) c.refuse('batch normalisation that trains');
  const channels = c.tensor('input').shape[1];
  return c.node(
    'BatchNormalization',
    [
      c.input('input'),
      perChannel(c, 'weight', channels, 1),
      perChannel(c, 'bias', channels, 0),
      c.input('running_mean'),
      c.input('running_var'),
    ],
    { epsilon: { float: c.number('eps') } },
  );
}

function layerNorm(c: Call): string {
  const shape = c.numbers('normalized_shape');
  const inputs = [c.input('input')];
  const ones = (): string =>
    c.constant(new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(1), c.result().dtype, shape);
  inputs.push(c.has('weight') ? c.input('weight') : ones());
  if (c.has('bias')) inputs.push(c.input('bias'));
  return c.node('LayerNormalization', inputs, { axis: -shape.length, epsilon: { float: c.number('eps') } });
}

/** ONNX normalises one channel at a time: a group is made one. */
function groupNorm(c: Call, groups: number): string {
  const sizes = c.sizes('input');
  const { dtype } = c.result();
  const channels = c.tensor('input').shape[1];
  const rest = c.tensor('input').elements / c.tensor('input').shape[0] / groups;
  const grouped = c.reshape(c.input('input'), [sizes[0], groups, rest]);
  const flat = (value: number): string => c.constant(new Array<number>(groups).fill(value), dtype);
  const normal = c.graph.node('InstanceNormalization', [grouped, flat(1), flat(0)], {
    epsilon: { float: c.number('eps') },
  });
  let y = c.reshape(normal, sizes);
  const shape = c.constant([channels, ...sizes.slice(2).map(() => 1)]);
  if (c.has('weight')) y = c.node('Mul', [y, c.graph.node('Reshape', [c.input('weight'), shape])]);
  if (c.has('bias')) y = c.node('Add', [y, c.graph.node('Reshape', [c.input('bias'), shape])]);
  return y;
}

/** `x @ weight.T + bias`. */
export function linear(c: Call, x: string, weight: string, bias?: string, rank = 3): string {
  if (rank === 2) return c.node('Gemm', bias ? [x, weight, bias] : [x, weight], { transB: 1 });
  const product = c.node('MatMul', [x, c.graph.node('Transpose', [weight], { perm: [1, 0] })]);
  return bias ? c.node('Add', [product, bias]) : product;
}

/** `beta * self + alpha * (a @ b)`. */
function productAndSum(c: Call, first: string, second: string): string {
  const { dtype } = c.result();
  const times = (x: string, by: number): string =>
    by === 1 ? x : c.graph.node('Mul', [x, c.scalar(by, dtype)]);
  const product = times(c.graph.node('MatMul', [c.input(first), c.input(second)]), c.number('alpha'));
  return c.node('Add', [times(c.input('self'), c.number('beta')), product]);
}

const matmul =
  (second: string) =>
  (c: Call): string =>
    c.node('MatMul', [c.input('self'), c.input(second)]);

/** A recurrent layer after another; ONNX has gates in another order, and its batch in the second place. */
function recurrent(c: Call, type: 'LSTM' | 'GRU'): string[] {
  const order = type === 'LSTM' ? [0, 3, 1, 2] : [1, 0, 2];
  const layers = c.fixed('num_layers');
  const directions = c.value('bidirectional') ? 2 : 1;
  const hasBias = Boolean(c.value('has_biases'));
  if (c.rank('input') !== 3) c.refuse('a recurrent layer without a batch');
  if (c.value('train') && c.number('dropout') > 0) c.refuse('dropout that drops');
  const states = type === 'LSTM' ? c.tensors('hx') : [c.tensor('hx')];
  const params = c.tensors('params');
  const each = params.length / layers / directions;
  if (each !== (hasBias ? 4 : 2)) c.refuse('projections of a recurrent layer');
  const isBatchFirst = Boolean(c.value('batch_first'));
  const swap = (x: string): string => c.graph.node('Transpose', [x], { perm: [1, 0, 2] });
  const hidden = states[0].shape[2];
  /** The gates of a weight or bias in ONNX's order, with a dimension of directions before. */
  const gates = (name: string): string => {
    const parts = order.map((at) => slice(c, name, 0, at * hidden, (at + 1) * hidden));
    return c.graph.node('Unsqueeze', [c.graph.node('Concat', parts, { axis: 0 }), c.constant([0])]);
  };
  const joined = (names: readonly string[], axis: number): string =>
    names.length === 1 ? names[0] : c.graph.node('Concat', names, { axis });
  let x = isBatchFirst ? swap(c.input('input')) : c.input('input');
  const last: string[][] = states.map(() => []);
  for (let layer = 0; layer < layers; layer++) {
    const own = Array.from({ length: directions }, (_, d) =>
      params
        .slice((layer * directions + d) * each, (layer * directions + d + 1) * each)
        .map((tensor) => c.named(tensor)),
    );
    const inputs = [
      x,
      joined(
        own.map(([w]) => gates(w)),
        0,
      ),
      joined(
        own.map(([, r]) => gates(r)),
        0,
      ),
      hasBias
        ? joined(
            own.map(([, , wb, rb]) => c.graph.node('Concat', [gates(wb), gates(rb)], { axis: 1 })),
            0,
          )
        : '',
      '',
      ...states.map((state) => slice(c, c.named(state), 0, layer * directions, (layer + 1) * directions)),
    ];
    const attributes = {
      hidden_size: hidden,
      ...(directions === 2 && { direction: 'bidirectional' }),
      // PyTorch multiplies by the reset gate after the product.
      ...(type === 'GRU' && { linear_before_reset: 1 }),
    };
    const [y, ...ends] = c.graph.nodeOf(type, inputs, attributes, ['', ...states.map(() => '')]);
    ends.forEach((end, i) => {
      last[i].push(end);
    });
    // [time, direction, batch, hidden] to [time, batch, direction * hidden].
    const ordered = c.graph.node('Transpose', [y], { perm: [0, 2, 1, 3] });
    x = c.graph.node('Reshape', [ordered, c.constant([0, 0, directions * hidden])]);
  }
  return [isBatchFirst ? swap(x) : x, ...last.map((ends) => joined(ends, 0))];
}

const modes = { nearest: 'asymmetric', linear: 'half_pixel' } as const;

function resize(c: Call, mode: 'nearest' | 'linear'): string {
  const name = c.step.node.operator!.schema.args[0].name;
  const sizes = c.resultSizes();
  const aligned = mode === 'linear' && c.value('align_corners') === true;
  return c.node('Resize', [c.input(name), '', '', c.names.shape(sizes)], {
    mode,
    coordinate_transformation_mode: aligned ? 'align_corners' : modes[mode],
    ...(mode === 'nearest' && { nearest_mode: 'floor' }),
  });
}

export const layers: Converters = {
  _convolution: (c) => convolution(c, Boolean(c.value('transposed')), c.tensor('weight').shape.length - 2),
  convolution: (c) => convolution(c, Boolean(c.value('transposed')), c.tensor('weight').shape.length - 2),
  conv1d: plainConvolution(false, 1),
  conv2d: plainConvolution(false, 2),
  conv3d: plainConvolution(false, 3),
  conv_transpose1d: plainConvolution(true, 1),
  conv_transpose2d: plainConvolution(true, 2),
  conv_transpose3d: plainConvolution(true, 3),
  max_pool1d: (c) => pool(c, 'MaxPool', 1),
  max_pool2d: (c) => pool(c, 'MaxPool', 2),
  max_pool3d: (c) => pool(c, 'MaxPool', 3),
  avg_pool1d: (c) => pool(c, 'AveragePool', 1),
  avg_pool2d: (c) => pool(c, 'AveragePool', 2),
  avg_pool3d: (c) => pool(c, 'AveragePool', 3),
  adaptive_avg_pool1d: (c) => adaptiveAverage(c, 1),
  adaptive_avg_pool2d: (c) => adaptiveAverage(c, 2),
  adaptive_avg_pool3d: (c) => adaptiveAverage(c, 3),
  adaptive_max_pool1d: (c) => adaptiveMax(c, 1),
  adaptive_max_pool2d: (c) => adaptiveMax(c, 2),
  batch_norm: batchNorm,
  layer_norm: layerNorm,
  group_norm: (c) => groupNorm(c, c.fixed('num_groups')),
  instance_norm: (c) => {
    if (!c.value('use_input_stats')) return batchNorm(c);
    return groupNorm(c, c.tensor('input').shape[1]);
  },
  linear: (c) =>
    linear(
      c,
      c.input('input'),
      c.input('weight'),
      c.has('bias') ? c.input('bias') : undefined,
      c.rank('input'),
    ),
  addmm: (c) =>
    c.node('Gemm', [c.input('mat1'), c.input('mat2'), c.input('self')], {
      alpha: { float: c.number('alpha') },
      beta: { float: c.number('beta') },
    }),
  baddbmm: (c) => productAndSum(c, 'batch1', 'batch2'),
  bmm: matmul('mat2'),
  mm: matmul('mat2'),
  mv: matmul('vec'),
  matmul: matmul('other'),
  einsum: (c) =>
    c.node('Einsum', c.inputs('tensors'), { equation: String(c.value('equation')).replaceAll(' ', '') }),
  embedding: (c) => c.node('Gather', [c.input('weight'), c.input('indices')], { axis: 0 }),
  lstm: (c) => recurrent(c, 'LSTM'),
  gru: (c) => recurrent(c, 'GRU'),
  upsample_nearest2d: (c) => resize(c, 'nearest'),
  upsample_bilinear2d: (c) => resize(c, 'linear'),
};
