/** The reduce kernel: maps, folds over the last dims, and finishes. */
import {
  type Combine,
  type Executable,
  type Fold,
  numelOf,
  type ReduceKernel,
  type View,
} from '@sconce/core';
import { aten, kernel } from '../call.ts';
import { dtypeCodes } from '../memory.ts';
import { evaluate } from './evaluate.ts';
import { assign, cast, expand, firstOf, reshaped } from './views.ts';

/** Folds over the last dim. */
const combiners: Record<Combine, (x: View) => View> = {
  sum: (x) => aten('sum.dim_IntList')(x, [-1], false, dtypeCodes[x.dtype]),
  prod: (x) => aten('prod.dim_int')(x, -1, false, dtypeCodes[x.dtype]),
  min: (x) => aten('amin')(x, [-1]),
  max: (x) => aten('amax')(x, [-1]),
  any: (x) => aten('any.dim')(x, -1),
  all: (x) => aten('all.dim')(x, -1),
  argmin: (x) => aten('argmin')(ordered(x), -1),
  argmax: (x) => aten('argmax')(ordered(x), -1),
};

/** LibTorch has no argmin and argmax of bool. */
const ordered = (x: View): View => (x.dtype === 'bool' ? cast(x, dtypeCodes.uint8) : x);

export const reduce =
  ({ folds, finish, rank }: ReduceKernel): Executable =>
  (outputs, inputs, scalars = []) => {
    const kept = outputs[0].shape;
    if (numelOf(kept) === 0) return;
    // A fold over nothing but constants has no input to tell the sizes; there is none to fold then.
    const shape = inputs.length ? inputs[0].shape : kept;
    kernel(() => {
      const environment = { input: (i: number) => inputs[i], scalars, shape };
      const folded = folds.map(({ map, combine }: Fold) => {
        const x = expand(evaluate(map, environment), shape);
        return combiners[combine](reshaped(x, [...kept, numelOf(shape.slice(rank))]));
      });
      const input = (i: number) => (i < folded.length ? folded[i] : firstOf(inputs[i - folded.length], rank));
      const values = finish.map((expr) => evaluate(expr, { input, scalars, shape: kept }));
      values.forEach((value, i) => {
        assign(outputs[i], value);
      });
    });
  };
