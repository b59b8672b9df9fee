/**
 * Convolutions with 3 x 3 windows and steps of 1 by Winograd's algorithm: when it pays, and how a layer is cut. F(2 x 2)
 * multiplies 2.25 times less often than the definition and rounds as little; F(4 x 4) 4 times less often, with errors up to
 * about 1e-5 of the largest output, which a caller must have allowed.
 */
import { dtypes, type Expr, type View } from '@sconce/core/backend';
import type { Forms } from '../memory/forms.ts';
import type { Heap } from '../memory/heap.ts';
import { pointerOf } from '../memory/layout.ts';
import type { Scratch } from '../memory/scratch.ts';
import type { Geometry } from './conv_geometry.ts';
import { type Ending, endingWords } from './ending.ts';
import type { Exports } from './engine.ts';
import { filterCode } from './winograd_filters.ts';
import {
  DEPTH,
  type Description,
  ENTRY,
  FILTERS,
  type WinogradCode,
  WORDS,
  winogradCode,
} from './winograd_module.ts';
import type { TileSize } from './winograd_transform.ts';

const BYTES = dtypes.float32.bytes;

/** A layer, sizes in elements: planes of the input and the output, and zeros above and before the input. */
interface Layer {
  readonly batch: number;
  readonly channels: number;
  readonly filters: number;
  readonly input: readonly [number, number];
  readonly output: readonly [number, number];
  readonly before: readonly [number, number];
}

/** Tiles of a call, by their size: as many as leave the transformed inputs and products in the second cache. */
const TILES: Readonly<Record<TileSize, number>> = { 2: 56, 4: 56 };

/** Filters of a part, at least: with fewer, transforming the inputs again would cost too much. */
const LEAST_FILTERS = 40;
const MOST_PARTS = 32;

/** Instructions on vectors per channel and per filter of a tile, and per multiplication of a tile's product. */
const COSTS: Readonly<Record<TileSize, readonly [number, number]>> = { 2: [36, 28], 4: [100, 80] };
const PRODUCT = 0.65;

const tilesOf = ({ output }: Layer, size: TileSize): [number, number] => [
  Math.ceil(output[0] / size),
  Math.ceil(output[1] / size),
];

function costOf(layer: Layer, size: TileSize): number {
  const [down, across] = tilesOf(layer, size);
  const { channels, filters, batch } = layer;
  const [input, output] = COSTS[size];
  const tiles = Math.ceil((batch * down * across) / 4) * 4;
  const points = (size + 2) ** 2;
  // The filters are transformed, or their transforms read from a far cache.
  return (
    tiles * (points * channels * filters * PRODUCT + input * channels + output * filters) +
    points * channels * filters
  );
}

/** The tiles that a layer should be cut into, of the sizes allowed; undefined where the definition is faster. */
function tileSizeFor(layer: Layer, sizes: readonly TileSize[]): TileSize | undefined {
  const { batch, channels, filters, output } = layer;
  let best: TileSize | undefined;
  let least = batch * output[0] * output[1] * (9 * channels * filters * PRODUCT + 9 * channels);
  for (const size of sizes) {
    const cost = costOf(layer, size);
    if (cost < least) [best, least] = [size, cost];
  }
  return best;
}

/** How a layer is cut for so many threads: its description without addresses, and what its calls take. */
interface Cut {
  readonly words: readonly number[];
  /** Rows of tiles, in all and of a call; filters of a call. */
  readonly rows: number;
  readonly most: number;
  readonly some: number;
  /** Bytes of scratch for each thread, and from one point's filters to the next point's. */
  readonly share: number;
  readonly weightPlane: number;
}

/** A layer and its tiles, and what follows from the layouts of its planes: kept with the convolution's plan, for operands of those layouts. */
export class TiledLayer {
  private readonly cuts = new Map<number, Cut>();
  /** Nanoseconds on one thread, about. */
  readonly ns: number;

  constructor(
    readonly size: TileSize,
    readonly layer: Layer,
  ) {
    const [down, across] = tilesOf(layer, size);
    const { batch, channels, filters } = layer;
    this.ns = batch * down * across * (size + 2) ** 2 * channels * filters * 0.04;
  }

  cutFor(threads: number, x: View, out: View): Cut {
    let cut = this.cuts.get(threads);
    if (!cut) this.cuts.set(threads, (cut = cutOf(this.size, this.layer, threads, x, out)));
    return cut;
  }
}

function cutOf(size: TileSize, layer: Layer, threads: number, x: View, out: View): Cut {
  const { batch, channels, filters: count } = layer;
  const points = (size + 2) ** 2;
  const [down, across] = tilesOf(layer, size);
  const rows = batch * down;
  const perTask = Math.max(1, Math.min(rows, Math.round(TILES[size] / across)));
  const tasks = Math.ceil(rows / perTask);
  const most = Math.ceil(rows / tasks);
  const tiles = Math.ceil((most * across) / 4) * 4;
  const line = tiles * BYTES;
  // A layer of few tiles is cut by its filters; each part then transforms the inputs for itself.
  const parts = Math.min(Math.ceil((2 * threads) / tasks), Math.max(1, Math.floor(count / LEAST_FILTERS)));
  const some = threads === 1 || parts === 1 ? count : Math.ceil(count / parts / FILTERS) * FILTERS;
  const strip = Math.ceil((size * across + 2) / 4) * 4 * BYTES;
  const plane = staggered(channels * line);
  const productPlane = staggered(some * line);
  const inputs = Math.ceil(((tiles + 4) * ENTRY) / 64) * 64;
  const products = inputs + points * plane;
  const strips = products + points * productPlane;
  // The last group of tiles may read beyond the last strip.
  const share = Math.ceil((strips + (most + 1) * (size + 2) * strip) / 64) * 64;
  const weightPlane = staggered(count * channels * BYTES);
  const description: Description = {
    x: 0,
    xImage: x.strides[0]! * BYTES,
    xChannel: x.strides[1]! * BYTES,
    xRow: x.strides[2]! * BYTES,
    height: layer.input[0],
    width: Math.min(layer.input[1], strip / BYTES - layer.before[1]),
    above: layer.before[0],
    before: layer.before[1],
    out: 0,
    outImage: out.strides[0]! * BYTES,
    outChannel: out.strides[1]! * BYTES,
    outRow: out.strides[2]! * BYTES,
    outHeight: layer.output[0],
    outWidth: layer.output[1],
    down,
    across,
    channels,
    filters: count,
    weights: 0,
    weightPlane,
    line,
    plane,
    productPlane,
    strip,
    inputs,
    products,
    strips,
    share,
  };
  return { words: WORDS.map((name) => description[name]), rows, most, some, share, weightPlane };
}

