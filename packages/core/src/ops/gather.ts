/** Reading and writing by index: gather, scatter, embedding, and indexing by tensors. */

import type { ScatterCombine, View } from '../backend/backend.ts';
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { IndexError, TorchError } from '../errors.ts';
import { compile } from '../kernel/compile.ts';
import { copyInto, Elementwise, fillWith } from '../kernel/elementwise.ts';
import { oneBackend, refuseUnrecorded } from '../kernel/guard.ts';
import { alias, empty, fromTypedArray } from '../tensor/create.ts';
import { isIntegral } from '../tensor/dtype.ts';
import { readRaw } from '../tensor/host.ts';
import {
  broadcastShapes,
  contiguousStrides,
  numelOf,
  type Shape,
  sameShape,
  wrapDim,
} from '../tensor/layout.ts';
import { type Scalar, scalarValue } from '../tensor/promotion.ts';
import { materialise } from '../tensor/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';

const list = (s: Shape): string => `[${s.join(', ')}]`;

/** Indices as int64; PyTorch takes int32 in embedding and indexing too. */
function asIndex(index: Tensor, name: string): Tensor {
  if (index.dtype === 'int64') return index;
  if (index.dtype === 'int32' || numelOf(index.shape) === 0) return index.to('int64');
  throw new TorchError(`${name}(): Expected dtype int64 for index`);
}

const atLeast1d = (t: Tensor): Tensor => (t.shape.length === 0 ? t.reshape([1]) : t);

/** out[i, j, k] = x[i, index[i, j, k], k] */
function gather(name: string, self: Tensor, dim: number, index: Tensor): Tensor {
  refuseUnrecorded(name, [self]);
  const x = atLeast1d(self);
  const at = atLeast1d(asIndex(index, name));
  const d = wrapDim(dim, self.shape.length);
  if (at.shape.length !== x.shape.length && numelOf(at.shape) !== 0)
    throw new TorchError(`Index tensor must have the same number of dimensions as input tensor`);
  at.shape.forEach((n, k) => {
    if (k !== d && n > x.shape[k])
      throw new TorchError(
        `Size does not match at dimension ${k} expected index ${list(index.shape)} to be smaller than self ${list(self.shape)} apart from dimension ${d}`,
      );
  });
  const backend = oneBackend(name, [self, index]);
  const out = empty(index.shape, self.dtype, backend);
  if (numelOf(index.shape) === 0) return out;
  compile(backend, { kind: 'gather', dim: d, rank: x.shape.length, dtype: x.dtype })(
    [atLeast1d(out)],
    [x, at],
  );
  return out;
}

/** Of truth values, the sum is any and the product all. */
const logical = (combine: ScatterCombine): ScatterCombine =>
  combine === 'sum' ? 'max' : combine === 'prod' ? 'min' : combine;

/** Adds (or sets, …) `src` at `index` of `out`, which holds the base values. Counts one version. */
function scatterInto(
  name: string,
  out: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  combine: ScatterCombine,
): Tensor {
  if (name.startsWith('scatter') && index.dtype !== 'int64' && numelOf(index.shape) > 0)
    throw new TorchError('scatter(): Expected dtype int64 for index');
  const o = out.shape.length === 0 ? alias(out, { shape: [1], strides: [1], offset: out.offset }) : out;
  const at = atLeast1d(asIndex(index, name));
  const values = atLeast1d(src);
  const d = wrapDim(dim, out.shape.length);
  if (src.dtype !== out.dtype)
    throw new TorchError(`${name}(): Expected self.dtype to be equal to src.dtype`);
  if (numelOf(at.shape) === 0) return out;
  if (at.shape.length !== o.shape.length)
    throw new TorchError('Index tensor must have the same number of dimensions as self tensor');
  if (at.shape.length !== values.shape.length)
    throw new TorchError('Index tensor must have the same number of dimensions as src tensor');
  at.shape.forEach((n, k) => {
    if ((k !== d && n > o.shape[k]) || n > values.shape[k])
      throw new TorchError(
        `Expected index ${list(index.shape)} to be smaller than self ${list(out.shape)} apart from dimension ${d} and to be smaller size than src ${list(src.shape)}`,
      );
  });
  const backend = oneBackend(name, [out, index, src]);
  const cut: View = {
    memory: materialise(values.storage),
    dtype: values.dtype,
    shape: at.shape,
    strides: values.strides,
    offset: values.offset,
  };
  compile(backend, {
    kind: 'scatter',
    dim: d,
    combine: o.dtype === 'bool' ? logical(combine) : combine,
    rank: o.shape.length,
    dtype: o.dtype,
  })([o], [cut, at]);
  out.storage.version++;
  return out;
}

