/** TorchScript's dialect of pickle, written: each value as its static type says, tensors by their storages. */
import {
  contiguousStrides,
  type DType,
  functions,
  isQuantized,
  PackedParams,
  PickleWriter,
  quantizerOf,
  type Storage,
  schemeOf,
  storageClasses,
  TorchError,
} from '@sconce/core';
import { annotation } from '../ir/type-text.ts';
import { type ClassType, EnumValue, foreignClass, type JitType, TensorT } from '../ir/types.ts';
import { Device, PyFloat, Tensor } from '../ops/core.ts';
import { isTuple, ScriptObject, typeTagOf } from '../ops/value.ts';
import type { NameOf } from '../print/dependencies.ts';
import { stateOfPacked } from './packed.ts';

/** Deeper nesting than this is refused, with an error instead of an exhausted stack. */
const DEEPEST = 900;

/** Lists whose type has a short form. */
const listBuilders: Readonly<Record<string, string>> = {
  int: 'build_intlist',
  float: 'build_doublelist',
  bool: 'build_boollist',
  Tensor: 'build_tensorlist',
};

const quantizedStorages: Readonly<Record<string, string>> = {
  qint8: 'QInt8Storage',
  quint8: 'QUInt8Storage',
  qint32: 'QInt32Storage',
  quint4x2: 'QUInt4x2Storage',
};

export interface PicklerOptions {
  readonly nameOf: NameOf;
  /** What `__getstate__` returned for the objects that have one. */
  readonly states: ReadonlyMap<ScriptObject, { readonly value: unknown; readonly type: JitType }>;
}

export class ScriptPickler {
  /** In the order of their keys. */
  readonly storages: Map<Storage, { readonly key: string; readonly dtype: DType }> = new Map();
  /** The classes of the objects, in the order in which they were met. */
  readonly classes: Set<ClassType> = new Set();
  private readonly writer = new PickleWriter({ dialect: 'torchscript' });
  private depth = 0;
  /** Tensors that live until they are written. */
  private readonly made: Tensor[] = [];

  constructor(private readonly options: PicklerOptions) {}

  finish(): Uint8Array {
    return this.writer.finish();
  }

  value(value: unknown, type: JitType): void {
    if (++this.depth > DEEPEST) throw new TorchError(`a value nested deeper than ${DEEPEST} cannot be saved`);
    this.typed(value, type);
    this.depth--;
  }

  private typed(value: unknown, type: JitType): void {
    const { writer } = this;
    if (value === null || value === undefined) writer.opcode('N');
    else if (type.kind === 'Optional') this.typed(value, type.element);
    else if (value instanceof PyFloat) writer.float(value.value);
    else if (typeof value === 'boolean') writer.opcode(value ? '\x88' : '\x89');
    else if (typeof value === 'number') type.kind === 'float' ? writer.float(value) : writer.int(value);
    else if (typeof value === 'bigint') writer.int(value);
    else if (typeof value === 'string') writer.string(value);
    else this.shared(value, type);
  }

  /** What may be mentioned again. */
  private shared(value: unknown, type: JitType): void {
    const { writer } = this;
    if (value instanceof Device) {
      const text = String(value);
      if (writer.recall(`device ${text}`)) return;
      writer.global('torch', 'device');
      writer.string(text);
      writer.opcode('\x85');
      writer.opcode('R');
      writer.memoize(`device ${text}`);
      return;
    }
    if (value instanceof EnumValue) {
      this.global(this.options.nameOf(value.type));
      this.value(value.value, value.type.valueType);
      writer.opcode('R');
      return;
    }
    if (writer.recall(value)) return;
    if (value instanceof Tensor) this.tensor(value);
    else if (value instanceof PackedParams) this.packed(value);
    else if (value instanceof ScriptObject) this.object(value);
    else if (isTuple(value)) this.tuple(value, type);
    else if (Array.isArray(value)) this.list(value, type);
    else if (value instanceof Map) this.dict(value, type);
    else throw new TorchError(`a value of type ${annotation(type)} cannot be saved`);
    writer.memoize(value);
  }

  private global(name: string): void {
    const dot = name.lastIndexOf('.');
    this.writer.global(name.slice(0, dot), name.slice(dot + 1));
  }

  private tuple(items: readonly unknown[], type: JitType): void {
    const { writer } = this;
    const types = type.kind === 'Tuple' ? type.elements : items.map(typeOf);
    if (items.length === 0) {
      writer.opcode(')');
      return;
    }
    if (items.length > 3) writer.opcode('(');
    for (const [i, item] of items.entries()) this.value(item, types[i]);
    writer.opcode(items.length > 3 ? 't' : ['\x85', '\x86', '\x87'][items.length - 1]);
  }

  private list(items: readonly unknown[], declared: JitType): void {
    const { writer } = this;
    const type = declared.kind === 'List' ? declared : typeOf(items);
    const element = type.kind === 'List' ? type.element : TensorT;
    const builder = listBuilders[element.kind];
    writer.global('torch.jit._pickle', builder ?? 'restore_type_tag');
    if (builder) writer.opcode('(');
    writer.opcode(']');
    writer.opcode('(');
    for (const item of items) this.value(item, element);
    writer.opcode('e');
    if (builder) writer.opcode('t');
    else this.tag(type);
    writer.opcode('R');
  }

