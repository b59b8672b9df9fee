/** Operators that look at the same memory in another way. Their gradients look back. */
import { op, view } from '../dispatch/operator.ts';
import { IndexError, TorchError } from '../errors.ts';
import { copyInto, fillWith, typeName } from '../kernel/elementwise.ts';
import { alias, emptyStrided } from '../tensor/create.ts';
import { dtypes } from '../tensor/dtype.ts';
import {
  extent,
  inferSize,
  type Layout,
  numelOf,
  type Shape,
  viewStrides,
  wrapDim,
} from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';

const exchanged = (list: Shape, a: number, b: number): Shape => {
  const out = list.slice();
  out[a] = list[b];
  out[b] = list[a];
  return out;
};

const swap = ({ shape, strides, offset }: Layout, a: number, b: number): Layout =>
  shape.length === 0
    ? { shape, strides, offset }
    : { shape: exchanged(shape, a, b), strides: exchanged(strides, a, b), offset };

function without(list: Shape, d: number): number[] {
  const out = new Array<number>(list.length - 1);
  for (let i = 0; i < out.length; i++) out[i] = list[i < d ? i : i + 1];
  return out;
}

function inserted(list: Shape, d: number, value: number): number[] {
  const out = new Array<number>(list.length + 1);
  for (let i = 0; i < out.length; i++) out[i] = i === d ? value : list[i < d ? i : i - 1];
  return out;
}

function permuted(self: Tensor, dims: Shape): Layout {
  const rank = self.shape.length;
  if (dims.length !== rank)
    throw new TorchError(
      `permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = ${rank} is not equal to len(dims) = ${dims.length}`,
    );
  const order = dims.map((d) => wrapDim(d, rank));
  if (new Set(order).size !== rank) throw new TorchError('permute(): duplicate dims are not allowed.');
  return {
    shape: order.map((d) => self.shape[d]),
    strides: order.map((d) => self.strides[d]),
    offset: self.offset,
  };
}

function viewed(self: Tensor, size: Shape): Layout {
  const shape = inferSize(size, numelOf(self.shape));
  const strides = viewStrides(self.shape, self.strides, shape);
  if (!strides)
    throw new TorchError(
      "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead.",
    );
  return { shape, strides, offset: self.offset };
}

function expanded(self: Tensor, size: Shape): Layout {
  const lead = size.length - self.shape.length;
  if (lead < 0)
    throw new TorchError(
      `expand(${typeName(self.dtype)}Tensor{[${self.shape.join(', ')}]}, size=[${size.join(', ')}]): the number of sizes provided (${size.length}) must be greater or equal to the number of dimensions in the tensor (${self.shape.length})`,
    );
  const shape = size.map((n, d) => {
    const own = d < lead ? 1 : self.shape[d - lead];
    if (n === -1) {
      if (d < lead)
        throw new TorchError(
          `The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension ${d}`,
        );
      return own;
    }
    if (own !== n && own !== 1)
      throw new TorchError(
        `The expanded size of the tensor (${n}) must match the existing size (${own}) at non-singleton dimension ${d}.  Target sizes: [${size.join(', ')}].  Tensor sizes: [${self.shape.join(', ')}]`,
      );
    return n;
  });
  const strides = shape.map((n, d) =>
    d < lead ? 0 : self.shape[d - lead] === 1 && n !== 1 ? 0 : self.strides[d - lead],
  );
  return { shape, strides, offset: self.offset };
}

function selected(self: Tensor, dim: number, index: number): Layout {
  if (self.shape.length === 0) throw new IndexError('select() cannot be applied to a 0-dim tensor.');
  const d = wrapDim(dim, self.shape.length);
  const n = self.shape[d];
  if (!(index >= -n && index < n))
    throw new IndexError(
      `select(): index ${index} out of range for tensor of size [${self.shape.join(', ')}] at dimension ${d}`,
    );
  return {
    shape: without(self.shape, d),
    strides: without(self.strides, d),
    offset: self.offset + (index < 0 ? index + n : index) * self.strides[d],
  };
}

