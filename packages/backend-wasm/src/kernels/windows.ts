/** Sliding windows of float32 over planes, four outputs of a row at a time: the largest value and its place. */
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import type { Heap } from '../memory/heap.ts';
import { type Exports, instantiate } from './engine.ts';

/**
 * The maximum with its place: (x, plane step, line step, tap line step, out, out plane step, indices, indices plane step,
 * planes, lines, outputs, input width, padding above, padding left). A row keeps four maxima and their positions.
 */
function buildLargest(
  heap: Heap,
  height: number,
  width: number,
  stride: number,
  down: number,
): Exports[string] {
  const m = new Module();
  const row = m.fn(undefined, Array(8).fill('i32'), [], (fn) => {
    const [x, step, out, indices, outputs, y, inputWidth, before] = Array.from({ length: 8 }, (_, i) =>
      fn.param(i),
    ) as [Val, Val, Val, Val, Val, Val, Val, Val];
    const rows = Array.from({ length: height }, (_, i) => (i === 0 ? x : fn.local('i32')));
    for (let i = 1; i < height; i++) rows[i]!.set(rows[i - 1]!.add(step));
    const left = fn.local('i32');
    left.set(outputs);
    const back = fn.local('i32');
    // Columns of the first taps of four outputs.
    const column = fn.local('i32x4');
    column.set(before.neg().splat());
    for (let l = 1; l < 4; l++) column.set(column.replace(l, fn.i32(l * stride).sub(before)));
    const line = y.mul(inputWidth).splat().keep();
    const inside = fn.select(y.lt(0), fn.i32(0), y).keep().mul(inputWidth).splat().keep();
    fn.doWhile(
      () => {
        const best = fn.const('f32x4', Number.NEGATIVE_INFINITY).snapshot();
        // The first tap inside the input wins over padding, even where it is -inf.
        const at = inside.add(column.max(0)).snapshot();
        const first = line.add(column).keep();
        for (let i = 0; i < height; i++)
          for (let j = 0; j < width; j++) {
            const near = fn.load('f32x4', 0x100, rows[i]!, 4 * j);
            const v = (
              stride === 1
                ? near
                : near.shuffle32(fn.load('f32x4', 0x100, rows[i]!, 4 * j + 12), [0, 2, 5, 7])
            ).keep();
            const better = v
              .gt(best)
              .or(v.ne(v).and(best.eq(best)))
              .keep();
            best.set(fn.select(better, v, best));
            at.set(fn.select(better, first.add(inputWidth.mul(i).add(j).splat()), at));
          }
        fn.store(0x10b, out, best);
        fn.store(0x10b, indices, at.convert(0x1c7, 'i64x2'));
        fn.store(0x10b, indices, at.convert(0x1c8, 'i64x2'), 16);
        left.inc(-4);
        // The last four may overlap those before: back by what is too much.
        back.set(fn.select(left.lt(4).and(left.gt(0)), left, fn.i32(4)));
        for (const r of rows) r.inc(back.mul(4 * stride));
        column.set(column.add(back.mul(stride).splat()));
        out.inc(back.mul(4));
        indices.inc(back.mul(8));
        left.set(fn.select(left.gt(0).and(left.lt(4)), fn.i32(4), left));
      },
      () => left.gt(0),
    );
  });
  m.fn('planes', Array(14).fill('i32'), [], (fn) => {
    const [x, plane, lineStep, tapStep, out, outPlane, indices, indexPlane, planes, lines, outputs, w, above, before] =
      Array.from({ length: 14 }, (_, i) => fn.param(i)) as [
        Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val,
      ]; // biome-ignore format: fourteen parameters
    const [p, q, r, left, y] = [
      fn.local('i32'), fn.local('i32'), fn.local('i32'), fn.local('i32'), fn.local('i32'),
    ]; // biome-ignore format: five locals
    fn.doWhile(
      () => {
        p.set(x);
        q.set(out);
        r.set(indices);
        left.set(lines);
        y.set(above.neg());
        fn.doWhile(
          () => {
            fn.call(row, [p, tapStep, q, r, outputs, y, w, before]).put();
            p.inc(lineStep);
            q.inc(outputs.mul(4));
            r.inc(outputs.mul(8));
            y.inc(down);
            left.inc(-1);
          },
          () => left.ne(0),
        );
        x.inc(plane);
        out.inc(outPlane);
        indices.inc(indexPlane);
        planes.inc(-1);
      },
      () => planes.ne(0),
    );
  });
  return instantiate(heap, m).planes!;
}

/** The part of a convolution's geometry that windows over planes need; everything counts elements. */
export interface Windows {
  readonly window: readonly [number, number, number];
  readonly stride: readonly [number, number, number];
  readonly dilation: readonly [number, number, number];
  readonly output: readonly [number, number, number];
  /** Size of the input that the windows cover, padding included. */
  readonly padded: readonly [number, number, number];
}

/** Two window dims (or one), steps of 1 or 2 along the row, rows of four or more, windows that are not huge. */
export const fitsRows = ({ output, window, stride, padded }: Windows): boolean =>
  window[0] === 1 &&
  output[0] === 1 &&
  padded[0] === 1 &&
  output[2] >= 4 &&
  (stride[2] === 1 || stride[2] === 2) &&
  window[1] * window[2] <= 64;

/** Nanoseconds per element of a window, about. */
const LARGEST = 0.4;

/** Compiled per window. */
export class LargestRows {
  private readonly variants = new Map<string, Exports[string]>();

  constructor(private readonly heap: Heap) {}

  /**
   * `count` planes; strides are those of x per plane and dim, in elements, the last of them 1; the positions of the maxima are those
   * in planes of `inputWidth` columns; windows without dilation.
   */
  run(
    { window, stride, output }: Windows,
    count: number,
    x: number,
    strides: readonly number[],
    [out, outPlane]: readonly [number, number],
    [indices, indexPlane]: readonly [number, number],
    [inputWidth, above, before]: readonly [number, number, number],
  ): void {
    const key = `${window[1]},${window[2]},${stride[1]},${stride[2]}`;
    let planes = this.variants.get(key);
    if (!planes) {
      planes = buildLargest(this.heap, window[1], window[2], stride[2], stride[1]);
      this.variants.set(key, planes);
    }
    const line = strides[2]! * 4;
    const ns = count * output[1] * output[2] * window[1] * window[2] * LARGEST;
    this.heap.team.deal(planes, ns, count, (first, some) => [
      x + first * strides[0]! * 4,
      strides[0]! * 4,
      line * stride[1],
      line,
      out + first * outPlane,
      outPlane,
      indices + first * indexPlane,
      indexPlane,
      some,
      output[1],
      output[2],
      inputWidth,
      above,
      before,
    ]);
  }
}
