/** The Python names that checkpoints use for tensors, storages and dtypes, each with what it means here. */
import { NotSupportedError, TorchError } from '../errors.ts';
import { unpackHalves } from '../ops/quantized/halves.ts';
import { Device } from '../tensor/device.ts';
import { type DType, dtypes } from '../tensor/dtype.ts';
import { contiguousStrides, numelOf } from '../tensor/layout.ts';
import { isQuantized, type QuantizedDType, quantized, quantizedRanges } from '../tensor/quantized.ts';
import { Tensor } from '../tensor/tensor.ts';
import { PickleGlobal, PickleTuple } from './pickle-values.ts';
import { checkLayout, type StoredLayout } from './tensor-bytes.ts';

/** A storage as a persistent id names it. */
export interface StoredStorage {
  readonly key: string;
  readonly dtype: DType;
  /** In elements. */
  readonly length: number;
  /** Where it was when it was saved: 'cpu', 'cuda:0'. */
  readonly location: string;
  /** The element of the storage `key` at which this one begins; only old files have such windows. */
  readonly start: number;
}

/** The dtype of each class of storages, and the class of each dtype. */
export const storageDTypes: Readonly<Record<string, DType>> = {
  ByteStorage: 'uint8',
  CharStorage: 'int8',
  ShortStorage: 'int16',
  IntStorage: 'int32',
  LongStorage: 'int64',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  FloatStorage: 'float32',
  DoubleStorage: 'float64',
  BoolStorage: 'bool',
};
export const storageClasses = Object.fromEntries(
  Object.entries(storageDTypes).map(([name, dtype]) => [dtype, name]),
) as Readonly<Record<DType, string>>;

const strangers: Readonly<Record<string, string>> = {
  ComplexFloatStorage: 'complex64',
  ComplexDoubleStorage: 'complex128',
  ComplexHalfStorage: 'complex32',
  QUInt2x4Storage: 'quint2x4',
};

/** Storages of quantised tensors; `_rebuild_qtensor` says what their integers mean. */
const quantizedStorages: Readonly<Record<string, QuantizedDType>> = {
  QInt8Storage: 'qint8',
  QUInt8Storage: 'quint8',
  QInt32Storage: 'qint32',
  QUInt4x2Storage: 'quint4x2',
};

/** What a storage class stands for while unpickling. */
class StorageClass {
  constructor(readonly dtype: DType) {}
}

const bad = (why: string) => new TorchError(`the checkpoint is damaged: ${why}`);

/**
 * The storage that a persistent id means: `('storage', torch.FloatStorage, key, location, numel[, view])`, with
 * `view` null or `(key, offset, size)` in files before PyTorch 1.6.
 */
export function storageOfId(id: unknown): StoredStorage {
  if (!(id instanceof PickleTuple) || id[0] !== 'storage' || id.length < 5 || id.length > 6)
    throw bad('a persistent id is not that of a storage');
  const [, cls, key, location, numel, view = null] = id;
  if (!(cls instanceof StorageClass)) throw bad('a storage has no class that is known here');
  if (typeof key !== 'string' || typeof location !== 'string')
    throw bad('a storage has no key or no location');
  if (!isCount(numel)) throw bad(`the storage ${key} claims ${String(numel)} elements`);
  if (view === null) return { key, dtype: cls.dtype, length: numel, location, start: 0 };
  if (!(view instanceof PickleTuple) || view.length !== 3 || !isCount(view[1]) || !isCount(view[2]))
    throw bad(`the window on storage ${key} is malformed`);
  if (view[1] + view[2] > numel) throw bad(`a window on storage ${key} reaches past its ${numel} elements`);
  return { key, dtype: cls.dtype, length: view[2], location, start: view[1] };
}

const isSizes = (x: unknown): x is number[] => Array.isArray(x) && x.length <= 64 && x.every(isCount);
const isCount = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;

/** How a storage seen by the pickle becomes a tensor. */
export type MakeTensor = (storage: StoredStorage, layout: StoredLayout, requires_grad: boolean) => Tensor;

export interface TensorGlobalsOptions {
  readonly makeTensor: MakeTensor;
  /** Makes a Parameter of a tensor; without it a parameter is a leaf tensor that requires grad as it did. */
  readonly makeParameter?: (data: Tensor, requires_grad: boolean) => Tensor;
}

