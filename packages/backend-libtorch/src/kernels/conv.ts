/** The conv kernel: LibTorch's own convolution for floats, a sum over the window's taps for integers. */
import {
  type ConvKernel,
  contiguousStrides,
  type Executable,
  isFloat,
  numelOf,
  type View,
} from '@sconce/core';
import { aten, inplace, kernel } from '../call.ts';
import { dtypeCodes } from '../memory.ts';
import { finished } from './matmul.ts';
import { assign, cast, layout } from './views.ts';
import { offsets, padFor, tap } from './windows.ts';

export const conv = (structure: ConvKernel): Executable => {
  const { accumulate, transposed, finish } = structure;
  return ([output], [x, w, ...rest], scalars = []) => {
    if (numelOf(output.shape) === 0) return;
    kernel(() => {
      const wide = (view: View) => (view.dtype === accumulate ? view : cast(view, dtypeCodes[accumulate]));
      const convolve = transposed ? convolveTransposed : convolvePlain;
      const sum =
        numelOf(x.shape) === 0 || numelOf(w.shape) === 0
          ? aten('zeros')(output.shape, dtypeCodes[accumulate])
          : convolve(structure, wide(x), wide(w), output.shape);
      assign(output, finished(sum, finish, rest, scalars));
    });
  };
};

const filled = (n: number, value: number): number[] => new Array<number>(n).fill(value);

function convolvePlain(structure: ConvKernel, x: View, w: View, shape: readonly number[]): View {
  const { dims, stride, dilation, groups, accumulate } = structure;
  const size = shape.slice(2);
  const padded = padFor(x, w.shape.slice(2), size, structure, 0);
  const none = filled(dims, 0);
  return isFloat(accumulate)
    ? aten('convolution')(padded, w, null, stride, none, dilation, false, none, groups)
    : sumOfTaps(structure, padded, w, size);
}

function convolveTransposed(structure: ConvKernel, x: View, w: View, shape: readonly number[]): View {
  const { dims, stride, padding, dilation, groups, accumulate } = structure;
  const none = filled(dims, 0);
  const full = isFloat(accumulate)
    ? aten('convolution')(x, w, null, stride, none, dilation, true, none, groups)
    : scatterTaps(structure, x, w);
  // The whole adjoint starts at -padding; cut and fill it to the positions that the output has.
  const pads = filled(2 * dims, 0);
  for (let d = 0; d < dims; d++) {
    pads[2 * (dims - 1 - d)] = -padding[d];
    pads[2 * (dims - 1 - d) + 1] = shape[2 + d] - (full.shape[2 + d] - padding[d]);
  }
  return aten('constant_pad_nd')(full, pads, 0);
}

/** [N, G * C, ...] as [G, C, N * positions]; copied. */
function grouped(view: View, groups: number): View {
  const [n, channels, ...size] = view.shape;
  const [stepN, stepC, ...steps] = view.strides;
  const perGroup = channels / groups;
  const copy = aten('clone')(
    {
      ...layout(view),
      shape: [groups, perGroup, n, ...size],
      strides: [stepC * perGroup, stepC, stepN, ...steps],
    },
    0,
  );
  const shape = [groups, perGroup, n * numelOf(size)];
  return { ...copy, shape, strides: contiguousStrides(shape) };
}

/** One tap of the weights, [A, B / groups, ...window] at `at`, as [G, A / groups, B / groups]. */
function weightTap(w: View, at: readonly number[], groups: number): View {
  const [a, b] = w.shape;
  return {
    ...layout(w),
    shape: [groups, a / groups, b],
    strides: [(a / groups) * w.strides[0], w.strides[0], w.strides[1]],
    offset: w.offset + at.reduce((sum, k, d) => sum + k * w.strides[2 + d], 0),
  };
}

/** [G, C, N * positions] as [N, G * C, ...size]. */
function ungrouped(view: View, n: number, size: readonly number[]): View {
  const [groups, channels] = view.shape;
  const inner = contiguousStrides([groups * channels, n, ...size]);
  return {
    ...view,
    shape: [n, groups * channels, ...size],
    strides: [inner[1], inner[0], ...inner.slice(2)],
  };
}

function sumOfTaps(structure: ConvKernel, padded: View, w: View, size: readonly number[]): View {
  let sum: View | undefined;
  for (const at of offsets(w.shape.slice(2))) {
    const x = grouped(tap(padded, at, size, structure), structure.groups);
    const part = aten('bmm')(weightTap(w, at, structure.groups), x);
    sum = sum ? aten('add.Tensor')(sum, part) : part;
  }
  return ungrouped(sum!, padded.shape[0], size);
}

function scatterTaps(structure: ConvKernel, x: View, w: View): View {
  const { groups, stride, dilation, accumulate } = structure;
  const [n, , ...size] = x.shape;
  const window = w.shape.slice(2);
  const full = aten('zeros')(
    [n, w.shape[1] * groups, ...size.map((s, d) => (s - 1) * stride[d] + (window[d] - 1) * dilation[d] + 1)],
    dtypeCodes[accumulate],
  );
  const columns = grouped(x, groups);
  for (const at of offsets(window)) {
    const weights = weightTap(w, at, groups);
    const [g, a, b] = weights.shape;
    const [stepG, stepA, stepB] = weights.strides;
    const adjoint = { ...weights, shape: [g, b, a], strides: [stepG, stepB, stepA] };
    inplace('add_.Tensor', tap(full, at, size, structure), ungrouped(aten('bmm')(adjoint, columns), n, size));
  }
  return full;
}
