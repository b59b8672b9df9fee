/** The inner loop of matmul and conv: adds a strided row, times a factor, to another strided row. */
import type { ConvKernel, DType, MatmulKernel, View } from '@sconce/core';
import { convert } from '../convert.ts';
import { evaluate } from '../evaluate.ts';
import { load, store, type Values } from '../values.ts';

interface Row<V extends Values = Values> {
  readonly values: V;
  readonly start: number;
  readonly step: number;
}

/** sums[i] += values[i] * factor, for `count` elements. */
export type MultiplyAdd = (sums: Row, row: Row, factor: number | bigint, count: number) => void;

/** Floats multiply and add in double (and are rounded when all is added), integers in their own width. */
export function multiplyAdd(dtype: DType): MultiplyAdd {
  if (dtype === 'int64') return bigintRow as MultiplyAdd;
  return (dtype === 'float32' || dtype === 'float64' ? floatRow : intRow) as MultiplyAdd;
}

function floatRow(sums: Row<Float64Array>, row: Row<Float64Array>, factor: number, count: number): void {
  const { values: to, step: toStep } = sums;
  const { values: from, step: fromStep } = row;
  let j = sums.start;
  let k = row.start;
  for (let i = 0; i < count; i++, j += toStep, k += fromStep) to[j] += from[k] * factor;
}

function intRow(sums: Row<Int32Array>, row: Row<Int32Array>, factor: number, count: number): void {
  let j = sums.start;
  let k = row.start;
  for (let i = 0; i < count; i++, j += sums.step, k += row.step)
    sums.values[j] += Math.imul(row.values[k], factor);
}

function bigintRow(sums: Row<BigInt64Array>, row: Row<BigInt64Array>, factor: bigint, count: number): void {
  let j = sums.start;
  let k = row.start;
  for (let i = 0; i < count; i++, j += sums.step, k += row.step) sums.values[j] += row.values[k] * factor;
}

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
