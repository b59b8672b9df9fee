/**
 * Convolution kernels: products with a window, gathered as they go. A transposed convolution with a stride is one
 * product per residue of the output's positions: the taps that meet these are every so many-th ones.
 */
import type { ConvKernel, Executable, View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { endingOf } from './product/ending.ts';
import type { Geometry, Target } from './product/geometry.ts';
import { Product } from './product/product.ts';
import { apart } from './scratch.ts';
import { isWinograd, pays, Winograd } from './winograd.ts';

/** One dim of a convolution, for one residue. */
interface Dim {
  /** Output positions are `first + i * every`, of which there are `positions`. */
  readonly first: number;
  readonly every: number;
  readonly positions: number;
  /** Taps are `tap + j * stepOfTaps`, of which there are `taps`. */
  readonly tap: number;
  readonly stepOfTaps: number;
  readonly taps: number;
  /** Position i and tap j meet the input at `i * step + before + j * spread`. */
  readonly step: number;
  readonly before: number;
  readonly spread: number;
}

export function compileConv(gpu: Gpu, kernel: ConvKernel): Executable {
  const ending = endingOf(kernel);
  const products = new Product(gpu, kernel.dtype, ending);
  const winograd = isWinograd(kernel) ? new Winograd(gpu, kernel, ending) : undefined;
  return (outputs, inputs, scalars = []) => {
    const out = outputs[0]!;
    if (out.shape.includes(0)) return;
    apart(gpu, [inputs[0]!, inputs[1]!], outputs, ([x, w]) => {
      const targets = [out, ...ending.inputs.map((i) => inputs[i + 1]!)];
      if (winograd && pays(out, x!, w!)) winograd.run(x!, w!, targets, scalars);
      else
        for (const dims of residues(kernel, out, w!))
          products.run(geometryOf(kernel, x!, w!, targets, dims), scalars);
    });
  };
}

/** All dims of each product. */
function residues(kernel: ConvKernel, out: View, w: View): Dim[][] {
  let all: Dim[][] = [[]];
  for (let d = 0; d < kernel.dims; d++) {
    const [size, window] = [out.shape[d + 2]!, w.shape[d + 2]!];
    const [stride, padding, dilation] = [kernel.stride[d]!, kernel.padding[d]!, kernel.dilation[d]!];
    const choices = kernel.transposed
      ? Array.from({ length: Math.min(stride, size) }, (_, r) =>
          adjoint(r, size, window, stride, padding, dilation),
        )
      : [
          {
            first: 0,
            every: 1,
            positions: size,
            tap: 0,
            stepOfTaps: 1,
            taps: window,
            step: stride,
            before: -padding,
            spread: dilation,
          },
        ];
    all = all.flatMap((dims) => choices.map((c) => [...dims, c]));
  }
  return all;
}

/** Output position q and tap t meet input p where q + padding - t * dilation = p * stride. */
function adjoint(
  residue: number,
  size: number,
  window: number,
  stride: number,
  padding: number,
  dilation: number,
): Dim {
  // Taps repeat modulo `every`: the first that fits, and every so many-th after it.
  const stepOfTaps = stride / gcd(stride, dilation);
  let tap = 0;
  while (tap < stepOfTaps && (residue + padding - tap * dilation) % stride !== 0) tap++;
  const taps = tap < stepOfTaps ? Math.max(0, Math.ceil((window - tap) / stepOfTaps)) : 0;
  return {
    first: residue,
    every: stride,
    positions: Math.ceil((size - residue) / stride),
    tap,
    stepOfTaps,
    taps,
    step: 1,
    before: taps > 0 ? (residue + padding - tap * dilation) / stride : 0,
    spread: (-stepOfTaps * dilation) / stride,
  };
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
const product = (list: readonly number[]): number => list.reduce((p, n) => p * n, 1);

function geometryOf(
  { groups, transposed }: ConvKernel,
  x: View,
  w: View,
  targets: readonly View[],
  dims: readonly Dim[],
): Geometry {
  const [samples, filters] = targets[0]!.shape as [number, number];
  const rows = filters / groups;
  const channels = x.shape[1]! / groups;
  const positions = dims.map((d) => d.positions);
  const taps = dims.map((d) => d.taps);
  const [byFirst, bySecond] = w.strides as [number, number];
  const from = (view: View): Target => ({
    // The first position of the residue.
    view: {
      ...pick(view),
      offset: view.offset + dims.reduce((n, d, i) => n + d.first * view.strides[i + 2]!, 0),
    },
    group: rows * view.strides[1]!,
    row: view.strides[1]!,
    sample: view.strides[0]!,
    positions: dims.map((d, i) => d.every * view.strides[i + 2]!),
  });
  return {
    groups,
    rows,
    columns: samples * product(positions),
    inner: channels * product(taps),
    a: {
      view: w,
      offset: w.offset + dims.reduce((n, d, i) => n + d.tap * w.strides[i + 2]!, 0),
      // [filters, channels of a group, window], or transposed [channels, filters of a group, window].
      group: (transposed ? channels : rows) * byFirst,
      row: transposed ? bySecond : byFirst,
      channel: transposed ? byFirst : bySecond,
      taps: dims.map((d, i) => d.stepOfTaps * w.strides[i + 2]!),
    },
    b: {
      view: x,
      offset: x.offset,
      group: channels * x.strides[1]!,
      sample: x.strides[0]!,
      channel: x.strides[1]!,
      strides: x.strides.slice(2),
    },
    positions,
    step: dims.map((d) => d.step),
    before: dims.map((d) => d.before),
    limit: x.shape.slice(2),
    taps,
    spread: dims.map((d) => d.spread),
    targets: targets.map(from),
  };
}

/** A tensor is passed as a view: only what a view has is copied. */
const pick = ({ memory, dtype, shape, strides, offset }: View): View => ({
  memory,
  dtype,
  shape,
  strides,
  offset,
});
