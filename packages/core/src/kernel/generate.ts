/** Pointwise kernels without operands: values from coordinates and scalars. */
import type { Scalar } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type Elementwise, runPlan } from './elementwise.ts';

/** Fills a tensor that was just made; nobody has seen it, so no version is counted. */
export function runInto(rule: Elementwise, out: Tensor, scalars: readonly Scalar[]): void {
  runPlan(rule.plan([], scalars, out.dtype), [out], [], scalars);
}
