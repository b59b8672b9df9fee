/** Epilogues: what is done with each element of a product or a convolution before it is written. */
import { X } from '../expr/build.ts';
import { intern, numberOf } from '../expr/compose.ts';
import { substitute } from '../expr/differentiate.ts';
import { computeType, type Expr } from '../expr/expr.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A pointwise expression over an operator's result and further operands, which broadcast to that result. */
export interface Epilogue {
  /** Input 0 is the result in its own dtype, which is the expression's as well; the operands follow. Interned, no scalars. */
  readonly expr: Expr;
  readonly operands: readonly Tensor[];
}

/** Whether a tensor of this shape broadcasts to `to` and leaves it as it is. */
export function broadcastsTo(shape: Shape, to: Shape): boolean {
  const lead = to.length - shape.length;
  return lead >= 0 && shape.every((n, d) => n === 1 || n === to[d + lead]);
}

const finishes = new Map<string, Expr>();
/** Those that add a bias of the product's own dtype, and nothing else. */
const biases: Partial<Record<DType, Expr>> = {};

/**
 * A kernel's `finish`: the bias added to the sum, the value rounded to `dtype`, then the epilogue. Its inputs are the sum,
 * the bias where there is one, and the epilogue's operands; undefined where there is nothing to do.
 */
export function finishOf(
  dtype: DType,
  bias: DType | undefined,
  epilogue: Epilogue | undefined,
): Expr | undefined {
  if (epilogue === undefined) {
    if (bias === undefined) return undefined;
    if (bias === dtype) return (biases[dtype] ??= made(dtype, bias, undefined));
  }
  return made(dtype, bias, epilogue);
}

function made(dtype: DType, bias: DType | undefined, epilogue: Epilogue | undefined): Expr {
  const key = `${dtype} ${bias} ${epilogue && numberOf(epilogue.expr)}`;
  let finish = finishes.get(key);
  if (!finish) {
    const accumulate = computeType(dtype);
    const sum = X.input(0, accumulate);
    const value = (bias ? sum.add(X.input(1, bias).cast(accumulate)) : sum).cast(dtype).expr;
    const shift = bias ? 1 : 0;
    finish = intern(
      epilogue
        ? substitute(epilogue.expr, {
            input: (index, type) =>
              index === 0 ? value : { op: 'input', index: index + shift, dtype: type },
          })
        : value,
    );
    finishes.set(key, finish);
  }
  return finish;
}
