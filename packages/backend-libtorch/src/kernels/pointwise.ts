/** The pointwise kernel: each output is its expression's values. */
import { type Executable, numelOf, type PointwiseKernel } from '@sconce/core';
import { kernel } from '../call.ts';
import { evaluate } from './evaluate.ts';
import { assign, clone } from './views.ts';

export const pointwise =
  ({ exprs }: PointwiseKernel): Executable =>
  (outputs, inputs, scalars = []) => {
    const { shape } = outputs[0];
    if (numelOf(shape) === 0) return;
    kernel(() => {
      const environment = { input: (i: number) => inputs[i], scalars, shape };
      const values = exprs.map((expr) => {
        const value = evaluate(expr, environment);
        // An input itself may be overwritten by another output before it is read.
        return exprs.length > 1 && expr.op === 'input' ? clone(value) : value;
      });
      values.forEach((value, i) => {
        assign(outputs[i], value);
      });
    });
  };
