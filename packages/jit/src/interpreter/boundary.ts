/** The border between the program and its JavaScript caller: arguments in, results out. */
import { ArgumentError } from '@sconce/core';
import type { Func, Param } from '../ir/function.ts';
import { annotation, graphText } from '../ir/type-text.ts';
import { EnumValue, type JitType } from '../ir/types.ts';
import { Device, PyFloat, Tensor } from '../ops/core.ts';
import { Future, isTuple, makeTuple, ScriptObject, tagType } from '../ops/value.ts';

const REFUSED = Symbol('refused');

/** What a value that a caller gave is called in messages, by Python's names. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'NoneType';
  if (value instanceof Tensor) return 'Tensor';
  if (value instanceof PyFloat) return 'float';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'str';
  if (Array.isArray(value)) return 'List';
  return value instanceof Map || Object.getPrototypeOf(value) === Object.prototype ? 'Dict' : typeof value;
}

export interface Unwrap {
  /** The program's object behind a module that a caller holds. */
  readonly object: (value: unknown) => ScriptObject | undefined;
}

function accept(value: unknown, type: JitType, unwrap: Unwrap): unknown {
  const array = (): readonly unknown[] | undefined =>
    Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))
      ? Array.from(value as ArrayLike<unknown>)
      : undefined;
  const each = (items: readonly unknown[], typeAt: (i: number) => JitType): unknown[] | typeof REFUSED => {
    const out = items.map((item, i) => accept(item, typeAt(i), unwrap));
    return out.includes(REFUSED) ? REFUSED : out;
  };
  switch (type.kind) {
    case 'Tensor':
      return value instanceof Tensor ? value : REFUSED;
    case 'int':
      if (typeof value === 'bigint')
        return Number.isSafeInteger(Number(value)) ? Number(value) : BigInt.asIntN(64, value);
      return typeof value === 'number' && Number.isInteger(value) ? value : REFUSED;
    case 'float':
      if (value instanceof PyFloat) return value.value;
      return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : REFUSED;
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' || value instanceof PyFloat
        ? labelNumber(value)
        : REFUSED;
    case 'bool':
      return typeof value === 'boolean' ? value : REFUSED;
    case 'str':
      return typeof value === 'string' ? value : REFUSED;
    case 'Device':
      if (value instanceof Device) return value;
      if (typeof value !== 'string') return REFUSED;
      return new Device(value.split(':')[0], value.includes(':') ? Number(value.split(':')[1]) : null);
    case 'None':
      return value === null || value === undefined ? null : REFUSED;
    case 'Optional':
      return value === null || value === undefined ? null : accept(value, type.element, unwrap);
    case 'Union':
      for (const member of preferred(value, type.members)) {
        const accepted = accept(value, member, unwrap);
        if (accepted !== REFUSED) return member.kind === 'float' ? new PyFloat(accepted as number) : accepted;
      }
      return REFUSED;
    case 'List': {
      const items = array();
      const list = items ? each(items, () => type.element) : REFUSED;
      return list === REFUSED ? REFUSED : tagType(list, type);
    }
    case 'Tuple': {
      const items =
        array() ?? (type.fields && isPlain(value) ? type.fields.map((field) => value[field]) : undefined);
      if (items?.length !== type.elements.length) return REFUSED;
      const out = each(items, (i) => type.elements[i]);
      return out === REFUSED ? REFUSED : makeTuple(out, type);
    }
    case 'Dict': {
      const entries = value instanceof Map ? [...value] : isPlain(value) ? Object.entries(value) : undefined;
      if (!entries) return REFUSED;
      const dict = new Map<unknown, unknown>();
      for (const [k, v] of entries) {
        const [key, item] = [accept(k, type.key, unwrap), accept(v, type.value, unwrap)];
        if (key === REFUSED || item === REFUSED) return REFUSED;
        dict.set(key, item);
      }
      return tagType(dict, type);
    }
    case 'Enum':
      if (value instanceof EnumValue) return value.type === type ? value : REFUSED;
      return typeof value === 'string' ? (type.members.get(value) ?? REFUSED) : REFUSED;
    case 'Class':
    case 'Interface':
      return unwrap.object(value) ?? REFUSED;
    default:
      return unwrap.object(value) ?? untyped(value);
  }
}