/** A copy of `self` with `src` combined in. */
function scattered(
  name: string,
  self: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  combine: ScatterCombine,
): Tensor {
  refuseUnrecorded(name, [self, src]);
  const out = self.clone({ memory_format: 'contiguous_format' });
  if (numelOf(self.shape) === 0 && numelOf(index.shape) === 0) return out;
  scatterInto(name, out, dim, index, src, combine);
  out.storage.version = 0;
  return out;
}

const constantLike = (index: Tensor, like: Tensor, value: Scalar): Tensor => {
  const one = like.new_empty([]);
  fillWith(one, value);
  return one.expand(index.shape);
};

const reductions: Record<string, ScatterCombine> = {
  sum: 'sum',
  prod: 'prod',
  amax: 'max',
  amin: 'min',
  add: 'sum',
  multiply: 'prod',
};

function combineOf(reduce: string, allowed: readonly string[]): ScatterCombine {
  if (!allowed.includes(reduce))
    throw new TorchError(`reduce argument must be either ${allowed.join(', ')}, got ${reduce}`);
  return reductions[reduce];
}

const identity = (reduce: string, dtype: Tensor['dtype']): Scalar => {
  if (reduce === 'sum' || reduce === 'mean') return 0;
  if (reduce === 'prod') return 1;
  const low = reduce === 'amax';
  if (!isIntegral(dtype)) return low ? -Infinity : Infinity;
  const limits: Partial<Record<Tensor['dtype'], [Scalar, Scalar]>> = {
    bool: [false, true], uint8: [0, 255], int8: [-128, 127], int16: [-32768, 32767], int32: [-2147483648, 2147483647],
    int64: [-9223372036854775808n, 9223372036854775807n],
  }; // biome-ignore format: a table
  return limits[dtype]![low ? 0 : 1];
};

function scatterReduce(
  self: Tensor,
  dim: number,
  index: Tensor,
  src: Tensor,
  reduce: string,
  include_self: boolean,
): Tensor {
  if (!['sum', 'prod', 'mean', 'amax', 'amin'].includes(reduce))
    throw new TorchError(`reduce argument must be either sum, prod, mean, amax or amin, got ${reduce}`);
  const combine = reduce === 'mean' ? 'sum' : reductions[reduce];
  refuseUnrecorded('scatter_reduce', [self, src]);
  const out = self.clone({ memory_format: 'contiguous_format' });
  if (numelOf(index.shape) === 0) return out;
  if (!include_self) {
    const blank = constantLike(index, self, identity(reduce, self.dtype));
    scatterInto('scatter_reduce', out, dim, index, blank, 'set');
  }
  scatterInto('scatter_reduce', out, dim, index, src, combine);
  out.storage.version = 0;
  return reduce === 'mean' ? meanOf(out, counted(self, dim, index, include_self)) : out;
}

/** How many values each place of scatter_reduce's mean has. */
function counted(self: Tensor, dim: number, index: Tensor, include_self: boolean): Tensor {
  const ones = self.new_ones(self.shape);
  if (!include_self) scatterInto('scatter_reduce', ones, dim, index, constantLike(index, self, 0), 'set');
  scatterInto('scatter_reduce', ones, dim, index, constantLike(index, self, 1), 'sum');
  return ones.masked_fill(ones.eq(0), 1);
}

const meanOf = (total: Tensor, count: Tensor): Tensor =>
  total.div(count, { rounding_mode: isIntegral(total.dtype) ? 'floor' : null });

