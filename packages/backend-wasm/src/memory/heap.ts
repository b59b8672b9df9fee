/** The backend's memory: one growing WebAssembly.Memory and an allocator over it. */
import { type DType, dtypes, OutOfMemoryError } from '@sconce/core/backend';
import { Team } from '../threads/team.ts';
import { FIRST } from './addresses.ts';
import type { Form } from './forms.ts';

export { FAULT, PARAM_BYTES, PARAMS } from './addresses.ts';

const PAGE = 65536;
const ALIGN = 64;
/** Below this, blocks come from size classes and stay in them; above, from a best-fit list that coalesces. */
const SMALL = 32768;
const SLAB = 262144;
const LIMIT = 65536 * PAGE;

/** An allocation. Pointers are byte addresses, below 2^32. */
export class Block {
  /** How often the contents were written, as far as it matters for what `forms` holds. */
  generation = 0;
  forms: Form[] | undefined;

  constructor(
    readonly pointer: number,
    readonly bytes: number,
    readonly capacity: number,
    readonly dtype: DType,
    readonly length: number,
  ) {}
}

interface Free {
  pointer: number;
  bytes: number;
}

export class Heap {
  readonly memory: WebAssembly.Memory;
  /** The threads that compute on this memory; one, unless it is shared. */
  readonly team: Team;
  /** Views of all of it, new ones after every growth. Of a shared memory, `fill` is slow: `zero` of engine.ts is not. */
  u8!: Uint8Array;
  i32!: Int32Array;
  f32!: Float32Array;
  f64!: Float64Array;
  i64!: BigInt64Array;
  /** Bytes handed out now. */
  inUse = 0;
  private top = FIRST;
  private readonly small = new Map<number, number[]>();
  private readonly byStart = new Map<number, Free>();
  private readonly byEnd = new Map<number, Free>();
  /** Free large blocks by the power of two at or below their size. */
  private readonly bins: Set<Free>[] = Array.from({ length: 33 }, () => new Set());

  /** `maximumBytes` bounds the whole memory; the engine's own limit is 4 GiB. A memory cannot become `shared` later. */
  constructor(
    readonly maximumBytes = LIMIT,
    readonly shared = false,
  ) {
    this.memory = reserve(Math.min(65536, Math.ceil(maximumBytes / PAGE)), shared);
    this.refresh();
    this.team = new Team(this);
  }

  private refresh(): void {
    const { buffer } = this.memory;
    this.u8 = new Uint8Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.f32 = new Float32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.i64 = new BigInt64Array(buffer);
  }

  allocate(dtype: DType, length: number): Block {
    const bytes = length * dtypes[dtype].bytes;
    const capacity = classOf(bytes);
    const pointer = this.take(capacity, bytes);
    this.inUse += capacity;
    return new Block(pointer, bytes, capacity, dtype, length);
  }

  /** Bytes for the backend's own use. */
  bytes(count: number): Block {
    return this.allocate('uint8', count);
  }

  free(block: Block): void {
    this.inUse -= block.capacity;
    if (block.capacity <= SMALL) this.listOf(block.capacity).push(block.pointer);
    else this.release(block.pointer, block.capacity);
  }

  private listOf(capacity: number): number[] {
    let list = this.small.get(capacity);
    if (!list) this.small.set(capacity, (list = []));
    return list;
  }

  private take(capacity: number, wanted: number): number {
    if (capacity > SMALL) return this.takeLarge(capacity, wanted);
    const list = this.listOf(capacity);
    const reused = list.pop();
    if (reused !== undefined) return reused;
    // A slab of blocks of one class, but not many pages for a class that is used once.
    const count = Math.max(1, Math.min(64, Math.floor(SLAB / capacity)));
    const slab = this.takeLarge(count * capacity, wanted);
    for (let i = count - 1; i > 0; i--) list.push(slab + i * capacity);
    return slab;
  }

  private takeLarge(bytes: number, wanted: number): number {
    let best: Free | undefined;
    for (let bin = 31 - Math.clz32(bytes); bin <= 32 && !best; bin++) {
      for (const free of this.bins[bin]!)
        if (free.bytes >= bytes && (!best || free.bytes < best.bytes)) best = free;
    }
    if (best) {
      this.unlink(best);
      if (best.bytes > bytes) this.link({ pointer: best.pointer + bytes, bytes: best.bytes - bytes });
      return best.pointer;
    }
    // At the top: extend the last free block where it touches the top.
    const last = this.byEnd.get(this.top);
    const start = last ? last.pointer : this.top;
    this.growTo(start + bytes, wanted);
    if (last) this.unlink(last);
    this.top = start + bytes;
    return start;
  }

  private growTo(end: number, wanted: number): void {
    const have = this.memory.buffer.byteLength;
    if (end <= have) return;
    const most = Math.min(LIMIT, this.maximumBytes);
    const need = Math.ceil((end - have) / PAGE);
    // Growing is cheap, touching new pages is not: ahead by an eighth saves calls and costs nothing.
    const ahead = Math.min(Math.ceil(have / 8 / PAGE), 1024, Math.max(0, Math.floor((most - have) / PAGE)));
    if (end <= most) {
      for (const pages of new Set([Math.max(need, ahead), need])) {
        try {
          this.memory.grow(pages);
          this.refresh();
          return;
        } catch {
          // Tried again with less, then reported below.
        }
      }
    }
    throw new OutOfMemoryError(
      `wasm: cannot allocate ${wanted} bytes: ${this.inUse} bytes are in use and the limit is ${most} bytes` +
        ' (dispose of tensors, use torch.scope, or await between steps so that unreachable ones are collected)',
    );
  }

  private release(pointer: number, bytes: number): void {
    const before = this.byEnd.get(pointer);
    if (before) {
      this.unlink(before);
      pointer = before.pointer;
      bytes += before.bytes;
    }
    const after = this.byStart.get(pointer + bytes);
    if (after) {
      this.unlink(after);
      bytes += after.bytes;
    }
    this.link({ pointer, bytes });
  }

  private link(free: Free): void {
    this.byStart.set(free.pointer, free);
    this.byEnd.set(free.pointer + free.bytes, free);
    this.bins[Math.floor(Math.log2(free.bytes))]!.add(free);
  }

  private unlink(free: Free): void {
    this.byStart.delete(free.pointer);
    this.byEnd.delete(free.pointer + free.bytes);
    this.bins[Math.floor(Math.log2(free.bytes))]!.delete(free);
  }
}

/** The engine reserves addresses for the maximum; one that refuses 4 GiB (a telephone's) may grant less. */
function reserve(pages: number, shared: boolean): WebAssembly.Memory {
  for (let maximum = pages; ; maximum >>= 1) {
    try {
      return new WebAssembly.Memory({ initial: Math.min(16, maximum), maximum, shared });
    } catch (error) {
      if (maximum <= 1024) throw error;
    }
  }
}

/** Four classes to an octave for small sizes; multiples of 4 KiB above. 16 more bytes let vector code read past the end. */
function classOf(bytes: number): number {
  const want = bytes + 16;
  if (want <= ALIGN) return ALIGN;
  if (want > SMALL) return Math.ceil(want / 4096) * 4096;
  const step = Math.max(ALIGN, 2 ** (Math.floor(Math.log2(want)) - 2));
  return Math.ceil(want / step) * step;
}
