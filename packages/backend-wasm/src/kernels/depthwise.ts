/**
 * Depthwise convolutions of float32: a window that slides over a plane of the input, four outputs of a row at a time and,
 * where the weights stay in registers, two rows. Nothing is copied: lines above and below the plane are one line of zeros,
 * and what the first and the last four outputs of a row read beside it is blended away.
 */
import { dtypes, type Expr, type View } from '@sconce/core/backend';
import type { Fn } from '../asm/module.ts';
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import type { Heap } from '../memory/heap.ts';
import { pointerOf } from '../memory/layout.ts';
import type { Scratch } from '../memory/scratch.ts';
import { applyEnding, ENDING_WORDS, type Ending, endingWords, type Meeting } from './ending.ts';
import { type Exports, instantiate, zero } from './engine.ts';

const LOAD = 0x100;
const SPLAT = 0x109;
const STORE = 0x10b;

const WORDS = [
  'x', 'xChannel', 'xRow', 'height', 'above', 'zeros',
  'out', 'outChannel', 'outHeight', 'outWidth', 'weights',
] as const; // biome-ignore format: a table
type Description = Record<(typeof WORDS)[number], number>;

export interface Window {
  readonly size: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
}

/** A channel per group; sizes in elements. */
export interface Planes {
  readonly channels: number;
  readonly input: readonly [number, number];
  readonly output: readonly [number, number];
  readonly before: readonly [number, number];
}

/** Columns that the first and the last outputs of a row read beside the plane. */
type Beside = readonly [number, number];

const besideOf = ({ size, stride, dilation }: Window, { input, output, before }: Planes): Beside => [
  before[1],
  Math.max(0, (output[1] - 1) * stride[1] + (size[1] - 1) * dilation[1] - before[1] - input[1] + 1),
];

/** Whether only the first and the last four outputs of a row read beside the plane, each on its side. */
export function reaches(window: Window, planes: Planes): boolean {
  const [left, right] = besideOf(window, planes);
  return left >= 0 && left < 4 && right < 4 && planes.output[1] >= 4 + Math.max(left, right);
}

/** Weights beyond this many are read again for each output. */
const IN_REGISTERS = 9;

/** Whether a window of this size over rows of so many outputs is slid by vectors. */
export const slides = ({ size, stride }: Window, columns: number): boolean =>
  columns >= 4 && stride[1] <= 2 && size[0] * size[1] <= 64;

/** Lines of the input that `rows` rows of outputs read, and for each which line of the window it is to each row, -1 where none. */
function readsOf({ size, stride, dilation }: Window, rows: number): number[][] {
  const lines = (size[0] - 1) * dilation[0] + (rows - 1) * stride[0] + 1;
  return Array.from({ length: lines }, (_, l) =>
    Array.from({ length: rows }, (_, r) => {
      const i = (l - r * stride[0]) / dilation[0];
      return Number.isInteger(i) && i >= 0 && i < size[0] ? i : -1;
    }),
  );
}

/** Indices of the lines that are read at all. */
const linesOf = (reads: readonly (readonly number[])[]): number[] =>
  reads.flatMap((r, l) => (r.some((i) => i >= 0) ? [l] : []));

