/**
 * The columns of a convolution as a product's right operand, gathered into panels through two tables of offsets: of the
 * taps and of the output positions.
 */
import { laneCount } from '../asm/lane.ts';
import { type Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import type { Heap } from '../memory/heap.ts';
import { exportBlocks, KC, LINE, overDepth } from './blocks.ts';
import { ENDING_WORDS } from './ending.ts';
import { type Exports, instantiate } from './engine.ts';
import type { Finishing, Gemm } from './gemm.ts';
import type { TileForm } from './tile.ts';

/** (bases, taps, k, target, panels, x): gathers x[base + tap] for a panel's columns and k taps, half a panel at a time. */
function gatherPanels(m: Module, columns: number, bytes: number): Fn {
  const half = columns / 2;
  return m.fn('gather', Array(6).fill('i32'), [], (fn) => {
    const [bases, taps, k, target, panels, x] = Array.from({ length: 6 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const at = Array.from({ length: half }, () => fn.local('i32'));
    const [tap, left, offset, to, side] = Array.from({ length: 5 }, () => fn.local('i32')) as [
      Val, Val, Val, Val, Val,
    ]; // biome-ignore format: five locals
    const [lane, loadOp, storeOp] =
      bytes === 4 ? (['f32', 0x2a, 0x38] as const) : (['f64', 0x2b, 0x39] as const);
    const run = (body: () => void): void => {
      tap.set(taps);
      left.set(k);
      fn.doWhile(
        () => {
          offset.set(fn.loadI32(tap));
          body();
          tap.inc(4);
          to.inc(columns * bytes);
          left.inc(-1);
        },
        () => left.ne(0),
      );
    };
    const byOne = (): void =>
      run(() =>
        at.forEach((p, j) => {
          fn.store(storeOp, to, fn.load(lane, loadOp, p.add(offset)), j * bytes);
        }),
      );
    const vector = (more = 0): Val => fn.load('f32x4', 0x100, at[0]!.add(offset), more);
    // Positions in one row of a dense input are neighbours, or every second with steps of 2.
    const apart = (distance: number): Val => {
      let all = at[1]!.sub(at[0]!).eq(distance);
      for (let j = 2; j < half; j++) all = all.and(at[j]!.sub(at[j - 1]!).eq(distance));
      return all;
    };
    fn.doWhile(
      () => {
        side.set(0);
        fn.doWhile(
          () => {
            at.forEach((p, j) => {
              p.set(fn.loadI32(bases.add(side.mul(4 * half)), 4 * j).add(x));
            });
            to.set(target.add(side.mul(half * bytes)));
            if (bytes !== 4) byOne();
            else
              fn.if(
                apart(4),
                () => run(() => fn.store(0x10b, to, vector())),
                () =>
                  fn.if(
                    apart(8),
                    () => run(() => fn.store(0x10b, to, vector().shuffle32(vector(12), [0, 2, 5, 7]))),
                    byOne,
                  ),
              );
            side.inc(1);
          },
          () => side.ltU(2),
        );
        target.inc(k.mul(columns * bytes));
        bases.inc(4 * columns);
        panels.inc(-1);
      },
      () => panels.ne(0),
    );
  });
}

export function buildGather(heap: Heap, columns: number, bytes: number): Exports[string] {
  const m = new Module();
  gatherPanels(m, columns, bytes);
  return instantiate(heap, m).gather!;
}

/**
 * Some panels of columns in all their depth, gathered by the thread that multiplies them, so that they stay in its cache: (a as
 * `packLeft` makes it, bytes of one of its columns, bases, taps, k, x, c, ldc, the ending's words, rows, panels, columns of the
 * edge, scratch of the threads, bytes of it for each).
 */
function exportGathered(m: Module, form: TileForm): void {
  const bytes = 16 / laneCount[form.lane];
  const words = ENDING_WORDS * (form.ending?.meetings.length ?? 0);
  const blocks = exportBlocks(m, form, true);
  const gather = gatherPanels(m, LINE / bytes, bytes);
  m.fn('gathered', Array(13 + words).fill('i32'), [], (fn) => {
    const [a, column, bases, taps, k, x, c, ldc] = Array.from({ length: 8 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: eight parameters
    const operands = Array.from({ length: words }, (_, i) => fn.param(8 + i));
    const [rows, panels, edge, scratch] = [0, 1, 2, 3].map((i) => fn.param(8 + words + i)) as [
      Val, Val, Val, Val,
    ]; // biome-ignore format: four parameters
    const target = scratch.add(fn.thread().mul(fn.param(12 + words))).keep();
    const all = panels.add(edge.ne(0)).keep();
    overDepth(fn, k, form.ending !== undefined, (depth, flags) => {
      fn.call(gather, [bases, taps, depth, target, all, x]).put();
      fn.call(blocks, [
        a, depth.mul(bytes), target, fn.i32(LINE), depth, c, ldc, flags, ...operands, rows, panels, depth.mul(LINE), edge,
      ]).put(); // biome-ignore format: the parameters of `exportBlocks`
      a.inc(depth.mul(column));
      taps.inc(depth.mul(4));
    });
  });
}

/** Panels that a call gathers at a time. */
const MOST_PANELS = 16;
/** And at least, where the left operand has more bytes than the second cache keeps next to them. */
const LEAST_PANELS = 6;
const LARGE = 1 << 18;

/** Products of the same left operand, as `packLeft` made it, with the columns of some images or of one after the other. */
export interface GatheredProducts {
  readonly rows: number;
  readonly taps: number;
  readonly columns: number;
  readonly count: number;
  readonly left: number;
  /** Where the tables of taps and of positions are. */
  readonly tapsAt: number;
  readonly basesAt: number;
  /** Of number i: the input, the sums and the bytes between their rows, and what finishes them. */
  readonly at: (i: number) => { x: number; c: number; ldc: number; finish: Finishing | undefined };
}

export function multiplyGathered(gemm: Gemm, product: GatheredProducts): void {
  const { rows, taps, columns, count, left, tapsAt, basesAt, at } = product;
  const { bytes, heap } = gemm;
  const panels = Math.ceil(columns / gemm.columns);
  const whole = Math.floor(columns / gemm.columns);
  const pieces = heap.team.pieces(gemm.time(rows, columns, taps) * count, panels * count);
  // The left operand is read once per call: from a far cache, where it is large.
  const least = rows * taps * bytes > LARGE ? Math.min(LEAST_PANELS, Math.ceil((panels * count) / 2)) : 1;
  const run = Math.min(MOST_PANELS, Math.max(least, Math.ceil((panels * count) / pieces)));
  const share = run * LINE * Math.min(taps, KC);
  const scratch = heap.team.scratch(share);
  const code = gemm.code(at(0).finish?.ending, 'gathered', exportGathered);
  const give = (call: Exports[string]): void => {
    for (let i = 0; i < count; i++) {
      const { x, c, ldc, finish } = at(i);
      for (let p = 0; p < panels; p += run) {
        const some = Math.min(run, whole - p);
        call(
          left, rows * bytes, basesAt + 4 * p * gemm.columns, tapsAt, taps, x, c + p * LINE, ldc,
          ...(finish ? gemm.wordsAt(finish, 0, p * gemm.columns) : []),
          rows, some, p + run >= panels ? columns - whole * gemm.columns : 0, scratch, share,
        ); // biome-ignore format: the parameters of `exportGathered`
      }
    }
  };
  heap.team.each(code.gathered!, 0, give, pieces);
}
