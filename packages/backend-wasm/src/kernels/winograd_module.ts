/**
 * The code of a Winograd convolution: 3 x 3 windows with steps of 1, over tiles of 2 x 2 or 4 x 4 outputs. A call takes
 * some rows of tiles from the input's planes to the output's: their transformed inputs, for each point of the transform a
 * product with the filters' values there, and back. Four tiles are transformed at a time, a tile to a lane.
 */

import type { Fn } from '../asm/module.ts';
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import type { Heap } from '../memory/heap.ts';
import { applyEnding, ENDING_WORDS, type Ending, type Meeting } from './ending.ts';
import { type Exports, instantiate } from './engine.ts';
import { stripLine } from './strip.ts';
import { ADD, block, rowsOf, type TileForm, VECTORS } from './tile.ts';
import { transposed } from './transpose.ts';
import { inputTransform, outputTransform, type TileSize } from './winograd_transform.ts';

const LOAD = 0x100;
const LOAD64 = 0x15d;
const STORE = 0x10b;
const STORE32_LANE = 0x15a;
const STORE64_LANE = 0x15b;

/** What one direction of a transform leaves for the other; bytes from a thread's frame. */
const BETWEEN = 61 * 1024;

/** Channels whose products are summed at a time: their panel stays in the first cache. */
export const DEPTH = 256;

const FORM: TileForm = { lane: 'f32x4' };

/** Filters of a tile of the product. */
export const FILTERS = rowsOf(FORM);

/** The words of a layer's description, in order; after them come the ending's. Steps and sizes of lines are bytes. */
export const WORDS = [
  'x', 'xImage', 'xChannel', 'xRow', 'height', 'width', 'above', 'before',
  'out', 'outImage', 'outChannel', 'outRow', 'outHeight', 'outWidth',
  'down', 'across', 'channels', 'filters', 'weights', 'weightPlane',
  'line', 'plane', 'productPlane', 'strip', 'inputs', 'products', 'strips', 'share',
] as const; // biome-ignore format: a table
export type Description = Record<(typeof WORDS)[number], number>;

/** Bytes of a tile's entry: offset of its input in the strips, of its output in a channel, its rows and columns, whether all four of its group are whole. */
export const ENTRY = 20;

export interface WinogradCode {
  /**
   * (description, scratch, first row of tiles, rows of tiles, first filter, filters): the rows of all images, one after the
   * other; the first filter begins a tile of the product, as a multiple of `FILTERS` does.
   */
  readonly rows: Exports[string];
}

/** (four tiles' inputs, bytes of a strip's line, target, bytes of a plane). */
function inputGroup(m: Module, size: TileSize): Fn {
  const n = size + 2;
  return m.fn(undefined, Array(7).fill('i32'), [], (fn) => {
    const tiles = [0, 1, 2, 3].map((i) => fn.param(i));
    const [line, target, plane] = [fn.param(4), fn.param(5), fn.param(6)];
    const between = fn.frame().add(BETWEEN).keep();
    for (let i = 0; i < n; i++) {
      const d = transposed(tiles.map((p) => fn.load('f32x4', LOAD, p).keep()));
      if (size === 4) {
        const [a, b, c, e] = tiles.map((p) => fn.load('f32x4', LOAD64, p, 16).keep()) as [Val, Val, Val, Val];
        const low = a.shuffle32(b, [0, 4, 1, 5]).keep();
        const high = c.shuffle32(e, [0, 4, 1, 5]).keep();
        d.push(low.shuffle32(high, [0, 1, 4, 5]).keep(), low.shuffle32(high, [2, 3, 6, 7]).keep());
      }
      inputTransform(size, d).forEach((v, j) => {
        fn.store(STORE, between, v, 16 * (i * n + j));
      });
      if (i < n - 1) for (const p of tiles) p.inc(line);
    }
    const down = plane.mul(n).keep();
    const q = fn.local('i32');
    for (let j = 0; j < n; j++) {
      const d = Array.from({ length: n }, (_, i) => fn.load('f32x4', LOAD, between, 16 * (i * n + j)).keep());
      q.set(target);
      inputTransform(size, d).forEach((v) => {
        fn.store(STORE, q, v);
        q.inc(down);
      });
      if (j < n - 1) target.inc(plane);
    }
  });
}

