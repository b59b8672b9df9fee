/**
 * `conv`: both convolutions are one loop over the lines in which a window meets a plane. A convolution adds what is
 * fine (x) to what is coarse (the output), and its adjoint the other way.
 */
import { type ConvKernel, type Executable, numelOf } from '@sconce/core';
import { allocateSums } from '../values.ts';
import { finishSums, loadFactors, multiplyAdd } from './accumulate.ts';
import { LINE, windowLines } from './window.ts';

export const conv =
  (kernel: ConvKernel): Executable =>
  ([output], inputs, scalars = []) => {
    const { transposed, groups, accumulate, dims, stride } = kernel;
    const [batches, channelsOut] = output.shape;
    const channelsIn = inputs[0].shape[1];
    const [groupIn, groupOut] = [channelsIn / groups, channelsOut / groups];
    const [xSize, outSize, window] = [inputs[0], output, inputs[1]].map((view) => view.shape.slice(2));
    const [xPlane, outPlane, taps] = [xSize, outSize, window].map(numelOf);
    const [coarse, fine] = transposed ? [xSize, outSize] : [outSize, xSize];
    const lines = windowLines(kernel, window, coarse, fine);
    const step = stride[dims - 1];

    const sums = allocateSums(accumulate, numelOf(output.shape));
    const [x, w] = inputs.slice(0, 2).map((view) => loadFactors(view, accumulate));
    const addLine = multiplyAdd(accumulate, sums, x, w);
    for (let n = 0; n < batches; n++)
      for (let co = 0; co < channelsOut; co++)
        for (let ci = 0; ci < groupIn; ci++) {
          const channel = Math.floor(co / groupOut) * groupIn + ci;
          const filter = transposed ? channel * groupOut + (co % groupOut) : co * groupIn + ci;
          addPlane((n * channelsOut + co) * outPlane, (n * channelsIn + channel) * xPlane, filter * taps);
        }
    finishSums(kernel, sums, output, inputs, scalars);

    /** Adds the convolution of one plane of x by one filter to one plane of the output. */
    function addPlane(outStart: number, xStart: number, wStart: number): void {
      for (let l = 0; l < lines.length; l += LINE) {
        const [wAt, coarseAt, fineAt, count] = [wStart + lines[l], lines[l + 1], lines[l + 2], lines[l + 3]];
        if (transposed) addLine(outStart + fineAt, step, xStart + coarseAt, 1, wAt, count);
        else addLine(outStart + coarseAt, 1, xStart + fineAt, step, wAt, count);
      }
    }
  };
