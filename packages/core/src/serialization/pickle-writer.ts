/** Writes pickles of protocol 2: as Python's own pickler does byte for byte, or in the narrower dialect that TorchScript reads. */
import { ArgumentError } from '../errors.ts';
import { ByteWriter, encodeUtf8 } from './bytes.ts';
import { OrderedDict, PickleGlobal, PickleTuple } from './pickle-values.ts';

export interface PickleOptions {
  /**
   * `python` (default): what `pickle.dump(protocol=2)` writes. `torchscript`: only what torch::jit's C++ reader knows,
   * that is MARK … APPENDS and SETITEMS even for one item, and 8-byte LONG1.
   */
  readonly dialect?: 'python' | 'torchscript';
  /** Writes a value of a kind of its own through the writer and returns true, or leaves it to the rules below and returns false. */
  readonly extend?: (value: object, writer: PickleWriter) => boolean;
}

/** Deeper nesting than this is refused, with an error instead of an exhausted stack. */
const MAX_DEPTH = 900;

/**
 * The pickle of a value: null, booleans, numbers (an int where integral, else a float), bigints, strings, arrays,
 * `PickleTuple`, Map, `OrderedDict`, plain objects (as dicts), Uint8Array (as bytes), `PickleGlobal`, and what `extend` knows.
 */
export function pickle(value: unknown, options: PickleOptions = {}): Uint8Array {
  const writer = new PickleWriter(options);
  writer.save(value);
  return writer.finish();
}

export class PickleWriter {
  readonly #out = new ByteWriter();
  readonly #memo = new Map<unknown, number>();
  readonly #globals = new Map<string, number>();
  readonly #options: PickleOptions;
  readonly #wide: boolean;
  #count = 0;
  #depth = 0;

  constructor(options: PickleOptions = {}) {
    this.#options = options;
    this.#wide = options.dialect === 'torchscript';
    this.opcode('\x80');
    this.#out.u8(2);
  }

  /** STOP, and the bytes. */
  finish(): Uint8Array {
    this.opcode('.');
    return this.#out.finish();
  }

  opcode(code: string): void {
    this.#out.u8(code.charCodeAt(0));
  }

  /** BINPUT of the top of the stack under `key`: the value itself, or a symbol where it is never mentioned again. */
  memoize(key: unknown): void {
    this.#memo.set(key, this.#put());
  }

  /** BINGET, if something was memoized under `key`. */
  recall(key: unknown): boolean {
    const index = this.#memo.get(key);
    if (index === undefined) return false;
    this.#indexed('h', 'j', index);
    return true;
  }

