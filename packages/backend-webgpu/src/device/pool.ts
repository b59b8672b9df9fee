/** The buffer pool: freed buffers serve later allocations of their size class, in the order of issue. */

const MIB = 2 ** 20;
/** What may lie idle in any case; beyond it, idle and used bytes together stay below the recent peak and a quarter. */
const IDLE_IN_ANY_CASE = 64 * MIB;
/** How much of the peak is forgotten with each submit. */
const FORGET = 1 / 1024;

let slots = 0;

/** One buffer, and what must be known before it is used again. */
export class Slot {
  /** Tells slots apart in the cache of bind groups. */
  readonly id: number = ++slots;
  /** The last batch of commands that uses it; see `Gpu`. */
  batch = 0;
  /** Why its contents are not what they should be. Set late, by errors that the device reports in its own time. */
  failure: Error | undefined;

  constructor(
    readonly buffer: GPUBuffer,
    readonly size: number,
  ) {}
}

/** The next size up of 256 bytes and the quarters between powers of two: at most a fifth is wasted. */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const quarter = 2 ** Math.max(6, Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / quarter) * quarter;
}

export class BufferPool {
  private readonly idle = new Map<number, Slot[]>();
  private peak = 0;
  bytesInUse = 0;
  bytesIdle = 0;
  buffers = 0;

  /**
   * @param create makes a buffer of this many bytes
   * @param mayDestroy whether no command that is still to be submitted uses the slot
   * @param largest no size class goes beyond it
   */
  constructor(
    private readonly create: (bytes: number) => Slot,
    private readonly mayDestroy: (slot: Slot) => boolean,
    private readonly largest: number,
  ) {}

  /** A buffer of at least `bytes`; its contents are whatever it held. `suits` may refuse idle ones. */
  take(bytes: number, suits?: (slot: Slot) => boolean): Slot {
    const size = Math.min(sizeClass(bytes), Math.max(this.largest, bytes));
    let slot = this.fromIdle(size, suits);
    // What failed after it was freed is of no use to anybody.
    while (slot?.failure) {
      this.destroy(slot);
      slot = this.fromIdle(size, suits);
    }
    if (slot === undefined) {
      slot = this.create(size);
      this.buffers++;
    }
    this.bytesInUse += size;
    if (this.bytesInUse > this.peak) this.peak = this.bytesInUse;
    return slot;
  }

  private fromIdle(size: number, suits?: (slot: Slot) => boolean): Slot | undefined {
    const idle = this.idle.get(size);
    if (idle === undefined || idle.length === 0) return undefined;
    const at = suits ? idle.findLastIndex(suits) : idle.length - 1;
    if (at < 0) return undefined;
    this.bytesIdle -= size;
    return at === idle.length - 1 ? idle.pop() : idle.splice(at, 1)[0];
  }

  give(slot: Slot): void {
    this.bytesInUse -= slot.size;
    if (slot.failure) {
      this.destroy(slot);
      return;
    }
    let idle = this.idle.get(slot.size);
    if (!idle) this.idle.set(slot.size, (idle = []));
    idle.push(slot);
    this.bytesIdle += slot.size;
  }

  /** After a submit: lets the peak fade, and destroys idle buffers past the budget, those longest idle in their class first. */
  settle(): void {
    this.peak = Math.max(this.bytesInUse, this.peak * (1 - FORGET));
    const budget = Math.max(IDLE_IN_ANY_CASE, this.peak * 1.25 - this.bytesInUse);
    if (this.bytesIdle > budget) this.trim(budget);
  }

  /** Destroys idle buffers until at most `budget` bytes of them are left, the largest classes first. */
  trim(budget = 0): void {
    const sizes = [...this.idle.keys()].sort((a, b) => b - a);
    for (const size of sizes) {
      const idle = this.idle.get(size)!;
      const kept: Slot[] = [];
      for (const slot of idle) {
        if (this.bytesIdle > budget && this.mayDestroy(slot)) {
          this.bytesIdle -= size;
          this.destroy(slot);
        } else kept.push(slot);
      }
      if (kept.length > 0) this.idle.set(size, kept);
      else this.idle.delete(size);
    }
  }

  private destroy(slot: Slot): void {
    this.buffers--;
    // One that is still to be used goes by the garbage collector.
    if (this.mayDestroy(slot)) slot.buffer.destroy();
  }
}
