/**
 * Files that come in as a stream: tensors go to the backend as soon as their bytes are complete, while the rest is still
 * on its way, so that the host never holds the whole file.
 */
import type { Backend } from '../backend/backend.ts';
import { metaBackend } from '../backend/meta.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { type DType, dtypes } from '../tensor/dtype.ts';
import { readRaw } from '../tensor/host.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ChunkReader } from './chunk-reader.ts';
import { unpickle } from './pickle.ts';
import { PickleGlobal } from './pickle-values.ts';
import { headerError, parseSafetensorsHeader, safetensorsHeaderLength } from './safetensors.ts';
import { arrayFromBytes, bytesOfArray } from './tensor-bytes.ts';
import { type StoredStorage, storageOfId, tensorGlobals } from './tensor-globals.ts';
import { isZip, type ZipArchive } from './zip.ts';
import { readZipStream, type StreamedEntry } from './zip-stream.ts';

/** What was received: a file's bytes, an archive whose large storages are on the backend, or the tensors of safetensors. */
export type Received = Uint8Array | ReceivedArchive | Map<string, Tensor>;

export interface ReceivedArchive extends ZipArchive {
  uploaded(name: string, dtype: DType, length: number): Tensor | undefined;
  /** Frees what was uploaded and not asked for. */
  release(): void;
}

export interface ReceiveOptions {
  readonly backend: Backend;
  /** Whether safetensors are wanted, and taken apart; else they are bytes as any others. */
  readonly safetensors?: boolean;
}

/** Smaller storages stay bytes: most that are not float32 are small, and there is little to win. */
const LARGE = 1 << 16;

/** Reads a stream to its end. What fails frees what it had uploaded. */
export async function receive(
  chunks: AsyncIterable<Uint8Array>,
  { backend, safetensors = false }: ReceiveOptions,
): Promise<Received> {
  const reader = new ChunkReader(chunks);
  try {
    await reader.ensure(9);
    if (isZip(reader.buffer)) return await receiveArchive(reader, backend);
    if (safetensors && safetensorsHeaderLength(reader.buffer) !== undefined)
      return await receiveSafetensors(reader, backend);
    return await reader.rest();
  } catch (error) {
    await reader.cancel();
    throw error;
  }
}

interface Upload {
  readonly tensor: Tensor;
  readonly bytes: number;
}

/**
 * PyTorch's archives. `torch.save` writes the pickle first, which tells each storage's dtype; `torch.jit.save` writes it
 * after the storages, which then go up as float32, as nearly all are, and come back if the pickle says otherwise.
 */
