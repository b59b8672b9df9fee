/**
 * What a product's threads call: a block of tiles whose operands are packed, some panels in all their depth, or a whole product
 * of a batch, for which its thread packs b itself.
 */
import { type Lane, laneCount } from '../asm/lane.ts';
import type { Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { ENDING_WORDS } from './ending.ts';
import { copyEdge, packColumns, packRows } from './pack.ts';
import { ADD, block, FINISH, headOf, type TileForm, VECTORS } from './tile.ts';

/**
 * Depth of a packed block, which is the longest chain of additions. 256 takes 3 to 5 % less time for square products, 8 % more for
 * planes of 7 x 7, and where products cancel it is further from the exact sum than the suite allows.
 */
export const KC = 128;

type Four = [Val, Val, Val, Val];
type Seven = [Val, Val, Val, Val, Val, Val, Val];

/** Bytes of a panel's row. */
export const LINE = 16 * VECTORS;
const bytesOf = (lane: Lane): number => 16 / laneCount[lane];

/** (k, body): `body` for each part of a depth of k, with its own depth and the flags of its place. k is used up. */
export function overDepth(fn: Fn, k: Val, finishes: boolean, body: (depth: Val, flags: Val) => void): void {
  const depth = fn.local('i32');
  const added = fn.local('i32');
  fn.doWhile(
    () => {
      depth.set(fn.select(k.ltU(KC), k, fn.i32(KC)));
      body(depth, finishes ? added.or(fn.select(k.eq(depth), fn.i32(FINISH), fn.i32(0))) : added);
      k.inc(depth.neg());
      added.set(ADD);
    },
    () => k.ne(0),
  );
}

/** Blocks of products: (a, lda, b, ldb, k, c, ldc, flags, the ending's words, rows, panels, panel step, columns of the edge). */
export function exportBlocks(m: Module, form: TileForm, packed: boolean): Fn {
  const whole = block(m, form, { vectors: VECTORS, edge: false, packed });
  const edge = block(m, form, { vectors: VECTORS, edge: true, packed });
  const words = ENDING_WORDS * (form.ending?.meetings.length ?? 0);
  return m.fn(packed ? 'packed' : 'inPlace', Array(12 + words).fill('i32'), [], (fn) => {
    const { a, lda, b, ldb, k, c, ldc, flags } = headOf(fn);
    const operands = Array.from({ length: words }, (_, i) => fn.param(8 + i));
    const [rows, panels, step, columns] = [0, 1, 2, 3].map((i) => fn.param(8 + words + i)) as [
      Val,
      Val,
      Val,
      Val,
    ];
    fn.if(panels.ne(0), () =>
      fn.call(whole, [a, lda, b, ldb, k, c, ldc, flags, ...operands, rows, panels, step]).put(),
    );
    fn.if(columns.ne(0), () => {
      const skip = panels.mul(16 * VECTORS).keep();
      const moved = operands.map((v, i) =>
        i % ENDING_WORDS === 0 && form.ending?.meetings[i / ENDING_WORDS] === 'column' ? v.add(skip) : v,
      );
      fn.call(edge, [
        a,
        lda,
        b.add(panels.mul(step)),
        ldb,
        k,
        c.add(skip),
        ldc,
        flags,
        ...moved,
        rows,
        columns,
      ]).put();
    });
  });
}

/**
 * Some panels of c at once, where all of a and of b are packed: `whole` blocks one after the other in depth. Parameters: (a,
 * bytes of one of its columns, b, bytes of one of its rows, k, c, ldc, the ending's words, rows, first panel, panels, columns of
 * the edge); c is where the first panel's are.
 */
export function exportDeep(m: Module, { lane, ending }: TileForm, blocks: Fn): void {
  const words = ENDING_WORDS * (ending?.meetings.length ?? 0);
  m.fn('deep', Array(11 + words).fill('i32'), [], (fn) => {
    const [a, column, b, row, k, c, ldc] = Array.from({ length: 7 }, (_, i) => fn.param(i)) as Seven;
    const operands = Array.from({ length: words }, (_, i) => fn.param(7 + i));
    const [rows, first, panels, columns] = [0, 1, 2, 3].map((i) => fn.param(7 + words + i)) as Four;
    overDepth(fn, k, ending !== undefined, (depth, flags) => {
      const step = depth.mul(LINE).keep();
      fn.call(blocks, [
        a, depth.mul(bytesOf(lane)), b.add(first.mul(step)), fn.i32(LINE), depth, c, ldc, flags, ...operands,
        rows, panels, step, columns,
      ]).put(); // biome-ignore format: the parameters of `exportBlocks`
      a.inc(depth.mul(column));
      b.inc(depth.mul(row));
    });
  });
}

/**
 * A whole product, b packed for it: (a, lda, b, ldb, k, c, ldc, the ending's words, rows, columns, whether the columns of b are
 * dense and ldb goes from one to the next, scratch of the threads, bytes of it for each). a is read where it is.
 */
export function exportWhole(m: Module, form: TileForm): void {
  const { lane, ending } = form;
  const bytes = bytesOf(lane);
  const words = ENDING_WORDS * (ending?.meetings.length ?? 0);
  const blocks = exportBlocks(m, form, false);
  const rowsToPanels = packRows(m, lane);
  const columnsToPanels = bytes === 4 ? packColumns(m) : undefined;
  const edge = copyEdge(m, bytes);
  m.fn('whole', Array(12 + words).fill('i32'), [], (fn) => {
    const [a, lda, b, ldb, k, c, ldc] = Array.from({ length: 7 }, (_, i) => fn.param(i)) as Seven;
    const operands = Array.from({ length: words }, (_, i) => fn.param(7 + i));
    const [rows, n, byColumns, scratch] = [0, 1, 2, 3].map((i) => fn.param(7 + words + i)) as Four;
    const target = scratch.add(fn.thread().mul(fn.param(11 + words))).keep();
    const panels = n.divU(LINE / bytes).keep();
    const rest = n.sub(panels.mul(LINE / bytes)).keep();
    const [from, to, left] = [fn.local('i32'), fn.local('i32'), fn.local('i32')];
    overDepth(fn, k, ending !== undefined, (depth, flags) => {
      const step = depth.mul(LINE).keep();
      to.set(target.add(panels.mul(step)));
      left.set(rest);
      fn.if(left.ne(0), () => fn.fillMemory(to, fn.i32(0), step));
      const packByRows = (): void => {
        fn.if(panels.ne(0), () => fn.call(rowsToPanels, [b, ldb, target, depth, panels]).put());
        from.set(b.add(panels.mul(LINE)));
        fn.if(left.ne(0), () => fn.call(edge, [from, ldb, to, fn.i32(LINE), depth, left]).put());
        b.inc(depth.mul(ldb));
      };
      if (!columnsToPanels) packByRows();
      else
        fn.if(
          byColumns,
          () => {
            fn.if(panels.ne(0), () => fn.call(columnsToPanels, [b, ldb, target, depth, panels]).put());
            from.set(b.add(panels.mul(ldb.mul(LINE / bytes))));
            // A column of the last panel is a dense run of b: copied one element wide.
            fn.while(
              () => left.ne(0),
              () => {
                fn.call(edge, [from, fn.i32(bytes), to, fn.i32(LINE), depth, fn.i32(1)]).put();
                from.inc(ldb);
                to.inc(bytes);
                left.inc(-1);
              },
            );
            b.inc(depth.mul(bytes));
          },
          packByRows,
        );
      fn.call(blocks, [
        a, lda, target, fn.i32(LINE), depth, c, ldc, flags, ...operands, rows, panels, step, rest,
      ]).put(); // biome-ignore format: the parameters of `exportBlocks`
      a.inc(depth.mul(bytes));
    });
  });
}
