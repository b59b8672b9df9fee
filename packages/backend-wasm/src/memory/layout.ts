/** The iteration of a kernel over strided operands: dims in the best order, merged where all operands allow it. */
import { dtypes, isContiguous as isDense, type View } from '@sconce/core/backend';
import type { Block } from './heap.ts';

export { contiguousStrides, numelOf as numel } from '@sconce/core/backend';

export const pointerOf = (v: View): number => (v.memory as Block).pointer + v.offset * dtypes[v.dtype].bytes;

export const isContiguous = ({ shape, strides }: View): boolean => isDense(shape, strides);

/** Whether a view has this shape and these strides. */
export function hasLayout(v: View, { shape, strides }: Pick<View, 'shape' | 'strides'>): boolean {
  if (v.shape.length !== shape.length) return false;
  for (let d = 0; d < shape.length; d++)
    if (v.shape[d] !== shape[d] || v.strides[d] !== strides[d]) return false;
  return true;
}

/** Sizes from the outermost dim to the innermost, and for each operand its byte strides. */
export interface Loop {
  readonly sizes: number[];
  readonly strides: number[][];
}

/** The dims of the views as they are, with byte strides. */
export function loopOf(
  views: readonly Pick<View, 'dtype' | 'strides'>[],
  shape: readonly number[],
  from = 0,
  to = shape.length,
): Loop {
  return {
    sizes: shape.slice(from, to),
    strides: views.map((v) => {
      const bytes = dtypes[v.dtype].bytes;
      return v.strides.slice(from, to).map((s) => s * bytes);
    }),
  };
}

/** Orders dims so that the first operand (then the others) moves least in the innermost. */
export function ordered(loop: Loop): Loop {
  const order = loop.sizes.map((_, i) => i);
  order.sort((a, b) => {
    for (const s of loop.strides) {
      const x = Math.abs(s[a]!);
      const y = Math.abs(s[b]!);
      if (x !== y && x !== 0 && y !== 0) return y - x;
    }
    return a - b;
  });
  return {
    sizes: order.map((i) => loop.sizes[i]!),
    strides: loop.strides.map((s) => order.map((i) => s[i]!)),
  };
}

/** Drops dims of size 1 and merges neighbours that step as one; never leaves less than one dim. */
export function merged(loop: Loop): Loop {
  const sizes: number[] = [];
  const strides: number[][] = loop.strides.map(() => []);
  for (let d = 0; d < loop.sizes.length; d++) {
    const n = loop.sizes[d]!;
    if (n === 1) continue;
    const last = sizes.length - 1;
    if (last >= 0 && loop.strides.every((s, i) => strides[i]![last] === s[d]! * n)) {
      sizes[last]! *= n;
      for (let i = 0; i < strides.length; i++) strides[i]![last] = loop.strides[i]![d]!;
    } else {
      sizes.push(n);
      for (let i = 0; i < strides.length; i++) strides[i]!.push(loop.strides[i]![d]!);
    }
  }
  if (sizes.length === 0) {
    sizes.push(1);
    for (const s of strides) s.push(0);
  }
  return { sizes, strides };
}

/** A part of a loop, and how far its operands start from those of the whole, in bytes. */
export interface Part {
  readonly loop: Loop;
  readonly from: readonly number[];
}

/**
 * The loop in at most so many parts: along the outermost of its first `dims` dims that has as many, else along the longest
 * of them.
 */
export function cut(loop: Loop, parts: number, dims = loop.sizes.length): Part[] {
  const { sizes, strides } = loop;
  const some = sizes.slice(0, dims);
  let d = some.findIndex((n) => n >= parts);
  if (d < 0) d = some.indexOf(Math.max(...some));
  const n = sizes[d]!;
  const step = Math.ceil(n / parts);
  const result: Part[] = [];
  for (let i = 0; i < n; i += step)
    result.push({
      loop: { sizes: sizes.with(d, Math.min(step, n - i)), strides },
      from: strides.map((s) => i * s[d]!),
    });
  return result;
}
