/** The cache of bind groups: loops bind the same buffers to the same kinds of pipeline again and again. */
import type { Layout } from './pipelines.ts';
import type { Slot } from './pool.ts';

/** Bind groups are small, but each keeps its buffers' objects alive. */
const MOST = 8192;

interface Entry {
  readonly layout: Layout;
  readonly slots: readonly Slot[];
  readonly group: GPUBindGroup;
}

export class BindGroups {
  private readonly entries = new Map<number, Entry>();

  constructor(
    private readonly device: GPUDevice,
    private readonly numbers: GPUBuffer,
    private readonly faults: GPUBuffer,
  ) {}

  get count(): number {
    return this.entries.size;
  }

  /** The group for the first `count` of `slots`; its `slots` are a copy that may be kept. */
  get(layout: Layout, slots: readonly Slot[], count: number): Entry {
    let hash = layout.id;
    for (let i = 0; i < count; i++) hash = (Math.imul(hash, 0x01000193) ^ slots[i]!.id) | 0;
    const found = this.entries.get(hash);
    if (found !== undefined && found.layout === layout && isSame(found.slots, slots, count)) return found;
    const kept = slots.slice(0, count);
    const entry = { layout, slots: kept, group: this.create(layout, kept) };
    if (this.entries.size >= MOST) this.entries.clear();
    this.entries.set(hash, entry);
    return entry;
  }

  /** Forgets all, so that buffers that were destroyed go. */
  clear(): void {
    this.entries.clear();
  }

  private create(layout: Layout, slots: readonly Slot[]): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = slots.map(({ buffer }, binding) => ({
      binding,
      resource: { buffer },
    }));
    entries.push({
      binding: slots.length,
      resource: { buffer: this.numbers, size: layout.numbersBytes },
    });
    if (layout.faults) entries.push({ binding: slots.length + 1, resource: { buffer: this.faults } });
    return this.device.createBindGroup({ layout: layout.group, entries });
  }
}

function isSame(kept: readonly Slot[], slots: readonly Slot[], count: number): boolean {
  if (kept.length !== count) return false;
  for (let i = 0; i < count; i++) if (kept[i] !== slots[i]) return false;
  return true;
}
