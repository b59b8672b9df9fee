/**
 * What the threads of a team say to each other, as words of the shared memory. A job is one function and a table of
 * arguments, a row per call; `LEFT` counts the rows that nobody has claimed, `PENDING` those that are not done.
 *
 * The protocol: the main thread writes the job, then PENDING, then LEFT. Whoever lowers LEFT by one (compare and exchange)
 * has claimed the row `count - LEFT before`, and reads the job only then: a job cannot change while one of its rows is
 * claimed and not done, so it makes no difference how long ago a thread looked at LEFT.
 */
import { CONTROL } from '../memory/addresses.ts';

/** Words of one cache line: what different threads write stands in different ones. */
const LINE = 16;
const word = (line: number): number => (CONTROL >> 2) + line * LINE;

export const LEFT = word(0);
/** The job: address of the function's record, arguments of a call, rows of the table. */
export const FUNCTION = word(1);
export const ARITY = FUNCTION + 1;
export const COUNT = FUNCTION + 2;
/** Workers beyond this many sleep. */
export const ACTIVE = FUNCTION + 3;
export const PENDING = word(2);
/** 1 while the main thread sleeps until PENDING is 0. */
export const MAIN_ASLEEP = word(3);
/** 1 when a call trapped in a worker. */
export const TRAPPED = word(4);

export const MOST_WORKERS = 56;
/** Per worker: what it is doing, and how many calls it has made since the beginning. */
export const stateOf = (worker: number): number => word(5 + worker);
export const callsOf = (worker: number): number => word(5 + worker) + 1;

/** ABSENT until its script runs. A worker that sleeps waits for its state to be changed. */
export const ABSENT = 0;
export const ASLEEP = 1;
export const AWAKE = 2;

/** The table begins after the control words. */
export const TABLE = CONTROL + 4096;
export const TABLE_WORDS = 15 * 1024;

/**
 * A function's record in memory, words: the module's address and bytes, then the bytes of the export's name, and the name.
 * The module's bytes are compiled again by each thread, which V8 answers from its cache with the code that it already has.
 */
export const RECORD_WORDS = 3;

/** What a worker is started with. */
export interface Start {
  readonly memory: WebAssembly.Memory;
  readonly worker: number;
  /** Address of its own parameter block. */
  readonly frame: number;
}

// biome-ignore lint/suspicious/noExplicitAny: an export's signature is known only where it was generated
export type Call = (...args: any[]) => unknown;

/** Calls with a row of the table; apart by arity, so that V8 sees calls of a known length. */
export function callRow(fn: Call, t: Int32Array, at: number, arity: number): void {
  switch (arity) {
    case 1:
      fn(t[at]);
      break;
    case 2:
      fn(t[at], t[at + 1]);
      break;
    case 3:
      fn(t[at], t[at + 1], t[at + 2]);
      break;
    case 4:
      fn(t[at], t[at + 1], t[at + 2], t[at + 3]);
      break;
    case 5:
      fn(t[at], t[at + 1], t[at + 2], t[at + 3], t[at + 4]);
      break;
    case 6:
      fn(t[at], t[at + 1], t[at + 2], t[at + 3], t[at + 4], t[at + 5]);
      break;
    default:
      fn(...t.subarray(at, at + arity));
  }
}
