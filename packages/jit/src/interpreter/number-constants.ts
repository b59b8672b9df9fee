/** Zero-dim constants that stand for numbers: traces have them for Python's literals, and torch::jit's executor makes them numbers again. */
import { canReadNow, isFloat, itemNow } from '@sconce/core';
import type { Node } from '../ir/graph.ts';
import { findOperator, type Operator, PyFloat, Tensor } from '../ops/core.ts';
import { original } from './lifetime.ts';

const takesNumbers = new Set([
  'aten::add.Tensor',
  'aten::sub.Tensor',
  'aten::mul.Tensor',
  'aten::div.Tensor',
]);

export interface NumberCall {
  /** The overload for a number. */
  readonly operator: Operator;
  /** What stands in the place of the second argument. */
  readonly number: number | bigint | PyFloat;
}

/**
 * `aten::mul(%i, {0.5})` as the overload that takes 0.5. A tensor of ints then gives the default float dtype, where a
 * zero-dim float64 tensor would make it float64.
 */
export function numberCall(node: Node, operator: Operator): NumberCall | undefined {
  if (!takesNumbers.has(operator.schema.name)) return undefined;
  const value = original(node.inputs[1]);
  const constant = value.node.constant?.value;
  if (!(constant instanceof Tensor) || constant.strides.length > 0 || constant.dtype === 'bool')
    return undefined;
  if (!canReadNow(constant) || constant.backend.name === 'meta' || constant.storage.isFreed) return undefined;
  // One that the program writes to is a variable.
  const isWritten = value.uses.some(
    ({ user, index }) => user.operator?.schema.args[index]?.alias?.write === true,
  );
  const overload = findOperator(operator.schema.name.replace(/Tensor$/, 'Scalar'));
  if (isWritten || !overload) return undefined;
  const item = itemNow(constant) as number | bigint;
  return { operator: overload, number: isFloat(constant.dtype) ? new PyFloat(Number(item)) : item };
}