function sliced(self: Tensor, dim: number, start: number | null, end: number | null, step: number): Layout {
  if (self.shape.length === 0) throw new IndexError('slice() cannot be applied to a 0-dim tensor.');
  if (!(step > 0)) throw new TorchError('slice step must be positive');
  const d = wrapDim(dim, self.shape.length);
  const n = self.shape[d];
  const clamp = (v: number): number => Math.min(Math.max(v < 0 ? v + n : v, 0), n);
  // An int64 extreme means as far as it goes.
  const first = clamp(Number(start ?? 0));
  const last = Math.max(clamp(Math.min(Number(end ?? n), Number.MAX_SAFE_INTEGER)), first);
  const shape = [...self.shape];
  const strides = [...self.strides];
  shape[d] = Math.ceil((last - first) / step);
  strides[d] *= step;
  return { shape, strides, offset: self.offset + first * self.strides[d] };
}

function unsqueezed(self: Tensor, dim: number): Layout {
  const d = wrapDim(dim, self.shape.length + 1);
  const stride = d < self.shape.length ? self.shape[d] * self.strides[d] : 1;
  return {
    shape: inserted(self.shape, d, 1),
    strides: inserted(self.strides, d, stride),
    offset: self.offset,
  };
}

function squeezed(self: Tensor, drops: (d: number) => boolean): Layout {
  const keep = [...self.shape.keys()].filter((d) => self.shape[d] !== 1 || !drops(d));
  return {
    shape: keep.map((d) => self.shape[d]),
    strides: keep.map((d) => self.strides[d]),
    offset: self.offset,
  };
}

function diagonal(self: Tensor, offset: number, dim1: number, dim2: number): Layout {
  const rank = self.shape.length;
  const [a, b] = [wrapDim(dim1, rank), wrapDim(dim2, rank)];
  if (a === b) throw new TorchError(`diagonal dimensions cannot be identical ${dim1}, ${dim2}`);
  const length = Math.max(
    offset >= 0
      ? Math.min(self.shape[a], self.shape[b] - offset)
      : Math.min(self.shape[a] + offset, self.shape[b]),
    0,
  );
  const skip = length === 0 ? 0 : offset >= 0 ? offset * self.strides[b] : -offset * self.strides[a];
  const rest = [...self.shape.keys()].filter((d) => d !== a && d !== b);
  return {
    shape: [...rest.map((d) => self.shape[d]), length],
    strides: [...rest.map((d) => self.strides[d]), self.strides[a] + self.strides[b]],
    offset: self.offset + skip,
  };
}

function unfolded(self: Tensor, dimension: number, size: number, step: number): Layout {
  const d = wrapDim(dimension, self.shape.length);
  const n = self.shape[d] ?? 1;
  if (size > n) throw new TorchError(`maximum size for tensor at dimension ${d} is ${n} but size is ${size}`);
  if (step <= 0) throw new TorchError(`step is ${step} but must be > 0`);
  const shape = [...self.shape, size];
  const strides = [...self.strides, self.strides[d] ?? 1];
  if (self.shape.length > 0) {
    shape[d] = Math.floor((n - size) / step) + 1;
    strides[d] = step * self.strides[d];
  }
  return { shape, strides, offset: self.offset };
}

/** Pieces of `sizes` along a dim, one after the other. */
function pieces(self: Tensor, sizes: readonly number[], dim: number): Layout[] {
  const d = wrapDim(dim, self.shape.length);
  let start = 0;
  return sizes.map((n) => {
    const piece = sliced(self, d, start, start + n, 1);
    start += n;
    return piece;
  });
}

