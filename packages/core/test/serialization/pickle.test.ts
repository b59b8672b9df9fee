import { describe, expect, test } from 'vitest';
import {
  decodeUtf8,
  encodeUtf8,
  OrderedDict,
  PickleGlobal,
  PickleTuple,
  pickle,
  TorchError,
  tuple,
  unpickle,
} from '../../src/index.ts';
import { fromBase64, goldens, sha256, unpacked } from './goldens.ts';

/** What generate.py's `plain` makes of a value; floats come boxed, so that 1.0 and 1 differ. */
class Float {
  constructor(readonly value: number) {}
}
function plain(value: unknown): unknown {
  if (value instanceof Float) {
    const { value: x } = value;
    const text = Object.is(x, -0) ? '-0.0' : x === Infinity ? 'inf' : x === -Infinity ? '-inf' : x;
    return { float: text };
  }
  if (typeof value === 'bigint') return { int: String(value) };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  if (value instanceof PickleTuple) return { tuple: Array.from(value, plain) };
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof OrderedDict) return { ordered: [...value].map(([k, v]) => [plain(k), plain(v)]) };
  if (value instanceof Map) return { dict: [...value].map(([k, v]) => [plain(k), plain(v)]) };
  if (value instanceof Set) return { set: [...value] };
  return value;
}
/** The golden's floats are Python's text; as numbers where JavaScript reads them. */
const golden = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (key, v) => (key === 'float' && !/inf|-0\.0/.test(v) ? Number(v) : v));

describe('unpickle', () => {
  for (const { name, value, pickles } of goldens.pickles)
    test(`reads ${name} in every protocol`, () => {
      pickles.forEach((text: string, protocol: number) => {
        const bytes = unpacked(text);
        const read = unpickle(bytes, { float: (x) => new Float(x) });
        expect(plain(read.value), `protocol ${protocol}`).toEqual(golden(value));
        expect(read.end).toBe(bytes.length);
      });
    });

  test('keeps sharing', () => {
    const { pickles } = goldens.pickles.find((p: { name: string }) => p.name === 'a shared list');
    const [a, b] = unpickle(unpacked(pickles[2])).value as unknown[];
    expect(a).toBe(b);
  });

  test('names os.system and runs nothing, in every protocol', () => {
    for (const text of goldens.osSystem)
      expect(() => unpickle(fromBase64(text))).toThrow(
        /Unsupported global: GLOBAL (posix|os)\.system was not an allowed/,
      );
  });

  test('throws a TorchError for every truncation, and for most changes of a byte; never anything else', () => {
    for (const { pickles } of goldens.pickles.filter((p: { name: string }) => !/long/.test(p.name)))
      for (const text of pickles) {
        const bytes = unpacked(text);
        for (let n = 0; n < bytes.length; n += 3) {
          expect(() => unpickle(bytes.subarray(0, n))).toThrow(TorchError);
          const changed = bytes.slice();
          changed[n] ^= 0x55;
          try {
            unpickle(changed);
          } catch (error) {
            expect(error).toBeInstanceOf(TorchError);
          }
        }
      }
  });

  test('does not let a small pickle unfold to a large value', () => {
    const text = 'x'.repeat(5000);
    const head = pickle(tuple<unknown>(new PickleGlobal('_codecs', 'encode'), text, 'latin1')).subarray(
      0,
      -1,
    );
    const again = [0x68, 0, 0x68, 1, 0x68, 2, 0x86, 0x52];
    const bytes = new Uint8Array([...head, ...Array.from({ length: 1000 }, () => again).flat(), 0x2e]);
    expect(() => unpickle(bytes)).toThrow('unfolds to far more than its own size');
  });

  test('lets only what an allow-list gives be called, made or given a state', () => {
    const seen: unknown[] = [];
    const point = new PickleGlobal('shapes', 'Point', {
      create: (args) => ({ args: [...args] }),
      build: (object, state) => void seen.push(object, state),
    });
    const code = (s: string) => new Uint8Array(Buffer.from(s, 'latin1'));
    const global = (module: string, name: string) =>
      module === 'shapes' && name === 'Point' ? point : undefined;
    const made = unpickle(code('\x80\x02cshapes\nPoint\nK\x01\x85\x81}b.'), { global }).value;
    expect(made).toEqual({ args: [1] });
    expect(seen).toEqual([made, new Map()]);
    expect(() => unpickle(code('\x80\x02cshapes\nPoint\n)R.'), { global })).toThrow(
      'shapes.Point may not be called',
    );
    expect(() => unpickle(code('\x80\x02]}b.'))).toThrow('a list may not be given a state');
    expect(() => unpickle(code('\x80\x02K\x01Q.'))).toThrow('persistent id');
  });

  test('refuses damaged structure with its place', () => {
    const code = (s: string) => new Uint8Array(Buffer.from(s, 'latin1'));
    expect(() => unpickle(code('\x80\x02.'))).toThrow('the stack is empty (at byte 2)');
    expect(() => unpickle(code('\x80\x02(0t.'))).toThrow('there is no mark');
    expect(() => unpickle(code('\x80\x02h\x07.'))).toThrow('the memo has no entry 7');
    expect(() => unpickle(code('\x80\x02)K\x01a.'))).toThrow('a tuple is appended to');
    expect(() => unpickle(code('\x80\x09N.'))).toThrow('unsupported pickle protocol: 9');
    expect(() => unpickle(code('\x80\x02\xff.'))).toThrow('unknown opcode 0xff at byte 2');
    expect(() => unpickle(code('\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.'))).toThrow(
      'claims a value of',
    );
    expect(() => unpickle(code('\x80\x02(K\x01K\x02\x85'))).toThrow('ends in the middle');
  });
});

