/**
 * The threads of a backend. A driver cuts its work into calls of one exported function with i32 arguments; whoever is
 * free claims the next call, the main thread too, which makes all of them if nobody comes.
 *
 *     const pieces = heap.team.pieces(ns, rows);      // 1: not worth it, run straight
 *     let w = heap.team.table(4 * pieces);            // writes into heap.i32
 *     for (…) { heap.i32[w++] = …; }
 *     heap.team.run(exports.row, 4, pieces);
 *
 * Calls of one job must not depend on each other, and must not write to one address in the parameter block: what a
 * kernel writes for itself stands at `fn.frame()`, in `scratch`, or at an address among its arguments.
 */
import type { Exports } from '../kernels/engine.ts';
import { PARAM_BYTES } from '../memory/addresses.ts';
import type { Block, Heap } from '../memory/heap.ts';
import { Account } from './account.ts';
import {
  ABSENT,
  ACTIVE,
  ARITY,
  ASLEEP,
  AWAKE,
  type Call,
  COUNT,
  callRow,
  callsOf,
  FUNCTION,
  LEFT,
  MAIN_ASLEEP,
  MOST_WORKERS,
  PENDING,
  RECORD_WORDS,
  stateOf,
  TABLE,
  TABLE_WORDS,
  TRAPPED,
} from './control.ts';
import { type NodeWorker, whyNotShared } from './platform.ts';
import { type Ending, startThread } from './spawn.ts';

/** When threads pay, in nanoseconds of work. */
export interface Costs {
  /** What is worked alone, though it could be shared, before workers are made at all: a small model's first call is over before they are up. */
  readonly start: number;
  /** From which threads that are awake pay. */
  readonly awake: number;
  /** From which sleeping ones are woken. */
  readonly asleep: number;
  /** Of one call, at least. */
  readonly piece: number;
  /**
   * For how many times as long the main thread works alone as its threads cost more than they brought, because the system
   * had taken workers off their cores in the middle of a call; twice as long for each loss after a loss. On a busy machine
   * that bounds what is lost.
   */
  readonly alone: number;
}
const COSTS: Costs = { start: 5_000_000, awake: 6_000, asleep: 80_000, piece: 3_000, alone: 8 };

/** Most calls of a job: so many that a thread that is held up leaves most of them to others. */
const MOST_PIECES = 32;
const PIECES_PER_THREAD = 4;
/** How long the main thread spins for calls that others have claimed, in milliseconds, before it sleeps where it may. */
const SPIN = 0.05;
/** Naps of 10 ms without any progress, after which a worker that holds a call counts as dead. */
const MOST_NAPS = 500;
/** After this much work that threads could have shared, it is worth a hint that they are off. */
const HINT_FROM = 5_000_000;

interface Source {
  readonly code: Uint8Array<ArrayBuffer>;
  readonly name: string;
  record?: number;
}

export interface TeamOptions {
  /** Makes a worker that runs `@sconce/backend-wasm/thread-script`, for a bundler that does not find the script. */
  readonly thread?: () => Worker | NodeWorker;
  /** Tests set these, so that whatever can be cut is. */
  readonly costs?: Costs;
}

/** Ends the workers of a team that nothing can reach. */
const endings = new FinalizationRegistry<Ending[]>((workers) => {
  for (const w of workers) w.terminate();
});

let hinted = false;
function hint(text: string): void {
  if (hinted) return;
  hinted = true;
  console.warn(`sconce: ${text}`);
}

export class Team {
  private asked = 1;
  private wanted = 1;
  private options: TeamOptions = {};
  private readonly workers: Ending[] = [];
  private readonly sources = new WeakMap<object, Source>();
  private readonly modules = new Map<Uint8Array, number>();
  private shares: Block | undefined;
  private shareBytes = 0;
  /** Work done alone because everybody slept or there is nobody, in nanoseconds. */
  private missed = 0;
  /** The same since there was nobody to share it with yet. */
  private alone = 0;
  private readonly account = new Account();
  /** Until when nothing is shared, after time was lost; by performance.now(). */
  private aloneUntil = 0;
  private maySleep = true;
  private isBroken = false;
  private wakes = 0;
  /** Jobs that went through the table with more than one thread allowed. */
  jobs = 0;
  private mainCalls = 0;

  constructor(private readonly heap: Heap) {}

  /** Threads that a job may use, the main one included. */
  get size(): number {
    return this.wanted;
  }

  /** As many threads as there should be. On a memory that is not shared it stays one. */
  resize(threads: number, options: TeamOptions = this.options): void {
    this.options = options;
    this.asked = threads;
    if (!this.heap.shared) return;
    this.wanted = Math.max(1, Math.min(MOST_WORKERS + 1, Math.floor(threads)));
    Atomics.store(this.heap.i32, ACTIVE, this.wanted - 1);
  }

  /** Calls made by each thread since the beginning, the main one first: for tests, and to see that there are threads. */
  calls(): number[] {
    return [this.mainCalls, ...this.workers.map((_, w) => this.heap.i32[callsOf(w)]!)];
  }

