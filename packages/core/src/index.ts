export * from './backend/index.ts';
export * from './errors.ts';
export { type ComputeType, computeType, type Expr, type ScalarOp, scalarOps } from './expr/expr.ts';
export * from './schema/index.ts';
export * from './tensor/dtype.ts';
