import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  Device,
  load,
  loadSafetensors,
  OrderedDict,
  PickleTuple,
  pickle,
  quantizerOf,
  readStateDict,
  readZip,
  save,
  saveSafetensors,
  setCurrentBackend,
  Tensor,
  TorchError,
  tensor,
  tuple,
  writeSafetensors,
  writeZip,
} from '../../src/index.ts';
import { fromBase64, sha256, unpacked } from './goldens.ts';
import { memoryBackend, valuesOf } from './memory-backend.ts';
import { savedAgain } from './saved.ts';

const goldens = JSON.parse(readFileSync(new URL('checkpoints.json', import.meta.url), 'utf8'));
const checkpoint = (name: string) =>
  unpacked(goldens.checkpoints.find((c: { name: string }) => c.name === name).bytes);

beforeAll(() => setCurrentBackend(memoryBackend()));

const parameters = new WeakSet<Tensor>();
const makeParameter = (data: Tensor, requires_grad: boolean): Tensor => {
  data.requires_grad = requires_grad;
  parameters.add(data);
  return data;
};

/** What generate_checkpoints.py's `describe` makes of the same value. */
function described(v: unknown): unknown {
  if (v instanceof Tensor)
    return {
      tensor: valuesOf(v).map(Number),
      dtype: v.dtype,
      shape: [...v.shape],
      strides: [...v.strides],
      offset: v.offset,
      requires_grad: v.requires_grad,
      parameter: parameters.has(v),
    };
  if (v instanceof Device) return { device: String(v) };
  if (v instanceof PickleTuple) return { tuple: Array.from(v, described) };
  if (Array.isArray(v)) return v.map(described);
  if (v instanceof Uint8Array) return { bytes: Buffer.from(v).toString('hex') };
  if (v instanceof Map)
    return { dict: [...v].map(([k, x]) => [described(k), described(x)]), ordered: v instanceof OrderedDict };
  return typeof v === 'bigint' ? Number(v) : v;
}

