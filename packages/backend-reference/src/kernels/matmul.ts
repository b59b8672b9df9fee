/** `matmul`: a batch of matrix products, row by row. */
import { type Executable, type MatmulKernel, numelOf, type View } from '@sconce/core';
import { allocateSums } from '../values.ts';
import { finishSums, loadFactors, multiplyAdd } from './accumulate.ts';

export const matmul = (kernel: MatmulKernel): Executable => {
  const { accumulate } = kernel;
  return ([output], inputs, scalars = []) => {
    const [batches, rows, columns] = output.shape;
    const inner = inputs[0].shape[2];
    const sums = allocateSums(accumulate, numelOf(output.shape));
    for (let batch = 0; batch < batches; batch++) {
      const [a, b] = inputs.slice(0, 2).map((view) => loadFactors(matrix(view, batch), accumulate));
      // Row m of the output is the sum of b's rows, each times an element of a's row m.
      const addRow = multiplyAdd(accumulate, sums, b, a);
      for (let m = 0; m < rows; m++)
        for (let k = 0; k < inner; k++)
          addRow((batch * rows + m) * columns, 1, k * columns, 1, m * inner + k, columns);
    }
    finishSums(kernel, sums, output, inputs, scalars);
  };
};

/** One matrix of the batch; not the batch at once, which may be a single matrix repeated by stride 0. */
const matrix = ({ memory, dtype, shape, strides, offset }: View, batch: number): View => ({
  memory,
  dtype,
  shape: shape.slice(1),
  strides: strides.slice(1),
  offset: offset + batch * strides[0],
});
