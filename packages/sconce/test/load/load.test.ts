import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { wasm } from '@sconce/backend-wasm';
import { type Backend, memoryUsage, readZip, saveSafetensors, type Tensor, writeZip } from '@sconce/core';
import * as torch from 'sconce';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Sha256 } from '../../src/load/sha256.ts';
import { type Server, startServer } from './server.ts';

const digits = join(import.meta.dirname, '../../../../examples/digits');

let server: Server;
let archive: Uint8Array<ArrayBuffer>;
let state: Uint8Array;
let input: Tensor;
let want: number[];

const digestOf = (algorithm: string, bytes: Uint8Array): string =>
  `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;

const answer = async (model: torch.jit.ScriptModule): Promise<number[]> =>
  Array.from((await ((await model(input)) as Tensor).data()) as Float32Array);

/** A backend on which nothing is but what a test loads there. */
const apart = (): { on: Backend; alive: () => number } => {
  const on = wasm();
  return { on, alive: () => memoryUsage(on).count };
};

beforeAll(async () => {
  await torch.use('wasm');
  server = await startServer();
  archive = new Uint8Array(await readFile(join(digits, 'digits.pt')));
  state = await readFile(join(digits, 'digits-state.pth'));
  torch.manual_seed(1);
  input = torch.randn(2, 1, 28, 28);
  want = await answer(await torch.jit.load(archive));
});
afterAll(() => server.close());

describe('jit.load of a URL', () => {
  it('gives the model that the bytes give, in pieces of any size, telling how far it is', async () => {
    for (const piece of [1000, 1 << 20]) {
      const url = server.serve(`digits-${piece}.pt`, { bytes: archive, piece });
      const seen: { loaded: number; total: number | null }[] = [];
      const model = await torch.jit.load(url, { onprogress: (p) => seen.push(p) });
      expect(await answer(model)).toEqual(want);
      expect(seen[0]).toEqual({ loaded: 0, total: archive.length });
      expect(seen.at(-1)).toEqual({ loaded: archive.length, total: archive.length });
    }
  });

  it('has storages on the backend while the rest still comes in', async () => {
    const big = await torch.save(
      new Map(Array.from({ length: 8 }, (_, i) => [`w${i}`, torch.randn(256, 256)])),
    );
    const url = server.serve('state.pt', { bytes: big, piece: 1 << 17, every: 30 });
    const { on, alive } = apart();
    const counts: number[] = [];
    await torch.load(url, { map_location: on, onprogress: () => counts.push(alive()) });
    expect(counts[0]).toBe(0);
    // Not all at the end: some were there half-way.
    expect(counts.filter((n) => n > 0 && n < 8).length).toBeGreaterThan(1);
  });

  it('does not know the total where the server does not say it', async () => {
    const url = server.serve('chunked.pt', { bytes: archive, withLength: false });
    const totals: (number | null)[] = [];
    await torch.jit.load(url, { onprogress: ({ total }) => totals.push(total) });
    expect(totals[0]).toBeNull();
    expect(totals.at(-1)).toBe(archive.length);
  });

  it('takes a Response, a Blob and a File too', async () => {
    const url = server.serve('digits.pt', { bytes: archive });
    for (const source of [await fetch(url), new Blob([archive]), new File([archive], 'digits.pt')])
      expect(await answer(await torch.jit.load(source))).toEqual(want);
  });
});

describe('a download that goes wrong', () => {
  it('names the URL, and the bytes that came, where it is cut; and leaves nothing', async () => {
    const url = server.serve('cut.pt', { bytes: archive, cutAfter: 150_000 });
    const { on, alive } = apart();
    const error = (await torch.jit.load(url, { map_location: on }).catch((e: unknown) => e)) as Error;
    expect(error).toBeInstanceOf(torch.TorchError);
    expect(error.message).toContain(`cannot read ${url}: the download was cut after `);
    expect(error.message).toContain(` of ${archive.length} bytes`);
    expect(error.message).toContain('load it again');
    expect(alive()).toBe(0);
  });

  it('is noticed where the server gave no length', async () => {
    const url = server.serve('cut-chunked.pt', { bytes: archive, cutAfter: 150_000, withLength: false });
    await expect(torch.jit.load(url)).rejects.toThrow(/the download was cut after \d+ bytes/);
  });

  it('leaves a module as it was', async () => {
    const net = torch.nn.Linear(512, 256);
    const before = await net.weight.tolist();
    const bytes = await torch.save(torch.nn.Linear(512, 256).state_dict());
    const url = server.serve('cut-state.pt', { bytes, cutAfter: bytes.length - 1000 });
    await expect(net.load_state_dict(url)).rejects.toThrow(/cut after/);
    expect(await net.weight.tolist()).toEqual(before);
  });

  it('says what the server answered', async () => {
    await expect(torch.jit.load(`${server.url}/none.pt`)).rejects.toThrow(
      `cannot read ${server.url}/none.pt: the server answered 404 Not Found`,
    );
  });

  it('says that no server is there', async () => {
    await expect(torch.jit.load('http://127.0.0.1:9/none.pt')).rejects.toThrow(
      /cannot read http:\/\/127\.0\.0\.1:9\/none\.pt: .*is the server up/,
    );
  });

  it('ends with the reason of the signal', async () => {
    const url = server.serve('slow.pt', { bytes: archive, piece: 10_000, every: 20 });
    const stop = new AbortController();
    const onprogress = ({ loaded }: { loaded: number }): void => {
      if (loaded > 50_000) stop.abort(new Error('enough'));
    };
    await expect(torch.jit.load(url, { signal: stop.signal, onprogress })).rejects.toThrow('enough');
    await expect(torch.jit.load(url, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
  });
});

describe('integrity', () => {
  it('is kept by the right digest of each kind', async () => {
    const url = server.serve('sealed.pt', { bytes: archive, piece: 4321 });
    for (const algorithm of ['sha256', 'sha384', 'sha512'])
      expect(await answer(await torch.jit.load(url, { integrity: digestOf(algorithm, archive) }))).toEqual(
        want,
      );
  });

  it('refuses another file, naming both digests, and leaves nothing', async () => {
    const url = server.serve('changed.pt', { bytes: archive });
    const wanted = digestOf('sha256', state);
    const { on, alive } = apart();
    await expect(torch.jit.load(url, { integrity: wanted, map_location: on })).rejects.toThrow(
      `cannot read ${url}: its digest is ${digestOf('sha256', archive)}, and ${wanted.replace(/=+$/, '')} was wanted`,
    );
    expect(alive()).toBe(0);
    await expect(torch.jit.load(archive, { integrity: wanted })).rejects.toThrow(/its digest is/);
  });

  it('refuses what is no digest', async () => {
    for (const integrity of ['sha256-abc', 'md5-xyz', ''])
      await expect(torch.jit.load(archive, { integrity })).rejects.toThrow(/is no digest/);
  });

  it('has a SHA-256 that is SHA-256, however the bytes are cut', () => {
    for (const length of [0, 1, 55, 56, 63, 64, 65, 1000, 70_000]) {
      const bytes = randomBytes(length);
      const hash = new Sha256();
      for (let at = 0; at < length; at += 37) hash.update(bytes.subarray(at, at + 37));
      expect(Buffer.from(hash.finish()).toString('hex')).toBe(
        createHash('sha256').update(bytes).digest('hex'),
      );
    }
  });
});

describe('load_state_dict of a URL', () => {
  it('takes a checkpoint and safetensors as they come', async () => {
    const from = torch.nn.Sequential(torch.nn.Linear(300, 200), torch.nn.BatchNorm1d(200));
    const checkpoint = await torch.save(from.state_dict());
    const safetensors = await saveSafetensors(from.state_dict());
    for (const [name, bytes] of Object.entries({ 'a.pt': checkpoint, 'a.safetensors': safetensors })) {
      const net = torch.nn.Sequential(torch.nn.Linear(300, 200), torch.nn.BatchNorm1d(200));
      const url = server.serve(name, { bytes, piece: 5000 });
      expect(await net.load_state_dict(url)).toEqual({ missing_keys: [], unexpected_keys: [] });
      for (const [key, value] of net.state_dict())
        expect(await value.tolist(), key).toEqual(await from.state_dict().get(key)!.tolist());
    }
  });

  it('says where safetensors end too early', async () => {
    const bytes = await saveSafetensors({ w: torch.ones([10, 10]) });
    const url = server.serve('short.safetensors', { bytes: bytes.slice(0, -40), withLength: false });
    await expect(torch.nn.Linear(10, 10).load_state_dict(url)).rejects.toThrow(
      /InvalidOffset: w ends at 400, and there are 360 bytes of data/,
    );
  });

  it('reads PyTorch’s own checkpoint', async () => {
    const url = server.serve('digits-state.pth', { bytes: state, piece: 999 });
    const streamed = (await torch.load(url)) as Map<string, Tensor>;
    const whole = (await torch.load(state)) as Map<string, Tensor>;
    expect([...streamed.keys()]).toEqual([...whole.keys()]);
    for (const [key, value] of streamed) expect(await value.tolist()).toEqual(await whole.get(key)!.tolist());
  });
});

describe('storages that come before the pickle that tells their dtype', () => {
  it('come back from where they were put as float32, and are what they are', async () => {
    torch.manual_seed(2);
    const tensors = new Map<string, Tensor>([
      ['single', torch.randn(20_000)],
      ['half', torch.randn(40_000).to(torch.float16)],
      ['double', torch.randn(10_000).to(torch.float64)],
      ['ids', torch.arange(10_000).sub(5000)],
      ['flags', torch.randn(70_000).gt(0)],
      ['small', torch.tensor([1, 2])],
    ]);
    const zip = readZip(await torch.save(tensors));
    // The order of torch.jit.save.
    const names = [...zip.names].sort((a, b) => Number(a.endsWith('.pkl')) - Number(b.endsWith('.pkl')));
    const bytes = writeZip(names.map((name) => ({ name, data: zip.read(name) })));
    const url = server.serve('dtypes.pt', { bytes, piece: 30_000 });
    const { on, alive } = apart();
    const loaded = (await torch.load(url, { map_location: on })) as Map<string, Tensor>;
    expect(alive()).toBe(tensors.size);
    for (const [name, value] of tensors) {
      expect(loaded.get(name)!.dtype).toBe(value.dtype);
      expect(await loaded.get(name)!.tolist(), name).toEqual(await value.tolist());
    }
  });
});

describe('a cache', () => {
  it('is refused where there is none, and for what has no URL', async () => {
    const url = server.serve('cached.pt', { bytes: archive });
    await expect(torch.jit.load(url, { cache: true })).rejects.toThrow(/no Cache API here/);
    await expect(torch.jit.load(archive, { cache: true })).rejects.toThrow(/only what is read from a URL/);
  });
});
