/**
 * What this machine can do at most, measured here and now on one thread: float32 arithmetic of wasm's 128-bit SIMD, and memory.
 *
 * A core that is shared with another tenant computes at one of two speeds for half a second or two at a time, so a limit is the
 * best of many short samples, spread over the same span as what is held against it.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { arch, platform, version } from 'node:process';
import { code, F32, I32, type Loop, moduleOf, V128 } from './assemble.ts';

export interface Level {
  readonly name: 'L2' | 'L3' | 'DRAM';
  /** Largest working set, in bytes, that counts as this level's. */
  readonly upTo: number;
  /** GB/s, all traffic counted, of the best of copy, triad and read. */
  readonly bandwidth: number;
}

export interface Limits {
  readonly machine: string;
  /** GFLOP/s of multiply and add; of `relaxed_madd` too, where this engine has it. */
  readonly flops: number;
  readonly fused: number | null;
  readonly levels: readonly Level[];
}

type Run = (...args: number[]) => number;

function instantiate(loop: Loop, pages: number, memory: WebAssembly.Memory): Run | null {
  const bytes = moduleOf(loop, pages);
  if (!WebAssembly.validate(bytes)) return null;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { m: { m: memory } });
  return instance.exports.f as Run;
}

/** One loop whose rate is a limit: the amount of its work over the least time that it took. */
class Gauge {
  private least = Number.POSITIVE_INFINITY;

  constructor(
    private readonly amount: number,
    private readonly run: () => void,
  ) {}

  sample(): void {
    for (let i = 0; i < 2; i++) {
      const began = performance.now();
      this.run();
      this.least = Math.min(this.least, performance.now() - began);
    }
  }

  /** Billions a second. */
  get rate(): number {
    return this.amount / this.least / 1e6;
  }
}

const bestOf = (gauges: readonly Gauge[]): number => Math.max(...gauges.map(({ rate }) => rate));

const UNROLL = 4;

/** `count` chains of x = x * a + b: as many as hide the latency, and few enough for the registers. */
function chains(count: number, isFused: boolean): Loop {
  const [a, b] = [1 + count, 2 + count];
  const each = <T>(f: (i: number) => T[]): T[] => Array.from({ length: count }, (_, i) => f(1 + i)).flat();
  const once = each((x) =>
    isFused
      ? [...code.get(x), ...code.get(a), ...code.get(b), ...code.relaxedMadd, ...code.set(x)]
      : [
          ...code.get(x),
          ...code.get(a),
          ...code.vectorMul,
          ...code.get(b),
          ...code.vectorAdd,
          ...code.set(x),
        ],
  );
  const sum = [...code.get(1), ...each((x) => (x > 1 ? [...code.get(x), ...code.vectorAdd] : []))];
  return {
    params: [I32],
    results: [F32],
    locals: Array(count + 2).fill(V128),
    body: [
      ...each((x) => [...code.constant(x / 10), ...code.set(x)]),
      ...[...code.constant(0.999), ...code.set(a), ...code.constant(1e-3), ...code.set(b)],
      ...[...code.loop, ...Array(UNROLL).fill(once).flat()],
      ...[...code.get(0), ...code.i32(1), ...code.sub, ...code.tee(0), ...code.branchIf, ...code.end],
      ...[...sum, ...code.lane],
    ],
  };
}

/** None where the engine has no such instruction. */
function arithmetic(isFused: boolean, memory: WebAssembly.Memory): Gauge[] {
  return [8, 10, 12, 13].flatMap((count) => {
    const run = instantiate(chains(count, isFused), 1, memory);
    if (!run) return [];
    const flops = count * UNROLL * 8;
    const times = Math.round(6e7 / flops);
    for (let i = 0; i < 300; i++) run(200);
    return [new Gauge(flops * times, () => run(times))];
  });
}

/** Per 16 bytes of index: reads, writes and what is done in between. Parameters: destination, two sources, end of the destination. */
const streams = {
  copy: {
    traffic: 2,
    once: (o: number) => [...code.get(0), ...code.get(1), ...code.load(o), ...code.store(o)],
  },
  triad: {
    traffic: 3,
    once: (o: number) => [
      ...[...code.get(0), ...code.get(1), ...code.load(o), ...code.get(2), ...code.load(o)],
      ...[...code.get(4), ...code.vectorMul, ...code.vectorAdd, ...code.store(o)],
    ],
  },
  read: {
    traffic: 1,
    once: (o: number) => {
      const sum = 4 + o / 16;
      return [...code.get(sum), ...code.get(1), ...code.load(o), ...code.vectorAdd, ...code.set(sum)];
    },
  },
} as const;

const step = 128;
/** Reading takes a sum for each 16 bytes of a step: fewer would be waited for. */
const sums = Array.from({ length: step / 16 }, (_, i) => 4 + i);

