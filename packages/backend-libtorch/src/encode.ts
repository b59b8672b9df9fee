/** Encoders of an operator's arguments, chosen once by their types, so that a call looks up nothing. */
import type { Argument, DType, Type } from '@sconce/core';
import { dtypeCodes, isView } from './memory.ts';
import { Tag, type Wire } from './wire.ts';

/** Puts a value on the wire; false where this value cannot go, and LibTorch then does not take the call. */
export type Encode = (wire: Wire, value: unknown) => boolean;

const memoryFormats: Readonly<Record<string, number>> = {
  contiguous_format: 0,
  preserve_format: 1,
  channels_last: 2,
  channels_last_3d: 3,
};
const reductions: Readonly<Record<string, number>> = { Mean: 1, Sum: 2 };

/** A default as the number or value that LibTorch takes: schemas print some enumerations by name. */
export function plain({ type, default: value }: Argument): unknown {
  if (typeof value !== 'string' || kindOf(type) === 'str') return value;
  return memoryFormats[value] ?? reductions[value] ?? value;
}

/** The kind below an `Optional`. */
export const kindOf = (type: Type): Type['kind'] =>
  type.kind === 'Optional' ? type.element.kind : type.kind;

const put = (wire: Wire, tag: number, value: number): true => {
  wire.put2(tag, value);
  return true;
};

const encodeTensor: Encode = (wire, value) => {
  if (isView(value)) {
    // On the CPU LibTorch 1.13 has float16 hardly anywhere, and rounds 16-bit floats within an operator where it computes.
    if (value.dtype === 'float16' || value.dtype === 'bfloat16') return false;
    wire.putView(value);
    return true;
  }
  // A number where a tensor may stand: the other side makes PyTorch's wrapped number of it.
  return value !== null && typeof value !== 'string' && encodeScalar(wire, value);
};

const encodeInt: Encode = (wire, value) => {
  if (typeof value === 'number') return Number.isInteger(value) && put(wire, Tag.integer, value);
  if (typeof value === 'bigint') wire.putInteger(value);
  else if (typeof value === 'boolean') wire.put2(Tag.integer, value ? 1 : 0);
  else if (typeof value === 'string' && value in reductions) wire.put2(Tag.integer, reductions[value]);
  else return false;
  return true;
};

const encodeFloat: Encode = (wire, value) => put(wire, Tag.number, Number(value));

const encodeBool: Encode = (wire, value) =>
  (typeof value === 'boolean' || typeof value === 'number') && put(wire, Tag.boolean, value ? 1 : 0);

const encodeScalar: Encode = (wire, value) => {
  if (value === null || value === undefined || typeof value === 'string') return false;
  wire.putAny(value);
  return true;
};

const encodeDType: Encode = (wire, value) => {
  const code = dtypeCodes[value as DType];
  return code !== undefined && value !== 'float16' && value !== 'bfloat16' && put(wire, Tag.integer, code);
};

const encodeMemoryFormat: Encode = (wire, value) => {
  const format = memoryFormats[value as string];
  return format !== undefined && put(wire, Tag.integer, format);
};

const encodeString: Encode = (wire, value) => {
  if (typeof value !== 'string') return false;
  wire.putWord(value);
  return true;
};

const encodeDevice: Encode = (wire) => {
  wire.putWord('cpu');
  return true;
};

const encodeStrided: Encode = (wire, value) => value === 'strided' && put(wire, Tag.integer, 0);

const never: Encode = () => false;

function encodeList(element: Type, size: number | undefined): Encode {
  if (element.kind === 'int' || element.kind === 'float')
    return (wire, value) => {
      // `int[2] stride` takes one int for both.
      const list = Array.isArray(value) ? value : new Array<unknown>(size ?? 1).fill(value);
      if (!list.every((v) => (element.kind === 'int' ? Number.isSafeInteger(v) : typeof v === 'number')))
        return false;
      wire.putInts(list as number[]);
      return true;
    };
  const encode = encoder(element);
  return (wire, value) => {
    if (!Array.isArray(value)) return false;
    wire.put2(Tag.list, value.length);
    return value.every((item) => encode(wire, item));
  };
}

/** The encoder for one type; `never` for those that do not occur in a call that LibTorch would take. */
export function encoder(type: Type): Encode {
  switch (type.kind) {
    case 'Optional': {
      const encode = encoder(type.element);
      return (wire, value) => {
        if (value !== null && value !== undefined) return encode(wire, value);
        wire.putNone();
        return true;
      };
    }
    case 'List':
      return encodeList(type.element, type.size);
    case 'Tensor':
      return encodeTensor;
    case 'int':
      return encodeInt;
    case 'float':
      return encodeFloat;
    case 'bool':
      return encodeBool;
    case 'Scalar':
      return encodeScalar;
    case 'ScalarType':
      return encodeDType;
    case 'MemoryFormat':
      return encodeMemoryFormat;
    case 'str':
      return encodeString;
    case 'Device':
      return encodeDevice;
    case 'Layout':
      return encodeStrided;
    default:
      return never;
  }
}
