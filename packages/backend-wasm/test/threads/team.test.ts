/** The team: every call of a job is made once, whoever comes, stays away or dies; and nothing is left when a script ends. */
import { execFileSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import type { Executable, View } from '@sconce/core/backend';
import { afterEach, describe, expect, it } from 'vitest';
import { Module } from '../../src/asm/module.ts';
import type { WasmBackend } from '../../src/index.ts';
import { instantiate } from '../../src/kernels/engine.ts';
import type { Heap } from '../../src/memory/heap.ts';
import { LEFT, PENDING, stateOf } from '../../src/threads/control.ts';
import { costs, start } from './eager.ts';

type Call = (...args: number[]) => void;

/** (at, turns): counts in vain, then adds 1 to the word at `at` and writes the thread's number, plus one, behind it. */
function counting(heap: Heap): Call {
  const m = new Module();
  m.fn('count', ['i32', 'i32'], [], (fn) => {
    const [at, turns] = [fn.param(0), fn.param(1)];
    fn.while(
      () => turns.ne(0),
      () => turns.inc(-1),
    );
    fn.storeI32(at, fn.loadI32(at).add(1));
    fn.storeI32(at, fn.thread().add(1), 4);
  });
  return instantiate(heap, m).count as Call;
}

/** Runs a job of `count` calls on 8 bytes each and gives, per call, how often it was made and by which thread. */
function runJob(heap: Heap, call: Call, turns: readonly number[]): { made: number[]; by: number[] } {
  const block = heap.bytes(8 * turns.length);
  heap.i32.fill(0, block.pointer >> 2, (block.pointer >> 2) + 2 * turns.length);
  const pieces = heap.team.pieces(1e9, turns.length);
  expect(pieces).toBeGreaterThan(1);
  const w = heap.team.table(2 * turns.length);
  turns.forEach((n, i) => {
    heap.i32[w + 2 * i] = block.pointer + 8 * i;
    heap.i32[w + 2 * i + 1] = n;
  });
  heap.team.run(call, 2, turns.length);
  const words = heap.i32.slice(block.pointer >> 2, (block.pointer >> 2) + 2 * turns.length);
  heap.free(block);
  return {
    made: turns.map((_, i) => words[2 * i]!),
    by: turns.map((_, i) => words[2 * i + 1]! - 1),
  };
}

const onWorkers = ({ heap }: WasmBackend): number[] => heap.team.calls().slice(1);
const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

describe('a job', () => {
  it('makes each call once, on all threads together', async () => {
    for (const threads of [2, 4]) {
      const { heap } = await start({ threads });
      const call = counting(heap);
      const seen = new Set<number>();
      // A loaded machine may keep a worker from its share of one job.
      for (let job = 0; job < 300 && seen.size < threads; job++) {
        const { made, by } = runJob(heap, call, Array(24).fill(100_000));
        expect(made).toEqual(Array(24).fill(1));
        for (const thread of by) seen.add(thread);
      }
      expect([...seen].sort()).toEqual(Array.from({ length: threads }, (_, t) => t));
    }
  });

  it('waits for a call that a worker has claimed, however long it takes, and makes the others meanwhile', async () => {
    const { heap } = await start();
    const call = counting(heap);
    let late = false;
    for (let tries = 0; tries < 50 && !late; tries++) {
      // Whoever claims the first is busy for a while.
      const { made, by } = runJob(heap, call, [200_000_000, ...Array(11).fill(10)]);
      expect(made).toEqual(Array(12).fill(1));
      late = by[0] === 1;
      if (late) expect(by.slice(1)).toContain(0);
    }
    expect(late).toBe(true);
  });

  it('is made alone for a while after a wait in vain, so that a busy machine costs little', async () => {
    const { heap } = await start({ costs: { ...costs, alone: 8 } });
    const { team } = heap;
    const call = counting(heap);
    const cut = (): boolean => team.pieces(1e9, 8) > 1;
    const until = async (done: () => boolean): Promise<void> => {
      for (let tries = 0; !done(); tries++) {
        if (tries > 2000) throw new Error('it never came');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    let isAlone = false;
    for (let tries = 0; tries < 50 && !isAlone; tries++) {
      await until(cut);
      // Whoever claims the long one is busy for a while: a worker now and then, and only that is a loss.
      const turns = Array.from({ length: 12 }, (_, i) => (i === 6 ? 100_000_000 : 10_000));
      isAlone = runJob(heap, call, turns).by[6] === 1 && !cut();
    }
    expect(isAlone).toBe(true);
    await until(cut);
  });

  it('is right a thousand times over while the memory grows', async () => {
    const backend = await start({ threads: 3 });
    const { heap } = backend;
    const call = counting(heap);
    const before = heap.memory.buffer.byteLength;
    for (let job = 0; job < 1000; job++) {
      if (job % 50 === 0) heap.bytes(3 << 20);
      const { made } = runJob(heap, job % 100 === 0 ? counting(heap) : call, Array(2 + (job % 30)).fill(50));
      expect(sum(made)).toBe(made.length);
    }
    expect(heap.memory.buffer.byteLength).toBeGreaterThan(before);
    expect(sum(onWorkers(backend))).toBeGreaterThan(0);
  });

  it('throws where a call traps, on whichever thread, and the next one runs', async () => {
    const { heap } = await start();
    const m = new Module();
    m.fn('trap', ['i32'], [], (fn) => fn.storeI32(fn.param(0), 1));
    const trap = instantiate(heap, m).trap!;
    for (let job = 0; job < 20; job++) {
      heap.team.pieces(1e9, 16);
      const w = heap.team.table(16);
      // One word behind the end of any memory.
      for (let i = 0; i < 16; i++) heap.i32[w + i] = i === job % 16 ? -4 : 128;
      expect(() => heap.team.run(trap, 1, 16)).toThrow(/trapped|out of bounds/);
      expect(runJob(heap, counting(heap), [1, 1, 1]).made).toEqual([1, 1, 1]);
    }
  });
});

describe('workers', () => {
  const workers: Worker[] = [];
  afterEach(async () => {
    for (const w of workers.splice(0)) await w.terminate();
  });
  const thread = (): Worker => {
    const worker = new Worker(new URL('../../dist/threads/thread.js', import.meta.url), { execArgv: [] });
    workers.push(worker);
    return worker;
  };

  it('that were killed are not missed', async () => {
    const { heap } = await start({ threads: 3, thread });
    const call = counting(heap);
    runJob(heap, call, [1, 1, 1, 1]);
    await workers[0]!.terminate();
    for (let job = 0; job < 20; job++) expect(runJob(heap, call, Array(8).fill(1000)).by).not.toContain(1);
    expect(heap.team.present()).toBe(1);
    await workers[1]!.terminate();
    // Nobody is left: the work is done straight.
    expect(heap.team.pieces(1e9, 8)).toBe(1);
  });

  it('that are killed with a call in their hands make an error, not a hang', async () => {
    // Claims one call as a worker does, and dies.
    const rogue = (): Worker => {
      const worker = new Worker(
        `require('node:worker_threads').parentPort.once('message', ({ memory, worker }) => {
          const words = new Int32Array(memory.buffer);
          Atomics.store(words, ${stateOf(0)}, 2);
          for (;;) {
            const left = Atomics.load(words, ${LEFT});
            if (left > 0 && Atomics.compareExchange(words, ${LEFT}, left, left - 1) === left) process.exit();
          }
        })`,
        { eval: true },
      );
      workers.push(worker);
      return worker;
    };
    const { heap } = await start({ thread: rogue });
    const call = counting(heap);
    const run = (): unknown => {
      for (;;) runJob(heap, call, Array(16).fill(1_000_000));
    };
    expect(run).toThrow(/a thread that had begun a part of an operator does not end it/);
    expect(Atomics.load(heap.i32, PENDING)).toBe(1);
    // From then on this one computes alone.
    expect(heap.team.pieces(1e9, 8)).toBe(1);
  }, 30_000);

  it('sleep when there are fewer threads than before, and come back', async () => {
    const backend = await start({ threads: 3 });
    const { heap } = backend;
    const call = counting(heap);
    backend.threads = 1;
    expect(heap.team.pieces(1e9, 8)).toBe(1);
    backend.threads = 2;
    for (let job = 0; job < 20; job++) expect(runJob(heap, call, Array(8).fill(1000)).by).not.toContain(2);
    backend.threads = 3;
    const seen = new Set<number>();
    for (let job = 0; job < 300 && !seen.has(2); job++)
      for (const t of runJob(heap, call, Array(24).fill(100_000)).by) seen.add(t);
    expect(seen.has(2)).toBe(true);
  });
});

describe('a memory that is not shared', () => {
  it('is what one thread gets, and stays with one', async () => {
    const backend = await start({ threads: 1 });
    expect(backend.heap.memory.buffer).toBeInstanceOf(ArrayBuffer);
    backend.threads = 4;
    expect(backend.threads).toBe(1);
    expect(backend.heap.team.pieces(1e9, 8)).toBe(1);
  });
});

describe('kernels', () => {
  const view = (memory: object, shape: number[], strides: number[], offset = 0): View => ({
    memory,
    dtype: 'float32',
    shape,
    strides,
    offset,
  });
  const x = { op: 'input', index: 0, dtype: 'float32' } as const;
  const n = 96 * 160;

  /** What a kernel writes into 96 x 160 floats, with as many threads. */
  async function results(
    threads: number,
    run: (backend: WasmBackend, out: object, a: object, b: object) => void,
  ): Promise<unknown> {
    const backend = await start({ threads });
    const [out, a, b] = [1, 2, 3].map(() => backend.allocate('float32', n)) as [object, object, object];
    for (const [m, phase] of [[out, 0], [a, 1], [b, 2]] as const) // biome-ignore format: three pairs
      backend.write(
        m,
        0,
        Float32Array.from({ length: n }, (_, i) => Math.sin(i + phase)),
      );
    const { team } = backend.heap;
    for (let i = 0; i < 5; i++) run(backend, out, a, b);
    expect(team.jobs > 0).toBe(threads > 1);
    return backend.readNow(out, 0, n);
  }

  const kernels: Record<string, (backend: WasmBackend, out: object, a: object, b: object) => void> = {
    'dense rows': (backend, out, a) => {
      const exp: Executable = backend.compile({
        kind: 'pointwise',
        exprs: [{ op: 'exp', dtype: 'float32', args: [x] }],
        rank: 1,
      });
      exp([view(out, [n], [1])], [view(a, [n], [1])]);
    },
    'strided loops': (backend, out, a) => {
      const copy: Executable = backend.compile({ kind: 'pointwise', exprs: [x], rank: 3 });
      copy([view(out, [7, 90, 10], [1000, 10, 1])], [view(a, [7, 90, 10], [1, 70, 7])]);
      copy([view(out, [500], [15], 3)], [view(a, [500], [-2], 1200)]);
    },
    'a product': (backend, out, a, b) => {
      const matmul: Executable = backend.compile({ kind: 'matmul', dtype: 'float32', accumulate: 'float32' });
      matmul(
        [view(out, [1, 96, 160], [0, 160, 1])],
        [view(a, [1, 96, 70], [0, 70, 1]), view(b, [1, 70, 160], [0, 1, 70])],
      );
    },
    'a convolution with windows of one element': (backend, out, a, b) => {
      const conv: Executable = backend.compile({
        kind: 'conv', dims: 2, transposed: false, groups: 1, stride: [1, 1], padding: [0, 0], dilation: [1, 1],
        dtype: 'float32', accumulate: 'float32',
      }); // biome-ignore format: one kernel
      // Tiled straight and, over a depth in two parts, turned.
      for (const [channels, height] of [
        [92, 16],
        [150, 10],
      ] as const) {
        const plane = 10 * height;
        const image = (memory: object, count: number): View =>
          view(memory, [1, count, height, 10], [count * plane, plane, 10, 1]);
        conv([image(out, 93)], [image(a, channels), view(b, [93, channels, 1, 1], [channels, 1, 1, 1])]);
      }
    },
  };
  for (const [name, run] of Object.entries(kernels))
    it(`gives the same bits for ${name} on 1, 2 and 4 threads`, async () => {
      const want = await results(1, run);
      expect(await results(2, run)).toEqual(want);
      expect(await results(4, run)).toEqual(want);
    });
});

describe('a script that computed on threads', () => {
  it('ends by itself', () => {
    const program = `
      import { start } from ${JSON.stringify(new URL('./eager.ts', import.meta.url).href)};
      import { functions, setCurrentBackend } from '@sconce/core';
      const backend = await start({ threads: 3 });
      setCurrentBackend(backend);
      const x = functions.ones([256, 256]);
      let total = 0;
      for (let i = 0; i < 20; i++) total += await x.matmul(x).sum().item();
      console.log(JSON.stringify({ total, shared: backend.heap.team.calls().slice(1).some((n) => n > 0) }));`;
    const out = execFileSync(
      process.execPath,
      ['--import', 'tsx', '--conditions=sconce-source', '--input-type=module', '-e', program],
      { cwd: import.meta.dirname, encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    expect(JSON.parse(out)).toEqual({ total: 20 * 256 ** 3, shared: true });
  });
});
