/** Methods of Python's lists, dicts and strings, as a module's `__init__` uses them. */
import { TorchError } from '@sconce/core';
import { isTuple, makeTuple } from '../ops/value.ts';
import { isInt } from './numbers.ts';
import { format, isEqual, str } from './text.ts';

export type Kwargs = Readonly<Record<string, unknown>>;
/** A function of Python: arguments in order, and by name. */
export type Callable = (args: readonly unknown[], kwargs: Kwargs) => unknown;

const entriesOf = (value: unknown): Iterable<readonly [unknown, unknown]> =>
  value instanceof Map
    ? value
    : (value as readonly (readonly [unknown, unknown])[]).map((pair) => [pair[0], pair[1]] as const);

/** A dict's key: numbers that are equal are one key. */
export const keyOf = (key: unknown): unknown => (isInt(key) ? Number(key) : key);

const place = (list: readonly unknown[], wanted: unknown): number => {
  const i = list.findIndex((item) => isEqual(item, wanted));
  if (i < 0) throw new TorchError(`ValueError: ${str(wanted)} is not in list`);
  return i;
};

const listMethods = (list: unknown[]): Readonly<Record<string, Callable>> => ({
  append: ([item]) => void list.push(item),
  extend: ([items]) => void list.push(...(items as Iterable<unknown>)),
  insert: ([i, item]) => void list.splice(Number(i), 0, item),
  pop: ([i]) => {
    if (list.length === 0) throw new TorchError('IndexError: pop from empty list');
    return list.splice(i === undefined ? -1 : Number(i), 1)[0];
  },
  remove: ([item]) => void list.splice(place(list, item), 1),
  reverse: () => void list.reverse(),
  clear: () => void list.splice(0),
  copy: () => [...list],
  index: ([item]) => place(list, item),
  count: ([item]) => list.filter((other) => isEqual(other, item)).length,
  sort: (_, { reverse }) => {
    list.sort(compare);
    if (reverse) list.reverse();
  },
});

/** The order of numbers and of strings, and of lists of them. */
export function compare(a: unknown, b: unknown): number {
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = compare(a[i], b[i]);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0;
  return Number(a) - Number(b);
}

const dictMethods = (dict: Map<unknown, unknown>): Readonly<Record<string, Callable>> => ({
  get: ([key, other = null]) => (dict.has(keyOf(key)) ? dict.get(keyOf(key)) : other),
  items: () => [...dict].map((entry) => makeTuple(entry)),
  keys: () => [...dict.keys()],
  values: () => [...dict.values()],
  update: ([more], kwargs) => {
    for (const [key, value] of more === undefined ? [] : entriesOf(more)) dict.set(keyOf(key), value);
    for (const [key, value] of Object.entries(kwargs)) dict.set(key, value);
  },
  pop: ([key, other]) => {
    const found = dict.has(keyOf(key)) ? dict.get(keyOf(key)) : other;
    if (found === undefined) throw new TorchError(`KeyError: ${str(key)}`);
    dict.delete(keyOf(key));
    return found;
  },
  setdefault: ([key, value = null]) => {
    if (!dict.has(keyOf(key))) dict.set(keyOf(key), value);
    return dict.get(keyOf(key));
  },
  copy: () => new Map(dict),
  clear: () => dict.clear(),
});

const stringMethods = (text: string): Readonly<Record<string, Callable>> => ({
  format: (args, kwargs) => format(text, args, kwargs),
  join: ([items]) => [...(items as Iterable<string>)].join(text),
  split: ([separator]) =>
    separator === undefined ? text.trim().split(/\s+/) : text.split(separator as string),
  upper: () => text.toUpperCase(),
  lower: () => text.toLowerCase(),
  strip: () => text.trim(),
  replace: ([from, to]) => text.replaceAll(from as string, to as string),
  startswith: ([start]) => text.startsWith(start as string),
  endswith: ([end]) => text.endsWith(end as string),
  isdigit: () => /^\d+$/.test(text),
});

/** The method of a list, dict or string that has this name. */
export function methodOf(object: unknown, name: string): Callable | undefined {
  const methods =
    typeof object === 'string'
      ? stringMethods(object)
      : object instanceof Map
        ? dictMethods(object)
        : Array.isArray(object)
          ? isTuple(object)
            ? { index: listMethods(object).index, count: listMethods(object).count }
            : listMethods(object)
          : {};
  return Object.hasOwn(methods, name) ? methods[name as keyof typeof methods] : undefined;
}

/** A dict of what `dict(…)` and `OrderedDict(…)` take. */
export function dictOf(args: readonly unknown[], kwargs: Kwargs): Map<unknown, unknown> {
  const dict = new Map<unknown, unknown>();
  for (const [key, value] of args[0] === undefined ? [] : entriesOf(args[0])) dict.set(keyOf(key), value);
  for (const [key, value] of Object.entries(kwargs)) dict.set(key, value);
  return dict;
}
