/** Holds what a user's implementation did to its schema: what it returned, overwrote and handed back. */
import { TorchError } from '../errors.ts';
import type { Schema } from '../schema/schema.ts';
import { type Type, typeToString } from '../schema/type.ts';
import { Tensor } from '../tensor/tensor.ts';

type Run = (...args: readonly unknown[]) => unknown;

/**
 * `run`, with an error that names the operator and says what would do where the schema is broken. With `mayDecline`, it
 * may return undefined for a call that it leaves to others.
 */
export function keepingTo(schema: Schema, run: Run, mayDecline: boolean): Run {
  const writes = schema.args.map(({ alias }) => alias?.write === true);
  // PyTorch's own return their input where nothing is to be done.
  const returnsAlias = schema.namespace === 'aten' || schema.returns.some(({ alias }) => alias !== undefined);
  return (...args) => {
    const versions = args.map((arg) => (arg instanceof Tensor ? arg.storage.version : 0));
    const result = run(...args);
    if (result instanceof Promise)
      return result.then((value) => checkedResult(schema, args, value, returnsAlias));
    for (const [i, arg] of args.entries())
      if (arg instanceof Tensor && arg.storage.version !== versions[i] && !writesTo(arg, args, writes))
        throw broken(
          schema,
          `Argument ${schema.args[i].name} is not defined as mutable but was mutated. Say so in the schema, as Tensor(a!) ${schema.args[i].name}, or change a clone of it`,
        );
    return result === undefined && mayDecline ? result : checkedResult(schema, args, result, returnsAlias);
  };
}

/** Whether an argument that may be written lies on the same memory. */
const writesTo = (tensor: Tensor, args: readonly unknown[], writes: readonly boolean[]): boolean =>
  args.some((arg, i) => writes[i] && arg instanceof Tensor && arg.storage === tensor.storage);

const broken = (schema: Schema, why: string): TorchError => new TorchError(`${schema.name}(): ${why}`);

function checkedResult(
  schema: Schema,
  args: readonly unknown[],
  result: unknown,
  returnsAlias: boolean,
): unknown {
  const { returns } = schema;
  if (returns.length === 0) {
    if (result === undefined || result === null) return result;
    throw broken(schema, `Expected the implementation to return None but it returned ${shown(result)}`);
  }
  const values = returns.length === 1 ? [result] : result;
  if (!Array.isArray(values) || values.length !== returns.length)
    throw broken(
      schema,
      `Expected ${returns.length} outputs, as an array of (${returns.map(({ type }) => typeToString(type)).join(', ')}), but the implementation returned ${shown(result)}`,
    );
  for (const [i, { type, alias }] of returns.entries()) {
    if (!isOf(values[i], type))
      throw broken(
        schema,
        `Expected a value of type '${typeToString(type)}' for output ${i} but instead found ${shown(values[i])}`,
      );
    const at = args.findIndex((arg) => arg instanceof Tensor && shares(values[i], arg));
    if (alias?.write) {
      const own = schema.args.findIndex((arg) => arg.alias?.write && arg.alias.set === alias.set);
      if (own >= 0 && values[i] !== args[own])
        throw broken(
          schema,
          `Output ${i} is defined as argument ${schema.args[own].name}, overwritten, but is another tensor. Return ${schema.args[own].name} itself`,
        );
    } else if (at >= 0 && !alias && !returnsAlias)
      throw broken(
        schema,
        `Argument ${schema.args[at].name} is not defined to alias output but was aliasing. Return a clone of it`,
      );
  }
  return result;
}

const shares = (value: unknown, { storage }: Tensor): boolean =>
  value instanceof Tensor
    ? value.storage === storage
    : Array.isArray(value) && value.some((item) => item instanceof Tensor && item.storage === storage);

/** Whether a value can be of this type; what only TorchScript has is taken as it is. */
function isOf(value: unknown, type: Type): boolean {
  switch (type.kind) {
    case 'Tensor':
      return value instanceof Tensor;
    case 'Optional':
      return value === null || value === undefined || isOf(value, type.element);
    case 'List':
      return Array.isArray(value) && value.every((item) => isOf(item, type.element));
    case 'Tuple':
      return (
        Array.isArray(value) &&
        value.length === type.elements.length &&
        value.every((item, i) => isOf(item, type.elements[i]))
      );
    case 'Dict':
      return value instanceof Map;
    case 'str':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'int':
    case 'float':
    case 'Scalar':
      return isNumber(value) || (type.kind === 'Scalar' && typeof value === 'boolean');
    default:
      return true;
  }
}

/** Floats that are integral, and sizes that are being traced, are objects. */
const isNumber = (value: unknown): boolean =>
  typeof value === 'number' ||
  typeof value === 'bigint' ||
  (typeof value === 'object' && value !== null && !(value instanceof Tensor) && !Array.isArray(value));

function shown(value: unknown): string {
  if (value instanceof Tensor) return 'a Tensor';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return value === null ? 'None' : value === undefined ? 'nothing' : `${typeof value} ${String(value)}`;
}
