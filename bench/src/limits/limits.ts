/** What this machine can do at most, measured here and now on one thread: float32 arithmetic of wasm's 128-bit SIMD, and memory. */

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

function instantiate(
  loop: Loop,
  pages: number,
  memory: WebAssembly.Memory,
): ((...args: number[]) => number) | null {
  const bytes = moduleOf(loop, pages);
  if (!WebAssembly.validate(bytes)) return null;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { m: { m: memory } });
  return instance.exports.f as (...args: number[]) => number;
}

/** The least time of `rounds` runs, in ms. */
function least(rounds: number, run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const began = performance.now();
    run();
    best = Math.min(best, performance.now() - began);
  }
  return best;
}

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

function peak(isFused: boolean, memory: WebAssembly.Memory): number | null {
  let best = 0;
  for (const count of [8, 10, 12, 13]) {
    const run = instantiate(chains(count, isFused), 1, memory);
    if (!run) return null;
    const flops = count * UNROLL * 8;
    const times = Math.round(3e7 / flops);
    for (let i = 0; i < 300; i++) run(200);
    best = Math.max(best, (flops * times) / least(12, () => run(times)) / 1e6);
  }
  return best;
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
      const sum = 4 + ((o / 16) % 4);
      return [...code.get(sum), ...code.get(1), ...code.load(o), ...code.vectorAdd, ...code.set(sum)];
    },
  },
} as const;

function stream(name: keyof typeof streams): Loop {
  const step = 128;
  const once = Array.from({ length: step / 16 }, (_, i) => streams[name].once(i * 16)).flat();
  const advance = [0, 1, 2].flatMap((p) => [...code.get(p), ...code.i32(step), ...code.add, ...code.set(p)]);
  return {
    params: [I32, I32, I32, I32],
    results: [F32],
    locals: [V128, V128, V128, V128],
    body: [
      ...[...code.loop, ...once, ...advance],
      ...[...code.get(0), ...code.get(3), ...code.lessThan, ...code.branchIf, ...code.end],
      ...[...code.get(4), ...[5, 6, 7].flatMap((x) => [...code.get(x), ...code.vectorAdd]), ...code.lane],
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

function bandwidths(memory: WebAssembly.Memory, pages: number): Level[] {
  const sizes = caches();
  const [l2, l3] = [sizes.get(2) ?? 2 ** 20, sizes.get(3) ?? 32 * 2 ** 20];
  const levels = [
    // Three arrays share the cache.
    { name: 'L2' as const, upTo: l2, array: l2 / 4 },
    { name: 'L3' as const, upTo: l3, array: Math.min(4 * 2 ** 20, l3 / 6) },
    { name: 'DRAM' as const, upTo: Number.MAX_SAFE_INTEGER, array: LARGEST },
  ];
  const apart = LARGEST + 5 * 4096 + 1344;
  return levels.map(({ name, upTo, array }) => {
    let best = 0;
    for (const kind of Object.keys(streams) as (keyof typeof streams)[]) {
      const run = instantiate(stream(kind), pages, memory)!;
      const bytes = array - (array % 128);
      for (let i = 0; i < 300; i++) run(0, apart, 2 * apart, 16384);
      const times = Math.max(1, Math.round(2 ** 26 / bytes));
      const ms = least(8, () => {
        for (let i = 0; i < times; i++) run(0, apart, 2 * apart, bytes);
      });
      best = Math.max(best, (streams[kind].traffic * bytes * times) / ms / 1e6);
    }
    return { name, upTo, bandwidth: best };
  });
}

/** Takes about three seconds, and means nothing while other programs run. */
export function measureLimits(): Limits {
  const pages = Math.ceil((3 * LARGEST + 2 ** 20) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages });
  // Pages are made at their first touch.
  new Uint8Array(memory.buffer).fill(1);
  return {
    machine: `${cpus().length} × ${cpus()[0]?.model.trim() ?? arch}, ${platform}, Node ${version.slice(1)}`,
    flops: peak(false, memory)!,
    fused: peak(true, memory),
    levels: bandwidths(memory, pages),
  };
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
