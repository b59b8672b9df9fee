/** Ownership: tensors that a run made, by how many slots and containers hold them; one that nothing holds is freed at once. */
import { Tensor } from '../ops/core.ts';

export class Ownership {
  private readonly counts = new Map<object, number>();
  private readonly contents = new Map<object, unknown[]>();

  hold(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const count = this.counts.get(value);
    if (count !== undefined) this.counts.set(value, count + 1);
  }

  drop(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    const count = this.counts.get(value);
    if (count === undefined) return;
    if (count > 1) {
      this.counts.set(value, count - 1);
      return;
    }
    this.counts.delete(value);
    if (value instanceof Tensor) value.dispose();
    else {
      const held = this.contents.get(value);
      this.contents.delete(value);
      if (held) for (const item of held) this.drop(item);
    }
  }

  /** Takes note of what an operator gave; `args` tells what it merely handed on. */
  made(result: unknown, args: readonly unknown[]): void {
    if (result instanceof Tensor) {
      if (!this.counts.has(result) && !mentions(args, result)) this.counts.set(result, 0);
    } else if (Array.isArray(result)) {
      for (const item of result) if (item instanceof Tensor) this.made(item, args);
      this.keep(result, result);
    }
  }

  /** A container of these items lives as long as its slot, and they at least as long. */
  keep(container: object, items: readonly unknown[]): void {
    const held = [...items];
    for (const item of held) this.hold(item);
    this.counts.set(container, 0);
    this.contents.set(container, held);
  }

  /** More items go into a container; one that the run did not make may outlive it. */
  store(container: unknown, items: readonly unknown[]): void {
    const held = this.contents.get(container as object);
    for (const item of items) {
      const all = Array.isArray(item)
        ? [item, ...item]
        : item instanceof Map
          ? [item, ...item.keys(), ...item.values()]
          : [item];
      if (!held) for (const one of all) this.escape(one);
      else
        for (const one of all) {
          this.hold(one);
          held.push(one);
        }
    }
  }

  /** From here on the value belongs to someone else. */
  escape(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    this.counts.delete(value);
    const held = this.contents.get(value);
    this.contents.delete(value);
    if (held) for (const item of held) this.escape(item);
    if (Array.isArray(value)) for (const item of value) this.escape(item);
    else if (value instanceof Map)
      for (const [key, item] of value) {
        this.escape(key);
        this.escape(item);
      }
  }
}

function mentions(args: readonly unknown[], tensor: Tensor): boolean {
  for (const arg of args) if (arg === tensor || (Array.isArray(arg) && arg.includes(tensor))) return true;
  return false;
}
