/** Joining, repeating, padding, turning: copies into slices of a new tensor. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { IndexError, TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { copyInto, Elementwise, fillWith } from '../kernel/elementwise.ts';
import { refuseUnrecorded } from '../kernel/guard.ts';
import { alias, empty, emptyStrided } from '../tensor/create.ts';
import {
  broadcastShapes,
  channelsLastOrder,
  isChannelsLast,
  isContiguous,
  numelOf,
  type Shape,
  stridesInOrder,
  wrapDim,
  wrapDims,
} from '../tensor/layout.ts';
import { resultType, type Scalar } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { stridesInFormat } from './copy.ts';
import { setCat } from './view.ts';

const isSkipped = (t: Tensor): boolean => t.shape.length === 1 && t.shape[0] === 0;

function cat(tensors: readonly Tensor[], dim: number): Tensor {
  if (tensors.length === 0) throw new TorchError('torch.cat(): expected a non-empty list of Tensors');
  tensors.forEach((t, i) => {
    if (t.shape.length === 0)
      throw new TorchError(`zero-dimensional tensor (at position ${i}) cannot be concatenated`);
  });
  refuseUnrecorded('cat', tensors);
  const dtype = resultType(tensors);
  const real = tensors.filter((t) => !isSkipped(t));
  if (real.length === 0) return empty([0], dtype, tensors[0].backend);
  const [first] = real;
  const d = wrapDim(dim, first.shape.length);
  let total = 0;
  real.forEach((t, i) => {
    if (t.shape.length !== first.shape.length)
      throw new TorchError(
        `Tensors must have same number of dimensions: got ${first.shape.length} and ${t.shape.length}`,
      );
    t.shape.forEach((n, k) => {
      if (k !== d && n !== first.shape[k])
        throw new TorchError(
          `Sizes of tensors must match except in dimension ${d}. Expected size ${first.shape[k]} but got size ${n} for tensor number ${tensors.indexOf(real[i])} in the list.`,
        );
    });
    total += t.shape[d];
  });
  const shape = first.shape.map((n, k) => (k === d ? total : n));
  const out = real.every((t) => isChannelsLast(t.shape, t.strides) && t.shape[1] !== 1)
    ? emptyStrided(shape, stridesInOrder(shape, channelsLastOrder(shape.length)), dtype, first.backend)
    : empty(shape, dtype, first.backend);
  let at = 0;
  for (const t of real) {
    const place = alias(out, {
      shape: t.shape,
      strides: out.strides,
      offset: at * out.strides[d],
    });
    copyInto(place, t);
    place.dispose();
    at += t.shape[d];
  }
  out.storage.version = 0;
  return out;
}

/** `cat` as an operator call, so that it is recorded. */
export const catOf = (tensors: readonly Tensor[], dim: number): Tensor =>
  callOperator(findOperator('aten::cat')!, [tensors, dim]) as Tensor;
setCat(catOf);

const stackOf = (tensors: readonly Tensor[], dim: number): Tensor =>
  callOperator(findOperator('aten::stack')!, [tensors, dim]) as Tensor;

/** The gradient of cat, cut where the tensors met. */
function uncat(grad: Tensor, tensors: readonly { shape: Shape }[], dim: number): Tensor[] {
  const rank = grad.shape.length;
  const d = wrapDim(dim, rank);
  let at = 0;
  return tensors.map((t) => {
    if (t.shape.length === 1 && t.shape[0] === 0 && rank !== 1) return grad.new_zeros([0]);
    const n = t.shape[d];
    const piece = grad.narrow(d, at, n);
    at += n;
    return piece;
  });
}

function flip(self: Tensor, dims: Shape): Tensor {
  const flipped = new Set(wrapDims(dims.length === 0 ? [] : dims, self.shape.length));
  if (dims.length === 0) return self.clone();
  const strides = self.strides.map((s, d) => (flipped.has(d) ? -s : s));
  let offset = self.offset;
  for (const d of flipped) if (self.shape[d] > 0) offset += (self.shape[d] - 1) * self.strides[d];
  const out = emptyStrided(self.shape, stridesInFormat(self, null), self.dtype, self.backend);
  copyInto(out, alias(self, { shape: self.shape, strides, offset }));
  out.storage.version = 0;
  return out;
}

