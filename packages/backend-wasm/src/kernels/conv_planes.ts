/**
 * Convolutions with windows of 1 x 1 and steps of 1: a product whose right operand, the channels' planes, is read where it is,
 * by tiles of whichever way round loses less. The last tile begins early enough to be whole: what it makes again are the same
 * bits.
 */
import type { View } from '@sconce/core/backend';
import type { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { pointerOf } from '../memory/layout.ts';
import type { Scratch } from '../memory/scratch.ts';
import { KC, LINE } from './blocks.ts';
import type { Call } from './conv.ts';
import { part } from './conv_geometry.ts';
import type { Plan } from './conv_plan.ts';
import { ENDING_WORDS, type Ending, endingWords } from './ending.ts';
import type { Exports } from './engine.ts';
import type { Gemm } from './gemm.ts';
import type { Products } from './matmul.ts';
import { ADD, FINISH, fetch, rowsOf, type TileForm, tile, VECTORS } from './tile.ts';
import { COLUMNS, SUMS, turnedTile } from './turned_tile.ts';

const BYTES = 4;

/** What a tile covers, and what it takes beside its steps of the depth, in such steps. */
export interface Tiling {
  readonly name: string;
  readonly filters: number;
  readonly positions: number;
  readonly rest: number;
}
/** Positions splat, filters in vectors: sums are kept between parts of the depth, and turned at the end. */
const turned: Tiling = { name: 'turned', filters: LINE / BYTES, positions: COLUMNS, rest: 8 };
/** Filters splat, positions in vectors: ends soonest, and takes the depth in one. */
const straight: Tiling = {
  name: 'straight',
  filters: rowsOf({ lane: 'f32x4' }),
  positions: LINE / BYTES,
  rest: 4.5,
};

/** The tiling for these sizes; undefined where they do not fill a tile. */
export function tilingFor(filters: number, positions: number, channels: number): Tiling | undefined {
  let best: Tiling | undefined;
  let least = Infinity;
  for (const tiling of channels > KC ? [turned] : [straight, turned]) {
    if (filters < tiling.filters || positions < tiling.positions) continue;
    const tiles = Math.ceil(filters / tiling.filters) * Math.ceil(positions / tiling.positions);
    const cost = tiles * (channels + tiling.rest);
    if (cost < least) [best, least] = [tiling, cost];
  }
  return best;
}

/** Bytes of input that a call goes over, panel after panel of filters: they stay in the second cache. */
const INPUT = 1 << 18;

/** The words of a product's description, in order; after them come the ending's. Steps are bytes, `run` counts positions. */
const WORDS = [
  'x', 'xStep', 'packed', 'channels', 'depth', 'out', 'outStep', 'filters', 'run', 'sums', 'share',
] as const; // biome-ignore format: a table
type Description = Record<(typeof WORDS)[number], number>;

/** (description, first position, positions, first panel, panels): some positions of some panels of filters, the depth in parts. */
function exportPlanes(m: Module, form: TileForm, tiling: Tiling): void {
  const meetings = form.ending?.meetings ?? [];
  const isTurned = tiling === turned;
  const one = isTurned
    ? turnedTile(m, form)
    : tile(m, form, tiling.filters, { vectors: VECTORS, edge: false, packed: true });
  const line = tiling.filters * BYTES;
  m.fn('planes', Array(5).fill('i32'), [], (fn) => {
    const [description, at, positions, first, panels] = Array.from({ length: 5 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val,
    ]; // biome-ignore format: five parameters
    const word = (i: number): Val => fn.loadI32(description, 4 * i).keep();
    const d = Object.fromEntries(WORDS.map((name, i) => [name, word(i)])) as Record<keyof Description, Val>;
    const operands = meetings.map((meeting, i) => {
      const place = WORDS.length + ENDING_WORDS * i;
      return { meeting, at: word(place), step: word(place + 1), row: fn.local('i32') };
    });
    const own = d.sums.add(fn.thread().mul(d.share)).keep();
    const [last, end, panel, from, to, left, depth, sums, flags, touched, seen, p, filter] = Array.from(
      { length: 13 },
      () => fn.local('i32'),
    ) as [Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val];
    const stop = at.add(positions).keep();
    fn.doWhile(
      () => {
        // Positions that would not fill a tile belong to the run before them.
        end.set(at.add(d.run));
        end.set(fn.select(end.add(tiling.positions).gt(stop), stop, end));
        last.set(end.sub(tiling.positions).mul(BYTES));
        p.set(first);
        fn.doWhile(
          () => {
            filter.set(p.mul(tiling.filters));
            const most = d.filters.sub(tiling.filters).keep();
            filter.set(fn.select(filter.gt(most), most, filter));
            const out = d.out.add(filter.mul(d.outStep)).keep();
            for (const o of operands) if (o.meeting === 'row') o.row.set(o.at.add(filter.mul(o.step)));
            panel.set(d.packed.add(p.mul(d.channels.mul(line))));
            from.set(d.x);
            left.set(d.channels);
            flags.set(0);
            fn.doWhile(
              () => {
                depth.set(fn.select(left.ltU(d.depth), left, d.depth));
                flags.set(flags.or(fn.select(left.eq(depth), fn.i32(FINISH), fn.i32(0))));
                fetch(fn, touched, panel, depth.mul(line), seen);
                sums.set(own);
                to.set(at.mul(BYTES));
                const call = (): void => {
                  const x = from.add(to);
                  const words = operands.flatMap((o) => [
                    o.meeting === 'column' ? o.at.add(to) : o.meeting === 'row' ? o.row : o.at,
                    o.step,
                  ]);
                  const args = isTurned
                    ? [x, d.xStep, panel, depth, sums, out.add(to), d.outStep, flags]
                    : [panel, 0, x, d.xStep, depth, out.add(to), d.outStep, flags];
                  fn.call(one, [...args, ...words]).put();
                };
                fn.while(
                  () => to.lt(last),
                  () => {
                    call();
                    to.inc(tiling.positions * BYTES);
                    if (isTurned) sums.inc(SUMS);
                  },
                );
                to.set(last);
                call();
                from.inc(depth.mul(d.xStep));
                panel.inc(depth.mul(line));
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

/** What the product of these sizes, resolved once, is made of. */
export class Planes {
  /** Bytes of a group's filters as `pack` makes them, and what that form is called. */
  readonly size: number;
  readonly kind: string;
  private readonly tiling: Tiling;
  private readonly ending: Ending | undefined;
  private readonly filters: number;
  private readonly channels: number;
  private readonly positions: number;
  private readonly panels: number;
  private readonly depth: number;
  private readonly run: number;
  private readonly share: number;
  private readonly ns: number;
  private readonly code: Exports[string];

  constructor(
    private readonly gemm: Gemm,
    private readonly scratch: Scratch,
    { g, positions, inTiles: ending, tiling }: Plan,
    reading: string,
  ) {
    const { filters, channels } = g;
    this.tiling = tiling!;
    this.ending = ending;
    this.filters = filters;
    this.channels = channels;
    this.positions = positions;
    const { name, filters: height, positions: width } = this.tiling;
    this.kind = `${name} ${reading}`;
    this.panels = Math.ceil(filters / height);
    this.size = this.panels * height * BYTES * channels;
    this.depth = Math.ceil(channels / Math.ceil(channels / KC));
    const tiles = Math.ceil(positions / width);
    this.run = Math.ceil(tiles / Math.min(tiles, Math.ceil((positions * channels * BYTES) / INPUT))) * width;
    this.share = this.tiling === turned ? (this.run / width + 1) * SUMS : 0;
    this.ns = gemm.time(filters, positions, channels);
    this.code = gemm.code(ending, `planes ${name}`, (m, form) => exportPlanes(m, form, this.tiling)).planes!;
  }

  /** Filters, dense rows, in panels: the last of them begins early enough to be whole. */
  pack(rows: number, target: number): void {
    const { gemm, tiling, filters, channels } = this;
    const row = channels * BYTES;
    const some = (first: number, count: number, to: number): void => {
      const pointer = rows + first * row;
      if (tiling === turned) gemm.packRight({ pointer, row: BYTES, column: row }, channels, count, to);
      else gemm.packLeft({ pointer, row, column: BYTES }, count, channels, to);
    };
    const rest = filters % tiling.filters;
    some(0, filters - rest, target);
    if (rest) some(filters - tiling.filters, tiling.filters, target + (filters - rest) * row);
  }

  /** One image's: x by its first channel and the bytes between channels, the filters as `pack` made them. */
  multiply(x: number, xStep: number, packed: number, out: View, others: readonly View[]): void {
    const { gemm, panels, positions, run, code, share, ending, tiling } = this;
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
    const pieces = team.pieces(this.ns, Math.ceil(positions / tiling.positions) * panels);
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
          next = positions - first - run < tiling.positions ? positions : first + run;
          for (let p = 0; p < panels; p += some) call(at, first, next - first, p, Math.min(some, panels - p));
        }
      },
      pieces,
    );
  }
}

/** The convolution of a plan that has a tiling; `reading` tells apart readings of one filter, and `rows` gives it as dense rows. */
export function convolvePlanes(
  products: Products,
  { plan, x, w, out, others }: Call,
  reading: string,
  rows: () => number,
): void {
  const { scratch, forms } = products;
  const { batch, groups, channels, filters } = plan.g;
  const gemm = products.gemm('float32');
  const product = (plan.product ??= new Planes(gemm, scratch, plan, `${reading} ${groups}`));
  const size = groups * product.size;
  const packed = forms.of(
    w,
    product.kind,
    size,
    () => scratch.get('rows', size),
    (target) => {
      const from = rows();
      for (let group = 0; group < groups; group++)
        product.pack(from + group * filters * channels * BYTES, target + group * product.size);
    },
  );
  const step = x.strides[1]! * BYTES;
  for (let n = 0; n < batch; n++)
    for (let group = 0; group < groups; group++) {
      const image = (v: View): View => (batch * groups === 1 ? v : part(v, n, 1, group * filters, filters));
      const from = pointerOf(x) + n * x.strides[0]! * BYTES + group * channels * step;
      product.multiply(from, step, packed + group * product.size, image(out), others.map(image));
    }
}
