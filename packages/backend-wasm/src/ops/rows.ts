/** Operators that treat each row (the last dim, dense) on its own: which rows there are, and how many go to a call. */
import type { DType, View } from '@sconce/core/backend';
import type { Heap } from '../memory/heap.ts';
import { contiguousStrides, type Loop, loopOf, merged, numel, pointerOf } from '../memory/layout.ts';

/** Elements per call: generated code gets faster only from call to call, and threads take call after call. */
const CHUNK = 16384;

/** A dense tensor that is yet to be made. */
export interface Dense {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly length: number;
}

export const denseOf = (dtype: DType, shape: readonly number[]): Dense => ({
  dtype,
  shape: [...shape],
  strides: contiguousStrides(shape),
  length: numel(shape),
});

export const allocated = (heap: Heap, { dtype, shape, strides, length }: Dense): View => ({
  memory: heap.allocate(dtype, length),
  dtype,
  shape,
  strides,
  offset: 0,
});

/** A new dense tensor. */
export const dense = (heap: Heap, dtype: DType, shape: readonly number[]): View =>
  allocated(heap, denseOf(dtype, shape));

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

/** How the rows of some views are walked: that follows from their layouts alone. */
export class Walk {
  private readonly loop: Loop;
  private readonly inner: number;
  private readonly count: number;
  private readonly steps: readonly number[];

  /** Of views that agree in all but the last `dims` dims; `most` rows go to one call. */
  constructor(
    views: readonly Pick<View, 'dtype' | 'shape' | 'strides'>[],
    dims: number,
    private readonly most = rowsPerCall(views[0]!.shape, dims),
  ) {
    const { shape } = views[0]!;
    this.loop = merged(loopOf(views, shape, 0, shape.length - dims));
    this.inner = this.loop.sizes.length - 1;
    this.count = this.loop.sizes[this.inner]!;
    this.steps = this.loop.strides.map((s) => s[this.inner]!);
  }

  /** Calls for all rows, chunk by chunk. The calls are independent: each row is read and written by one of them. */
  each(views: readonly View[], call: RowsCall): void {
    const { loop, inner, count, steps, most } = this;
    const pointers = views.map(pointerOf);
    if (inner === 0 && count <= most) {
      call(pointers, steps, count);
      return;
    }
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
}

/** Walks the rows of views once. */
export function eachRows(views: readonly View[], dims: number, call: RowsCall, most?: number): void {
  new Walk(views, dims, most).each(views, call);
}
