/**
 * A tile of a product whose right operand is rows as they are, turned: its rows are columns of that operand, splat from where
 * they stand, and its columns are a panel of the left one's rows, packed ahead. The sums are turned back before they end, so
 * that operands meet them as they meet those of other tiles.
 */
import type { Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { LINE } from './blocks.ts';
import { applyEnding, ENDING_WORDS, type Meeting } from './ending.ts';
import { ADD, FINISH, hasFused, rowsOf, type TileForm, VECTORS } from './tile.ts';
import { transposed } from './transpose.ts';

const LOAD = 0x100;
const SPLAT = 0x109;
const STORE = 0x10b;
const BYTES = 4;

/** Columns of the right operand that a tile covers. */
export const COLUMNS = rowsOf({ lane: 'f32x4' });
/** Bytes of a tile's sums. */
export const SUMS = COLUMNS * LINE;

/**
 * (x, bytes from row to row, panel, k, sums of other parts of the depth, out, bytes from row to row, flags, the ending's words).
 */
export function turnedTile(m: Module, { ending }: TileForm): Fn {
  const words = ENDING_WORDS * (ending?.meetings.length ?? 0);
  return m.fn(undefined, Array(8 + words).fill('i32'), [], (fn) => {
    const [x, step, panel, k, sums, out, outStep, flags] = Array.from({ length: 8 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: eight parameters
    const operands = Array.from({ length: words }, (_, i) => fn.param(8 + i));
    const acc = Array.from({ length: COLUMNS }, () =>
      Array.from({ length: VECTORS }, () => fn.local('f32x4')),
    );
    const right = Array.from({ length: VECTORS }, () => fn.local('f32x4'));
    const left = fn.local('f32x4');
    const isFused = hasFused();
    for (const r of acc) for (const v of r) fn.zero(v);
    const end = panel.add(k.mul(LINE)).keep();
    // The same loop as `tile.ts` has, for the same reasons.
    fn.block(() => {
      k.lt(1).put();
      fn.brIf(0);
      fn.doWhile(
        () => {
          right.forEach((r, j) => {
            r.set(fn.load('f32x4', LOAD, panel, 16 * j));
          });
          acc.forEach((r, i) => {
            left.set(fn.load('f32x4', SPLAT, x, BYTES * i));
            r.forEach((sum, j) => {
              sum.set(isFused ? left.mulAdd(right[j]!, sum) : sum.add(left.mul(right[j]!)));
            });
          });
          x.inc(step);
          panel.inc(LINE);
        },
        () => panel.ltU(end),
      );
    });
    const each = (body: (sum: Val, offset: number) => void): void =>
      acc.forEach((r, i) => {
        r.forEach((v, j) => {
          body(v, LINE * i + 16 * j);
        });
      });
    const all = (v: Val, offset: number): Val => fn.load('f32x4', LOAD, sums, offset).add(v);
    // Added to within each branch: where the sums met again right after the loop, V8 would spill in it.
    fn.if(
      flags.and(FINISH),
      () => {
        fn.if(flags.and(ADD), () => each((v, offset) => v.set(all(v, offset))));
        const second = BYTES * (COLUMNS - 4);
        for (let j = 0; j < VECTORS; j++) {
          const first = transposed(acc.slice(0, 4).map((r) => r[j]!));
          const last = transposed(acc.slice(-4).map((r) => r[j]!));
          for (let f = 0; f < 4; f++) {
            for (const [v, offset] of [
              [first[f]!, 0],
              [last[f]!, second],
            ] as const) {
              const operand = (i: number, meeting: Meeting): Val => {
                const at = operands[ENDING_WORDS * i]!;
                if (meeting === 'row') return fn.load('f32x4', SPLAT, at);
                return fn.load('f32x4', LOAD, meeting === 'same' ? out.add(at) : at, offset);
              };
              fn.store(STORE, out, ending ? applyEnding(fn, ending, v, operand) : v, offset);
            }
            if (j === VECTORS - 1 && f === 3) continue;
            out.inc(outStep);
            ending?.meetings.forEach((meeting, i) => {
              if (meeting === 'row') operands[ENDING_WORDS * i]!.inc(operands[ENDING_WORDS * i + 1]!);
            });
          }
        }
      },
      () =>
        fn.if(
          flags.and(ADD),
          () => each((v, offset) => fn.store(STORE, sums, all(v, offset), offset)),
          () => each((v, offset) => fn.store(STORE, sums, v, offset)),
        ),
    );
  });
}
