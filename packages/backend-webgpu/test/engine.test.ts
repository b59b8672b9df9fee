/** The engine room: memory, the order of work, reads, the pool, limits. */
import { execFileSync } from 'node:child_process';
import { type DType, dtypes, encode16, OutOfMemoryError, type TypedArray } from '@sconce/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sizeClass } from '../src/device/pool.ts';
import type { WebGpuBackend } from '../src/index.ts';
import { linearGroups } from '../src/program.ts';
import { AddNumber, backend, likeHardware, SetBelow } from './device.ts';

let b: WebGpuBackend;
let add: AddNumber;
beforeAll(async () => {
  b = await backend();
  add = new AddNumber(b);
});
afterAll(() => b.destroy());

const zeros = (n: number): Float32Array => new Float32Array(n);

describe('memory', () => {
  const samples: [DType, TypedArray][] = [
    ['float32', new Float32Array([1.5, -0, Number.NaN, Infinity, -3e38])],
    ['float16', encode16(new Float32Array([1.5, -0, 65504, Infinity, 6e-8]), 'float16')],
    ['bfloat16', encode16(new Float32Array([1.5, -0, 3e38, -Infinity, 1e-40]), 'bfloat16')],
    ['int64', new BigInt64Array([1n, -1n, 2n ** 62n + 1n, -(2n ** 63n), 2n ** 32n])],
    ['int32', new Int32Array([1, -1, 2 ** 31 - 1, -(2 ** 31), 0])],
    ['int16', new Int16Array([1, -1, 32767, -32768, 0])],
    ['int8', new Int8Array([1, -1, 127, -128, 0])],
    ['uint8', new Uint8Array([1, 255, 127, 128, 0])],
    ['bool', new Uint8Array([1, 0, 1, 1, 0])],
  ];

  it.each(samples)('gives back the elements of %s that were written', async (dtype, values) => {
    const memory = b.allocate(dtype, 8);
    b.write(memory, 0, new dtypes[dtype].array(8));
    b.write(memory, 2, values);
    expect(await b.read(memory, 2, 5)).toEqual(values);
    const part = await b.read(memory, 3, 2);
    expect(part).toEqual(values.slice(1, 3));
    expect(part.constructor).toBe(values.constructor);
    b.free(memory);
  });

  it('has memories of no element, and reads of none', async () => {
    const memory = b.allocate('int64', 0);
    b.write(memory, 0, new BigInt64Array(0));
    expect(await b.read(memory, 0, 0)).toEqual(new BigInt64Array(0));
    b.free(memory);
  });

  it('says which dtypes it has, float64 not among them', () => {
    expect(b.capabilities.dtypes.has('float64')).toBe(false);
    expect([...b.capabilities.dtypes].sort()).toEqual(samples.map(([d]) => d).sort());
  });

  it('names the limit that a tensor is too large for', () => {
    const { maxStorageBufferBindingSize } = b.gpu.device.limits;
    const length = maxStorageBufferBindingSize / 4 + 1;
    expect(() => b.allocate('float32', length)).toThrow(OutOfMemoryError);
    expect(() => b.allocate('float32', length)).toThrow(
      new RegExp(`at most ${maxStorageBufferBindingSize} \\(maxStorageBufferBindingSize\\)`),
    );
  });
});