function scatterReduceGradients(args: {
  grad: Tensor;
  self: Tensor;
  dim: number;
  index: Tensor;
  src: Tensor;
  reduce: string;
  include_self: boolean;
  result: Tensor;
}): { self: Tensor; src: Tensor } {
  const { grad, self, dim, index, src, reduce, include_self, result } = args;
  const cutSelf = (g: Tensor): Tensor => (include_self ? g : g.scatter(dim, index, 0));
  switch (reduce) {
    case 'sum':
      return { self: cutSelf(grad), src: grad.gather(dim, index) };
    case 'mean': {
      const g = grad.div(counted(self, dim, index, include_self));
      return { self: cutSelf(g), src: g.gather(dim, index) };
    }
    case 'prod': {
      // result / value, but for zeros: there the product of the others is taken with the zero left out.
      const masked = self.eq(0);
      const maskedSelf = self.masked_fill(masked, 1);
      const maskedResult = maskedSelf.scatter_reduce(dim, index, src, reduce, { include_self });
      const gSelf = grad.mul(maskedResult).div(maskedSelf);
      const zeros = src.eq(0);
      const zeroCount = grad
        .new_zeros(grad.shape)
        .scatter_add(dim, index, zeros.to(grad.dtype))
        .gather(dim, index);
      const single = zeros.logical_and(zeroCount.eq(1));
      const srcIfOne = src.masked_fill(single, 1);
      const without = self.scatter_reduce(dim, index, srcIfOne, reduce, { include_self }).gather(dim, index);
      const gSrc = grad
        .gather(dim, index)
        .mul(
          without.where(
            single,
            result.gather(dim, index).div(src.masked_fill(zeros, 1)).masked_fill(zeros, 0),
          ),
        );
      return { self: cutSelf(gSelf), src: gSrc };
    }
    default: {
      const value = result.gather(dim, index);
      const srcHit = src.eq(value);
      const selfHit = self.eq(result);
      const hits = selfHit.to(self.dtype).scatter_add(dim, index, srcHit.to(self.dtype));
      const share = grad.div(hits);
      return {
        self: cutSelf(selfHit.mul(share)),
        src: share.gather(dim, index).where(srcHit, 0),
      };
    }
  }
}

/** A 1-d index as one that gather takes: stride 0 in every other dim. */
function alongDim(index: Tensor, d: number, shape: Shape): Tensor {
  let at = index.reshape([-1]);
  for (let k = 0; k < shape.length; k++) if (k !== d) at = at.unsqueeze(k < d ? 0 : -1);
  return at.expand(shape.map((n, k) => (k === d ? numelOf(index.shape) : n)));
}

function checkVector(index: Tensor, name: string): void {
  if (index.shape.length > 1)
    throw new IndexError(`${name}(): Index is supposed to be a vector, but got dim: ${index.shape.length}`);
}

function indexSelect(self: Tensor, dim: number, index: Tensor): Tensor {
  checkVector(index, 'index_select');
  if (index.dtype !== 'int64' && index.dtype !== 'int32')
    throw new TorchError('index_select(): Expected dtype int32 or int64 for index');
  const d = wrapDim(dim, self.shape.length);
  if (self.shape.length === 0) return gather('index_select', self, 0, index.reshape([])).reshape([]);
  return gather('index_select', self, d, alongDim(asIndex(index, 'index_select'), d, self.shape));
}

/** The base of indexing by tensors: which dims, where they stand, the shape they broadcast to. */
interface Advanced {
  readonly tensors: Tensor[];
  readonly dims: number[];
  readonly shape: Shape;
  /** Where the broadcast dims go in the result. */
  readonly position: number;
}

function plan(self: Tensor, indices: readonly (Tensor | null)[]): Advanced {
  if (indices.length > self.shape.length)
    throw new IndexError(
      `too many indices for tensor of dimension ${self.shape.length} (got ${indices.length})`,
    );
  const dims: number[] = [];
  const tensors: Tensor[] = [];
  indices.forEach((t, d) => {
    if (t === null) return;
    if (!['int64', 'int32', 'uint8', 'bool', 'int8', 'int16'].includes(t.dtype))
      throw new IndexError('tensors used as indices must be long, int, byte or bool tensors');
    dims.push(d);
    tensors.push(asIndex(t.dtype === 'int8' || t.dtype === 'int16' ? t.to('int64') : t, 'index'));
  });
  let shape: Shape = [];
  try {
    for (const t of tensors) shape = broadcastShapes(shape, t.shape);
  } catch {
    throw new IndexError(
      `shape mismatch: indexing tensors could not be broadcast together with shapes ${tensors.map((t) => list(t.shape)).join(', ')}`,
    );
  }
  const adjacent = dims.every((d, i) => i === 0 || d === dims[i - 1] + 1);
  return { tensors, dims, shape, position: adjacent && dims.length > 0 ? dims[0] : 0 };
}

const wrapping = new Elementwise((i, n) => i.lt(0).where(i.add(n), i), { promotes: [0] });

