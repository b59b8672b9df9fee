/** What pickled values are in JavaScript where it has no type of its own for them: tuples, ordered dicts, and what a GLOBAL may do. */

/** A Python tuple: an array that knows it is one. What its `map`, `slice`, … return are plain arrays, that is, lists. */
export class PickleTuple<T = unknown> extends Array<T> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

/** The tuple of these items. */
export const tuple = <T>(...items: T[]): PickleTuple<T> => PickleTuple.from(items) as PickleTuple<T>;

/** `collections.OrderedDict`: a Map with the attributes that were set on it (a state dict has `_metadata`). */
export class OrderedDict<K = unknown, V = unknown> extends Map<K, V> {
  readonly attributes: Map<string, unknown> = new Map();
}

/**
 * What stands for an importable Python name while unpickling, and all that may be done with it.
 * Nothing is ever imported or called but these functions. They tell `spend` how many items or bytes they copy from their
 * arguments, which bounds what a small hostile pickle can unfold to.
 */
export interface PickleActions {
  /** REDUCE: `callable(*args)`. `args` is a tuple, but for enums, whose bare value TorchScript gives. */
  readonly call?: (args: unknown, spend: (work: number) => void) => unknown;
  /** NEWOBJ (and INST, OBJ): `cls.__new__(cls, *args)`. */
  readonly create?: (args: PickleTuple) => unknown;
  /** BUILD on an object that `call` or `create` made: takes the state, may return a replacement. */
  readonly build?: (object: unknown, state: unknown, spend: (work: number) => void) => unknown;
  /** SETITEMS on an object that is no Map. */
  readonly setItem?: (object: unknown, key: unknown, value: unknown) => void;
}

export class PickleGlobal {
  readonly module: string;
  readonly name: string;
  readonly actions: PickleActions;

  constructor(module: string, name: string, actions: PickleActions = {}) {
    this.module = module;
    this.name = name;
    this.actions = actions;
  }

  toString(): string {
    return `${this.module}.${this.name}`;
  }
}
