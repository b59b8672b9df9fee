/** The geometry of a convolution: sizes and steps in three window dims, where padding stands, and which outputs are neighbours. */
import type { ConvKernel, View } from '@sconce/core/backend';

export type Three = readonly [number, number, number];

/** Everything as three window dims; the first ones may have size 1. */
export interface Geometry {
  readonly batch: number;
  readonly groups: number;
  /** Channels of the input and of the output in a group. */
  readonly channels: number;
  readonly filters: number;
  readonly input: Three;
  readonly output: Three;
  readonly window: Three;
  readonly stride: Three;
  readonly dilation: Three;
  /** The padded input: input element i stands at i * holes + before, the whole has `padded` elements. */
  readonly before: Three;
  readonly holes: Three;
  readonly padded: Three;
}

export const toThree = (list: readonly number[], filling: number): Three =>
  [...new Array<number>(3 - list.length).fill(filling), ...list] as unknown as Three;
export const map3 = (f: (d: 0 | 1 | 2) => number): Three => [f(0), f(1), f(2)];

export function geometryOf(kernel: ConvKernel, x: View, w: View, out: View): Geometry {
  const { transposed, groups } = kernel;
  const window = toThree(w.shape.slice(2), 1);
  const dilation = toThree(kernel.dilation, 1);
  const padding = toThree(kernel.padding, 0);
  const step = toThree(kernel.stride, 1);
  const output = toThree(out.shape.slice(2), 1);
  const stride = transposed ? map3(() => 1) : step;
  return {
    batch: out.shape[0]!,
    groups,
    channels: x.shape[1]! / groups,
    filters: out.shape[1]! / groups,
    input: toThree(x.shape.slice(2), 1),
    output,
    window,
    stride,
    dilation,
    // The adjoint is the convolution of the spread input with the turned window.
    before: transposed ? map3((d) => dilation[d] * (window[d] - 1) - padding[d]) : padding,
    holes: transposed ? step : map3(() => 1),
    padded: map3((d) => (output[d] - 1) * stride[d] + dilation[d] * (window[d] - 1) + 1),
  };
}

/** Strides in elements: batch, channel, three dims. */
export const stridesOf = (v: View): readonly number[] => [
  v.strides[0]!,
  v.strides[1]!,
  ...toThree(v.strides.slice(2), 0),
];

/** A view's images `image` on and channels `channel` on. */
export const part = (v: View, image: number, images: number, channel: number, channels: number): View => ({
  memory: v.memory,
  dtype: v.dtype,
  shape: [images, channels, ...v.shape.slice(2)],
  strides: v.strides,
  offset: v.offset + image * v.strides[0]! + channel * v.strides[1]!,
});

/** One dim as a row of two. */
export const asPlanes = (v: View): View =>
  v.shape.length === 4
    ? v
    : {
        memory: v.memory,
        dtype: v.dtype,
        shape: [v.shape[0]!, v.shape[1]!, 1, v.shape[2]!],
        strides: [v.strides[0]!, v.strides[1]!, 0, v.strides[2]!],
        offset: v.offset,
      };

/** Whether a channel's positions are one dense run. */
export const isFlat = (g: Geometry, strides: readonly number[]): boolean =>
  strides[4] === 1 &&
  (g.output[1] === 1 || strides[3] === g.output[2]) &&
  (g.output[0] === 1 || strides[2] === g.output[1] * g.output[2]);