function repeat(self: Tensor, repeats: Shape): Tensor {
  const lead = repeats.length - self.shape.length;
  if (lead < 0)
    throw new TorchError(
      'Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor',
    );
  const shape = [...new Array(lead).fill(1), ...self.shape];
  let x = self.reshape(shape);
  // [2, n] for a dim of n repeated twice, then both joined.
  const wide: number[] = [];
  const tall: number[] = [];
  const joined: number[] = [];
  shape.forEach((n, d) => {
    wide.push(1, n);
    tall.push(repeats[d], n);
    joined.push(repeats[d] * n);
  });
  x = x.reshape(wide).expand(tall);
  return x.clone({ memory_format: 'contiguous_format' })._unsafe_view(joined);
}

function roll(self: Tensor, shifts: Shape, dims: Shape): Tensor {
  if (shifts.length === 0) throw new TorchError('`shifts` required');
  if (dims.length === 0) {
    if (shifts.length !== 1)
      throw new TorchError(`shifts and dimensions must align. shifts: ${shifts.length}, dims:0`);
    return self.reshape([-1]).roll(shifts, [0]).view(self.shape);
  }
  if (shifts.length !== dims.length)
    throw new TorchError(`shifts and dimensions must align. shifts: ${shifts.length}, dims:${dims.length}`);
  let out = self;
  dims.forEach((dim, i) => {
    if (out.shape.length === 0)
      throw new IndexError(`Dimension specified as ${dim} but tensor has no dimensions`);
    const d = wrapDim(dim, out.shape.length);
    const n = out.shape[d];
    if (n === 0) return;
    const shift = Number(((BigInt(shifts[i]) % BigInt(n)) + BigInt(n)) % BigInt(n));
    if (shift !== 0) out = catOf([out.narrow(d, n - shift, shift), out.narrow(d, 0, n - shift)], d);
  });
  return out === self ? self.clone() : out;
}

/** Padding amounts come last dim first, before and after. */
function padAmounts(self: Tensor, pad: Shape): { before: number[]; after: number[] } {
  const rank = self.shape.length;
  if (pad.length % 2 !== 0)
    throw new TorchError(`Length of pad must be even but instead it equals ${pad.length}`);
  if (pad.length > 2 * rank)
    throw new TorchError(
      `Length of pad should be no more than twice the number of dimensions of the input. Pad length is ${pad.length} while the input has ${rank} dimensions.`,
    );
  const before = new Array<number>(rank).fill(0);
  const after = new Array<number>(rank).fill(0);
  for (let i = 0; i < pad.length / 2; i++) {
    before[rank - 1 - i] = pad[2 * i];
    after[rank - 1 - i] = pad[2 * i + 1];
  }
  return { before, after };
}

/** Negative amounts cut. */
function cut(self: Tensor, before: Shape, after: Shape): Tensor {
  let out = self;
  before.forEach((b, d) => {
    if (b < 0) out = out.narrow(d, -b, out.shape[d] + b);
    if (after[d] < 0) out = out.narrow(d, 0, out.shape[d] + after[d]);
  });
  return out;
}

function constantPad(self: Tensor, pad: Shape, value: Scalar): Tensor {
  const { before, after } = padAmounts(self, pad);
  const shape = self.shape.map((n, d) => {
    const size = n + before[d] + after[d];
    if (size < 0)
      throw new TorchError(
        `The input size ${n}, plus negative padding ${before[d]} and ${after[d]}, resulted in a negative output size, which is invalid. Check dimension ${d} of your input.`,
      );
    return size;
  });
  const inner = cut(self, before, after);
  const out =
    isChannelsLast(self.shape, self.strides) && !isContiguous(self.shape, self.strides)
      ? emptyStrided(shape, stridesInOrder(shape, channelsLastOrder(shape.length)), self.dtype, self.backend)
      : empty(shape, self.dtype, self.backend);
  fillWith(out, value);
  let offset = 0;
  before.forEach((b, d) => {
    offset += Math.max(b, 0) * out.strides[d];
  });
  copyInto(alias(out, { shape: inner.shape, strides: out.strides, offset }), inner);
  out.storage.version = 0;
  return out;
}

/**
 * Pads that repeat what is there, one dim after the other: each takes slices of the tensor (flipped for `reflect`)
 * and joins them on, so gradients follow.
 */
