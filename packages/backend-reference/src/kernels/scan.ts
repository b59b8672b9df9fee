/** `scan`: the fold of all elements up to each, along the last dim. */
import type { Executable, ScanKernel } from '@sconce/core';
import { convert } from '../convert.ts';
import { allocateSums, load, store } from '../values.ts';
import { combiner } from './combine.ts';

export const scan = ({ combine, dtype }: ScanKernel): Executable => {
  const f = combiner(combine, dtype);
  return ([output], [x]) => {
    const values = load(x);
    const length = x.shape[x.shape.length - 1];
    const results = allocateSums(dtype, values.length);
    for (let start = 0; start < values.length; start += length) {
      results[start] = values[start];
      for (let i = start + 1; i < start + length; i++)
        results[i] = f(results[i - 1] as never, values[i] as never);
    }
    store(output, convert(results, dtype, dtype));
  };
};