/** Negative indices count from the end. */
const wrapped = (t: Tensor, n: number): Tensor => wrapping.call('index', [t], [n])[0];

const linear = new Elementwise((sum, i, stride) => sum.add(i.mul(stride)), { promotes: [0] });

/** The indexed dims first, as one; the indices as one flat index into it. Each index is checked against its own size. */
function flattened(self: Tensor, a: Advanced): { flat: Tensor; at: Tensor; rest: number[] } {
  const rest = [...self.shape.keys()].filter((d) => !a.dims.includes(d));
  const sizes = a.dims.map((d) => self.shape[d]);
  const flat = self
    .permute([...a.dims, ...rest])
    .reshape([numelOf(sizes), ...rest.map((d) => self.shape[d])]);
  const strides = contiguousStrides(sizes);
  let at = self.new_zeros(a.shape, { dtype: 'int64' });
  a.tensors.forEach((t, i) => {
    const w = wrapped(t, sizes[i]);
    checkBounds(w, t, sizes[i], a.dims[i]);
    [at] = linear.call('index', [at, w.expand(a.shape)], [strides[i]]);
  });
  return { flat, at: at.reshape([-1]), rest: rest.map((d) => self.shape[d]) };
}

/** With several indices a bad one could land inside the flat range: a gather of nothing but that index finds it. */
function checkBounds(w: Tensor, _given: Tensor, size: number, dim: number): void {
  if (numelOf(w.shape) === 0) return;
  if (size === 0) throw new IndexError(`index is out of bounds for dimension with size 0`);
  const probe = w.new_zeros([size], { dtype: 'bool' });
  const flat = w.reshape([-1]);
  const out = empty([numelOf(w.shape)], 'bool', w.backend);
  try {
    compile(w.backend, { kind: 'gather', dim: 0, rank: 1, dtype: 'bool' })([out], [probe, flat]);
  } catch (error) {
    const at = (error as { detail?: { index?: number } }).detail?.index;
    if (at === undefined) throw error;
    throw new IndexError(
      `index ${at < 0 ? at - size : at} is out of bounds for dimension ${dim} with size ${size}`,
    );
  }
}

function indexed(self: Tensor, indices: readonly (Tensor | null)[]): Tensor {
  const a = plan(self, indices);
  if (a.dims.length === 0) return self.clone();
  const { flat, at, rest } = flattened(self, a);
  const picked = gather('index', flat, 0, alongDim(at, 0, flat.shape)).view([...a.shape, ...rest]);
  if (a.position === 0) return picked;
  const moved = [...a.shape.keys()];
  const order = [
    ...Array.from({ length: a.position }, (_, i) => moved.length + i),
    ...moved,
    ...Array.from({ length: rest.length - a.position }, (_, i) => moved.length + a.position + i),
  ];
  return picked.permute(order).contiguous();
}

/** Boolean masks become the indices of their true places, one per dim. */
async function withoutMasks(indices: readonly (Tensor | null)[], self: Tensor): Promise<(Tensor | null)[]> {
  const out: (Tensor | null)[] = [];
  for (const t of indices) {
    if (t === null || (t.dtype !== 'bool' && t.dtype !== 'uint8')) {
      out.push(t);
      continue;
    }
    t.shape.forEach((n, d) => {
      const own = self.shape[out.length + d];
      if (n !== own)
        throw new IndexError(
          `The shape of the mask ${list(t.shape)} at index ${d} does not match the shape of the indexed tensor ${list(self.shape)} at index ${out.length + d}`,
        );
    });
    const places = await nonzero(t);
    for (let d = 0; d < t.shape.length; d++) out.push(places.select(1, d));
    if (t.shape.length === 0) throw new IndexError('a zero-dim mask must be unsqueezed first');
  }
  return out;
}

const hasMask = (indices: readonly (Tensor | null)[]): boolean =>
  indices.some((t) => t !== null && (t.dtype === 'bool' || t.dtype === 'uint8'));

function indexPut(
  self: Tensor,
  indices: readonly (Tensor | null)[],
  values: Tensor,
  accumulate: boolean,
): Tensor {
  const out = self.clone({ memory_format: 'contiguous_format' });
  putInto(out, indices, values, accumulate);
  out.storage.version = 0;
  return out;
}