describe('the order of work', () => {
  it('runs writes, dispatches and reads as they were issued, without waiting for the reads', async () => {
    const [x, y] = [b.allocate('float32', 4), b.allocate('float32', 4)];
    const reads: Promise<TypedArray>[] = [];
    for (let i = 0; i < 5; i++) {
      b.write(x, 0, new Float32Array([i, i, i, i]));
      add.run(y, x, 4, 10);
      reads.push(b.read(y, 0, 2));
      b.write(y, 0, new Float32Array([-1]));
      add.run(y, y, 4, 100);
      reads.push(b.read(y, 0, 2));
    }
    const got = (await Promise.all(reads)).map((r) => [...r]);
    expect(got).toEqual(
      [0, 1, 2, 3, 4].flatMap((i) => [
        [i + 10, i + 10],
        [99, i + 110],
      ]),
    );
    for (const m of [x, y]) b.free(m);
  });

  it('keeps the order while pipelines are compiled beside the program', async () => {
    const own = await likeHardware();
    expect(own.gpu.isSoftware).toBe(false);
    const programs = Array.from({ length: 6 }, (_, i) => new AddNumber(own, `compiled_${i}`));
    const x = own.allocate('float32', 1);
    own.write(x, 0, zeros(1));
    const reads = programs.map((program, i) => {
      program.run(x, x, 1, 1);
      programs[0]!.run(x, x, 1, 10 ** i);
      const read = own.read(x, 0, 1);
      own.write(x, 0, new Float32Array([i + 1]));
      return read;
    });
    expect((await Promise.all(reads)).map((r) => r[0])).toEqual([2, 12, 103, 1004, 10005, 100006]);
    own.destroy();
  });

  it('does not wait for ever where a program never gives pipelines the time to come', async () => {
    const own = await likeHardware();
    const programs = Array.from({ length: 4 }, (_, i) => new AddNumber(own, `hurried_${i}`));
    const x = own.allocate('float32', 1);
    own.write(x, 0, zeros(1));
    for (let i = 0; i < 64 * 70; i++) programs[i % 4]!.run(x, x, 1, 1);
    expect(own.statistics().submits).toBeGreaterThan(60);
    expect((await own.read(x, 0, 1))[0]).toBe(64 * 70);
    own.destroy();
  });

  it('gives the buffer of a freed memory to the next one, in the order of issue', async () => {
    const results: Promise<TypedArray>[] = [];
    const buffers = new Set<GPUBuffer>();
    const source = b.allocate('float32', 1000);
    b.write(source, 0, zeros(1000).fill(1));
    for (let i = 0; i < 50; i++) {
      const scratch = b.gpu.allocate('float32', 1000);
      buffers.add(scratch.buffer);
      add.run(scratch, source, 1000, i);
      results.push(b.read(scratch, 999, 1));
      b.free(scratch);
    }
    expect((await Promise.all(results)).map((r) => r[0])).toEqual(
      Array.from({ length: 50 }, (_, i) => 1 + i),
    );
    expect(buffers.size).toBe(1);
    b.free(source);
  });

  it('does not let the write of a new memory disturb commands on the freed one before it', async () => {
    const kept = b.allocate('float32', 64);
    const before = b.statistics().submits;
    const first = b.allocate('float32', 64);
    b.write(first, 0, zeros(64).fill(5));
    add.run(kept, first, 64, 1);
    b.free(first);
    const second = b.allocate('float32', 64);
    b.write(second, 0, zeros(64).fill(9));
    expect(b.statistics().submits).toBe(before);
    expect((await b.read(kept, 0, 64))[63]).toBe(6);
    expect((await b.read(second, 0, 64))[63]).toBe(9);
    for (const m of [kept, second]) b.free(m);
  });

  it('shares submits: a hundred dispatches and their reads take a few', async () => {
    const x = b.allocate('float32', 4);
    b.write(x, 0, zeros(4));
    const before = b.statistics();
    for (let i = 0; i < 100; i++) add.run(x, x, 4, 1);
    const reads = [b.read(x, 0, 1), b.read(x, 1, 1), b.read(x, 2, 2)];
    expect((await Promise.all(reads)).map((r) => r[0])).toEqual([100, 100, 100]);
    const { dispatches, submits } = b.statistics();
    expect(dispatches - before.dispatches).toBe(100);
    expect(submits - before.submits).toBeLessThanOrEqual(2);
    b.free(x);
  });

  it('leaves nothing unsubmitted when the program awaits something else', async () => {
    const x = b.allocate('float32', 4);
    b.write(x, 0, zeros(4));
    add.run(x, x, 4, 1);
    const before = b.statistics().submits;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(b.statistics().submits).toBe(before + 1);
    expect((await b.read(x, 0, 1))[0]).toBe(1);
    b.free(x);
  });

  it('dispatches more than 65,535 workgroups', async () => {
    const n = 65_536 * 64 + 77;
    expect(linearGroups(n, 64)[1]).toBeGreaterThan(1);
    const x = b.allocate('float32', n);
    b.write(x, 0, zeros(n));
    add.run(x, x, n, 1);
    const got = (await b.read(x, 0, n)) as Float32Array;
    expect(got.every((v) => v === 1)).toBe(true);
    b.free(x);
  });

  it('brings a hundred reads in flight home, each with its own values', async () => {
    const x = b.allocate('float32', 300);
    b.write(
      x,
      0,
      Float32Array.from({ length: 300 }, (_, i) => i),
    );
    const reads = Array.from({ length: 100 }, (_, i) => b.read(x, i, 200));
    (await Promise.all(reads)).forEach((r, i) => {
      expect([r.length, r[0], r[199]]).toEqual([200, i, i + 199]);
    });
    b.free(x);
  });
});

