/** The safetensors format: a JSON header that says where each tensor lies, then the bytes. */
import type { Backend } from '../backend/backend.ts';
import { NotSupportedError, TorchError } from '../errors.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { backendOf, type Device } from '../tensor/device.ts';
import { type DType, dtypes } from '../tensor/dtype.ts';
import { readRaw } from '../tensor/host.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { ByteWriter, dataView, decodeUtf8, encodeUtf8 } from './bytes.ts';
import { arrayFromBytes, bytesOfArray } from './tensor-bytes.ts';

/** Of the format's own order of dtypes, widest first, which is the order that its tensors lie in. */
const names: readonly (readonly [string, DType])[] = [
  ['I64', 'int64'],
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['I32', 'int32'],
  ['BF16', 'bfloat16'],
  ['F16', 'float16'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
];
const dtypeOf = new Map(names);
const nameOf = new Map(names.map(([name, dtype]) => [dtype, name]));
const rank = (dtype: DType): number => names.findIndex((entry) => entry[1] === dtype);

/** As the format's own library: no header is longer. */
const MAX_HEADER = 100_000_000;

/** One tensor as the file holds it. */
export interface SafetensorsEntry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** A window on the file. */
  readonly data: Uint8Array;
}

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

export const headerError = (why: string): TorchError =>
  new TorchError(`Error while deserializing header: ${why}`);
const bad = headerError;

/** How long the header is that these first bytes announce; undefined where they begin no safetensors file. */
export function safetensorsHeaderLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < 9 || bytes[8] !== 0x7b) return undefined;
  const length = dataView(bytes).getBigUint64(0, true);
  return length >= 2n && length <= BigInt(MAX_HEADER) ? Number(length) : undefined;
}

/** Whether the bytes begin as a safetensors file does. */
export function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 10) return false;
  const length = dataView(bytes).getBigUint64(0, true);
  return length >= 2n && length <= BigInt(bytes.length - 8) && bytes[8] === 0x7b;
}

/** A tensor as the header declares it; `start` and `end` count bytes from the header's end. */
export interface SafetensorsPlace {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/**
 * Reads the header, which `bytes` begin with, and checks that the tensors it declares lie without gap or overlap.
 * `bodyLength` is how many bytes they take together. Throws where one reaches past `available`.
 */
export function parseSafetensorsHeader(
  bytes: Uint8Array,
  available = Number.POSITIVE_INFINITY,
): {
  readonly tensors: readonly SafetensorsPlace[];
  readonly metadata: ReadonlyMap<string, string>;
  readonly bodyLength: number;
} {
  if (bytes.length < 8) throw bad('HeaderTooSmall: the file has fewer than 8 bytes');
  const declared = dataView(bytes).getBigUint64(0, true);
  if (declared > BigInt(MAX_HEADER)) throw bad(`HeaderTooLarge: ${declared} bytes`);
  const length = Number(declared);
  if (length > bytes.length - 8)
    throw bad(`InvalidHeaderLength: ${length} bytes, but the file goes on for ${bytes.length - 8}`);
  const tensors: SafetensorsPlace[] = [];
  const metadata = new Map<string, string>();
  for (const [name, entry] of Object.entries(parseHeader(bytes.subarray(8, 8 + length)))) {
    if (name === '__metadata__') {
      if (!isRecord(entry)) throw bad('__metadata__ is not a map');
      for (const [key, value] of Object.entries(entry)) {
        if (typeof value !== 'string') throw bad(`__metadata__.${key} is not a string`);
        metadata.set(key, value);
      }
      continue;
    }
    const place = parseEntry(name, entry);
    if (place.end > available)
      throw bad(`InvalidOffset: ${name} ends at ${place.end}, and there are ${available} bytes of data`);
    tensors.push({ name, ...place });
  }
  let at = 0;
  for (const { name, start, end } of [...tensors].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== at)
      throw bad(`InvalidOffset: ${name} begins at ${start}, and the data before it ends at ${at}`);
    at = end;
  }
  return { tensors, metadata, bodyLength: at };
}

/** Reads the header and checks that the tensors it declares fill the rest of the file, without gap or overlap. */
export function readSafetensors(bytes: Uint8Array): SafetensorsFile {
  const length = bytes.length < 8 ? 0 : Number(dataView(bytes).getBigUint64(0, true));
  const body = bytes.subarray(8 + length);
  const { tensors, metadata, bodyLength } = parseSafetensorsHeader(bytes, body.length);
  if (bodyLength !== body.length)
    throw bad(`MetadataIncompleteBuffer: ${body.length - bodyLength} bytes belong to no tensor`);
  return {
    tensors: new Map(
      tensors.map(({ name, dtype, shape, start, end }) => [
        name,
        { dtype, shape, data: body.subarray(start, end) },
      ]),
    ),
    metadata,
  };
}

