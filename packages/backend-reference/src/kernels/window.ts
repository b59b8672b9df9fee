/**
 * Sliding windows, for conv and pool. Number the positions of the window `coarse`, at p, and what it slides over
 * `fine`, at p * stride - padding + k * dilation for tap k of the window.
 */
import { contiguousStrides } from '@sconce/core';

interface Sliding {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

/** Every window is treated as one of three dims, the first of them of size 1. */
const toThree = (list: readonly number[], filling: number): number[] => [
  ...new Array<number>(3 - list.length).fill(filling),
  ...list,
];

/** How many numbers describe a line. */
export const LINE = 4;

/**
 * Where a window meets one plane: runs of `count` elements that lie one apart in coarse and the last dim's stride apart
 * in fine, as [tap, coarseAt, fineAt, count, …], tap by tap. Positions outside fine are in no line, so that loops
 * over lines need no checks.
 */
export function windowLines(
  { stride, padding, dilation }: Sliding,
  window: readonly number[],
  coarseSize: readonly number[],
  fineSize: readonly number[],
): Int32Array {
  const [coarse, fine] = [toThree(coarseSize, 1), toThree(fineSize, 1)];
  const [steps, spread, before] = [toThree(stride, 1), toThree(dilation, 1), toThree(padding, 0)];
  const [coarseStrides, fineStrides] = [contiguousStrides(coarse), contiguousStrides(fine)];
  /** For each tap of each dim, the positions `first` to `end` at which it is inside. */
  const spans = toThree(window, 1).map((taps, d) =>
    Array.from({ length: taps }, (_, k) => {
      const shift = k * spread[d] - before[d];
      const first = Math.max(0, Math.ceil(-shift / steps[d]));
      return { shift, first, end: Math.min(coarse[d], Math.floor((fine[d] - 1 - shift) / steps[d]) + 1) };
    }),
  );

  const lines: number[] = [];
  let tap = 0;
  for (const a of spans[0])
    for (const b of spans[1])
      for (const c of spans[2]) {
        const start = lines.length;
        const count = c.end - c.first;
        for (let p0 = a.first; p0 < a.end && count > 0; p0++)
          for (let p1 = b.first; p1 < b.end; p1++) {
            const coarseAt = p0 * coarseStrides[0] + p1 * coarseStrides[1] + c.first;
            const q0 = p0 * steps[0] + a.shift;
            const q1 = p1 * steps[1] + b.shift;
            const fineAt = q0 * fineStrides[0] + q1 * fineStrides[1] + c.first * steps[2] + c.shift;
            const last = lines.length - LINE;
            const length = lines[last + 3];
            // Where this line only goes on with the last one, they are one: so a 1x1 conv has a single line.
            if (
              last >= start &&
              lines[last + 1] + length === coarseAt &&
              lines[last + 2] + length * steps[2] === fineAt
            )
              lines[last + 3] += count;
            else lines.push(tap, coarseAt, fineAt, count);
          }
        tap++;
      }
  return Int32Array.from(lines);
}