/** (the lines read, out, output row, weights, columns, the ending's addresses): `rows` rows of outputs. */
function outputRows(
  m: Module,
  window: Window,
  rows: number,
  [left, right]: Beside,
  ending: Ending | undefined,
): Fn {
  const [height, width] = window.size;
  const across = window.stride[1];
  const step = window.dilation[1];
  const words = ending?.meetings.length ?? 0;
  const reads = readsOf(window, rows);
  const read = linesOf(reads);
  const first = read.length;
  return m.fn(undefined, Array(first + 4 + words).fill('i32'), [], (fn) => {
    const lines = read.map((_, i) => fn.param(i));
    const [out, outRow, weights, columns] = [0, 1, 2, 3].map((i) => fn.param(first + i)) as [
      Val,
      Val,
      Val,
      Val,
    ];
    const operands = Array.from({ length: words }, (_, i) => {
      const p = fn.param(first + 4 + i);
      return ending!.meetings[i] === 'row' ? fn.load('f32x4', SPLAT, p).keep() : p;
    });
    const weight = Array.from({ length: height * width }, (_, i) => {
      const v = fn.load('f32x4', SPLAT, weights, 4 * i);
      return height * width <= IN_REGISTERS ? v.keep() : v;
    });
    const sums = Array.from({ length: rows }, () => fn.local('f32x4'));
    const to = Array.from({ length: rows }, (_, r) => (r === 0 ? out : out.add(outRow.mul(r)).keep()));
    const value = fn.local('f32x4');
    const none = fn.const('f32x4', 0);
    /** Four inputs for tap j of a line. With steps of 2 and no dilation, taps two apart share three of them. */
    const even = fn.local('f32x4');
    const tap = (p: Val, j: number): Val => {
      const offset = 4 * j * step;
      const near = fn.load('f32x4', LOAD, p, offset);
      if (across === 1) return near;
      if (step !== 1 || width !== 3)
        return near.shuffle32(fn.load('f32x4', LOAD, p, offset + 12), [0, 2, 5, 7]);
      if (j === 0) {
        even.set(near.shuffle32(fn.load('f32x4', LOAD, p, 16), [0, 2, 4, 6]));
        return even;
      }
      if (j === 1) return fn.load('f32x4', LOAD, p).shuffle32(fn.load('f32x4', LOAD, p, 16), [1, 3, 5, 7]);
      return even.shuffle32(fn.load('f32x4', 0x15c, p, 32), [1, 2, 3, 4]);
    };
    /** Which of four outputs have tap j inside the plane. */
    const inside = (j: number, isFirst: boolean, isLast: boolean): boolean[] =>
      [0, 1, 2, 3].map((i) => {
        const fromLeft = i * across + j * step - left;
        const fromRight = (3 - i) * across + (width - 1 - j) * step - right;
        return !(isFirst && fromLeft < 0) && !(isLast && fromRight < 0);
      });
    const four = (isFirst: boolean, isLast: boolean): void => {
      for (const s of sums) fn.zero(s);
      read.forEach((l, n) => {
        for (let j = 0; j < width; j++) {
          const keeps = inside(j, isFirst, isLast);
          const x = tap(lines[n]!, j);
          value.set(
            keeps.every((k) => k)
              ? x
              : x.shuffle32(
                  none,
                  keeps.map((k, i) => (k ? i : i + 4)),
                ),
          );
          reads[l]!.forEach((i, row) => {
            if (i >= 0) sums[row]!.set(sums[row]!.add(value.mul(weight[i * width + j]!)));
          });
        }
      });
      sums.forEach((s, r) => {
        const operand = (i: number, meeting: Meeting): Val =>
          meeting === 'row' ? operands[i]! : fn.load('f32x4', LOAD, to[r]!.add(operands[i]!));
        fn.store(STORE, to[r]!, ending ? applyEnding(fn, ending, s, operand) : s);
      });
    };
    const move = (outputs: Val | number): void => {
      for (const p of lines)
        p.inc(typeof outputs === 'number' ? outputs * 4 * across : outputs.mul(4 * across));
      for (const p of to) p.inc(typeof outputs === 'number' ? outputs * 4 : outputs.mul(4));
    };
    if (left > 0) {
      four(true, false);
      move(4);
      columns.inc(-4);
    }
    fn.while(
      () => columns.gt(4),
      () => {
        four(false, false);
        move(4);
        columns.inc(-4);
      },
    );
    // The last four may overlap those before.
    move(columns.sub(4).keep());
    four(false, true);
  });
}

