/**
 * The inner loops of every product: a tile of c in registers, and all tiles of a block of rows under panels of b. Register
 * tiles are as large as V8's 15 vector registers hold without spills: 5 rows by 2 vectors where products are added by a
 * second instruction, 6 by 2 where `relaxed_madd` does both.
 */
import { elementLane, type Lane, laneCount } from '../asm/lane.ts';
import type { Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { applyEnding, ENDING_WORDS, type Ending, type Meeting } from './ending.ts';

const LOAD = 0x100;
const SPLAT32 = 0x109;
const SPLAT64 = 0x10a;
const STORE = 0x10b;
export const loads: Partial<Record<Lane, number>> = { f32: 0x2a, f64: 0x2b, i32: 0x28, i64: 0x29 };
export const stores: Partial<Record<Lane, number>> = { f32: 0x38, f64: 0x39, i32: 0x36, i64: 0x37 };

/** What becomes of the sums: c is added to, `finish` is applied. */
export const ADD = 1;
export const FINISH = 2;

/** Where a thread puts a tile's row whose columns do not fill their vectors; bytes from its frame. */
const EDGE = 62 * 1024;

/** Vectors of a panel. */
export const VECTORS = 2;

let fused: boolean | undefined;

/** Whether this engine has f32x4.relaxed_madd: one rounding instead of two, and no register for the product. */
export function hasFused(): boolean {
  // (func (param v128) (result v128) local.get 0 local.get 0 local.get 0 f32x4.relaxed_madd)
  fused ??= WebAssembly.validate(
    new Uint8Array([
      0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 1, 0x60, 1, 0x7b, 1, 0x7b, 3, 2, 1, 0, 10, 13, 1, 11, 0, 0x20, 0, 0x20, 0,
      0x20, 0, 0xfd, 0x85, 2, 0x0b,
    ]), // biome-ignore format: a module
  );
  return fused;
}

/** How a module's tiles compute, and what they do with their sums. */
export interface TileForm {
  readonly lane: Lane;
  readonly ending?: Ending | undefined;
}

/** Rows of the tallest tile. */
export const rowsOf = ({ lane }: TileForm): number => (lane === 'f32x4' && hasFused() ? 6 : 5);

/** What a tile covers of b, and how it reads a. */
export interface Shape {
  readonly vectors: number;
  /** Stores only some of its columns, though it reads whole vectors of b. */
  readonly edge: boolean;
  /** a as `packLeft` puts it: the rows of a column side by side. Else its rows are dense. */
  readonly packed: boolean;
}

const HEAD = ['a', 'lda', 'b', 'ldb', 'k', 'c', 'ldc', 'flags'] as const;
type Head = Record<(typeof HEAD)[number], Val>;

const endingParams = (form: TileForm): number => ENDING_WORDS * (form.ending?.meetings.length ?? 0);

export function headOf(fn: Fn): Head {
  return Object.fromEntries(HEAD.map((name, i) => [name, fn.param(i)])) as Head;
}

/**
 * A tile: (a, lda, b, ldb, k, c, ldc, flags, the ending's words; for an edge the columns). Strides in bytes, `lda`
 * also where a is packed; the columns of b and c are dense in the panel.
 */
export function tile(m: Module, form: TileForm, rows: number, { vectors, edge, packed }: Shape): Fn {
  const { lane, ending } = form;
  const words = endingParams(form);
  const bytes = 16 / laneCount[lane];
  const params = HEAD.length + words + (edge ? 1 : 0);
  return m.fn(undefined, Array(params).fill('i32'), [], (fn) => {
    const { a, lda, b, ldb, k, c, ldc, flags } = headOf(fn);
    const operands = Array.from({ length: words }, (_, i) => fn.param(HEAD.length + i));
    const acc = Array.from({ length: rows }, () => Array.from({ length: vectors }, () => fn.local(lane)));
    const right = Array.from({ length: vectors }, () => fn.local(lane));
    const left = fn.local(lane);
    const row = packed ? [a] : Array.from({ length: rows }, (_, i) => (i === 0 ? a : fn.local('i32')));
    const isFused = lane === 'f32x4' && hasFused();
    for (let i = 1; i < row.length; i++) row[i]!.set(row[i - 1]!.add(lda));
    for (const r of acc) for (const v of r) fn.zero(v);
    // One step of k per turn, counted by where a ends: unrolled, V8 before 12 keeps too many vectors alive and spills. The test before the
    // loop is not for an empty k: without that branch V8's allocation is worse, by a third of the speed.
    const step = packed ? rows * bytes : bytes;
    const end = row[0]!.add(k.mul(step)).keep();
    fn.block(() => {
      k.lt(1).put();
      fn.brIf(0);
      fn.doWhile(
        () => {
          right.forEach((r, j) => {
            r.set(fn.load(lane, LOAD, b, 16 * j));
          });
          for (let i = 0; i < rows; i++) {
            const at = packed ? i * bytes : 0;
            left.set(fn.load(lane, bytes === 4 ? SPLAT32 : SPLAT64, packed ? a : row[i]!, at));
            for (let j = 0; j < vectors; j++) {
              const sum = acc[i]![j]!;
              sum.set(isFused ? left.mulAdd(right[j]!, sum) : sum.add(left.mul(right[j]!)));
            }
          }
          for (const r of row) r.inc(step);
          b.inc(ldb);
        },
        () => row[0]!.ltU(end),
      );
    });
    if (edge) storeEdge(fn, form, acc, { c, ldc, flags }, operands, fn.param(HEAD.length + words));
    else {
      const put = (value: (at: Val, j: number) => Val, then?: (i: number) => void): void => {
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < vectors; j++) fn.store(STORE, c, value(acc[i]![j]!, j), 16 * j);
          if (i === rows - 1) continue;
          c.inc(ldc);
          then?.(i);
        }
      };
      const old = (j: number): Val => fn.load(lane, LOAD, c, 16 * j);
      const plain = (): void =>
        fn.if(
          flags.and(ADD),
          () => put((v, j) => old(j).add(v)),
          () => put((v) => v),
        );
      if (!ending) plain();
      else
        fn.if(
          flags.and(FINISH),
          () => {
            fn.if(flags.and(ADD), () => {
              const at = c.snapshot();
              acc.forEach((r, i) => {
                r.forEach((v, j) => {
                  v.set(fn.load(lane, LOAD, at, 16 * j).add(v));
                });
                if (i < rows - 1) at.inc(ldc);
              });
            });
            put(
              (v, j) =>
                applyEnding(fn, ending, v, (i, meeting) => operandAt(fn, operands, i, meeting, c, 16 * j)),
              () => nextRow(ending, operands),
            );
          },
          plain,
        );
    }
  });
}

