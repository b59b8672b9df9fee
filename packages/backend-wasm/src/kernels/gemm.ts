/**
 * Matrix products in one machine type, in blocks that caches hold: b in panels, a in tiles of rows (tile.ts). Blocks go to
 * threads by rows or by panels, whichever there are more of.
 */
import type { DType, View } from '@sconce/core/backend';
import { type Lane, laneCount } from '../asm/lane.ts';
import { Module } from '../asm/module.ts';
import type { Heap } from '../memory/heap.ts';
import type { Scratch } from '../memory/scratch.ts';
import { exportBlocks, exportDeep, exportWhole, KC } from './blocks.ts';
import { ENDING_WORDS, type Ending, endingWords } from './ending.ts';
import { type Exports, instantiate, zero } from './engine.ts';
import { copyEdge, packColumns, packLeft, packRows } from './pack.ts';
import { dots, STREAMS, sweep } from './skinny.ts';
import { ADD, FINISH, rowsOf, type TileForm, VECTORS } from './tile.ts';

export type Accumulate = 'float32' | 'float64' | 'int32' | 'int64';

const lanes: Readonly<Record<Accumulate, Lane>> = {
  float32: 'f32x4',
  float64: 'f64x2',
  int32: 'i32x4',
  int64: 'i64x2',
};
export const isAccumulate = (d: DType): d is Accumulate => d in lanes;

/** Rows of a block of a, columns of a block of b. */
const MC = 240;
export const NC = 512;
/** Elements of a that are packed at a time. */
const MOST_LEFT = 1 << 22;
/** Up to so many rows columns are always worth gathering by who multiplies them. */
const FEW_FILTERS = 64;
/** Below so many panels a is read where it is. */
const FEW_PANELS = 3;
/** Sums that stay in the second cache next to what is multiplied. */
const SUMS = 1 << 15;
/** Products that threads never share. */
const ALONE = 1 << 17;
/** The largest product of a batch that one thread makes. */
const MOST_ALONE = 1 << 23;
/** Nanoseconds per multiplication of four bytes, for threads. */
const COST = 0.04;
/** Nanoseconds per byte of b where a has a row or a few. */
const SKINNY = 0.02;
/** Nanoseconds per byte of a packed operand. */
const PACKING = 0.04;
/** The same for a, which goes element by element. */
const PACKING_LEFT = 0.1;

/** An operand: address, and the bytes between rows and between columns. */
export interface Matrix {
  readonly pointer: number;
  readonly row: number;
  readonly column: number;
}

/** The left operand: in place, or as `packedLeft` made it. */
export interface Left {
  readonly matrix?: Matrix;
  readonly packed?: number;
}

/** Puts k rows from `row` on and n columns from `column` on into panels, the last one filled up with zeros. */
export type PackRight = (row: number, k: number, column: number, n: number, target: number) => void;

/** What is done with the sums, and with what; `out` is the whole that the product fills. */
export interface Finishing {
  readonly ending: Ending;
  readonly words: readonly number[];
}

/** One product of a batch. */
export interface Product {
  readonly a: Matrix;
  readonly b: Matrix;
  readonly c: Matrix;
  readonly finish?: Finishing | undefined;
}

export const finishing = (
  ending: Ending | undefined,
  out: View,
  others: readonly View[],
): Finishing | undefined => ending && { ending, words: endingWords(ending, out, others, 1) };

export class Gemm {
  readonly bytes: number;
  /** Columns of a panel. */
  readonly columns: number;
  private readonly lane: Lane;
  private readonly e: Exports;
  private readonly codes = new WeakMap<object, Map<string, Exports>>();

  constructor(
    readonly accumulate: Accumulate,
    readonly heap: Heap,
    readonly scratch: Scratch,
  ) {
    this.lane = lanes[accumulate];
    this.bytes = 16 / laneCount[this.lane];
    this.columns = VECTORS * laneCount[this.lane];
    const m = new Module();
    sweep(m, this.lane, this.bytes);
    packRows(m, this.lane);
    if (this.bytes === 4) packColumns(m);
    packLeft(m, { lane: this.lane });
    dots(m, this.lane, this.bytes);
    copyEdge(m, this.bytes);
    this.e = instantiate(heap, m);
  }

  /** The exports that `write` makes for an ending, which go by `name`. */
  code(ending: Ending | undefined, name: string, write: (m: Module, form: TileForm) => void): Exports {
    const owner = ending?.finish ?? this;
    let codes = this.codes.get(owner);
    if (!codes) this.codes.set(owner, (codes = new Map()));
    const key = `${ending?.key} ${name}`;
    let code = codes.get(key);
    if (!code) {
      const m = new Module();
      write(m, { lane: this.lane, ending });
      codes.set(key, (code = instantiate(this.heap, m)));
    }
    return code;
  }

