/**
 * `@sconce/core/backend`: what a backend needs of core, without the operators. A worker that computes for a page loads
 * this and no more.
 */
export * from './backend/backend.ts';
export { withRank } from './backend/view.ts';
export * from './errors.ts';
export { type ComputeType, computeType, type Expr, type ScalarOp, scalarOps } from './expr/expr.ts';
export type { Schema } from './schema/schema.ts';
export * from './tensor/dtype.ts';
export * from './tensor/float16.ts';
export { contiguousStrides, isContiguous, numelOf, stridesInOrder } from './tensor/layout.ts';
