/** Arithmetic of shapes and strides: numbers only, no memory. */
import { IndexError, TorchError } from '../errors.ts';

export type Shape = readonly number[];

export interface Layout {
  readonly shape: Shape;
  readonly strides: Shape;
  readonly offset: number;
}

export function numelOf(shape: Shape): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i];
  return n;
}

export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = step;
    step *= Math.max(shape[d], 1);
  }
  return strides;
}

/** Strides of a dense tensor whose memory order, outermost first, is `order`. */
export function stridesInOrder(shape: Shape, order: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = order.length - 1; i >= 0; i--) {
    strides[order[i]] = step;
    step *= Math.max(shape[order[i]], 1);
  }
  return strides;
}

export function isContiguous(shape: Shape, strides: Shape): boolean {
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1) {
      if (strides[d] !== step && numelOf(shape) !== 0) return false;
      step *= shape[d];
    }
  }
  return true;
}

/** Whether these are just the strides that `contiguousStrides` gives, also where a dim has size 1. */
export function hasContiguousStrides(shape: Shape, strides: Shape): boolean {
  let step = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (strides[d] !== step) return false;
    if (shape[d] > 1) step *= shape[d];
  }
  return true;
}

/** The memory order of `channels_last` (rank 4) and `channels_last_3d` (rank 5). */
export const channelsLastOrder = (rank: number): number[] =>
  rank === 4 ? [0, 2, 3, 1] : rank === 5 ? [0, 2, 3, 4, 1] : [...Array(rank).keys()];

export function isChannelsLast(shape: Shape, strides: Shape): boolean {
  if (shape.length !== 4 && shape.length !== 5) return false;
  let step = 1;
  const order = channelsLastOrder(shape.length);
  for (let i = order.length - 1; i >= 0; i--) {
    const d = order[i];
    if (shape[d] !== 1) {
      if (strides[d] !== step) return false;
      step *= shape[d];
    }
  }
  return true;
}

/** Whether every element has a place of its own and there are no gaps, in whatever order. */
export function isNonOverlappingAndDense(shape: Shape, strides: Shape): boolean {
  if (isContiguous(shape, strides)) return true;
  let left = 0;
  for (let d = 0; d < shape.length; d++) if (shape[d] !== 1) left++;
  // The next dim outwards is the one that steps over all that were found.
  for (let step = 1; left > 0; left--) {
    let next = -1;
    for (let d = 0; d < shape.length; d++) if (shape[d] !== 1 && strides[d] === step) next = d;
    if (next < 0) return false;
    step *= shape[next];
  }
  return true;
}

/** Whether two elements of the view may share a place (`expand`, or a hand-made `as_strided`). */
export function mayOverlapItself(shape: Shape, strides: Shape): boolean {
  if (numelOf(shape) < 2 || hasContiguousStrides(shape, strides)) return false;
  const dims = [...shape.keys()]
    .filter((d) => shape[d] > 1)
    .sort((a, b) => Math.abs(strides[a]) - Math.abs(strides[b]));
  let reach = 0;
  for (const d of dims) {
    if (Math.abs(strides[d]) <= reach) return true;
    reach += Math.abs(strides[d]) * (shape[d] - 1);
  }
  return false;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The shape to which both broadcast. Throws PyTorch's error where they do not. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new TorchError(
        `The size of tensor a (${x}) must match the size of tensor b (${y}) at non-singleton dimension ${i}: shapes [${a.join(', ')}] and [${b.join(', ')}]`,
      );
    shape[i] = x === 1 ? y : x;
  }
  return shape;
}

/** Strides that read a tensor of `shape` as one of the larger shape `to`; broadcast dims get stride 0. */
export function expandedStrides(shape: Shape, strides: Shape, to: Shape): number[] {
  const lead = to.length - shape.length;
  const out = new Array<number>(to.length);
  for (let i = 0; i < to.length; i++)
    out[i] = i < lead || (shape[i - lead] === 1 && to[i] !== 1) ? 0 : strides[i - lead];
  return out;
}

/** A dimension in [-rank, rank) as one in [0, rank); a zero-dim tensor counts as rank 1. */
export function wrapDim(dim: number, rank: number): number {
  const n = Math.max(rank, 1);
  if (!(dim >= -n && dim < n))
    throw new IndexError(
      `Dimension out of range (expected to be in range of [${-n}, ${n - 1}], but got ${dim})`,
    );
  return dim < 0 ? dim + n : dim;
}

/** Dims of a reduction, wrapped, each once. None given means all. */
export function wrapDims(dims: readonly number[] | null | undefined, rank: number): number[] {
  if (rank > 64) throw new TorchError('only tensors with up to 64 dims are supported');
  const wrapped: number[] = [];
  if (dims == null || dims.length === 0) {
    for (let d = 0; d < rank; d++) wrapped.push(d);
    return wrapped;
  }
  for (let i = 0; i < dims.length; i++) {
    const d = wrapDim(dims[i], rank);
    if (wrapped.includes(d)) throw new TorchError(`dim ${d} appears multiple times in the list of dims`);
    wrapped.push(d);
  }
  return rank === 0 ? [] : wrapped;
}

