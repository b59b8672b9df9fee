/** `torch.save`: values and tensors in PyTorch's zip format, byte for byte as PyTorch 1.13 writes a state dict. */
import { TorchError } from '../errors.ts';
import { Device } from '../tensor/device.ts';
import type { DType } from '../tensor/dtype.ts';
import { PyFloat } from '../tensor/promotion.ts';
import { materialise, type Storage } from '../tensor/storage.ts';
import { Tensor } from '../tensor/tensor.ts';
import { encodeUtf8 } from './bytes.ts';
import { OrderedDict, PickleGlobal, tuple } from './pickle-values.ts';
import { type PickleWriter, pickle } from './pickle-writer.ts';
import { bytesOfArray } from './tensor-bytes.ts';
import { storageClasses } from './tensor-globals.ts';
import { writeZip } from './zip-writer.ts';

export interface SaveOptions {
  /** The archive's inner folder; PyTorch takes the file's name without its extension, and `archive` where there is none. */
  readonly name?: string;
  /** Says which tensors are Parameters, to be saved as such. */
  readonly isParameter?: (tensor: Tensor) => boolean;
}

/** The elements of a whole storage, as files hold them. */
export const storageBytes = async (storage: Storage): Promise<Uint8Array> =>
  bytesOfArray(await storage.backend.read(materialise(storage), 0, storage.length));

/** A storage in the place where its persistent id is to be written. */
class StorageId {
  constructor(readonly id: readonly unknown[]) {}
}

/**
 * The bytes of a checkpoint that `torch.load` reads: numbers, strings, booleans, null, arrays, `PickleTuple`, Map,
 * `OrderedDict`, plain objects, Uint8Array and tensors. Tensors that share a storage still share it there; a storage is
 * written whole, as in PyTorch, even if only a window of it is saved. The values are those at the moment of the call.
 */
export async function save(value: unknown, options: SaveOptions = {}): Promise<Uint8Array> {
  const { name = 'archive', isParameter = () => false } = options;
  const keys = new Map<Storage, { key: string; dtype: DType }>();

  const storageId = ({ storage, dtype, device }: Tensor): StorageId => {
    let entry = keys.get(storage);
    if (!entry) keys.set(storage, (entry = { key: String(keys.size), dtype }));
    if (entry.dtype !== dtype)
      throw new TorchError(
        'Cannot save multiple tensors or storages that view the same data as different types',
      );
    const cls = new PickleGlobal('torch', storageClasses[dtype]);
    return new StorageId(['storage', cls, entry.key, device.toString(), storage.length]);
  };
  const saveTensor = (tensor: Tensor, writer: PickleWriter, parameter: boolean): void => {
    const { offset, shape, strides, requires_grad } = tensor;
    const args = [
      storageId(tensor),
      offset,
      tuple(...shape),
      tuple(...strides),
      parameter ? false : requires_grad,
    ];
    writer.reduce(
      'torch._utils',
      '_rebuild_tensor_v2',
      [...args, new OrderedDict()],
      parameter ? undefined : tensor,
    );
  };
  const extend = (object: object, writer: PickleWriter): boolean => {
    if (object instanceof StorageId) writer.persistent(object.id);
    else if (object instanceof DataOf) saveTensor(object.parameter, writer, true);
    else if (object instanceof Tensor && isParameter(object))
      writer.reduce(
        'torch._utils',
        '_rebuild_parameter',
        [new DataOf(object), object.requires_grad, new OrderedDict()],
        object,
      );
    else if (object instanceof Tensor) saveTensor(object, writer, false);
    else if (object instanceof PyFloat) writer.float(object.value);
    else if (object instanceof Device)
      writer.reduce(
        'torch',
        'device',
        object.index === null ? [object.type] : [object.type, object.index],
        object,
      );
    else return false;
    return true;
  };

  const data = pickle(value, { extend });
  // All reads are issued before the first is awaited, so that what the program changes meanwhile is not saved in part.
  const reads = [...keys].map(async ([storage, { key }]) => ({
    name: `${name}/data/${key}`,
    data: await storageBytes(storage),
  }));
  return writeZip([
    { name: `${name}/data.pkl`, data },
    ...(await Promise.all(reads)),
    { name: `${name}/version`, data: encodeUtf8('3\n') },
  ]);
}

/** The tensor inside a Parameter. */
class DataOf {
  constructor(readonly parameter: Tensor) {}
}
