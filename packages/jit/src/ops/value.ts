/** Values while a program runs, where JavaScript has no type of its own: objects, tuples, futures, and type tags of containers. */
import type { ClassType, JitType, TupleType } from '../ir/types.ts';

/** An instance of a TorchScript class or module: its attributes in slot order. */
export class ScriptObject {
  readonly slots: unknown[];
  constructor(readonly type: ClassType) {
    this.slots = new Array(type.attributes.length).fill(undefined);
  }

  get(name: string): unknown {
    return this.slots[this.type.slotOf(name)!];
  }

  set(name: string, value: unknown): void {
    this.slots[this.type.slotOf(name)!] = value;
  }
}

/** What `fork` gives: its body has run already. */
export class Future {
  constructor(readonly value: unknown) {}
}

/** A TorchScript tuple is an array of this class, so that it can be told from a list. */
export class Tuple extends Array<unknown> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

export const isTuple = (value: unknown): value is Tuple => value instanceof Tuple;

/** A tuple of these items; a NamedTuple's fields are properties too. */
export function makeTuple(items: readonly unknown[], type?: TupleType): Tuple {
  const tuple = new Tuple();
  for (let i = 0; i < items.length; i++) tuple.push(items[i]);
  if (type?.fields)
    type.fields.forEach((field, i) => {
      Object.defineProperty(tuple, field, { get: () => tuple[i], enumerable: false, configurable: true });
    });
  return tuple;
}

const tags = new WeakMap<object, JitType>();

/** Remembers the static type of a list, dict or tuple where it goes somewhere that forgets it: into Any, a union, or text. */
export function tagType<T>(value: T, type: JitType): T {
  if (typeof value === 'object' && value !== null) tags.set(value, type);
  return value;
}

export const typeTagOf = (value: object): JitType | undefined => tags.get(value);
