import { execFileSync } from 'node:child_process';
import {
  callOperator,
  findOperator,
  functions,
  OutOfMemoryError,
  setCurrentBackend,
  type Tensor,
  tensor,
} from '@sconce/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WorkerBackend } from '../../src/worker/index.ts';
import { create, nodeWorker } from './worker.ts';

const call = (name: string, ...args: unknown[]): Tensor => callOperator(findOperator(name)!, args) as Tensor;

describe('wasm in a worker', () => {
  let backend: WorkerBackend;
  beforeAll(async () => {
    backend = await create();
    setCurrentBackend(backend);
  });
  afterAll(() => backend.dispose());

  it('computes, and reads in the order in which work was issued', async () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    const y = call('aten::matmul', x, x);
    const before = y.tolist();
    y.add_(1);
    expect(await before).toEqual([
      [7, 10],
      [15, 22],
    ]);
    expect(await y.tolist()).toEqual([
      [8, 11],
      [16, 23],
    ]);
  });

  it('carries int64 over its full range, in data and as a scalar', async () => {
    const big = 2n ** 62n + 3n;
    const x = tensor([big, -1n]);
    expect(await x.add(-(2n ** 61n) - 1n).tolist()).toEqual([2n ** 61n + 2n, -(2n ** 61n) - 2n]);
  });

  it('does not hold values that the host could read at once', () => {
    expect('readNow' in backend).toBe(false);
    expect(String(tensor([1.5]))).toBe('tensor(..., size=[1], dtype=float32)');
  });

  it('rejects the next read with the first fault, the operator and the line that called it, and only once', async () => {
    const rows = tensor([
      [1.5, 2],
      [3, 4],
    ]);
    const lookUp = (index: number): Tensor => functions.embedding(rows, tensor([index])) as Tensor;
    lookUp(9);
    lookUp(5);
    const error = (await rows.tolist().catch((e: unknown) => e)) as Error;
    expect(error.name).toBe('IndexError');
    expect(error.message).toMatch(
      /^index out of range in self: 9 is not in \[0, 2\) \(called at .*worker\.test\.ts:\d+:\d+\)$/,
    );
    expect(error.stack).toContain('worker.test.ts');
    expect(await rows.tolist()).toEqual([
      [1.5, 2],
      [3, 4],
    ]);
  });

  it('gives an integer division by zero PyTorch’s name for it', async () => {
    const y = tensor([6]).floor_divide(tensor([0])) as Tensor;
    await expect(y.tolist()).rejects.toThrow(
      /^ZeroDivisionError: integer division by zero in floor_divide \(called at /,
    );
  });

  it('frees in the worker what is disposed here', async () => {
    for (let i = 0; i < 50; i++) {
      using x = functions.zeros([1 << 22]) as Tensor;
      using y = x.add(i);
      expect(await y.at(0).item()).toBe(i);
    }
  });
});

describe('a worker that ends', () => {
  it('refuses memory over its budget at once, naming what is in use', async () => {
    const backend = await create({ maximumBytes: 1 << 20 });
    const kept = backend.allocate('float32', 1000);
    expect(() => backend.allocate('float32', 1 << 20)).toThrow(OutOfMemoryError);
    expect(() => backend.allocate('float32', 1 << 20)).toThrow(
      /4000 bytes are in use and the limit is 1048576/,
    );
    backend.free(kept);
    backend.dispose();
  });

  it('reports memory that the worker could not get with the next read', async () => {
    const backend = await create({ maximumBytes: 1 << 20 });
    setCurrentBackend(backend);
    // Within the budget by its size, but not with what the heap needs for itself.
    const x = functions.ones([(1 << 18) - 64]) as Tensor;
    await expect(x.sum().item()).rejects.toThrow(/^wasm: cannot allocate .* \(in (ones|full|fill|empty)/);
    await expect(x.sum().item()).rejects.toThrow(OutOfMemoryError);
    backend.dispose();
  });

  it('rejects what waits and refuses what comes', async () => {
    const worker = nodeWorker();
    const backend = await create({ worker });
    setCurrentBackend(backend);
    // Much work, so that the read is not answered before the worker ends.
    const x = functions.ones([2048, 2048]) as Tensor;
    let product = x;
    for (let i = 0; i < 20; i++) product = product.matmul(x) as Tensor;
    const ended = expect(product.tolist()).rejects.toThrow(
      /the worker of backend 'wasm' has ended .* call torch.use/,
    );
    await worker.terminate();
    await ended;
    expect(backend.isLost).toBe(true);
    expect(() => tensor([1])).toThrow(/has ended/);
    await expect(x.tolist()).rejects.toThrow(/has ended/);
  });

  it('says why it could not start', async () => {
    const { Worker } = await import('node:worker_threads');
    await expect(
      create({ worker: new Worker('throw new Error("no luck")', { eval: true }) }),
    ).rejects.toThrow(/has ended \(no luck\)/);
  });
});

describe('a script that computes in a worker', () => {
  it('ends by itself', () => {
    const program = `
      import { create } from ${JSON.stringify(new URL('./worker.ts', import.meta.url).href)};
      import { setCurrentBackend, tensor } from '@sconce/core';
      setCurrentBackend(await create());
      console.log(JSON.stringify(await tensor([1, 2]).mul(2).tolist()));`;
    const out = execFileSync(
      process.execPath,
      ['--import', 'tsx', '--conditions=sconce-source', '--input-type=module', '-e', program],
      { cwd: import.meta.dirname, encoding: 'utf8', timeout: 30_000 },
    );
    expect(out.trim()).toBe('[2,4]');
  });
});
