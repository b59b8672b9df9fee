/** The gather and scatter kernels. */
import {
  type Executable,
  type GatherKernel,
  numelOf,
  type ScatterCombine,
  type ScatterKernel,
  type View,
} from '@sconce/core';
import { aten, inplace, kernel } from '../call.ts';
import { dtypeCodes } from '../memory.ts';
import { assign, cast, clone, unsqueeze } from './views.ts';

export const gather =
  ({ dim }: GatherKernel): Executable =>
  ([output], [x, index]) => {
    if (numelOf(output.shape) === 0) return;
    kernel(() => assign(output, aten('gather')(x, dim, index)));
  };

const reductions: Record<Exclude<ScatterCombine, 'set'>, string> = {
  sum: 'sum',
  prod: 'prod',
  min: 'amin',
  max: 'amax',
};

export const scatter =
  ({ dim, combine, dtype }: ScatterKernel): Executable =>
  ([output], [x, index]) => {
    if (numelOf(index.shape) === 0) return;
    const isNarrow = combine !== 'set' && (dtype === 'float16' || dtype === 'bfloat16');
    const wide = (view: View) => (isNarrow ? cast(view, dtypeCodes.float32) : view);
    kernel(() => {
      // In a copy, so that an index out of range leaves the output as it was, and any strides will do.
      const base = wide(clone(output));
      const [to, at, from] =
        output.shape.length === 0
          ? [base, index, wide(x)].map((view) => unsqueeze(view, 0))
          : [base, index, wide(x)];
      if (combine === 'set') inplace('scatter_.src', to, dim, at, from);
      else inplace('scatter_reduce_.two', to, dim, at, from, reductions[combine]);
      assign(output, base);
    });
  };
