/** The JavaScript side of the wire: values to numbers in one shared array, and back; `native/wire.h` is its other side. */
import { ArgumentError, NotSupportedError, type View } from '@sconce/core';
import { type Addon, addon } from './addon.ts';
import { dtypeByCode, dtypeCodes, isView, LibTorchMemory, libtorchMemory } from './memory.ts';

export const Tag = {
  none: 0,
  integer: 1,
  bigint: 2,
  number: 3,
  boolean: 4,
  string: 5,
  tensor: 6,
  list: 7,
  ints: 8,
  tuple: 9,
  named: 10,
  dict: 11,
} as const;

/** Makes what a decoded tensor becomes. */
export type MakeTensor = (view: View) => unknown;

export class Wire {
  /** Where the next value goes, or comes from. */
  at = 0;
  private numbers = new Float64Array(0);
  private bits = new BigInt64Array(0);
  private readonly interned = new Map<string, number>();

  constructor(readonly native: Addon) {
    this.lay(4096);
  }

  private lay(capacity: number): void {
    const numbers = new Float64Array(capacity);
    numbers.set(this.numbers);
    this.numbers = numbers;
    this.bits = new BigInt64Array(numbers.buffer);
    this.native.wire(numbers.buffer);
  }

  /** Makes room for `n` more numbers. */
  private need(n: number): void {
    if (this.at + n > this.numbers.length) this.lay(Math.max(this.at + n, this.numbers.length * 2));
  }

  put(number: number): void {
    this.need(1);
    this.numbers[this.at++] = number;
  }

  put2(tag: number, number: number): void {
    this.need(2);
    this.numbers[this.at++] = tag;
    this.numbers[this.at++] = number;
  }

  putNone(): void {
    this.put(Tag.none);
  }

  putInteger(value: number | bigint): void {
    if (typeof value === 'number') {
      this.put2(Tag.integer, value);
      return;
    }
    this.need(2);
    this.numbers[this.at++] = Tag.bigint;
    this.bits[this.at++] = value;
  }

  /** A string that is one of few: it is sent once, and by its number from then on. */
  putWord(text: string): void {
    let index = this.interned.get(text);
    if (index === undefined) this.interned.set(text, (index = this.native.intern(text)));
    this.put2(Tag.string, index);
  }

  putView(view: View): void {
    const { shape, strides } = view;
    const rank = shape.length;
    this.need(5 + 2 * rank);
    const numbers = this.numbers;
    let at = this.at;
    numbers[at++] = Tag.tensor;
    numbers[at++] = libtorchMemory(view.memory).slot;
    numbers[at++] = dtypeCodes[view.dtype];
    numbers[at++] = rank;
    numbers[at++] = view.offset;
    for (let d = 0; d < rank; d++) numbers[at++] = shape[d];
    for (let d = 0; d < rank; d++) numbers[at++] = strides[d];
    this.at = at;
  }

  putInts(values: readonly number[]): void {
    this.need(2 + values.length);
    this.numbers[this.at++] = Tag.ints;
    this.numbers[this.at++] = values.length;
    for (let i = 0; i < values.length; i++) this.numbers[this.at++] = values[i];
  }

  /**
   * A value as it comes: a number is an int where it is integral, and the other side's types decide further. A Map or a
   * plain object is a dict. Strings go to `strings`, or are interned where there are none.
   */
  putAny(value: unknown, strings?: string[]): void {
    switch (typeof value) {
      case 'number':
        this.put2(Number.isSafeInteger(value) && !Object.is(value, -0) ? Tag.integer : Tag.number, value);
        return;
      case 'bigint':
        this.putInteger(value);
        return;
      case 'boolean':
        this.put2(Tag.boolean, value ? 1 : 0);
        return;
      case 'string':
        if (!strings) this.putWord(value);
        else this.put2(Tag.string, strings.push(value) - 1);
        return;
      case 'undefined':
        this.putNone();
        return;
      case 'object':
        if (value === null) this.putNone();
        else if (isView(value)) this.putView(value);
        else if (Array.isArray(value)) this.putArray(value, strings);
        else if (value instanceof Map) this.putEntries([...value], strings);
        else if (typeof value.valueOf() === 'number')
          this.put2(Tag.number, value.valueOf() as unknown as number); // py_float
        else if (Object.getPrototypeOf(value) === Object.prototype)
          this.putEntries(Object.entries(value), strings);
        else break;
        return;
    }
    throw new ArgumentError(
      `a value of type ${(value as object).constructor?.name ?? typeof value} cannot go to LibTorch`,
    );
  }