  #put(): number {
    const index = this.#count++;
    this.#indexed('q', 'r', index);
    return index;
  }

  #indexed(short: string, long: string, index: number): void {
    this.opcode(index < 256 ? short : long);
    index < 256 ? this.#out.u8(index) : this.#out.u32(index);
  }

  int(value: number | bigint): void {
    if (value >= 0 && value <= 0xff) {
      this.opcode('K');
      this.#out.u8(Number(value));
    } else if (value >= 0 && value <= 0xffff) {
      this.opcode('M');
      this.#out.u16(Number(value));
    } else if (value >= -0x80000000 && value <= 0x7fffffff) {
      this.opcode('J');
      this.#out.i32(Number(value));
    } else this.#long(BigInt(value));
  }

  #long(value: bigint): void {
    let length = 8;
    if (!this.#wide) for (length = 5; BigInt.asIntN(length * 8, value) !== value; ) length++;
    if (length > 255 || (this.#wide && BigInt.asIntN(64, value) !== value))
      throw new ArgumentError(`the integer ${value} is too large to be pickled here`);
    this.opcode('\x8a');
    this.#out.u8(length);
    for (let i = 0; i < length; i++) this.#out.u8(Number((value >> BigInt(8 * i)) & 0xffn));
  }

  float(value: number): void {
    this.opcode('G');
    this.#out.f64(value);
  }

  string(value: string): void {
    if (this.recall(value)) return;
    const bytes = encodeUtf8(value);
    this.opcode('X');
    this.#out.u32(bytes.length);
    this.#out.bytes(bytes);
    this.memoize(value);
  }

  /** GLOBAL `module name`, once; then by the memo. */
  global(module: string, name: string): void {
    const line = `${module}\n${name}\n`;
    const index = this.#globals.get(line);
    if (index !== undefined) {
      this.#indexed('h', 'j', index);
    } else {
      this.opcode('c');
      this.#out.bytes(encodeUtf8(line));
      this.#globals.set(line, this.#put());
    }
  }

  /** A tuple of what `items` are; memoized as Python does, so that its second mention is the same tuple. */
  tuple(items: readonly unknown[], key: unknown = items): void {
    if (items.length === 0) {
      this.opcode(')');
      return;
    }
    if (items.length > 3 || this.#wide) this.opcode('(');
    for (const item of items) this.save(item);
    this.opcode(items.length > 3 || this.#wide ? 't' : ['\x85', '\x86', '\x87'][items.length - 1]);
    this.memoize(key);
  }

  /** `callable(*args)`: GLOBAL, the arguments, REDUCE, and the memo under `key`. */
  reduce(module: string, name: string, args: readonly unknown[], key?: unknown): void {
    this.global(module, name);
    this.tuple(args, Symbol(name));
    this.opcode('R');
    this.memoize(key ?? Symbol(name));
  }

  /** A persistent id: a tuple, then BINPERSID. */
  persistent(id: readonly unknown[]): void {
    this.tuple(id, Symbol('persistent id'));
    this.opcode('Q');
  }

  /** Any value, by the rules of `pickle`. */
  save(value: unknown): void {
    if (++this.#depth > MAX_DEPTH)
      throw new ArgumentError(`a value nested deeper than ${MAX_DEPTH} cannot be pickled`);
    this.#save(value);
    this.#depth--;
  }

  #save(value: unknown): void {
    if (value === null || value === undefined) this.opcode('N');
    else if (typeof value === 'boolean') this.opcode(value ? '\x88' : '\x89');
    else if (typeof value === 'bigint') this.int(value);
    else if (typeof value === 'string') this.string(value);
    // -0 is no int, and beyond 2^53 a number no longer says which int it is.
    else if (typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0))
      this.int(value);
    else if (typeof value === 'number') this.float(value);
    else if (typeof value !== 'object') throw new ArgumentError(`a ${typeof value} cannot be pickled`);
    else if (!this.recall(value) && !this.#options.extend?.(value, this)) this.#object(value);
  }

  #object(value: object): void {
    if (value instanceof PickleGlobal) this.global(value.module, value.name);
    else if (value instanceof PickleTuple) this.tuple(value);
    else if (Array.isArray(value)) this.list(value);
    else if (value instanceof OrderedDict) this.#orderedDict(value);
    else if (value instanceof Map) this.dict(value, value);
    else if (value instanceof Uint8Array) this.#blob(value);
    else if (isPlain(value)) this.dict(Object.entries(value), value);
    else throw new ArgumentError(`a ${value.constructor?.name ?? 'value'} cannot be pickled`);
  }

  list(items: readonly unknown[]): void {
    this.opcode(']');
    this.memoize(items);
    this.#batches(items, 'a', 'e', (item) => this.save(item));
  }

  /** A dict of these pairs, memoized under `key`. */
  dict(pairs: Iterable<readonly [unknown, unknown]>, key: unknown): void {
    this.opcode('}');
    this.memoize(key);
    this.setItems(pairs);
  }

  /** SETITEMS on the dict at the top of the stack. */
  setItems(pairs: Iterable<readonly [unknown, unknown]>): void {
    this.#batches([...pairs], 's', 'u', ([key, value]) => {
      this.save(key);
      this.save(value);
    });
  }

  #batches<T>(items: readonly T[], one: string, many: string, save: (item: T) => void): void {
    // 1000 a time, as Python: a reader's stack stays small.
    for (let start = 0; start < items.length; start += 1000) {
      const batch = items.slice(start, start + 1000);
      if (batch.length === 1 && !this.#wide) {
        save(batch[0]);
        this.opcode(one);
      } else {
        this.opcode('(');
        for (const item of batch) save(item);
        this.opcode(many);
      }
    }
  }

  #orderedDict(dict: OrderedDict): void {
    this.global('collections', 'OrderedDict');
    this.opcode(')');
    this.opcode('R');
    this.memoize(dict);
    this.setItems(dict);
    if (dict.attributes.size === 0) return;
    this.dict(dict.attributes, Symbol('attributes'));
    this.opcode('b');
  }

  /** Bytes have no opcode in protocol 2: Python spells them `_codecs.encode(text, 'latin1')`, or `bytes()` when empty. */
  #blob(bytes: Uint8Array): void {
    if (bytes.length === 0) {
      this.reduce('__builtin__', 'bytes', [], bytes);
      return;
    }
    let text = '';
    for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
    this.reduce('_codecs', 'encode', [text, 'latin1'], bytes);
  }
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
