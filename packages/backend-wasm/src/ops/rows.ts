/** Operators that treat each row (the last dim, dense) on its own: which rows there are, and how many go to a call. */
import type { DType, View } from '@sconce/core/backend';
import type { Heap } from '../memory/heap.ts';
import { contiguousStrides, loopOf, merged, numel, pointerOf } from '../memory/layout.ts';

/** Elements per call: generated code gets faster only from call to call, and threads take call after call. */
const CHUNK = 16384;

/** A new dense tensor. */
export function dense(heap: Heap, dtype: DType, shape: readonly number[]): View {
  return {
    memory: heap.allocate(dtype, numel(shape)),
    dtype,
    shape,
    strides: contiguousStrides(shape),
    offset: 0,
  };
}

/** Whether the last `dims` dims are float32 and lie densely, one after the other. */
export function isRows(v: View, dims = 1): boolean {
  if (v.dtype !== 'float32' || v.shape.length < dims) return false;
  let want = 1;
  for (let d = v.shape.length - 1; d >= v.shape.length - dims; d--) {
    if (v.shape[d] !== 1 && v.strides[d] !== want) return false;
    want *= v.shape[d]!;
  }
  return true;
}

/** A call's share: the addresses of its first rows, their steps in bytes, and how many there are. */
export type RowsCall = (pointers: readonly number[], steps: readonly number[], count: number) => void;

const rowsPerCall = (shape: readonly number[], dims: number): number =>
  Math.max(1, Math.floor(CHUNK / Math.max(1, numel(shape.slice(shape.length - dims)))));

/**
 * Calls for all rows of views that agree in all but the last `dims` dims, chunk by chunk. The calls are independent: each
 * row is read and written by one of them. `most` rows go to one.
 */
export function eachRows(
  views: readonly View[],
  dims: number,
  call: RowsCall,
  most = rowsPerCall(views[0]!.shape, dims),
): void {
  const { shape } = views[0]!;
  const lead = shape.length - dims;
  const loop = merged(loopOf(views, shape, 0, lead));
  const inner = loop.sizes.length - 1;
  const count = loop.sizes[inner]!;
  const steps = loop.strides.map((s) => s[inner]!);
  const pointers = views.map(pointerOf);
  const index = new Array<number>(inner).fill(0);
  for (;;) {
    for (let from = 0; from < count; from += most)
      call(
        from === 0 ? pointers : pointers.map((p, i) => p + from * steps[i]!),
        steps,
        Math.min(most, count - from),
      );
    let d = inner - 1;
    for (; d >= 0; d--) {
      for (let i = 0; i < pointers.length; i++) pointers[i]! += loop.strides[i]![d]!;
      if (++index[d]! < loop.sizes[d]!) break;
      index[d] = 0;
      for (let i = 0; i < pointers.length; i++) pointers[i]! -= loop.strides[i]![d]! * loop.sizes[d]!;
    }
    if (d < 0) return;
  }
}
