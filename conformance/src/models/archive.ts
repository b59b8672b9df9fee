/** Puts a committed archive together again: reads the gzipped tar, fills in the weights, writes a zip as PyTorch does. */
import { uniform, weight } from './fill.ts';

export interface Recipe {
  readonly root: string;
  readonly records: readonly {
    readonly record: string;
    readonly name?: string;
    readonly shape?: readonly number[];
    readonly statistic?: number;
    /** A quantised weight: integers from the generator, and the order in which they lie. */
    readonly integers?: 'contiguous' | 'channels last';
    readonly zeros?: number;
  }[];
}

/** A whole TorchScript archive from what is committed: its records, and the blob that holds the norms' statistics. */
export async function restore(stripped: Uint8Array, blob: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const records = untar(await gunzip(stripped));
  const recipe = JSON.parse(new TextDecoder().decode(take(records, 'recipe.json'))) as Recipe;
  return zip(
    recipe.records.map(({ record, name, shape = [], statistic, integers, zeros }) => {
      let data: Uint8Array;
      if (zeros !== undefined) data = new Uint8Array(zeros);
      else if (name === undefined) data = take(records, record);
      else if (integers !== undefined) data = quantised(name, shape, integers);
      else if (statistic === undefined) data = new Uint8Array(weight(name, shape).buffer);
      else data = widen(blob, statistic, shape);
      return [`${recipe.root}/${record}`, data] as const;
    }),
  );
}

function take(records: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const record = records.get(name);
  if (!record) throw new Error(`models: the committed archive lacks ${name}`);
  return record;
}

/** From -127 to 127, each about as often. */
function quantised(
  name: string,
  shape: readonly number[],
  order: 'contiguous' | 'channels last',
): Uint8Array {
  const integers = Int8Array.from(uniform(name, shape, 127.25), (x) => Math.floor(x + 0.5));
  if (order === 'contiguous') return new Uint8Array(integers.buffer);
  const [channels, ...window] = shape.slice(1);
  const area = window.reduce((a, b) => a * b, 1);
  const last = new Int8Array(integers.length);
  for (let i = 0; i < integers.length; i++) {
    const position = i % area;
    const channel = Math.floor(i / area) % channels;
    const filter = Math.floor(i / (area * channels));
    last[(filter * area + position) * channels + channel] = integers[i];
  }
  return new Uint8Array(last.buffer);
}

/** bfloat16 values as float32 bytes: the low half is zero. */
function widen(blob: Uint8Array, offset: number, shape: readonly number[]): Uint8Array {
  const count = shape.reduce((product, size) => product * size, 1);
  const bytes = new Uint8Array(4 * count);
  for (let i = 0; i < count; i++) {
    bytes[4 * i + 2] = blob[offset + 2 * i];
    bytes[4 * i + 3] = blob[offset + 2 * i + 1];
  }
  return bytes;
}

export async function gunzip(bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  return new Uint8Array(
    await new Response(stream.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer(),
  );
}

/** The members of a ustar archive; nothing but files is in ours. */
export function untar(bytes: Uint8Array): Map<string, Uint8Array> {
  const text = (from: number, length: number) => {
    const field = bytes.subarray(from, from + length);
    const end = field.indexOf(0);
    return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
  };
  const members = new Map<string, Uint8Array>();
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const prefix = text(at + 345, 155);
    const size = Number.parseInt(text(at + 124, 12), 8);
    members.set((prefix ? `${prefix}/` : '') + text(at, 100), bytes.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members;
}

/** A zip of stored records whose data start at multiples of 64 bytes, by a padding field "FB" as PyTorch writes it. */
export function zip(
  records: readonly (readonly [name: string, data: Uint8Array])[],
): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const [name, data] of records) {
    const path = new TextEncoder().encode(name);
    const crc = crc32(data);
    const padding = (64 - ((at + 30 + path.length + 4) % 64)) % 64;
    const extra = new Uint8Array(4 + padding).fill(90);
    extra.set([70, 66, padding & 255, padding >> 8]);
    const fields = [0x0000_0800, 0, crc, data.length, data.length, path.length];
    directory.push(header(0x02014b50, 0, fields, 0, at), path);
    parts.push(header(0x04034b50, 0, fields, extra.length), path, extra, data);
    at += 30 + path.length + extra.length + data.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = new DataView(new ArrayBuffer(22));
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, records.length, true);
  end.setUint16(10, records.length, true);
  end.setUint32(12, size, true);
  end.setUint32(16, at, true);
  return join([...parts, ...directory, new Uint8Array(end.buffer)], at + size + 22);
}

/** A local header, or with `offset` the same record's entry in the central directory. */
function header(
  signature: number,
  version: number,
  [flags, method, crc, packed, size, pathLength]: readonly number[],
  extraLength: number,
  offset?: number,
): Uint8Array {
  const central = offset !== undefined;
  const view = new DataView(new ArrayBuffer(central ? 46 : 30));
  view.setUint32(0, signature, true);
  view.setUint16(4, version, true);
  const at = central ? 8 : 6;
  view.setUint16(at, flags, true);
  view.setUint16(at + 2, method, true);
  view.setUint32(at + 8, crc, true);
  view.setUint32(at + 12, packed, true);
  view.setUint32(at + 16, size, true);
  view.setUint16(at + 20, pathLength, true);
  view.setUint16(at + 22, extraLength, true);
  if (central) view.setUint32(42, offset, true);
  return new Uint8Array(view.buffer);
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Four tables: four bytes a step, since the archives hold hundreds of megabytes. */
const tables = Array.from({ length: 4 }, () => new Uint32Array(256));
for (let i = 0; i < 256; i++) {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  tables[0][i] = crc;
}
for (let k = 1; k < 4; k++)
  for (let i = 0; i < 256; i++) tables[k][i] = (tables[k - 1][i] >>> 8) ^ tables[0][tables[k - 1][i] & 255];

/** The checksum of zip and gzip. */
export function crc32(data: Uint8Array): number {
  const [t0, t1, t2, t3] = tables;
  let crc = -1;
  let i = 0;
  for (const whole = data.length & ~3; i < whole; i += 4) {
    crc ^= data[i] | (data[i + 1] << 8) | (data[i + 2] << 16) | (data[i + 3] << 24);
    crc = t3[crc & 255] ^ t2[(crc >>> 8) & 255] ^ t1[(crc >>> 16) & 255] ^ t0[crc >>> 24];
  }
  for (; i < data.length; i++) crc = t0[(crc ^ data[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
