/** Arithmetic on views, without touching what they look at. */
import { contiguousStrides, numelOf, type View } from '@sconce/core';
import { aten, inplace } from '../call.ts';

/** A plain copy of a view's layout, which is only lent. */
export const layout = ({ memory, dtype, shape, strides, offset }: View): View => ({
  memory,
  dtype,
  shape,
  strides,
  offset,
});

/** Broadcasts a view of the same rank, or of none, to a shape. */
export const expand = (view: View, shape: readonly number[]): View => ({
  ...layout(view),
  shape,
  strides: shape.map((size, d) =>
    view.shape.length === 0 || (view.shape[d] === 1 && size !== 1) ? 0 : view.strides[d],
  ),
});

/** The view at index 0 of all dims from `rank` on. */
export const firstOf = (view: View, rank: number): View => ({
  ...layout(view),
  shape: view.shape.slice(0, rank),
  strides: view.strides.slice(0, rank),
});

export const unsqueeze = (view: View, dim: number): View => ({
  ...layout(view),
  shape: view.shape.toSpliced(dim, 0, 1),
  strides: view.strides.toSpliced(dim, 0, 0),
});

const contiguousFormat = 0;

/** A contiguous copy. */
export const clone = (view: View): View => aten('clone')(view, contiguousFormat);

/** The elements in a new shape of as many; copied. */
export const reshaped = (view: View, shape: readonly number[]): View => ({
  ...clone(view),
  shape,
  strides: contiguousStrides(shape),
});

/** With every stride positive, and the dims that ran backwards. */
function forwards(view: View): { view: View; flipped: number[] } {
  let offset = view.offset;
  const flipped: number[] = [];
  const strides = view.strides.map((stride, d) => {
    if (stride >= 0) return stride;
    if (view.shape[d] > 0) offset += (view.shape[d] - 1) * stride;
    flipped.push(d);
    return -stride;
  });
  return { view: { ...layout(view), strides, offset }, flipped };
}

/** Writes a value into an output view, converted to its dtype. LibTorch cannot write through negative strides. */
export function assign(output: View, value: View): void {
  if (numelOf(output.shape) === 0) return;
  const { view, flipped } = forwards(output);
  inplace('copy_', view, flipped.length ? aten('flip')(expand(value, output.shape), flipped) : value);
}

export const cast = (view: View, code: number): View => aten('_to_copy')(view, code);
