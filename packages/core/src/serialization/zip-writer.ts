/** Writes zip archives byte for byte as PyTorch's writer does: every record's data at a multiple of 64, stored unless it comes deflated. */
import { TorchError } from '../errors.ts';
import { ByteWriter, crc32, encodeUtf8 } from './bytes.ts';

export interface ZipRecord {
  readonly name: string;
  readonly data: Uint8Array;
  /** The data compressed by raw deflate, where that is what shall be written. */
  readonly packed?: Uint8Array;
}

const ALIGNMENT = 64;
const MAX32 = 0xffffffff;

/** How a record's data is written, and which version of zip a reader needs for it. */
interface Method {
  readonly code: number;
  readonly version: number;
}
const STORED: Method = { code: 0, version: 0 };
const DEFLATED: Method = { code: 8, version: 20 };

/** The archive that holds `records` in their order. Names must differ. */
export function writeZip(records: Iterable<ZipRecord>): Uint8Array {
  const parts: Uint8Array[] = [];
  const central = new ByteWriter();
  const seen = new Set<string>();
  let offset = 0;
  const put = (part: Uint8Array): void => {
    parts.push(part);
    offset += part.length;
  };
  for (const { name, data, packed } of records) {
    if (seen.has(name))
      throw new TorchError(`zip archive: the record ${JSON.stringify(name)} is given twice`);
    seen.add(name);
    const bytes = encodeUtf8(name);
    if (bytes.length > 0xffff) throw new TorchError(`zip archive: a record's name has ${bytes.length} bytes`);
    const crc = crc32(data);
    const header = offset;
    const size64 = data.length >= MAX32;
    const offset64 = header >= MAX32;
    // Sizes and CRC follow the data in a descriptor (flag 8), except for an empty record; the name is UTF-8 (0x800).
    const flags = data.length ? 0x808 : 0x800;
    const method = packed ? DEFLATED : STORED;
    const written = packed ?? data;
    put(localHeader(header, bytes, flags, method, size64));
    put(written);
    if (data.length) put(descriptor(crc, written.length, data.length, size64));

    central.u32(0x02014b50);
    central.u16(0);
    central.u16(method.version);
    central.u16(flags);
    central.u16(method.code);
    central.u32(0);
    central.u32(crc);
    central.u32(size64 ? MAX32 : written.length);
    central.u32(size64 ? MAX32 : data.length);
    central.u16(bytes.length);
    central.u16(size64 || offset64 ? 4 + (size64 ? 16 : 0) + (offset64 ? 8 : 0) : 0);
    central.fill(0, 10);
    central.u32(offset64 ? MAX32 : header);
    central.bytes(bytes);
    if (size64 || offset64) {
      central.u16(1);
      central.u16((size64 ? 16 : 0) + (offset64 ? 8 : 0));
      if (size64) {
        central.u64(data.length);
        central.u64(written.length);
      }
      if (offset64) central.u64(header);
    }
  }
  const start = offset;
  put(central.finish());
  put(endRecords(start, offset - start, seen.size));

  const out = new Uint8Array(offset);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function localHeader(
  at: number,
  name: Uint8Array,
  flags: number,
  method: Method,
  size64: boolean,
): Uint8Array {
  const out = new ByteWriter();
  const wideField = size64 ? 20 : 0;
  // The padding field "FB" is always there, as PyTorch's is, even when it pads by nothing.
  const unpadded = at + 30 + name.length + wideField + 4;
  const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
  out.u32(0x04034b50);
  out.u16(method.version);
  out.u16(flags);
  out.u16(method.code);
  out.fill(0, 4);
  out.u32(0);
  out.u32(size64 ? MAX32 : 0);
  out.u32(size64 ? MAX32 : 0);
  out.u16(name.length);
  out.u16(wideField + 4 + padding);
  out.bytes(name);
  if (size64) {
    out.u16(1);
    out.u16(16);
    out.u64(0);
    out.u64(0);
  }
  out.u16(0x4246);
  out.u16(padding);
  out.fill(0x5a, padding);
  return out.finish();
}

function descriptor(crc: number, packed: number, size: number, size64: boolean): Uint8Array {
  const out = new ByteWriter();
  out.u32(0x08074b50);
  out.u32(crc);
  for (const length of [packed, size]) size64 ? out.u64(length) : out.u32(length);
  return out.finish();
}

/** The zip64 end record and its locator, always there as PyTorch writes them, then the ordinary one. */
function endRecords(start: number, length: number, count: number): Uint8Array {
  const out = new ByteWriter();
  out.u32(0x06064b50);
  out.u64(44);
  out.u16(0x031e);
  out.u16(0x002d);
  out.fill(0, 8);
  for (const value of [count, count, length, start]) out.u64(value);
  out.u32(0x07064b50);
  out.u32(0);
  out.u64(start + length);
  out.u32(1);
  out.u32(0x06054b50);
  out.u32(0);
  out.u16(Math.min(count, 0xffff));
  out.u16(Math.min(count, 0xffff));
  out.u32(Math.min(length, MAX32));
  out.u32(Math.min(start, MAX32));
  out.u16(0);
  return out.finish();
}