  private dict(dict: ReadonlyMap<unknown, unknown>, declared: JitType): void {
    const { writer } = this;
    const type = declared.kind === 'Dict' ? declared : typeOf(dict);
    if (type.kind !== 'Dict') throw new TorchError('a dict of no known type cannot be saved');
    writer.global('torch.jit._pickle', 'restore_type_tag');
    writer.opcode('}');
    writer.opcode('(');
    for (const [key, value] of dict) {
      this.value(key, type.key);
      this.value(value, type.value);
    }
    writer.opcode('u');
    this.tag(type);
    writer.opcode('R');
  }

  private tag(type: JitType): void {
    this.writer.string(annotation(type, this.options.nameOf));
    this.writer.opcode('\x86');
  }

  private object(object: ScriptObject): void {
    const { writer } = this;
    const { type } = object;
    this.classes.add(type);
    this.global(this.options.nameOf(type));
    writer.opcode(')');
    writer.opcode('\x81');
    const state = this.options.states.get(object);
    if (state) this.value(state.value, state.type);
    else {
      writer.opcode('}');
      writer.opcode('(');
      for (const [slot, attribute] of type.attributes.entries()) {
        writer.string(attribute.name);
        this.value(object.slots[slot], attribute.type);
      }
      writer.opcode('u');
    }
    writer.opcode('b');
  }

  /** An object of one of PyTorch's C++ classes. */
  private packed(packed: PackedParams): void {
    const { writer } = this;
    this.classes.add(foreignClass(packed.className));
    this.global(packed.className);
    writer.opcode(')');
    writer.opcode('\x81');
    const state = stateOfPacked(packed);
    this.value(state.value, state.type);
    writer.opcode('b');
  }

  private tensor(tensor: Tensor): void {
    const { writer } = this;
    const hasQuantizer = isQuantized(tensor.dtype);
    writer.global('torch._utils', hasQuantizer ? '_rebuild_qtensor' : '_rebuild_tensor_v2');
    writer.opcode('(');
    // Of integers of four bits archives have two in a byte.
    const { dtype, shape } = tensor;
    const isHalves = (dtype as string) === 'quint4x2';
    this.storage(isHalves ? this.packed4(tensor) : tensor, dtype);
    writer.int(isHalves ? 0 : tensor.offset);
    for (const sizes of [shape, isHalves ? contiguousStrides(shape) : tensor.strides]) {
      writer.opcode('(');
      for (const size of sizes) writer.int(size);
      writer.opcode('t');
    }
    if (hasQuantizer) this.quantizer(tensor);
    writer.opcode(tensor.requires_grad ? '\x88' : '\x89');
    writer.global('collections', 'OrderedDict');
    writer.opcode(')');
    writer.opcode('R');
    writer.opcode('t');
    writer.opcode('R');
  }

  /** What makes numbers of a quantised tensor's integers. */
  private quantizer(tensor: Tensor): void {
    const { writer } = this;
    const quantizer = quantizerOf(tensor);
    writer.opcode('(');
    writer.global('torch', schemeOf(quantizer));
    if (quantizer.kind === 'tensor') {
      writer.float(quantizer.scale);
      writer.int(quantizer.zero_point);
    } else {
      this.value(quantizer.scales, TensorT);
      this.value(quantizer.zero_points, TensorT);
      writer.int(quantizer.axis);
    }
    writer.opcode('t');
  }

  private packed4(tensor: Tensor): Tensor {
    const bytes = functions.int_repr(tensor) as Tensor;
    this.made.push(bytes);
    return bytes;
  }

  /** Whole, however little of it the tensor views, so that those that share one still do. */
  private storage({ storage, device }: Tensor, dtype: DType): void {
    const { writer, storages } = this;
    if (writer.recall(storage)) {
      if (storages.get(storage)!.dtype !== dtype)
        throw new TorchError(
          'Cannot save multiple tensors or storages that view the same data as different types',
        );
      return;
    }
    const key = String(storages.size);
    storages.set(storage, { key, dtype });
    writer.opcode('(');
    writer.string('storage');
    writer.global('torch', quantizedStorages[dtype] ?? storageClasses[dtype]);
    writer.string(key);
    // A device that only Sconce has is a place of ordinary memory to whoever reads the file.
    writer.string(device.type === 'cuda' ? String(device) : 'cpu');
    writer.int(storage.length);
    writer.opcode('t');
    writer.opcode('Q');
    writer.memoize(storage);
  }
}

/** The type of a value in a place that does not say. */
function typeOf(value: unknown): JitType {
  if (typeof value === 'object' && value !== null) {
    const tag = typeTagOf(value);
    if (tag) return tag;
  }
  if (value === null || value === undefined) return { kind: 'None' };
  if (value instanceof PyFloat) return { kind: 'float' };
  if (typeof value === 'boolean') return { kind: 'bool' };
  if (typeof value === 'number' || typeof value === 'bigint') return { kind: 'int' };
  if (typeof value === 'string') return { kind: 'str' };
  if (value instanceof ScriptObject || value instanceof EnumValue) return value.type;
  if (value instanceof Device) return { kind: 'Device' };
  if (isTuple(value)) return { kind: 'Tuple', elements: value.map(typeOf) };
  if (Array.isArray(value)) return { kind: 'List', element: value.length > 0 ? common(value) : TensorT };
  if (value instanceof Map)
    return { kind: 'Dict', key: common([...value.keys()]), value: common([...value.values()]) };
  return TensorT;
}

/** One type for all of these: that of the first where the others have the same, else Any. */
function common(values: readonly unknown[]): JitType {
  const types = values.map(typeOf);
  const [first] = types;
  if (!first) return { kind: 'str' };
  return types.every((type) => annotation(type) === annotation(first)) ? first : { kind: 'Any' };
}
