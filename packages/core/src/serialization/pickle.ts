/** The pickle machine: runs protocols 0 to 5 over an allow-list, so that no pickle can run any code but ours. */
import { NotSupportedError, TorchError } from '../errors.ts';
import { dataView, decodeUtf8 } from './bytes.ts';
import { OrderedDict, PickleGlobal, PickleTuple } from './pickle-values.ts';

export interface UnpickleOptions {
  /**
   * What `module.name` stands for: a `PickleGlobal` (which may be called as its actions say) or any value (a dtype).
   * `undefined` refuses it, unless it is one of the few that every pickle may use (`commonGlobals`).
   */
  readonly global?: (module: string, name: string) => unknown;
  /** BINPERSID: what a persistent id (a tuple beginning with 'storage', …) stands for. */
  readonly persistent?: (id: unknown) => unknown;
  /** Boxes a float, for readers that must tell 1.0 from 1. */
  readonly float?: (value: number) => unknown;
  /** Where the pickle begins; 0 unless given. */
  readonly start?: number;
}

export interface Unpickled {
  readonly value: unknown;
  /** The position after STOP. */
  readonly end: number;
}

const bad = (why: string) => new TorchError(`unpickling failed: ${why}`);
const MARK = Symbol('mark');

/** Of use to every pickle: `OrderedDict`, `set`, `bytearray`, and the `_codecs.encode` that protocol 2 spells bytes with. */
export function commonGlobals(module: string, name: string): PickleGlobal | undefined {
  switch (`${module}.${name}`) {
    case 'collections.OrderedDict':
      return orderedDict;
    case '_codecs.encode':
      return encode;
    case 'builtins.set':
    case '__builtin__.set':
      return set;
    case 'builtins.bytes':
    case '__builtin__.bytes':
    case 'builtins.bytearray':
    case '__builtin__.bytearray':
      return bytearray;
    default:
      return undefined;
  }
}

const firstArgument = (args: unknown): unknown => (args instanceof PickleTuple ? args[0] : undefined);

const orderedDict = new PickleGlobal('collections', 'OrderedDict', {
  call(args, spend) {
    const dict = new OrderedDict();
    const pairs = firstArgument(args);
    if (pairs === undefined) return dict;
    if (!Array.isArray(pairs) || pairs.some((p) => !Array.isArray(p) || p.length !== 2))
      throw bad('an OrderedDict was given something other than a list of pairs');
    spend(pairs.length);
    for (const [key, value] of pairs) dict.set(key, value);
    return dict;
  },
  create: () => new OrderedDict(),
  build(dict, state, spend) {
    if (!(dict instanceof OrderedDict) || !(state instanceof Map))
      throw bad('the state of an OrderedDict is not a dict');
    spend(state.size);
    for (const [key, value] of state) dict.attributes.set(String(key), value);
    return dict;
  },
});
const encode = new PickleGlobal('_codecs', 'encode', {
  call(args, spend) {
    const text = firstArgument(args);
    if (typeof text !== 'string') throw bad('_codecs.encode was given no string');
    spend(text.length);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 255) throw bad('_codecs.encode: a character is outside latin1');
      bytes[i] = code;
    }
    return bytes;
  },
});
const set = new PickleGlobal('builtins', 'set', {
  call(args, spend) {
    const items = firstArgument(args);
    if (items !== undefined && !Array.isArray(items)) throw bad('set was given no list');
    spend(items?.length ?? 0);
    return new Set(items ?? []);
  },
});
const bytearray = new PickleGlobal('builtins', 'bytearray', {
  call: (args) => {
    const bytes = firstArgument(args);
    return bytes instanceof Uint8Array ? bytes : new Uint8Array(0);
  },
});

/**
 * Runs one pickle. Python's values come out as: None null, int number (bigint beyond 2^53), str string, bytes Uint8Array,
 * list array, tuple `PickleTuple`, dict Map, set Set, OrderedDict `OrderedDict`. Throws a TorchError that names what is
 * not allowed or damaged; time and memory are bounded by the length of the input.
 */