/** The operand for the sums at `c + offset`. */
function operandAt(
  fn: Fn,
  operands: readonly Val[],
  i: number,
  meeting: Meeting,
  c: Val,
  offset: number,
): Val {
  const at = operands[ENDING_WORDS * i]!;
  if (meeting === 'row') return fn.load('f32x4', SPLAT32, at);
  return fn.load('f32x4', LOAD, meeting === 'same' ? c.add(at) : at, offset);
}

function nextRow(ending: Ending, operands: readonly Val[]): void {
  ending.meetings.forEach((meeting, i) => {
    if (meeting === 'row') operands[ENDING_WORDS * i]!.inc(operands[ENDING_WORDS * i + 1]!);
  });
}

/** Row by row through memory, then its columns one at a time. */
function storeEdge(
  fn: Fn,
  form: TileForm,
  acc: readonly (readonly Val[])[],
  { c, ldc, flags }: Pick<Head, 'c' | 'ldc' | 'flags'>,
  operands: readonly Val[],
  columns: Val,
): void {
  const { lane, ending } = form;
  const element = elementLane[lane];
  const bytes = 16 / laneCount[lane];
  const place = fn.frame().add(EDGE).keep();
  acc.forEach((r, i) => {
    r.forEach((v, j) => {
      fn.store(STORE, place, v, 16 * (i * r.length + j));
    });
  });
  const from = place.snapshot();
  const at = fn.local('i32');
  const to = fn.local('i32');
  const rows = fn.local('i32');
  rows.set(acc.length);
  fn.doWhile(
    () => {
      at.set(0);
      fn.doWhile(
        () => {
          to.set(c.add(at));
          const sum = fn.load(element, loads[element]!, from.add(at)).snapshot();
          fn.if(flags.and(ADD), () => sum.set(fn.load(element, loads[element]!, to).add(sum)));
          if (ending)
            fn.if(flags.and(FINISH), () =>
              sum.set(
                applyEnding(
                  fn,
                  ending,
                  sum,
                  (i, meeting) => {
                    const p = operands[ENDING_WORDS * i]!;
                    return fn.load(
                      'f32',
                      loads.f32!,
                      meeting === 'row' ? p : p.add(meeting === 'same' ? to : at),
                    );
                  },
                  1,
                ),
              ),
            );
          fn.store(stores[element]!, to, sum);
          at.inc(bytes);
        },
        () => at.ltU(columns.mul(bytes)),
      );
      from.inc(16 * acc[0]!.length);
      c.inc(ldc);
      if (ending) nextRow(ending, operands);
      rows.inc(-1);
    },
    () => rows.ne(0),
  );
}

