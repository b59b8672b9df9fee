/** What an operator decides from the layouts of its operands alone, kept for those that it met last: a network's layers come again. */
import type { View } from '@sconce/core/backend';
import { hasLayout } from '../memory/layout.ts';

interface Seen {
  readonly dtype: View['dtype'];
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

interface Entry<P> {
  readonly operands: readonly (Seen | null)[];
  readonly rest: readonly number[];
  readonly plan: P;
}

/** As many as layers of a network differ, about. */
const MOST = 8;

/** Plans of type P, each for operands of some dtypes and layouts and for some numbers. */
export class Plans<P> {
  private last: Entry<P> | undefined;
  private readonly all: Entry<P>[] = [];

  /** The plan that was kept for such operands; else what `make` gives, kept from now on where it gives one. */
  of(operands: readonly (View | null)[], rest: readonly number[], make: () => P | undefined): P | undefined {
    const { last, all } = this;
    if (last === undefined || !isFor(last, operands, rest)) {
      let found = all.find((entry) => isFor(entry, operands, rest));
      if (found === undefined) {
        const plan = make();
        if (plan === undefined) return undefined;
        if (all.length === MOST) all.shift();
        found = { operands: operands.map(seen), rest: [...rest], plan };
        all.push(found);
      }
      this.last = found;
    }
    return this.last!.plan;
  }
}

const seen = (v: View | null): Seen | null =>
  v && { dtype: v.dtype, shape: [...v.shape], strides: [...v.strides] };

function isFor<P>(entry: Entry<P>, operands: readonly (View | null)[], rest: readonly number[]): boolean {
  if (entry.rest.length !== rest.length) return false;
  for (let i = 0; i < rest.length; i++) if (entry.rest[i] !== rest[i]) return false;
  for (let i = 0; i < operands.length; i++) {
    const [v, was] = [operands[i]!, entry.operands[i]!];
    if (v === null || was === null) {
      if (v !== was) return false;
    } else if (v.dtype !== was.dtype || !hasLayout(v, was)) return false;
  }
  return true;
}
