/** The matmul kernel: batched, in its accumulating dtype. */
import { type DType, type Executable, type Expr, type MatmulKernel, numelOf, type View } from '@sconce/core';
import { aten, kernel } from '../call.ts';
import { dtypeCodes } from '../memory.ts';
import { evaluate } from './evaluate.ts';
import { assign, cast } from './views.ts';

export const matmul =
  ({ accumulate, finish }: MatmulKernel): Executable =>
  ([output], [a, b, ...rest], scalars = []) => {
    if (numelOf(output.shape) === 0) return;
    // OpenBLAS's float32 sums are no more accurate than one after another; `mm` and its like, taken over whole, use them.
    const wide = accumulate === 'float32' ? 'float64' : accumulate;
    const as = (view: View, dtype: DType) => (view.dtype === dtype ? view : cast(view, dtypeCodes[dtype]));
    kernel(() => {
      const sum = as(aten('bmm')(as(a, wide), as(b, wide)), accumulate);
      assign(output, finished(sum, finish, rest, scalars));
    });
  };

/** An epilogue's value: its input 0 is the sum, and after it come the kernel's further inputs. */
export const finished = (
  sum: View,
  finish: Expr | undefined,
  rest: readonly View[],
  scalars: readonly (number | bigint)[],
): View =>
  finish === undefined
    ? sum
    : evaluate(finish, { input: (i) => (i === 0 ? sum : rest[i - 1]), scalars, shape: sum.shape });