/**
 * Runs `body` for the row tiles of so many rows, with the height of each: whole tiles, and at the end two of like height
 * where one alone would have a row or two and wait for its own sums.
 */
export function overRowTiles(fn: Fn, form: TileForm, rows: Val, body: (height: number) => void): void {
  const most = rowsOf(form);
  const left = rows.snapshot();
  fn.while(
    () => left.geU(most + 3),
    () => {
      body(most);
      left.inc(-most);
    },
  );
  for (let r = most + 1; r <= most + 2; r++)
    fn.if(left.eq(r), () => {
      body(r >> 1);
      left.inc(-(r >> 1));
    });
  for (let r = 1; r <= most; r++) fn.if(left.eq(r), () => body(r));
}

/**
 * A dense panel into the first cache, all its lines at once: the first tile would wait for one after the other where the panel
 * comes from memory. `seen` keeps V8 from leaving the loads out.
 */
export function fetch(fn: Fn, line: Val, panel: Val, bytes: Val, seen: Val): void {
  const end = panel.add(bytes).keep();
  line.set(panel);
  fn.doWhile(
    () => {
      seen.set(seen.xor(fn.loadI32(line)));
      line.inc(64);
    },
    () => line.ltU(end),
  );
}

/**
 * All row tiles under each panel of b: (a, lda, b, ldb, k, c, ldc, flags, the ending's words, rows, panels, bytes from
 * panel to panel); an edge takes its columns instead of the last two.
 */
export function block(m: Module, form: TileForm, shape: Shape): Fn {
  const tiles = Array.from({ length: rowsOf(form) }, (_, r) => tile(m, form, r + 1, shape));
  const words = endingParams(form);
  const first = HEAD.length + words;
  const { vectors, edge } = shape;
  return m.fn(undefined, Array(first + (edge ? 2 : 3)).fill('i32'), [], (fn) => {
    const { a, lda, b, ldb, k, c, ldc, flags } = headOf(fn);
    const operands = Array.from({ length: words }, (_, i) => fn.param(HEAD.length + i));
    const [rows, panels] = [fn.param(first), fn.param(first + 1)];
    const pa = fn.local('i32');
    const pc = fn.local('i32');
    const moving = operands.map(() => fn.local('i32'));
    const line = fn.local('i32');
    const seen = fn.local('i32');
    const panel = (): void => {
      fn.if(ldb.eq(16 * vectors), () => fetch(fn, line, b, k.mul(16 * vectors), seen));
      pa.set(a);
      pc.set(c);
      moving.forEach((v, i) => {
        v.set(operands[i]!);
      });
      overRowTiles(fn, form, rows, (height) => {
        const args = [pa, lda, b, ldb, k, pc, ldc, flags, ...moving];
        fn.call(tiles[height - 1]!, edge ? [...args, panels] : args).put();
        pa.inc(lda.mul(height));
        pc.inc(ldc.mul(height));
        form.ending?.meetings.forEach((meeting, i) => {
          if (meeting === 'row') moving[ENDING_WORDS * i]!.inc(operands[ENDING_WORDS * i + 1]!.mul(height));
        });
      });
    };
    if (edge) {
      panel();
      return;
    }
    fn.doWhile(
      () => {
        panel();
        b.inc(fn.param(first + 2));
        c.inc(16 * vectors);
        form.ending?.meetings.forEach((meeting, i) => {
          if (meeting === 'column') operands[ENDING_WORDS * i]!.inc(16 * vectors);
        });
        panels.inc(-1);
      },
      () => panels.ne(0),
    );
    fn.if(seen.eq(0x5a5a5a5b), () => fn.storeI32(fn.frame(), seen, EDGE));
  });
}