/**
 * (products, bytes of a plane, entry of the first tile, output channel, bytes of an output row, the ending's words): the
 * ending's addresses are those of the channel.
 */
function outputGroup(m: Module, size: TileSize, ending: Ending | undefined): Fn {
  const n = size + 2;
  const words = ending ? ending.meetings.length : 0;
  return m.fn(undefined, Array(5 + words).fill('i32'), [], (fn) => {
    const [source, plane, entry, out, outRow] = [0, 1, 2, 3, 4].map((i) => fn.param(i)) as [
      Val, Val, Val, Val, Val,
    ]; // biome-ignore format: five parameters
    const operands = Array.from({ length: words }, (_, i) => fn.param(5 + i));
    const between = fn.frame().add(BETWEEN).keep();
    const q = fn.local('i32');
    const down = plane.mul(n).keep();
    for (let j = 0; j < n; j++) {
      q.set(source);
      const d: Val[] = [];
      for (let i = 0; i < n; i++) {
        d.push(fn.load('f32x4', LOAD, q).keep());
        if (i < n - 1) q.inc(down);
      }
      outputTransform(size, d).forEach((v, i) => {
        fn.store(STORE, between, v, 16 * (i * n + j));
      });
      if (j < n - 1) source.inc(plane);
    }
    const at = [0, 1, 2, 3].map((t) => out.add(fn.loadI32(entry, ENTRY * t + 4)).keep());
    /** Row i of the four tiles: a vector of each (4 x 4), or of two (2 x 2). */
    const row = (i: number): Val[] => {
      const d = Array.from({ length: n }, (_, j) => fn.load('f32x4', LOAD, between, 16 * (i * n + j)).keep());
      const y = outputTransform(size, d).map((v) => v.keep());
      if (size === 4) return transposed(y);
      const [even, odd] = y as [Val, Val];
      return [even.shuffle32(odd, [0, 4, 1, 5]).keep(), even.shuffle32(odd, [2, 6, 3, 7]).keep()];
    };
    const operand = (places: readonly Val[]) => (i: number, meeting: Meeting) => {
      const p = operands[i]!;
      if (meeting === 'row') return p;
      const [first, second] = places.map((place) => place.add(p)) as [Val, Val];
      if (size === 4) return fn.load('f32x4', LOAD, first);
      return fn.load('f32x4', LOAD64, first).shuffle32(fn.load('f32x4', LOAD64, second), [0, 1, 4, 5]);
    };
    const constants: Val[] = operands.map((p, i) =>
      ending!.meetings[i] === 'row' ? fn.load('f32x4', 0x109, p).keep() : p,
    );
    operands.splice(0, operands.length, ...constants);
    const finished = (v: Val, places: readonly Val[]): Val =>
      ending ? applyEnding(fn, ending, v, operand(places)) : v;
    const whole = (): void => {
      for (let i = 0; i < size; i++) {
        const y = row(i);
        if (size === 4)
          y.forEach((v, t) => {
            fn.store(STORE, at[t]!, finished(v, [at[t]!]));
          });
        else
          y.forEach((v, h) => {
            const pair = [at[2 * h]!, at[2 * h + 1]!];
            const value = finished(v, pair).keep();
            pair.forEach((p, t) => {
              fn.storeLane(STORE64_LANE, p, value, t);
            });
          });
        if (i < size - 1) for (const p of at) p.inc(outRow);
      }
    };
    const partly = (): void => {
      const sizes = [0, 1, 2, 3].map((t) => ({
        rows: fn.loadI32(entry, ENTRY * t + 8).keep(),
        columns: fn.loadI32(entry, ENTRY * t + 12).keep(),
      }));
      /** The tile's row from lane `lane` on. */
      const put = (t: number, i: number, value: Val, lane: number): void => {
        const { rows, columns } = sizes[t]!;
        const p = at[t]!;
        const pair = (): void => fn.storeLane(STORE64_LANE, p, value, lane >> 1);
        const one = (l: number): void => fn.storeLane(STORE32_LANE, p, value, l, 4 * (l - lane));
        fn.if(rows.gt(i), () => {
          if (size === 2) fn.if(columns.eq(2), pair, () => one(lane));
          else
            fn.if(
              columns.eq(4),
              () => fn.store(STORE, p, value),
              () => {
                fn.if(columns.gtU(1), pair, () => one(0));
                fn.if(columns.eq(3), () => one(2));
              },
            );
        });
      };
      for (let i = 0; i < size; i++) {
        const y = row(i);
        if (size === 4)
          y.forEach((v, t) => {
            put(t, i, finished(v, [at[t]!]).keep(), 0);
          });
        else
          y.forEach((v, h) => {
            const value = finished(v, [at[2 * h]!, at[2 * h + 1]!]).keep();
            put(2 * h, i, value, 0);
            put(2 * h + 1, i, value, 2);
          });
        if (i < size - 1) for (const p of at) p.inc(outRow);
      }
    };
    fn.if(fn.loadI32(entry, 16), whole, partly);
  });
}

