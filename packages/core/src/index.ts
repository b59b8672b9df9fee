export * as autograd from './autograd/index.ts';
export {
  enable_grad,
  inference_mode,
  is_grad_enabled,
  no_grad,
  set_grad_enabled,
  withGradMode,
} from './autograd/mode.ts';
export { Node } from './autograd/node.ts';
export * from './backend/index.ts';
export { defaultsOf } from './dispatch/bind.ts';
export {
  callOperator,
  explain,
  type Interceptor,
  intercept,
  set_overrides_enabled,
} from './dispatch/call.ts';
export { fuse, type Operand, type Step } from './dispatch/fuse.ts';
export { functions, ops } from './dispatch/install.ts';
export * as library from './dispatch/library.ts';
export {
  allOperators,
  findOperator,
  findOperators,
  named,
  Operator,
  op,
  pointwise,
  register,
  view,
} from './dispatch/operator.ts';
export { type Repeated, repeated } from './dispatch/repeat/repeated.ts';
export { keep, type Scope, scope } from './dispatch/scope.ts';
export { type CallSite, calledAt, callersLine, callSite, runningLine } from './dispatch/site.ts';
export * from './errors.ts';
export { X } from './expr/build.ts';
export { differentiate } from './expr/differentiate.ts';
export { type ComputeType, computeType, type Expr, type ScalarOp, scalarOps } from './expr/expr.ts';
export { set_fusion_enabled } from './kernel/chain.ts';
export { kernel_launches, type LaunchObserver, observe_launches } from './kernel/compile.ts';
export {
  type ConvolutionPrecision,
  convolutionPrecision,
  setConvolutionPrecision,
} from './kernel/precision.ts';
export { operatorInProgress } from './kernel/progress.ts';
export { type Callable, callable, isCallableClass } from './module/callable.ts';
export {
  type IncompatibleKeys,
  interceptModules,
  isModule,
  Module,
  type ModuleInterceptor,
  registered,
} from './module/module.ts';
export { isParameter, Parameter, replaceData } from './module/parameter.ts';
export {
  type AbortSignalLike,
  type Content,
  openSource,
  type Progress,
  type ReadOptions,
  type Source,
  setSourceOpener,
  withSource,
} from './module/source.ts';
export * from './random/index.ts';
export * from './schema/index.ts';
export * from './serialization/index.ts';
export { memoryUsage } from './tensor/allocation.ts';
export {
  adopt,
  alias,
  empty,
  emptyStrided,
  fromTypedArray,
  type NestedArray,
  type TensorOptions,
  tensor,
  toTypedArray,
} from './tensor/create.ts';
export {
  backendOf,
  currentBackend,
  Device,
  deviceOf,
  register_backend,
  registeredBackend,
  registeredBackends,
  setCurrentBackend,
} from './tensor/device.ts';
export * from './tensor/dtype.ts';
export * from './tensor/float16.ts';
export * from './tensor/format.ts';
export * from './tensor/host.ts';
export type { Index, Slice } from './tensor/indexing.ts';
export * from './tensor/layout.ts';
export * from './tensor/packed.ts';
export {
  type Category,
  can_cast,
  get_default_dtype,
  PyFloat,
  promote_types,
  py_float,
  resultType,
  type Scalar,
  scalarCategory,
  scalarValue,
  set_default_dtype,
} from './tensor/promotion.ts';
export {
  isQuantized,
  listsOf,
  printedQuantizer,
  type QuantizedDType,
  type Quantizer,
  quantized,
  quantizedRanges,
  quantizerOf,
  schemeOf,
} from './tensor/quantized.ts';
export { endTask as settlePending, findLeaks, Storage } from './tensor/storage.ts';
export { Tensor } from './tensor/tensor.ts';
export {
  isWatched,
  type Look,
  look,
  plainShape,
  TracedNumber,
  unwatched,
  watch,
  watchShape,
} from './tensor/watch.ts';

import './ops/index.ts';
import './tensor/methods.ts';