describe('pickle', () => {
  for (const { name, pickles, python2 } of goldens.pickles.filter((p: { python2?: string }) => p.python2))
    test(`writes ${name} as Python's pickler does`, () => {
      // Floats are boxed on reading and written as such, which is what `extend` is for.
      const value = unpickle(unpacked(pickles[2]), { float: (x) => new Float(x) }).value;
      const written = pickle(value, {
        extend(v, writer) {
          if (v instanceof Float) writer.float(v.value);
          return v instanceof Float;
        },
      });
      expect(sha256(written)).toBe(python2);
    });

  test("keeps to the opcodes of TorchScript's reader in its dialect", () => {
    const value = new Map<string, unknown>([
      ['one', [7]],
      ['big', 2n ** 40n],
      ['four', tuple(1)],
    ]);
    const written = pickle(value, { dialect: 'torchscript' });
    expect(Buffer.from(written).toString('latin1')).not.toMatch(/[as\x85]\.?$/);
    expect(unpickle(written).value).toEqual(
      new Map<string, unknown>([
        ['one', [7]],
        ['big', 2 ** 40],
        ['four', tuple(1)],
      ]),
    );
  });

  test('refuses what it cannot write', () => {
    expect(() => pickle(() => 1)).toThrow('a function cannot be pickled');
    expect(() => pickle(new Date())).toThrow('a Date cannot be pickled');
    let deep: unknown[] = [];
    for (let i = 0; i < 2000; i++) deep = [deep];
    expect(() => pickle(deep)).toThrow('nested deeper than 900');
  });
});

test('UTF-8 is read and written as TextDecoder does, and malformed bytes are refused', () => {
  for (const s of ['', 'plain', 'ünïcödé', '日本', '😀\u{10ffff}\u0800\u07ff']) {
    expect(encodeUtf8(s)).toEqual(new TextEncoder().encode(s));
    expect(decodeUtf8(encodeUtf8(s))).toBe(s);
  }
  for (const bytes of [
    [0x80],
    [0xc0, 0x80],
    [0xe0, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0xe2, 0x82],
    [0xff],
  ])
    expect(() => decodeUtf8(new Uint8Array(bytes))).toThrow('invalid UTF-8');
});
