/** Reads zip archives as PyTorch writes them (and any other, stored or deflated, zip64 too), trusting none of their claims. */
import { NotSupportedError, TorchError } from '../errors.ts';
import type { DType } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { crc32, dataView, decodeUtf8 } from './bytes.ts';
import { inflate } from './inflate.ts';

export interface ZipArchive {
  /** In the order of the central directory. */
  readonly names: readonly string[];
  has(name: string): boolean;
  /** The declared size of an entry; `read` fails if that is not its real one. */
  size(name: string): number;
  /** An entry's bytes, checked against its CRC-32; a window on the archive itself where it is stored. Throws where there is none. */
  read(name: string): Uint8Array;
  /** The elements of a stored entry that went to a backend while the archive was received; see `receive`. */
  uploaded?(name: string, dtype: DType, length: number): Tensor | undefined;
}

export interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly stored: number;
  readonly size: number;
  readonly header: number;
  data: number;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
export const LOCAL = 0x04034b50;

export const bad = (why: string) => new TorchError(`PytorchStreamReader failed reading zip archive: ${why}`);

/** Whether the bytes begin as a zip archive does (its content may still be damaged). */
export const isZip = (bytes: Uint8Array): boolean =>
  bytes.length >= 4 && bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4;

/**
 * Opens an archive. Every entry's header is checked here, so a damaged or dishonest directory throws at once:
 * outside the file, twice the same name, overlapping another entry, encrypted, an unknown compression.
 */
export function readZip(bytes: Uint8Array): ZipArchive {
  const entries = new Map<string, Entry>();
  const directory = findDirectory(bytes);
  for (const entry of readDirectory(bytes, directory)) {
    if (entries.has(entry.name)) throw bad(`the entry ${JSON.stringify(entry.name)} is there twice`);
    entry.data = locateData(bytes, entry);
    entries.set(entry.name, entry);
  }
  let previous: Entry | undefined;
  for (const entry of [...entries.values()].sort((a, b) => a.header - b.header)) {
    if (previous && entry.header < previous.data + previous.stored)
      throw bad(`the entries ${JSON.stringify(previous.name)} and ${JSON.stringify(entry.name)} overlap`);
    previous = entry;
  }
  if (previous && previous.data + previous.stored > directory.offset)
    throw bad(`the entry ${JSON.stringify(previous.name)} runs into the central directory`);

  return archiveOf(entries, (entry) => bytes.subarray(entry.data, entry.data + entry.stored));
}

/** The archive of these entries, whose bytes `rawOf` gives as they are stored. */
export function archiveOf(
  entries: ReadonlyMap<string, Entry>,
  rawOf: (entry: Entry) => Uint8Array,
): ZipArchive {
  const find = (name: string): Entry => {
    const entry = entries.get(name);
    if (!entry) throw new TorchError(`PytorchStreamReader failed locating file ${name}: file not found`);
    return entry;
  };
  const checked = new Set<Entry>();
  return {
    names: [...entries.keys()],
    has: (name) => entries.has(name),
    size: (name) => find(name).size,
    read(name) {
      const entry = find(name);
      const raw = rawOf(entry);
      const data = entry.method === 0 ? raw : inflateEntry(raw, entry);
      if (!checked.has(entry)) {
        if (crc32(data) !== entry.crc)
          throw bad(`the entry ${JSON.stringify(name)} is damaged: its CRC-32 is not the one recorded`);
        checked.add(entry);
      }
      return data;
    },
  };
}

function inflateEntry(raw: Uint8Array, entry: Entry): Uint8Array {
  try {
    return inflate(raw, entry.size);
  } catch (error) {
    if (error instanceof TorchError) throw bad(`the entry ${JSON.stringify(entry.name)}: ${error.message}`);
    throw error;
  }
}

/** Where the central directory lies in the file whose end, from `base` on, these bytes are. */
export interface Directory {
  readonly offset: number;
  readonly length: number;
  readonly count: number;
}