  /** How many workers are up. */
  present(): number {
    let n = 0;
    for (let w = 0; w < this.workers.length; w++) if (Atomics.load(this.heap.i32, stateOf(w)) !== ABSENT) n++;
    return n;
  }

  /** Remembers where exported functions come from, so that workers can have them too. */
  learn(exports: Exports, code: Uint8Array<ArrayBuffer>): void {
    if (!this.heap.shared) return;
    for (const name of Object.keys(exports)) this.sources.set(exports[name]!, { code, name });
  }

  /**
   * Into how many calls work should be cut that takes `ns` nanoseconds on one thread and has `most` parts; 1 where
   * threads do not pay. What comes next is `table` and `run`.
   */
  pieces(ns: number, most: number): number {
    const { costs = COSTS } = this.options;
    if (most < 2 || ns < costs.awake || this.isBroken) return 1;
    if (this.wanted === 1) {
      if (this.asked > 1 && (this.missed += ns) > HINT_FROM) this.explain();
      return 1;
    }
    if (this.aloneUntil > 0) {
      if (performance.now() < this.aloneUntil) return 1;
      this.aloneUntil = 0;
    }
    if (this.workers.length < this.wanted - 1 && (this.alone += ns) >= costs.start) this.start();
    const { i32 } = this.heap;
    let awake = 0;
    let asleep = 0;
    for (let w = 0; w < this.wanted - 1; w++) {
      const state = Atomics.load(i32, stateOf(w));
      if (state === AWAKE) awake++;
      else if (state === ASLEEP) asleep++;
    }
    if (awake + asleep === 0) return 1;
    // Waking one costs the main thread a system call: for work that is long, or after much that was not shared.
    this.wakes = 0;
    if (asleep > 0) {
      this.missed += ns;
      if (this.missed >= costs.asleep) {
        this.wakes = Math.min(asleep, Math.ceil(ns / costs.asleep));
        this.missed = 0;
      }
    }
    const threads = 1 + awake + this.wakes;
    if (threads === 1) return 1;
    const pieces = Math.min(most, Math.max(MOST_PIECES, threads * PIECES_PER_THREAD), ns / costs.piece);
    return Math.max(1, Math.floor(pieces));
  }

  /** Where in `heap.i32` the arguments of the next job go, row after row. Holds 15360 words. */
  table(words: number): number {
    if (words > TABLE_WORDS) throw new RangeError(`wasm: a job of ${words} words does not fit its table`);
    return TABLE >> 2;
  }

  /**
   * Bytes for each thread while a job runs: thread `t` (`fn.thread()`) has those from the result plus `t * bytes` on.
   * Contents are undefined. Valid until the next call of `scratch`.
   */
  scratch(bytes: number): number {
    const all = bytes * this.wanted;
    if (!this.shares || this.shareBytes < all) {
      if (this.shares) this.heap.free(this.shares);
      this.shares = undefined;
      this.shares = this.heap.bytes(all);
      this.shareBytes = all;
    }
    return this.shares.pointer;
  }

  /**
   * Calls that do not depend on each other, as `give` gives them one by one: made at once where threads do not pay for
   * `ns` nanoseconds in all, else in any order and on any thread, all done at the end. Between calls of one job `give`
   * may not begin another, nor allocate. `pieces` is for a driver that asked already.
   */
  each(fn: Call, ns: number, give: (call: Call) => void, pieces = this.pieces(ns, MOST_PIECES)): void {
    if (pieces === 1) {
      give(fn);
      return;
    }
    let arity = 0;
    let count = 0;
    const first = this.table(0);
    const { i32 } = this.heap;
    give((...args: number[]) => {
      arity = args.length;
      if ((count + 1) * arity > TABLE_WORDS) {
        this.run(fn, arity, count);
        count = 0;
      }
      const at = first + count++ * arity;
      for (let i = 0; i < arity; i++) i32[at + i] = args[i]!;
    });
    if (count > 0) this.run(fn, arity, count);
  }

  /**
   * Calls that each take a run of `count` like parts, by the arguments `args(first, how many)`. Runs begin at multiples of
   * `unit`; fewer than `least` parts at the end belong to the run before them.
   */
  deal(
    fn: Call,
    ns: number,
    count: number,
    args: (first: number, some: number) => readonly number[],
    unit = 1,
    least = 1,
  ): void {
    const pieces = this.pieces(ns, Math.ceil(count / unit));
    const run = Math.ceil(count / pieces / unit) * unit;
    const give = (call: Call): void => {
      for (let first = 0, next = 0; first < count; first = next) {
        next = count - first - run < least ? count : first + run;
        call(...args(first, next - first));
      }
    };
    this.each(fn, ns, give, pieces);
  }

