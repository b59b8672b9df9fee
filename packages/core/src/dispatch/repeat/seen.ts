/** What a repeated call remembers: a few outcomes, each with what the call looked like that came to it. */
import type { Backend } from '../../backend/backend.ts';
import { defersFrom } from '../../kernel/chain.ts';
import type { DType } from '../../tensor/dtype.ts';
import { type Shape, sameShape } from '../../tensor/layout.ts';
import { get_default_dtype } from '../../tensor/promotion.ts';
import { isQuantized } from '../../tensor/quantized.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { given } from '../operator.ts';

/** The dtype and layout that an operand had. */
export class Seen {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly strides: Shape;

  constructor(t: Tensor) {
    this.dtype = t.dtype;
    this.shape = t.shape;
    this.strides = t.strides;
  }

  is(t: Tensor): boolean {
    return t.dtype === this.dtype && sameShape(t.shape, this.shape) && sameShape(t.strides, this.strides);
  }
}

/** The operands of a call and the settings under which it came to what it did. */
export class Circumstances {
  private readonly operands: readonly (Seen | null)[];
  private readonly floats = get_default_dtype();
  private readonly defersFrom: number;
  private readonly given = given.changes;

  constructor(
    tensors: readonly (Tensor | null)[],
    readonly backend: Backend,
  ) {
    this.operands = tensors.map((t) => t && new Seen(t));
    this.defersFrom = defersFrom(backend);
  }

  areThose(tensors: readonly (Tensor | null)[]): boolean {
    const { operands, backend } = this;
    if (operands.length !== tensors.length || this.floats !== get_default_dtype()) return false;
    if (this.defersFrom !== defersFrom(backend) || this.given !== given.changes) return false;
    for (let i = 0; i < tensors.length; i++) {
      const [t, seen] = [tensors[i], operands[i]];
      if (t === null || seen === null) {
        if (t !== seen) return false;
      } else if (t.storage.backend !== backend || !seen.is(t)) return false;
    }
    return true;
  }
}

/** Whether plain tensors of this backend are all that there is: nothing that core or a user computes otherwise. */
export const arePlain = (tensors: readonly (Tensor | null)[], backend: Backend): boolean =>
  tensors.every((t) => t === null || (t.storage.backend === backend && !isQuantized(t.dtype)));

/** Equal numbers, strings or objects, or lists of such. */
export function areEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** How many outcomes are kept: nodes that are alike share a call, and see different operands. */
const MOST = 8;
/**
 * After so many calls that were like none before, the next one will be too: a tensor that grows from call to call. Where several
 * nodes see each of its lengths, what was found out serves the others: a call that was like an earlier one makes up for one that was not.
 */
const MOST_MISSES = 64;

/** What calls came to. */
export class Outcomes<
  T extends { serves(tensors: readonly (Tensor | null)[], args: readonly unknown[]): boolean },
> {
  private readonly all: T[] = [];
  private last: T | null = null;
  private misses = 0;

  /** The one that serves for this call too: most likely the last one that did. */
  find(tensors: readonly (Tensor | null)[], args: readonly unknown[]): T | null {
    const { all, last } = this;
    if (last === null) return null;
    if (!last.serves(tensors, args)) {
      const other = all.find((outcome) => outcome.serves(tensors, args));
      if (other === undefined) return null;
      this.last = other;
    }
    if (this.misses > 0) this.misses--;
    return this.last;
  }

  /** Whether it is worth finding out what a call came to. */
  get areKept(): boolean {
    return this.misses < MOST_MISSES;
  }

  /** Remembers it; undefined where the call came to nothing that can be done again. */
  keep(outcome: T | undefined): void {
    this.misses += outcome === undefined ? 2 : 1;
    if (outcome === undefined) return;
    if (this.all.length === MOST) this.all.shift();
    this.all.push(outcome);
    this.last = outcome;
  }
}
