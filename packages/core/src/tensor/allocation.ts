/** Backends' memories as they come and go: what is counted, what the garbage collector is told, and the safety net. */
import type { Backend, Memory } from '../backend/backend.ts';

interface Usage {
  allocated: number;
  peak: number;
  count: number;
}

/** One backend's part of the books. */
interface Pool {
  readonly backend: Backend;
  readonly usage: Usage;
  /** Takes the next small memories. */
  open: Batch | null;
  /** Batches of which every memory was given back: they are registered already. */
  readonly spare: Batch[];
}

const pools = new Map<Backend, Pool>();
let last: Pool | undefined;

/** Every storage asks: the last answer is kept. */
function poolOf(backend: Backend): Pool {
  if (last !== undefined && last.backend === backend) return last;
  let pool = pools.get(backend);
  if (!pool)
    pools.set(
      backend,
      (pool = { backend, usage: { allocated: 0, peak: 0, count: 0 }, open: null, spare: [] }),
    );
  last = pool;
  return pool;
}

/** What a batch holds, apart from it: the registry must not reach what it watches. */
class Held {
  readonly memories: (Memory | undefined)[] = [];
  /** Places taken since the batch was empty, memories not yet given back, and their bytes. */
  taken = 0;
  alive = 0;
  bytes = 0;
  constructor(readonly pool: Pool) {}
}

/**
 * Memories that the garbage collector frees together, when nobody reaches their batch any more. Each storage holds on to
 * the batch that its memory is in. To register a storage by itself costs more than a small operator; so small ones share,
 * few enough that one which lives long keeps no more than a few KiB from being freed. What is disposed is freed at once.
 */
export class Batch {
  /** See `BALLAST_FROM`. */
  ballast: ArrayBuffer | undefined = undefined;
  constructor(readonly held: Held) {}
}

const MOST_SHARING = 16;
const MOST_SHARED_BYTES = 4096;
const MOST_SPARE = 64;

/** The safety net for storages that nobody disposed. Its callbacks run in a later macrotask only. */
const finalizers = new FinalizationRegistry<Held>(({ memories, taken, alive, bytes, pool }) => {
  pool.usage.allocated -= bytes;
  pool.usage.count -= alive;
  for (let i = 0; i < taken; i++) {
    const memory = memories[i];
    if (memory !== undefined) pool.backend.free(memory);
  }
});

function freshBatch(pool: Pool): Batch {
  const spare = pool.spare.pop();
  if (spare !== undefined) return spare;
  const batch = new Batch(new Held(pool));
  finalizers.register(batch, batch.held);
  return batch;
}

function batchFor(pool: Pool, bytes: number): Batch {
  if (bytes > MOST_SHARED_BYTES / 2) return freshBatch(pool);
  const { open } = pool;
  if (open !== null && open.held.taken < MOST_SHARING && open.held.bytes + bytes <= MOST_SHARED_BYTES)
    return open;
  return (pool.open = freshBatch(pool));
}

/**
 * The garbage collector sees a storage as a few bytes, and would let gigabytes of a backend's memory pile up. So a large
 * storage holds an ArrayBuffer of its size that nobody touches: it costs no memory (its pages are never made), and the
 * collector counts it.
 */
const BALLAST_FROM = 1 << 16;

/** Ballast of disposed storages, by size: to make a new one takes longer than many operators, and leaves garbage. */
const spareBallast = new Map<number, ArrayBuffer[]>();
const MOST_SPARE_BALLAST = 1 << 26;
let spareBallastBytes = 0;

/** What may be resized comes from the system page by page; from the C library it may come as used pages, which are then cleared, and so made. */
const untouched = ArrayBuffer as unknown as new (
  bytes: number,
  options: { readonly maxByteLength: number },
) => ArrayBuffer;

function ballastOf(bytes: number): ArrayBuffer {
  const spare = spareBallast.get(bytes)?.pop();
  if (spare === undefined) return new untouched(bytes, { maxByteLength: bytes });
  spareBallastBytes -= bytes;
  return spare;
}

function keepBallast(ballast: ArrayBuffer): void {
  const bytes = ballast.byteLength;
  if (spareBallastBytes + bytes > MOST_SPARE_BALLAST) return;
  spareBallastBytes += bytes;
  const list = spareBallast.get(bytes);
  if (list === undefined) spareBallast.set(bytes, [ballast]);
  else list.push(ballast);
}

let allocatedSinceTurn = 0;
const TURN_AFTER = 1 << 25;

declare const setTimeout: (callback: () => void, ms: number) => unknown;

/**
 * Finalizers run between macrotasks only. A read, which waits anyhow, waits for one of those where much was allocated
 * since the last, so that a training loop that reads its loss holds its memory flat.
 */
export function turnUnderPressure(): Promise<void> | undefined {
  if (allocatedSinceTurn < TURN_AFTER) return undefined;
  allocatedSinceTurn = 0;
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Counts a memory and puts it into a batch, at place `held.taken - 1`: until `giveBack`, or until the batch is collected. */
export function takeOver(backend: Backend, memory: Memory, bytes: number): Batch {
  const pool = poolOf(backend);
  const { usage } = pool;
  usage.count++;
  usage.allocated += bytes;
  if (usage.allocated > usage.peak) usage.peak = usage.allocated;
  allocatedSinceTurn += bytes;
  const batch = batchFor(pool, bytes);
  const { held } = batch;
  held.memories[held.taken++] = memory;
  held.alive++;
  held.bytes += bytes;
  if (bytes >= BALLAST_FROM && !backend.collectsMemory) batch.ballast = ballastOf(bytes);
  return batch;
}

/** Frees the memory at this place of a batch. */
export function giveBack(batch: Batch, place: number, bytes: number): void {
  const { held } = batch;
  const { pool } = held;
  const memory = held.memories[place]!;
  held.memories[place] = undefined;
  held.bytes -= bytes;
  pool.usage.allocated -= bytes;
  pool.usage.count--;
  if (--held.alive === 0) {
    held.taken = 0;
    if (batch.ballast !== undefined) keepBallast(batch.ballast);
    batch.ballast = undefined;
    if (batch !== pool.open && pool.spare.length < MOST_SPARE) pool.spare.push(batch);
  }
  pool.backend.free(memory);
}

/** Bytes and storages alive on a backend, and the most there have been. */
export const memoryUsage = (backend: Backend): { allocated: number; peak: number; count: number } => ({
  ...poolOf(backend).usage,
});
