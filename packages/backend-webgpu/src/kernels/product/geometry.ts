/**
 * What matmul and conv have in common: out[g, m, n] = sum over k of a[g, m, k] * b[g, k, n]. Of a convolution, rows m are
 * its filters; a column n is a sample and an output position; and k is a channel and a tap of the window.
 */
import type { View } from '@sconce/core';
import type { Numbers } from '../../program.ts';

/** How the output, and what `finish` reads, steps: elements per group, row, sample, and position in each dim. */
export interface Target {
  readonly view: View;
  readonly group: number;
  readonly row: number;
  readonly sample: number;
  readonly positions: readonly number[];
}

/** Strides count elements. Lists have one entry per window dim; a matmul has no window. */
export interface Geometry {
  readonly groups: number;
  readonly rows: number;
  /** Samples times positions. */
  readonly columns: number;
  /** Length of the sums: channels times taps. */
  readonly inner: number;
  readonly a: {
    readonly view: View;
    readonly offset: number;
    readonly group: number;
    readonly row: number;
    readonly channel: number;
    readonly taps: readonly number[];
  };
  /** Position i and tap j meet at `i * step + before + j * spread` of a dim, which has `limit` elements `stride` apart. */
  readonly b: {
    readonly view: View;
    readonly offset: number;
    readonly group: number;
    readonly sample: number;
    readonly channel: number;
    readonly strides: readonly number[];
  };
  readonly positions: readonly number[];
  readonly step: readonly number[];
  readonly before: readonly number[];
  readonly limit: readonly number[];
  readonly taps: readonly number[];
  readonly spread: readonly number[];
  /** The output, then what `finish` reads. */
  readonly targets: readonly Target[];
}

/** What of a geometry is compiled into a shader. */
export interface Form {
  readonly dims: number;
  /** Whether the window has more than one tap: else k is a channel. */
  readonly hasTaps: boolean;
  /** Whether an index may lie outside a dim. */
  readonly checked: readonly boolean[];
  /** How many targets there are. */
  readonly targets: number;
}

const product = (list: readonly number[]): number => list.reduce((p, n) => p * n, 1);

export function formOf(g: Geometry): Form {
  return {
    dims: g.positions.length,
    hasTaps: product(g.taps) > 1,
    checked: g.positions.map((n, d) => {
      const reach = [0, (n - 1) * g.step[d]!].flatMap((p) => [p, p + (g.taps[d]! - 1) * g.spread[d]!]);
      return Math.min(...reach) + g.before[d]! < 0 || Math.max(...reach) + g.before[d]! >= g.limit[d]!;
    }),
    targets: g.targets.length,
  };
}

/** The numbers of a geometry, in the order in which `Address` reads them. */
export function pushGeometry(numbers: Numbers, g: Geometry, form: Form): void {
  const { a, b } = g;
  numbers.i32(g.rows).i32(g.columns).i32(g.inner);
  numbers.i32(a.offset).i32(a.group).i32(a.row).i32(a.channel);
  numbers.i32(b.offset).i32(b.group).i32(b.sample).i32(b.channel);
  const { dims } = form;
  for (let d = 0; d < dims; d++) {
    numbers.i32(b.strides[d]!).i32(g.positions[d]!).i32(g.step[d]!).i32(g.before[d]!);
    if (form.checked[d]) numbers.i32(g.limit[d]!);
    if (form.hasTaps) {
      const after = product(g.taps.slice(d));
      numbers
        .i32(a.taps[d]!)
        .i32(g.spread[d]!)
        .i32(after)
        .f32(1 / after);
    }
  }
  for (const t of g.targets) {
    numbers.i32(t.view.offset).i32(t.group).i32(t.row).i32(t.sample);
    for (let d = 0; d < dims; d++) numbers.i32(t.positions[d]!);
  }
}

/** The sums' longest length for which `Address` finds taps by multiplying floats. */
export const MOST_INNER = 1 << 22;
