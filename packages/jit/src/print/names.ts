/** Names of variables in printed source: what the program calls a value where it may, else `_0`, `_1`, … */
import type { Value } from '../ir/graph.ts';
import { identifier } from '../ir/names.ts';

const reserved = new Set(
  (
    '_ as aten attribute CONSTANTS fork getattr inf nan infj nanj ops __torch__ ' +
    'and assert async await break class continue def del elif else except False finally for from global if import in is ' +
    'lambda None nonlocal not or pass raise return True try while with yield uninitialized unchecked_cast'
  ).split(' '),
);

export const isIdentifier = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);

/** The name without the `.3` that made it unique in its graph. */
const base = (name: string): string => {
  const dot = name.lastIndexOf('.');
  return dot >= 0 && /^\d+$/.test(name.slice(dot + 1)) ? name.slice(0, dot) : name;
};

export class Names {
  private readonly used = new Set<string>();
  /** Counts go on from one function of a file to the next, by the attempt that was taken. */
  private readonly next = new Map<string, number>();

  /** Every function may use all names again. */
  startFunction(): void {
    this.used.clear();
  }

  unique(candidate: string): string {
    let name = candidate;
    while (this.used.has(name) || reserved.has(name)) {
      const count = this.next.get(name) ?? 0;
      this.next.set(name, count + 1);
      name = candidate + count;
    }
    this.used.add(name);
    return name;
  }

  uniqueFor(value: Value): string {
    return this.unique(value.hasDebugName ? identifier(base(value.debugName)) : '_');
  }
}
