import { describe, expect, test } from 'vitest';
import { TorchError, writeZip, type ZipArchive } from '../../src/index.ts';
import { ChunkReader } from '../../src/serialization/chunk-reader.ts';
import { readZipStream, type StreamedEntry } from '../../src/serialization/zip-stream.ts';
import { fromBase64, goldens, sha256, unpacked } from './goldens.ts';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

const stream = (
  bytes: Uint8Array,
  size: number,
  take: (entry: StreamedEntry) => boolean = () => false,
): Promise<ZipArchive> => readZipStream(new ChunkReader(inPieces(bytes, size)), take);

const readAll = (zip: ZipArchive): Record<string, string> =>
  Object.fromEntries(zip.names.map((name) => [name, sha256(zip.read(name))]));

describe('readZipStream', () => {
  for (const [kind, archive] of Object.entries<string>(goldens.archives))
    test(`reads what Python wrote, in pieces of any size: ${kind}`, async () => {
      for (const size of [1, 7, 64, 1000, 1 << 20]) {
        const zip = await stream(fromBase64(archive), size);
        for (const [name, digest] of goldens.entries)
          expect([name, sha256(zip.read(name))]).toEqual([name, digest]);
      }
    });

  test('finds the end of an entry whose bytes are a descriptor themselves, by the CRC-32', async () => {
    const noise = unpacked(goldens.noise).slice(0, 5000);
    const inner = writeZip([{ name: 'a', data: noise }]);
    const archive = withDescriptors([
      ['root/data/0', inner],
      ['root/data/1', withDescriptors([['b', inner]])],
      ['root/empty', new Uint8Array(0)],
    ]);
    for (const size of [1, 13, 4096]) {
      const zip = await stream(archive, size);
      expect(zip.names).toEqual(['root/data/0', 'root/data/1', 'root/empty']);
      expect(zip.read('root/data/0')).toEqual(inner);
      expect(zip.read('root/empty').length).toBe(0);
    }
  });

  test('hands entries on as they come, and keeps none that is taken', async () => {
    const archive = fromBase64(goldens.archives.stored);
    const order: string[] = [];
    const zip = await stream(archive, 100, ({ name }) => {
      order.push(name);
      return name.includes('data/');
    });
    expect(order).toEqual(goldens.entries.map((e: string[]) => e[0]));
    const taken = zip.names.find((name) => name.includes('data/'))!;
    expect(() => zip.read(taken)).toThrow(/handed on/);
  });

  test('throws a TorchError for every truncation', async () => {
    for (const kind of ['stored', 'zip64']) {
      const bytes = fromBase64(goldens.archives[kind]);
      for (let n = 0; n < bytes.length; n += n < 200 || n > bytes.length - 300 ? 3 : 997)
        await expect(stream(bytes.subarray(0, n), 512), `${kind}: ${n} bytes`).rejects.toThrow(TorchError);
    }
  });

  test('throws a TorchError or reads the same, whichever byte is changed', async () => {
    const bytes = withDescriptors([
      ['root/data.pkl', unpacked(goldens.noise).slice(0, 300)],
      ['root/data/0', unpacked(goldens.noise).slice(300, 900)],
    ]);
    const want = readAll(await stream(bytes, 64));
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = bytes.slice();
      changed[at] ^= 0x21;
      try {
        expect(readAll(await stream(changed, 200)), `byte ${at}`).toEqual(want);
      } catch (error) {
        if (!(error instanceof TorchError)) throw error;
      }
    }
  });
});

/** An archive as PyTorch's writer makes it: no sizes in the entries' headers, a descriptor behind each. */
function withDescriptors(records: [string, Uint8Array][]): Uint8Array {
  const plain = writeZip(records.map(([name, data]) => ({ name, data })));
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let end = plain.length - 22;
  while (view.getUint32(end, true) !== 0x06054b50) end--;
  let central = view.getUint32(end + 16, true);
  let offset = 0;
  for (const [name, data] of records) {
    const entry = plain.slice(
      central,
      central + 46 + view.getUint16(central + 28, true) + view.getUint16(central + 30, true),
    );
    const header = view.getUint32(central + 42, true);
    central += entry.length;
    const local = plain.slice(header, header + 30 + name.length);
    const crc = new DataView(entry.buffer).getUint32(16, true);
    const at = new DataView(local.buffer);
    at.setUint16(6, at.getUint16(6, true) | 8, true);
    at.setUint32(14, 0, true);
    at.setUint32(18, 0, true);
    at.setUint32(22, 0, true);
    at.setUint16(28, 0, true);
    const descriptor = new Uint8Array(16);
    const d = new DataView(descriptor.buffer);
    d.setUint32(0, 0x08074b50, true);
    d.setUint32(4, crc, true);
    d.setUint32(8, data.length, true);
    d.setUint32(12, data.length, true);
    const e = new DataView(entry.buffer);
    e.setUint32(42, offset, true);
    parts.push(local, data, descriptor);
    directory.push(entry);
    offset += local.length + data.length + 16;
  }
  const tail = plain.slice(end);
  new DataView(tail.buffer).setUint32(
    12,
    directory.reduce((n, p) => n + p.length, 0),
    true,
  );
  new DataView(tail.buffer).setUint32(16, offset, true);
  return Uint8Array.from(Buffer.concat([...parts, ...directory, tail]));
}
