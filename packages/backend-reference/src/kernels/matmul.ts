/** `matmul`: a batch of matrix products, row by row. */
import type { Executable, MatmulKernel, View } from '@sconce/core';
import { convert } from '../convert.ts';
import { allocateSums, load, numel } from '../values.ts';
import { finishSums, multiplyAdd } from './accumulate.ts';

export const matmul = (kernel: MatmulKernel): Executable => {
  const { accumulate } = kernel;
  const addRow = multiplyAdd(accumulate);
  return ([output], inputs, scalars = []) => {
    const [batches, rows, columns] = output.shape;
    const inner = inputs[0].shape[2];
    const sums = allocateSums(accumulate, numel(output.shape));
    for (let batch = 0; batch < batches; batch++) {
      const a = matrix(inputs[0], batch);
      const b = matrix(inputs[1], batch);
      for (let m = 0; m < rows; m++) {
        const sumRow = { values: sums, start: (batch * rows + m) * columns, step: 1 };
        for (let k = 0; k < inner; k++)
          addRow(sumRow, { values: b, start: k * columns, step: 1 }, a[m * inner + k], columns);
      }
    }
    finishSums(kernel, sums, output, inputs, scalars);
  };

  /** One matrix of the batch; not the batch at once, which may be a single matrix repeated by stride 0. */
  function matrix({ memory, dtype, shape, strides, offset }: View, batch: number) {
    const values = load({
      memory,
      dtype,
      shape: shape.slice(1),
      strides: strides.slice(1),
      offset: offset + batch * strides[0],
    });
    return convert(values, dtype, accumulate);
  }
};
