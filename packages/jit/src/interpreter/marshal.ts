/** The border between the interpreter's values and core's: dtypes are ints here and names there, memory formats likewise. */

import type { Schema, Type } from '@sconce/core';
import { memoryFormats } from '../ir/tensor-options.ts';
import type { JitType } from '../ir/types.ts';
import { Device, dtypeOfCode, dtypes } from '../ops/core.ts';
import { type Coercion, coercion } from './coerce.ts';

/** The device of the running program: what `cpu`, `cuda:0` and no device at all mean in it. */
export const ambient: { device: Device | null } = { device: null };

/** An archive's baked device is the one that the module was loaded to; any other came from a tensor at run time. */
export const actualDevice = (device: unknown): unknown =>
  device instanceof Device && (device.type === 'cpu' || device.type === 'cuda')
    ? (ambient.device ?? (device.type === 'cuda' ? null : device))
    : device;

/** A device's type as programs know it: their own device is the `cpu` of their code, whatever its name is here. */
export const typeInProgram = (device: Device): string =>
  device.type === ambient.device?.type ? 'cpu' : device.type;

const plainInt: Coercion = (value) => (typeof value === 'bigint' ? Number(value) : value);

/** How an argument of this schema type gets from the interpreter to core; undefined when it goes as it is. */
function toCore(type: Type, from: JitType): Coercion | undefined {
  switch (type.kind) {
    case 'Optional': {
      const inner = toCore(type.element, from.kind === 'Optional' ? from.element : from);
      return inner && ((value) => (value === null ? null : inner(value)));
    }
    case 'ScalarType':
      return (value) => (typeof value === 'number' ? dtypeOfCode(value) : value);
    case 'MemoryFormat':
      return (value) => (typeof value === 'number' ? memoryFormats[value] : value);
    case 'Device':
      return actualDevice;
    case 'int':
      return plainInt;
    case 'Scalar':
      return coercion(from, { kind: 'number' });
    case 'List':
      if (type.element.kind === 'int')
        return (value) =>
          (value as unknown[]).some((item) => typeof item === 'bigint')
            ? (value as unknown[]).map(plainInt)
            : value;
      return undefined;
    default:
      return undefined;
  }
}

/** One converter per argument of an operator of core, given the static types of what it is called with. */
export function marshalArguments(
  schema: Schema,
  from: readonly JitType[],
): readonly (Coercion | undefined)[] {
  const hasTensor = schema.args.some(
    (arg) => arg.type.kind === 'Tensor' || (arg.type.kind === 'List' && arg.type.element.kind === 'Tensor'),
  );
  return schema.args.map((arg, i) => {
    if (arg.name === 'device' && arg.type.kind === 'Optional' && !hasTensor)
      return (value) => (value === null ? ambient.device : actualDevice(value));
    return toCore(arg.type, from[i]);
  });
}

/** Whether the argument is a device: which one a constant means is known when the program runs. */
export function readsDevice(schema: Schema, i: number): boolean {
  const { type } = schema.args[i];
  return type.kind === 'Device' || (type.kind === 'Optional' && type.element.kind === 'Device');
}

/** How core's result becomes the interpreter's. */
export function fromCore(type: Type): Coercion | undefined {
  switch (type.kind) {
    case 'ScalarType':
      return (value) => (typeof value === 'string' ? dtypes[value as keyof typeof dtypes].code : value);
    case 'MemoryFormat':
      return (value) => (typeof value === 'string' ? memoryFormats.indexOf(value) : value);
    case 'Layout':
      return (value) => (typeof value === 'string' ? 0 : value);
    default:
      return undefined;
  }
}
