/** Operators that move elements without computing: shapes, windows, joins. */
import type { Tensor } from '../../../ops/core.ts';
import { type Call, type Dim, isOpen } from '../call.ts';
import type { Converters } from './converter.ts';

const same = (c: Call): string => c.input('self');
const toResultShape = (c: Call): string => c.reshape(c.input('self'), c.resultSizes());

function permuted(c: Call, order: readonly number[]): string {
  return c.node('Transpose', [c.input('self')], { perm: order });
}

function swapped(c: Call, a: number, b: number): string {
  const rank = c.rank('self');
  if (rank < 2) return same(c);
  const order = Array.from({ length: rank }, (_, i) => i);
  const [first, second] = [c.axis(a, rank), c.axis(b, rank)];
  order[first] = second;
  order[second] = first;
  return permuted(c, order);
}

/** A part of one dimension. */
export function slice(c: Call, x: string, axis: number, start: number, end: number, step = 1): string {
  return c.graph.node('Slice', [
    x,
    c.constant([start]),
    c.constant([end]),
    c.constant([axis]),
    c.constant([step]),
  ]);
}

function select(c: Call, x: string, axis: number, index: number): string {
  return c.node('Gather', [x, c.scalar(index, 'int64')], { axis });
}

function expand(c: Call): string {
  const sizes = c.sizes('self');
  const wanted = c.resultSizes();
  const key = (dims: readonly Dim[]): string => JSON.stringify(dims);
  if (key(sizes) === key(wanted)) return same(c);
  return c.node('Expand', [c.input('self'), c.names.shape(wanted)]);
}

/** Parts of one dimension, as long as the results are. */
function split(c: Call, dim: number): string[] {
  const axis = c.axis(dim, c.rank('self'));
  const runs = c.step.outputs[0] as readonly (readonly Tensor[])[];
  const sizes = runs[0].map((_, i) =>
    c.names.dim(
      runs.map((parts) => parts[i].shape[axis]),
      c.place,
    ),
  );
  if (sizes.length === 1) return [same(c)];
  const names = sizes.map((_, i) => `${c.wanted || 'part'}_${i}`);
  return c.graph.nodeOf('Split', [c.input('self'), c.names.shape(sizes)], { axis }, names);
}

const squeezedAxes = (c: Call): number[] => {
  const sizes = c.tensor('self').shape;
  const rank = sizes.length;
  const given = c.value('dim');
  const wanted = given === null ? sizes.map((_, i) => i) : c.numbers('dim').map((d) => c.axis(d, rank));
  return wanted.filter((axis) => sizes[axis] === 1);
};

function stack(c: Call): string {
  const axis = c.axis(c.fixed('dim'), c.result().shape.length);
  const parts = c.inputs('tensors').map((x) => c.graph.node('Unsqueeze', [x, c.constant([axis])]));
  return c.node('Concat', parts, { axis });
}

/** The end is put before the beginning. */
function roll(c: Call): string {
  const shape = c.tensor('self').shape;
  const rank = shape.length;
  const dims = c.numbers('dims');
  let x = c.input('self');
  const shifts = c.numbers('shifts');
  if (dims.length === 0) {
    const flat = c.graph.node('Reshape', [x, c.constant([-1])]);
    x = rolled(c, flat, 0, shifts[0]);
    return c.reshape(x, c.resultSizes());
  }
  dims.forEach((dim, i) => {
    x = rolled(c, x, c.axis(dim, rank), shifts[i]);
  });
  return x;
}

function rolled(c: Call, x: string, axis: number, shift: number): string {
  if (shift === 0) return x;
  const end = Number.MAX_SAFE_INTEGER;
  return c.node('Concat', [slice(c, x, axis, -shift, end), slice(c, x, axis, 0, -shift)], { axis });
}

const padModes: Readonly<Record<string, string>> = {
  constant: 'constant',
  reflect: 'reflect',
  replicate: 'edge',
};