describe('the pool', () => {
  it('wastes at most a fifth', () => {
    for (const bytes of [1, 256, 257, 300, 1000, 4096, 4097, 10 ** 6, 2 ** 30 + 1]) {
      expect(sizeClass(bytes)).toBeGreaterThanOrEqual(bytes);
      if (bytes > 256) expect(sizeClass(bytes)).toBeLessThanOrEqual(Math.max(bytes * 1.25, bytes + 64));
      expect(sizeClass(bytes) % 64).toBe(0);
      expect(sizeClass(sizeClass(bytes))).toBe(sizeClass(bytes));
    }
  });

  it('holds flat in a loop that allocates and frees, and gives all back on request', async () => {
    const own = await backend();
    const plus = new AddNumber(own);
    const step = async (): Promise<void> => {
      const made = [1000, 5000, 70_000, 1000].map((n) => own.allocate('float32', n));
      for (const m of made) plus.run(m, m, 1000, 1);
      await own.read(made[0]!, 0, 1);
      for (const m of made) own.free(m);
    };
    await step();
    await step();
    const { buffers, bytesIdle, bindGroups } = own.statistics();
    for (let i = 0; i < 50; i++) await step();
    expect(own.statistics()).toMatchObject({ buffers, bytesIdle, bindGroups, bytesInUse: 0 });
    own.empty_cache();
    expect(own.statistics()).toMatchObject({ buffers: 0, bytesIdle: 0 });
    await step();
    own.destroy();
  });

  it('destroys idle buffers past what was needed lately', async () => {
    const own = await backend();
    const large = Array.from({ length: 5 }, () => own.allocate('float32', 2 ** 23));
    for (const m of large) own.write(m, 0, zeros(1));
    for (const m of large) own.free(m);
    const small = own.allocate('float32', 4);
    const plus = new AddNumber(own);
    for (let i = 0; i < 1500; i++) {
      plus.run(small, small, 4, 1);
      own.gpu.flush();
    }
    await own.read(small, 0, 1);
    expect(own.statistics().bytesIdle).toBeLessThanOrEqual(2 ** 26);
    own.destroy();
  });
});

describe('kernels that look at several views of one memory', () => {
  it('binds the memory once', async () => {
    const x = b.allocate('float32', 4);
    b.write(x, 0, new Float32Array([1, 2, 3, 4]));
    add.run(x, x, 4, 1);
    add.run(x, x, 4, 1);
    expect([...(await b.read(x, 0, 4))]).toEqual([3, 4, 5, 6]);
    b.free(x);
  });
});

describe('faults', () => {
  it('reports the first of them with the next read, once, and what was right is done', async () => {
    const set = new SetBelow(b);
    const [x, y] = [b.allocate('float32', 8), b.allocate('float32', 8)];
    b.write(x, 0, zeros(8));
    b.write(y, 0, zeros(8));
    set.run(x, 8, 8);
    expect((await b.read(x, 0, 8))[7]).toBe(1);
    set.run(y, 8, 5);
    set.run(x, 8, 2);
    await expect(b.read(x, 0, 1)).rejects.toMatchObject({
      name: 'KernelFault',
      fault: 'index',
      detail: { dim: 3, size: 5 },
    });
    expect([...(await b.read(y, 0, 8))]).toEqual([1, 1, 1, 1, 1, 0, 0, 0]);
    set.run(x, 8, 7);
    await expect(b.read(y, 0, 0)).rejects.toMatchObject({ detail: { index: 7, size: 7 } });
    for (const m of [x, y]) b.free(m);
  });

  it('keeps what comes after a read for the one after it', async () => {
    const set = new SetBelow(b);
    const x = b.allocate('float32', 8);
    b.write(x, 0, zeros(8));
    set.run(x, 8, 4);
    const first = b.read(x, 0, 1);
    set.run(x, 8, 6);
    const second = b.read(x, 0, 1);
    const third = b.read(x, 0, 8);
    await expect(first).rejects.toMatchObject({ detail: { size: 4 } });
    await expect(second).rejects.toMatchObject({ detail: { size: 6 } });
    expect((await third)[5]).toBe(1);
    b.free(x);
  });
});

describe('an adapter without optional features', () => {
  it('runs with the limits that every adapter has', async () => {
    const plain = await backend({ limits: 'default', features: 'none' });
    expect(plain.gpu.device.limits.maxStorageBuffersPerShaderStage).toBe(8);
    expect(plain.gpu.device.features.has('subgroups')).toBe(false);
    const plus = new AddNumber(plain);
    const x = plain.allocate('float32', 4);
    plain.write(x, 0, zeros(4));
    plus.run(x, x, 4, 2);
    expect((await plain.read(x, 0, 4))[3]).toBe(2);
    expect(() => plain.allocate('float32', 2 ** 25 + 1)).toThrow(/134217728 \(maxStorageBufferBindingSize\)/);
    plain.destroy();
  });
});

describe('a script', () => {
  it('ends by itself when it is done, without giving the device back', () => {
    const script = `
      import { webgpu } from './src/index.ts';
      const b = await webgpu();
      const x = b.allocate('float32', 4);
      b.write(x, 0, new Float32Array([1, 2, 3, 4]));
      console.log([...(await b.read(x, 0, 4))].join(' '));`;
    const out = execFileSync(
      process.execPath,
      ['--import', 'tsx', '--conditions=sconce-source', '--input-type=module', '-e', script],
      {
        cwd: new URL('..', import.meta.url),
        encoding: 'utf8',
        timeout: 50_000,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    expect(out.trim()).toBe('1 2 3 4');
  });
});
