/** Copies of 4-byte elements whose source runs across the target: in tiles, so that each cache line is read and written once. */
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { PARAM_BYTES } from '../memory/addresses.ts';
import type { Heap } from '../memory/heap.ts';
import type { Loop } from '../memory/layout.ts';
import { type Exports, instantiate } from './engine.ts';

/** A tile's side: a cache line. */
const SIDE = 16;
const LINE = 4 * SIDE;
/** The tile on its way: rows of a target often lie so that the first cache cannot hold sixteen of them. */
const BUFFER = PARAM_BYTES - LINE * SIDE;
/** Elements per call, and calls that a job's table holds. */
const CHUNK = 16384;
const MOST_CALLS = 2048;

const LOAD = 0x100;
const STORE = 0x10b;

/** Four vectors of four, rows and columns exchanged, in locals. */
export function transposed(rows: readonly Val[]): [Val, Val, Val, Val] {
  const [a, b, c, d] = rows as [Val, Val, Val, Val];
  const [ab, cd] = [a.shuffle32(b, [0, 4, 1, 5]).keep(), c.shuffle32(d, [0, 4, 1, 5]).keep()];
  const [ab2, cd2] = [a.shuffle32(b, [2, 6, 3, 7]).keep(), c.shuffle32(d, [2, 6, 3, 7]).keep()];
  return [
    ab.shuffle32(cd, [0, 1, 4, 5]).keep(),
    ab.shuffle32(cd, [2, 3, 6, 7]).keep(),
    ab2.shuffle32(cd2, [0, 1, 4, 5]).keep(),
    ab2.shuffle32(cd2, [2, 3, 6, 7]).keep(),
  ];
}

/** Exports `transpose(rows, columns, from, from's step, to, to's step)`: to[r][c] = from[c][r], dense along r and along c. */
function build(heap: Heap): Exports[string] {
  const m = new Module();
  const four = ['i32', 'i32', 'i32', 'i32'] as const;
  const tile = m.fn(undefined, four, [], (fn) => {
    const [from, fromStep, to, toStep] = [0, 1, 2, 3].map((i) => fn.param(i)) as [Val, Val, Val, Val];
    const buffer = fn.frame().add(BUFFER).keep();
    const p = buffer.snapshot();
    const left = fn.local('i32');
    left.set(SIDE / 4);
    fn.doWhile(
      () => {
        const lines = [from, from.add(fromStep), from.add(fromStep.shl(1)), from.add(fromStep.mul(3))].map(
          (line) => line.snapshot(),
        );
        for (let r = 0; r < SIDE; r += 4) {
          transposed(lines.map((line) => fn.load('f32x4', LOAD, line, 4 * r).keep())).forEach((v, i) => {
            fn.store(STORE, p, v, LINE * (r + i));
          });
        }
        p.inc(16);
        from.inc(fromStep.shl(2));
        left.inc(-1);
      },
      () => left.ne(0),
    );
    left.set(SIDE);
    fn.doWhile(
      () => {
        for (let at = 0; at < LINE; at += 16) fn.store(STORE, to, fn.load('f32x4', LOAD, buffer, at), at);
        buffer.inc(LINE);
        to.inc(toStep);
        left.inc(-1);
      },
      () => left.ne(0),
    );
  });
  const edge = m.fn(undefined, ['i32', 'i32', ...four], [], (fn) => {
    const [rows, columns, from, fromStep, to, toStep] = [0, 1, 2, 3, 4, 5].map((i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const [p, q, left] = [fn.local('i32'), fn.local('i32'), fn.local('i32')];
    fn.while(
      () => rows.ne(0),
      () => {
        p.set(from);
        q.set(to);
        left.set(columns);
        fn.while(
          () => left.ne(0),
          () => {
            fn.storeI32(q, fn.loadI32(p));
            p.inc(fromStep);
            q.inc(4);
            left.inc(-1);
          },
        );
        from.inc(4);
        to.inc(toStep);
        rows.inc(-1);
      },
    );
  });
  m.fn('transpose', ['i32', 'i32', ...four], [], (fn) => {
    const [rows, columns, from, fromStep, to, toStep] = [0, 1, 2, 3, 4, 5].map((i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const [p, q, left] = [fn.local('i32'), fn.local('i32'), fn.local('i32')];
    fn.while(
      () => rows.geU(SIDE),
      () => {
        p.set(from);
        q.set(to);
        left.set(columns);
        fn.while(
          () => left.geU(SIDE),
          () => {
            fn.call(tile, [p, fromStep, q, toStep]).put();
            p.inc(fromStep.mul(SIDE));
            q.inc(LINE);
            left.inc(-SIDE);
          },
        );
        fn.call(edge, [fn.i32(SIDE), left, p, fromStep, q, toStep]).put();
        from.inc(LINE);
        to.inc(toStep.mul(SIDE));
        rows.inc(-SIDE);
      },
    );
    fn.call(edge, [rows, columns, from, fromStep, to, toStep]).put();
  });
  return instantiate(heap, m).transpose!;
}

const built = new WeakMap<Heap, Exports[string]>();

/**
 * The copy over a loop of two operands, target and source, or undefined for one that is not for tiles: the innermost dim is the
 * target's dense one, some other the source's, and both are long.
 */
export function transposing(
  heap: Heap,
  { sizes, strides }: Loop,
): ((to: number, from: number) => void) | undefined {
  const [target, source] = strides as [number[], number[]];
  const inner = sizes.length - 1;
  const columns = sizes[inner]!;
  if (target[inner] !== 4 || columns < SIDE) return undefined;
  const d = source.findIndex((s, i) => i < inner && s === 4 && sizes[i]! >= SIDE);
  if (d < 0) return undefined;
  const outer = sizes.map((_, i) => i).filter((i) => i !== d && i !== inner);
  const [fromStep, toStep] = [source[inner]!, target[d]!];
  const rows = Math.max(SIDE, Math.floor(CHUNK / columns / SIDE) * SIDE);
  const calls: number[] = [];
  const offsets = (k: number, to: number, from: number): void => {
    if (k < outer.length) {
      for (let i = 0; i < sizes[outer[k]!]!; i++)
        offsets(k + 1, to + i * target[outer[k]!]!, from + i * source[outer[k]!]!);
      return;
    }
    for (let r = 0; r < sizes[d]!; r += rows)
      calls.push(Math.min(rows, sizes[d]! - r), from + 4 * r, to + r * toStep);
  };
  offsets(0, 0, 0);
  let transpose = built.get(heap);
  if (!transpose) built.set(heap, (transpose = build(heap)));
  const run = transpose;
  return (to, from) => {
    const count = calls.length / 3;
    const { team } = heap;
    if (count <= MOST_CALLS && team.pieces(count * rows * columns * 0.15, count) > 1) {
      let w = team.table(6 * count);
      for (let i = 0; i < calls.length; i += 3) {
        const row = [calls[i]!, columns, from + calls[i + 1]!, fromStep, to + calls[i + 2]!, toStep];
        for (const word of row) heap.i32[w++] = word;
      }
      team.run(run, 6, count);
      return;
    }
    for (let i = 0; i < calls.length; i += 3)
      run(calls[i]!, columns, from + calls[i + 1]!, fromStep, to + calls[i + 2]!, toStep);
  };
}
