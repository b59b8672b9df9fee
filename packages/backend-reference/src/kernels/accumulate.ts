/** The inner loop of matmul and conv: adds a strided row, times a factor, to another strided row. */
import { type ConvKernel, type DType, isFloat, type MatmulKernel, type View } from '@sconce/core';
import { convert } from '../convert.ts';
import { evaluate } from '../evaluate.ts';
import { load, store, type Values } from '../values.ts';

/** A view's values to multiply: floats in double, which they are multiplied in, integers in `accumulate`. */
export function loadFactors(view: View, accumulate: DType): Values {
  const values = convert(load(view), view.dtype, accumulate);
  return isFloat(accumulate) ? new Float64Array(values as Float64Array) : values;
}

/** sums[to + i * toStep] += values[from + i * fromStep] * factors[at], for `count` values of i. */
export type AddRow = (
  to: number,
  toStep: number,
  from: number,
  fromStep: number,
  at: number,
  count: number,
) => void;

/** Floats multiply and add in double (and are rounded when all is added), integers in their own width. */
export function multiplyAdd(dtype: DType, sums: Values, values: Values, factors: Values): AddRow {
  const add = dtype === 'int64' ? addBigints : isFloat(dtype) ? addFloats : addIntegers;
  return add(sums as never, values as never, factors as never);
}

// The same loop three times: each sees one type of array, which is what makes it fast.

const addFloats =
  (sums: Float64Array, values: Float64Array, factors: Float64Array): AddRow =>
  (to, toStep, from, fromStep, at, count) => {
    const factor = factors[at];
    let i = 1;
    // Two at a time: about 1.4 times as fast as one.
    for (; i < count; i += 2, to += 2 * toStep, from += 2 * fromStep) {
      sums[to] += values[from] * factor;
      sums[to + toStep] += values[from + fromStep] * factor;
    }
    if (i === count) sums[to] += values[from] * factor;
  };

const addIntegers =
  (sums: Int32Array, values: Int32Array, factors: Int32Array): AddRow =>
  (to, toStep, from, fromStep, at, count) => {
    const factor = factors[at];
    for (let i = 0; i < count; i++, to += toStep, from += fromStep)
      sums[to] += Math.imul(values[from], factor);
  };

const addBigints =
  (sums: BigInt64Array, values: BigInt64Array, factors: BigInt64Array): AddRow =>
  (to, toStep, from, fromStep, at, count) => {
    const factor = factors[at];
    for (let i = 0; i < count; i++, to += toStep, from += fromStep) sums[to] += values[from] * factor;
  };

/** Ends a matmul or conv: the sums, rounded to `accumulate`, through `finish` to the output. */
export function finishSums(
  kernel: MatmulKernel | ConvKernel,
  sums: Values,
  output: View,
  inputs: readonly View[],
  scalars: readonly (number | bigint)[],
): void {
  const rounded = convert(sums, kernel.accumulate, kernel.accumulate);
  if (!kernel.finish) {
    store(output, convert(rounded, kernel.accumulate, output.dtype));
    return;
  }
  const [result] = evaluate([kernel.finish], {
    shape: output.shape,
    // Its input 0 is the sum, and its input 1 the kernel's input 2.
    input: (index) => (index === 0 ? rounded : load(inputs[index + 1])),
    scalars,
  });
  store(output, result);
}
