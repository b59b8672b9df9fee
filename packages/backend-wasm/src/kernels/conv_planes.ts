/**
 * Convolutions with windows of 1 x 1 and steps of 1: a product whose right operand, the channels' planes, is read where it is. A
 * tile has as many positions as a product's tile has rows, splat from the planes, and a panel of filters, packed ahead; its
 * sums are turned before they end, so that operands meet them as they meet those of other products. The last tile begins early
 * enough to be whole: what it makes again are the same bits.
 */
import type { View } from '@sconce/core/backend';
import type { Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { pointerOf } from '../memory/layout.ts';
import type { Scratch } from '../memory/scratch.ts';
import { KC, LINE } from './blocks.ts';
import { applyEnding, ENDING_WORDS, type Ending, endingWords, type Meeting } from './ending.ts';
import type { Exports } from './engine.ts';
import type { Gemm } from './gemm.ts';
import { ADD, FINISH, fetch, hasFused, rowsOf, type TileForm, VECTORS } from './tile.ts';
import { transposed } from './transpose.ts';

const LOAD = 0x100;
const SPLAT = 0x109;
const STORE = 0x10b;
const BYTES = 4;

/** Filters of a panel, and positions of a tile. */
export const FILTERS = LINE / BYTES;
export const POSITIONS = rowsOf({ lane: 'f32x4' });
/** Bytes of a tile's sums. */
const SUMS = POSITIONS * LINE;

/** Bytes of input that a call goes over, panel after panel of filters: they stay in the second cache. */
const INPUT = 1 << 17;

/** (x, bytes from channel to channel, panel, k, sums of other parts of the depth, out, bytes from channel to channel, flags, the ending's words). */
function tile(m: Module, { ending }: TileForm, words: number): Fn {
  return m.fn(undefined, Array(8 + words).fill('i32'), [], (fn) => {
    const [x, step, panel, k, sums, out, outStep, flags] = Array.from({ length: 8 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: eight parameters
    const operands = Array.from({ length: words }, (_, i) => fn.param(8 + i));
    const acc = Array.from({ length: POSITIONS }, () =>
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
        const second = BYTES * (POSITIONS - 4);
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

/** The words of a product's description, in order; after them come the ending's. Steps are bytes, `run` counts positions. */
const WORDS = [
  'x', 'xStep', 'packed', 'channels', 'depth', 'out', 'outStep', 'filters', 'run', 'sums', 'share',
] as const; // biome-ignore format: a table
type Description = Record<(typeof WORDS)[number], number>;

/** (description, first position, positions, first panel, panels): some positions of some panels of filters, the depth in parts. */
export function exportPlanes(m: Module, form: TileForm): void {
  const meetings = form.ending?.meetings ?? [];
  const one = tile(m, form, ENDING_WORDS * meetings.length);
  m.fn('planes', Array(5).fill('i32'), [], (fn) => {
    const [description, at, positions, first, panels] = Array.from({ length: 5 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val,
    ]; // biome-ignore format: five parameters
    const word = (i: number): Val => fn.loadI32(description, 4 * i).keep();
    const d = Object.fromEntries(WORDS.map((name, i) => [name, word(i)])) as Record<keyof Description, Val>;
    const operands = meetings.map((meeting, i) => {
      const place = WORDS.length + ENDING_WORDS * i;
      return { meeting, at: word(place), step: word(place + 1) };
    });
    const own = d.sums.add(fn.thread().mul(d.share)).keep();
    const [last, end, panel, from, to, left, depth, sums, flags, line, seen, p, filter] = Array.from(
      { length: 13 },
      () => fn.local('i32'),
    ) as [Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val];
    const stop = at.add(positions).keep();
    fn.doWhile(
      () => {
        // Positions that would not fill a tile belong to the run before them.
        end.set(at.add(d.run));
        end.set(fn.select(end.add(POSITIONS).gt(stop), stop, end));
        last.set(end.sub(POSITIONS).mul(BYTES));
        p.set(first);
        fn.doWhile(
          () => {
            filter.set(p.mul(FILTERS));
            filter.set(fn.select(filter.add(FILTERS).gt(d.filters), d.filters.sub(FILTERS), filter));
            const out = d.out.add(filter.mul(d.outStep)).keep();
            const words = operands.map((o) => ({
              ...o,
              at: o.meeting === 'row' ? o.at.add(filter.mul(o.step)).keep() : o.at,
            }));
            panel.set(d.packed.add(p.mul(d.channels.mul(LINE))));
            from.set(d.x);
            left.set(d.channels);
            flags.set(0);
            fn.doWhile(
              () => {
                depth.set(fn.select(left.ltU(d.depth), left, d.depth));
                flags.set(flags.or(fn.select(left.eq(depth), fn.i32(FINISH), fn.i32(0))));
                fetch(fn, line, panel, depth.mul(LINE), seen);
                sums.set(own);
                to.set(at.mul(BYTES));
                const call = (): void =>
                  fn.call(one, [
                    from.add(to), d.xStep, panel, depth, sums, out.add(to), d.outStep, flags,
                    ...words.flatMap((o) => [o.meeting === 'column' ? o.at.add(to) : o.at, o.step]),
                  ]).put(); // biome-ignore format: the parameters of `tile`
                fn.while(
                  () => to.lt(last),
                  () => {
                    call();
                    to.inc(POSITIONS * BYTES);
                    sums.inc(SUMS);
                  },
                );
                to.set(last);
                call();
                from.inc(depth.mul(d.xStep));
                panel.inc(depth.mul(LINE));
                left.inc(depth.neg());
                flags.set(ADD);
              },
              () => left.ne(0),
            );
            p.inc(1);
          },
          () => p.ltU(first.add(panels)),
        );
        at.set(end);
      },
      () => at.ltU(stop),
    );
    fn.if(seen.eq(0x5a5a5a5b), () => fn.storeI32(own, seen));
  });
}

/** Whether so many filters and positions fill a tile. */
export const fillsTiles = (filters: number, positions: number): boolean =>
  filters >= FILTERS && positions >= POSITIONS;

/** Bytes of what `packFilters` writes. */
export const filterBytes = (filters: number, k: number): number => Math.ceil(filters / FILTERS) * LINE * k;

/** Filters, dense rows of k, in panels: the last of them begins early enough to be whole. */
export function packFilters(gemm: Gemm, rows: number, filters: number, k: number, target: number): void {
  const row = k * BYTES;
  const pack = (first: number, count: number, to: number): void => {
    gemm.packRight({ pointer: rows + first * row, row: BYTES, column: row }, k, count, to);
  };
  const rest = filters % FILTERS;
  pack(0, filters - rest, target);
  if (rest) pack(filters - FILTERS, FILTERS, target + (filters - rest) * row);
}

/** What the product of these sizes, resolved once, is made of. */
export class Planes {
  private readonly panels: number;
  private readonly depth: number;
  private readonly run: number;
  private readonly share: number;
  private readonly ns: number;
  private readonly code: Exports[string];

  constructor(
    private readonly gemm: Gemm,
    private readonly scratch: Scratch,
    private readonly filters: number,
    private readonly positions: number,
    private readonly channels: number,
    private readonly ending: Ending | undefined,
  ) {
    this.panels = Math.ceil(filters / FILTERS);
    this.depth = Math.ceil(channels / Math.ceil(channels / KC));
    const tiles = Math.ceil(positions / POSITIONS);
    this.run =
      Math.ceil(tiles / Math.min(tiles, Math.ceil((positions * channels * BYTES) / INPUT))) * POSITIONS;
    this.share = (this.run / POSITIONS + 1) * SUMS;
    this.ns = gemm.time(filters, positions, channels);
    this.code = gemm.code(ending, 'planes', exportPlanes).planes!;
  }

  /** One image's: x by its first channel and the bytes between channels, the filters as `packFilters` made them. */
  multiply(x: number, xStep: number, packed: number, out: View, others: readonly View[]): void {
    const { gemm, panels, positions, run, code, share, ending } = this;
    const { heap } = gemm;
    const { team } = heap;
    const sums = team.scratch(share);
    const at = this.scratch.get('planes', 4 * (WORDS.length + ENDING_WORDS * others.length));
    const description: Description = {
      x,
      xStep,
      packed,
      channels: this.channels,
      depth: this.depth,
      out: pointerOf(out),
      outStep: out.strides[1]! * BYTES,
      filters: this.filters,
      run,
      sums,
      share,
    };
    const { i32 } = heap;
    for (let w = 0; w < WORDS.length; w++) i32[(at >> 2) + w] = description[WORDS[w]!];
    if (ending) i32.set(endingWords(ending, out, others, 1), (at >> 2) + WORDS.length);
    const pieces = team.pieces(this.ns, Math.ceil(positions / POSITIONS) * panels);
    if (pieces === 1) {
      code(at, 0, positions, 0, panels);
      return;
    }
    const runs = Math.ceil(positions / run);
    const some = Math.ceil(panels / Math.min(panels, Math.ceil(pieces / runs)));
    team.each(
      code,
      0,
      (call) => {
        for (let first = 0, next = 0; first < positions; first = next) {
          next = positions - first - run < POSITIONS ? positions : first + run;
          for (let p = 0; p < panels; p += some) call(at, first, next - first, p, Math.min(some, panels - p));
        }
      },
      pieces,
    );
  }
}