export function unpickle(bytes: Uint8Array, options: UnpickleOptions = {}): Unpickled {
  const view = dataView(bytes);
  const float = options.float ?? ((value: number): unknown => value);
  const memo = new Map<number, unknown>();
  const madeBy = new WeakMap<object, PickleGlobal>();
  const stack: unknown[] = [];
  const marks: number[] = [];
  let at = options.start ?? 0;

  let spent = 0;

  // What a call copies was itself read from the input, so an honest pickle never spends more than its length;
  // one that hands the same large value to a thousand calls does.
  const spend = (work: number): void => {
    spent += work;
    if (spent > bytes.length) throw bad('it unfolds to far more than its own size');
  };
  const take = (count: number): number => {
    if (count < 0 || count > bytes.length - at) throw bad(`it ends in the middle of a value (at byte ${at})`);
    at += count;
    return at - count;
  };
  const u8 = (): number => bytes[take(1)];
  const u16 = (): number => view.getUint16(take(2), true);
  const i32 = (): number => view.getInt32(take(4), true);
  const u32 = (): number => view.getUint32(take(4), true);
  const u64 = (): number => {
    const value = view.getBigUint64(take(8), true);
    if (value > BigInt(bytes.length)) throw bad(`it claims a value of ${value} bytes`);
    return Number(value);
  };
  const text = (length: number): string => decodeUtf8(bytes, take(length), at);
  const blob = (length: number): Uint8Array => bytes.slice(take(length), at);
  const rawLine = (): Uint8Array => {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw bad('a line has no end');
    return bytes.subarray(take(end - at + 1), end);
  };
  const line = (): string => decodeUtf8(rawLine());
  const latinLine = (): string => Array.from(rawLine(), (byte) => String.fromCharCode(byte)).join('');
  const pop = (): unknown => {
    const value = stack.length ? stack.pop() : MARK;
    if (value === MARK) throw bad(`the stack is empty (at byte ${at - 1})`);
    return value;
  };
  const top = (): unknown => {
    const value = stack.length ? stack[stack.length - 1] : MARK;
    if (value === MARK) throw bad(`the stack is empty (at byte ${at - 1})`);
    return value;
  };
  const popMark = (): unknown[] => {
    const mark = marks.pop();
    if (mark === undefined || stack[mark] !== MARK) throw bad(`there is no mark (at byte ${at - 1})`);
    const items = stack.splice(mark + 1);
    stack.length = mark;
    return items;
  };
  const get = (index: number): unknown => {
    if (!memo.has(index)) throw bad(`the memo has no entry ${index}`);
    return memo.get(index);
  };
  const find = (module: string, name: string): unknown => {
    const found = options.global?.(module, name) ?? commonGlobals(module, name);
    if (found === undefined)
      throw new TorchError(
        `Unsupported global: GLOBAL ${module}.${name} was not an allowed global. ` +
          'Pickles can name any Python function; only what a model needs is read, and nothing is ever imported or run',
      );
    return found;
  };
  const remember = (object: unknown, by: PickleGlobal): unknown => {
    if (typeof object === 'object' && object !== null) madeBy.set(object, by);
    return object;
  };
  const call = (callable: unknown, args: unknown): unknown => {
    if (!(callable instanceof PickleGlobal) || !callable.actions.call)
      throw bad(`${describe(callable)} may not be called`);
    return remember(callable.actions.call(args, spend), callable);
  };
  const create = (cls: unknown, args: unknown): unknown => {
    if (!(cls instanceof PickleGlobal) || !cls.actions.create)
      throw bad(`${describe(cls)} may not be instantiated`);
    if (!(args instanceof PickleTuple)) throw bad(`the arguments of ${cls} are not a tuple`);
    return remember(cls.actions.create(args), cls);
  };
  const append = (items: readonly unknown[]): void => {
    const list = top();
    if (!Array.isArray(list) || list instanceof PickleTuple) throw bad(`${describe(list)} is appended to`);
    for (const item of items) list.push(item);
  };
  const setItems = (items: readonly unknown[]): void => {
    const dict = top();
    if (items.length % 2) throw bad('a dict has a key without a value');
    const setItem = typeof dict === 'object' && dict !== null ? madeBy.get(dict)?.actions.setItem : undefined;
    if (!(dict instanceof Map) && !setItem) throw bad(`${describe(dict)} is given items`);
    for (let i = 0; i < items.length; i += 2)
      setItem
        ? setItem(dict, items[i], items[i + 1])
        : (dict as Map<unknown, unknown>).set(items[i], items[i + 1]);
  };
  const build = (): void => {
    const state = pop();
    const object = top();
    const by = typeof object === 'object' && object !== null ? madeBy.get(object) : undefined;
    if (!by?.actions.build) throw bad(`${describe(object)} may not be given a state`);
    stack[stack.length - 1] = remember(by.actions.build(object, state, spend) ?? object, by);
  };
  const persistent = (id: unknown): unknown => {
    if (!options.persistent) throw bad('it has a persistent id, which nothing here gives a meaning');
    return options.persistent(id);
  };
  const push = (value: unknown): void => {
    stack.push(value);
  };

  for (;;) {
    const opcode = u8();
    switch (String.fromCharCode(opcode)) {
      case '(':
        marks.push(stack.length);
        push(MARK);
        break;
      case '.': {
        const value = pop();
        return { value, end: at };
      }
      case '0':
        if (stack.length && stack[stack.length - 1] === MARK) popMark();
        else pop();
        break;
      case '1':
        popMark();
        break;
      case '2':
        push(top());
        break;
      case 'N':
        push(null);
        break;
      case '\x88':
        push(true);
        break;
      case '\x89':
        push(false);
        break;
      case 'I': {
        const digits = line();
        push(digits === '00' ? false : digits === '01' ? true : parseInteger(digits));
        break;
      }
      case 'J':
        push(i32());
        break;
      case 'K':
        push(u8());
        break;
      case 'M':
        push(u16());
        break;
      case 'L':
        push(parseInteger(line().replace(/L$/, '')));
        break;
      case '\x8a':
        push(longInteger(blob(u8())));
        break;
      case '\x8b':
        push(longInteger(blob(i32())));
        break;
      case 'F':
        push(float(parseFloatText(line())));
        break;
      case 'G':
        push(float(view.getFloat64(take(8), false)));
        break;
      case 'S': {
        const quoted = latinLine().trim();
        if (!/^(['"]).*\1$/s.test(quoted)) throw bad('a string has no quotes');
        push(unescapeText(quoted.slice(1, -1)));
        break;
      }
      case 'T':
        push(text(i32()));
        break;
      case 'U':
        push(text(u8()));
        break;
      case 'V':
        push(unescapeText(latinLine(), /\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})/g));
        break;
      case 'X':
        push(text(u32()));
        break;
      case '\x8c':
        push(text(u8()));
        break;
      case '\x8d':
        push(text(u64()));
        break;
      case 'B':
        push(blob(u32()));
        break;
      case 'C':
        push(blob(u8()));
        break;
      case '\x8e':
      case '\x96':
        push(blob(u64()));
        break;
      case ']':
        push([]);
        break;
      case 'l':
        push(popMark());
        break;
      case 'a': {
        const item = pop();
        append([item]);
        break;
      }
      case 'e':
        append(popMark());
        break;
      case ')':
        push(new PickleTuple());
        break;
      case 't':
        push(PickleTuple.from(popMark()));
        break;
      case '\x85':
      case '\x86':
      case '\x87': {
        const items = new PickleTuple<unknown>();
        for (let i = opcode - 0x84; i-- > 0; ) items[i] = pop();
        push(items);
        break;
      }
      case '}':
        push(new Map());
        break;
      case 'd': {
        const items = popMark();
        push(new Map());
        setItems(items);
        break;
      }
      case 's': {
        const value = pop();
        const key = pop();
        setItems([key, value]);
        break;
      }
      case 'u':
        setItems(popMark());
        break;
      case '\x8f':
        push(new Set());
        break;
      case '\x90': {
        const items = popMark();
        const target = top();
        if (!(target instanceof Set)) throw bad(`${describe(target)} is added to`);
        for (const item of items) target.add(item);
        break;
      }
      case '\x91':
        push(new Set(popMark()));
        break;
      case 'c': {
        const module = line();
        push(find(module, line()));
        break;
      }
      case '\x93': {
        const name = pop();
        const module = pop();
        if (typeof name !== 'string' || typeof module !== 'string') throw bad('a global has no name');
        push(find(module, name));
        break;
      }
      case 'R': {
        const args = pop();
        push(call(pop(), args));
        break;
      }
      case '\x81': {
        const args = pop();
        push(create(pop(), args));
        break;
      }
      case '\x92': {
        const keywords = pop();
        const args = pop();
        if (!(keywords instanceof Map) || keywords.size)
          throw bad('an object is made with keyword arguments');
        push(create(pop(), args));
        break;
      }
      case 'i': {
        const module = line();
        const cls = find(module, line());
        push(create(cls, PickleTuple.from(popMark())));
        break;
      }
      case 'o': {
        const [cls, ...args] = popMark();
        push(create(cls, PickleTuple.from(args)));
        break;
      }
      case 'b':
        build();
        break;
      case 'P':
        push(persistent(line()));
        break;
      case 'Q':
        push(persistent(pop()));
        break;
      case 'g':
        push(get(Number(parseInteger(line()))));
        break;
      case 'h':
        push(get(u8()));
        break;
      case 'j':
        push(get(u32()));
        break;
      case 'p':
        memo.set(Number(parseInteger(line())), top());
        break;
      case 'q':
        memo.set(u8(), top());
        break;
      case 'r':
        memo.set(u32(), top());
        break;
      case '\x94':
        memo.set(memo.size, top());
        break;
      case '\x80': {
        const protocol = u8();
        if (protocol > 5) throw new NotSupportedError(`unsupported pickle protocol: ${protocol}`);
        break;
      }
      case '\x95':
        take(8);
        break;
      default:
        throw bad(`unknown opcode 0x${opcode.toString(16).padStart(2, '0')} at byte ${at - 1}`);
    }
  }
}

/** What a message calls a value. */
function describe(value: unknown): string {
  if (value === null) return 'None';
  if (value instanceof PickleGlobal) return String(value);
  if (value instanceof PickleTuple) return 'a tuple';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Map) return 'a dict';
  return typeof value === 'object'
    ? `a ${value.constructor?.name ?? 'value'}`
    : `the ${typeof value} ${String(value).slice(0, 60)}`;
}

