/** TorchScript's dialect of pickle: modules, enums and typed lists as well as tensors; no other name means anything. */
import {
  arrayFromBytes,
  dtypes,
  OrderedDict,
  PackedParams,
  PickleGlobal,
  PickleTuple,
  packedFromState,
  type StorageLoader,
  type StoredStorage,
  storageOfId,
  TorchError,
  tensorGlobals,
  unpickle,
} from '@sconce/core';
import type { CompilationUnit } from '../frontend/unit.ts';
import { execute } from '../interpreter/run.ts';
import { annotation } from '../ir/type-text.ts';
import { AnyT, type ClassType, type EnumType, foreignClass, type JitType } from '../ir/types.ts';
import { defaultLimits } from '../limits.ts';
import { Device, PyFloat, py_float, Tensor } from '../ops/core.ts';
import { makeTuple, ScriptObject, tagType, typeTagOf } from '../ops/value.ts';
import type { Archive } from './archive.ts';

export interface ReadOptions {
  readonly archive: Archive;
  /** `data.pkl` with its storages in `data/`, or `constants.pkl` with `constants/`. */
  readonly name: 'data' | 'constants';
  readonly unit: CompilationUnit;
  readonly loader: StorageLoader;
  readonly device: Device | null;
  /** Collects what `__setstate__` methods have to wait for. */
  readonly pending: Promise<unknown>[];
  /** The pickle's own name where it is not that of its storages' folder. */
  readonly pickle?: string;
  /** Classes take the attributes that their objects turn out to have: bytecode does not describe them. */
  readonly growing?: boolean;
}

/** What runs while an archive is read has no business to run long. */
const SETSTATE_INSTRUCTIONS = 10_000_000;

const bad = (why: string) => new TorchError(`the archive is damaged: ${why}`);

/** Reads one pickle of the archive, with floats still boxed and tuples still `PickleTuple`; see `typed`. */
export function readPickle({
  archive,
  name,
  unit,
  loader,
  device,
  pending,
  pickle = name,
  growing = false,
}: ReadOptions): unknown {
  const read = ({ key, dtype, length }: StoredStorage) => {
    if (length === 0) return arrayFromBytes(new Uint8Array(0), dtype);
    const record = `${name}/${key}`;
    const uploaded = archive.uploaded(record, dtype, length);
    if (uploaded) return uploaded;
    const bytes = archive.read(record);
    const wanted = length * dtypes[dtype].bytes;
    if (bytes.length < wanted)
      throw bad(
        `${record} has ${bytes.length} bytes, but ${wanted} are needed for ${length} elements of ${dtype}`,
      );
    const order = archive.has('byteorder') ? archive.text('byteorder').trim() : 'little';
    return arrayFromBytes(bytes.subarray(0, wanted), dtype, order === 'big');
  };
  // A number that tracing wrote down as a tensor (`x * 2.5`) takes no part in promotion: float32 does where there is no more.
  const isNumber = ({ dtype, length }: StoredStorage): boolean =>
    name === 'constants' && dtype === 'float64' && length === 1 && !loader.takes(dtype);
  const tensors = tensorGlobals({
    makeTensor: (storage, layout, requires_grad) => {
      const key = `${name}/${storage.key}`;
      return isNumber(storage) && layout.shape.length === 0
        ? loader.tensor(key, 'float32', layout, () => Float32Array.from(read(storage) as Float64Array))
        : loader.tensor(key, storage.dtype, layout, () => read(storage), requires_grad);
    },
  });

  const build = (object: unknown, state: unknown): unknown => {
    if (!(object instanceof ScriptObject)) throw bad('a state is given to something that is no object');
    const { type } = object;
    const setstate = type.methods.get('__setstate__');
    if (setstate) {
      const wanted = setstate.signature.params[1]?.type;
      const result = execute(
        setstate,
        [object, wanted ? typed(state, wanted) : state],
        device,
        Math.min(archive.limits.instructions, SETSTATE_INSTRUCTIONS),
      );
      if (result instanceof Promise) pending.push(result);
      return object;
    }
    if (!(state instanceof Map)) throw bad(`the state of ${type.name} is no dict`);
    if (growing) grow(type, state, unit);
    for (const [slot, attribute] of type.attributes.entries()) {
      if (!state.has(attribute.name)) {
        if (attribute.type.kind === 'None' || attribute.type.kind === 'Optional') {
          object.slots[slot] = null;
          continue;
        }
        throw bad(`${type.name} has no value for its attribute '${attribute.name}'`);
      }
      object.slots[slot] = typed(
        state.get(attribute.name),
        attribute.type,
        `${type.name}.${attribute.name}`,
        archive.limits.nesting,
      );
    }
    return object;
  };

  const classGlobal = (module: string, leaf: string): PickleGlobal | undefined => {
    const qualified = `${module}.${leaf}`;
    const type = unit.type(qualified);
    if (type.kind === 'Enum') return new PickleGlobal(module, leaf, { call: (value) => member(type, value) });
    if (type.kind !== 'Class') throw bad(`${qualified} is no class`);
    if (qualified.startsWith('__torch__.torch.classes.'))
      return new PickleGlobal(module, leaf, {
        create: () => new Unpacked(qualified),
        build: (object, state) => (object as Unpacked).build(state, pending),
      });
    return new PickleGlobal(module, leaf, { create: () => new ScriptObject(type as ClassType), build });
  };

  const known = new Map<string, PickleGlobal | undefined>();
  const { value } = unpickle(archive.read(`${pickle}.pkl`), {
    float: (value) => new PyFloat(value),
    persistent: storageOfId,
    global(module, leaf) {
      const key = `${module}.${leaf}`;
      if (module.startsWith('__torch__')) {
        if (!known.has(key)) known.set(key, classGlobal(module, leaf));
        return known.get(key);
      }
      if (module === 'torch.jit._pickle' || module === '__main__') return listGlobals(unit).get(leaf);
      return tensors(module, leaf);
    },
  });
  return value;
}

