/** Memory that kernels use and forget. */
import type { Heap } from './heap.ts';

/** Memory that kernels share between calls; each role keeps the largest block that it needed. */
export class Scratch {
  private readonly blocks = new Map<string, { pointer: number; bytes: number; free: () => void }>();
  constructor(private readonly heap: Heap) {}

  get(role: string, bytes: number): number {
    const have = this.blocks.get(role);
    if (have && have.bytes >= bytes) return have.pointer;
    have?.free();
    this.blocks.delete(role);
    const block = this.heap.bytes(Math.ceil(bytes * 1.25) + 64);
    this.blocks.set(role, {
      pointer: block.pointer,
      bytes: block.bytes - 64,
      free: () => this.heap.free(block),
    });
    return block.pointer;
  }

  /** Gives back what is larger than a cache would keep. */
  trim(role: string, most = 1 << 25): void {
    const have = this.blocks.get(role);
    if (!have || have.bytes <= most) return;
    have.free();
    this.blocks.delete(role);
  }
}
