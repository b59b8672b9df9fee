/** `pointwise`: each output is an expression of the inputs' elements. */
import type { Executable, PointwiseKernel } from '@sconce/core';
import { evaluate } from '../evaluate.ts';
import { load, store } from '../values.ts';

export const pointwise =
  ({ exprs }: PointwiseKernel): Executable =>
  (outputs, inputs, scalars = []) => {
    const results = evaluate(exprs, {
      shape: outputs[0].shape,
      input: (index) => load(inputs[index]),
      scalars,
    });
    for (const [j, output] of outputs.entries()) store(output, results[j]);
  };
