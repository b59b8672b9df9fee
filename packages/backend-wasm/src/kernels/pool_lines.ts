/**
 * Pooling of float32 planes, dim by dim: the lines of a window become one line in a buffer, and its columns the outputs. A
 * window of 3 x 3 then takes 3 + 3 steps per output instead of 9, and padding is what the buffer's ends hold.
 */
import { type Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import type { Heap } from '../memory/heap.ts';
import { type Exports, instantiate } from './engine.ts';
import type { Windows } from './windows.ts';

export type PoolMode = 'max' | 'sum';

const LOAD = 0x100;
const STORE = 0x10b;

/** A NaN stays, whichever it is; of equal values the first, as PyTorch keeps it. Fewer instructions than max, which orders zeros. */
const largerOf = (best: Val, v: Val): Val => best.atLeast(v).or(v.ne(v).asFloat());

const folded = (mode: PoolMode, acc: Val, v: Val): Val => (mode === 'max' ? largerOf(acc, v) : acc.add(v));

/** (first line, bytes to the next, lines, target, end of the target): at least one line, of at least four columns. */
function foldLines(m: Module, mode: PoolMode, height: number): Fn {
  return m.fn(undefined, Array(5).fill('i32'), [], (fn) => {
    const [x, step, lines, to, end] = Array.from({ length: 5 }, (_, i) => fn.param(i)) as [
      Val,
      Val,
      Val,
      Val,
      Val,
    ];
    const acc = fn.local('f32x4');
    const at = fn.local('i32');
    const left = fn.local('i32');
    const overColumns = (fold: () => void): void =>
      fn.doWhile(
        () => {
          at.set(x);
          acc.set(fn.load('f32x4', LOAD, at));
          fold();
          fn.store(STORE, to, acc);
          // The last four columns may overlap those before.
          const next = end.sub(to).sub(16).keep();
          const by = fn.select(next.lt(16).and(next.gt(0)), next, fn.i32(16)).keep();
          x.inc(by);
          to.inc(by);
        },
        () => to.ltU(end),
      );
    const another = (): void => {
      at.inc(step);
      acc.set(folded(mode, acc, fn.load('f32x4', LOAD, at).keep()));
    };
    fn.if(
      lines.eq(height),
      () =>
        overColumns(() => {
          for (let i = 1; i < height; i++) another();
        }),
      () =>
        overColumns(() => {
          left.set(lines);
          fn.while(
            () => left.gt(1),
            () => {
              another();
              left.inc(-1);
            },
          );
        }),
    );
  });
}

/** (a line in the buffer, target, outputs, at least 4): windows along the line, with steps of 1 or 2. */
function foldColumns(m: Module, mode: PoolMode, width: number, stride: number, dilation: number): Fn {
  return m.fn(undefined, Array(3).fill('i32'), [], (fn) => {
    const [x, to, outputs] = [fn.param(0), fn.param(1), fn.param(2)];
    const tap = (j: number): Val => {
      const first = fn.load('f32x4', LOAD, x, 4 * j * dilation);
      if (stride === 1) return first.keep();
      // Every second of eight, of which the fifth is not wanted: what is behind the last window is not read.
      return first.shuffle32(fn.load('f32x4', LOAD, x, 4 * j * dilation + 12), [0, 2, 5, 7]).keep();
    };
    const acc = fn.local('f32x4');
    fn.doWhile(
      () => {
        acc.set(tap(0));
        for (let j = 1; j < width; j++) acc.set(folded(mode, acc, tap(j)));
        fn.store(STORE, to, acc);
        outputs.inc(-4);
        // The last four may overlap those before.
        const by = fn.select(outputs.lt(4).and(outputs.gt(0)), outputs, fn.i32(4)).keep();
        x.inc(by.mul(4 * stride));
        to.inc(by.mul(4));
        outputs.set(fn.select(outputs.gt(0).and(outputs.lt(4)), fn.i32(4), outputs));
      },
      () => outputs.gt(0),
    );
  });
}

/**
 * Exports `planes`: (x, bytes of a plane, bytes of a line, lines of the input, out, bytes of a plane, planes, lines and outputs of
 * a line, the first window's line, bytes before the columns in the buffer, bytes of the columns that windows reach, bytes of the
 * buffer, buffers of the threads).
 */
function build(heap: Heap, mode: PoolMode, { window, stride, dilation }: Windows): Exports[string] {
  const m = new Module();
  const [height, width] = [window[1], window[2]];
  const lines = foldLines(m, mode, height);
  const columns = foldColumns(m, mode, width, stride[2], dilation[2]);
  const nothing = mode === 'max' ? Number.NEGATIVE_INFINITY : 0;
  m.fn('planes', Array(14).fill('i32'), [], (fn) => {
    const [x, plane, line, size, out, outPlane, planes, outLines, outputs, above, before, reached, share, buffers] =
      Array.from({ length: 14 }, (_, i) => fn.param(i)) as [
        Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val,
      ]; // biome-ignore format: fourteen parameters
    const buffer = buffers.add(fn.thread().mul(share)).keep();
    const [y, left, to, first, some, at] = Array.from({ length: 6 }, () => fn.local('i32')) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six locals
    const empty = (): void => {
      at.set(buffer);
      const end = buffer.add(share).keep();
      const value = fn.const('f32x4', nothing).keep();
      fn.doWhile(
        () => {
          fn.store(STORE, at, value);
          at.inc(16);
        },
        () => at.ltU(end),
      );
    };
    empty();
    const target = buffer.add(before).keep();
    const end = target.add(reached).keep();
    fn.doWhile(
      () => {
        y.set(above);
        to.set(out);
        left.set(outLines);
        fn.doWhile(
          () => {
            // The taps that fall on lines of the input.
            const skipped = fn
              .i32(dilation[1] - 1)
              .sub(y)
              .div(dilation[1]);
            first.set(fn.select(y.lt(0), skipped, fn.i32(0)));
            const fits = size
              .sub(y)
              .add(dilation[1] - 1)
              .div(dilation[1])
              .keep();
            some.set(fn.select(fits.lt(height), fits, fn.i32(height)).sub(first));
            fn.if(
              some.gt(0).and(y.lt(size)),
              () => {
                const from = x.add(y.add(first.mul(dilation[1])).mul(line));
                fn.call(lines, [from, line.mul(dilation[1]), some, target, end]).put();
              },
              empty,
            );
            fn.call(columns, [buffer, to, outputs]).put();
            y.inc(stride[1]);
            to.inc(outputs.mul(4));
            left.inc(-1);
          },
          () => left.ne(0),
        );
        x.inc(plane);
        out.inc(outPlane);
        planes.inc(-1);
      },
      () => planes.ne(0),
    );
  });
  return instantiate(heap, m).planes!;
}

/** Nanoseconds per element of a line and per tap of it, about. */
const VALUE = 0.12;

/** Where planes begin, and bytes from one to the next. */
export interface Planes {
  readonly pointer: number;
  readonly plane: number;
}

export class PooledLines {
  private readonly variants = new Map<string, Exports[string]>();

  constructor(
    private readonly heap: Heap,
    private readonly mode: PoolMode,
  ) {}

  /** Whether lines of the input are long enough, and windows such that a row of outputs is made of vectors. */
  fits({ output, padded }: Windows, columns: number, before: number): boolean {
    return output[2] >= 4 && Math.min(columns, padded[2] - before) >= 4;
  }

  /**
   * `count` planes of `size` lines and columns, `line` bytes from line to line and dense columns, with so many lines and columns
   * of padding before them.
   */
  run(
    windows: Windows,
    count: number,
    x: Planes & { readonly line: number; readonly size: readonly [number, number] },
    [above, before]: readonly [number, number],
    out: Planes,
  ): void {
    const { window, stride, dilation, output, padded } = windows;
    const key = `${window} ${stride} ${dilation}`;
    let planes = this.variants.get(key);
    if (!planes) this.variants.set(key, (planes = build(this.heap, this.mode, windows)));
    const { team } = this.heap;
    // Behind the last window the second vector of a step of 2 ends.
    const share = Math.ceil((padded[2] + 4) / 16) * 64;
    const ns = count * output[1] * VALUE * (padded[2] * window[1] + output[2] * window[2]);
    const buffers = team.scratch(share);
    const reached = Math.min(x.size[1], padded[2] - before) * 4;
    team.deal(planes, ns, count, (first, some) => [
      x.pointer + first * x.plane, x.plane, x.line, x.size[0], out.pointer + first * out.plane, out.plane,
      some, output[1], output[2], -above, before * 4, reached, share, buffers,
    ]); // biome-ignore format: the parameters of `planes`
  }
}