function putInto(
  out: Tensor,
  indices: readonly (Tensor | null)[],
  values: Tensor,
  accumulate: boolean,
): void {
  if (values.dtype !== out.dtype)
    throw new TorchError(
      `Index put requires the source and destination dtypes match, got ${out.dtype} for the destination and ${values.dtype} for the source.`,
    );
  const a = plan(out, indices);
  if (a.dims.length === 0) {
    copyInto(out, accumulate ? out.add(values) : values);
    return;
  }
  const restDims = [...out.shape.keys()].filter((d) => !a.dims.includes(d));
  const rest = restDims.map((d) => out.shape[d]);
  // The values have the shape that reading would give; bring the indexed dims to the front.
  const shape = [...rest.slice(0, a.position), ...a.shape, ...rest.slice(a.position)];
  let v: Tensor;
  try {
    v = values.expand(shape);
  } catch {
    throw new TorchError(
      `shape mismatch: value tensor of shape ${list(values.shape)} cannot be broadcast to indexing result of shape ${list(shape)}`,
    );
  }
  const front = [
    ...a.shape.map((_, i) => a.position + i),
    ...Array.from({ length: a.position }, (_, i) => i),
    ...Array.from({ length: rest.length - a.position }, (_, i) => a.position + a.shape.length + i),
  ];
  const moved = v.permute(front).reshape([numelOf(a.shape), ...rest]);
  const { flat, at } = flattened(out, a);
  scatterInto(
    'index_put',
    flat,
    0,
    alongDim(at, 0, flat.shape),
    moved.contiguous(),
    accumulate ? 'sum' : 'set',
  );
  if (flat.storage !== out.storage) {
    const back = flat.view([...a.dims.map((d) => out.shape[d]), ...rest]);
    const order = [...a.dims, ...restDims];
    const inverse = out.shape.map((_, d) => order.indexOf(d));
    copyInto(out, back.permute(inverse));
  } else out.storage.version++;
}

/** Coordinates of the elements that are not zero, row-major; waits for the values. */
export async function nonzero(self: Tensor): Promise<Tensor> {
  const data = (await readRaw(self.ne(0))) as Uint8Array;
  const rank = self.shape.length;
  let count = 0;
  for (let i = 0; i < data.length; i++) count += data[i];
  // Column by column, as PyTorch lays it out.
  const out = new BigInt64Array(count * rank);
  const strides = contiguousStrides(self.shape);
  let k = 0;
  for (let i = 0; i < data.length; i++) {
    if (data[i] === 0) continue;
    let rest = i;
    for (let d = 0; d < rank; d++) {
      out[d * count + k] = BigInt(Math.floor(rest / strides[d]));
      rest %= strides[d];
    }
    k++;
  }
  return fromTypedArray(out, [rank, count], 'int64', self.backend).t();
}

const isMaskIndex = (t: Tensor | null): boolean => t !== null && t.dtype === 'bool';

/** The gradient of a gather goes back where the elements came from. */
const gatherBackward = (grad: Tensor, shape: Shape, dim: number, index: Tensor): Tensor =>
  grad.new_zeros(shape).scatter_add(dim, index, grad);

function alongSelf(
  name: string,
  self: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor,
  combine: ScatterCombine,
): Tensor {
  checkVector(index, name);
  const d = wrapDim(dim, self.shape.length);
  const n = numelOf(index.shape);
  if (source.dtype !== self.dtype)
    throw new TorchError(
      `${name}(): self and source expected to have the same dtype, but got (self) ${self.dtype} and (source) ${source.dtype}`,
    );
  if (self.shape.length === 0)
    return scattered(name, self.reshape([1]), 0, index.reshape([-1]), source.reshape([-1]), combine).reshape(
      [],
    );
  if ((source.shape.length === 0 ? 1 : source.shape[d]) !== n)
    throw new TorchError(
      `${name}(): Number of indices (${n}) should be equal to source.size(dim): (${source.shape[d] ?? 1}), for dim: ${d}`,
    );
  const src = source.shape.length === 0 ? source.reshape(self.shape.map(() => 1)) : source;
  const shape = self.shape.map((s, k) => (k === d ? n : s));
  if (!sameShape(src.shape, shape))
    throw new TorchError(
      `${name}(): Source/destination tensor must have same slice shapes. Destination slice shape: ${list(self.shape)} at dimension ${d} and source slice shape: ${list(source.shape)} at dimension ${d}.`,
    );
  return scattered(name, self, d, alongDim(asIndex(index, name), d, self.shape), src, combine);
}

const times = (t: Tensor, s: Scalar): Tensor => (Number(scalarValue(s)) === 1 ? t : t.mul(s));

