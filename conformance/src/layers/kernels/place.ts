/** Where an operand lies in memory: the layouts in which every kernel is tried. */
export const layouts = ['contiguous', 'offset', 'transposed', 'strided', 'negative'] as const;
export type LayoutName = (typeof layouts)[number];

export interface Place {
  readonly strides: readonly number[];
  readonly offset: number;
  /** The memory's length: the view's reach and a little room behind. */
  readonly length: number;
}

/** Memory for `shape` in a layout. `repeated` dims have stride 0: their elements are one. */
export function place(shape: readonly number[], layout: LayoutName, repeated: readonly number[] = []): Place {
  const order = [...shape.keys()];
  if (layout === 'transposed') order.reverse();
  const strides = new Array<number>(shape.length).fill(0);
  let step = layout === 'strided' ? 2 : 1;
  for (const d of order.reverse()) {
    if (repeated.includes(d)) continue;
    strides[d] = step;
    step *= shape[d];
    if (layout === 'strided') step += 1;
  }
  let offset = layout === 'contiguous' || layout === 'transposed' ? 0 : 3;
  if (layout === 'negative')
    for (const d of shape.keys()) {
      offset += Math.max(shape[d] - 1, 0) * strides[d];
      strides[d] = -strides[d] || 0;
    }
  const reach = shape.includes(0)
    ? 0
    : shape.reduce((sum, size, d) => sum + (size - 1) * Math.max(strides[d], 0), offset) + 1;
  return { strides, offset, length: reach + 4 };
}

/** The offset of each element, in row-major order. */
export function* placesOf(shape: readonly number[], { strides, offset }: Place): Generator<number> {
  for (const coordinates of indices(shape))
    yield coordinates.reduce((sum, at, d) => sum + at * strides[d], offset);
}

/** All coordinates of a shape, in row-major order. */
export function indices(shape: readonly number[]): number[][] {
  let list: number[][] = [[]];
  for (const size of shape)
    list = list.flatMap((head) => Array.from({ length: size }, (_, i) => [...head, i]));
  return list;
}
