/**
 * What threads bring to wasm, and cost: kernels on one thread and on several, in turn in one process, and the hand-off itself.
 *
 *   npx tsx --conditions=sconce-source bench/wasm-threads.ts [THREADS] [--hog]
 *
 * `--hog` keeps one core busy with something else meanwhile: then several threads must not be slower than one.
 */
import { spawn } from 'node:child_process';
import { WasmBackend } from '@sconce/backend-wasm';
import type { Memory, Schema, View } from '@sconce/core/backend';
import { Module } from '../packages/backend-wasm/src/asm/module.ts';
import { instantiate } from '../packages/backend-wasm/src/kernels/engine.ts';

const threads = Number(process.argv[2]) || 2;
const elements = 1 << 22;
const now = (): number => performance.now();
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Run = (n: number) => void;

/** The kernels that are measured, on a backend with so many threads. */
function kernels(count: number): { backend: WasmBackend; runs: Record<string, Run> } {
  const backend = new WasmBackend({ threads: count });
  const [x, y, out] = [0, 1, 2].map(() => backend.allocate('float32', elements)) as [Memory, Memory, Memory];
  const data = Float32Array.from({ length: elements }, (_, i) => Math.sin(i));
  for (const memory of [x, y, out]) backend.write(memory, 0, data);
  const flat = (memory: Memory, n: number): View => ({
    memory, dtype: 'float32', shape: [n], strides: [1], offset: 0,
  }); // biome-ignore format: a view
  const square = (memory: Memory, n: number, rank: number): View => ({
    memory, dtype: 'float32', shape: [1, n, n].slice(3 - rank), strides: [n * n, n, 1].slice(3 - rank), offset: 0,
  }); // biome-ignore format: a view
  const input = (index: number) => ({ op: 'input', index, dtype: 'float32' }) as const;
  const pointwise = (op: 'add' | 'exp', inputs: number) =>
    backend.compile({
      kind: 'pointwise',
      exprs: [{ op, dtype: 'float32', args: [input(0), input(1)].slice(0, inputs) }],
      rank: 1,
    });
  const [add, exp] = [pointwise('add', 2), pointwise('exp', 1)];
  const matmul = backend.compile({ kind: 'matmul', dtype: 'float32', accumulate: 'float32' });
  const softmax = backend.op({ name: 'aten::_softmax' } as Schema)!;
  return {
    backend,
    runs: {
      matmul: (n) => matmul([square(out, n, 3)], [square(x, n, 3), square(y, n, 3)]),
      add: (n) => add([flat(out, n)], [flat(x, n), flat(y, n)]),
      exp: (n) => exp([flat(out, n)], [flat(x, n)]),
      softmax: (n) => {
        for (const view of softmax([square(x, n, 2), 1, false])!) backend.free(view.memory);
      },
    },
  };
}

const quantile = (times: number[], q: number): number =>
  times.sort((a, b) => a - b)[Math.floor(times.length * q)]!;
const ms = (times: number[]): string =>
  `${quantile(times, 0).toFixed(3)} ${quantile(times, 0.5).toFixed(3)}`.padEnd(18);

/** Calls in blocks of 150 ms, one system after the other, so that each finds its workers as a program of its own would. */
async function compare(): Promise<void> {
  const systems = [kernels(1), kernels(threads)];
  console.log(
    `${'ms: min median'.padEnd(18)}${'1 thread'.padEnd(18)}${`${threads} threads`.padEnd(18)}ratio of minima, of medians`,
  );
  const cases: [string, number][] = [
    ['matmul', 256], ['matmul', 512], ['matmul', 1024], ['add', elements], ['exp', elements], ['add', 1 << 20], ['softmax', 1024], ['exp', 1 << 14],
  ]; // biome-ignore format: a table
  for (const { runs } of systems) for (const [name, n] of cases) for (let i = 0; i < 5; i++) runs[name]!(n);
  await pause(300);
  for (const [name, n] of cases) {
    const times: number[][] = [[], []];
    for (let block = 0; block < 6; block++)
      for (const [i, { runs }] of systems.entries())
        for (const end = now() + 150; now() < end; ) {
          const start = now();
          runs[name]!(n);
          times[i]!.push(now() - start);
        }
    const ratio = (q: number): string => (quantile(times[1]!, q) / quantile(times[0]!, q)).toFixed(2);
    console.log(`${`${name} ${n}`.padEnd(18)}${ms(times[0]!)}${ms(times[1]!)}${ratio(0)} ${ratio(0.5)}`);
  }
  const { team } = systems[1]!.backend.heap;
  console.log(`${team.jobs} jobs; calls by thread: ${team.calls().join(', ')}`);
}

/** Two calls of an empty loop: alone, shared with a worker that is awake, and with one that sleeps. */
async function handOff(): Promise<void> {
  const backend = new WasmBackend({
    threads: 2,
    costs: { start: 0, awake: 1, asleep: 1, piece: 1, alone: 0 },
  });
  const { heap } = backend;
  const m = new Module();
  m.fn('spin', ['i32'], [], (fn) =>
    fn.while(
      () => fn.param(0).ne(0),
      () => fn.param(0).inc(-1),
    ),
  );
  const spin = instantiate(heap, m).spin!;
  while (heap.team.present() < 1) {
    heap.team.pieces(1e9, 2);
    await pause(5);
  }
  const job = (turns: number): void =>
    heap.team.each(spin, 1e9, (call) => {
      call(turns);
      call(turns);
    });
  const timed = (run: () => void): number => {
    const start = now();
    run();
    return 1000 * (now() - start);
  };
  for (const turns of [1, 50_000]) {
    for (let i = 0; i < 2000; i++) job(turns);
    const alone = Array.from({ length: 2000 }, () => timed(() => [spin(turns), spin(turns)]));
    const shared = Array.from({ length: 2000 }, () => timed(() => job(turns)));
    const asleep: number[] = [];
    for (let i = 0; i < 50; i++) {
      await pause(3);
      asleep.push(timed(() => job(turns)));
    }
    console.log(
      `us: min median, 2 calls of ${turns} turns: alone ${ms(alone)}awake ${ms(shared)}asleep ${ms(asleep)}`,
    );
  }
}

const hog = process.argv.includes('--hog')
  ? spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' })
  : undefined;
await compare();
if (!hog) await handOff();
hog?.kill();
