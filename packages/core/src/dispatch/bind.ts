/** What users write, bound to a schema: positional and keyword arguments, spread shapes, overloads. */
import { ArgumentError } from '../errors.ts';
import type { Argument } from '../schema/schema.ts';
import { typeToString } from '../schema/type.ts';
import { tensor } from '../tensor/create.ts';
import { isScalar, PyFloat, type Scalar } from '../tensor/promotion.ts';
import { Tensor } from '../tensor/tensor.ts';
import { TracedNumber, unwatched } from '../tensor/watch.ts';
import type { Operator } from './operator.ts';
import { MISSING, NUMBER, REFUSED, type Signature, TENSOR } from './signature.ts';

/** The default of each argument, converted; undefined for required ones. */
export const defaultsOf = (operator: Operator): readonly unknown[] => operator.signature.defaults;

export type Keywords = Record<string, unknown>;

/** Whether the last argument is the object of keywords. */
export function isKeywords(v: unknown): v is Keywords {
  if (typeof v !== 'object' || v === null || v instanceof Tensor) return false;
  const proto = Object.getPrototypeOf(v);
  return proto === Object.prototype || proto === null;
}

/** Puts a value in its place, converted; false where its type does not take it. */
function place(s: Signature, out: unknown[], i: number, value: unknown): boolean {
  if (value === undefined && s.args[i].hasDefault) return true;
  const converted = s.converters[i](value);
  if (converted === REFUSED) return false;
  out[i] = converted;
  return true;
}

const isSize = (v: unknown): boolean => typeof v === 'number' || v instanceof TracedNumber;

/** The arguments in schema order, or undefined where they do not fit this overload. */
export function bindTo(
  s: Signature,
  args: readonly unknown[],
  kwargs: Keywords | null,
): unknown[] | undefined {
  let used = args.length;
  let spread: unknown[] | null = null;
  if (s.spread >= 0 && used > s.spread && isSize(args[s.spread])) {
    let end = s.spread;
    while (end < used && isSize(args[end])) end++;
    if (end === used && !(s.isSized && used === s.spread + 1)) {
      spread = args.slice(s.spread);
      used = s.spread + 1;
    }
  }
  if (used > s.positional) return undefined;
  const { checks } = s;
  const out = s.blank.slice();
  for (let i = 0; i < used; i++) {
    const value = args[i];
    const check = checks[i];
    if (check === TENSOR) {
      if (!(value instanceof Tensor)) return undefined;
      out[i] = value;
    } else if (check === NUMBER && typeof value === 'number') out[i] = value;
    else if (!place(s, out, i, spread !== null && i === s.spread ? spread : value)) return undefined;
  }
  if (kwargs !== null)
    for (const key in kwargs) {
      const i = s.positions.get(key);
      if (i === undefined) {
        if (kwargs[key] !== undefined) return undefined;
      } else if (i < used || !place(s, out, i, kwargs[key])) return undefined;
    }
  const { required } = s;
  for (let k = required.length - 1; k >= 0 && required[k] >= used; k--)
    if (out[required[k]] === MISSING) return undefined;
  return out;
}

/** A number in the place of a tensor is a zero-dim tensor, as Python's wrapped numbers are. */
function wrapNumber(value: Scalar, args: readonly unknown[]): Tensor {
  const beside = args.find((a): a is Tensor => a instanceof Tensor);
  return unwatched(() => tensor(value, { device: beside?.backend }));
}

/**
 * For arguments that fit no overload as they are: numbers become tensors. Gives the first overload that then takes them,
 * and the arguments; throws PyTorch's error where none does.
 */
export function bindWrapped(
  name: string,
  overloads: readonly Operator[],
  args: readonly unknown[],
  kwargs: Keywords | null,
): { readonly operator: Operator; readonly args: readonly unknown[] } {
  const wrapped = args.map((a) =>
    isScalar(a) ? wrapNumber(a, args) : a instanceof TracedNumber ? a.tensor() : a,
  );
  for (const operator of overloads) {
    const bound = bindTo(operator.signature, wrapped, kwargs);
    if (bound !== undefined) return { operator, args: bound };
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