function splitSizes(self: Tensor, sizes: readonly number[], dim: number): Layout[] {
  if (self.shape.length === 0) throw new TorchError('split expects at least a 1-dimensional tensor');
  const n = self.shape[wrapDim(dim, self.shape.length)];
  if (sizes.some((s) => s < 0))
    throw new TorchError(
      `split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=[${sizes.join(', ')}]`,
    );
  if (sizes.reduce((a, b) => a + b, 0) !== n)
    throw new TorchError(
      `split_with_sizes expects split_sizes to sum exactly to ${n} (input tensor's size at dimension ${dim}), but got split_sizes=[${sizes.join(', ')}]`,
    );
  return pieces(self, sizes, dim);
}

function evenSizes(self: Tensor, size: number, dim: number): number[] {
  if (self.shape.length === 0) throw new TorchError('split expects at least a 1-dimensional tensor');
  if (size < 0) throw new TorchError(`split expects split_size be non-negative, but got split_size=${size}`);
  const n = self.shape[wrapDim(dim, self.shape.length)];
  if (size === 0 && n !== 0)
    throw new TorchError(`split_size can only be 0 if dimension size is 0, but got dimension size of ${n}`);
  const parts = size === 0 ? 1 : Math.max(Math.ceil(n / size), 1);
  return Array.from({ length: parts }, (_, i) => Math.min(size, n - i * size));
}

/** Gradient of a list of views that together cover `self` along `dim`. */
const joined = (
  grads: readonly (Tensor | null)[],
  self: { shape: Shape },
  sizes: readonly number[],
  dim: number,
): Tensor => {
  const like = grads.find((g) => g !== null)!;
  const d = wrapDim(dim, self.shape.length);
  return catOf(
    grads.map((g, i) => g ?? like.new_zeros(self.shape.map((n, k) => (k === d ? sizes[i] : n)))),
    d,
  );
};

let catOf: (tensors: readonly Tensor[], dim: number) => Tensor;
/** `cat` is an operator of its own file; it hands itself in. */
export const setCat = (cat: typeof catOf): void => {
  catOf = cat;
};

function chunkSizes(self: Tensor, chunks: number, dim: number): number[] {
  if (chunks <= 0) throw new TorchError(`chunk expects \`chunks\` to be greater than 0, got: ${chunks}`);
  const n = self.shape[wrapDim(dim, self.shape.length)];
  const size = Math.ceil(n / chunks);
  return size === 0 && n === 0 ? new Array(chunks).fill(0) : evenSizes(self, size, dim);
}

function sectionSizes(n: number, sections: number): number[] {
  if (sections <= 0) throw new TorchError(`number of sections must be larger than 0, got ${sections}`);
  const small = Math.floor(n / sections);
  return Array.from({ length: sections }, (_, i) => small + (i < n % sections ? 1 : 0));
}

function movedim(self: Tensor, source: Shape, destination: Shape): Tensor {
  const rank = self.shape.length;
  if (source.length !== destination.length)
    throw new TorchError(
      `movedim: Invalid source or destination dims: source ([${source}] dims) should contain the same number of dims as destination ([${destination}] dims)`,
    );
  const from = source.map((d) => wrapDim(d, rank));
  const to = destination.map((d) => wrapDim(d, rank));
  if (new Set(from).size !== from.length)
    throw new TorchError(`movedim: repeated dim in \`source\` ([${source}])`);
  if (new Set(to).size !== to.length)
    throw new TorchError(`movedim: repeated dim in \`destination\` ([${destination}])`);
  const order = new Array<number>(rank).fill(-1);
  to.forEach((d, i) => {
    order[d] = from[i];
  });
  const rest = [...Array(rank).keys()].filter((d) => !from.includes(d));
  return self.permute(order.map((d) => (d === -1 ? rest.shift()! : d)));
}

