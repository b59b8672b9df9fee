/** What users write, bound to a schema: positional and keyword arguments, spread shapes, overloads. */
import { ArgumentError } from '../errors.ts';
import type { Argument } from '../schema/schema.ts';
import { type Type, typeToString } from '../schema/type.ts';
import { tensor } from '../tensor/create.ts';
import { Device } from '../tensor/device.ts';
import { dtypeOfCode, dtypes } from '../tensor/dtype.ts';
import { isScalar, PyFloat, type Scalar } from '../tensor/promotion.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Operator } from './operator.ts';

/** What a converter returns for a value that its type does not take. */
const REFUSED = Symbol('refused');
type Converter = (value: unknown) => unknown;

export const memoryFormats = [
  'contiguous_format',
  'preserve_format',
  'channels_last',
  'channels_last_3d',
] as const;

const convertInt: Converter = (v) => {
  if (typeof v === 'number') return Number.isInteger(v) ? v : REFUSED;
  if (typeof v === 'bigint') {
    const n = Number(v);
    return Number.isSafeInteger(n) ? n : v;
  }
  return REFUSED;
};

function converterOf(type: Type): Converter {
  switch (type.kind) {
    case 'Tensor':
      return (v) => (v instanceof Tensor ? v : REFUSED);
    case 'int':
      return convertInt;
    case 'float':
      return (v) =>
        typeof v === 'number'
          ? v
          : v instanceof PyFloat
            ? v.value
            : typeof v === 'bigint'
              ? Number(v)
              : REFUSED;
    case 'bool':
      return (v) => (typeof v === 'boolean' ? v : REFUSED);
    case 'str':
      return (v) => (typeof v === 'string' ? v : REFUSED);
    case 'Scalar':
      return (v) => (isScalar(v) ? v : REFUSED);
    case 'ScalarType':
      return (v) =>
        typeof v === 'string' && Object.hasOwn(dtypes, v)
          ? v
          : typeof v === 'number'
            ? dtypeOfCode(v)
            : REFUSED;
    case 'Device':
      return (v) => (typeof v === 'string' || v instanceof Device || isBackend(v) ? v : REFUSED);
    case 'MemoryFormat':
      return (v) =>
        typeof v === 'number'
          ? memoryFormats[v]
          : typeof v === 'string' && memoryFormats.includes(v as never)
            ? v
            : REFUSED;
    case 'Layout':
      return (v) => (typeof v === 'string' || typeof v === 'number' ? v : REFUSED);
    case 'Optional': {
      const inner = converterOf(type.element);
      return (v) => (v === null || v === undefined ? null : inner(v));
    }
    case 'List': {
      const inner = converterOf(type.element);
      const scalarSize = type.size;
      return (v) => {
        if (Array.isArray(v) || (ArrayBuffer.isView(v) && !(v instanceof DataView))) {
          const items = Array.from(v as ArrayLike<unknown>, inner);
          return items.includes(REFUSED) ? REFUSED : items;
        }
        if (scalarSize === undefined) return REFUSED;
        const one = inner(v);
        return one === REFUSED ? REFUSED : new Array(scalarSize).fill(one);
      };
    }
    default:
      return (v) => v;
  }
}

const isBackend = (v: unknown): boolean =>
  typeof v === 'object' && v !== null && 'allocate' in v && 'compile' in v;

interface Signature {
  readonly operator: Operator;
  readonly args: readonly Argument[];
  readonly converters: readonly Converter[];
  readonly defaults: readonly unknown[];
  readonly positional: number;
  /** The position of a list of ints that may be spread over the positional arguments, or -1. */
  readonly spread: number;
  /** Where a method's `this` goes, or -1. */
  readonly self: number;
}

const signatures = new WeakMap<Operator, Signature>();

export function signatureOf(operator: Operator): Signature {
  let s = signatures.get(operator);
  if (s) return s;
  const { args } = operator.schema;
  const converters = args.map((a) => converterOf(a.type));
  const firstKeyword = args.findIndex((a) => a.kwargOnly);
  const positional = firstKeyword < 0 ? args.length : firstKeyword;
  const isIntList = (t: Type): boolean =>
    t.kind === 'Optional' ? isIntList(t.element) : t.kind === 'List' && t.element.kind === 'int';
  // Backward operators are methods of the gradient, for the formulas that call them.
  const isSelf = ({ name, type }: Argument, i: number): boolean =>
    type.kind === 'Tensor' && (name === 'self' || (i === 0 && name.startsWith('grad')));
  const self = args.findIndex(isSelf);
  const rest = [...Array(positional).keys()].filter((i) => i !== self);
  const lists = rest.filter((i) => isIntList(args[i].type));
  // As in Python: only where the list is the one positional argument.
  const spread = rest.length === 1 && lists[0] === rest[0] ? lists[0] : -1;
  s = {
    operator,
    args,
    converters,
    defaults: args.map((a, i) => (a.hasDefault ? normalise(a, converters[i]) : undefined)),
    positional,
    spread,
    self,
  };
  signatures.set(operator, s);
  return s;
}