function embeddingGradient(
  grad: Tensor,
  indices: Tensor,
  rows: number,
  padding_idx: number,
  byFrequency: boolean,
): Tensor {
  const width = grad.shape[grad.shape.length - 1];
  const flat = asIndex(indices, 'embedding').reshape([-1]);
  let g = grad.reshape([-1, width]);
  if (padding_idx >= 0) g = g.masked_fill(flat.eq(padding_idx).unsqueeze(1), 0);
  if (byFrequency) {
    const ones = g.new_ones([numelOf(flat.shape)]);
    const counts = g.new_zeros([rows]).scatter_add(0, flat, ones);
    g = g.div(counts.index_select(0, flat).unsqueeze(1));
  }
  return g.new_zeros([rows, width]).index_add(0, flat, g);
}

export const gathers = [
  op('gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor', {
    define: ({ self, dim, index }) => {
      if (index.dtype !== 'int64' && numelOf(index.shape) > 0)
        throw new TorchError('gather(): Expected dtype int64 for index');
      return gather('gather', self, dim, index);
    },
    grad: { self: ({ grad, self, dim, index }) => gatherBackward(grad, self.shape, dim, index) },
  }),
  op('take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor', {
    define: ({ self, indices, dim }) => {
      if (dim === null) return self.reshape([-1]).gather(0, indices.reshape([-1]));
      const d = wrapDim(dim, self.shape.length);
      const cut = (s: Shape): number[] => s.map((n, k) => (k === d ? 1 : n));
      const shape = broadcastShapes(cut(self.shape), cut(indices.shape));
      const wide = (t: Tensor): Tensor => t.expand(shape.map((n, k) => (k === d ? t.shape[d] : n)));
      return wide(self).gather(d, wide(indices));
    },
  }),
  op('take(Tensor self, Tensor index) -> Tensor', {
    define: ({ self, index }) => {
      const flat = self.reshape([-1]);
      const n = numelOf(self.shape);
      return flat.gather(0, wrapped(asIndex(index, 'take'), n).reshape([-1])).view(index.shape);
    },
  }),
  op('scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor', {
    inplace: true,
    define: ({ self, dim, index, src }) => scattered('scatter', self, dim, index, src, 'set'),
    grad: {
      self: ({ grad, dim, index }) => grad.scatter(dim, index, 0),
      src: ({ grad, dim, index }) => grad.gather(dim, index),
    },
  }),
  op('scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor', {
    inplace: true,
    define: ({ self, dim, index, value }) =>
      scattered('scatter', self, dim, index, constantLike(index, self, value), 'set'),
    grad: { self: ({ grad, dim, index }) => grad.scatter(dim, index, 0) },
    gradName: 'ScatterBackward1',
  }),
  op('scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor', {
    inplace: true,
    grad: 'none',
    define: ({ self, dim, index, src, reduce }) =>
      scattered('scatter', self, dim, index, src, combineOf(reduce, ['add', 'multiply'])),
  }),
  op('scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor', {
    inplace: true,
    grad: 'none',
    define: ({ self, dim, index, value, reduce }) =>
      scattered(
        'scatter',
        self,
        dim,
        index,
        constantLike(index, self, value),
        combineOf(reduce, ['add', 'multiply']),
      ),
  }),
  op('scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor', {
    inplace: true,
    define: ({ self, dim, index, src }) => scattered('scatter_add', self, dim, index, src, 'sum'),
    grad: { self: ({ grad }) => grad, src: ({ grad, dim, index }) => grad.gather(dim, index) },
  }),
  op(
    'scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor',
    {
      inplace: true,
      define: ({ self, dim, index, src, reduce, include_self }) =>
        scatterReduce(self, dim, index, src, reduce, include_self),
      grad: ({ grad, self, dim, index, src, reduce, include_self, result }) =>
        scatterReduceGradients({ grad, self, dim, index, src, reduce, include_self, result }),
    },
  ),
  op('index_select(Tensor self, int dim, Tensor index) -> Tensor', {
    define: ({ self, dim, index }) => indexSelect(self, dim, index),
    grad: {
      self: ({ grad, self, dim, index }) =>
        self.shape.length === 0 ? grad : grad.new_zeros(self.shape).index_add(dim, index.reshape([-1]), grad),
    },
  }),
  op('index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor', {
    inplace: true,
    define: ({ self, dim, index, source, alpha }) =>
      alongSelf('index_add', self, dim, index, times(source, alpha), 'sum'),
    grad: {
      self: ({ grad }) => grad,
      source: ({ grad, dim, index, alpha, source }) =>
        times(grad.index_select(dim, index).reshape(source.shape), alpha),
    },
  }),
  op('index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor', {
    inplace: true,
    define: ({ self, dim, index, source }) => alongSelf('index_copy', self, dim, index, source, 'set'),
    grad: {
      self: ({ grad, dim, index }) => grad.index_fill(dim, index, 0),
      source: ({ grad, dim, index, source }) => grad.index_select(dim, index).reshape(source.shape),
    },
  }),
  op('index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor', {
    inplace: true,
    define: ({ self, dim, index, value }) => {
      const d = wrapDim(dim, self.shape.length);
      const at = wrapped(asIndex(index, 'index_fill'), self.shape[d] ?? 1);
      const shape =
        self.shape.length === 0 ? [] : self.shape.map((n, k) => (k === d ? numelOf(index.shape) : n));
      const source = constantLike(self.new_empty(shape), self, value);
      return alongSelf('index_fill', self, d, at, source, 'set');
    },
    grad: { self: ({ grad, dim, index }) => grad.index_fill(dim, index, 0) },
  }),
  op('index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor', {
    inplace: true,
    define: ({ self, dim, index, value }) => {
      const d = wrapDim(dim, self.shape.length);
      const at = wrapped(asIndex(index, 'index_fill'), self.shape[d] ?? 1);
      const shape =
        self.shape.length === 0 ? [] : self.shape.map((n, k) => (k === d ? numelOf(index.shape) : n));
      return alongSelf('index_fill', self, d, at, value.to(self.dtype).expand(shape), 'set');
    },
    grad: {
      self: ({ grad, dim, index }) => grad.index_fill(dim, index, 0),
      value: ({ grad, dim, index }) => grad.sub(grad.index_fill(dim, index, 0)).sum(),
    },
  }),
  op('index.Tensor(Tensor self, Tensor?[] indices) -> Tensor', {
    define: ({ self, indices }) =>
      hasMask(indices)
        ? withoutMasks(indices, self).then((plain) =>
            callOperator(findOperator('aten::index.Tensor')!, [self, plain]),
          )
        : indexed(self, indices),
    grad: {
      self: ({ grad, self, indices }) => grad.new_zeros(self.shape).index_put(indices, grad, true),
    },
  }),
  op('_unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor', {
    define: ({ self, indices }) => callOperator(findOperator('aten::index.Tensor')!, [self, indices]),
  }),
  op('index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor', {
    define: ({ self, indices, values, accumulate }) => {
      if (!hasMask(indices)) return indexPut(self, indices, values, accumulate);
      const [mask] = indices;
      if (indices.length === 1 && isMaskIndex(mask) && numelOf(values.shape) === 1 && !accumulate)
        return self.masked_fill(spreadMask(mask!, self), values.reshape([]));
      return withoutMasks(indices, self).then((plain) => self.index_put(plain, values, accumulate));
    },
    grad: {
      self: ({ grad, indices, accumulate, values }) =>
        accumulate ? grad : grad.index_put(indices, values.new_zeros([]), false),
      values: ({ grad, indices }) =>
        callOperator(findOperator('aten::index.Tensor')!, [grad, indices]) as Tensor,
    },
  }),
  op('index_put_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor(a!)', {
    define: ({ self, indices, values, accumulate }) => {
      const value = self.index_put(indices, values, accumulate) as Tensor | Promise<Tensor>;
      return value instanceof Promise ? value.then((v) => self.copy_(v)) : self.copy_(value);
    },
  }),
  op(
    '_index_put_impl_(Tensor(a!) self, Tensor?[] indices, Tensor values, bool accumulate=False, bool unsafe=False) -> Tensor(a!)',
    {
      define: ({ self, indices, values, accumulate }) => self.index_put_(indices, values, accumulate),
    },
  ),
  op('masked_select(Tensor self, Tensor mask) -> Tensor', {
    define: async ({ self, mask }) => {
      if (mask.dtype !== 'bool') throw new TorchError('masked_select: expected BoolTensor for mask');
      const shape = broadcastShapes(self.shape, mask.shape);
      const places = await nonzero(mask.expand(shape).reshape([-1]));
      return self.expand(shape).reshape([-1]).index_select(0, places.select(1, 0));
    },
  }),
  op('masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor', {
    inplace: true,
    define: ({ self, mask, source }) => {
      if (mask.dtype !== 'bool')
        throw new TorchError(
          `masked_scatter_ only supports boolean masks, but got mask with dtype ${mask.dtype}`,
        );
      if (self.dtype !== source.dtype)
        throw new TorchError(
          `masked_scatter: expected self and source to have same dtypes but got ${self.dtype} and ${source.dtype}`,
        );
      const shape = broadcastShapes(self.shape, mask.shape);
      const flat = mask.expand(shape).reshape([-1]);
      if (numelOf(shape) === 0 || numelOf(source.shape) === 0) return self.expand(shape).clone();
      // The k-th true place takes element k of the source.
      const rank = flat
        .to('int64')
        .cumsum(0)
        .sub(1)
        .clamp(0, numelOf(source.shape) - 1);
      const taken = source.reshape([-1]).index_select(0, rank);
      return taken.where(flat, self.expand(shape).reshape([-1])).view(shape);
    },
  }),
  op('nonzero(Tensor self) -> Tensor', { grad: 'none', define: ({ self }) => nonzero(self) }),
  op('argwhere(Tensor self) -> Tensor', { grad: 'none', define: ({ self }) => nonzero(self) }),
  op('nonzero_numpy(Tensor self) -> Tensor[]', {
    grad: 'none',
    define: async ({ self }) => (await nonzero(self.shape.length === 0 ? self.reshape([1]) : self)).unbind(1),
  }),
  op('where(Tensor condition) -> Tensor[]', {
    grad: 'none',
    define: async ({ condition }) =>
      (await nonzero(condition.shape.length === 0 ? condition.reshape([1]) : condition)).unbind(1),
  }),
  op(
    'embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor',
    {
      define: ({ weight, indices }) => {
        if (weight.shape.length !== 2) throw new TorchError("'weight' must be 2-D");
        if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
          throw new TorchError(
            `Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got ${indices.dtype} instead (while checking arguments for embedding)`,
          );
        const flat = asIndex(indices, 'embedding').reshape([-1]);
        return gather('embedding', weight, 0, alongDim(flat, 0, weight.shape)).view([
          ...indices.shape,
          weight.shape[1],
        ]);
      },
      grad: {
        weight: ({ grad, weight, indices, padding_idx, scale_grad_by_freq }) =>
          callOperator(findOperator('aten::embedding_dense_backward')!, [
            grad,
            indices,
            weight.shape[0],
            padding_idx,
            scale_grad_by_freq,
          ]) as Tensor,
      },
    },
  ),
  op(
    'embedding_dense_backward(Tensor grad_output, Tensor indices, SymInt num_weights, SymInt padding_idx, bool scale_grad_by_freq) -> Tensor',
    {
      grad: {
        grad_output: ({ grad, indices, padding_idx }) => {
          const flat = asIndex(indices, 'embedding').reshape([-1]);
          const rows = grad.index_select(0, flat);
          const kept = padding_idx >= 0 ? rows.masked_fill(flat.eq(padding_idx).unsqueeze(1), 0) : rows;
          return kept.reshape([...indices.shape, grad.shape[1]]);
        },
      },
      define: ({ grad_output, indices, num_weights, padding_idx, scale_grad_by_freq }) =>
        embeddingGradient(grad_output, indices, num_weights, padding_idx, scale_grad_by_freq),
    },
  ),
  op('one_hot(Tensor self, int num_classes=-1) -> Tensor', {
    grad: 'none',
    define: ({ self, num_classes }) => {
      if (self.dtype !== 'int64')
        throw new TorchError('one_hot is only applicable to index tensor of type LongTensor.');
      const hot = (classes: number): Tensor =>
        self.new_zeros([...self.shape, classes]).scatter(-1, self.unsqueeze(-1), 1);
      if (num_classes > 0) return hot(num_classes);
      if (numelOf(self.shape) === 0)
        throw new TorchError('Can not infer total number of classes from empty tensor.');
      return readRaw(self.max()).then((m) => hot(Number(m[0]) + 1));
    },
  }),
].flat();

const spreadMask = (mask: Tensor, self: Tensor): Tensor => {
  let m = mask;
  for (let d = mask.shape.length; d < self.shape.length; d++) m = m.unsqueeze(-1);
  return m;
};