function stream(name: keyof typeof streams): Loop {
  const once = Array.from({ length: step / 16 }, (_, i) => streams[name].once(i * 16)).flat();
  const advance = [0, 1, 2].flatMap((p) => [...code.get(p), ...code.i32(step), ...code.add, ...code.set(p)]);
  return {
    params: [I32, I32, I32, I32],
    results: [F32],
    locals: sums.map(() => V128),
    body: [
      ...[...code.loop, ...once, ...advance],
      ...[...code.get(0), ...code.get(3), ...code.lessThan, ...code.branchIf, ...code.end],
      ...sums.flatMap((x, i) => (i > 0 ? [...code.get(x), ...code.vectorAdd] : code.get(x))),
      ...code.lane,
    ],
  };
}

/** Bytes of the caches, by level, where Linux says them. */
function caches(): Map<number, number> {
  const found = new Map<number, number>();
  const folder = '/sys/devices/system/cpu/cpu0/cache';
  try {
    for (const index of readdirSync(folder).filter((name) => name.startsWith('index'))) {
      const read = (file: string) => readFileSync(`${folder}/${index}/${file}`, 'utf8').trim();
      if (read('type') !== 'Instruction')
        found.set(
          Number(read('level')),
          Number.parseInt(read('size'), 10) * (read('size').endsWith('M') ? 2 ** 20 : 1024),
        );
    }
  } catch {
    // Not Linux, or a container that hides it.
  }
  return found;
}

const LARGEST = 96 * 2 ** 20;

interface LevelGauges extends Pick<Level, 'name' | 'upTo'> {
  readonly gauges: readonly Gauge[];
}

function levelGauges(memory: WebAssembly.Memory, pages: number): LevelGauges[] {
  const sizes = caches();
  const [l2, l3] = [sizes.get(2) ?? 2 ** 20, sizes.get(3) ?? 32 * 2 ** 20];
  const levels = [
    // Three arrays share the cache.
    { name: 'L2' as const, upTo: l2, array: l2 / 4 },
    { name: 'L3' as const, upTo: l3, array: Math.min(4 * 2 ** 20, l3 / 6) },
    { name: 'DRAM' as const, upTo: Number.MAX_SAFE_INTEGER, array: LARGEST },
  ];
  const apart = LARGEST + 5 * 4096 + 1344;
  const kinds = Object.keys(streams) as (keyof typeof streams)[];
  const loops = kinds.map((kind) => ({ kind, run: instantiate(stream(kind), pages, memory)! }));
  for (const { run } of loops) for (let i = 0; i < 300; i++) run(0, apart, 2 * apart, 16384);
  return levels.map(({ name, upTo, array }) => {
    const bytes = array - (array % step);
    const times = Math.max(1, Math.round(2 ** 25 / bytes));
    const gauges = loops.map(
      ({ kind, run }) =>
        new Gauge(streams[kind].traffic * bytes * times, () => {
          for (let i = 0; i < times; i++) run(0, apart, 2 * apart, bytes);
        }),
    );
    return { name, upTo, gauges };
  });
}

/** Takes a sample of every limit whenever it is told to, a tenth of a second each, and keeps the best. */
export class LimitGauges {
  private readonly plain: readonly Gauge[];
  private readonly fused: readonly Gauge[];
  private readonly levels: readonly LevelGauges[];

  constructor() {
    const pages = Math.ceil((3 * LARGEST + 2 ** 20) / 65536);
    const memory = new WebAssembly.Memory({ initial: pages });
    // Pages are made at their first touch.
    new Uint8Array(memory.buffer).fill(1);
    this.plain = arithmetic(false, memory);
    this.fused = arithmetic(true, memory);
    this.levels = levelGauges(memory, pages);
  }

  sample(): void {
    const all = [...this.plain, ...this.fused, ...this.levels.flatMap(({ gauges }) => gauges)];
    for (const gauge of all) gauge.sample();
  }

  get best(): Limits {
    return {
      machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? arch}, ${platform}, Node ${version.slice(1)}`,
      flops: bestOf(this.plain),
      fused: this.fused.length > 0 ? bestOf(this.fused) : null,
      levels: this.levels.map(({ name, upTo, gauges }) => ({ name, upTo, bandwidth: bestOf(gauges) })),
    };
  }
}

/** The most that arithmetic can do here, whichever instruction it uses. */
export const peakOf = ({ flops, fused }: Limits): number => Math.max(flops, fused ?? 0);

/** GB/s at most where this many bytes are touched again and again. */
export const levelOf = ({ levels }: Limits, bytes: number): Level => levels.find((l) => bytes <= l.upTo)!;

export function printLimits(limits: Limits): void {
  const { machine, flops, fused, levels } = limits;
  console.log(`${machine}, one thread:`);
  console.log(
    `  float32 SIMD of wasm: ${flops.toFixed(1)} GFLOP/s multiply and add, ${fused === null ? 'no relaxed_madd in this engine' : `${fused.toFixed(1)} relaxed_madd`}`,
  );
  for (const { name, bandwidth } of levels)
    console.log(`  ${name.padEnd(5)} ${bandwidth.toFixed(1).padStart(6)} GB/s`);
}
