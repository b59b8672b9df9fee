/**
 * Depthwise convolutions of float32: a plane of the input, padded into a thread's own memory, and a window that slides over
 * it, four outputs of a row at a time and, where the weights stay in registers, two rows.
 */
import { dtypes, type Expr, type View } from '@sconce/core/backend';
import type { Fn } from '../asm/module.ts';
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import type { Heap } from '../memory/heap.ts';
import { pointerOf } from '../memory/layout.ts';
import type { Scratch } from '../memory/scratch.ts';
import { applyEnding, ENDING_WORDS, type Ending, endingWords, type Meeting } from './ending.ts';
import { type Exports, instantiate } from './engine.ts';
import { stripLine } from './strip.ts';

const LOAD = 0x100;
const SPLAT = 0x109;
const STORE = 0x10b;

const WORDS = [
  'x', 'xChannel', 'xRow', 'height', 'width', 'above', 'before', 'lines', 'line',
  'out', 'outChannel', 'outHeight', 'outWidth', 'weights', 'share',
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

/** Weights beyond this many are read again for each output. */
const IN_REGISTERS = 9;

/** Whether a window of this size over rows of so many outputs is slid by vectors. */
export const slides = ({ size, stride }: Window, columns: number): boolean =>
  columns >= 4 && stride[1] <= 2 && size[0] * size[1] <= 64;

/** (x, line, out, output row, weights, columns, the ending's addresses): `rows` rows of outputs. */
function outputRows(m: Module, window: Window, rows: number, ending: Ending | undefined): Fn {
  const [height, width] = window.size;
  const [down, right] = window.stride;
  const words = ending?.meetings.length ?? 0;
  return m.fn(undefined, Array(6 + words).fill('i32'), [], (fn) => {
    const [x, line, out, outRow, weights, columns] = [0, 1, 2, 3, 4, 5].map((i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const operands = Array.from({ length: words }, (_, i) => {
      const p = fn.param(6 + i);
      return ending!.meetings[i] === 'row' ? fn.load('f32x4', SPLAT, p).keep() : p;
    });
    const weight = Array.from({ length: height * width }, (_, i) => {
      const v = fn.load('f32x4', SPLAT, weights, 4 * i);
      return height * width <= IN_REGISTERS ? v.keep() : v;
    });
    // Lines of the input that the rows read, and where each row begins among them.
    const lines = (height - 1) * window.dilation[0] + (rows - 1) * down + 1;
    const reads = Array.from({ length: lines }, (_, l) =>
      Array.from({ length: rows }, (_, r) => {
        const i = (l - r * down) / window.dilation[0];
        return Number.isInteger(i) && i >= 0 && i < height ? i : -1;
      }),
    );
    const at = reads.map((r, l) => (l > 0 && r.some((i) => i >= 0) ? x.add(line.mul(l)).keep() : x));
    const sums = Array.from({ length: rows }, () => fn.local('f32x4'));
    const to = Array.from({ length: rows }, (_, r) => (r === 0 ? out : out.add(outRow.mul(r)).keep()));
    const back = fn.local('i32');
    const value = fn.local('f32x4');
    /** Four inputs for tap j of a line. With steps of 2 and no dilation, taps two apart share three of them. */
    const even = fn.local('f32x4');
    const tap = (p: Val, j: number): Val => {
      const offset = 4 * j * window.dilation[1];
      const near = fn.load('f32x4', LOAD, p, offset);
      if (right === 1) return near;
      if (window.dilation[1] !== 1 || width !== 3)
        return near.shuffle32(fn.load('f32x4', LOAD, p, offset + 12), [0, 2, 5, 7]);
      if (j === 0) {
        even.set(near.shuffle32(fn.load('f32x4', LOAD, p, 16), [0, 2, 4, 6]));
        return even;
      }
      if (j === 1) return fn.load('f32x4', LOAD, p).shuffle32(fn.load('f32x4', LOAD, p, 16), [1, 3, 5, 7]);
      return even.shuffle32(fn.load('f32x4', 0x15c, p, 32), [1, 2, 3, 4]);
    };
    fn.doWhile(
      () => {
        for (const s of sums) fn.zero(s);
        reads.forEach((r, l) => {
          if (r.every((i) => i < 0)) return;
          for (let j = 0; j < width; j++) {
            value.set(tap(at[l]!, j));
            r.forEach((i, row) => {
              if (i >= 0) sums[row]!.set(sums[row]!.add(value.mul(weight[i * width + j]!)));
            });
          }
        });
        sums.forEach((s, r) => {
          const operand = (i: number, meeting: Meeting): Val =>
            meeting === 'row' ? operands[i]! : fn.load('f32x4', LOAD, to[r]!.add(operands[i]!));
          fn.store(STORE, to[r]!, ending ? applyEnding(fn, ending, s, operand) : s);
        });
        columns.inc(-4);
        // The last four may overlap those before.
        back.set(fn.select(columns.gt(0).and(columns.lt(4)), columns, fn.i32(4)));
        new Set(at).forEach((p) => {
          p.inc(back.mul(4 * right));
        });
        for (const p of to) p.inc(back.mul(4));
        columns.set(fn.select(columns.gt(0).and(columns.lt(4)), fn.i32(4), columns));
      },
      () => columns.gt(0),
    );
  });
}

/** (description, scratch, first channel, channels). */
function build(heap: Heap, window: Window, ending: Ending | undefined): Exports[string] {
  const m = new Module();
  const together = window.size[0] * window.size[1] <= IN_REGISTERS && window.stride[0] === 1 ? 2 : 1;
  const one = outputRows(m, window, 1, ending);
  const several = together > 1 ? outputRows(m, window, together, ending) : one;
  const strip = stripLine(m);
  m.fn('planes', ['i32', 'i32', 'i32', 'i32'], [], (fn) => {
    const [description, scratch, first, count] = [0, 1, 2, 3].map((i) => fn.param(i)) as [Val, Val, Val, Val];
    const d = Object.fromEntries(
      WORDS.map((name, i) => [name, fn.loadI32(description, 4 * i).keep()]),
    ) as Record<(typeof WORDS)[number], Val>;
    scratch.inc(fn.thread().mul(d.share));
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
    const vectors = d.line.shrU(4).keep();
    const outRow = d.outWidth.mul(4).keep();
    fn.doWhile(
      () => {
        y.set(d.above.neg());
        p.set(x.add(y.mul(d.xRow)));
        q.set(scratch);
        i.set(d.lines);
        fn.doWhile(
          () => {
            fn.call(strip, [p, q, d.width, d.before, vectors, y.ltU(d.height)]).put();
            p.inc(d.xRow);
            q.inc(d.line);
            y.inc(1);
            i.inc(-1);
          },
          () => i.ne(0),
        );
        p.set(scratch);
        q.set(out);
        i.set(d.outHeight);
        for (const [rows, code] of together > 1
          ? ([
              [together, several],
              [1, one],
            ] as const)
          : ([[1, one]] as const))
          fn.while(
            () => i.geU(rows),
            () => {
              fn.call(code, [p, d.line, q, outRow, weights, d.outWidth, ...operands.map((o) => o.v)]).put();
              p.inc(d.line.mul(rows * window.stride[0]));
              q.inc(outRow.mul(rows));
              i.inc(-rows);
            },
          );
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
  private readonly codes = new Map<Expr | undefined, Map<string, Exports[string]>>();

  constructor(
    private readonly heap: Heap,
    private readonly scratch: Scratch,
  ) {}

  /** One image: x and out as views [1, channel, row, column] with dense rows, out's planes dense; weights dense. */
  run(
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
    const span = (d: 0 | 1): number =>
      (output[d] - 1) * window.stride[d] + window.dilation[d] * (window.size[d] - 1) + 1;
    const lines = span(0);
    const line = Math.ceil(span(1) / 4) * 4 * BYTES;
    const share = Math.ceil((lines * line) / 64) * 64 + 64;
    const base = heap.team.scratch(share);
    const description: Description = {
      x: pointerOf(x),
      xChannel: x.strides[1]! * BYTES,
      xRow: x.strides[2]! * BYTES,
      height: input[0],
      width: Math.max(0, Math.min(input[1], line / BYTES - before[1])),
      above: before[0],
      before: before[1],
      lines,
      line,
      out: pointerOf(out),
      outChannel: out.strides[1]! * BYTES,
      outHeight: output[0],
      outWidth: output[1],
      weights,
      share,
    };
    const words = ending ? endingWords(ending, out, others, 1) : [];
    const at = this.scratch.get('depthwise', 4 * (WORDS.length + words.length));
    const { i32 } = heap;
    WORDS.forEach((name, i) => {
      i32[(at >> 2) + i] = description[name];
    });
    i32.set(words, (at >> 2) + WORDS.length);
    const code = this.code(window, ending);
    const ns = channels * output[0] * output[1] * window.size[0] * window.size[1] * 0.1;
    const pieces = heap.team.pieces(ns, channels);
    if (pieces === 1) {
      code(at, base, 0, channels);
      return;
    }
    const some = Math.ceil(channels / pieces);
    const count = Math.ceil(channels / some);
    let w = heap.team.table(4 * count);
    for (let c = 0; c < channels; c += some)
      for (const arg of [at, base, c, Math.min(some, channels - c)]) i32[w++] = arg;
    heap.team.run(code, 4, count);
  }

  /** A kernel's stride and dilation are its own, but the window's size comes with the call. */
  private code(window: Window, ending: Ending | undefined): Exports[string] {
    let codes = this.codes.get(ending?.finish);
    if (!codes) this.codes.set(ending?.finish, (codes = new Map()));
    const key = `${window.size} ${window.stride} ${window.dilation} ${ending?.key}`;
    let code = codes.get(key);
    if (!code) codes.set(key, (code = build(this.heap, window, ending)));
    return code;
  }
}
