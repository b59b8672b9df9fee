/** Storage: a backend's memory with its lifetime, shared by all tensors that alias it. */
import type { Backend, Memory } from '../backend/backend.ts';
import { TorchError } from '../errors.ts';
import type { DType } from './dtype.ts';

interface Usage {
  allocated: number;
  peak: number;
  count: number;
}

interface Allocation {
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

/** Where each live storage was made, while leaks are being looked for. */
let origins: Map<Storage, string> | undefined;

export class Storage {
  /** Counts in-place changes; autograd compares it with what it was when a tensor was saved. */
  version = 0;
  /** Tensors that alias this storage and are not disposed. */
  references = 0;
  private allocation: Allocation | undefined;
  // biome-ignore lint/correctness/noUnusedPrivateClassMembers: it is there to be counted
  private ballast: ArrayBuffer | undefined;

  constructor(
    readonly backend: Backend,
    readonly dtype: DType,
    readonly length: number,
    memory: Memory,
    bytes: number,
  ) {
    const u = usageOf(backend);
    this.allocation = { backend, memory, bytes, usage: u };
    u.count++;
    u.allocated += bytes;
    if (u.allocated > u.peak) u.peak = u.allocated;
    allocatedSinceTurn += bytes;
    if (bytes >= BALLAST_FROM && !backend.collectsMemory) this.ballast = new ArrayBuffer(bytes);
    finalizers.register(this, this.allocation, this);
    origins?.set(this, new Error('allocated').stack ?? '');
  }

  /** The memory. Throws when it was freed. */
  get memory(): Memory {
    if (this.allocation === undefined)
      throw new TorchError(
        'this tensor was disposed: its memory is freed. Keep it with `scope.keep`, return it from the scope, or dispose it later',
      );
    return this.allocation.memory;
  }

  get isFreed(): boolean {
    return this.allocation === undefined;
  }

  retain(): void {
    this.references++;
  }

  releaseOne(): void {
    if (--this.references === 0) this.free();
  }

  private free(): void {
    if (!this.allocation) return;
    finalizers.unregister(this);
    release(this.allocation);
    this.allocation = undefined;
    this.ballast = undefined;
    origins?.delete(this);
  }
}

/**
 * The one door to a storage's memory. Work that a storage still owes (deferred pointwise expressions) is run here,
 * before anything looks.
 */
export const materialise = (storage: Storage): Memory => storage.memory;

/** Bytes and storages alive on a backend, and the most there have been. */
export const memoryUsage = (backend: Backend): { allocated: number; peak: number; count: number } => ({
  ...usageOf(backend),
});

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