function borderPad(self: Tensor, pad: Shape, kind: 'reflect' | 'replicate' | 'circular'): Tensor {
  const { before, after } = padAmounts(self, pad);
  let out = self;
  for (let d = self.shape.length - 1; d >= self.shape.length - pad.length / 2; d--) {
    let [b, a] = [before[d], after[d]];
    if (kind === 'circular' && (b < 0 || a < 0)) {
      // What is cut off does not come round again.
      const from = Math.max(-b, 0);
      out = out.narrow(d, from, out.shape[d] - from - Math.max(-a, 0));
      [b, a] = [Math.max(b, 0), Math.max(a, 0)];
    }
    const n = out.shape[d];
    const parts: Tensor[] = [];
    const [inB, inA] = [Math.max(b, 0), Math.max(a, 0)];
    if (kind === 'reflect') {
      if (b >= n || a >= n)
        throw new TorchError(
          `Argument #4: Padding size should be less than the corresponding input dimension, but got: padding (${b}, ${a}) at dimension ${d} of input [${self.shape.join(', ')}]`,
        );
      if (inB) parts.push(out.narrow(d, 1, inB).flip([d]));
      parts.push(out);
      if (inA) parts.push(out.narrow(d, n - 1 - inA, inA).flip([d]));
    } else if (kind === 'replicate') {
      if (n === 0)
        throw new TorchError(
          `Expected ${self.shape.length}D tensor with possibly 0 batch size and other non-zero dimensions for input, but got: [${self.shape.join(', ')}]`,
        );
      const sizes = (m: number): number[] => out.shape.map((s, k) => (k === d ? m : s));
      if (inB) parts.push(out.narrow(d, 0, 1).expand(sizes(inB)));
      parts.push(out);
      if (inA) parts.push(out.narrow(d, n - 1, 1).expand(sizes(inA)));
    } else {
      if (b > n || a > n) throw new TorchError('Padding value causes wrapping around more than once.');
      if (inB) parts.push(out.narrow(d, n - inB, inB));
      parts.push(out);
      if (inA) parts.push(out.narrow(d, 0, inA));
    }
    let wide = parts.length > 1 ? catOf(parts, d) : out;
    if (b < 0) wide = wide.narrow(d, -b, wide.shape[d] + b);
    if (a < 0) wide = wide.narrow(d, 0, wide.shape[d] + a);
    out = wide;
  }
  return out === self ? self.clone() : out.contiguous();
}

function checkPadRank(self: Tensor, dims: number, name: string): void {
  const rank = self.shape.length;
  if (rank !== dims + 1 && rank !== dims + 2)
    throw new TorchError(
      `Expected ${dims + 1}D or ${dims + 2}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: [${self.shape.join(', ')}] (in ${name})`,
    );
}

const modes = ['constant', 'reflect', 'replicate', 'circular'] as const;

function pad(self: Tensor, amounts: Shape, mode: string, value: number | null): Tensor {
  if (mode === 'constant') return self.constant_pad_nd(amounts, value ?? 0);
  if (value !== null && value !== 0)
    throw new TorchError(`Padding mode "${mode}" doesn't take in value argument`);
  const dims = amounts.length / 2;
  if (mode === 'circular') return self._pad_circular(amounts);
  if ((mode === 'reflect' || mode === 'replicate') && dims >= 1 && dims <= 3)
    return self[`${mode === 'reflect' ? 'reflection' : 'replication'}_pad${dims as 1 | 2 | 3}d`](amounts);
  throw new TorchError(
    (modes as readonly string[]).includes(mode)
      ? 'Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now'
      : `Unrecognised padding mode ${mode}`,
  );
}

const triangle = new Map<string, Elementwise>();

/** Keeps the elements on one side of a diagonal. */
function triangular(self: Tensor, diagonal: number, keepUpper: boolean): Tensor {
  const rank = self.shape.length;
  if (rank < 2)
    throw new TorchError(`${keepUpper ? 'triu' : 'tril'}: input tensor must have at least 2 dimensions`);
  const key = `${rank}${keepUpper}${self.dtype}`;
  let rule = triangle.get(key);
  if (!rule)
    triangle.set(
      key,
      (rule = new Elementwise(
        (x, k) => {
          const distance = X.coord(rank - 1).sub(X.coord(rank - 2));
          const kept = keepUpper ? distance.ge(k) : distance.le(k);
          return x.isBool ? kept.and(x) : kept.where(x, 0);
        },
        { promote: 'none', result: self.dtype },
      )),
    );
  return rule.call('tril', [self.contiguous()], [diagonal])[0];
}

