/** An operator's signature: how each of its arguments is checked and converted, and what stands where none is given. */
import type { Argument, Schema } from '../schema/schema.ts';
import type { Type } from '../schema/type.ts';
import { Device } from '../tensor/device.ts';
import { dtypeOfCode, dtypes } from '../tensor/dtype.ts';
import { isScalar, PyFloat } from '../tensor/promotion.ts';
import { Tensor } from '../tensor/tensor.ts';
import { TracedNumber } from '../tensor/watch.ts';

/** What a converter returns for a value that its type does not take. */
export const REFUSED: unique symbol = Symbol('refused');
export type Converter = (value: unknown) => unknown;

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
  return traced(v);
};

/** A number that a tracer follows goes where a number goes. */
const traced: Converter = (v) => (v instanceof TracedNumber ? v.argument() : REFUSED);

function convertAll(values: ArrayLike<unknown>, convert: Converter): unknown {
  const out = new Array<unknown>(values.length);
  for (let i = 0; i < out.length; i++) {
    const converted = convert(values[i]);
    if (converted === REFUSED) return REFUSED;
    out[i] = converted;
  }
  return out;
}

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
              : traced(v);
    case 'bool':
      return (v) => (typeof v === 'boolean' ? v : REFUSED);
    case 'str':
      return (v) => (typeof v === 'string' ? v : REFUSED);
    case 'Scalar':
      return (v) => (isScalar(v) ? v : traced(v));
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
        if (Array.isArray(v) || (ArrayBuffer.isView(v) && !(v instanceof DataView)))
          return convertAll(v as ArrayLike<unknown>, inner);
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

/** Types that are checked without a call. Everything else goes through its converter. */
export const TENSOR = 1;
export const NUMBER = 2;
const OTHER = 0;

/** Stands in the place of an argument that must be given. */
export const MISSING: unique symbol = Symbol('missing');

export interface Signature {
  readonly args: readonly Argument[];
  readonly checks: readonly number[];
  readonly converters: readonly Converter[];
  /** The arguments where nothing is given: defaults, or `MISSING`. */
  readonly blank: readonly unknown[];
  /** Positions of arguments that must be given. */
  readonly required: readonly number[];
  readonly defaults: readonly unknown[];
  readonly positions: ReadonlyMap<string, number>;
  readonly positional: number;
  /** The position of a list of ints that may be spread over the positional arguments, or -1. */
  readonly spread: number;
  /** Whether one number in its place stands for a list of equal ones. */
  readonly isSized: boolean;
  /** Where a method's `this` goes, or -1. */
  readonly self: number;
}

export function signatureOf({ args }: Schema): Signature {
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
  const defaults = args.map((a, i) => (a.hasDefault ? normalise(a, converters[i]) : undefined));
  const blank = args.map((a, i) =>
    a.hasDefault ? defaults[i] : a.type.kind === 'Optional' && a.kwargOnly ? null : MISSING,
  );
  return {
    args,
    checks: args.map(({ type }) =>
      type.kind === 'Tensor' ? TENSOR : type.kind === 'Scalar' ? NUMBER : OTHER,
    ),
    converters,
    blank,
    required: blank.flatMap((value, i) => (value === MISSING ? [i] : [])),
    defaults,
    positions: new Map(args.map((a, i) => [a.name, i])),
    positional,
    // As in Python: only where the list is the one positional argument.
    spread: rest.length === 1 && lists[0] === rest[0] ? lists[0] : -1,
    isSized: lists.length > 0 && hasSize(args[lists[0]].type),
    self,
  };
}

const hasSize = (type: Type): boolean =>
  type.kind === 'Optional' ? hasSize(type.element) : type.kind === 'List' && type.size !== undefined;

function normalise(a: Argument, convert: Converter): unknown {
  if (a.default === null) return null;
  const value = convert(a.default);
  return value === REFUSED ? a.default : value;
}