/** What `unpickle` may find in a checkpoint; see its option `global`. */
export function tensorGlobals({
  makeTensor,
  makeParameter = (data, requires_grad) => {
    data.requires_grad = requires_grad;
    return data;
  },
}: TensorGlobalsOptions): (module: string, name: string) => unknown {
  const rebuild = (args: unknown, what: string): Tensor => {
    if (!(args instanceof PickleTuple) || args.length < 4) throw bad(`${what} was given too few arguments`);
    const [storage, offset, shape, strides, requires_grad = false] = args;
    if (!isStorage(storage)) throw bad(`${what} was given no storage`);
    if (!isCount(offset)) throw bad(`${what}: the storage offset ${String(offset)} is not a position`);
    if (!isSizes(shape) || !isSizes(strides))
      throw bad(`${what}: the sizes or strides are no short list of counts`);
    const layout = { offset: storage.start + offset, shape: [...shape], strides: [...strides] };
    // The whole storage's end is checked where it is read; a window's end only here.
    if (storage.start > 0) checkLayout({ offset, shape, strides }, storage.length, what);
    return makeTensor(storage, layout, requires_grad === true);
  };
  const halves = (bytes: StoredStorage, shape: unknown, offset: unknown, strides: unknown): Tensor => {
    if (!isSizes(shape) || offset !== 0 || String(strides) !== String(contiguousStrides(shape)))
      throw new NotSupportedError('the checkpoint holds a view of integers of four bits');
    const length = Math.ceil(numelOf(shape) / 2);
    const whole = rebuild(PickleTuple.from([bytes, 0, [length], [1]]), '_rebuild_qtensor');
    return unpackHalves(whole, shape);
  };
  /** `(storage, offset, size, stride, (scheme, scale, zero point) or (scheme, scales, zero points, axis), …)` */
  const rebuildQuantized = (args: unknown): Tensor => {
    const what = '_rebuild_qtensor';
    if (!(args instanceof PickleTuple) || args.length < 5 || !isStorage(args[0]))
      throw bad(`${what} was given too few arguments`);
    const [storage, offset, shape, strides, how] = args;
    const dtype = (storage as StoredStorage).dtype as string;
    if (!isQuantized(dtype) || !(how instanceof PickleTuple))
      throw bad(`${what} was given no quantised storage`);
    const plain = { ...(storage as StoredStorage), dtype: quantizedRanges[dtype].stored };
    const integers =
      dtype === 'quint4x2'
        ? halves(plain, shape, offset, strides)
        : rebuild(PickleTuple.from([plain, offset, shape, strides]), what);
    const [scheme, scale, zero, axis] = how;
    if (scheme === 'per_tensor_affine')
      return quantized(integers, dtype, { kind: 'tensor', scale: Number(scale), zero_point: Number(zero) });
    if (String(scheme).startsWith('per_channel_affine') && scale instanceof Tensor && zero instanceof Tensor)
      return quantized(integers, dtype, {
        kind: 'channel',
        scales: scale,
        zero_points: zero,
        axis: Number(axis),
      });
    throw new NotSupportedError(
      `the checkpoint holds a tensor quantised ${String(scheme)}, which Sconce does not have`,
    );
  };
  const parameter = (args: unknown): Tensor => {
    if (!(args instanceof PickleTuple) || typeof args[0] !== 'object' || args[0] === null)
      throw bad('a Parameter has no data');
    return makeParameter(args[0] as Tensor, args[1] === true);
  };
  const callable = (module: string, name: string, call: (args: unknown) => unknown) =>
    new PickleGlobal(module, name, { call });
  const known: Readonly<Record<string, PickleGlobal>> = Object.fromEntries(
    [
      callable('torch._utils', '_rebuild_tensor', (args) => rebuild(args, '_rebuild_tensor')),
      callable('torch._utils', '_rebuild_tensor_v2', (args) => rebuild(args, '_rebuild_tensor_v2')),
      callable('torch._utils', '_rebuild_qtensor', rebuildQuantized),
      callable('torch._utils', '_rebuild_parameter', parameter),
      callable('torch._utils', '_rebuild_parameter_with_state', parameter),
      callable('torch', 'Size', (args) => (args instanceof PickleTuple ? (args[0] ?? args) : args)),
      callable('torch', 'device', (args) => {
        const [type, index = null] = args instanceof PickleTuple ? args : [];
        if (typeof type !== 'string') throw bad('a device has no name');
        const [name, number] = type.split(':');
        return new Device(name, number === undefined ? (index as number | null) : Number(number));
      }),
    ].map((global) => [String(global), global]),
  );
  return (module, name) => {
    if (module === 'torch' || module === 'torch.cuda') {
      if (name in storageDTypes) return new StorageClass(storageDTypes[name]);
      if (name in quantizedStorages) return new StorageClass(quantizedStorages[name] as unknown as DType);
      if (module === 'torch' && name.startsWith('per_')) return name;
      if (name in strangers)
        throw new NotSupportedError(
          `the checkpoint holds a ${strangers[name]} tensor, a dtype that Sconce does not have`,
        );
      if (module === 'torch' && name in dtypes) return name;
    }
    const full = `${module}.${name}`;
    if (full in known) return known[full];
    if (/^torch\._utils\._rebuild_/.test(full))
      throw new NotSupportedError(
        `the checkpoint holds a tensor of a kind that Sconce does not have (${full})`,
      );
    if (module.startsWith('torch.nn.') || module === '__main__')
      throw new TorchError(
        `Unsupported global: GLOBAL ${full} was not an allowed global. The file holds a whole pickled module: ` +
          'in Python save `model.state_dict()`, or `torch.jit.script(model)`, instead',
      );
    return undefined;
  };
}

const isStorage = (x: unknown): x is StoredStorage =>
  typeof x === 'object' && x !== null && 'dtype' in x && 'start' in x;
