/** Storage: a backend's memory with its lifetime, shared by all tensors that alias it; or an expression not yet run. */
import type { Backend, Memory } from '../backend/backend.ts';
import { TorchError } from '../errors.ts';
import { type Batch, giveBack, takeOver } from './allocation.ts';
import { type DType, dtypes } from './dtype.ts';

/**
 * What a storage holds instead of values that nobody has looked at, see `kernel/chain.ts`; or what is still to be written
 * over values that it has.
 */
export interface Pending {
  /** The storages whose memory it is computed from, perhaps the storage's own. */
  readonly sources: readonly Storage[];
  /** How many later expressions took this one in. */
  uses: number;
  /** Computes the values into the storage's memory. */
  run(storage: Storage): void;
  /** A storage that holds what `source` holds now. */
  snapshot(source: Storage): Storage;
  /** Reads `copy` instead of `source` from now on. */
  redirect(source: Storage, copy: Storage): void;
}

/** Where each live storage was made, while leaks are being looked for. */
let origins: Map<Storage, string> | undefined;

export class Storage {
  /** Counts in-place changes; autograd compares it with what it was when a tensor was saved. */
  version = 0;
  /** Tensors that alias this storage and are not disposed. */
  references = 0;
  /** Null where the memory holds the values. */
  pending: Pending | null = null;
  /** At least as many as there are pending storages that read this one. */
  readers = 0;
  /** Those of them that outlived the task in which they were made. */
  lateReaders: WeakRef<Storage>[] | null = null;
  private own: Memory | null = null;
  private batch: Batch | null = null;
  private place = 0;
  private closed = false;

  /** Over a memory, which is core's from now on; null allocates when the values are wanted. */
  constructor(
    readonly backend: Backend,
    readonly dtype: DType,
    readonly length: number,
    memory: Memory | null,
  ) {
    if (memory !== null) this.take(memory);
    if (origins !== undefined) origins.set(this, new Error('allocated').stack ?? '');
  }

  private take(memory: Memory): void {
    this.own = memory;
    this.batch = takeOver(this.backend, memory, this.bytes);
    this.place = this.batch.held.taken - 1;
  }

  get bytes(): number {
    return this.length * dtypes[this.dtype].bytes;
  }

  /** The memory. Throws when it was freed. `materialise` is the door to it. */
  get memory(): Memory {
    if (this.closed)
      throw new TorchError(
        'this tensor was disposed: its memory is freed. Keep it with `scope.keep`, return it from the scope, or dispose it later',
      );
    return this.held;
  }

  /** The memory, for a pending expression that read it before it was disposed. Allocates what is not there yet. */
  get held(): Memory {
    if (this.own === null) {
      if (this.closed) throw new TorchError('internal: a deferred expression reads memory that was freed');
      this.take(this.backend.allocate(this.dtype, this.length));
    }
    return this.own!;
  }

  get hasMemory(): boolean {
    return this.own !== null;
  }

  get isFreed(): boolean {
    return this.closed;
  }

  retain(): void {
    this.references++;
  }

  releaseOne(): void {
    if (--this.references === 0) this.close();
  }