function flattened(self: Tensor, start: number, end: number): Tensor {
  const rank = self.shape.length;
  const [a, b] = [wrapDim(start, rank), wrapDim(end, rank)];
  if (a > b) throw new TorchError('flatten() has invalid args: start_dim cannot come after end_dim');
  if (rank === 0) return self.reshape([1]);
  if (a === b) return self;
  return self.reshape([
    ...self.shape.slice(0, a),
    numelOf(self.shape.slice(a, b + 1)),
    ...self.shape.slice(b + 1),
  ]);
}

/** A gradient with `grad` in the place of the view and zeros around it. */
function scattered(grad: Tensor, shape: Shape, place: (whole: Tensor) => Tensor): Tensor {
  const whole = grad.new_zeros(shape);
  place(whole).copy_(grad);
  return whole;
}

export const views = [
  view('view(Tensor(a) self, SymInt[] size) -> Tensor(a)', {
    view: ({ self, size }) => viewed(self, size),
    grad: { self: ({ grad, self }) => grad.reshape(self.shape) },
  }),
  view('_unsafe_view(Tensor self, SymInt[] size) -> Tensor', {
    view: ({ self, size }) => viewed(self, size),
    grad: { self: ({ grad, self }) => grad.reshape(self.shape) },
    gradName: 'UnsafeViewBackward0',
  }),
  op('view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)', {
    grad: 'none',
    define: ({ self, dtype }) => {
      if (dtype === self.dtype) return alias(self);
      if (dtypes[dtype].bytes !== dtypes[self.dtype].bytes)
        throw new TorchError(
          `view(dtype): ${self.dtype} and ${dtype} differ in width, and memory is typed here: convert a copy with .to() instead`,
        );
      throw new TorchError(
        `view(dtype): memory of backend '${self.backend.name}' is typed: convert a copy with .to() instead`,
      );
    },
  }),
  op('reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)', {
    followsLayouts: true,
    define: ({ self, shape }) => {
      const size = inferSize(shape, numelOf(self.shape));
      return viewStrides(self.shape, self.strides, size)
        ? self.view(size)
        : self.clone({ memory_format: 'contiguous_format' })._unsafe_view(size);
    },
  }),
  op('view_as(Tensor(a) self, Tensor other) -> Tensor(a)', {
    define: ({ self, other }) => self.view(other.shape),
  }),
  op('reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)', {
    define: ({ self, other }) => self.reshape(other.shape),
  }),
  op('flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)', {
    followsLayouts: true,
    define: ({ self, start_dim, end_dim }) => flattened(self, start_dim, end_dim),
  }),
  op('ravel(Tensor(a) self) -> Tensor(a)', { define: ({ self }) => self.contiguous().view([-1]) }),
  op('unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)', {
    define: ({ self, dim, sizes }) => {
      const d = wrapDim(dim, self.shape.length);
      const inner = inferSize(sizes, self.shape[d]);
      return self.view([...self.shape.slice(0, d), ...inner, ...self.shape.slice(d + 1)]);
    },
  }),
  view('permute(Tensor(a) self, int[] dims) -> Tensor(a)', {
    view: ({ self, dims }) => permuted(self, dims),
    grad: {
      self: ({ grad, dims }) => {
        const back = new Array<number>(dims.length);
        dims.forEach((d, i) => {
          back[wrapDim(d, dims.length)] = i;
        });
        return grad.permute(back);
      },
    },
  }),
  view('transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)', {
    view: ({ self, dim0, dim1 }) =>
      swap(self, wrapDim(dim0, self.shape.length), wrapDim(dim1, self.shape.length)),
    grad: { self: ({ grad, dim0, dim1 }) => grad.transpose(dim0, dim1) },
  }),
  view('t(Tensor(a) self) -> Tensor(a)', {
    view: ({ self }) => {
      if (self.shape.length > 2)
        throw new TorchError(`t() expects a tensor with <= 2 dimensions, but self is ${self.shape.length}D`);
      return self.shape.length < 2 ? self : swap(self, 0, 1);
    },
    grad: { self: ({ grad }) => grad.t() },
  }),
  op('swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)', {
    define: ({ self, axis0, axis1 }) => self.transpose(axis0, axis1),
  }),
  op('swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)', {
    define: ({ self, dim0, dim1 }) => self.transpose(dim0, dim1),
  }),
  op('numpy_T(Tensor(a) self) -> Tensor(a)', {
    define: ({ self }) => self.permute([...self.shape.keys()].reverse()),
  }),
  op('mT(Tensor(a) self) -> Tensor(a)', { define: ({ self }) => self.transpose(-2, -1) }),
  op('movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)', {
    define: ({ self, source, destination }) => movedim(self, source, destination),
  }),
  op('movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)', {
    define: ({ self, source, destination }) => movedim(self, [source], [destination]),
  }),
  op('moveaxis.int(Tensor(a) self, int source, int destination) -> Tensor(a)', {
    define: ({ self, source, destination }) => movedim(self, [source], [destination]),
  }),
  view('expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)', {
    view: ({ self, size }) => expanded(self, size),
    grad: { self: ({ grad, self }) => grad.sum_to_size(self.shape) },
  }),
  op('expand_as(Tensor(a) self, Tensor other) -> Tensor(a)', {
    define: ({ self, other }) => self.expand(other.shape),
  }),
  op('broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)', {
    define: ({ self, size }) => self.expand(size),
  }),
  view('select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)', {
    view: ({ self, dim, index }) => selected(self, dim, index),
    grad: { self: ({ grad, self, dim, index }) => grad.select_backward(self.shape, dim, index) },
  }),
  op('select_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt index) -> Tensor', {
    define: ({ grad_output, input_sizes, dim, index }) =>
      scattered(grad_output, input_sizes, (w) => w.select(dim, index)),
    grad: { grad_output: ({ grad, dim, index }) => grad.select(dim, index) },
  }),
  view(
    'slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)',
    {
      view: ({ self, dim, start, end, step }) => sliced(self, dim, start, end, step),
      grad: {
        self: ({ grad, self, dim, start, end, step }) => {
          const n = self.shape[wrapDim(dim, self.shape.length)];
          return grad.slice_backward(self.shape, dim, start ?? 0, end ?? n, step);
        },
      },
    },
  ),
  op(
    'slice_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt start, SymInt end, SymInt step) -> Tensor',
    {
      define: ({ grad_output, input_sizes, dim, start, end, step }) =>
        scattered(grad_output, input_sizes, (w) => w.slice(dim, start, end, step)),
      grad: { grad_output: ({ grad, dim, start, end, step }) => grad.slice(dim, start, end, step) },
    },
  ),
  op('narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)', {
    define: ({ self, dim, start: from, length: count }) => {
      const [start, length] = [Number(from), Number(count)];
      if (self.shape.length === 0) throw new TorchError('narrow() cannot be applied to a 0-dim tensor.');
      if (length < 0) throw new TorchError('narrow(): length must be non-negative.');
      const n = self.shape[wrapDim(dim, self.shape.length)];
      if (start < -n || start > n)
        throw new IndexError(
          `start out of range (expected to be in range of [${-n}, ${n}], but got ${start})`,
        );
      const first = start < 0 ? start + n : start;
      if (first + length > n)
        throw new TorchError(`start (${first}) + length (${length}) exceeds dimension size (${n}).`);
      return self.slice(dim, first, first + length, 1);
    },
  }),
  view('unsqueeze(Tensor(a) self, int dim) -> Tensor(a)', {
    view: ({ self, dim }) => unsqueezed(self, dim),
    grad: { self: ({ grad, dim }) => grad.squeeze(dim) },
  }),
  view('squeeze(Tensor(a) self) -> Tensor(a)', {
    view: ({ self }) => squeezed(self, () => true),
    grad: { self: ({ grad, self }) => grad.reshape(self.shape) },
  }),
  view('squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)', {
    view: ({ self, dim }) => {
      const d = wrapDim(dim, self.shape.length);
      return squeezed(self, (k) => k === d);
    },
    grad: { self: ({ grad, self }) => grad.reshape(self.shape) },
    gradName: 'SqueezeBackward1',
  }),
  view('squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)', {
    view: ({ self, dim }) => {
      const dims = dim.map((d) => wrapDim(d, self.shape.length));
      return squeezed(self, (k) => dims.includes(k));
    },
    grad: { self: ({ grad, self }) => grad.reshape(self.shape) },
    gradName: 'SqueezeBackward3',
  }),
  view(
    'as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)',
    {
      view: ({ self, size, stride, storage_offset }) => {
        const layout = { shape: size, strides: stride, offset: storage_offset ?? self.offset };
        if (size.length !== stride.length) throw new TorchError('mismatch in length of strides and shape');
        if (stride.some((s) => s < 0))
          throw new TorchError(
            `as_strided: Negative strides are not supported at the moment, got strides: [${stride.join(', ')}]`,
          );
        if (numelOf(size) > 0 && (layout.offset < 0 || extent(layout).last >= self.storage.length))
          throw new TorchError(
            `setStorage: sizes [${size.join(', ')}], strides [${stride.join(', ')}], storage offset ${layout.offset} are out of bounds for storage of ${self.storage.length} elements`,
          );
        return layout;
      },
      grad: {
        self: ({ grad, self, size, stride, storage_offset }) =>
          grad.as_strided_scatter_into(
            self.shape,
            self.strides,
            size,
            stride,
            (storage_offset ?? self.offset) - self.offset,
          ),
      },
    },
  ),
  op(
    'as_strided_scatter_into(Tensor self, SymInt[] base_size, SymInt[] base_stride, SymInt[] size, SymInt[] stride, SymInt offset) -> Tensor',
    {
      define: ({ self, base_size, base_stride, size, stride, offset }) =>
        placed(self, base_size, base_stride, { shape: size, strides: stride, offset }),
      grad: {
        self: ({ grad, base_size, base_stride, size, stride, offset }) => {
          const laid = emptyStrided(base_size, base_stride, grad.dtype, grad.backend);
          return laid.copy_(grad).as_strided(size, stride, offset);
        },
      },
    },
  ),
  view('diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)', {
    view: ({ self, offset, dim1, dim2 }) => diagonal(self, offset, dim1, dim2),
    grad: {
      self: ({ grad, self, offset, dim1, dim2 }) => grad.diagonal_backward(self.shape, offset, dim1, dim2),
    },
  }),
  op(
    'diagonal_backward(Tensor grad_output, SymInt[] input_sizes, int offset, int dim1, int dim2) -> Tensor',
    {
      define: ({ grad_output, input_sizes, offset, dim1, dim2 }) =>
        scattered(grad_output, input_sizes, (w) => w.diagonal(offset, dim1, dim2)),
      grad: { grad_output: ({ grad, offset, dim1, dim2 }) => grad.diagonal(offset, dim1, dim2) },
    },
  ),
  view('unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)', {
    view: ({ self, dimension, size, step }) => unfolded(self, dimension, size, step),
    grad: {
      self: ({ grad, self, dimension, size, step }) =>
        grad.unfold_backward(self.shape, dimension, size, step),
    },
  }),
  op('unfold_backward(Tensor grad_in, SymInt[] input_sizes, int dim, int size, int step) -> Tensor', {
    define: ({ grad_in, input_sizes, dim, size, step }) => {
      const whole = grad_in.new_zeros(input_sizes);
      if (input_sizes.length === 0) return whole.add_(grad_in.select(-1, 0));
      const d = wrapDim(dim, input_sizes.length);
      const windows = grad_in.shape[d];
      // One element of every window at a time: those never overlap.
      for (let k = 0; k < size; k++)
        whole.slice(d, k, k + (windows - 1) * step + 1, step).add_(grad_in.select(-1, k));
      return whole;
    },
    grad: { grad_in: ({ grad, dim, size, step }) => grad.unfold(dim, size, step) },
  }),
  view('unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]', {
    view: ({ self, dim }) => {
      if (self.shape.length === 0)
        throw new IndexError(`Dimension specified as ${dim} but tensor has no dimensions`);
      const d = wrapDim(dim, self.shape.length);
      return Array.from({ length: self.shape[d] }, (_, i) => selected(self, d, i));
    },
    grad: {
      self: ({ grads, self, dim }) => {
        const d = wrapDim(dim, self.shape.length);
        const like = grads.find((g) => g !== null)!;
        return catOf(
          grads.map((g) => (g ?? like.new_zeros(like.shape)).unsqueeze(d)),
          d,
        );
      },
    },
  }),
  view('split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]', {
    view: ({ self, split_size, dim }) => pieces(self, evenSizes(self, split_size, dim), dim),
    grad: {
      self: ({ grads, self, split_size, dim }) => joined(grads, self, evenSizes(self, split_size, dim), dim),
    },
  }),
  op('split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]', {
    define: ({ self, split_size, dim }) => self.split_with_sizes(split_size, dim),
  }),
  view('split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]', {
    view: ({ self, split_sizes, dim }) => splitSizes(self, split_sizes, dim),
    grad: { self: ({ grads, self, split_sizes, dim }) => joined(grads, self, split_sizes, dim) },
  }),
  op('chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]', {
    define: ({ self, chunks, dim }) => self.split_with_sizes(chunkSizes(self, chunks, dim), dim),
  }),
  op('tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]', {
    define: ({ self, sections, dim }) =>
      self.split_with_sizes(sectionSizes(self.shape[wrapDim(dim, self.shape.length)], sections), dim),
  }),
  op('tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]', {
    define: ({ self, indices, dim }) => {
      const ends: (number | null)[] = [...indices, null];
      return ends.map((end, i) => self.slice(dim, i === 0 ? 0 : indices[i - 1], end, 1));
    },
  }),
].flat();

