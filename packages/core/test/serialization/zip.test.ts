import { describe, expect, test } from 'vitest';
import { crc32, inflate, readZip, TorchError, writeZip } from '../../src/index.ts';
import { fromBase64, goldens, sha256, unpacked } from './goldens.ts';

const text = (s: string) => new TextEncoder().encode(s);
const noise = unpacked(goldens.noise);

describe('readZip', () => {
  for (const [kind, archive] of Object.entries<string>(goldens.archives))
    test(`reads what Python wrote: ${kind}`, () => {
      const zip = readZip(fromBase64(archive));
      for (const [name, digest] of goldens.entries)
        expect([name, sha256(zip.read(name))]).toEqual([name, digest]);
    });

  test('gives a window on the archive for a stored entry', () => {
    const bytes = fromBase64(goldens.archives.stored);
    expect(readZip(bytes).read('a/data/0').buffer).toBe(bytes.buffer);
  });

  test('reads an archive that lies inside a larger buffer, with garbage behind it', () => {
    const bytes = fromBase64(goldens.archives.stored);
    const larger = new Uint8Array(bytes.length + 200).fill(7);
    larger.set(bytes, 100);
    expect(readZip(larger.subarray(100)).names).toEqual(goldens.entries.map((e: string[]) => e[0]));
  });

  test("names a missing entry in PyTorch's words", () => {
    expect(() => readZip(fromBase64(goldens.archives.stored)).read('a/constants.pkl')).toThrow(
      'PytorchStreamReader failed locating file a/constants.pkl: file not found',
    );
  });

  test('throws a TorchError for every truncation', () => {
    const bytes = fromBase64(goldens.archives.zip64);
    for (let n = 0; n < bytes.length; n += n < 200 || n > bytes.length - 500 ? 1 : 37)
      expect(() => readAll(bytes.subarray(0, n)), `${n} bytes`).toThrow(TorchError);
  });

  test('throws a TorchError or reads the same, whichever byte is changed', () => {
    for (const kind of ['stored', 'deflated at level 9', 'zip64']) {
      const bytes = fromBase64(goldens.archives[kind]);
      for (let n = 0; n < bytes.length; n += n > bytes.length - 300 ? 1 : 23)
        for (const flip of [0xff, 0x01]) {
          const changed = bytes.slice();
          changed[n] ^= flip;
          let read: ReturnType<typeof readAll>;
          try {
            read = readAll(changed);
          } catch (error) {
            expect(error, `byte ${n} of ${kind}`).toBeInstanceOf(TorchError);
            continue;
          }
          const names = new Set(read.map(([name]) => name));
          for (const [name, digest] of goldens.entries)
            if (names.has(name)) expect(read.find((e) => e[0] === name)![1]).toBe(digest);
        }
    }
  });

  test('refuses an entry given twice', () => {
    const bytes = writeZip([
      { name: 'a/x', data: text('one') },
      { name: 'a/y', data: text('two') },
    ]);
    for (let i = 0; i + 3 <= bytes.length; i++)
      if (bytes[i] === 97 && bytes[i + 2] === 121) bytes[i + 2] = 120;
    expect(() => readZip(bytes)).toThrow('the entry "a/x" is there twice');
  });

  test('refuses entries that overlap', () => {
    const bytes = writeZip([
      { name: 'a/x', data: text('one') },
      { name: 'a/y', data: text('two') },
    ]);
    const view = new DataView(bytes.buffer);
    const central = bytes.findIndex((_, i) => i + 4 < bytes.length && view.getUint32(i, true) === 0x02014b50);
    for (const at of [central + 20, central + 24]) view.setUint32(at, 80, true);
    expect(() => readZip(bytes)).toThrow('the entries "a/x" and "a/y" overlap');
  });

  test('refuses a size that the compressed bytes cannot have, before allocating it', () => {
    expect(() => inflate(new Uint8Array(20), 2 ** 40)).toThrow(
      'can never inflate to the declared 1099511627776',
    );
  });

  test('names encryption and compressions that it does not know', () => {
    for (const [offset, value, message] of [
      [8, 1, 'is encrypted'],
      [10, 12, 'is compressed by method 12'],
    ] as const) {
      const bytes = fromBase64(goldens.archives.stored);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const central = bytes.findIndex(
        (_, i) => i + 4 < bytes.length && view.getUint32(i, true) === 0x02014b50,
      );
      view.setUint16(central + offset, value, true);
      expect(() => readZip(bytes)).toThrow(message);
    }
  });
});

const readAll = (bytes: Uint8Array): [string, string][] => {
  const zip = readZip(bytes);
  return zip.names.map((name) => [name, sha256(zip.read(name))]);
};

describe('inflate', () => {
  for (const { name, size, sha256: digest, data } of goldens.inflate)
    test(`gives back what zlib deflated: ${name}`, () => {
      expect(sha256(inflate(fromBase64(data), size))).toBe(digest);
      expect(() => inflate(fromBase64(data), size - 1)).toThrow('more than the declared');
      expect(() => inflate(fromBase64(data), size + 1)).toThrow(`not the declared ${size + 1}`);
      expect(() => inflate(fromBase64(data).subarray(0, -3), size)).toThrow('ends too early');
    });
});

describe('writeZip', () => {
  test("writes PyTorch's own bytes", () => {
    const records = goldens.written.records.map(([name, data]: string[]) => ({
      name,
      data: fromBase64(data),
    }));
    expect(Buffer.from(writeZip(records)).equals(Buffer.from(fromBase64(goldens.written.archive)))).toBe(
      true,
    );
  });

  test('refuses two records of one name', () => {
    const record = { name: 'a', data: text('x') };
    expect(() => writeZip([record, record])).toThrow('given twice');
  });
});

test('crc32 is what zlib computes', () => {
  for (const [n, value] of goldens.crc32) expect([n, crc32(noise.subarray(0, n))]).toEqual([n, value]);
});