const isRecord = (x: unknown): x is Record<string, unknown> =>
  typeof x === 'object' && x !== null && !Array.isArray(x);

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  if (bytes[0] !== 0x7b) throw bad('InvalidHeaderStart: the header does not begin with {');
  let header: unknown;
  try {
    header = JSON.parse(decodeUtf8(bytes));
  } catch (error) {
    throw bad(`InvalidHeaderDeserialization: ${(error as Error).message}`);
  }
  if (!isRecord(header)) throw bad('the header is not a map');
  return header;
}

function parseEntry(
  name: string,
  entry: unknown,
): { dtype: DType; shape: number[]; start: number; end: number } {
  const quoted = JSON.stringify(name);
  if (!isRecord(entry)) throw bad(`${quoted} is not a map`);
  const { dtype: dtypeName, shape, data_offsets: offsets } = entry;
  const isSize = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
  const dtype = dtypeOf.get(dtypeName as string);
  if (!dtype)
    throw new NotSupportedError(
      `safetensors: ${quoted} has dtype ${JSON.stringify(dtypeName)}; Sconce has ${[...dtypeOf.keys()].join(', ')}`,
    );
  if (!Array.isArray(shape) || !shape.every(isSize)) throw bad(`${quoted} has no shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    throw bad(`${quoted} has no data_offsets`);
  const [start, end] = offsets;
  const wanted = shape.reduce((a: number, b: number) => a * b, dtypes[dtype].bytes);
  if (end - start !== wanted)
    throw bad(
      `TensorInvalidInfo: ${quoted} of dtype ${dtypeName} and shape [${shape.join(', ')}] needs ${wanted} bytes, not ${end - start}`,
    );
  return { dtype, shape, start, end };
}

/** The bytes of a safetensors file, as the format's own library writes them: by dtype, then by name. */
export function writeSafetensors(
  tensors: Iterable<readonly [string, SafetensorsEntry]>,
  metadata: Iterable<readonly [string, string]> = [],
): Uint8Array {
  const entries = [...tensors].sort(
    ([a, x], [b, y]) => rank(x.dtype) - rank(y.dtype) || (a < b ? -1 : a > b ? 1 : 0),
  );
  const parts: string[] = [];
  const meta = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  if (meta.length) parts.push(`"__metadata__":{${meta.join(',')}}`);
  let at = 0;
  const seen = new Set(['__metadata__']);
  for (const [name, { dtype, shape, data }] of entries) {
    if (seen.has(name))
      throw new TorchError(`safetensors: the name ${JSON.stringify(name)} cannot be used twice or at all`);
    seen.add(name);
    const place = `"dtype":"${nameOf.get(dtype)}","shape":[${shape.join(',')}],"data_offsets":[${at},${at + data.length}]`;
    parts.push(`${JSON.stringify(name)}:{${place}}`);
    at += data.length;
  }
  const header = encodeUtf8(`{${parts.join(',')}}`);
  const out = new ByteWriter();
  const padding = (8 - (header.length % 8)) % 8;
  out.u64(header.length + padding);
  out.bytes(header);
  out.fill(0x20, padding);
  for (const [, { data }] of entries) out.bytes(data);
  return out.finish();
}

/** The tensors of a safetensors file, in the order of its header, on a device. */
export function loadSafetensors(
  bytes: Uint8Array,
  device?: Device | string | Backend | null,
): Map<string, Tensor> {
  const backend = backendOf(device);
  const out = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data }] of readSafetensors(bytes).tensors)
    out.set(name, fromTypedArray(arrayFromBytes(data, dtype), shape, dtype, backend));
  return out;
}

/** A safetensors file of these tensors; each is written densely, whatever its strides. */
export async function saveSafetensors(
  tensors: Iterable<readonly [string, Tensor]> | Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  const pairs = Symbol.iterator in tensors ? [...tensors] : Object.entries(tensors);
  const entries = pairs.map(async ([name, tensor]) => {
    const { dtype, shape } = tensor;
    return [name, { dtype, shape, data: bytesOfArray(await readRaw(tensor)) }] as const;
  });
  return writeSafetensors(await Promise.all(entries), Object.entries(metadata));
}