  /** No tensor can reach the storage any more. Its own expression is never run; its memory waits for those that read it. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    origins?.delete(this);
    if (this.pending !== null) letGo(this);
    if (this.readers === 0) this.free();
    else freeLater(this);
  }

  free(): void {
    if (this.batch === null) return;
    const { batch } = this;
    this.own = null;
    this.batch = null;
    giveBack(batch, this.place, this.bytes);
  }
}

/** The one door to a storage's memory. A deferred expression is run here, before anything looks. */
export function materialise(storage: Storage): Memory {
  if (storage.pending !== null) settle(storage);
  return storage.memory;
}

/** The door for those who change the memory: what is deferred and would read it is run first, on what it holds now. */
export function writable(storage: Storage): Memory {
  if (storage.readers > 0) settleReaders(storage);
  return materialise(storage);
}

/** The pending storages of this task, in the order of issue. */
let queue: Storage[] = [];
/** Disposed storages that pending ones still read. */
let waiting: Storage[] = [];
let waitingBytes = 0;

/** A task that never ends must not collect more than this. */
const MOST_PENDING = 256;
const MOST_WAITING_BYTES = 1 << 27;

/** Called before an expression is put together: what is pending is run where there is too much of it. */
export function makeRoom(): void {
  if (queue.length >= MOST_PENDING) endTask();
}

/** Lets the storage hold an expression in place of values. It is run when somebody looks, or at the end of the task. */
export function defer(storage: Storage, pending: Pending): void {
  schedule();
  for (const s of pending.sources) s.readers++;
  if (storage.pending !== null) letGo(storage);
  storage.pending = pending;
  queue.push(storage);
}

let isScheduled = false;

function schedule(): void {
  if (isScheduled) return;
  isScheduled = true;
  Promise.resolve().then(() => {
    isScheduled = false;
    endTask();
  });
}

function settle(storage: Storage): void {
  if (storage.readers > 0) settleReaders(storage);
  storage.pending!.run(storage);
  letGo(storage);
}

/** The storage owes nothing more: what it would have read is free to go. */
function letGo(storage: Storage): void {
  const { sources } = storage.pending!;
  storage.pending = null;
  for (const s of sources) if (--s.readers === 0 && s.isFreed) s.free();
}

function freeLater(storage: Storage): void {
  schedule();
  waiting.push(storage);
  waitingBytes += storage.bytes;
  if (waitingBytes > MOST_WAITING_BYTES) endTask();
}

/** The other pending storages that read this one. What else was counted, the garbage collector has taken. */
function readersOf(storage: Storage): Storage[] {
  const readers = new Set<Storage>();
  const note = (s: Storage | undefined): void => {
    if (s?.pending?.sources.includes(storage)) readers.add(s);
  };
  queue.forEach(note);
  for (const ref of storage.lateReaders ?? []) note(ref.deref());
  readers.delete(storage);
  return [...readers];
}

const bytesOf = (storages: readonly Storage[]): number => storages.reduce((n, s) => n + s.bytes, 0);

/**
 * The memory of `storage` is about to change: results that read it are run. Temporaries, which most likely nobody looks
 * at again, are run too, or read a copy from now on where that is less to write.
 */
function settleReaders(storage: Storage): void {
  const temporaries: Storage[] = [];
  for (const s of readersOf(storage)) {
    if (s.pending !== null && isTemporary(s)) temporaries.push(s);
    else if (s.pending !== null) settle(s);
  }
  if (bytesOf(temporaries) > storage.bytes) {
    const copy = temporaries[0].pending!.snapshot(storage);
    for (const { pending } of temporaries) {
      pending!.redirect(storage, copy);
      copy.readers += pending!.sources.filter((s) => s === copy).length;
    }
    copy.close();
  } else temporaries.forEach(settle);
  storage.lateReaders = null;
  storage.readers = storage.pending?.sources.filter((s) => s === storage).length ?? 0;
}

/** Taken in by another expression, and nowhere written down. */
const isTemporary = (s: Storage): boolean => s.pending!.uses > 0 && !s.hasMemory;

/**
 * At the end of the task, what no other expression took in is a result: it is run. What was taken in is most likely a
 * temporary that nobody will look at again, `x.mul(2)` in `x.mul(2).add(1)`: it stays pending, held by its tensor alone.
 * What such a one reads stays with it, disposed or not, unless its own values take less memory.
 */
export function endTask(): void {
  for (const s of queue) if (s.pending !== null && !isTemporary(s)) quietly(() => settle(s));
  const closed = waiting;
  waiting = [];
  waitingBytes = 0;
  for (const s of closed) {
    const readers = s.readers > 0 ? readersOf(s) : [];
    if (bytesOf(readers) < s.bytes)
      quietly(() => {
        for (const r of readers) if (r.pending !== null) settle(r);
      });
  }
  for (const s of queue) if (s.pending !== null) rememberLate(s);
  queue = [];
}

/** There is no caller to throw to: what fails stays pending, and fails again where somebody looks. */
function quietly(fn: () => void): void {
  try {
    fn();
  } catch {}
}

const MANY = 16;

function rememberLate(storage: Storage): void {
  const ref = new WeakRef(storage);
  for (const s of storage.pending!.sources) {
    const late = (s.lateReaders ??= []);
    late.push(ref);
    const n = late.length;
    // Again at each doubling: a constant that is read for ever must not remember every reader.
    if (n >= MANY && (n & (n - 1)) === 0)
      s.lateReaders = late.filter((r) => r.deref()?.pending?.sources.includes(s));
  }
}

/**
 * Runs `fn` and returns where the storages that it left alive were made; for finding leaks.
 * A storage that is merely unreachable counts as alive until it is disposed.
 */
export async function findLeaks(fn: () => unknown): Promise<string[]> {
  const before = origins;
  const mine = new Map<Storage, string>();
  origins = mine;
  try {
    await fn();
    return [...mine.values()];
  } finally {
    origins = before;
  }
}