const [X, OUT, WEIGHTS] = (['x', 'out', 'weights'] as const).map((name) => WORDS.indexOf(name)) as [
  number,
  number,
  number,
];

/** The layer of a convolution, in the tiles of these sizes that are fastest; null where it has none, or the definition is faster. */
export function tiledLayer(g: Geometry, sizes: readonly TileSize[]): TiledLayer | null {
  const { window, before, input, output } = g;
  if (g.channels === 0 || window[1] !== 3 || window[2] !== 3 || before[1] < 0 || before[2] < 0) return null;
  if ([...g.stride, ...g.dilation, ...g.holes].some((n) => n !== 1)) return null;
  const layer: Layer = {
    batch: g.batch,
    channels: g.channels,
    filters: g.filters,
    input: [input[1], input[2]],
    output: [output[1], output[2]],
    before: [before[1], before[2]],
  };
  const size = tileSizeFor(layer, sizes);
  return size === undefined ? null : new TiledLayer(size, layer);
}

/** Where the filter of output channel o and input channel c stands, elements: strides of o, c, row and column. */
export interface Filters {
  readonly view: View;
  readonly pointer: number;
  readonly strides: readonly [number, number, number, number];
  /** Names their transform among the forms of the view: by the size of the tiles, and how the view is read. */
  readonly kind: string;
}

/** A place that is not read by one cache set alone when its rows are. */
const staggered = (bytes: number): number => Math.ceil(bytes / 64) * 64 + 128;

export class Winograd {
  private readonly plain = new Map<TileSize, WinogradCode>();
  private readonly finished = new WeakMap<Expr, Map<string, WinogradCode>>();
  private readonly transforms = new Map<TileSize, Exports[string]>();

  constructor(
    private readonly heap: Heap,
    private readonly scratch: Scratch,
    private readonly forms: Forms,
  ) {}

  /**
   * out = the correlation of x with the filters, both with dense rows: x and out as [image, channel, row, column] views,
   * which a group's may be.
   */
  run(
    tiled: TiledLayer,
    x: View,
    filters: Filters,
    out: View,
    others: readonly View[],
    ending: Ending | undefined,
  ): void {
    const { team } = this.heap;
    const { size, layer, ns } = tiled;
    const { filters: count } = layer;
    const pieces = team.pieces(ns, MOST_PARTS);
    const { words, rows, most, some, share, weightPlane } = tiled.cutFor(pieces > 1 ? team.size : 1, x, out);
    const base = team.scratch(share);
    const bytes = (size + 2) ** 2 * weightPlane;
    const weights = this.forms.of(
      filters.view,
      filters.kind,
      bytes,
      () => this.scratch.get('weights', bytes),
      (pointer) => this.transform(size, layer, filters, pointer, weightPlane),
    );
    const last = ending ? endingWords(ending, out, others, 1) : [];
    const at = this.scratch.get('winograd', 4 * (words.length + last.length));
    const { i32 } = this.heap;
    // `set` is slow on a shared memory.
    const w = at >> 2;
    for (let i = 0; i < words.length; i++) i32[w + i] = words[i]!;
    for (let i = 0; i < last.length; i++) i32[w + words.length + i] = last[i]!;
    i32[w + X] = pointerOf(x);
    i32[w + OUT] = pointerOf(out);
    i32[w + WEIGHTS] = weights;
    const give = (call: Exports[string]): void => {
      for (let filter = 0; filter < count; filter += some)
        for (let first = 0; first < rows; first += most)
          call(at, base, first, Math.min(most, rows - first), filter, Math.min(some, count - filter));
    };
    team.each(this.code(size, ending).rows, ns, give, pieces);
  }

  private transform(
    size: TileSize,
    { channels, filters: count }: Layer,
    { pointer, strides }: Filters,
    target: number,
    plane: number,
  ): void {
    let transform = this.transforms.get(size);
    if (!transform) this.transforms.set(size, (transform = filterCode(this.heap, size)));
    const [o, c, y, x] = strides.map((s) => s * BYTES);
    for (let from = 0; from < channels; from += DEPTH) {
      const to = target + from * count * BYTES;
      transform(pointer + from * c!, o, c, y, x, to, plane, count, Math.min(DEPTH, channels - from));
    }
  }

  private code(size: TileSize, ending: Ending | undefined): WinogradCode {
    if (!ending) {
      let code = this.plain.get(size);
      if (!code) this.plain.set(size, (code = winogradCode(this.heap, size, undefined)));
      return code;
    }
    let codes = this.finished.get(ending.finish);
    if (!codes) this.finished.set(ending.finish, (codes = new Map()));
    const key = `${size} ${ending.key}`;
    let code = codes.get(key);
    if (!code) codes.set(key, (code = winogradCode(this.heap, size, ending)));
    return code;
  }
}