/** The module for tiles of a size, with an ending or without. */
export function winogradCode(heap: Heap, size: TileSize, ending: Ending | undefined): WinogradCode {
  const m = new Module();
  const n = size + 2;
  const products = block(m, FORM, { vectors: VECTORS, edge: false, packed: true });
  const narrow = block(m, FORM, { vectors: 1, edge: false, packed: true });
  const input = inputGroup(m, size);
  const output = outputGroup(m, size, ending);
  const line = stripLine(m);
  m.fn('rows', Array(6).fill('i32'), [], (fn) => {
    const [description, scratch, firstRow, rows, firstFilter, filters] = Array.from({ length: 6 }, (_, i) =>
      fn.param(i),
    ) as [Val, Val, Val, Val, Val, Val];
    const d = Object.fromEntries(
      WORDS.map((name, i) => [name, fn.loadI32(description, 4 * i).keep()]),
    ) as Record<(typeof WORDS)[number], Val>;
    scratch.inc(fn.thread().mul(d.share));
    const inputs = scratch.add(d.inputs).keep();
    const sums = scratch.add(d.products).keep();
    const strips = scratch.add(d.strips).keep();
    const tiles = rows.mul(d.across).keep();
    const groups = tiles.add(3).shrU(2).keep();
    const [r, row, ty, image, i, c, p, q, g, y, rest, lda] = Array.from({ length: 12 }, () => fn.local('i32')) as [
      Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: twelve locals
    /** Runs `body` for each row of tiles, with its image and its place there. */
    const overRows = (body: () => void): void => {
      r.set(0);
      image.set(firstRow.divU(d.down));
      ty.set(firstRow.remU(d.down));
      fn.doWhile(
        () => {
          body();
          ty.inc(1);
          fn.if(ty.eq(d.down), () => {
            ty.set(0);
            image.inc(1);
          });
          r.inc(1);
        },
        () => r.ltU(rows),
      );
    };
    const times = (counter: Val, count: Val, body: () => void): void => {
      counter.set(0);
      fn.doWhile(
        () => {
          body();
          counter.inc(1);
        },
        () => counter.ltU(count),
      );
    };
    // The table of tiles; those that fill the last group have no rows.
    p.set(scratch);
    const few = (v: Val): Val => fn.select(v.gt(size), fn.i32(size), v);
    overRows(() => {
      row.set(image.mul(d.outImage).add(ty.mul(size).mul(d.outRow)));
      const tall = few(d.outHeight.sub(ty.mul(size)).keep()).keep();
      times(i, d.across, () => {
        fn.storeI32(
          p,
          r
            .mul(d.strip)
            .mul(n)
            .add(i.mul(4 * size)),
        );
        fn.storeI32(p, row.add(i.mul(4 * size)), 4);
        fn.storeI32(p, tall, 8);
        fn.storeI32(p, few(d.outWidth.sub(i.mul(size)).keep()), 12);
        p.inc(ENTRY);
      });
    });
    for (let t = 0; t < 3; t++) {
      for (let w = 0; w < 4; w++) fn.storeI32(p, 0, ENTRY * t + 4 * w);
    }
    p.set(scratch);
    times(g, groups, () => {
      const full = (t: number): Val =>
        fn
          .loadI32(p, ENTRY * t + 8)
          .mul(fn.loadI32(p, ENTRY * t + 12))
          .eq(size * size);
      fn.storeI32(
        p,
        full(0)
          .and(full(1))
          .and(full(2).and(full(3))),
        16,
      );
      p.inc(4 * ENTRY);
    });
    // Inputs: [point, channel, tile].
    const columns = d.width;
    const vectors = d.strip.shrU(4).keep();
    times(c, d.channels, () => {
      q.set(strips);
      overRows(() => {
        y.set(ty.mul(size).sub(d.above));
        row.set(d.x.add(c.mul(d.xChannel)).add(image.mul(d.xImage)).add(y.mul(d.xRow)));
        times(i, fn.i32(n), () => {
          fn.call(line, [row, q, columns, d.before, vectors, y.ltU(d.height)]).put();
          row.inc(d.xRow);
          q.inc(d.strip);
          y.inc(1);
        });
      });
      p.set(scratch);
      q.set(inputs.add(c.mul(d.line)));
      times(g, groups, () => {
        const tile = (t: number): Val => strips.add(fn.loadI32(p, ENTRY * t));
        fn.call(input, [tile(0), tile(1), tile(2), tile(3), d.strip, q, d.plane]).put();
        p.inc(4 * ENTRY);
        q.inc(16);
      });
    });
    // Products: [point, filter, tile].
    const panels = tiles.add(3).shrU(3).keep();
    const half = tiles.sub(1).and(7).ltU(4).keep();
    times(g, fn.i32(n * n), () => {
      c.set(0);
      fn.doWhile(
        () => {
          rest.set(d.channels.sub(c));
          rest.set(fn.select(rest.gtU(DEPTH), fn.i32(DEPTH), rest));
          lda.set(rest.mul(4));
          p.set(d.weights.add(g.mul(d.weightPlane)).add(c.mul(d.filters).mul(4)).add(lda.mul(firstFilter)));
          q.set(inputs.add(g.mul(d.plane)).add(c.mul(d.line)));
          y.set(sums.add(g.mul(d.productPlane)));
          const flags = c.ne(0).and(ADD);
          fn.if(panels.ne(0), () =>
            fn
              .call(products, [p, lda, q, d.line, rest, y, d.line, flags, filters, panels, 16 * VECTORS])
              .put(),
          );
          fn.if(half, () => {
            const skip = panels.mul(16 * VECTORS).keep();
            fn.call(narrow, [
              p,
              lda,
              q.add(skip),
              d.line,
              rest,
              y.add(skip),
              d.line,
              flags,
              filters,
              1,
              16,
            ]).put();
          });
          c.inc(rest);
        },
        () => c.ltU(d.channels),
      );
    });
    // Outputs.
    const operands = (ending?.meetings ?? []).map((meeting, k) => {
      const at = WORDS.length + ENDING_WORDS * k;
      const v = fn.loadI32(description, 4 * at).snapshot();
      const step = fn.loadI32(description, 4 * at + 4).keep();
      if (meeting === 'row') v.inc(step.mul(firstFilter));
      return { meeting, v, step };
    });
    times(c, filters, () => {
      q.set(sums.add(c.mul(d.line)));
      p.set(scratch);
      row.set(d.out.add(c.add(firstFilter).mul(d.outChannel)));
      times(g, groups, () => {
        fn.call(output, [q, d.productPlane, p, row, d.outRow, ...operands.map((o) => o.v)]).put();
        p.inc(4 * ENTRY);
        q.inc(16);
      });
      for (const o of operands) if (o.meeting === 'row') o.v.inc(o.step);
    });
  });
  return { rows: instantiate(heap, m).rows! };
}