describe('load', () => {
  for (const { name, value, bytes } of goldens.checkpoints)
    test(`reads ${name}`, () => {
      expect(described(load(unpacked(bytes), { makeParameter }))).toEqual(value);
    });

  test('gives views of one storage one storage, and the same parameter twice the same tensor', () => {
    for (const format of ['zip', 'legacy']) {
      const views = load(checkpoint(`views of one storage (${format}, 1.13)`)) as Tensor[];
      expect(new Set(views.map((v) => v.storage)).size).toBe(1);
      const dict = load(checkpoint(`parameters (${format}, 1.13)`), { makeParameter }) as Map<string, Tensor>;
      expect(dict.get('p')).toBe(dict.get('again'));
    }
  });

  test("keeps a state dict's metadata", () => {
    const dict = load(checkpoint('a state dict (zip, 1.13)')) as OrderedDict;
    expect(
      (dict.attributes.get('_metadata') as Map<string, Map<string, number>>).get('1')!.get('version'),
    ).toBe(2);
  });

  test('throws a TorchError for every truncation', () => {
    for (const name of ['a state dict (zip, 1.13)', 'a state dict (legacy, 1.13)']) {
      const bytes = checkpoint(name);
      for (let n = 0; n < bytes.length; n += n < 300 ? 1 : 13)
        expect(() => load(bytes.subarray(0, n)), `${n} bytes of ${name}`).toThrow(TorchError);
    }
  });

  test('throws nothing but a TorchError, whichever byte is changed', () => {
    for (const name of ['every dtype', 'odd tensors', 'parameters'].flatMap((n) => [
      `${n} (zip, 1.13)`,
      `${n} (legacy, 1.13)`,
    ])) {
      const bytes = checkpoint(name);
      for (let n = 0; n < bytes.length; n += 3)
        for (const flip of [0xff, 0x04]) {
          const changed = bytes.slice();
          changed[n] ^= flip;
          try {
            load(changed);
          } catch (error) {
            expect(error, `byte ${n} of ${name}`).toBeInstanceOf(TorchError);
          }
        }
    }
  });

  test('says what a file is that holds no checkpoint of tensors', () => {
    expect(() => load(fromBase64(goldens.bad.torchscript))).toThrow('load it with torch.jit.load');
    expect(() => load(fromBase64(goldens.bad['a whole module']))).toThrow('save `model.state_dict()`');
    expect(() => load(unpacked(goldens.bad.complex))).toThrow('a complex64 tensor');
    expect(() => load(unpacked(goldens.bad.sparse))).toThrow('_rebuild_sparse_tensor');
    expect(() => load(new Uint8Array(600))).toThrow('neither as a zip archive nor as a pickle');
    expect(() => load(pickle([1, 2]))).toThrow('Invalid magic number; corrupt file?');
  });

  test('reads quantised tensors', () => {
    const q = load(unpacked(goldens.bad.quantized)) as Tensor;
    expect(q.dtype).toBe('qint8');
    expect(quantizerOf(q)).toEqual({ kind: 'tensor', scale: 0.1, zero_point: 0 });
  });

  /** An archive whose one tensor claims what it likes about a storage of six floats. */
  const claiming = async (change: {
    numel?: number;
    offset?: unknown;
    shape?: unknown;
    strides?: unknown;
  }) => {
    const tensor = (load(checkpoint('parameters (zip, 1.13)')) as Map<string, Tensor>).get('p')!;
    const zip = readZip(await save([tensor]));
    const code = (s: string) => Buffer.from(s, 'latin1');
    const { numel = 2, offset = 0, shape = tuple(2), strides = tuple(1) } = change;
    const part = (v: unknown) => Buffer.from(pickle(v).slice(2, -1));
    // Each part memoizes from 0 on; nothing here is recalled, so that does no harm.
    const data = Buffer.concat([
      code('\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n'),
      code('X\x01\x00\x00\x000X\x03\x00\x00\x00cpu'),
      ...[part(numel), code('tQ'), part(offset), part(shape), part(strides), code('\x89NtR.')],
    ]);
    return writeZip([
      { name: 'archive/data.pkl', data: new Uint8Array(data) },
      { name: 'archive/data/0', data: zip.read('archive/data/0') },
    ]);
  };

  test('checks every claim of a tensor about its storage', async () => {
    expect(valuesOf(load(await claiming({})) as Tensor)).toEqual([1.5, -2]);
    for (const [change, message] of [
      [{ shape: tuple(3) }, 'out of bounds for storage of 2 elements'],
      [{ offset: 1 }, 'sizes [2], strides [1], storage offset 1 reach element 2'],
      [{ strides: tuple(2) }, 'reach element 2'],
      [{ strides: tuple(2 ** 40) }, 'out of bounds'],
      [{ strides: tuple(-1) }, 'no short list of counts'],
      [{ shape: tuple(2, 1) }, '2 sizes and 1 strides'],
      [{ offset: -1 }, 'storage offset -1 is not a position'],
      [{ offset: 2n ** 70n }, 'is not a position'],
      [{ offset: 'a' }, 'is not a position'],
      [{ shape: 7 }, 'no short list of counts'],
      [{ shape: tuple(2 ** 30, 2 ** 30), strides: tuple(0, 0) }, 'more elements than can be counted'],
      [{ numel: 3 }, 'the storage archive/data/0 has 8 bytes, but 12 are needed for 3 elements of float32'],
      [{ numel: 2 ** 50 }, 'are needed for'],
      [{ numel: -1 }, 'claims -1 elements'],
    ] as const)
      expect(
        await claiming(change)
          .then(load)
          .catch((e) => e),
        JSON.stringify(message),
      ).toMatchObject({
        message: expect.stringContaining(message),
      });
  });
});

describe('save', () => {
  test('writes the bytes that PyTorch wrote, where no strings are equal but not the same object to Python', async () => {
    const alike = ['every dtype', 'views of one storage', 'odd tensors', 'parameters', 'plain values'];
    for (const { name, original, saved } of await savedAgain())
      if (alike.some((n) => name.startsWith(n)))
        expect([name, sha256(saved)]).toEqual([name, sha256(original)]);
  });

  test('writes what PyTorch has loaded and found equal (verify_saved.py)', async () => {
    const accepted = JSON.parse(readFileSync(new URL('accepted.json', import.meta.url), 'utf8'));
    const saved = Object.fromEntries((await savedAgain()).map((s) => [s.name, sha256(s.saved)]));
    expect(saved).toEqual(accepted);
  });

  test('refuses one storage under two dtypes', async () => {
    const { storage } = tensor([1, 2]);
    const views = [new Tensor(storage, 'int64', [2], [1], 0), new Tensor(storage, 'float64', [2], [1], 0)];
    await expect(save(views)).rejects.toThrow('view the same data as different types');
  });
});

