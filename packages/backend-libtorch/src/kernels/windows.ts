/** Sliding windows as strided views over a padded copy; conv and pool share them. */
import type { View } from '@sconce/core';
import { aten } from '../call.ts';
import { layout } from './views.ts';

export interface Sliding {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

/** x with its last dims padded (or cut) so that windows without padding cover exactly the output. */
export function padFor(
  x: View,
  window: readonly number[],
  output: readonly number[],
  { stride, padding, dilation }: Sliding,
  value: number | bigint,
): View {
  const dims = window.length;
  const pads: number[] = [];
  for (let d = dims - 1; d >= 0; d--) {
    const reach = (output[d] - 1) * stride[d] + (window[d] - 1) * dilation[d] + 1;
    pads.push(padding[d], reach - padding[d] - x.shape[x.shape.length - dims + d]);
  }
  return aten('constant_pad_nd')(x, pads, value);
}

/** What each output position sees at one offset of the window, as a view of a padded copy. */
export function tap(
  padded: View,
  at: readonly number[],
  output: readonly number[],
  { stride, dilation }: Sliding,
): View {
  const lead = padded.shape.length - output.length;
  const strides = padded.strides.slice(lead);
  return {
    ...layout(padded),
    shape: [...padded.shape.slice(0, lead), ...output],
    strides: [...padded.strides.slice(0, lead), ...strides.map((s, d) => s * stride[d])],
    offset: padded.offset + at.reduce((sum, k, d) => sum + k * dilation[d] * strides[d], 0),
  };
}

/** All offsets of a window, in row-major order. */
export const offsets = (window: readonly number[]): number[][] =>
  window.reduce<number[][]>(
    (all, size) => all.flatMap((head) => Array.from({ length: size }, (_, k) => [...head, k])),
    [[]],
  );