  private blocks(ending: Ending | undefined): Exports {
    return this.code(ending, 'blocks', (m, form) => {
      exportDeep(m, form, exportBlocks(m, form, true));
      exportBlocks(m, form, false);
    });
  }

  /** Whether c is better cut by its columns than by its rows, and a packed as a whole. */
  isWide(m: number, n: number, k: number): boolean {
    const tiles = Math.ceil(m / rowsOf({ lane: this.lane }));
    return m * k <= MOST_LEFT && (m <= FEW_FILTERS || tiles < Math.floor(n / this.columns));
  }

  /** Nanoseconds of a product on one thread, about. */
  time(m: number, n: number, k: number): number {
    return m * n * k * COST * (this.bytes / 4);
  }

  /** c = a b, then the finishing. The columns of c are dense; b comes in panels, block by block. */
  multiply(m: number, n: number, k: number, a: Left, pack: PackRight, c: Matrix, finish?: Finishing): void {
    const { columns, bytes } = this;
    const code = this.blocks(finish?.ending);
    const line = columns * bytes;
    const target = this.scratch.get('b', Math.ceil(Math.min(n, NC) / columns) * line * Math.min(k, KC));
    const { matrix } = a;
    if (m * n * k < ALONE && k <= KC && n <= NC && matrix?.column === bytes && !finish) {
      // One block, too small for anything to be worth arranging.
      pack(0, k, 0, n, target);
      const whole = Math.floor(n / columns);
      code.inPlace!(
        matrix.pointer, matrix.row, target, line, k, c.pointer, c.row, 0, m, whole, k * line, n - whole * columns,
      ); // biome-ignore format: the parameters of `exportBlocks`
      return;
    }
    const inPlace = matrix !== undefined && matrix.column === bytes && n <= FEW_PANELS * columns;
    const most = matrix ? Math.max(MC, Math.floor(MOST_LEFT / k / MC) * MC) : m;
    for (let i = 0; i < m; i += most) {
      const rows = Math.min(most, m - i);
      const left = matrix && { ...matrix, pointer: matrix.pointer + i * matrix.row };
      const packed = inPlace ? 0 : (a.packed ?? this.packLeft(left!, rows, k));
      for (let j = 0; j < n; j += NC) {
        const width = Math.min(NC, n - j);
        for (let l = 0; l < k; l += KC) {
          const depth = Math.min(KC, k - l);
          pack(l, depth, j, width, target);
          const words = finish ? this.wordsAt(finish, i, j) : [];
          const flags = (l > 0 ? ADD : 0) | (finish && l + depth === k ? FINISH : 0);
          this.run(
            code,
            finish,
            words,
            inPlace
              ? { pointer: left!.pointer + l * bytes, row: left!.row, column: 0 }
              : { pointer: packed + l * rows * bytes, row: depth * bytes, column: bytes },
            target,
            { ...c, pointer: c.pointer + i * c.row + j * bytes },
            [rows, width, depth, flags],
          );
        }
      }
    }
  }

  /** An ending's words for the block at row i and column j. */
  wordsAt({ ending, words }: Finishing, i: number, j: number): number[] {
    return words.map((word, w) => {
      if (w % ENDING_WORDS !== 0) return word;
      const meeting = ending.meetings[w / ENDING_WORDS];
      return meeting === 'row'
        ? word + i * words[w + 1]!
        : meeting === 'column'
          ? word + j * this.bytes
          : word;
    });
  }

