/** Forms: pointwise expressions as numbered structures, and expressions put into the places of another's inputs. */
import { isFloat } from '../tensor/dtype.ts';
import { substitute } from './differentiate.ts';
import type { Expr, ScalarOp } from './expr.ts';

const numbers = new WeakMap<Expr, number>();
const interned = new Map<string, Expr>();

const keyOf = (e: Expr): string => {
  switch (e.op) {
    case 'input':
    case 'scalar':
      return `${e.op} ${e.dtype} ${e.index}`;
    case 'const':
      return `const ${e.dtype} ${typeof e.value} ${Object.is(e.value, -0) ? '-0' : e.value}`;
    case 'coord':
      return `coord ${e.dim}`;
    default:
      return `${e.op} ${e.dtype} ${e.args.map((a) => numbers.get(a))}`;
  }
};

/** The one object for all expressions of this structure. */
export function intern(root: Expr): Expr {
  const done = new Map<Expr, Expr>();
  const visit = (e: Expr): Expr => {
    if (numbers.has(e)) return e;
    const known = done.get(e);
    if (known) return known;
    const own = 'args' in e ? ({ ...e, args: e.args.map(visit) } as Expr) : e;
    const key = keyOf(own);
    let one = interned.get(key);
    if (!one) {
      interned.set(key, (one = own));
      numbers.set(one, interned.size);
    }
    done.set(e, one);
    return one;
  };
  return visit(root);
}

/** A number for an interned expression; equal numbers, equal expressions. */
export const numberOf = (e: Expr): number => numbers.get(e)!;

/** About as many additions as the operation is worth, where it is worth more than one. */
const weights: Partial<Record<ScalarOp, number>> = {
  div: 2, sqrt: 2, rem: 4, pow: 24, atan2: 16,
  exp: 10, expm1: 12, log: 10, log1p: 12, log2: 10, log10: 10, tanh: 12, erf: 12, erfc: 16, erfinv: 16,
  sin: 12, cos: 12, tan: 16, asin: 16, acos: 16, atan: 12, sinh: 16, cosh: 16, asinh: 20, acosh: 20, atanh: 16,
  lgamma: 30, digamma: 30,
}; // biome-ignore format: a table

const bitwise = new Set<string>(['and', 'or', 'xor', 'not', 'shl', 'shr']);

interface Measures {
  /** Distinct scalar operations, casts aside. */
  readonly size: number;
  /** Nodes of the expressions written out as trees: what is shared counts each time. */
  readonly spread: number;
  /** What one element costs, in additions. */
  readonly cost: number;
  /** Whether it asks where the element is. */
  readonly hasCoord: boolean;
  /** Whether a run of it may throw: integer division by zero, and bits of floats, which backends refuse. */
  readonly canFault: boolean;
}

function measure(exprs: readonly Expr[]): Measures {
  const spreads = new Map<Expr, number>();
  let size = 0;
  let cost = 0;
  let hasCoord = false;
  let canFault = false;
  const visit = (e: Expr): number => {
    const known = spreads.get(e);
    if (known !== undefined) return known;
    let spread = 1;
    if ('args' in e) {
      for (const a of e.args) spread += visit(a);
      if (e.op !== 'cast') {
        size++;
        cost += weights[e.op] ?? 1;
        if (isFloat(e.dtype) ? bitwise.has(e.op) : e.op === 'div' || e.op === 'rem') canFault = true;
      }
    } else if (e.op === 'coord') hasCoord = true;
    spreads.set(e, spread);
    return spread;
  };
  let spread = 0;
  for (const e of exprs) spread += visit(e);
  return { size, spread, cost, hasCoord, canFault };
}

let forms = 0;

/** Expressions over numbered inputs, and numbers in groups: one group per call that brought some. */
export class Form implements Measures {
  readonly id = forms++;
  readonly exprs: readonly Expr[];
  readonly size: number;
  readonly spread: number;
  readonly cost: number;
  readonly hasCoord: boolean;
  readonly canFault: boolean;
  /** By what is put where; see `compose`. */
  readonly composed = new Map<string, Form>();

  constructor(
    exprs: readonly Expr[],
    readonly inputs: number,
    /** How many numbers each group has. */
    readonly groups: readonly number[],
  ) {
    this.exprs = exprs.map(intern);
    const { size, spread, cost, hasCoord, canFault } = measure(this.exprs);
    this.size = size;
    this.spread = spread;
    this.cost = cost;
    this.hasCoord = hasCoord;
    this.canFault = canFault;
  }
}

/** What stands in the place of an input: input `slots[0]` itself, or a form over the inputs `slots` and groups `groups`. */
export interface Place {
  readonly form: Form | null;
  readonly slots: readonly number[];
  readonly groups: readonly number[];
}

const startsOf = (sizes: readonly number[]): number[] => {
  const starts = [0];
  for (const n of sizes) starts.push(starts[starts.length - 1] + n);
  return starts;
};

/**
 * `expr` with other expressions in the places of its inputs. Input dtypes are what the expressions round to, so the
 * result is the same as through memory. The inputs of `expr` from `first` on are the places; those before stay, and the
 * places' own inputs are numbered from `first` on.
 */
export function inline(
  expr: Expr,
  places: readonly Place[],
  /** Sizes of all groups of numbers, and which of them are `expr`'s own. */
  groups: readonly number[],
  own: readonly number[],
  ownSizes: readonly number[],
  first = 0,
): Expr {
  const starts = startsOf(groups);
  const scalarIn = (sizes: readonly number[], at: readonly number[]): ((i: number) => number) => {
    const mine = startsOf(sizes);
    return (i) => {
      let g = 0;
      while (i >= mine[g + 1]) g++;
      return starts[at[g]] + i - mine[g];
    };
  };
  const placed = places.map(({ form, slots, groups: at }) => {
    if (!form) return null;
    const scalar = scalarIn(form.groups, at);
    return substitute(form.exprs[0], {
      input: (index, dtype) => ({ op: 'input', index: first + slots[index], dtype }),
      scalar: (index, dtype) => ({ op: 'scalar', index: scalar(index), dtype }),
    });
  });
  const scalar = scalarIn(ownSizes, own);
  return substitute(expr, {
    input: (index, dtype) =>
      index < first
        ? { op: 'input', index, dtype }
        : (placed[index - first] ?? {
            op: 'input',
            index: first + places[index - first].slots[0],
            dtype,
          }),
    scalar: (index, dtype) => ({ op: 'scalar', index: scalar(index), dtype }),
  });
}