const narrow = (value: bigint): number | bigint =>
  value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : value;

function parseInteger(digits: string): number | bigint {
  if (!/^\s*[+-]?\d{1,1000}\s*$/.test(digits)) throw bad('an integer is malformed');
  return narrow(BigInt(digits.trim().replace(/^\+/, '')));
}

/** Two's complement, little-endian, of any length. */
function longInteger(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  let hex = '0x';
  for (let i = bytes.length - 1; i >= 0; i--) hex += bytes[i].toString(16).padStart(2, '0');
  return narrow(BigInt.asIntN(bytes.length * 8, BigInt(hex)));
}

function parseFloatText(text: string): number {
  const named: Record<string, number> = { inf: Infinity, '-inf': -Infinity, nan: NaN };
  const value = named[text.trim()] ?? Number(text);
  if (Number.isNaN(value) && text.trim() !== 'nan') throw bad('a float is malformed');
  return value;
}

/** Python's escapes as protocol 0 has them; a unicode line knows only those by number. */
function unescapeText(text: string, escapes: RegExp = /\\(x[0-9a-fA-F]{2}|.)/gs): string {
  return text.replace(escapes, (_, code: string) => {
    if (code.length === 1) return { n: '\n', r: '\r', t: '\t' }[code] ?? code;
    const point = Number.parseInt(code.slice(1), 16);
    if (point > 0x10ffff) throw bad('a string has a character outside Unicode');
    return String.fromCodePoint(point);
  });
}