/** `grad` of a strided view put back into a base; elements that the view has several times are summed. */
function placed(grad: Tensor, baseShape: Shape, baseStrides: Shape, view: Layout): Tensor {
  const span = Math.max(
    numelOf(baseShape) === 0 ? 0 : extent({ shape: baseShape, strides: baseStrides, offset: 0 }).last + 1,
    numelOf(view.shape) === 0 ? 0 : extent(view).last + 1,
  );
  const flat = emptyStrided([span], [1], grad.dtype, grad.backend);
  fillWith(flat, 0);
  // Dims that repeat (stride 0) are summed first; what is left may still overlap, and then is added row by row.
  const repeated = [...view.shape.keys()].filter((d) => view.strides[d] === 0 && view.shape[d] !== 1);
  const summed = repeated.length > 0 ? grad.sum(repeated, true) : grad;
  const shape = summed.shape;
  addInto(alias(flat, { shape, strides: view.strides, offset: view.offset }), summed);
  const base = alias(flat, { shape: baseShape, strides: baseStrides, offset: 0 });
  return base;
}

function addInto(target: Tensor, value: Tensor): void {
  const order = [...target.shape.keys()].sort((a, b) => target.strides[a] - target.strides[b]);
  let reach = 0;
  let overlapping = -1;
  for (const d of order) {
    if (target.shape[d] < 2) continue;
    if (target.strides[d] <= reach) overlapping = d;
    reach += target.strides[d] * (target.shape[d] - 1);
  }
  if (overlapping < 0) {
    copyInto(target, target.add(value));
    return;
  }
  for (let i = 0; i < target.shape[overlapping]; i++)
    addInto(target.select(overlapping, i), value.select(overlapping, i));
}
