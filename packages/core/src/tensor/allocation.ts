/** Backends' memories as they come and go: what is counted, what the garbage collector is told, and the safety net. */
import type { Backend, Memory } from '../backend/backend.ts';

interface Usage {
  allocated: number;
  peak: number;
  count: number;
}

export interface Allocation {
  readonly backend: Backend;
  readonly memory: Memory;
  readonly bytes: number;
  readonly usage: Usage;
}

const usages = new Map<Backend, Usage>();
let lastBackend: Backend | undefined;
let lastUsage: Usage;

/** Every storage asks: the last answer is kept. */
function usageOf(backend: Backend): Usage {
  if (backend === lastBackend) return lastUsage;
  let usage = usages.get(backend);
  if (!usage) usages.set(backend, (usage = { allocated: 0, peak: 0, count: 0 }));
  lastBackend = backend;
  lastUsage = usage;
  return usage;
}

function release({ backend, memory, bytes, usage: u }: Allocation): void {
  u.allocated -= bytes;
  u.count--;
  backend.free(memory);
}

/** The safety net for storages that nobody disposed. Its callbacks run in a later macrotask only. */
const finalizers = new FinalizationRegistry<Allocation>(release);

/**
 * The garbage collector sees a storage as a few bytes, and would let gigabytes of a backend's memory pile up. So a large
 * storage holds an ArrayBuffer of its size that nobody touches: it costs no memory (its pages are never made), and the
 * collector counts it.
 */
const BALLAST_FROM = 1 << 16;

export const ballastOf = (backend: Backend, bytes: number): ArrayBuffer | undefined =>
  bytes >= BALLAST_FROM && !backend.collectsMemory ? new ArrayBuffer(bytes) : undefined;

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

/** Counts a memory as `owner`'s: it is freed by `giveBack`, or when `owner` was collected. */
export function takeOver(owner: object, backend: Backend, memory: Memory, bytes: number): Allocation {
  const usage = usageOf(backend);
  const allocation = { backend, memory, bytes, usage };
  usage.count++;
  usage.allocated += bytes;
  if (usage.allocated > usage.peak) usage.peak = usage.allocated;
  allocatedSinceTurn += bytes;
  finalizers.register(owner, allocation, owner);
  return allocation;
}

export function giveBack(owner: object, allocation: Allocation): void {
  finalizers.unregister(owner);
  release(allocation);
}

/** Bytes and storages alive on a backend, and the most there have been. */
export const memoryUsage = (backend: Backend): { allocated: number; peak: number; count: number } => ({
  ...usageOf(backend),
});
