/**
 * Strided iteration: on the host, dims in the best order and merged where every operand allows it; in the shader, the
 * operands' offsets from an element's number.
 */
import { NotSupportedError, type View } from '@sconce/core';
import { COORD_LIMIT } from '../lower/walk.ts';
import { gpuMemory } from '../memory.ts';
import type { Numbers } from '../program.ts';
import type { Shader } from '../shader.ts';

/** How an operand moves: by one element per element, not at all, or by strides that come with the call. */
export type Step = 'dense' | 'fixed' | 'strided';

/**
 * An iteration over views. `rank` and `steps` are compiled into the shader, and `key` says them; sizes and strides come
 * with the call.
 */
export interface Walk {
  /** Elements. */
  readonly count: number;
  readonly rank: number;
  readonly steps: readonly Step[];
  readonly key: string;
  /** From the outermost dim to the innermost. */
  readonly sizes: readonly number[];
  /** `strides[operand][dim]`, in elements. */
  readonly strides: readonly (readonly number[])[];
  /** For each dim of `shape` that was to be kept: which dim of the walk it is. */
  readonly places: ReadonlyMap<number, number>;
}

const none: ReadonlySet<number> = new Set();

/**
 * The walk over dims `from` to `to` of `shape`, in an order that suits the first view (its smallest stride innermost)
 * if `reorder`, else row-major. Dims in `keep` (numbers of `shape`'s dims) are not merged, because their coordinates
 * are asked for.
 */
export function walkOf(
  views: readonly View[],
  shape: readonly number[],
  {
    from = 0,
    to = shape.length,
    reorder = true,
    keep = none,
  }: { from?: number; to?: number; reorder?: boolean; keep?: ReadonlySet<number> } = {},
): Walk {
  const order: number[] = [];
  let count = 1;
  for (let d = from; d < to; d++) {
    if (keep.has(d) && shape[d]! > COORD_LIMIT)
      throw new NotSupportedError(
        `webgpu: a dim whose positions are computed with has at most ${COORD_LIMIT} elements, not ${shape[d]}`,
      );
    count *= shape[d]!;
    if (shape[d] !== 1 || keep.has(d)) order.push(d);
  }
  if (count > 0x7fffffff)
    throw new NotSupportedError(
      `webgpu: one kernel goes over at most 2^31 - 1 elements, not ${count}: split it`,
    );
  if (reorder && order.length > 1)
    order.sort((a, b) => {
      for (const v of views) {
        const [x, y] = [Math.abs(v.strides[a]!), Math.abs(v.strides[b]!)];
        if (x !== y && x !== 0 && y !== 0) return y - x;
      }
      return a - b;
    });
  const sizes: number[] = [];
  const strides: number[][] = views.map(() => []);
  const places = new Map<number, number>();
  let isKept = true;
  for (const d of order) {
    const n = shape[d]!;
    const last = sizes.length - 1;
    const kept = keep.has(d);
    if (!kept && !isKept && views.every((v, i) => strides[i]![last] === v.strides[d]! * n)) {
      sizes[last]! *= n;
      for (let i = 0; i < views.length; i++) strides[i]![last] = views[i]!.strides[d]!;
    } else {
      if (kept) places.set(d, sizes.length);
      sizes.push(n);
      for (let i = 0; i < views.length; i++) strides[i]!.push(views[i]!.strides[d]!);
    }
    isKept = kept;
  }
  const rank = sizes.length;
  const steps = strides.map((s): Step => {
    if (s.every((x) => x === 0)) return 'fixed';
    return rank === 1 && s[0] === 1 ? 'dense' : 'strided';
  });
  let key = `${rank}`;
  for (const s of steps) key += s[0];
  for (const [d, place] of places) key += `,${d}:${place}`;
  return { count, rank, steps, key, sizes, strides, places };
}