  /** One block, cut for threads and for the second cache. `a.column` is 0 for one in place. */
  private run(
    code: Exports,
    finish: Finishing | undefined,
    words: readonly number[],
    a: Matrix,
    b: number,
    c: Matrix,
    [m, n, k, flags]: readonly [number, number, number, number],
  ): void {
    const { columns, bytes, heap } = this;
    const line = columns * bytes;
    const step = k * line;
    const whole = Math.floor(n / columns);
    const rest = n % columns;
    const fn = a.column === 0 ? code.inPlace! : code.packed!;
    const tall = rowsOf({ lane: this.lane });
    const byRows = Math.ceil(m / tall) >= whole;
    const pieces = heap.team.pieces(this.time(m, n, k), byRows ? Math.ceil(m / tall) : whole);
    const rows = byRows ? Math.min(MC, Math.ceil(m / pieces / tall) * tall) : MC;
    const panels = byRows || pieces === 1 ? whole : Math.ceil(whole / pieces);
    const arity = 12 + words.length;
    const args: number[][] = [];
    for (let p = 0; p < Math.max(1, whole); p += Math.max(1, panels)) {
      const some = Math.min(panels, whole - p);
      for (let i = 0, next = 0; i < m; i = next) {
        // A last block of few rows would have tiles of other heights than a has.
        next = m - i - rows < tall + 3 ? m : i + rows;
        const at = finish ? this.wordsAt({ ending: finish.ending, words }, i, p * columns) : words;
        args.push([
          a.pointer + i * a.row, a.row, b + p * step, line, k, c.pointer + i * c.row + p * line, c.row, flags,
          ...at, next - i, some, step, p + some === whole ? rest : 0,
        ]); // biome-ignore format: the parameters of `exportBlocks`
      }
    }
    if (pieces === 1) {
      for (const list of args) fn(...list);
      return;
    }
    let w = heap.team.table(arity * args.length);
    for (const list of args) for (const word of list) heap.i32[w++] = word;
    heap.team.run(fn, arity, args.length);
  }

  /** a in the order of its tiles, block of columns by block of columns; its address, in scratch. */
  packLeft(a: Matrix, m: number, k: number, target = this.scratch.get('a', m * k * this.bytes)): number {
    const { bytes, e } = this;
    const { team } = this.heap;
    const tall = rowsOf({ lane: this.lane });
    const blocks = Math.ceil(k / KC);
    const ns = m * k * bytes * PACKING_LEFT;
    const pieces = team.pieces(ns, blocks * Math.ceil(m / tall));
    // Runs of whole tiles; at the end tiles may be lower than elsewhere.
    const run = pieces === 1 ? m : Math.ceil(m / Math.ceil(pieces / blocks) / tall) * tall;
    const give = (call: Exports[string]): void => {
      for (let l = 0; l < k; l += KC) {
        const depth = Math.min(KC, k - l);
        const [from, to] = [a.pointer + l * a.column, target + l * m * bytes];
        for (let row = 0, next = 0; row < m; row = next) {
          next = m - row - run < tall + 3 ? m : row + run;
          call(from + row * a.row, a.row, a.column, to + row * depth * bytes, next - row, depth);
        }
      }
    };
    team.each(e.packLeft!, ns, give, pieces);
    return target;
  }

  /** Packs k rows of n columns of b from dense rows or dense columns. False: neither. */
  packRight(b: Matrix, k: number, n: number, target: number): boolean {
    const { columns, bytes, e } = this;
    const byRows = b.column === bytes;
    const byColumns = b.row === bytes && bytes === 4;
    if (!byRows && !byColumns) return false;
    const whole = Math.floor(n / columns);
    const pack = byRows ? e.packRows! : e.packColumns!;
    if (whole && whole * k < ALONE / 32) pack(b.pointer, byRows ? b.row : b.column, target, k, whole);
    else if (whole) {
      const args = (first: number, some: number): number[] => [
        b.pointer + first * columns * b.column, byRows ? b.row : b.column, target + first * k * columns * bytes, k, some,
      ]; // biome-ignore format: the parameters of `packRows` and `packColumns`
      this.heap.team.deal(pack, whole * columns * k * bytes * PACKING, whole, args);
    }
    const rest = n % columns;
    if (rest) {
      const line = columns * bytes;
      const to = target + whole * k * line;
      zero(this.heap, to, k * line);
      const from = b.pointer + whole * columns * b.column;
      if (byRows) e.copyEdge!(from, b.row, to, line, k, rest);
      // Column j of the panel is a dense run of b: copied one element wide.
      else for (let j = 0; j < rest; j++) e.copyEdge!(from + j * b.column, bytes, to + j * bytes, line, k, 1);
    }
    return true;
  }

  /** Bytes of what `packWhole` writes for so many rows. */
  wholeBytes(k: number, n: number): number {
    return Math.ceil(n / this.columns) * this.columns * this.bytes * k;
  }

  /** All of b for `multiplyWhole`: its blocks of KC rows one after the other, each in panels. */
  packWhole(k: number, n: number, pack: PackRight, target: number): void {
    for (let l = 0; l < k; l += KC) pack(l, Math.min(KC, k - l), 0, n, target + this.wholeBytes(l, n));
  }

