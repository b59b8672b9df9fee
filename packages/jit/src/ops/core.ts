/** The jit's one door to core: everything it takes from there that is not a type. */
export {
  callOperator,
  canReadNow,
  Device,
  dtypeOfCode,
  dtypes,
  findOperators,
  is_grad_enabled,
  PyFloat,
  py_float,
  set_grad_enabled,
  Tensor,
} from '@sconce/core';
