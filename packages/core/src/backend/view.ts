/** Arithmetic on views, without touching what they look at. */
import type { View } from './backend.ts';

/** The same with dims of size 1 before the others, so that it has `rank` of them. */
export function withRank({ memory, dtype, shape, strides, offset }: View, rank: number): View {
  const missing = rank - shape.length;
  return {
    memory,
    dtype,
    shape: [...new Array<number>(missing).fill(1), ...shape],
    strides: [...new Array<number>(missing).fill(0), ...strides],
    offset,
  };
}