export const joins = [
  op('cat(Tensor[] tensors, int dim=0) -> Tensor', {
    define: ({ tensors, dim }) => cat(tensors, dim),
    followsLayouts: true,
    grad: { tensors: ({ grad, tensors, dim }) => uncat(grad, tensors, dim) },
  }),
  op('concat(Tensor[] tensors, int dim=0) -> Tensor', {
    define: ({ tensors, dim }) => catOf(tensors, dim),
    followsLayouts: true,
  }),
  op('concatenate(Tensor[] tensors, int dim=0) -> Tensor', {
    define: ({ tensors, dim }) => catOf(tensors, dim),
    followsLayouts: true,
  }),
  op('stack(Tensor[] tensors, int dim=0) -> Tensor', {
    define: ({ tensors, dim }) => {
      if (tensors.length === 0) throw new TorchError('stack expects a non-empty TensorList');
      const [first] = tensors;
      tensors.forEach((t, i) => {
        if (t.shape.length !== first.shape.length || t.shape.some((n, d) => n !== first.shape[d]))
          throw new TorchError(
            `stack expects each tensor to be equal size, but got [${first.shape.join(', ')}] at entry 0 and [${t.shape.join(', ')}] at entry ${i}`,
          );
      });
      const d = wrapDim(dim, first.shape.length + 1);
      return cat(
        tensors.map((t) => t.unsqueeze(d)),
        d,
      );
    },
    followsLayouts: true,
    grad: { tensors: ({ grad, dim }) => grad.unbind(dim) },
  }),
  op('hstack(Tensor[] tensors) -> Tensor', {
    define: ({ tensors }) => {
      if (tensors.length === 0) throw new TorchError('hstack expects a non-empty TensorList');
      const xs = tensors.map((t) => (t.shape.length === 0 ? t.reshape([1]) : t));
      return catOf(xs, xs[0].shape.length === 1 ? 0 : 1);
    },
  }),
  op('vstack(Tensor[] tensors) -> Tensor', {
    define: ({ tensors }) =>
      catOf(
        tensors.map((t) => (t.shape.length < 2 ? t.reshape([1, numelOf(t.shape)]) : t)),
        0,
      ),
  }),
  op('dstack(Tensor[] tensors) -> Tensor', {
    define: ({ tensors }) =>
      catOf(
        tensors.map((t) =>
          t.shape.length < 2
            ? t.reshape([1, numelOf(t.shape), 1])
            : t.shape.length === 2
              ? t.unsqueeze(2)
              : t,
        ),
        2,
      ),
  }),
  op('column_stack(Tensor[] tensors) -> Tensor', {
    define: ({ tensors }) =>
      catOf(
        tensors.map((t) => (t.shape.length < 2 ? t.reshape([numelOf(t.shape), 1]) : t)),
        1,
      ),
  }),
  op('block_diag(Tensor[] tensors) -> Tensor', {
    define: ({ tensors }) => {
      const blocks = tensors.map((t) => (t.shape.length < 2 ? t.reshape([1, numelOf(t.shape)]) : t));
      const width = blocks.reduce((n, b) => n + b.shape[1], 0);
      let left = 0;
      return catOf(
        blocks.map((b) => {
          const row = b.constant_pad_nd([left, width - left - b.shape[1]], 0);
          left += b.shape[1];
          return row;
        }),
        0,
      );
    },
  }),
  op('flip(Tensor self, int[] dims) -> Tensor', {
    define: ({ self, dims }) => {
      refuseUnrecorded('flip', [self]);
      return flip(self, dims);
    },
    grad: { self: ({ grad, dims }) => grad.flip(dims) },
  }),
  op('fliplr(Tensor self) -> Tensor', {
    define: ({ self }) => {
      if (self.shape.length < 2) throw new TorchError('Input must be >= 2-d.');
      return self.flip([1]);
    },
  }),
  op('flipud(Tensor self) -> Tensor', {
    define: ({ self }) => {
      if (self.shape.length < 1) throw new TorchError('Input must be >= 1-d.');
      return self.flip([0]);
    },
  }),
  op('rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor', {
    define: ({ self, k, dims }) => {
      if (dims.length !== 2)
        throw new TorchError(`expected total rotation dims == 2, but got dims = ${dims.length}`);
      if (self.shape.length < 2)
        throw new TorchError(`expected total dims >= 2, but got total dims = ${self.shape.length}`);
      if (wrapDim(dims[0], self.shape.length) === wrapDim(dims[1], self.shape.length))
        throw new TorchError(
          `expected rotation dims to be different, but got dim0 = ${dims[0]} and dim1 = ${dims[1]}`,
        );
      switch (((k % 4) + 4) % 4) {
        case 1:
          return self.flip([dims[1]]).transpose(dims[0], dims[1]);
        case 2:
          return self.flip(dims);
        case 3:
          return self.flip([dims[0]]).transpose(dims[0], dims[1]);
        default:
          return self.clone({ memory_format: 'contiguous_format' });
      }
    },
  }),
  op('repeat(Tensor self, SymInt[] repeats) -> Tensor', {
    define: ({ self, repeats }) => repeat(self, repeats),
  }),
  op('tile(Tensor self, SymInt[] dims) -> Tensor', {
    define: ({ self, dims }) =>
      self.repeat([...new Array(Math.max(self.shape.length - dims.length, 0)).fill(1), ...dims]),
  }),
  op(
    'repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor',
    {
      define: ({ self, repeats, dim }) => {
        const x = dim === null ? self.reshape([-1]) : self;
        const d = wrapDim(dim ?? 0, x.shape.length);
        const shape = [...x.shape.slice(0, d + 1), repeats, ...x.shape.slice(d + 1)];
        return x
          .unsqueeze(d + 1)
          .expand(shape)
          .clone({ memory_format: 'contiguous_format' })
          .flatten(d, d + 1);
      },
    },
  ),
  op('roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor', {
    define: ({ self, shifts, dims }) => roll(self, shifts, dims),
  }),
  op('constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor', {
    define: ({ self, pad, value }) => {
      refuseUnrecorded('constant_pad_nd', [self]);
      return constantPad(self, pad, value);
    },
    grad: {
      self: ({ grad, pad }) =>
        grad.constant_pad_nd(
          pad.map((p) => -p),
          0,
        ),
    },
  }),
  ...([1, 2, 3] as const).flatMap((dims) => [
    ...op(`reflection_pad${dims}d(Tensor self, SymInt[${(dims * 2) as 2 | 4 | 6}] padding) -> Tensor`, {
      define: ({ self, padding }) => {
        checkPadRank(self, dims, `reflection_pad${dims}d`);
        return borderPad(self, padding, 'reflect');
      },
    }),
    ...op(`replication_pad${dims}d(Tensor self, SymInt[${(dims * 2) as 2 | 4 | 6}] padding) -> Tensor`, {
      define: ({ self, padding }) => {
        checkPadRank(self, dims, `replication_pad${dims}d`);
        return borderPad(self, padding, 'replicate');
      },
    }),
  ]),
  op('_pad_circular(Tensor self, SymInt[] pad) -> Tensor', {
    define: ({ self, pad }) => borderPad(self, pad, 'circular'),
  }),
  op('_pad_enum(Tensor self, SymInt[] pad, int mode, float? value=None) -> Tensor', {
    define: ({ self, pad: amounts, mode, value }) => pad(self, amounts, modes[mode], value),
  }),
  op('pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor', {
    define: ({ self, pad: amounts, mode, value }) => pad(self, amounts, mode, value),
  }),
  op(
    'slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor',
    {
      define: ({ self, src, dim, start, end, step }) => {
        const out = self.clone();
        out.slice(dim, start, end, step).copy_(src);
        return out;
      },
      grad: {
        self: ({ grad, dim, start, end, step }) => {
          const out = grad.clone();
          out.slice(dim, start, end, step).zero_();
          return out;
        },
        src: ({ grad, dim, start, end, step }) => grad.slice(dim, start, end, step),
      },
    },
  ),
  op('select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor', {
    define: ({ self, src, dim, index }) => {
      const out = self.clone();
      out.select(dim, index).copy_(src);
      return out;
    },
    grad: {
      self: ({ grad, dim, index }) => {
        const out = grad.clone();
        out.select(dim, index).zero_();
        return out;
      },
      src: ({ grad, dim, index }) => grad.select(dim, index),
    },
  }),
  op('diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor', {
    define: ({ self, src, offset, dim1, dim2 }) => {
      const out = self.clone();
      out.diagonal(offset, dim1, dim2).copy_(src);
      return out;
    },
    grad: {
      self: ({ grad, offset, dim1, dim2 }) => {
        const out = grad.clone();
        out.diagonal(offset, dim1, dim2).zero_();
        return out;
      },
      src: ({ grad, offset, dim1, dim2 }) => grad.diagonal(offset, dim1, dim2),
    },
  }),
  op(
    'as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor',
    {
      define: ({ self, src, size, stride, storage_offset }) => {
        const out = self.clone();
        out.as_strided(size, stride, storage_offset).copy_(src);
        return out;
      },
    },
  ),
  op('tril(Tensor self, int diagonal=0) -> Tensor', {
    inplace: true,
    define: ({ self, diagonal }) => triangular(self, diagonal, false),
    grad: { self: ({ grad, diagonal }) => grad.tril(diagonal) },
  }),
  op('triu(Tensor self, int diagonal=0) -> Tensor', {
    inplace: true,
    define: ({ self, diagonal }) => triangular(self, diagonal, true),
    grad: { self: ({ grad, diagonal }) => grad.triu(diagonal) },
  }),
  op('diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor', {
    define: ({ self, offset, dim1, dim2 }) => {
      const rank = self.shape.length + 1;
      const [a, b] = [wrapDim(dim1, rank), wrapDim(dim2, rank)];
      if (a === b) throw new TorchError(`diagonal dimensions cannot be identical ${dim1}, ${dim2}`);
      const n = self.shape[rank - 2] + Math.abs(offset);
      const rest = self.shape.slice(0, -1);
      const shape = Array.from({ length: rank }, (_, d) =>
        d === a || d === b ? n : rest.shift()!,
      ) as number[];
      const out = self.new_zeros(shape);
      out.diagonal(offset, a, b).copy_(self);
      return out;
    },
    grad: { self: ({ grad, offset, dim1, dim2 }) => grad.diagonal(offset, dim1, dim2) },
  }),
  op('diag(Tensor self, int diagonal=0) -> Tensor', {
    define: ({ self, diagonal }) => {
      if (self.shape.length === 1) return self.diag_embed(diagonal);
      if (self.shape.length === 2) return self.diagonal(diagonal).clone();
      throw new TorchError(`diag(): Supports 1D or 2D tensors. Got ${self.shape.length}D`);
    },
  }),
  op('trace(Tensor self) -> Tensor', {
    define: ({ self }) => {
      if (self.shape.length !== 2) throw new TorchError('trace: expected a matrix');
      return self.diagonal().sum();
    },
  }),
  op('broadcast_tensors(Tensor[] tensors) -> Tensor[]', {
    define: ({ tensors }) => {
      const shape = tensors.reduce<Shape>((s, t) => broadcastShapes(s, t.shape), []);
      return tensors.map((t) => t.expand(shape));
    },
  }),
  op('meshgrid(Tensor[] tensors) -> Tensor[]', { define: ({ tensors }) => meshgrid(tensors, 'ij') }),
  op('meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]', {
    define: ({ tensors, indexing }) => meshgrid(tensors, indexing),
  }),
  op('atleast_1d(Tensor self) -> Tensor', {
    define: ({ self }) => (self.shape.length === 0 ? self.reshape([1]) : self),
  }),
  op('atleast_2d(Tensor self) -> Tensor', {
    define: ({ self }) => (self.shape.length < 2 ? self.reshape([1, numelOf(self.shape)]) : self),
  }),
  op('cartesian_prod(Tensor[] tensors) -> Tensor', {
    define: ({ tensors }) => {
      if (tensors.length === 1) return tensors[0];
      return stackOf(
        meshgrid(tensors, 'ij').map((t) => t.reshape([-1])),
        1,
      );
    },
  }),
].flat();

function meshgrid(tensors: readonly Tensor[], indexing: string): Tensor[] {
  if (tensors.length === 0) throw new TorchError('meshgrid expects a non-empty TensorList');
  if (indexing !== 'ij' && indexing !== 'xy')
    throw new TorchError(`torch.meshgrid: indexing must be one of "xy" or "ij", but received: ${indexing}`);
  const swap = indexing === 'xy' && tensors.length >= 2;
  const list = swap ? [tensors[1], tensors[0], ...tensors.slice(2)] : tensors;
  const shape = list.map((t) => numelOf(t.shape));
  const grids = list.map((t, i) => t.reshape(shape.map((n, d) => (d === i ? n : 1))).expand(shape));
  if (!swap) return grids;
  return [grids[1], grids[0], ...grids.slice(2)];
}