/** An object of a custom C++ class whose state has not come yet. */
class Unpacked {
  constructor(private readonly name: string) {}

  build(state: unknown, pending: Promise<unknown>[]): PackedParams {
    const plain = (value: unknown): unknown => (value instanceof PyFloat ? py_float(value.value) : value);
    const list = (value: unknown): unknown[] => {
      if (!Array.isArray(value)) throw bad(`the state of ${this.name} is malformed`);
      return Array.from(value, plain);
    };
    return packedFromState(this.name, state, list, (promise) => pending.push(promise));
  }
}

/** Adds what a class does not have yet of an object's attributes; one that is None may become anything. */
function grow(type: ClassType, state: ReadonlyMap<unknown, unknown>, unit: CompilationUnit): void {
  for (const [name, value] of state) {
    if (typeof name !== 'string') continue;
    const slot = type.slotOf(name);
    if (slot !== undefined) {
      const { attributes } = type;
      const { type: before } = attributes[slot];
      // A slot for an interface, which its class no longer names.
      if (before.kind === 'Class' && value instanceof ScriptObject && value.type !== before)
        attributes[slot] = { ...attributes[slot], type: AnyT };
      continue;
    }
    const tag = typeof value === 'object' && value !== null ? typeTagOf(value) : undefined;
    const known = tag ?? typeOfConstant(value, unit);
    const role = !(value instanceof Tensor) ? 'attribute' : value.requires_grad ? 'parameter' : 'buffer';
    type.addAttribute({ name, type: known.kind === 'None' ? AnyT : known, role });
  }
}

const listGlobalsOf = new WeakMap<CompilationUnit, Map<string, PickleGlobal>>();

/** `build_intlist([…])` and its kin, which give their list, and `restore_type_tag(list, 'List[int]')`. */
function listGlobals(unit: CompilationUnit): ReadonlyMap<string, PickleGlobal> {
  let globals = listGlobalsOf.get(unit);
  if (globals) return globals;
  globals = new Map();
  const module = 'torch.jit._pickle';
  for (const [name, tag] of [
    ['build_intlist', 'List[int]'],
    ['build_doublelist', 'List[float]'],
    ['build_boollist', 'List[bool]'],
    ['build_tensorlist', 'List[Tensor]'],
  ] as const)
    globals.set(
      name,
      new PickleGlobal(module, name, {
        call(args) {
          const list = args instanceof PickleTuple ? args[0] : undefined;
          if (!Array.isArray(list)) throw bad(`${name} was given no list`);
          return tagType(list, unit.type(tag));
        },
      }),
    );
  globals.set(
    'restore_type_tag',
    new PickleGlobal(module, 'restore_type_tag', {
      call(args) {
        const [value, tag] = args instanceof PickleTuple ? args : [];
        if (typeof tag !== 'string' || typeof value !== 'object' || value === null)
          throw bad('a type tag is malformed');
        return tagType(value, unit.type(tag));
      },
    }),
  );
  listGlobalsOf.set(unit, globals);
  return globals;
}

function member(type: EnumType, value: unknown): unknown {
  const raw = value instanceof PyFloat ? value.value : value instanceof PickleTuple ? value[0] : value;
  for (const candidate of type.members.values()) if (candidate.value === raw) return candidate;
  throw bad(`${String(raw)} is no value of the enum ${type.name}`);
}

/** An unpickled value as the interpreter has it: floats plain where the type says float, tuples as its own. */
export function typed(
  value: unknown,
  type: JitType,
  what = 'a value',
  deepest: number = defaultLimits.nesting,
): unknown {
  return new Typer(what, deepest).convert(value, type, 0);
}

class Typer {
  private readonly done = new Map<object, unknown>();

  constructor(
    private readonly what: string,
    private readonly deepest: number,
  ) {}