  /** Calls `fn` with each row of the table, in any order and on any thread; returns when all calls are done. */
  run(fn: Call, arity: number, count: number): void {
    const { i32 } = this.heap;
    const at = TABLE >> 2;
    const record = this.wanted > 1 && count > 1 ? this.recordOf(fn) : undefined;
    if (record === undefined) {
      for (let i = 0; i < count; i++) callRow(fn, i32, at + i * arity, arity);
      return;
    }
    this.jobs++;
    i32[FUNCTION] = record;
    i32[ARITY] = arity;
    i32[COUNT] = count;
    Atomics.store(i32, PENDING, count);
    Atomics.store(i32, LEFT, count);
    if (this.wakes > 0) this.wake();
    const began = performance.now();
    let done = 0;
    try {
      for (;;) {
        const left = Atomics.load(i32, LEFT);
        if (left <= 0) break;
        if (Atomics.compareExchange(i32, LEFT, left, left - 1) !== left) continue;
        done++;
        callRow(fn, i32, at + (count - left) * arity, arity);
      }
    } finally {
      // A call that trapped here leaves rows: nobody may claim them, and what is claimed must end.
      const unclaimed = Atomics.exchange(i32, LEFT, 0);
      this.mainCalls += done;
      const rest = done + unclaimed;
      const claimed = performance.now();
      if (Atomics.sub(i32, PENDING, rest) !== rest) this.wait();
      const now = performance.now();
      const call = (claimed - began) / Math.max(1, done);
      const alone = this.account.settle(
        count - rest,
        call,
        now - claimed,
        (this.options.costs ?? COSTS).alone,
      );
      if (alone > 0) this.aloneUntil = now + alone;
    }
    if (Atomics.load(i32, TRAPPED) === 1) {
      Atomics.store(i32, TRAPPED, 0);
      throw new Error('wasm: a kernel trapped on a thread');
    }
  }

  /** Until the calls that workers have claimed are done. */
  private wait(): void {
    const { i32 } = this.heap;
    const until = performance.now() + SPIN;
    for (let turn = 1; ; turn++) {
      if (Atomics.load(i32, PENDING) === 0) return;
      // Spinning on would keep the core from the very worker that is waited for, where there is no other.
      if (turn % 64 === 0 && this.maySleep && performance.now() > until) break;
    }
    let before = Atomics.load(i32, PENDING);
    let naps = 0;
    while (naps < MOST_NAPS) {
      Atomics.store(i32, MAIN_ASLEEP, 1);
      const pending = Atomics.load(i32, PENDING);
      if (pending === 0) break;
      if (pending !== before) naps = 0;
      before = pending;
      try {
        if (Atomics.wait(i32, MAIN_ASLEEP, 1, 10) === 'timed-out') naps++;
      } catch {
        // A page's main thread may not sleep.
        this.maySleep = false;
        this.wait();
        return;
      }
    }
    Atomics.store(i32, MAIN_ASLEEP, 0);
    if (naps < MOST_NAPS) return;
    this.isBroken = true;
    throw new Error(
      'wasm: a thread that had begun a part of an operator does not end it (was its worker killed?)',
    );
  }

  private wake(): void {
    const { i32 } = this.heap;
    for (let w = 0; w < this.wanted - 1 && this.wakes > 0; w++) {
      const state = stateOf(w);
      if (Atomics.compareExchange(i32, state, ASLEEP, AWAKE) !== ASLEEP) continue;
      Atomics.notify(i32, state);
      this.wakes--;
    }
    this.wakes = 0;
  }

  /** The address of the function's record (control.ts), written when it is first shared. */
  private recordOf(fn: Call): number | undefined {
    const source = this.sources.get(fn);
    if (!source) return undefined;
    if (source.record !== undefined) return source.record;
    const { heap } = this;
    const { code, name } = source;
    let module = this.modules.get(code);
    if (module === undefined) {
      module = heap.bytes(code.length).pointer;
      heap.u8.set(code, module);
      this.modules.set(code, module);
    }
    const record = heap.bytes(4 * RECORD_WORDS + name.length).pointer;
    const w = record >>> 2;
    heap.i32[w] = module;
    heap.i32[w + 1] = code.length;
    heap.i32[w + 2] = name.length;
    for (let i = 0; i < name.length; i++) heap.u8[record + 4 * RECORD_WORDS + i] = name.charCodeAt(i);
    source.record = record;
    return record;
  }

  private start(): void {
    const { heap, workers } = this;
    if (workers.length === 0) endings.register(this, workers);
    const failed = (reason: string): void =>
      hint(`a thread of the wasm backend could not start, so it computes on fewer: ${reason}`);
    while (workers.length < this.wanted - 1) {
      const worker = workers.length;
      const frame = heap.bytes(PARAM_BYTES).pointer;
      try {
        workers.push(startThread({ memory: heap.memory, worker, frame }, failed, this.options.thread));
      } catch (error) {
        failed((error as Error).message);
        this.wanted = workers.length + 1;
        Atomics.store(heap.i32, ACTIVE, workers.length);
      }
    }
  }

  private explain(): void {
    this.asked = 1;
    if (whyNotShared() === 'isolation')
      hint(
        'the wasm backend computes on one thread, because this page is not cross-origin isolated. Serve it with the headers' +
          ' "Cross-Origin-Opener-Policy: same-origin" and "Cross-Origin-Embedder-Policy: require-corp" for more threads,' +
          " or say torch.use('wasm', { threads: 1 }) if one is what you want",
      );
  }
}
