/** Reads a zip archive as it comes in, entry by entry, so that what is done with can be dropped before the rest is there. */
import { crc32, dataView } from './bytes.ts';
import type { ChunkReader } from './chunk-reader.ts';
import {
  archiveOf,
  bad,
  type Entry,
  entryName,
  findDirectory,
  LOCAL,
  readDirectory,
  type ZipArchive,
} from './zip.ts';

const DESCRIPTOR = 0x08074b50;
const ZIP64 = 0xffffffff;

/** An entry that has come in whole. */
export interface StreamedEntry {
  readonly name: string;
  /** Bytes as they are, not deflated. */
  readonly isStored: boolean;
  /** In an array of their own, from its first byte on. */
  readonly data: Uint8Array;
}

interface Seen {
  readonly name: string;
  readonly length: number;
  /** Of stored bytes; undefined for deflated ones, which are checked when they are read. */
  readonly crc: number | undefined;
  /** Undefined where `take` took them. */
  readonly data: Uint8Array | undefined;
}

/**
 * The archive that comes in. `take` is shown each entry when it is complete and says whether it keeps the bytes itself;
 * then the archive does not, and `read` of that entry throws. Every entry is held against the directory at the end.
 */
export async function readZipStream(
  reader: ChunkReader,
  take: (entry: StreamedEntry) => boolean,
): Promise<ZipArchive> {
  const seen = new Map<number, Seen>();
  for (;;) {
    const header = reader.position;
    if (!(await reader.ensure(4))) throw bad('failed finding central directory (its end is missing)');
    if (dataView(reader.buffer).getUint32(0, true) !== LOCAL) break;
    if (!(await reader.ensure(30))) throw bad('it ends in the middle of an entry');
    const view = dataView(reader.buffer);
    const flags = view.getUint16(6, true);
    const isStored = view.getUint16(8, true) === 0;
    const nameLength = view.getUint16(26, true);
    const extraLength = view.getUint16(28, true);
    let size = view.getUint32(18, true);
    if (!(await reader.ensure(30 + nameLength + extraLength))) throw bad('it ends in the middle of an entry');
    const name = entryName(reader.buffer.subarray(30, 30 + nameLength), flags, seen.size);
    if (size === ZIP64)
      size = wideSize(reader.buffer.subarray(30 + nameLength, 30 + nameLength + extraLength));
    reader.skip(30 + nameLength + extraLength);
    // Bit 3: the sizes come after the data. PyTorch writes all its archives so.
    const data =
      flags & 8 && size === 0
        ? await readUntilDescriptor(reader, isStored, name)
        : await readKnown(reader, size, name, (flags & 8) !== 0);
    const crc = isStored ? crc32(data) : undefined;
    const taken = take({ name, isStored, data });
    seen.set(header, { name, length: data.length, crc, data: taken ? undefined : data });
  }
  const base = reader.position;
  const tail = await reader.rest();
  const entries = new Map<string, Entry>();
  for (const entry of readDirectory(tail, findDirectory(tail, base), base)) {
    const quoted = JSON.stringify(entry.name);
    const found = seen.get(entry.header);
    if (entries.has(entry.name)) throw bad(`the entry ${quoted} is there twice`);
    if (found?.name !== entry.name || found.length !== entry.stored)
      throw bad(`the entry ${quoted} is not what the directory says of it`);
    if (found.crc !== undefined && found.crc !== entry.crc)
      throw bad(`the entry ${quoted} is damaged: its CRC-32 is not the one recorded`);
    entries.set(entry.name, entry);
  }
  return archiveOf(entries, (entry) => {
    const { data } = seen.get(entry.header)!;
    if (!data) throw bad(`the entry ${JSON.stringify(entry.name)} was handed on while the archive came in`);
    return data;
  });
}

/** The stored size in a local header's zip64 field, where it comes after the real one. */
function wideSize(extra: Uint8Array): number {
  const view = dataView(extra);
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true))
    if (view.getUint16(at, true) === 1 && at + 20 <= extra.length)
      return Number(view.getBigUint64(at + 12, true));
  throw bad('an entry claims a zip64 size that is not there');
}

const cut = (name: string) =>
  bad(`the entry ${JSON.stringify(name)} runs past the end of the file (the file is cut off)`);

async function readKnown(
  reader: ChunkReader,
  size: number,
  name: string,
  hasDescriptor: boolean,
): Promise<Uint8Array> {
  const data = await reader.take(size);
  if (!data) throw cut(name);
  if (!hasDescriptor) return data;
  if (!(await reader.ensure(28))) throw cut(name);
  const length = descriptorLength(reader.buffer, 0, size, undefined);
  if (length === 0) throw bad(`the entry ${JSON.stringify(name)} has no descriptor after it`);
  reader.skip(length);
  return data;
}

/** Finds the end of an entry by the descriptor behind it: its signature, the CRC-32 of what came, and its length. */
async function readUntilDescriptor(
  reader: ChunkReader,
  isStored: boolean,
  name: string,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let count = 0;
  let crc = 0;
  const move = (length: number): void => {
    const part = reader.buffer.subarray(0, length);
    if (isStored) crc = crc32(part, crc);
    parts.push(part);
    count += length;
    reader.skip(length);
  };
  for (let from = 0; ; ) {
    const at = signature(reader.buffer, from);
    if (at < 0) {
      // The last three bytes may be the beginning of a signature.
      if (reader.buffer.length > 3) move(reader.buffer.length - 3);
      from = 0;
      if (!(await reader.more())) throw cut(name);
      continue;
    }
    move(at);
    if (!(await reader.ensure(26))) throw cut(name);
    const length = descriptorLength(reader.buffer, 0, count, isStored ? crc : undefined);
    if (length > 0) {
      reader.skip(length);
      return joined(parts, count);
    }
    from = 4;
  }
}

/** Where the descriptor's signature is, from `from` on; -1 where it is not. */
function signature(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0x50, from); at >= 0; at = bytes.indexOf(0x50, at + 1))
    if (bytes[at + 1] === 0x4b && bytes[at + 2] === 7 && bytes[at + 3] === 8) return at;
  return -1;
}

/** How long the descriptor at `at` is, with sizes of four bytes or of eight; 0 where this is none for such an entry. */
function descriptorLength(bytes: Uint8Array, at: number, size: number, crc: number | undefined): number {
  const view = dataView(bytes);
  if (view.getUint32(at, true) !== DESCRIPTOR) return 0;
  if (crc !== undefined && view.getUint32(at + 4, true) !== crc) return 0;
  const follows = (length: number): boolean => bytes[at + length] === 0x50 && bytes[at + length + 1] === 0x4b;
  if (view.getBigUint64(at + 8, true) === BigInt(size) && follows(24)) return 24;
  return view.getUint32(at + 8, true) === size && follows(16) ? 16 : 0;
}

function joined(parts: readonly Uint8Array[], count: number): Uint8Array {
  const out = new Uint8Array(count);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
