/** State dicts from whatever holds one: a checkpoint, safetensors, JSON, a Map or a plain object. The bytes decide, no file name. */
import { ArgumentError, TorchError } from '../errors.ts';
import { type NestedArray, tensor } from '../tensor/create.ts';
import { Tensor } from '../tensor/tensor.ts';
import { decodeUtf8 } from './bytes.ts';
import { isPickle, type LoadOptions, load } from './checkpoint.ts';
import { isSafetensors, loadSafetensors } from './safetensors.ts';
import { isZip, type ZipArchive } from './zip.ts';

/** What `readStateDict` takes: bytes, an archive that was received, or names with tensors or nested arrays of numbers. */
export type StateDictSource =
  | Uint8Array
  | ZipArchive
  | ReadonlyMap<unknown, unknown>
  | Readonly<Record<string, Tensor | NestedArray>>;

/** The tensors by name. Throws a TorchError that says what the source is instead, if it is no state dict. */
export function readStateDict(source: StateDictSource, options: LoadOptions = {}): Map<string, Tensor> {
  if (source instanceof Uint8Array) return fromBytes(source, options);
  if (isArchive(source)) return fromCheckpoint(source, options);
  const entries: Iterable<readonly [unknown, unknown]> =
    source instanceof Map ? source : Object.entries(source);
  const out = new Map<string, Tensor>();
  for (const [name, value] of entries) out.set(String(name), asTensor(String(name), value, options));
  return out;
}

function fromBytes(bytes: Uint8Array, options: LoadOptions): Map<string, Tensor> {
  if (isZip(bytes) || isPickle(bytes)) return fromCheckpoint(bytes, options);
  if (isSafetensors(bytes)) return loadSafetensors(bytes, options.map_location);
  const start = bytes.findIndex((b) => b > 0x20);
  if (start >= 0 && bytes[start] === 0x7b) return readStateDict(parseJson(bytes), options);
  throw new TorchError(
    'these bytes hold no state dict: they begin neither as a checkpoint of torch.save, nor as safetensors, nor as JSON',
  );
}

function fromCheckpoint(file: Uint8Array | ZipArchive, options: LoadOptions): Map<string, Tensor> {
  const loaded = load(file, options);
  if (!(loaded instanceof Map)) throw new TorchError('the checkpoint holds no state dict, but another value');
  return readStateDict(loaded, options);
}

const isArchive = (source: StateDictSource): source is ZipArchive =>
  !(source instanceof Map) && 'names' in source && typeof (source as ZipArchive).read === 'function';

function parseJson(bytes: Uint8Array): Record<string, NestedArray> {
  try {
    return JSON.parse(decodeUtf8(bytes)) as Record<string, NestedArray>;
  } catch (error) {
    throw new TorchError(`the state dict is damaged JSON: ${(error as Error).message}`);
  }
}

function asTensor(name: string, value: unknown, options: LoadOptions): Tensor {
  if (value instanceof Tensor) return value;
  const isNested = typeof value === 'number' || Array.isArray(value) || ArrayBuffer.isView(value);
  if (!isNested)
    throw new ArgumentError(
      `the state dict's entry ${JSON.stringify(name)} is ${value instanceof Map ? 'a dict' : `a ${typeof value}`}, not a tensor` +
        (value instanceof Map ? `: is the state dict one level deeper, at ${JSON.stringify(name)}?` : ''),
    );
  try {
    return tensor(value as NestedArray, { device: options.map_location });
  } catch (error) {
    // Nesting past the stack's end shows as a RangeError.
    throw new TorchError(`the state dict's entry ${JSON.stringify(name)}: ${(error as Error).message}`);
  }
}
