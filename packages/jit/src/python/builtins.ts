/** Python's builtin functions, as a module's `__init__` uses them. */
import { TorchError } from '@sconce/core';
import { Tensor } from '../ops/core.ts';
import { output } from '../ops/tensor.ts';
import { isTuple, makeTuple } from '../ops/value.ts';
import { compare, dictOf } from './methods.ts';
import { Namespace, PythonFunction } from './namespaces.ts';
import { arithmetic, float, isFloat, isInt, numberOf } from './numbers.ts';
import { isTrue, str } from './text.ts';

/** A builtin type: called to convert, and named in `isinstance`. */
export class PythonType extends PythonFunction {
  constructor(
    name: string,
    call: PythonFunction['call'],
    readonly has: (value: unknown) => boolean,
  ) {
    super(name, call);
  }
}

const longest = 10_000_000;

export function range(args: readonly unknown[]): number[] {
  const [a, b, step = 1] = args.map(numberOf);
  const [start, end] = args.length === 1 ? [0, a] : [a, b];
  if (step === 0) throw new TorchError('ValueError: range() arg 3 must not be zero');
  const count = Math.max(0, Math.ceil((end - start) / step));
  if (count > longest) throw new TorchError(`range of ${count} numbers is too long here`);
  return Array.from({ length: count }, (_, i) => start + i * step);
}

/** What a `for` goes through. */
export function iterate(value: unknown): unknown[] {
  if (value instanceof Map) return [...value.keys()];
  if (value instanceof Tensor) return value.unbind(0) as unknown as unknown[];
  if (typeof value === 'string' || Array.isArray(value)) return [...value];
  const iterable = value as Iterable<unknown> & {
    children?: () => Iterable<unknown>;
    keys?: () => Iterable<unknown>;
  };
  if (typeof iterable?.[Symbol.iterator] === 'function') return [...iterable];
  if (typeof iterable?.children === 'function') return [...iterable.children()];
  throw new TorchError(`TypeError: ${str(value)} is not iterable`);
}

const lengthOf = (value: unknown): number =>
  value instanceof Map
    ? value.size
    : value instanceof Tensor
      ? Number(value.shape[0])
      : iterate(value).length;

const extreme =
  (sign: number) =>
  (args: readonly unknown[]): unknown => {
    const items = args.length === 1 ? iterate(args[0]) : [...args];
    if (items.length === 0) throw new TorchError('ValueError: arg is an empty sequence');
    return items.reduce((a, b) => (compare(numberOf(b), numberOf(a)) * sign > 0 ? b : a));
  };

const sum = ([items, start = 0]: readonly unknown[]): unknown =>
  iterate(items).reduce((a, b) => (b instanceof Tensor ? b.add(a as never) : arithmetic('+', a, b)), start);

/** Halves go to the even number. */
const round = ([x, digits]: readonly unknown[]): unknown => {
  const scale = digits === undefined ? 1 : 10 ** numberOf(digits);
  const scaled = numberOf(x) * scale;
  const low = Math.floor(scaled);
  const rest = scaled - low;
  const whole = rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
  return digits === undefined ? whole : float(whole / scale);
};

const type = (
  name: string,
  call: PythonFunction['call'],
  has: (value: unknown) => boolean,
): [string, PythonType] => [name, new PythonType(name, call, has)];
const plain = (name: string, call: PythonFunction['call']): [string, PythonFunction] => [
  name,
  new PythonFunction(name, call),
];

export const builtins: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  type(
    'int',
    ([x = 0]) => Math.trunc(numberOf(x)),
    (x) => isInt(x) || typeof x === 'boolean',
  ),
  type('float', ([x = 0]) => float(numberOf(x)), isFloat),
  type(
    'bool',
    ([x]) => isTrue(x),
    (x) => typeof x === 'boolean',
  ),
  type(
    'str',
    ([x]) => str(x),
    (x) => typeof x === 'string',
  ),
  type(
    'list',
    ([x = []]) => iterate(x),
    (x) => Array.isArray(x) && !isTuple(x),
  ),
  type('tuple', ([x = []]) => makeTuple(iterate(x)), isTuple),
  type('dict', dictOf, (x) => x instanceof Map),
  plain('OrderedDict', dictOf),
  plain('range', range),
  plain('len', ([x]) => lengthOf(x)),
  plain('zip', (lists) => {
    const all = lists.map(iterate);
    return Array.from({ length: Math.min(...all.map((l) => l.length)) }, (_, i) =>
      makeTuple(all.map((l) => l[i])),
    );
  }),
  plain('enumerate', ([items, start = 0]) =>
    iterate(items).map((item, i) => makeTuple([i + numberOf(start), item])),
  ),
  plain('reversed', ([items]) => iterate(items).reverse()),
  plain('sorted', ([items], { reverse }) => {
    const all = iterate(items).sort(compare);
    return reverse ? all.reverse() : all;
  }),
  plain('sum', sum),
  plain('min', extreme(-1)),
  plain('max', extreme(1)),
  plain('abs', ([x]) => (isFloat(x) ? float(Math.abs(numberOf(x))) : Math.abs(numberOf(x)))),
  plain('round', round),
  plain('pow', ([a, b]) => arithmetic('**', a, b)),
  plain('any', ([items]) => iterate(items).some(isTrue)),
  plain('all', ([items]) => iterate(items).every(isTrue)),
  plain('print', (args) => output.print(`${args.map(str).join(' ')}\n`)),
]);

export const collections: Namespace = new Namespace('collections', (name) =>
  name === 'OrderedDict' ? builtins.get(name) : undefined,
);
