/** `reduce`: folds of expressions over the last dims, and expressions of the folds. */
import { type Combine, type DType, type Executable, isFloat, numelOf, type ReduceKernel } from '@sconce/core';
import { convert } from '../convert.ts';
import { evaluate } from '../evaluate.ts';
import { allocateSums, allocateValues, load, store, type Values } from '../values.ts';
import { type Combining, combiner, identity } from './combine.ts';

export const reduce =
  ({ folds, reduced, finish, rank }: ReduceKernel): Executable =>
  (outputs, inputs, scalars = []) => {
    const shape = outputs[0].shape;
    const inner = inputs[0].shape.slice(rank, rank + reduced);
    const mapped = evaluate(
      folds.map((fold) => fold.map),
      { shape: [...shape, ...inner], input: (index) => load(inputs[index]), scalars },
    );
    const folded = folds.map(({ combine, map }, i) =>
      fold(combine, mapped[i], map.dtype, numelOf(shape), numelOf(inner)),
    );
    const results = evaluate(finish, {
      shape,
      input: (index) => {
        if (index < folds.length) return folded[index];
        const { memory, dtype, strides, offset } = inputs[index - folds.length];
        return load({ memory, dtype, shape, strides: strides.slice(0, rank), offset });
      },
      scalars,
    });
    for (const [j, output] of outputs.entries()) store(output, results[j]);
  };

/** Folds each run of `length` values to one of `count`. */
function fold(combine: Combine, values: Values, dtype: DType, count: number, length: number): Values {
  if (combine === 'argmin' || combine === 'argmax') return firstExtremes(combine, values, count, length);
  const sums = combine === 'sum' && isFloat(dtype);
  const result = sums ? allocateSums(dtype, count) : allocateValues(dtype, count);
  const f = combiner(combine as Combining, dtype);
  for (let o = 0; o < count; o++) {
    let accumulator = identity(combine as Combining, dtype);
    for (let i = o * length; i < (o + 1) * length; i++)
      accumulator = f(accumulator as never, values[i] as never);
    result[o] = accumulator;
  }
  return convert(result, dtype, dtype);
}

/** The position of the first extreme; a NaN is more extreme than all else, both ways. */
function firstExtremes(combine: 'argmin' | 'argmax', values: Values, count: number, length: number): Values {
  const result = new BigInt64Array(count);
  for (let o = 0; o < count; o++) {
    const start = o * length;
    let best = start;
    for (let i = start + 1; i < start + length && !Number.isNaN(values[best]); i++) {
      const isBetter = combine === 'argmax' ? values[i] > values[best] : values[i] < values[best];
      if (isBetter || Number.isNaN(values[i])) best = i;
    }
    result[o] = BigInt(best - start);
  }
  return result;
}
