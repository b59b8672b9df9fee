/** `torch.load`: checkpoints as PyTorch saves them, in its zip format and in the one from before 1.6. No code of the file ever runs. */
import type { Backend } from '../backend/backend.ts';
import { NotSupportedError, TorchError } from '../errors.ts';
import { backendOf, type Device } from '../tensor/device.ts';
import { dtypes, type TypedArray } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { dataView, decodeUtf8 } from './bytes.ts';
import { type Unpickled, unpickle } from './pickle.ts';
import { isSafetensors, loadSafetensors } from './safetensors.ts';
import { arrayFromBytes, StorageLoader } from './tensor-bytes.ts';
import { type StoredStorage, storageOfId, tensorGlobals } from './tensor-globals.ts';
import { isZip, readZip, type ZipArchive } from './zip.ts';

export interface LoadOptions {
  /** Where the tensors go, wherever they were: a device or a backend; the current one unless given. */
  readonly map_location?: Device | string | Backend | null;
  /** Makes a Parameter of a tensor that was saved as one. */
  readonly makeParameter?: (data: Tensor, requires_grad: boolean) => Tensor;
}

/**
 * What `torch.save` wrote, as `torch.load(…, weights_only=True)` gives it: dicts as Map (a state dict as `OrderedDict`,
 * its `_metadata` under `attributes`), lists as arrays, tuples as `PickleTuple`, tensors that shared a storage still
 * sharing it. A safetensors file is a Map of its tensors. Throws a TorchError that names what is damaged, missing or not allowed.
 */
export function load(bytes: Uint8Array | ZipArchive, options: LoadOptions = {}): unknown {
  const loader = new StorageLoader(backendOf(options.map_location));
  try {
    if (!(bytes instanceof Uint8Array)) return loadZip(bytes, loader, options);
    if (isZip(bytes)) return loadZip(readZip(bytes), loader, options);
    return isSafetensors(bytes)
      ? loadSafetensors(bytes, options.map_location)
      : loadLegacy(bytes, loader, options);
  } finally {
    loader.finish();
  }
}

/** Whether the bytes begin as a pickle does, of protocol 2 or later. */
export const isPickle = (bytes: Uint8Array): boolean =>
  bytes.length > 2 && bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5;

/** The folder that all records of an archive lie in: that of its first entry. */
function rootOf(zip: ZipArchive): string {
  const first = zip.names[0] ?? '';
  const slash = first.indexOf('/');
  if (slash < 0)
    throw new TorchError(
      'PytorchStreamReader failed: the archive has no folder, so PyTorch did not write it',
    );
  return first.slice(0, slash + 1);
}

function loadZip(zip: ZipArchive, loader: StorageLoader, options: LoadOptions): unknown {
  const root = rootOf(zip);
  if (zip.has(`${root}constants.pkl`))
    throw new TorchError('this is a TorchScript archive: load it with torch.jit.load');
  const order = zip.has(`${root}byteorder`) ? decodeUtf8(zip.read(`${root}byteorder`)).trim() : 'little';
  const read = ({ key, dtype, length }: StoredStorage): TypedArray | Tensor => {
    const uploaded = zip.uploaded?.(`${root}data/${key}`, dtype, length);
    if (uploaded) return uploaded;
    // An empty storage may have no record.
    const data = length === 0 ? new Uint8Array(0) : zip.read(`${root}data/${key}`);
    const wanted = length * dtypes[dtype].bytes;
    if (data.length < wanted)
      throw new TorchError(
        `the storage ${root}data/${key} has ${data.length} bytes, but ${wanted} are needed for ${length} elements of ${dtype}`,
      );
    return arrayFromBytes(data.subarray(0, wanted), dtype, order === 'big');
  };
  return run(zip.read(`${root}data.pkl`), 0, loader, options, read).value;
}

/** Unpickles an object whose storages `read` gives. */
function run(
  bytes: Uint8Array,
  start: number,
  loader: StorageLoader,
  options: LoadOptions,
  read: (storage: StoredStorage) => TypedArray | Tensor,
): Unpickled {
  return unpickle(bytes, {
    start,
    persistent: storageOfId,
    global: tensorGlobals({
      makeParameter: options.makeParameter,
      makeTensor: (storage, layout, requires_grad) =>
        loader.tensor(storage.key, storage.dtype, layout, () => read(storage), requires_grad),
    }),
  });
}

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;

/**
 * The format before PyTorch 1.6: pickles of a magic number, a protocol number, facts about the machine, the object and
 * the storages' keys, one after another; then each storage's element count and bytes. The storages come last, so the
 * object is unpickled twice: first to learn where the keys begin and what the storages are, then for good.
 */
function loadLegacy(bytes: Uint8Array, loader: StorageLoader, options: LoadOptions): unknown {
  if (!isPickle(bytes)) {
    if (decodeMagic(bytes, 257) === 'ustar')
      throw new NotSupportedError(
        'this is a checkpoint in the tar format of PyTorch before 0.1.10: load and save it with a newer PyTorch',
      );
    throw new TorchError('this is no checkpoint: it begins neither as a zip archive nor as a pickle');
  }
  const magic = unpickle(bytes);
  if (magic.value !== MAGIC)
    throw new TorchError(
      'Invalid magic number; corrupt file? (It is a pickle, but torch.save did not write it.)',
    );
  const protocol = unpickle(bytes, { start: magic.end });
  if (protocol.value !== PROTOCOL)
    throw new TorchError(`Invalid protocol version: ${String(protocol.value)}`);
  const system = unpickle(bytes, { start: protocol.end });
  const bigEndian = system.value instanceof Map && system.value.get('little_endian') === false;

  const storages = new Map<string, StoredStorage>();
  const outline = unpickle(bytes, {
    start: system.end,
    persistent(id) {
      const storage = storageOfId(id);
      storages.set(storage.key, storage);
      return storage;
    },
    global: tensorGlobals({ makeTensor: () => ({}) as Tensor, makeParameter: (data) => data }),
  });
  const keys = unpickle(bytes, { start: outline.end });
  if (!Array.isArray(keys.value))
    throw new TorchError('the checkpoint is damaged: its storages have no list of keys');

  const data = new Map<string, Uint8Array>();
  const view = dataView(bytes);
  let at = keys.end;
  for (const key of keys.value) {
    const storage = storages.get(key);
    if (!storage)
      throw new TorchError(`the checkpoint is damaged: it has a storage ${String(key)} that nothing uses`);
    if (at + 8 > bytes.length)
      throw new TorchError(`unexpected EOF. The file might be corrupted (at storage ${key})`);
    const count = Number(view.getBigInt64(at, !bigEndian));
    const size = count * dtypes[storage.dtype].bytes;
    if (!(count >= 0) || size > bytes.length - at - 8)
      throw new TorchError(
        `unexpected EOF, expected ${size - (bytes.length - at - 8)} more bytes. The file might be corrupted (at storage ${key})`,
      );
    data.set(key, bytes.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return run(bytes, system.end, loader, options, ({ key, dtype }) => {
    const found = data.get(key);
    if (!found) throw new TorchError(`the checkpoint is damaged: it has no storage ${key}`);
    return arrayFromBytes(found, dtype, bigEndian);
  }).value;
}

const decodeMagic = (bytes: Uint8Array, at: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + 5));