function pad(c: Call, amounts: readonly number[], mode: string, value: number): string {
  const type = padModes[mode];
  if (!type) c.refuse(`mode '${mode}' of padding is none of ONNX's`);
  const rank = c.rank('self');
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  for (let i = 0; i < amounts.length / 2; i++) {
    before[rank - 1 - i] = amounts[2 * i];
    after[rank - 1 - i] = amounts[2 * i + 1];
  }
  if (amounts.every((amount) => amount === 0)) return same(c);
  const inputs = [c.input('self'), c.constant([...before, ...after])];
  if (type === 'constant') inputs.push(c.scalar(value, c.result().dtype));
  return c.node('Pad', inputs, { mode: type });
}

/** Indexing with tensors: one index is Gather; several that stand together are GatherND with their dimensions in front. */
function index(c: Call): string {
  const runs = c.step.inputs[1] as readonly (readonly (Tensor | null)[])[];
  const at = runs[0].flatMap((item, i) => (item === null ? [] : [i]));
  const indices = at.map((i) => runs[0][i]!);
  if (indices.some(({ dtype }) => dtype === 'bool' || dtype === 'uint8'))
    c.refuse('how many elements a mask takes is not known before it runs');
  const names = indices.map((tensor) => c.cast(c.named(tensor), tensor.dtype, 'int64'));
  const [axis] = at;
  if (at.length === 1) return c.node('Gather', [c.input('self'), names[0]], { axis });
  if (at.some((i, n) => i !== axis + n)) c.refuse('indices that do not stand together');
  if (axis !== 0) c.refuse('several indices behind a slice');
  const rank = Math.max(...indices.map(({ shape }) => shape.length));
  const shape = c.names.shape(c.resultSizes().slice(0, rank));
  const columns = names.map((name) => {
    const expanded = c.graph.node('Expand', [name, shape]);
    return c.graph.node('Unsqueeze', [expanded, c.constant([rank])]);
  });
  return c.node('GatherND', [c.input('self'), c.graph.node('Concat', columns, { axis: rank })]);
}