describe('safetensors', () => {
  const bytes = fromBase64(goldens.safetensors.bytes);

  test('are read as the format’s own library wrote them', () => {
    const want = new Map(goldens.safetensors.value.dict.map(([k, v]: [string, object]) => [k, v]));
    const got = new Map([...loadSafetensors(bytes)].map(([k, v]) => [k, described(v)]));
    expect(got).toEqual(want);
  });

  test('are written as the format’s own library writes them', async () => {
    const shuffled = [...loadSafetensors(bytes)].reverse();
    const saved = await saveSafetensors(Object.fromEntries(shuffled), { format: 'pt' });
    expect(Buffer.from(saved).equals(Buffer.from(bytes))).toBe(true);
  });

  const file = (header: unknown, data = 8) => {
    const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
    const out = new Uint8Array(8 + text.length + data);
    new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
    out.set(text, 8);
    return out;
  };
  const entry = (change: object) => ({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...change } });

  test('whose header claims what is not so are refused, each with its reason', () => {
    expect(loadSafetensors(file(entry({}))).get('a')!.shape).toEqual([2]);
    for (const [bad, message] of [
      [new Uint8Array(3), 'HeaderTooSmall'],
      [file(entry({})).subarray(0, 20), 'InvalidHeaderLength'],
      [file(entry({})).fill(255, 0, 8), 'HeaderTooLarge'],
      [file('[1]'), 'does not begin with {'],
      [file('{"a":'), 'InvalidHeaderDeserialization'],
      [file(entry({ dtype: 'F8_E4M3' })), 'dtype "F8_E4M3"'],
      [file(entry({ shape: [3] })), 'needs 12 bytes, not 8'],
      [file(entry({ shape: [-1] })), 'no shape'],
      [file(entry({ data_offsets: [0, 16], shape: [4] })), 'ends at 16'],
      [file(entry({ data_offsets: [4, 12] }), 12), 'begins at 4'],
      [file(entry({}), 12), '4 bytes belong to no tensor'],
      [file({ ...entry({}), b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }), 'b begins at 4'],
      [file({ ...entry({}), __metadata__: { x: 1 } }), '__metadata__.x is not a string'],
    ] as const)
      expect(() => loadSafetensors(bad), message).toThrow(message);
    expect(() =>
      writeSafetensors([['__metadata__', { dtype: 'bool', shape: [0], data: new Uint8Array() }]]),
    ).toThrow();
  });
});

describe('readStateDict', () => {
  test('tells the formats apart by their bytes', async () => {
    const zip = checkpoint('a state dict (zip, 1.13)');
    const want = described(readStateDict(zip));
    expect(described(readStateDict(checkpoint('a state dict (legacy, 1.13)')))).toEqual(want);
    expect(described(readStateDict(checkpoint('a state dict (zip, 2.6.)')))).toMatchObject({
      ordered: false,
    });
    const safe = readStateDict(await saveSafetensors(readStateDict(zip)));
    expect(new Map([...safe].map(([k, t]) => [k, valuesOf(t)]))).toEqual(
      new Map([...readStateDict(zip)].map(([k, t]) => [k, valuesOf(t)])),
    );
    const json = new TextEncoder().encode(' {"weight": [[1, 2.5], [3, 4]], "bias": [0.5]}');
    const dict = readStateDict(json);
    expect([dict.get('weight')!.shape, valuesOf(dict.get('weight')!)]).toEqual([
      [2, 2],
      [1, 2.5, 3, 4],
    ]);
    expect(valuesOf(readStateDict({ bias: [1, 2] }).get('bias')!).map(Number)).toEqual([1, 2]);
  });

  test('says what is wrong with anything else', () => {
    expect(() => readStateDict(new Uint8Array([1, 2, 3, 4]))).toThrow('hold no state dict');
    expect(() => readStateDict(new TextEncoder().encode('{"a": [1,'))).toThrow('damaged JSON');
    expect(() => readStateDict({ a: [[1], [2, 3]] })).toThrow('the state dict\'s entry "a"');
    expect(() => readStateDict(checkpoint('a training checkpoint (zip, 1.13)'))).toThrow(
      'is the state dict one level deeper, at "model"?',
    );
    const deep = new TextEncoder().encode(`{"a": ${'['.repeat(20000)}${']'.repeat(20000)}}`);
    expect(() => readStateDict(deep)).toThrow(TorchError);
  });
});
