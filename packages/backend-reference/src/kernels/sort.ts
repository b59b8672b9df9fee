/** `sort`: a stable sort of each row, NaN last (first when descending). */
import type { Executable, SortKernel } from '@sconce/core';
import { allocateValues, load, store } from '../values.ts';
import { isGreater } from './combine.ts';

export const sort =
  ({ descending, dtype }: SortKernel): Executable =>
  ([output, indices], [x]) => {
    const values = load(x);
    const length = x.shape[x.shape.length - 1];
    const sorted = allocateValues(dtype, values.length);
    const order = new BigInt64Array(values.length);
    for (let start = 0; start < values.length; start += length) {
      const ascending = (i: number, j: number) =>
        +isGreater(values[start + i], values[start + j]) - +isGreater(values[start + j], values[start + i]);
      // A typed array's own sort is stable.
      const row = Int32Array.from({ length }, (_, i) => i);
      row.sort(descending ? (i, j) => ascending(j, i) : ascending);
      for (let i = 0; i < length; i++) {
        sorted[start + i] = values[start + row[i]];
        order[start + i] = BigInt(row[i]);
      }
    }
    store(output, sorted);
    if (indices) store(indices, order);
  };
