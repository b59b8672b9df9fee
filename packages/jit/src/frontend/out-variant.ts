/** `out=`: core has no such overloads, so a call that names one is the plain operator and a copy, yet one node as in PyTorch. */
import { parseSchema } from '@sconce/core';
import { marshalArguments } from '../interpreter/marshal.ts';
import type { AnyOperator } from '../ir/graph.ts';
import { callOperator, findOperators } from '../ops/core.ts';
import { jitSchemaOf, type ScalarOperator } from '../ops/operator.ts';

const variants = new WeakMap<AnyOperator, ScalarOperator>();

/** The overloads of a name with those that take `out`, in PyTorch's order: tensors, then `out`, then plain numbers. */
export function withOutVariants(operators: readonly AnyOperator[]): AnyOperator[] {
  const ofTensors = operators.filter((operator) => !('run' in operator));
  const ofNumbers = operators.filter((operator) => 'run' in operator);
  return [
    ...ofTensors,
    ...ofTensors.map(outVariant).filter((variant) => variant !== undefined),
    ...ofNumbers,
  ];
}

/** The overload that writes its result where `out` says; undefined for what does not return one tensor. */
function outVariant(operator: AnyOperator): ScalarOperator | undefined {
  if ('run' in operator) return undefined;
  const { schema } = operator;
  const [result] = schema.returns;
  if (schema.isVararg || schema.returns.length !== 1 || result.type.kind !== 'Tensor') return undefined;
  let variant = variants.get(operator);
  if (!variant) {
    const text = schema.text.replace(/\s*->[^>]*$/, '').replace(/\)$/, '');
    const star = schema.args.some((arg) => arg.kwargOnly) ? '' : '*, ';
    const separator = schema.args.length > 0 ? ', ' : '';
    const convert = marshalArguments(
      schema,
      jitSchemaOf(schema).args.map((arg) => arg.type),
    );
    const [copy] = findOperators('aten::copy_');
    variant = {
      schema: parseSchema(`${text}${separator}${star}Tensor(a!) out) -> Tensor(a!)`),
      run: (...args: unknown[]) => {
        const out = args.pop();
        const value = callOperator(
          operator,
          args.map((arg, i) => (convert[i] ? convert[i](arg) : arg)),
        );
        callOperator(copy, [out, value, false]);
        return out;
      },
    };
    variants.set(operator, variant);
  }
  return variant;
}