/** Fills in a -1. Throws PyTorch's error where the sizes do not fit `numel`. */
export function inferSize(shape: Shape, numel: number): number[] {
  let known = 1;
  let free = -1;
  for (let d = 0; d < shape.length; d++) {
    const n = shape[d];
    if (n === -1) {
      if (free >= 0) throw new TorchError('only one dimension can be inferred');
      free = d;
    } else if (n >= 0) known *= n;
    else throw new TorchError(`invalid shape dimension ${n}`);
  }
  const out = shape.slice();
  if (free >= 0 && known > 0 && numel % known === 0) out[free] = numel / known;
  else if (free >= 0 && known === 0 && numel === 0)
    throw new TorchError(
      `cannot reshape tensor of 0 elements into shape [${shape.join(', ')}] because the unspecified dimension size -1 can be any value and is ambiguous`,
    );
  else if (free >= 0 || known !== numel)
    throw new TorchError(`shape '[${shape.join(', ')}]' is invalid for input of size ${numel}`);
  return out;
}

/** Strides under which the same memory has `shape`, or undefined where only a copy can have it. PyTorch's `computeStride`. */
export function viewStrides(oldShape: Shape, oldStrides: Shape, shape: Shape): number[] | undefined {
  if (numelOf(oldShape) === 0) return sameShape(oldShape, shape) ? [...oldStrides] : contiguousStrides(shape);
  const strides = new Array<number>(shape.length);
  let view = shape.length - 1;
  let base = oldStrides[oldShape.length - 1] ?? 1;
  let tensorNumel = 1;
  let viewNumel = 1;
  if (oldShape.length === 0) return shape.map(() => 1);
  for (let d = oldShape.length - 1; d >= 0; d--) {
    tensorNumel *= oldShape[d];
    if (d === 0 || (oldShape[d - 1] !== 1 && oldStrides[d - 1] !== tensorNumel * base)) {
      while (view >= 0 && (viewNumel < tensorNumel || shape[view] === 1)) {
        strides[view] = viewNumel * base;
        viewNumel *= shape[view];
        view--;
      }
      if (viewNumel !== tensorNumel) return undefined;
      if (d > 0) {
        base = oldStrides[d - 1];
        tensorNumel = 1;
        viewNumel = 1;
      }
    }
  }
  return view === -1 ? strides : undefined;
}

/**
 * Strides of a new output, as PyTorch's TensorIterator gives them: contiguous when the operands are, the operands'
 * own permutation otherwise. `operands` are already expanded to `shape`.
 */
export function outputStrides(shape: Shape, operands: readonly Layout[]): Shape {
  const rank = shape.length;
  if (areContiguousAs(shape, operands)) return operands[0].strides;
  if (rank < 2 || operands.length === 0) return contiguousStrides(shape);
  const full = operands.filter((o) => sameShape(o.shape, shape));
  if (full.length === operands.length) {
    if (operands.every((o) => isContiguous(o.shape, o.strides))) return contiguousStrides(shape);
    if (operands.every((o) => isChannelsLast(o.shape, o.strides)))
      return stridesInOrder(shape, channelsLastOrder(rank));
    const first = operands[0];
    if (
      isNonOverlappingAndDense(shape, first.strides) &&
      operands.every((o) => sameShape(o.strides, first.strides))
    )
      return [...first.strides];
  }
  const strides = operands.map((o) => expandedStrides(o.shape, o.strides, shape));
  // 1: dim a is inside dim b, -1: outside, 0: no operand tells.
  const compare = (a: number, b: number): number => {
    for (const s of strides) {
      if (s[a] === 0 || s[b] === 0) continue;
      if (s[a] < s[b]) return -1;
      if (s[a] > s[b]) return 1;
      if (shape[a] > shape[b]) return 1;
    }
    return 0;
  };
  const inner = [...Array(rank).keys()].reverse();
  for (let i = 1; i < rank; i++) {
    let moving = i;
    for (let j = i - 1; j >= 0; j--) {
      const order = compare(inner[j], inner[moving]);
      if (order > 0) {
        [inner[j], inner[moving]] = [inner[moving], inner[j]];
        moving = j;
      } else if (order < 0) break;
    }
  }
  return stridesInOrder(shape, inner.reverse());
}

/** Nearly all calls: every operand has this very shape, and its contiguous strides. */
function areContiguousAs(shape: Shape, operands: readonly Layout[]): boolean {
  for (let i = 0; i < operands.length; i++) {
    const o = operands[i];
    if (!sameShape(o.shape, shape) || !hasContiguousStrides(shape, o.strides)) return false;
  }
  return operands.length > 0;
}

/** First and last element that a view can touch, relative to its memory. */
export function extent({ shape, strides, offset }: Layout): { first: number; last: number } {
  let first = offset;
  let last = offset;
  for (let d = 0; d < shape.length; d++) {
    const reach = (shape[d] - 1) * strides[d];
    if (reach < 0) first += reach;
    else last += reach;
  }
  return { first, last };
}
