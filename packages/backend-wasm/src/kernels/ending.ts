/**
 * The epilogue of a product in registers: `finish` on four sums at a time, next to where they are made. It takes a
 * `finish` whose other operands are each constant along a row, the same for all rows, or laid out as the output is;
 * for anything else the sums are written, and a pointwise pass follows.
 */
import { dtypes, type Expr, type View } from '@sconce/core/backend';
import type { Fn } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { inputDtypes, lower, scalarDtypes, usesCoord, widthOf } from '../lower/lower.ts';
import { pointerOf } from '../memory/layout.ts';

/** How an operand meets the sums: one value per row (`row`), one per column (`column`), or at the output's own offsets (`same`). */
export type Meeting = 'row' | 'column' | 'same';

export interface Ending {
  readonly finish: Expr;
  /** Per input after the sum; undefined for one that `finish` does not read. */
  readonly meetings: readonly (Meeting | undefined)[];
  readonly key: string;
}

/** Two i32 per operand: for `row` the address at row 0 and the bytes to the next row, for `column` the address at column 0, for `same` the distance from the output. */
export const ENDING_WORDS = 2;

/** Whether `finish` can run on vectors of float32 sums. */
export function canEnd(finish: Expr): boolean {
  if (finish.dtype !== 'float32' || usesCoord([finish]) || widthOf([finish]) !== 4) return false;
  if (scalarDtypes([finish]).length > 0) return false;
  for (const d of inputDtypes([finish]).values()) if (d !== 'float32') return false;
  return true;
}

/** What a finish reads, worked out once: graphs call a product again and again. */
const reads = new WeakMap<Expr, ReturnType<typeof inputDtypes>>();

function readBy(finish: Expr): ReturnType<typeof inputDtypes> {
  let known = reads.get(finish);
  if (!known) reads.set(finish, (known = inputDtypes([finish])));
  return known;
}

/**
 * The ending for these operands, where rows are dim `row` of the output and columns all dims after it, which are dense in
 * the output; undefined where an operand meets it otherwise than in one of `ways`.
 */
export function endingOf(
  finish: Expr,
  out: View,
  others: readonly View[],
  row: number,
  ways: readonly Meeting[] = ['same', 'row', 'column'],
): Ending | undefined {
  const used = readBy(finish);
  const meetings: (Meeting | undefined)[] = [];
  for (let i = 0; i < others.length; i++) {
    const meeting = used.has(i + 1) ? meetingOf(out, others[i]!, row) : undefined;
    if (used.has(i + 1) && !(meeting && ways.includes(meeting))) return undefined;
    meetings.push(meeting);
  }
  return { finish, meetings, key: meetings.map((m) => m ?? '-').join() };
}

function meetingOf(out: View, v: View, row: number): Meeting | undefined {
  let same = true;
  let constant = true;
  let columns = true;
  let step = 1;
  for (let d = out.shape.length - 1; d >= 0; d--) {
    const n = out.shape[d]!;
    if (n === 1) continue;
    if (v.strides[d] !== out.strides[d]) same = false;
    if (d !== row && v.strides[d] !== 0) constant = false;
    if (v.strides[d] !== (d > row ? step : 0)) columns = false;
    if (d > row) step *= n;
  }
  return same ? 'same' : constant ? 'row' : columns ? 'column' : undefined;
}

/** The words of an ending for the output's element (row `row`, the first column of its part). */
export function endingWords(ending: Ending, out: View, others: readonly View[], row: number): number[] {
  const { meetings } = ending;
  const words = new Array<number>(ENDING_WORDS * meetings.length).fill(0);
  for (let i = 0; i < meetings.length; i++) {
    const v = others[i]!;
    if (meetings[i] === undefined) continue;
    words[ENDING_WORDS * i] = meetings[i] === 'same' ? pointerOf(v) - pointerOf(out) : pointerOf(v);
    if (meetings[i] === 'row') words[ENDING_WORDS * i + 1] = v.strides[row]! * dtypes[v.dtype].bytes;
  }
  return words;
}

/** The operand's value for the sums that are to be stored. */
export type Operand = (index: number, meeting: Meeting) => Val;

/** `finish` of the sums, in a local. */
export const applyEnding = (fn: Fn, ending: Ending, sums: Val, operand: Operand, width: 1 | 4 = 4): Val =>
  lower(fn, [ending.finish], width, {
    input: (index) => (index === 0 ? sums : operand(index - 1, ending.meetings[index - 1]!)),
    scalar: () => {
      throw new Error('wasm: an ending has no scalars');
    },
    coord: () => {
      throw new Error('wasm: an ending has no coordinates');
    },
  })[0]!;
