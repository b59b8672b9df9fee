/** JavaScript's scopes on TorchScript's: which name a variable gets where blocks shadow each other, and what may be assigned. */
import { CompileError, type Range } from '../frontend/source.ts';

export interface Binding {
  /** The variable's name in the compiled program. */
  readonly name: string;
  readonly constant: boolean;
}

/** A name that TorchScript's text can hold. */
export const plain = (name: string): string => {
  const text = name.replace(/[^A-Za-z0-9_]/g, '_');
  return /^\d/.test(text) ? `_${text}` : text;
};

/**
 * Variables of one function. TorchScript has one scope per function, and a branch or loop body that assigns a name which
 * is known outside means the outer one; so what JavaScript declares anew under a name in use gets a name of its own.
 */
export class Scopes {
  /** Innermost last. */
  private readonly blocks: Map<string, Binding>[] = [new Map()];
  /** What TorchScript knows where a branch or loop body starts: blocks without one of their own add to it. */
  private readonly frames: Set<string>[] = [new Set()];
  private readonly taken = new Set<string>();

  find(name: string): Binding | undefined {
    for (let i = this.blocks.length - 1; i >= 0; i--) {
      const found = this.blocks[i].get(name);
      if (found) return found;
    }
    return undefined;
  }

  declare(name: string, constant: boolean, range: Range): Binding {
    const block = this.blocks[this.blocks.length - 1];
    if (block.has(name)) throw new CompileError(`Identifier '${name}' has already been declared`, range);
    const wanted = plain(name);
    const outer = this.frames.slice(0, -1).some((frame) => frame.has(wanted));
    // A block's own variable must leave the one around it, which is read again later, alone.
    const shadows = this.blocks.some((names) => [...names.values()].some((b) => b.name === wanted));
    const binding = { name: outer || shadows ? this.fresh(wanted) : wanted, constant };
    block.set(name, binding);
    this.note(binding.name);
    return binding;
  }

  /** `var`, which the whole function knows wherever it stands. */
  declareVar(name: string): Binding {
    const known = this.find(name);
    if (known) return known;
    const binding = { name: plain(name), constant: false };
    this.blocks[0].set(name, binding);
    this.note(binding.name);
    return binding;
  }

  /** Gives a parameter, or what stands for `this`, its name. */
  bind(name: string, as: string): void {
    this.blocks[this.blocks.length - 1].set(name, { name: as, constant: false });
    this.note(as);
  }

  /** A name that no variable has. */
  fresh(base: string): string {
    for (let i = 1; ; i++) if (!this.taken.has(`${base}_${i}`)) return `${base}_${i}`;
  }

  note(name: string): void {
    this.taken.add(name);
    this.frames[this.frames.length - 1].add(name);
  }

  /** How many blocks are open. */
  get depth(): number {
    return this.blocks.length;
  }

  /** A block as it is seen from where only so many blocks were open: what those around a call declare is not in sight. */
  at<T>(depth: number, emit: () => T): T {
    const hidden = this.blocks.splice(depth);
    this.blocks.push(new Map());
    try {
      return emit();
    } finally {
      this.blocks.splice(depth);
      this.blocks.push(...hidden);
    }
  }

  /** A block of statements; `frame` where it is a branch's or a loop's. */
  within<T>(frame: boolean, emit: () => T): T {
    this.blocks.push(new Map());
    if (frame) this.frames.push(new Set());
    try {
      return emit();
    } finally {
      this.blocks.pop();
      if (frame) this.frames.pop();
    }
  }
}
