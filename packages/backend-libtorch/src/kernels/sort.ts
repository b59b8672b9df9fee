/** The sort kernel: stable, along the last dim. */
import { type Executable, numelOf, type SortKernel } from '@sconce/core';
import { all, kernel } from '../call.ts';
import { dtypeCodes } from '../memory.ts';
import { assign, cast } from './views.ts';

export const sort =
  ({ descending, dtype }: SortKernel): Executable =>
  ([values, indices], [x]) => {
    if (numelOf(values.shape) === 0) return;
    kernel(() => {
      // LibTorch 1.13 sorts no float16.
      const sortable = dtype === 'float16' ? cast(x, dtypeCodes.float32) : x;
      const [sorted, places] = all('sort.stable', sortable, true, -1, descending);
      assign(values, sorted);
      assign(indices, places);
    });
  };