/** The numbers of a walk, in the order in which `writeWalk` reads them. */
export function pushWalk(numbers: Numbers, { sizes, strides, steps, rank }: Walk): void {
  for (let d = 1; d < rank; d++) numbers.i32(sizes[d]!);
  for (let i = 0; i < steps.length; i++)
    if (steps[i] === 'strided') for (let d = 0; d < rank; d++) numbers.i32(strides[i]![d]!);
}

/**
 * Statements that take `id` (a u32 name, less than the count) apart, and what they compute: per operand its offset from
 * the view's first element (an i32 expression; '' for none), and per dim of the walk its coordinate (an i32 name).
 */
export function writeWalk(
  shader: Shader,
  { rank, steps }: Pick<Walk, 'rank' | 'steps'>,
  id: string,
): { statements: string; offsets: string[]; coords: string[] } {
  const lines: string[] = [];
  const sizes = Array.from({ length: Math.max(0, rank - 1) }, () => shader.i32());
  const coords: string[] = [];
  let rest = id;
  for (let d = rank - 1; d >= 0; d--) {
    const coord = shader.name();
    coords[d] = coord;
    if (d === 0) lines.push(`let ${coord} = i32(${rest});`);
    else {
      const size = `u32(${sizes[d - 1]})`;
      const next = shader.name();
      lines.push(`let ${next} = ${rest} / ${size};`, `let ${coord} = i32(${rest} - ${next} * ${size});`);
      rest = next;
    }
  }
  const offsets = steps.map((step) => {
    if (step === 'fixed') return '';
    if (step === 'dense') return coords[0]!;
    return `(${coords.map((c) => `${c} * ${shader.i32()}`).join(' + ')})`;
  });
  return { statements: lines.join('\n'), offsets, coords };
}

/** `base + offset`, where either may be ''. */
export const indexOf = (base: string, offset: string): string =>
  base && offset ? `${base} + ${offset}` : base || offset || '0';

/** A walk in steps of four elements. */
export interface WideWalk extends Walk {
  /** Per operand, whether its elements lie in fours: its offset and strides then count fours. Else one serves all four. */
  readonly vectors: readonly boolean[];
}

/**
 * The walk, four elements of the innermost dim at a time, where the views' places allow it: each of the first
 * `outputs` lies densely along that dim, every other one too or not at all, and all begin at multiples of four. The
 * last four of a memory may reach into its padding, which may hold anything.
 */
export function fourAtATime(walk: Walk, views: readonly View[], outputs: number): WideWalk | undefined {
  const { rank, sizes, strides } = walk;
  if (rank === 0) return undefined;
  const last = rank - 1;
  const n = sizes[last]!;
  const isWhole = n % 4 === 0;
  if (!isWhole && rank > 1) return undefined;
  const vectors: boolean[] = [];
  for (let i = 0; i < views.length; i++) {
    const { memory, offset } = views[i]!;
    const inner = strides[i]![last]!;
    if (inner !== 1) {
      if (inner !== 0 || i < outputs) return undefined;
      vectors.push(false);
      continue;
    }
    if (offset % 4 !== 0) return undefined;
    for (let d = 0; d < last; d++) if (strides[i]![d]! % 4 !== 0) return undefined;
    if (!isWhole && i < outputs && offset + n !== gpuMemory(memory).length) return undefined;
    vectors.push(true);
  }
  for (let i = 0; i < views.length; i++)
    for (let j = 0; j < i; j++)
      if (vectors[i] !== vectors[j] && views[i]!.memory === views[j]!.memory) return undefined;
  const fours = Math.ceil(n / 4);
  return {
    ...walk,
    count: (walk.count / n) * fours,
    key: `${walk.key}/${vectors.map(Number).join('')}`,
    sizes: [...sizes.slice(0, last), fours],
    strides: strides.map((s, i) => (vectors[i] ? [...s.slice(0, last).map((x) => x / 4), 1] : s)),
    vectors,
  };
}