async function receiveArchive(reader: ChunkReader, backend: Backend): Promise<ReceivedArchive> {
  const uploads = new Map<string, Upload>();
  const release = (): void => {
    for (const { tensor } of uploads.values()) tensor.dispose();
    uploads.clear();
  };
  let known: ReadonlyMap<string, StoredStorage> | undefined;
  const take = ({ name, isStored, data }: StreamedEntry): boolean => {
    const folder = /^[^/]+\/(data|constants)\//.exec(name);
    if (/^[^/]+\/data\.pkl$/.test(name) && isStored) known = storagesIn(data);
    // What has no memory cannot give back what was put there as the wrong dtype.
    if (!folder || !isStored || data.length < LARGE || backend === metaBackend) return false;
    const key = name.slice(folder[0].length);
    const dtype = (folder[1] === 'data' ? known?.get(key)?.dtype : undefined) ?? 'float32';
    if (data.length % dtypes[dtype].bytes !== 0 || !backend.capabilities.dtypes.has(dtype)) return false;
    const values = arrayFromBytes(data, dtype);
    uploads.set(name, {
      tensor: fromTypedArray(values, [values.length], dtype, backend),
      bytes: data.length,
    });
    return true;
  };
  try {
    const zip = await readZipStream(reader, take);
    const returned = await takeBack(zip, uploads);
    return {
      ...zip,
      read: (name) => returned.get(name) ?? zip.read(name),
      uploaded(name, dtype, length) {
        const upload = uploads.get(name);
        if (!upload || upload.tensor.dtype !== dtype || upload.bytes !== length * dtypes[dtype].bytes)
          return undefined;
        uploads.delete(name);
        return upload.tensor;
      },
      release,
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** Reads back what was uploaded as another dtype or length than its pickle says. */
async function takeBack(zip: ZipArchive, uploads: Map<string, Upload>): Promise<Map<string, Uint8Array>> {
  const returned = new Map<string, Uint8Array>();
  const pickles = new Map<string, ReadonlyMap<string, StoredStorage> | undefined>();
  const storagesOf = (pickle: string): ReadonlyMap<string, StoredStorage> | undefined => {
    if (!pickles.has(pickle)) pickles.set(pickle, zip.has(pickle) ? storagesIn(zip.read(pickle)) : undefined);
    return pickles.get(pickle);
  };
  const root = /^[^/]*\//.exec(zip.names[0] ?? '')?.[0] ?? '';
  const order = zip.has(`${root}byteorder`) ? String.fromCharCode(...zip.read(`${root}byteorder`)) : '';
  for (const [name, { tensor, bytes }] of uploads) {
    const slash = name.lastIndexOf('/');
    const storage = storagesOf(`${name.slice(0, slash)}.pkl`)?.get(name.slice(slash + 1));
    const fits =
      storage?.dtype === tensor.dtype &&
      storage.length * dtypes[storage.dtype].bytes === bytes &&
      !order.startsWith('big');
    if (fits) continue;
    returned.set(name, bytesOfArray(await readRaw(tensor)));
    tensor.dispose();
    uploads.delete(name);
  }
  return returned;
}

/** The storages that a pickle names, by key; undefined where it cannot be read without knowing its classes. */
function storagesIn(pickle: Uint8Array): ReadonlyMap<string, StoredStorage> | undefined {
  const storages = new Map<string, StoredStorage>();
  const tensors = tensorGlobals({ makeTensor: () => ({}) as Tensor, makeParameter: (data) => data });
  const anything = (module: string, name: string): unknown => {
    const made = (): object => ({});
    return new PickleGlobal(module, name, {
      call: made,
      create: made,
      build: (object) => object,
      setItem: () => {},
    });
  };
  try {
    unpickle(pickle, {
      persistent(id) {
        const storage = storageOfId(id);
        storages.set(storage.key, storage);
        return storage;
      },
      global: (module, name) => {
        const isTensors = module === 'torch' || module === 'torch._utils' || module === 'torch.cuda';
        return (isTensors ? tensors(module, name) : undefined) ?? anything(module, name);
      },
    });
    return storages;
  } catch {
    // What is wrong with it is said when it is read in earnest; until then no storage's dtype is known.
    return undefined;
  }
}

/** Each tensor goes up when its last byte has come; they lie one after another behind the header. */
async function receiveSafetensors(reader: ChunkReader, backend: Backend): Promise<Map<string, Tensor>> {
  const length = safetensorsHeaderLength(reader.buffer)!;
  const head = await reader.take(8 + length);
  const { tensors } = parseSafetensorsHeader(head ?? (await reader.rest()));
  const out = new Map<string, Tensor>();
  try {
    for (const { name, dtype, shape, start, end } of [...tensors].sort((a, b) => a.start - b.start)) {
      const data = await reader.take(end - start);
      if (!data)
        throw headerError(
          `InvalidOffset: ${name} ends at ${end}, and there are ${reader.position - 8 - length} bytes of data`,
        );
      out.set(name, fromTypedArray(arrayFromBytes(data, dtype), shape, dtype, backend));
    }
    const more = (await reader.rest()).length;
    if (more > 0) throw headerError(`MetadataIncompleteBuffer: ${more} bytes belong to no tensor`);
    // In the order of the header, as it is read from bytes.
    return new Map(tensors.map(({ name }) => [name, out.get(name)!]));
  } catch (error) {
    for (const tensor of out.values()) tensor.dispose();
    throw error;
  }
}