export const shapes: Converters = {
  _unsafe_view: toResultShape,
  alias: same,
  broadcast_to: expand,
  cat: (c) => {
    const { dtype, shape } = c.result();
    const tensors = c.tensors('tensors');
    // An empty list of elements joins with anything.
    const parts = c
      .inputs('tensors')
      .map((name, i) => ({ name: c.cast(name, tensors[i].dtype, dtype), tensor: tensors[i] }))
      .filter(({ tensor }) => tensor.shape.length === shape.length);
    return c.node(
      'Concat',
      parts.map(({ name }) => name),
      { axis: c.axis(c.fixed('dim'), shape.length) },
    );
  },
  chunk: (c) => split(c, c.fixed('dim')),
  clone: same,
  constant_pad_nd: (c) => pad(c, c.numbers('pad'), 'constant', c.number('value')),
  contiguous: same,
  detach: same,
  expand,
  expand_as: expand,
  flatten: toResultShape,
  flip: (c) => {
    const axes = c.numbers('dims').map((d) => c.axis(d, c.rank('self')));
    const all = (value: number): string => c.constant(axes.map(() => value));
    return c.node('Slice', [
      c.input('self'),
      all(-1),
      all(-Number.MAX_SAFE_INTEGER),
      c.constant(axes),
      all(-1),
    ]);
  },
  gather: (c) => {
    const axis = c.axis(c.fixed('dim'), c.rank('self'));
    return c.node('GatherElements', [c.input('self'), c.input('index')], { axis });
  },
  index,
  index_select: (c) =>
    c.node('Gather', [c.input('self'), c.input('index')], { axis: c.axis(c.fixed('dim'), c.rank('self')) }),
  movedim: (c) => {
    const rank = c.rank('self');
    const from = c.numbers('source').map((d) => c.axis(d, rank));
    const to = c.numbers('destination').map((d) => c.axis(d, rank));
    const order = new Array<number>(rank).fill(-1);
    to.forEach((place, i) => {
      order[place] = from[i];
    });
    const rest = Array.from({ length: rank }, (_, i) => i).filter((i) => !from.includes(i));
    return permuted(
      c,
      order.map((axis) => (axis < 0 ? rest.shift()! : axis)),
    );
  },
  narrow: (c) => {
    const axis = c.axis(c.fixed('dim'), c.rank('self'));
    return slice(c, c.input('self'), axis, c.fixed('start'), c.fixed('start') + c.fixed('length'));
  },
  numpy_T: (c) =>
    permuted(
      c,
      c
        .tensor('self')
        .shape.map((_, i) => i)
        .reverse(),
    ),
  pad: (c) => pad(c, c.numbers('pad'), String(c.value('mode')), c.number('value') || 0),
  permute: (c) =>
    permuted(
      c,
      c.numbers('dims').map((d) => c.axis(d, c.rank('self'))),
    ),
  pixel_shuffle: (c) =>
    c.node('DepthToSpace', [c.input('self')], { blocksize: c.fixed('upscale_factor'), mode: 'CRD' }),
  reflection_pad1d: (c) => pad(c, c.numbers('padding'), 'reflect', 0),
  reflection_pad2d: (c) => pad(c, c.numbers('padding'), 'reflect', 0),
  repeat: (c) => {
    const repeats = c.dims('repeats');
    const missing = repeats.length - c.rank('self');
    const x =
      missing > 0
        ? c.graph.node('Unsqueeze', [c.input('self'), c.constant(range(missing))])
        : c.input('self');
    return c.node('Tile', [x, c.names.shape(repeats)]);
  },
  replication_pad2d: (c) => pad(c, c.numbers('padding'), 'replicate', 0),
  reshape: toResultShape,
  roll,
  select: (c) => select(c, c.input('self'), c.axis(c.fixed('dim'), c.rank('self')), c.fixed('index')),
  slice: (c) => {
    const rank = c.rank('self');
    const axis = c.axis(c.fixed('dim'), rank);
    const [whole, left] = [c.sizes('self')[axis], c.resultSizes()[axis]];
    const step = c.fixed('step');
    if (JSON.stringify(whole) === JSON.stringify(left) && step === 1) return same(c);
    const start = c.value('start') === null ? 0 : c.fixed('start');
    const end = c.value('end') === null ? Number.MAX_SAFE_INTEGER : openEnd(c, whole);
    return c.node('Slice', [
      c.input('self'),
      c.constant([start]),
      c.constant([end]),
      c.constant([axis]),
      c.constant([step]),
    ]);
  },
  split: (c) => split(c, c.fixed('dim')),
  split_with_sizes: (c) => split(c, c.fixed('dim')),
  squeeze: (c) => {
    const axes = squeezedAxes(c);
    return axes.length === 0 ? same(c) : c.node('Squeeze', [c.input('self'), c.constant(axes)]);
  },
  stack,
  swapaxes: (c) => swapped(c, c.fixed('axis0'), c.fixed('axis1')),
  swapdims: (c) => swapped(c, c.fixed('dim0'), c.fixed('dim1')),
  t: (c) => swapped(c, 0, 1),
  tensor_split: (c) => split(c, c.fixed('dim')),
  transpose: (c) => swapped(c, c.fixed('dim0'), c.fixed('dim1')),
  unbind: (c) => {
    const axis = c.axis(c.fixed('dim'), c.rank('self'));
    const parts = c.step.outputs[0][0] as readonly Tensor[];
    return parts.map((_, i) => c.graph.node('Gather', [c.input('self'), c.scalar(i, 'int64')], { axis }));
  },
  unflatten: toResultShape,
  unsqueeze: (c) =>
    c.node('Unsqueeze', [c.input('self'), c.constant([c.axis(c.fixed('dim'), c.rank('self') + 1)])]),
  view: toResultShape,
  view_as: toResultShape,
  reshape_as: toResultShape,
};

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** The end of a slice that goes to the end of a dimension that follows the batch. */
function openEnd(c: Call, whole: Dim): number {
  const runs = c.step.inputs[3].map(Number);
  const sizes = c.step.inputs[0].map((x) => (x as Tensor).shape[c.axis(c.fixed('dim'), c.rank('self'))]);
  return isOpen(whole) && runs.every((end, i) => end >= sizes[i]) ? Number.MAX_SAFE_INTEGER : c.fixed('end');
}