  private wrong(value: unknown, type: JitType): never {
    throw bad(
      `${this.what} should be ${annotation(type)}, but is ${value === null ? 'None' : ((value as object).constructor?.name ?? typeof value)}`,
    );
  }

  convert(value: unknown, type: JitType, depth: number): unknown {
    if (depth > this.deepest) throw bad(`${this.what} is nested too deep`);
    switch (type.kind) {
      case 'Optional':
        return value === null ? null : this.convert(value, type.element, depth + 1);
      case 'None':
        return null;
      case 'Tensor':
        // A module may hold None where its class says Tensor: PyTorch reads it as an undefined tensor.
        if (value !== null && !(value instanceof Tensor)) this.wrong(value, type);
        return value;
      case 'float':
        if (value instanceof PyFloat) return value.value;
        if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
        return this.wrong(value, type);
      case 'int':
        if (
          value instanceof PyFloat ||
          (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean')
        )
          this.wrong(value, type);
        return typeof value === 'boolean' ? Number(value) : value;
      case 'bool':
        if (typeof value !== 'boolean' && typeof value !== 'number') this.wrong(value, type);
        return Boolean(value);
      case 'str':
        if (typeof value !== 'string') this.wrong(value, type);
        return value;
      case 'Class':
        if (value instanceof PackedParams && value.className === type.name) return value;
        if (!(value instanceof ScriptObject) || value.type !== type) this.wrong(value, type);
        return value;
      case 'Interface':
        if (!(value instanceof ScriptObject)) this.wrong(value, type);
        return value;
      case 'List':
      case 'Tuple':
        if (!Array.isArray(value)) this.wrong(value, type);
        return this.array(value as unknown[], type, depth);
      case 'Dict':
        if (!(value instanceof Map)) this.wrong(value, type);
        return this.dict(value as Map<unknown, unknown>, type, depth);
      default:
        return this.untyped(value, depth);
    }
  }

  private array(items: unknown[], type: JitType & { kind: 'List' | 'Tuple' }, depth: number): unknown {
    const known = this.done.get(items);
    if (known) return known;
    if (type.kind === 'Tuple') {
      if (items.length !== type.elements.length) this.wrong(items, type);
      const tuple = makeTuple(
        items.map((item, i) => this.convert(item, type.elements[i], depth + 1)),
        type,
      );
      this.done.set(items, tuple);
      return tuple;
    }
    this.done.set(items, items);
    for (let i = 0; i < items.length; i++) items[i] = this.convert(items[i], type.element, depth + 1);
    return items;
  }

  private dict(dict: Map<unknown, unknown>, type: JitType & { kind: 'Dict' }, depth: number): unknown {
    const known = this.done.get(dict);
    if (known) return known;
    const entries = [...dict];
    const target = dict instanceof OrderedDict ? new Map<unknown, unknown>() : dict;
    this.done.set(dict, target);
    target.clear();
    for (const [key, value] of entries)
      target.set(this.convert(key, type.key, depth + 1), this.convert(value, type.value, depth + 1));
    return target;
  }

  /** Under Any or a union: floats stay boxed. */
  private untyped(value: unknown, depth: number): unknown {
    if (depth > this.deepest) throw bad(`${this.what} is nested too deep`);
    if (value instanceof PickleTuple) return makeTuple(value.map((item) => this.untyped(item, depth + 1)));
    if (Array.isArray(value)) {
      if (this.done.has(value)) return value;
      this.done.set(value, value);
      for (let i = 0; i < value.length; i++) value[i] = this.untyped(value[i], depth + 1);
    }
    return value;
  }
}

/** The type that a constant of `constants.pkl` has in the program. */
export function typeOfConstant(value: unknown, unit: CompilationUnit): JitType {
  if (value instanceof Tensor) return { kind: 'Tensor' };
  if (typeof value === 'string') return { kind: 'str' };
  if (typeof value === 'boolean') return { kind: 'bool' };
  if (value instanceof PyFloat) return { kind: 'float' };
  if (typeof value === 'number' || typeof value === 'bigint') return { kind: 'int' };
  if (value === null) return { kind: 'None' };
  if (value instanceof ScriptObject) return value.type;
  if (value instanceof PackedParams) return foreignClass(value.className);
  if (value instanceof Device) return { kind: 'Device' };
  if (value instanceof PickleTuple)
    return { kind: 'Tuple', elements: value.map((item) => typeOfConstant(item, unit)) };
  if (Array.isArray(value))
    return { kind: 'List', element: value.length ? typeOfConstant(value[0], unit) : { kind: 'Tensor' } };
  if (value instanceof Map) {
    const [first] = value;
    return {
      kind: 'Dict',
      key: first ? typeOfConstant(first[0], unit) : { kind: 'str' },
      value: first ? typeOfConstant(first[1], unit) : { kind: 'Tensor' },
    };
  }
  throw bad('a constant is of a kind that no program can use');
}
