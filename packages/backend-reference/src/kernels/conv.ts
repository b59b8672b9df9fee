/**
 * `conv`: both convolutions are one loop. Number its two sides `fine`, at position p * stride - padding + k * dilation,
 * and `coarse`, at p: a convolution adds what is fine to what is coarse, and its adjoint the other way.
 */
import type { ConvKernel, Executable } from '@sconce/core';
import { convert } from '../convert.ts';
import { allocateSums, contiguousStrides, load, numel, type Values } from '../values.ts';
import { finishSums, multiplyAdd } from './accumulate.ts';

/** Every convolution is treated as one of three dims, the first of them of size 1. */
const toThree = (list: readonly number[], filling: number): number[] => [
  ...new Array<number>(3 - list.length).fill(filling),
  ...list,
];

export const conv = (kernel: ConvKernel): Executable => {
  const { transposed, groups, accumulate } = kernel;
  const [stride, dilation] = [toThree(kernel.stride, 1), toThree(kernel.dilation, 1)];
  const padding = toThree(kernel.padding, 0);
  const addRow = multiplyAdd(accumulate);

  return ([output], inputs, scalars = []) => {
    const [x, w] = inputs.slice(0, 2).map((view) => convert(load(view), view.dtype, accumulate));
    const [batches, channelsOut] = output.shape;
    const channelsIn = inputs[0].shape[1];
    const [xSize, outSize, window] = [inputs[0], output, inputs[1]].map((view) =>
      toThree(view.shape.slice(2), 1),
    );
    const [groupIn, groupOut] = [channelsIn / groups, channelsOut / groups];
    const [coarse, fine] = transposed ? [xSize, outSize] : [outSize, xSize];
    const [coarseStrides, fineStrides] = [contiguousStrides(coarse), contiguousStrides(fine)];
    const sums = allocateSums(accumulate, numel(output.shape));

    for (let n = 0; n < batches; n++)
      for (let co = 0; co < channelsOut; co++)
        for (let ci = 0; ci < groupIn; ci++) {
          const group = Math.floor(co / groupOut);
          const channel = group * groupIn + ci;
          const filter = transposed ? channel * groupOut + (co % groupOut) : co * groupIn + ci;
          addPlane(
            (n * channelsOut + co) * numel(outSize),
            (n * channelsIn + channel) * numel(xSize),
            filter * numel(window),
          );
        }
    finishSums(kernel, sums, output, inputs, scalars);

    /** Adds the convolution of one plane of x by one filter to one plane of the output. */
    function addPlane(outStart: number, xStart: number, wStart: number): void {
      const [coarseStart, fineStart] = transposed ? [xStart, outStart] : [outStart, xStart];
      for (let k0 = 0, k = wStart; k0 < window[0]; k0++)
        for (let k1 = 0; k1 < window[1]; k1++)
          for (let k2 = 0; k2 < window[2]; k2++, k++) {
            const [shift0, shift1, shift2] = [k0, k1, k2].map((at, d) => at * dilation[d] - padding[d]);
            const first = Math.max(0, Math.ceil(-shift2 / stride[2]));
            const last = Math.min(coarse[2] - 1, Math.floor((fine[2] - 1 - shift2) / stride[2]));
            for (let p0 = 0; p0 < coarse[0]; p0++) {
              const q0 = p0 * stride[0] + shift0;
              if (q0 < 0 || q0 >= fine[0]) continue;
              for (let p1 = 0; p1 < coarse[1]; p1++) {
                const q1 = p1 * stride[1] + shift1;
                if (q1 < 0 || q1 >= fine[1] || last < first) continue;
                const coarseAt = coarseStart + p0 * coarseStrides[0] + p1 * coarseStrides[1] + first;
                const q2 = first * stride[2] + shift2;
                const fineAt = fineStart + q0 * fineStrides[0] + q1 * fineStrides[1] + q2;
                addLine(coarseAt, fineAt, w[k], last - first + 1);
              }
            }
          }
    }

    function addLine(coarseAt: number, fineAt: number, weight: Values[number], count: number): void {
      const onCoarse = { values: transposed ? x : sums, start: coarseAt, step: 1 };
      const onFine = { values: transposed ? sums : x, start: fineAt, step: stride[2] };
      if (transposed) addRow(onFine, onCoarse, weight, count);
      else addRow(onCoarse, onFine, weight, count);
    }
  };
};
