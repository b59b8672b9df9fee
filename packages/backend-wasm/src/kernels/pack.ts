/**
 * Operands of a product in the order in which its tiles read them: b in panels of two vectors of columns, a in tiles of rows.
 */
import { elementLane, type Lane, laneCount } from '../asm/lane.ts';
import type { Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { loads, overRowTiles, stores, type TileForm, VECTORS } from './tile.ts';

/** Dense rows of B to panels: (source, ldb, target, k, panels). */
export function packRows(m: Module, lane: Lane): Fn {
  return m.fn('packRows', Array(5).fill('i32'), [], (fn) => {
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
export function packColumns(m: Module): Fn {
  return m.fn('packColumns', Array(5).fill('i32'), [], (fn) => {
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

/** The last columns, from a padded tile to their place: (source, source step, target, ldc, m, columns). */
export function copyEdge(m: Module, bytes: number): Fn {
  return m.fn('copyEdge', Array(6).fill('i32'), [], (fn) => {
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

/**
 * Rows of a to tiles, any strides: (source, bytes from row to row, from column to column, target, rows, k). A tile of r rows
 * has its k columns one after the other, r elements each.
 */
export function packLeft(m: Module, form: TileForm): void {
  m.fn('packLeft', Array(6).fill('i32'), [], (fn) => {
    const [source, row, column, target, rows, k] = Array.from({ length: 6 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const element = elementLane[form.lane];
    const bytes = 16 / laneCount[form.lane];
    const left = fn.local('i32');
    overRowTiles(fn, form, rows, (r) => {
      const p = Array.from({ length: r }, () => fn.local('i32'));
      p[0]!.set(source);
      for (let i = 1; i < r; i++) p[i]!.set(p[i - 1]!.add(row));
      left.set(k);
      fn.doWhile(
        () => {
          p.forEach((q, i) => {
            fn.store(stores[element]!, target, fn.load(element, loads[element]!, q), i * bytes);
            q.inc(column);
          });
          target.inc(r * bytes);
          left.inc(-1);
        },
        () => left.ne(0),
      );
      source.inc(row.mul(r));
    });
  });
}
