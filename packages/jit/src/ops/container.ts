/** Operators on lists, dicts and any values: items, slices, searching, sorting, comparing. */
import { JitError } from '../errors.ts';
import { EnumValue } from '../ir/types.ts';
import { callOperator, Device, findOperators, Tensor } from './core.ts';
import { addInt, type Int } from './int.ts';
import type { ScalarEntry } from './operator.ts';
import { sliceIndices } from './text.ts';
import { type Future, makeTuple, ScriptObject } from './value.ts';

type List = unknown[];
type Dict = Map<unknown, unknown>;

/** Python's truth of a number, a bool or a string. */
const truthy = (value: unknown): boolean => Boolean(value);

const normal = (index: Int, length: number): number => {
  const i = Number(index);
  const at = i < 0 ? i + length : i;
  if (at < 0 || at >= length) throw new JitError('IndexError', 'list index out of range');
  return at;
};

const getItem = (list: List, index: Int): unknown => list[normal(index, list.length)];

function getKey(dict: Dict, key: unknown): unknown {
  if (!dict.has(key)) throw new JitError('KeyError', `KeyError: ${String(key)}`);
  return dict.get(key);
}

/** Equality of values that are no tensors: numbers, strings, lists, tuples, dicts, objects by identity. */
function valuesEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => valuesEqual(item, b[i]));
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && valuesEqual(value, b.get(key)));
  if (a instanceof Device && b instanceof Device) return String(a) === String(b);
  if (
    typeof a === 'object' &&
    a !== null &&
    typeof b !== 'object' &&
    !(a instanceof EnumValue) &&
    !(a instanceof Tensor)
  )
    return Number(a) === Number(b);
  return false;
}

/** `==` of list elements, which may be tensors: those are compared by value, so the answer may have to wait. */
async function deepEqual(a: List, b: List): Promise<boolean> {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i], b[i]];
    if (x instanceof Tensor && y instanceof Tensor) {
      if (!(await callOperator(findOperators('aten::equal')[0], [x, y]))) return false;
    } else if (!valuesEqual(x, y)) return false;
  }
  return true;
}

/** How two objects compare by their own `__lt__`; the interpreter, which can run it, says. */
export const objects: { isLess: (a: ScriptObject, b: ScriptObject) => boolean } = {
  isLess: () => {
    throw new JitError('TypeError', "'<' is not for objects here");
  },
};

const compareValues = (a: unknown, b: unknown): number => {
  if (a instanceof ScriptObject && b instanceof ScriptObject)
    return objects.isLess(a, b) ? -1 : objects.isLess(b, a) ? 1 : 0;
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = compareValues(a[i], b[i]);
      if (order !== 0) return order;
    }
    return a.length - b.length;
  }
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
};

const sorted = (list: List, reverse: boolean): List => {
  const result = [...list].sort(compareValues);
  // Stable both ways: equal elements keep their order.
  return reverse ? [...list].sort((a, b) => compareValues(b, a)) : result;
};

const sortInPlace = (list: List, reverse: boolean): void => {
  list.splice(0, list.length, ...sorted(list, reverse));
};

function remove(list: List, element: unknown): void {
  const at = list.findIndex((item) => valuesEqual(item, element));
  if (at < 0) throw new JitError('ValueError', 'list.remove(x): x not in list');
  list.splice(at, 1);
}

function indexOf(list: List, element: unknown): number {
  const at = list.findIndex((item) => valuesEqual(item, element));
  if (at < 0) throw new JitError('ValueError', `'${String(element)}' is not in list`);
  return at;
}

const insert = (list: List, index: Int, element: unknown): void => {
  const i = Number(index);
  list.splice(i < 0 ? Math.max(0, i + list.length) : Math.min(i, list.length), 0, element);
};

const pop = (list: List, index: Int): unknown => {
  if (list.length === 0) throw new JitError('IndexError', 'pop from empty list');
  return list.splice(normal(index, list.length), 1)[0];
};

const repeat = (list: List, count: Int): List => {
  const n = Math.max(0, Number(count));
  if (list.length * n > 2 ** 27)
    throw new JitError('RuntimeError', `a list of ${list.length * n} elements is too long`);
  return Array.from({ length: list.length * n }, (_, i) => list[i % list.length]);
};

const sumInts = (list: Int[]): Int => list.reduce((a: Int, b) => addInt(a, b), 0);