  private putArray(values: readonly unknown[], strings?: string[]): void {
    if (values.length > 0 && values.every(Number.isSafeInteger)) {
      this.putInts(values as number[]);
      return;
    }
    this.put2(Tag.list, values.length);
    for (const value of values) this.putAny(value, strings);
  }

  private putEntries(entries: readonly (readonly [unknown, unknown])[], strings?: string[]): void {
    this.put2(Tag.dict, entries.length);
    for (const [key, value] of entries) {
      this.putAny(key, strings);
      this.putAny(value, strings);
    }
  }

  /** Goes to the start of a result of this length, which is not here yet where it was too long for the wire. */
  receive(length: number): void {
    if (length > this.numbers.length) {
      this.lay(length);
      this.native.fetch();
    }
    this.at = 0;
  }

  take(): number {
    return this.numbers[this.at++];
  }

  /**
   * The tensor whose tag was just taken. Its memory is a new slot; core, or a Tensor, frees it.
   * Throws `NotSupportedError`, and keeps nothing, for a dtype that Sconce does not hold in one piece.
   */
  takeView(): View {
    const numbers = this.numbers;
    let at = this.at;
    const slot = numbers[at++];
    const dtype = dtypeByCode[numbers[at++]];
    const rank = numbers[at++];
    const offset = numbers[at++];
    const shape: number[] = [];
    const strides: number[] = [];
    for (let d = 0; d < rank; d++) shape.push(numbers[at++]);
    for (let d = 0; d < rank; d++) strides.push(numbers[at++]);
    this.at = at;
    if (dtype === undefined) {
      this.native.free(slot);
      throw new NotSupportedError(
        'LibTorch returned a complex or quantised tensor, which Sconce does not hold so',
      );
    }
    return { memory: new LibTorchMemory(slot, dtype), dtype, shape, strides, offset };
  }

  takeAny(strings: readonly string[], make: MakeTensor): unknown {
    const tag = this.take();
    switch (tag) {
      case Tag.none:
        return null;
      case Tag.bigint:
        return this.bits[this.at++];
      case Tag.boolean:
        return this.take() !== 0;
      case Tag.string:
        return strings[this.take()];
      case Tag.tensor:
        return make(this.takeView());
      case Tag.list:
      case Tag.tuple:
        return Array.from({ length: this.take() }, () => this.takeAny(strings, make));
      case Tag.named:
        return this.takeNamed(strings, make);
      case Tag.dict:
        return new Map(
          Array.from({ length: this.take() }, () => [
            this.takeAny(strings, make),
            this.takeAny(strings, make),
          ]),
        );
      default:
        return this.take();
    }
  }

  /** A named tuple: an array that has its fields' names too, as Python's. */
  private takeNamed(strings: readonly string[], make: MakeTensor): unknown[] {
    const fields: unknown[] = [];
    for (let n = this.take(); n > 0; n--) {
      const name = this.takeAny(strings, make) as string;
      const value = this.takeAny(strings, make);
      fields.push(value);
      Object.defineProperty(fields, name, { value });
    }
    return fields;
  }
}

let shared: Wire | undefined;

/** The one wire of this thread; loads the addon at the first call. */
export const wire = (): Wire => (shared ??= new Wire(addon()));