function normalise(a: Argument, convert: Converter): unknown {
  if (a.default === null) return null;
  const value = convert(a.default);
  return value === REFUSED ? a.default : value;
}

/** The default of each argument, converted; undefined for required ones. */
export const defaultsOf = (operator: Operator): readonly unknown[] => signatureOf(operator).defaults;

const isPlainObject = (v: unknown): v is Record<string, unknown> => {
  if (typeof v !== 'object' || v === null) return false;
  const proto = Object.getPrototypeOf(v);
  return proto === Object.prototype || proto === null;
};

/** Splits the trailing keyword object off, if there is one. */
export function splitKeywords(
  args: readonly unknown[],
): [readonly unknown[], Record<string, unknown> | null] {
  const last = args[args.length - 1];
  return isPlainObject(last) ? [args.slice(0, -1), last] : [args, null];
}

/** The arguments in schema order, or undefined where they do not fit this overload. */
function bindTo(
  s: Signature,
  args: readonly unknown[],
  kwargs: Record<string, unknown> | null,
): unknown[] | undefined {
  const n = s.args.length;
  const out = new Array<unknown>(n);
  let used = args.length;
  let spreadCount = 0;
  if (s.spread >= 0 && used > s.spread && typeof args[s.spread] === 'number') {
    let end = s.spread;
    while (end < used && typeof args[end] === 'number') end++;
    if (end === used) {
      spreadCount = used - s.spread;
      used = s.spread + 1;
    }
  }
  if (used > s.positional) return undefined;
  let taken = 0;
  for (let i = 0; i < n; i++) {
    const a = s.args[i];
    let value: unknown;
    if (i < used) {
      value = spreadCount > 0 && i === s.spread ? args.slice(i, i + spreadCount) : args[i];
      if (kwargs !== null && a.name in kwargs) return undefined;
    } else if (kwargs !== null && a.name in kwargs) {
      value = kwargs[a.name];
      taken++;
    } else {
      if (!a.hasDefault) {
        if (a.type.kind === 'Optional' && a.kwargOnly) out[i] = null;
        else return undefined;
      } else out[i] = s.defaults[i];
      continue;
    }
    if (value === undefined && a.hasDefault) {
      out[i] = s.defaults[i];
      continue;
    }
    const converted = s.converters[i](value);
    if (converted === REFUSED) return undefined;
    out[i] = converted;
  }
  if (kwargs !== null) {
    let given = 0;
    for (const key in kwargs) if (kwargs[key] !== undefined || s.args.some((a) => a.name === key)) given++;
    if (taken < given) return undefined;
  }
  return out;
}

/** A number in the place of a tensor is a zero-dim tensor, as Python's wrapped numbers are. */
function wrapNumber(value: Scalar, args: readonly unknown[]): Tensor {
  const beside = args.find((a): a is Tensor => a instanceof Tensor);
  return tensor(value, { device: beside?.backend });
}

export interface Bound {
  readonly operator: Operator;
  readonly args: readonly unknown[];
}

/** Finds the first overload that takes these arguments. Throws PyTorch's error where none does. */
export function bind(
  name: string,
  overloads: readonly Operator[],
  args: readonly unknown[],
  kwargs: Record<string, unknown> | null,
): Bound {
  for (let i = 0; i < overloads.length; i++) {
    const bound = bindTo(signatureOf(overloads[i]), args, kwargs);
    if (bound !== undefined) return { operator: overloads[i], args: bound };
  }
  const wrapped = args.map((a) => (isScalar(a) ? wrapNumber(a, args) : a));
  for (let i = 0; i < overloads.length; i++) {
    const bound = bindTo(signatureOf(overloads[i]), wrapped, kwargs);
    if (bound !== undefined) return { operator: overloads[i], args: bound };
  }
  const got = [
    ...args.map(describe),
    ...Object.entries(kwargs ?? {}).map(([k, v]) => `${k}=${describe(v)}`),
  ].join(', ');
  const expected = overloads.map((o) => ` * (${o.schema.args.map(spellArgument).join(', ')})`).join('\n');
  throw new ArgumentError(
    `${name}() received an invalid combination of arguments - got (${got}), but expected one of:\n${expected}`,
  );
}

const spellArgument = (a: Argument): string =>
  `${typeToString(a.type)} ${a.name}${a.hasDefault ? `=${a.default === null ? 'None' : JSON.stringify(a.default)}` : ''}`;

function describe(value: unknown): string {
  if (value instanceof Tensor) return 'Tensor';
  if (value === null || value === undefined) return 'NoneType';
  if (value instanceof PyFloat) return 'float';
  if (Array.isArray(value))
    return `list of [${value.slice(0, 4).map(describe).join(', ')}${value.length > 4 ? ', …' : ''}]`;
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  if (typeof value === 'bigint') return 'int';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'str';
  return (value as object).constructor?.name ?? typeof value;
}