/** A whole number is an int where the union has int, any other a float. */
const preferred = (value: unknown, members: readonly JitType[]): readonly JitType[] =>
  typeof value === 'number' && Number.isInteger(value)
    ? members.toSorted((a, b) => Number(b.kind === 'int') - Number(a.kind === 'int'))
    : members;

const labelNumber = (value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? new PyFloat(value) : value;

/** Into Any: arrays are lists, plain objects dicts. */
function untyped(value: unknown): unknown {
  if (value === undefined) return null;
  if (Array.isArray(value) && !isTuple(value)) return value.map(untyped);
  if (isPlain(value)) return new Map(Object.entries(value).map(([k, v]) => [k, untyped(v)]));
  return labelNumber(value);
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const declaration = (name: string, func: Func): string =>
  `${name}(${func.signature.params.map((p) => `${graphText(p.type)} ${p.name}${p.hasDefault ? `=${String(p.default)}` : ''}`).join(', ')}) -> ${graphText(func.signature.returns)}`;

/** A caller's arguments in the order of the parameters, `self` left out. Throws `ArgumentError` as PyTorch words it. */
export function bindArguments(
  name: string,
  func: Func,
  params: readonly Param[],
  given: readonly unknown[],
  unwrap: Unwrap,
): unknown[] {
  const args = [...given];
  const selves = func.signature.params.length - params.length;
  let keywords: Record<string, unknown> | undefined;
  const last = args[args.length - 1];
  if (isPlain(last)) {
    const names = Object.keys(last);
    const at = params[args.length - 1];
    const fits =
      names.length > 0 &&
      names.every((key) => params.some((param, i) => param.name === key && i >= args.length - 1));
    if (
      fits ||
      (names.length > 0 && !at) ||
      (names.length > 0 && at && accept(last, at.type, unwrap) === REFUSED)
    ) {
      keywords = last;
      args.pop();
    }
  }
  if (args.length > params.length)
    throw new ArgumentError(
      `${name}() expected at most ${params.length + selves} argument(s) but received ${args.length + selves} argument(s). Declaration: ${declaration(name, func)}`,
    );
  for (const key of Object.keys(keywords ?? {})) {
    const index = params.findIndex((param) => param.name === key);
    if (index < 0)
      throw new ArgumentError(
        `Unknown keyword argument '${key}' for operator '${name}'. Schema: ${declaration(name, func)}`,
      );
    if (index < args.length)
      throw new ArgumentError(
        `Argument '${key}' specified both as positional and keyword argument. Schema: ${declaration(name, func)}`,
      );
  }
  return params.map((param, i) => {
    const value = i < args.length ? args[i] : keywords?.[param.name];
    if (value === undefined && !(keywords && param.name in keywords)) {
      if (param.hasDefault) return param.default;
      if (i >= args.length)
        throw new ArgumentError(
          `${name}() is missing value for argument '${param.name}'. Declaration: ${declaration(name, func)}`,
        );
    }
    const accepted = accept(value, param.type, unwrap);
    if (accepted === REFUSED)
      throw new ArgumentError(
        `${name}() Expected a value of type '${annotation(param.type)}' for argument '${param.name}' but instead found type '${kindOf(value)}'.\nPosition: ${i + 1}\nDeclaration: ${declaration(name, func)}`,
      );
    return accepted;
  });
}

/** A result as the caller gets it: tuples and lists as arrays (a NamedTuple's fields by name too), dicts as Map, floats plain. */
export function toCaller(value: unknown, wrap: (object: ScriptObject) => unknown): unknown {
  if (value instanceof Tensor) return value;
  if (value instanceof PyFloat) return value.value;
  if (value instanceof ScriptObject) return wrap(value);
  if (value instanceof Future) return toCaller(value.value, wrap);
  if (isTuple(value)) {
    const out: unknown[] = [];
    for (let i = 0; i < value.length; i++) out.push(toCaller(value[i], wrap));
    // Its elements and `length` come first.
    for (const key of Object.getOwnPropertyNames(value).slice(value.length + 1))
      Object.defineProperty(out, key, { value: (value as never)[key], enumerable: false });
    return out;
  }
  if (Array.isArray(value))
    return value.some((item) => typeof item === 'object' && item !== null && !(item instanceof Tensor))
      ? value.map((item) => toCaller(item, wrap))
      : value;
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [k, toCaller(v, wrap)]));
  return value;
}