const lexicographic = (pick: -1 | 1) => (l: List, r: List) => (compareValues(l, r) * pick > 0 ? l : r);
const extreme = (name: 'max' | 'min') => (list: number[]) => {
  if (list.length === 0) throw new JitError('RuntimeError', `${name}() arg is an empty sequence`);
  return list.reduce((a, b) => ((name === 'max' ? b > a : b < a) ? b : a));
};

/** Python's hash of small values is the value; strings and the rest get a 53-bit hash of their text. */
function hash(value: unknown): number | bigint {
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return Number(value);
  let h = 5381;
  for (const c of JSON.stringify(value) ?? '') h = (h * 33 + c.charCodeAt(0)) % 9007199254740881;
  return h;
}

const primitive = ['int', 'float', 'bool', 'str'] as const;
const keyTypes = ['str', 'int', 'bool', 'float', 'Tensor'] as const;
const perKey = (entry: (key: string) => ScalarEntry): ScalarEntry[] => keyTypes.map(entry);

const isSame = (a: unknown, b: unknown): boolean =>
  a === b || (a instanceof Device && b instanceof Device && String(a) === String(b));

export const containerOperators: readonly ScalarEntry[] = [
  ['aten::len.t(t[] a) -> int', (list: List) => list.length],
  ['aten::len.any(Any[] a) -> int', (list: List) => list.length],
  ['aten::__getitem__.t(t[](a) list, int idx) -> t(*)', getItem],
  ['aten::select.t(t[](a) list, int idx) -> t(*)', getItem],
  [
    'aten::_set_item.t(t[](a!) l, int idx, t(b -> *) el) -> t[](a!)',
    (list: List, index: Int, element: unknown) => {
      list[normal(index, list.length)] = element;
      return list;
    },
  ],
  [
    'aten::append.t(t[](a!) self, t(c -> *) el) -> t[](a!)',
    (list: List, element: unknown) => {
      list.push(element);
      return list;
    },
  ],
  [
    'aten::extend.t(t[](a!) self, t[] other) -> ()',
    (list: List, other: List) => {
      for (const item of [...other]) list.push(item);
    },
  ],
  ['aten::insert.t(t[](a!) self, int idx, t(b -> *) el) -> ()', insert],
  ['aten::pop.t(t[](a!) self, int idx=-1) -> t(*)', pop],
  [
    'aten::clear.t(t[](a!) self) -> ()',
    (list: List) => {
      list.length = 0;
    },
  ],
  [
    'aten::reverse.t(t[](a!) self) -> ()',
    (list: List) => {
      list.reverse();
    },
  ],
  ['aten::copy.t(t[](a) self) -> t[]', (list: List) => [...list]],
  ['aten::list.t(t[] l) -> t[]', (list: List) => [...list]],
  [
    'aten::Delete.t(t[](a!) self, int idx) -> ()',
    (list: List, index: Int) => {
      list.splice(normal(index, list.length), 1);
    },
  ],
  ['aten::add.t(t[] a, t[] b) -> t[]', (a: List, b: List) => [...a, ...b]],
  [
    'aten::add_.t(t[](a!) self, t[] b) -> t[]',
    (a: List, b: List) => {
      for (const item of [...b]) a.push(item);
      return a;
    },
  ],
  ['aten::mul.left_t(t[] l, int n) -> t[]', repeat],
  ['aten::mul.right_(int n, t[] l) -> t[]', (n: Int, list: List) => repeat(list, n)],
  [
    'aten::mul_.t(t[](a!) l, int n) -> t[](a!)',
    (list: List, n: Int) => {
      const all = repeat(list, n);
      list.splice(0, list.length, ...all);
      return list;
    },
  ],
  [
    'aten::slice.t(t[] l, int? start=None, int? end=None, int step=1) -> t[]',
    (list: List, a: Int | null, b: Int | null, step: Int) =>
      sliceIndices(list.length, a, b, step).map((i) => list[i]),
  ],
  ...primitive.flatMap((type): ScalarEntry[] => [
    [`aten::remove.${type}(${type}[](a!) self, ${type} el) -> ()`, remove],
    [`aten::index.list_${type}(${type}[] self, ${type} el) -> int`, indexOf],
    [
      `aten::count.${type}(${type}[] self, ${type} el) -> int`,
      (list: List, element: unknown) => list.filter((item) => valuesEqual(item, element)).length,
    ],
    [`aten::sort.${type}(${type}[](a!) self, bool reverse=False) -> ()`, sortInPlace],
    [`aten::sorted.${type}(${type}[](a) input) -> ${type}[]`, (list: List) => sorted(list, false)],
    [`aten::eq.${type}_list(${type}[] a, ${type}[] b) -> bool`, valuesEqual],
    [`aten::ne.${type}_list(${type}[] a, ${type}[] b) -> bool`, (a: List, b: List) => !valuesEqual(a, b)],
    [
      `aten::__contains__.${type}_list(${type}[] l, ${type} item) -> bool`,
      (list: List, item: unknown) => list.some((other) => valuesEqual(other, item)),
    ],
    [`aten::all.${type}(${type}[] self) -> bool`, (list: List) => list.every((item) => truthy(item))],
    [`aten::any.${type}(${type}[] self) -> bool`, (list: List) => list.some((item) => truthy(item))],
  ]),
  ['aten::sort.any(t[](a!) self, bool reverse=False) -> ()', sortInPlace],
  ['aten::sorted.any(t[](a) self) -> t[]', (list: List) => sorted(list, false)],
  ['aten::eq.Tensor_list(Tensor[] a, Tensor[] b) -> bool', deepEqual],
  [
    'aten::ne.Tensor_list(Tensor[] a, Tensor[] b) -> bool',
    async (a: List, b: List) => !(await deepEqual(a, b)),
  ],
  ['aten::sum.int(int[] self) -> int', sumInts],
  ['aten::sum.float(float[] self) -> float', (list: number[]) => list.reduce((a, b) => a + b, 0)],
  ['aten::sum.bool(bool[] self) -> int', (list: boolean[]) => list.reduce((a, b) => a + Number(b), 0)],
  ['prim::max.int_list(int[] l, int[] r) -> int[]', lexicographic(1)],
  ['prim::max.float_list(float[] l, float[] r) -> float[]', lexicographic(1)],
  ['prim::min.int_list(int[] l, int[] r) -> int[]', lexicographic(-1)],
  ['prim::min.float_list(float[] l, float[] r) -> float[]', lexicographic(-1)],
  ...(['max', 'min'] as const).flatMap((name): ScalarEntry[] =>
    (['int', 'float', 'bool'] as const).map((type) => [
      `prim::${name}.self_${type}(${type}[] self) -> ${type}`,
      extreme(name),
    ]),
  ),
  [
    'prim::rangelist(int n) -> int[]',
    (n: Int) => Array.from({ length: Math.min(Math.max(0, Number(n)), 2 ** 27) }, (_, i) => i),
  ],

  ...perKey((k) => [`aten::len.Dict_${k}(Dict(${k}, t) self) -> int`, (dict: Dict) => dict.size]),
  ...perKey((k) => [`aten::keys.${k}(Dict(${k}, t) self) -> ${k}[](*)`, (dict: Dict) => [...dict.keys()]]),
  ...perKey((k) => [`aten::values.${k}(Dict(${k}, t) self) -> t[](*)`, (dict: Dict) => [...dict.values()]]),
  ...perKey((k) => [
    `aten::items.${k}(Dict(${k}, t) self) -> ((${k}, t)[])`,
    (dict: Dict) => [...dict].map((pair) => makeTuple(pair)),
  ]),
  ...perKey((k) => [`aten::__getitem__.Dict_${k}(Dict(${k}, t) self, ${k} key) -> t(*)`, getKey]),
  ...perKey((k) => [
    `aten::_set_item.${k}(Dict(${k}, t)(a!) l, ${k}(b -> *) idx, t(c -> *) v) -> ()`,
    (dict: Dict, key: unknown, value: unknown) => {
      dict.set(key, value);
    },
  ]),
  ...perKey((k) => [
    `aten::__contains__.${k}(Dict(${k}, t) dict, ${k} key) -> bool`,
    (dict: Dict, key: unknown) => dict.has(key),
  ]),
  ...perKey((k) => [
    `aten::Delete.Dict_${k}(Dict(${k}, t)(a!) self, ${k} key) -> ()`,
    (dict: Dict, key: unknown) => {
      getKey(dict, key);
      dict.delete(key);
    },
  ]),
  ...perKey((k) => [
    `aten::get.${k}(Dict(${k}, t) self, ${k} key) -> t(*)?`,
    (dict: Dict, key: unknown) => dict.get(key) ?? null,
  ]),
  ...perKey((k) => [
    `aten::get.default_${k}(Dict(${k}, t) self, ${k} key, t default_value) -> t(*)`,
    (dict: Dict, key: unknown, other: unknown) => (dict.has(key) ? dict.get(key) : other),
  ]),
  ...perKey((k) => [
    `aten::setdefault.${k}(Dict(${k}, t)(a!) self, ${k}(b -> *) key, t(c -> *) default_value) -> t(*)`,
    (dict: Dict, key: unknown, value: unknown) => {
      if (!dict.has(key)) dict.set(key, value);
      return dict.get(key);
    },
  ]),
  ...perKey((k) => [
    `aten::pop.Dict_${k}(Dict(${k}, t)(a!) self, ${k} key) -> t(*)`,
    (dict: Dict, key: unknown) => {
      const value = getKey(dict, key);
      dict.delete(key);
      return value;
    },
  ]),
  ...perKey((k) => [
    `aten::pop.Dict_default_${k}(Dict(${k}, t)(a!) self, ${k} key, t default_value) -> t(*)`,
    (dict: Dict, key: unknown, other: unknown) => {
      const value = dict.has(key) ? dict.get(key) : other;
      dict.delete(key);
      return value;
    },
  ]),
  ...perKey((k) => [
    `aten::popitem.${k}(Dict(${k}, t)(a!) self) -> ((${k}, t))`,
    (dict: Dict) => {
      const [first] = dict;
      if (!first) throw new JitError('KeyError', 'popitem(): dictionary is empty');
      dict.delete(first[0]);
      return makeTuple(first);
    },
  ]),
  ...perKey((k) => [
    `aten::clear.${k}(Dict(${k}, t)(a!) self) -> ()`,
    (dict: Dict) => {
      dict.clear();
    },
  ]),
  ...perKey((k) => [
    `aten::update.${k}(Dict(${k}, t)(a!) self, Dict(${k}, t)(a!) to_add) -> ()`,
    (dict: Dict, other: Dict) => {
      for (const [key, value] of [...other]) dict.set(key, value);
    },
  ]),
  ...perKey((k) => [
    `aten::copy.Dict_${k}(Dict(${k}, t)(a) self) -> Dict(${k}, t)`,
    (dict: Dict) => new Map(dict),
  ]),
  ...perKey((k) => [
    `aten::dict.${k}((${k}, tVal)[] inputs) -> Dict(${k}, tVal)`,
    (pairs: [unknown, unknown][]) => new Map(pairs),
  ]),
  ...perKey((k) => [
    `aten::dict.Dict_${k}(Dict(${k}, t)(a) self) -> Dict(${k}, t)`,
    (dict: Dict) => new Map(dict),
  ]),

  ['aten::dict() -> Dict(str, Tensor)', () => new Map()],
  ['aten::__is__(t1 self, t2 obj) -> bool', isSame],
  ['aten::__isnot__(t1 self, t2 obj) -> bool', (a: unknown, b: unknown) => !isSame(a, b)],
  ['aten::eq.device(Device a, Device b) -> bool', isSame],
  ['aten::ne.device(Device a, Device b) -> bool', (a: unknown, b: unknown) => !isSame(a, b)],
  ['aten::eq.enum(AnyEnumType a, AnyEnumType b) -> bool', (a: unknown, b: unknown) => a === b],
  ['aten::ne.enum(AnyEnumType a, AnyEnumType b) -> bool', (a: unknown, b: unknown) => a !== b],
  ['aten::hash.generic(t value) -> int', hash],
  [
    'aten::_unwrap_optional(t(a)? optional) -> t(a)',
    (value: unknown) => {
      if (value === null) throw new JitError('RuntimeError', 'Unwrapping null optional');
      return value;
    },
  ],
  ['prim::unchecked_unwrap_optional(t(a)? optional) -> t(a)', (value: unknown) => value],
  ['aten::wait(Future(t) self) -> t', (future: Future) => future.value],
  ['prim::id(AnyClassType? x) -> int', (object: ScriptObject | null) => (object ? idOf(object) : 0)],
];

const ids = new WeakMap<ScriptObject, number>();
let nextId = 1;
const idOf = (object: ScriptObject): number => {
  let id = ids.get(object);
  if (!id) ids.set(object, (id = nextId++));
  return id;
};
