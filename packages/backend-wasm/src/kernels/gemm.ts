/**
 * Matrix product of dense blocks in one machine type: register tiles of 5 rows by 2 vectors, which is what V8's 15
 * vector registers hold without spills (products are not fused). A is read where it is, B comes in panels.
 */
import type { DType } from '@sconce/core/backend';
import type { Lane } from '../asm/lane.ts';
import { laneCount } from '../asm/lane.ts';
import { type Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import type { Heap } from '../memory/heap.ts';
import { type Exports, instantiate } from './engine.ts';

export type Accumulate = 'float32' | 'float64' | 'int32' | 'int64';

const lanes: Readonly<Record<Accumulate, Lane>> = {
  float32: 'f32x4',
  float64: 'f64x2',
  int32: 'i32x4',
  int64: 'i64x2',
};
export const isAccumulate = (d: DType): d is Accumulate => d in lanes;

const ROWS = 5;
const VECTORS = 2;
/**
 * Depth of a packed block of B, rows of a block of A, columns of a packed block of B. The depth is also the longest
 * chain of additions: 256 to 512 are equally fast, and the shortest is the most accurate.
 */
export const KC = 128;
const MC = 240;
export const NC = 512;

/** A tile: (a, lda, b, ldb, k, c, ldc, add). Strides in bytes; c is added to when `add`, else overwritten. */
function tile(m: Module, rows: number, vectors: number, lane: Lane, bytes: number): Fn {
  return m.fn(undefined, Array(8).fill('i32'), [], (fn) => {
    const [a, lda, b, ldb, k, c, ldc, add] = Array.from({ length: 8 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: eight parameters
    const acc = Array.from({ length: rows }, () => Array.from({ length: vectors }, () => fn.local(lane)));
    const right = Array.from({ length: vectors }, () => fn.local(lane));
    const left = fn.local(lane);
    const row = Array.from({ length: rows }, (_, i) => (i === 0 ? a : fn.local('i32')));
    for (let i = 1; i < rows; i++) row[i]!.set(row[i - 1]!.add(lda));
    for (const r of acc) for (const v of r) fn.zero(v);
    // One step of k per turn: unrolled, V8 before 12 keeps too many vectors alive and spills. The test before the
    // loop is not for an empty k: without that branch V8's allocation is worse, by a third of the speed.
    k.inc(-1);
    fn.block(() => {
      k.lt(0).put();
      fn.brIf(0);
      fn.doWhile(
        () => {
          right.forEach((r, j) => {
            r.set(fn.load(lane, 0x100, b, 16 * j));
          });
          for (let i = 0; i < rows; i++) {
            left.set(fn.load(lane, bytes === 4 ? 0x109 : 0x10a, row[i]!));
            for (let j = 0; j < vectors; j++) acc[i]![j]!.set(acc[i]![j]!.add(left.mul(right[j]!)));
          }
          for (const r of row) r.inc(bytes);
          b.inc(ldb);
          k.inc(-1);
        },
        () => k.ge(0),
      );
    });
    const put = (value: (at: Val, i: number, j: number) => Val): void => {
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < vectors; j++) fn.store(0x10b, c, value(acc[i]![j]!, i, j), 16 * j);
        if (i < rows - 1) c.inc(ldc);
      }
    };
    fn.if(
      add,
      () => put((v, _, j) => fn.load(lane, 0x100, c, 16 * j).add(v)),
      () => put((v) => v),
    );
  });
}

/** All row tiles under each panel of B: (a, lda, b, panel step, ldb, c, ldc, m, panels, k, add). */
function block(m: Module, tiles: readonly Fn[], vectors: number): Fn {
  return m.fn(vectors === VECTORS ? 'block' : `block${vectors}`, Array(11).fill('i32'), [], (fn) => {
    const [a, lda, b, step, ldb, c, ldc, rows, panels, k, add] = Array.from({ length: 11 }, (_, i) =>
      fn.param(i),
    ) as [Val, Val, Val, Val, Val, Val, Val, Val, Val, Val, Val];
    const pa = fn.local('i32');
    const pc = fn.local('i32');
    const left = fn.local('i32');
    const most = tiles.length;
    fn.doWhile(
      () => {
        pa.set(a);
        pc.set(c);
        left.set(rows);
        fn.while(
          () => left.geU(most),
          () => {
            fn.call(tiles[most - 1]!, [pa, lda, b, ldb, k, pc, ldc, add]).put();
            pa.inc(lda.mul(most));
            pc.inc(ldc.mul(most));
            left.inc(-most);
          },
        );
        for (let r = 1; r < most; r++)
          fn.if(left.eq(r), () => fn.call(tiles[r - 1]!, [pa, lda, b, ldb, k, pc, ldc, add]).put());
        b.inc(step);
        c.inc(16 * vectors);
        panels.inc(-1);
      },
      () => panels.ne(0),
    );
  });
}

/** Dense rows of B to panels: (source, ldb, target, k, panels). */
function packRows(m: Module, lane: Lane): void {
  m.fn('packRows', Array(5).fill('i32'), [], (fn) => {
    const [source, ldb, target, k, panels] = Array.from({ length: 5 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val,
    ]; // biome-ignore format: five parameters
    const s = fn.local('i32');
    const left = fn.local('i32');
    fn.doWhile(
      () => {
        s.set(source);
        left.set(k);
        fn.doWhile(
          () => {
            for (let j = 0; j < VECTORS; j++)
              fn.store(0x10b, target, fn.load(lane, 0x100, s, 16 * j), 16 * j);
            target.inc(16 * VECTORS);
            s.inc(ldb);
            left.inc(-1);
          },
          () => left.ne(0),
        );
        source.inc(16 * VECTORS);
        panels.inc(-1);
      },
      () => panels.ne(0),
    );
  });
}

/** Dense columns of B (a transposed weight) to panels of 8 float32 columns, by 4 x 4 transposes: the same parameters. */
function packColumns(m: Module): void {
  m.fn('packColumns', Array(5).fill('i32'), [], (fn) => {
    const [source, ldb, target, k, panels] = Array.from({ length: 5 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val,
    ]; // biome-ignore format: five parameters
    const p = Array.from({ length: 8 }, () => fn.local('i32'));
    const left = fn.local('i32');
    fn.doWhile(
      () => {
        p[0]!.set(source);
        for (let i = 1; i < 8; i++) p[i]!.set(p[i - 1]!.add(ldb));
        source.set(p[7]!.add(ldb));
        left.set(k);
        fn.while(
          () => left.geU(4),
          () => {
            for (const half of [0, 4]) {
              const r = [0, 1, 2, 3].map((i) => fn.load('f32x4', 0x100, p[half + i]!).keep());
              const lo01 = r[0]!.shuffle32(r[1]!, [0, 4, 1, 5]).keep();
              const hi01 = r[0]!.shuffle32(r[1]!, [2, 6, 3, 7]).keep();
              const lo23 = r[2]!.shuffle32(r[3]!, [0, 4, 1, 5]).keep();
              const hi23 = r[2]!.shuffle32(r[3]!, [2, 6, 3, 7]).keep();
              fn.store(0x10b, target, lo01.shuffle32(lo23, [0, 1, 4, 5]), 4 * half);
              fn.store(0x10b, target, lo01.shuffle32(lo23, [2, 3, 6, 7]), 4 * half + 32);
              fn.store(0x10b, target, hi01.shuffle32(hi23, [0, 1, 4, 5]), 4 * half + 64);
              fn.store(0x10b, target, hi01.shuffle32(hi23, [2, 3, 6, 7]), 4 * half + 96);
            }
            for (const q of p) q.inc(16);
            target.inc(128);
            left.inc(-4);
          },
        );
        fn.while(
          () => left.ne(0),
          () => {
            p.forEach((q, i) => {
              fn.store(0x38, target, fn.load('f32', 0x2a, q), 4 * i);
              q.inc(4);
            });
            target.inc(32);
            left.inc(-1);
          },
        );
        panels.inc(-1);
      },
      () => panels.ne(0),
    );
  });
}

/** A row times dense columns: (a, b, ldb, c, n, k): c[j] = a . b[j], four columns at a time. */
function dots(m: Module, lane: Lane, bytes: number): void {
  m.fn('dots', Array(6).fill('i32'), [], (fn) => {
    const [a, b, ldb, c, n, k] = Array.from({ length: 6 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const per = 16 / bytes;
    const element: Lane = bytes === 4 ? (lane === 'f32x4' ? 'f32' : 'i32') : lane === 'f64x2' ? 'f64' : 'i64';
    const loadOp = { f32: 0x2a, f64: 0x2b, i32: 0x28, i64: 0x29 }[element as 'f32'];
    const storeOp = { f32: 0x38, f64: 0x39, i32: 0x36, i64: 0x37 }[element as 'f32'];
    const run = (columns: number): void => {
      const pa = fn.local('i32');
      const p = Array.from({ length: columns }, () => fn.local('i32'));
      const sums = p.map(() => fn.local(lane));
      const vectors = fn.local('i32');
      const x = fn.local(lane);
      pa.set(a);
      p[0]!.set(b);
      for (let i = 1; i < columns; i++) p[i]!.set(p[i - 1]!.add(ldb));
      for (const s of sums) s.set(s.k(0));
      vectors.set(k.divU(per));
      fn.while(
        () => vectors.ne(0),
        () => {
          x.set(fn.load(lane, 0x100, pa));
          sums.forEach((s, i) => {
            s.set(s.add(x.mul(fn.load(lane, 0x100, p[i]!))));
          });
          pa.inc(16);
          for (const q of p) q.inc(16);
          vectors.inc(-1);
        },
      );
      const total = sums.map((s) => {
        const parts = Array.from({ length: per }, (_, l) => s.extract(l));
        const t = fn.local(element);
        t.set(per === 4 ? parts[0]!.add(parts[1]!).add(parts[2]!.add(parts[3]!)) : parts[0]!.add(parts[1]!));
        return t;
      });
      vectors.set(k.remU(per));
      fn.while(
        () => vectors.ne(0),
        () => {
          total.forEach((t, i) => {
            t.set(t.add(fn.load(element, loadOp, pa).mul(fn.load(element, loadOp, p[i]!))));
            p[i]!.inc(bytes);
          });
          pa.inc(bytes);
          vectors.inc(-1);
        },
      );
      total.forEach((t, i) => {
        fn.store(storeOp, c, t, i * bytes);
      });
      b.set(p[0]!.sub(k.mul(bytes)).add(ldb.mul(columns)));
      c.inc(columns * bytes);
      n.inc(-columns);
    };
    fn.while(
      () => n.geU(4),
      () => run(4),
    );
    fn.while(
      () => n.ne(0),
      () => run(1),
    );
  });
}

/**
 * One row times dense rows of b, read in order: (a, b, ldb, c, vectors, k), k a multiple of 8; c is added to. Eight
 * rows are summed before they meet c, so chains of additions stay short.
 */
function sweep(m: Module, lane: Lane, bytes: number): void {
  m.fn('sweep', Array(6).fill('i32'), [], (fn) => {
    const [a, b, ldb, c, vectors, k] = Array.from({ length: 6 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const depth = 8;
    const x = Array.from({ length: depth }, () => fn.local(lane));
    const p = Array.from({ length: depth }, (_, i) => (i === 0 ? b : fn.local('i32')));
    const next = fn.local('i32');
    const target = fn.local('i32');
    const left = fn.local('i32');
    fn.doWhile(
      () => {
        x.forEach((v, i) => {
          v.set(fn.load(lane, bytes === 4 ? 0x109 : 0x10a, a, i * bytes));
        });
        for (let i = 1; i < depth; i++) p[i]!.set(p[i - 1]!.add(ldb));
        next.set(p[depth - 1]!.add(ldb));
        target.set(c);
        left.set(vectors);
        fn.doWhile(
          () => {
            const product = (i: number): Val => x[i]!.mul(fn.load(lane, 0x100, p[i]!));
            const pair = (i: number): Val => product(i).add(product(i + 1));
            const sum = pair(0)
              .add(pair(2))
              .add(pair(4).add(pair(6)));
            fn.store(0x10b, target, fn.load(lane, 0x100, target).add(sum));
            for (const q of p) q.inc(16);
            target.inc(16);
            left.inc(-1);
          },
          () => left.ne(0),
        );
        b.set(next);
        a.inc(depth * bytes);
        k.inc(-depth);
      },
      () => k.ne(0),
    );
  });
}

/** The last columns, from a padded tile to their place: (source, source step, target, ldc, m, columns). */
function copyEdge(m: Module, bytes: number): void {
  m.fn('copyEdge', Array(6).fill('i32'), [], (fn) => {
    const [source, step, target, ldc, rows, columns] = Array.from({ length: 6 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const j = fn.local('i32');
    const [loadOp, storeOp, lane] =
      bytes === 4 ? ([0x28, 0x36, 'i32'] as const) : ([0x29, 0x37, 'i64'] as const);
    fn.doWhile(
      () => {
        j.set(0);
        fn.doWhile(
          () => {
            fn.store(storeOp, target.add(j), fn.load(lane, loadOp, source.add(j)));
            j.inc(bytes);
          },
          () => j.ltU(columns.mul(bytes)),
        );
        source.inc(step);
        target.inc(ldc);
        rows.inc(-1);
      },
      () => rows.ne(0),
    );
  });
}

/** Memory that kernels share between calls; each role keeps the largest block that it needed. */
export class Scratch {
  private readonly blocks = new Map<string, { pointer: number; bytes: number; free: () => void }>();
  constructor(private readonly heap: Heap) {}

  get(role: string, bytes: number): number {
    const have = this.blocks.get(role);
    if (have && have.bytes >= bytes) return have.pointer;
    have?.free();
    this.blocks.delete(role);
    const block = this.heap.bytes(Math.ceil(bytes * 1.25) + 64);
    this.blocks.set(role, {
      pointer: block.pointer,
      bytes: block.bytes - 64,
      free: () => this.heap.free(block),
    });
    return block.pointer;
  }

  /** Gives back what is larger than a cache would keep. */
  trim(role: string, most = 1 << 25): void {
    const have = this.blocks.get(role);
    if (!have || have.bytes <= most) return;
    have.free();
    this.blocks.delete(role);
  }
}

/** A dense operand: address, and the bytes between rows and between columns. */
export interface Matrix {
  readonly pointer: number;
  readonly row: number;
  readonly column: number;
}

export class Gemm {
  readonly bytes: number;
  /** Columns of a panel. */
  readonly columns: number;
  private readonly e: Exports;

  constructor(
    readonly accumulate: Accumulate,
    readonly heap: Heap,
    readonly scratch: Scratch,
  ) {
    const lane = lanes[accumulate];
    const bytes = 16 / laneCount[lane];
    this.bytes = bytes;
    this.columns = VECTORS * laneCount[lane];
    const m = new Module();
    const tiles = Array.from({ length: ROWS }, (_, r) => tile(m, r + 1, VECTORS, lane, bytes));
    block(m, tiles, VECTORS);
    sweep(m, lane, bytes);
    packRows(m, lane);
    if (bytes === 4) packColumns(m);
    dots(m, lane, bytes);
    copyEdge(m, bytes);
    this.e = instantiate(heap, m);
  }

  /**
   * c = a b (+ c), where panels of b stand packed from `panels` on, `step` bytes apart: columns of c may end inside
   * the last panel. A's columns are dense, c's too.
   */
  packed(
    m: number,
    n: number,
    k: number,
    a: Matrix,
    panels: number,
    step: number,
    c: Matrix,
    add: boolean,
  ): void {
    const { columns, bytes, e } = this;
    const whole = Math.floor(n / columns);
    const rest = n % columns;
    const line = columns * bytes;
    const edge = rest ? this.scratch.get('edge', MC * line) : 0;
    const inside = whole ? this.shared(m, whole, k, a, panels, step, c, add) : true;
    for (let i = 0; i < m; i += MC) {
      const rows = Math.min(MC, m - i);
      const pa = a.pointer + i * a.row;
      const pc = c.pointer + i * c.row;
      if (!inside) e.block!(pa, a.row, panels, step, line, pc, c.row, rows, whole, k, add ? 1 : 0);
      if (rest) {
        const target = pc + whole * line;
        e.block!(pa, a.row, panels + whole * step, step, line, edge, line, rows, 1, k, 0);
        if (add) this.addEdge(edge, line, target, c.row, rows, rest);
        else e.copyEdge!(edge, line, target, c.row, rows, rest);
      }
    }
  }

  /** The whole panels in blocks of rows that threads take; false where threads do not pay. */
  private shared(
    m: number,
    panelCount: number,
    k: number,
    a: Matrix,
    panels: number,
    step: number,
    c: Matrix,
    add: boolean,
  ): boolean {
    const { columns, bytes, e, heap } = this;
    const ns = m * panelCount * columns * k * (bytes / 4) * 0.04;
    const pieces = heap.team.pieces(ns, Math.ceil(m / ROWS));
    if (pieces === 1) return false;
    const rows = Math.min(MC, Math.ceil(m / pieces / ROWS) * ROWS);
    const count = Math.ceil(m / rows);
    let w = heap.team.table(11 * count);
    for (let i = 0; i < m; i += rows) {
      const row = [
        a.pointer + i * a.row, a.row, panels, step, columns * bytes, c.pointer + i * c.row, c.row,
        Math.min(rows, m - i), panelCount, k, add ? 1 : 0,
      ]; // biome-ignore format: the eleven arguments of `block`
      for (const word of row) heap.i32[w++] = word;
    }
    heap.team.run(e.block!, 11, count);
    return true;
  }

  private addEdge(source: number, step: number, target: number, ldc: number, rows: number, n: number): void {
    this.edgeAdder ??= buildEdgeAdder(this.heap, this.accumulate);
    this.edgeAdder(source, step, target, ldc, rows, n);
  }
  private edgeAdder?: Exports[string];

  /** Packs k rows of n columns of b from dense rows or dense columns; the last panel is padded with zeros. False: neither. */
  pack(b: Matrix, k: number, n: number, target: number): boolean {
    const { columns, bytes, e } = this;
    const byRows = b.column === bytes;
    const byColumns = b.row === bytes && bytes === 4;
    if (!byRows && !byColumns) return false;
    const whole = Math.floor(n / columns);
    if (whole) {
      if (byRows) e.packRows!(b.pointer, b.row, target, k, whole);
      else e.packColumns!(b.pointer, b.column, target, k, whole);
    }
    const rest = n % columns;
    if (rest) {
      const line = columns * bytes;
      const to = target + whole * k * line;
      this.heap.u8.fill(0, to, to + k * line);
      const { row } = b;
      const from = b.pointer + whole * columns * b.column;
      if (byRows) e.copyEdge!(from, row, to, line, k, rest);
      else this.transposeEdge(from, b.column, to, line, k, rest);
    }
    return true;
  }

  private transposeEdge(from: number, column: number, to: number, line: number, k: number, n: number): void {
    // Column j of the panel is a dense run of b: copied one element wide.
    for (let j = 0; j < n; j++)
      this.e.copyEdge!(from + j * column, this.bytes, to + j * this.bytes, line, k, 1);
  }

  /** c = a b with few rows, b read where it is. False where its layout is neither dense rows nor dense columns. */
  few(m: number, n: number, k: number, a: Matrix, b: Matrix, c: Matrix): boolean {
    const { columns, bytes, e } = this;
    if (b.row === bytes) {
      for (let i = 0; i < m; i++)
        e.dots!(a.pointer + i * a.row, b.pointer, b.column, c.pointer + i * c.row, n, k);
      return true;
    }
    if (b.column !== bytes || n % columns !== 0) return false;
    if (m > 1 || k < 8) {
      e.block!(a.pointer, a.row, b.pointer, columns * bytes, b.row, c.pointer, c.row, m, n / columns, k, 0);
      return true;
    }
    const first = k % 8;
    if (first)
      e.block!(a.pointer, 0, b.pointer, columns * bytes, b.row, c.pointer, c.row, 1, n / columns, first, 0);
    else this.heap.u8.fill(0, c.pointer, c.pointer + n * bytes);
    const from = b.pointer + first * b.row;
    e.sweep!(a.pointer + first * bytes, from, b.row, c.pointer, n / (columns / VECTORS), k - first);
    return true;
  }
}

function buildEdgeAdder(heap: Heap, accumulate: Accumulate): Exports[string] {
  const lane = ({ float32: 'f32', float64: 'f64', int32: 'i32', int64: 'i64' } as const)[accumulate];
  const [loadOp, storeOp] = { f32: [0x2a, 0x38], f64: [0x2b, 0x39], i32: [0x28, 0x36], i64: [0x29, 0x37] }[
    lane
  ] as [number, number];
  const bytes = lane.endsWith('32') ? 4 : 8;
  const m = new Module();
  m.fn('addEdge', Array(6).fill('i32'), [], (fn) => {
    const [source, step, target, ldc, rows, columns] = Array.from({ length: 6 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const j = fn.local('i32');
    fn.doWhile(
      () => {
        j.set(0);
        fn.doWhile(
          () => {
            const sum = fn.load(lane, loadOp, target.add(j)).add(fn.load(lane, loadOp, source.add(j)));
            fn.store(storeOp, target.add(j), sum);
            j.inc(bytes);
          },
          () => j.ltU(columns.mul(bytes)),
        );
        source.inc(step);
        target.inc(ldc);
        rows.inc(-1);
      },
      () => rows.ne(0),
    );
  });
  return instantiate(heap, m).addEdge!;
}