  /** As `multiply`, with b from `packWhole` and not so many rows that a would not stay in the second cache. */
  multiplyWhole(m: number, n: number, k: number, a: Matrix, b: number, c: Matrix, finish?: Finishing): void {
    const { columns, bytes, heap } = this;
    const whole = Math.floor(n / columns);
    const packed = this.packLeft(a, m, k);
    const ns = this.time(m, n, k);
    const args = (first: number, some: number): number[] => [
      packed, m * bytes, b, this.wholeBytes(1, n), k, c.pointer + first * columns * bytes, c.row,
      ...(finish ? this.wordsAt(finish, 0, first * columns) : []),
      m, first, some, first + some === whole ? n - whole * columns : 0,
    ]; // biome-ignore format: the parameters of `exportDeep`
    const pieces = heap.team.pieces(ns, whole);
    // So many panels that their part of c stays in the second cache from block to block.
    const most = Math.max(8, Math.floor(SUMS / (m * columns)));
    const run = Math.min(most, Math.ceil(whole / pieces));
    const give = (call: Exports[string]): void => {
      for (let p = 0; p < whole; p += run) call(...args(p, Math.min(run, whole - p)));
    };
    heap.team.each(this.blocks(finish?.ending).deep!, ns, give, pieces);
  }

  /** Whether `each` takes products of these sizes: none so large that it should be cut itself. */
  fits(batch: number, m: number, n: number, k: number, a: Matrix, b: Matrix): boolean {
    const { bytes } = this;
    return (
      batch > 1 &&
      m * n * k <= MOST_ALONE &&
      n <= NC &&
      a.column === bytes &&
      (b.column === bytes || (b.row === bytes && bytes === 4))
    );
  }

  /** Products of a batch that `fits`, one call each: `at` has the operands of number i. */
  each(batch: number, m: number, n: number, k: number, at: (i: number) => Product): void {
    const { bytes, heap } = this;
    const ns = batch * this.time(m, n, k);
    const pieces = heap.team.pieces(ns, batch);
    const share = this.wholeBytes(Math.min(k, KC), n);
    const scratch = heap.team.scratch(share);
    const code = this.code(at(0).finish?.ending, 'whole', exportWhole);
    const give = (call: Exports[string]): void => {
      for (let i = 0; i < batch; i++) {
        const { a, b, c, finish } = at(i);
        const byColumns = b.column !== bytes;
        call(
          a.pointer, a.row, b.pointer, byColumns ? b.column : b.row, k, c.pointer, c.row, ...(finish?.words ?? []),
          m, n, byColumns ? 1 : 0, scratch, share,
        ); // biome-ignore format: the parameters of `exportWhole`
      }
    };
    heap.team.each(code.whole!, ns, give, pieces);
  }

  /** c = a b with few rows, b read where it is. False where its layout is neither dense rows nor dense columns. */
  few(m: number, n: number, k: number, a: Matrix, b: Matrix, c: Matrix): boolean {
    const { columns, bytes, e, heap } = this;
    if (b.row === bytes) {
      for (let i = 0; i < m; i++) {
        const [x, y] = [a.pointer + i * a.row, c.pointer + i * c.row];
        if (n * k < ALONE / 2) {
          e.dots!(x, b.pointer, b.column, y, n, k);
          continue;
        }
        const args = (j: number, some: number): number[] => [
          x, b.pointer + j * b.column, b.column, y + j * bytes, some, k,
        ]; // biome-ignore format: the parameters of `dots`
        heap.team.deal(e.dots!, n * k * SKINNY * bytes, n, args, STREAMS);
      }
      return true;
    }
    if (b.column !== bytes || n % columns !== 0) return false;
    if (m > 1) {
      this.inPlace(m, n, k, a, b, c);
      return true;
    }
    const per = columns / VECTORS;
    if (n * k < ALONE / 2) {
      e.sweep!(a.pointer, b.pointer, b.row, c.pointer, n / per, k);
      return true;
    }
    const args = (vector: number, some: number): number[] => [
      a.pointer, b.pointer + 16 * vector, b.row, c.pointer + 16 * vector, some, k,
    ]; // biome-ignore format: the parameters of `sweep`
    // Lines of the cache are not shared.
    heap.team.deal(e.sweep!, n * k * SKINNY * bytes, n / per, args, 16);
    return true;
  }

  /** Both operands read where they are: whole panels of dense rows of b. */
  private inPlace(m: number, n: number, k: number, a: Matrix, b: Matrix, c: Matrix): void {
    const line = this.columns * this.bytes;
    const args = (panel: number, some: number): number[] => [
      a.pointer, a.row, b.pointer + panel * line, b.row, k, c.pointer + panel * line, c.row, 0, m, some, line, 0,
    ]; // biome-ignore format: the parameters of `exportBlocks`
    const ns = this.time(m, n, k);
    this.heap.team.deal(this.blocks(undefined).inPlace!, ns, n / this.columns, args);
  }
}
