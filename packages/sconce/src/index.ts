/** What users install: `import * as torch from 'sconce'`. PyTorch's names, on the backend that they choose. */
import { installSourceOpener } from './load/open.ts';

installSourceOpener();

export {
  autograd,
  type Backend,
  can_cast,
  Device,
  type DType,
  default_generator,
  enable_grad,
  Generator,
  get_default_dtype,
  get_rng_state,
  inference_mode,
  initial_seed,
  intercept,
  is_grad_enabled,
  library,
  no_grad,
  OutOfMemoryError,
  ops,
  promote_types,
  py_float,
  type Scalar,
  scope,
  seed,
  set_default_dtype,
  set_fusion_enabled,
  set_grad_enabled,
  set_printoptions,
  set_rng_state,
  Tensor,
  TorchError,
  tensor,
} from '@sconce/core';
export * from '@sconce/core/functions';
export * as nn from '@sconce/nn';
export { optim } from '@sconce/nn';
export * from './backends.ts';
export * from './checkpoint.ts';
export * from './dtypes.ts';
export * as jit from './jit.ts';
export * as linalg from './linalg.ts';
export * as profiler from './profiler/index.ts';
export * as backends from './settings.ts';
export * as special from './special.ts';
export * from './values.ts';