/** (description, first channel, channels). */
function build(heap: Heap, window: Window, beside: Beside, ending: Ending | undefined): Exports[string] {
  const m = new Module();
  const down = window.stride[0];
  const together = window.size[0] * window.size[1] <= IN_REGISTERS && down === 1 ? 2 : 1;
  const heights = together > 1 ? [together, 1] : [1];
  const codes = heights.map((rows) => outputRows(m, window, rows, beside, ending));
  m.fn('planes', ['i32', 'i32', 'i32'], [], (fn) => {
    const [description, first, count] = [0, 1, 2].map((i) => fn.param(i)) as [Val, Val, Val];
    const d = Object.fromEntries(
      WORDS.map((name, i) => [name, fn.loadI32(description, 4 * i).keep()]),
    ) as Record<(typeof WORDS)[number], Val>;
    const [p, q, y, i] = [0, 1, 2, 3].map(() => fn.local('i32')) as [Val, Val, Val, Val];
    const x = d.x.add(first.mul(d.xChannel)).keep();
    const out = d.out.add(first.mul(d.outChannel)).keep();
    const weights = d.weights.add(first.mul(4 * window.size[0] * window.size[1])).keep();
    const operands = (ending?.meetings ?? []).map((meeting, k) => {
      const at = 4 * (WORDS.length + ENDING_WORDS * k);
      const step = fn.loadI32(description, at + 4).keep();
      const v = fn.loadI32(description, at).snapshot();
      if (meeting === 'row') v.inc(first.mul(step));
      return { meeting, v, step };
    });
    const outRow = d.outWidth.mul(4).keep();
    fn.doWhile(
      () => {
        y.set(d.above.neg());
        p.set(x.add(y.mul(d.xRow)));
        q.set(out);
        i.set(d.outHeight);
        heights.forEach((rows, k) => {
          const lines = linesOf(readsOf(window, rows));
          fn.while(
            () => i.geU(rows),
            () => {
              const at = lines.map((l) =>
                fn.select(y.add(l).ltU(d.height), l === 0 ? p : p.add(d.xRow.mul(l)), d.zeros),
              );
              fn.call(codes[k]!, [...at, q, outRow, weights, d.outWidth, ...operands.map((o) => o.v)]).put();
              y.inc(rows * down);
              p.inc(d.xRow.mul(rows * down));
              q.inc(outRow.mul(rows));
              i.inc(-rows);
            },
          );
        });
        x.inc(d.xChannel);
        out.inc(d.outChannel);
        weights.inc(4 * window.size[0] * window.size[1]);
        for (const o of operands) if (o.meeting === 'row') o.v.inc(o.step);
        count.inc(-1);
      },
      () => count.ne(0),
    );
  });
  return instantiate(heap, m).planes!;
}

const BYTES = dtypes.float32.bytes;

export class Depthwise {
  private held = { pointer: 0, bytes: 0 };
  private readonly codes = new Map<Expr | undefined, Map<string, Exports[string]>>();

  constructor(
    private readonly heap: Heap,
    private readonly scratch: Scratch,
  ) {}

  /** One image: x and out as views [1, channel, row, column] with dense rows, out's planes dense; weights dense. */
  run(
    code: Exports[string],
    window: Window,
    planes: Planes,
    x: View,
    weights: number,
    out: View,
    others: readonly View[],
    ending: Ending | undefined,
  ): void {
    const { heap } = this;
    const { channels, input, output, before } = planes;
    const bytes = 4 * (input[1] + window.size[1] * window.dilation[1] + 16);
    const zeros = this.zeros(bytes);
    const description: Description = {
      // Lines begin where the first output's window does.
      x: pointerOf(x) - before[1] * BYTES,
      xChannel: x.strides[1]! * BYTES,
      xRow: x.strides[2]! * BYTES,
      height: input[0],
      above: before[0],
      zeros,
      out: pointerOf(out),
      outChannel: out.strides[1]! * BYTES,
      outHeight: output[0],
      outWidth: output[1],
      weights,
    };
    const words = ending ? endingWords(ending, out, others, 1) : [];
    const at = this.scratch.get('depthwise', 4 * (WORDS.length + words.length));
    const { i32 } = heap;
    WORDS.forEach((name, i) => {
      i32[(at >> 2) + i] = description[name];
    });
    i32.set(words, (at >> 2) + WORDS.length);
    const ns = channels * output[0] * output[1] * window.size[0] * window.size[1] * 0.1;
    const pieces = heap.team.pieces(ns, channels);
    if (pieces === 1) {
      code(at, 0, channels);
      return;
    }
    const some = Math.ceil(channels / pieces);
    const count = Math.ceil(channels / some);
    let w = heap.team.table(3 * count);
    for (let c = 0; c < channels; c += some)
      for (const arg of [at, c, Math.min(some, channels - c)]) i32[w++] = arg;
    heap.team.run(code, 3, count);
  }

  /** The address of so many zeros, which nobody writes to. */
  private zeros(bytes: number): number {
    const pointer = this.scratch.get('zeros', bytes);
    const { held } = this;
    if (pointer !== held.pointer || bytes > held.bytes) {
      zero(this.heap, pointer, bytes);
      this.held = { pointer, bytes };
    }
    return pointer;
  }

  /** What `run` calls: it knows the window, and where that reaches beside the planes. */
  code(window: Window, planes: Planes, ending: Ending | undefined): Exports[string] {
    const beside = besideOf(window, planes);
    let codes = this.codes.get(ending?.finish);
    if (!codes) this.codes.set(ending?.finish, (codes = new Map()));
    const key = `${window.size} ${window.stride} ${window.dilation} ${beside} ${ending?.key}`;
    let code = codes.get(key);
    if (!code) codes.set(key, (code = build(this.heap, window, beside, ending)));
    return code;
  }
}
