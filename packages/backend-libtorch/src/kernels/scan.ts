/** The scan kernel: a prefix fold along the last dim. */
import { type Executable, numelOf, type ScanCombine, type ScanKernel, type View } from '@sconce/core';
import { aten, kernel } from '../call.ts';
import { dtypeCodes } from '../memory.ts';
import { assign, cast } from './views.ts';

const folds: Record<ScanCombine, (x: View) => View> = {
  sum: (x) => aten('cumsum')(x, -1, dtypeCodes[x.dtype]),
  prod: (x) => aten('cumprod')(x, -1, dtypeCodes[x.dtype]),
  min: (x) => aten('cummin')(x, -1),
  max: (x) => aten('cummax')(x, -1),
  logaddexp: (x) => aten('logcumsumexp')(x, -1),
};

export const scan =
  ({ combine, dtype }: ScanKernel): Executable =>
  ([output], [x]) => {
    if (numelOf(output.shape) === 0) return;
    const isNarrow = dtype === 'float16' || dtype === 'bfloat16';
    kernel(() => assign(output, folds[combine](isNarrow ? cast(x, dtypeCodes.float32) : x)));
  };
