/** Attributes of a JavaScript module as TorchScript has them: the type of a value, and the value as the interpreter keeps it. */
import { isModule } from '@sconce/core';
import { typesEqual } from '../ir/type-relations.ts';
import {
  BoolT,
  DeviceT,
  dictOf,
  EnumValue,
  FloatT,
  IntT,
  type JitType,
  listOf,
  NoneT,
  StrT,
  TensorT,
  tupleOf,
} from '../ir/types.ts';
import { Device, PyFloat, Tensor } from '../ops/core.ts';
import { isTuple, makeTuple, tagType, typeTagOf } from '../ops/value.ts';

export interface Typed {
  readonly type: JitType;
  readonly value: unknown;
}

/** Why a value has no TorchScript type, in PyTorch's words. */
export interface Untyped {
  readonly why: string;
}

const isPlain = (value: object): boolean =>
  Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null;

/** Elements of one type are a list's; of several, a tuple's, which is what Python would have written. */
function inferSequence(items: readonly unknown[], isTupleValue: boolean): Typed | Untyped {
  if (items.length === 0 && !isTupleValue) return { why: 'List trace inputs must have elements' };
  const elements: Typed[] = [];
  for (const item of items) {
    const element = inferValue(item);
    if (isModule(item))
      return { why: 'It is an array of modules: write nn.ModuleList([…]), which registers them.' };
    if ('why' in element) return { why: `Could not infer type of list element: ${element.why}` };
    elements.push(element);
  }
  const values = elements.map((e) => e.value);
  const [first] = elements;
  if (!isTupleValue && elements.every((e) => typesEqual(e.type, first.type))) {
    const type = listOf(first.type);
    return { type, value: tagType(values, type) };
  }
  if (!isTupleValue && elements.every((e) => e.type.kind === 'int' || e.type.kind === 'float')) {
    const type = listOf(FloatT);
    return { type, value: tagType(values, type) };
  }
  const type = tupleOf(elements.map((e) => e.type));
  return { type, value: makeTuple(values, type) };
}

function inferDict(entries: readonly (readonly [unknown, unknown])[]): Typed | Untyped {
  if (entries.length === 0) return { why: 'Dictionary inputs must have entries' };
  const typed: [Typed, Typed][] = [];
  for (const [k, v] of entries) {
    const key = inferValue(k);
    const value = inferValue(v);
    if ('why' in key) return key;
    if ('why' in value) return value;
    typed.push([key, value]);
  }
  const [[key, value]] = typed;
  if (!typed.every(([k, v]) => typesEqual(k.type, key.type) && typesEqual(v.type, value.type)))
    return { why: 'Dictionary inputs to traced functions must have consistent type' };
  const type = dictOf(key.type, value.type);
  return { type, value: tagType(new Map(typed.map(([k, v]) => [k.value, v.value])), type) };
}

/** What is neither a tensor nor holds others. A whole number is an int, any other a float. */
export function inferScalar(value: unknown): Typed | undefined {
  if (value === null || value === undefined) return { type: NoneT, value: null };
  if (typeof value === 'boolean') return { type: BoolT, value };
  if (typeof value === 'number') return { type: Number.isInteger(value) ? IntT : FloatT, value };
  if (typeof value === 'bigint') return { type: IntT, value };
  if (typeof value === 'string') return { type: StrT, value };
  if (value instanceof PyFloat) return { type: FloatT, value: value.value };
  if (value instanceof Device) return { type: DeviceT, value };
  if (value instanceof EnumValue) return { type: value.type, value };
  return undefined;
}

/** The type of a value, inferred as PyTorch infers it of Python's. */
export function inferValue(value: unknown): Typed | Untyped {
  const scalar = inferScalar(value);
  if (scalar) return scalar;
  if (value instanceof Tensor) return { type: TensorT, value };
  if (Array.isArray(value)) {
    const tag = typeTagOf(value);
    // A NamedTuple knows its class.
    return tag?.kind === 'Tuple' && tag.fields ? { type: tag, value } : inferSequence(value, isTuple(value));
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return inferSequence(Array.from(value as unknown as ArrayLike<unknown>), false);
  if (value instanceof Map) return inferDict([...value]);
  if (typeof value === 'object' && value !== null && isPlain(value)) return inferDict(Object.entries(value));
  const name = typeof value === 'function' ? 'function' : (value as object).constructor?.name;
  return {
    why: `Only tensors and (possibly nested) tuples of tensors, lists, or dicts are supported as inputs or outputs of traced functions, but instead got value of type ${name}.`,
  };
}

/** The value as this type has it; undefined where it does not fit. */
export function coerceValue(value: unknown, type: JitType): Typed | undefined {
  switch (type.kind) {
    case 'Optional': {
      if (value === null || value === undefined) return { type, value: null };
      const inner = coerceValue(value, type.element);
      return inner && { type, value: inner.value };
    }
    case 'float': {
      const number =
        value instanceof PyFloat ? value.value : typeof value === 'bigint' ? Number(value) : value;
      return typeof number === 'number' ? { type, value: number } : undefined;
    }
    case 'List': {
      if (!Array.isArray(value)) return undefined;
      const items = value.map((item) => coerceValue(item, type.element));
      return items.every((item) => item !== undefined)
        ? {
            type,
            value: tagType(
              items.map((item) => item.value),
              type,
            ),
          }
        : undefined;
    }
    case 'Tuple': {
      if (!Array.isArray(value) || value.length !== type.elements.length) return undefined;
      const items = value.map((item, i) => coerceValue(item, type.elements[i]));
      return items.every((item) => item !== undefined)
        ? {
            type,
            value: makeTuple(
              items.map((item) => item.value),
              type,
            ),
          }
        : undefined;
    }
    case 'Dict': {
      const entries =
        value instanceof Map
          ? [...value]
          : typeof value === 'object' && value !== null && isPlain(value)
            ? Object.entries(value)
            : undefined;
      if (!entries) return undefined;
      const dict = new Map<unknown, unknown>();
      for (const [k, v] of entries) {
        const [key, item] = [coerceValue(k, type.key), coerceValue(v, type.value)];
        if (!key || !item) return undefined;
        dict.set(key.value, item.value);
      }
      return { type, value: tagType(dict, type) };
    }
    case 'Any':
    case 'Union': {
      const inferred = inferValue(value);
      return 'why' in inferred ? undefined : { type, value: inferred.value };
    }
    default: {
      const inferred = inferValue(value);
      return !('why' in inferred) && typesEqual(inferred.type, type) ? inferred : undefined;
    }
  }
}

/** Arrays as tuples, all the way down: what our own nn classes keep in arrays, PyTorch's keep in tuples. */
export function asTuples(value: unknown): unknown {
  return Array.isArray(value) ? makeTuple(value.map(asTuples)) : value;
}