/** The end record is the last that fits: bytes after it are allowed, as PyTorch allows them. */
export function findDirectory(bytes: Uint8Array, base = 0): Directory {
  const view = dataView(bytes);
  const lowest = Math.max(0, bytes.length - 22 - 0xffff);
  for (let at = bytes.length - 22; at >= lowest; at--) {
    if (bytes[at] !== 0x50 || view.getUint32(at, true) !== END) continue;
    let count = view.getUint16(at + 10, true);
    let length = view.getUint32(at + 12, true);
    let offset = view.getUint32(at + 16, true);
    let end = at;
    if (at >= 20 && view.getUint32(at - 20, true) === LOCATOR64) {
      const record = wide(view, at - 12) - base;
      if (record < 0 || record + 56 > at - 20 || view.getUint32(record, true) !== END64)
        throw bad('its zip64 end record is not where its locator points');
      count = wide(view, record + 32);
      length = wide(view, record + 40);
      offset = wide(view, record + 48);
      end = record;
    }
    if (offset + length > base + end) throw bad('its central directory lies outside the file');
    if (count * 46 > length)
      throw bad(`its central directory of ${length} bytes cannot hold ${count} entries`);
    return { offset, length, count };
  }
  throw bad(
    bytes.length + base === 0
      ? 'the file is empty'
      : 'failed finding central directory (the file is not a zip archive, or its end is missing)',
  );
}

function wide(view: DataView, at: number): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw bad(`it claims a size of ${value} bytes`);
  return Number(value);
}

export function readDirectory(bytes: Uint8Array, directory: Directory, base = 0): Entry[] {
  const view = dataView(bytes);
  const end = directory.offset - base + directory.length;
  const entries: Entry[] = [];
  let at = directory.offset - base;
  if (at < 0) throw bad('its central directory is not where its end record points');
  for (let i = 0; i < directory.count; i++) {
    if (at + 46 > end || view.getUint32(at, true) !== CENTRAL)
      throw bad(`entry ${i} of its central directory is damaged`);
    const flags = view.getUint16(at + 8, true);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const commentLength = view.getUint16(at + 32, true);
    const extra = at + 46 + nameLength;
    if (extra + extraLength + commentLength > end)
      throw bad(`entry ${i} of its central directory is damaged`);
    const name = entryName(bytes.subarray(at + 46, extra), flags, i);
    let stored = view.getUint32(at + 20, true);
    let size = view.getUint32(at + 24, true);
    let header = view.getUint32(at + 42, true);
    for (let field = extra; field + 4 <= extra + extraLength; field += 4 + view.getUint16(field + 2, true)) {
      if (view.getUint16(field, true) !== 1) continue;
      const fieldEnd = Math.min(field + 4 + view.getUint16(field + 2, true), extra + extraLength);
      let cursor = field + 4;
      const next = (): number => {
        if (cursor + 8 > fieldEnd) throw bad(`the zip64 field of ${JSON.stringify(name)} is too short`);
        cursor += 8;
        return wide(view, cursor - 8);
      };
      if (size === 0xffffffff) size = next();
      if (stored === 0xffffffff) stored = next();
      if (header === 0xffffffff) header = next();
    }
    const method = view.getUint16(at + 10, true);
    if (flags & 1) throw new NotSupportedError(`zip archive: the entry ${JSON.stringify(name)} is encrypted`);
    if (method !== 0 && method !== 8)
      throw new NotSupportedError(
        `zip archive: the entry ${JSON.stringify(name)} is compressed by method ${method}; stored (0) and deflated (8) are known`,
      );
    if (method === 0 && stored !== size)
      throw bad(`the stored entry ${JSON.stringify(name)} claims ${size} bytes in ${stored}`);
    entries.push({ name, method, crc: view.getUint32(at + 16, true), stored, size, header, data: 0 });
    at = extra + extraLength + commentLength;
  }
  return entries;
}

/** Where an entry's data begins; checked against the file's end and the name in its local header. */
function locateData(bytes: Uint8Array, entry: Entry): number {
  const view = dataView(bytes);
  const quoted = JSON.stringify(entry.name);
  if (entry.header + 30 > bytes.length || view.getUint32(entry.header, true) !== LOCAL)
    throw bad(`the entry ${quoted} has no header where the directory says`);
  const nameEnd = entry.header + 30 + view.getUint16(entry.header + 26, true);
  const data = nameEnd + view.getUint16(entry.header + 28, true);
  if (data + entry.stored > bytes.length) throw bad(`the entry ${quoted} runs past the end of the file`);
  const flags = view.getUint16(entry.header + 6, true);
  if (entryName(bytes.subarray(entry.header + 30, nameEnd), flags, 0) !== entry.name)
    throw bad(`the entry ${quoted} has another name in its own header`);
  return data;
}

export function entryName(bytes: Uint8Array, flags: number, index: number): string {
  if (!(flags & 0x800) && bytes.some((b) => b >= 0x80)) return String.fromCharCode(...bytes);
  try {
    return decodeUtf8(bytes);
  } catch {
    throw bad(`the name of entry ${index} is not UTF-8`);
  }
}
