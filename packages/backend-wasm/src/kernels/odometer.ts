/** The walk over all dims but the innermost: sizes and strides that the host wrote, counted up by generated code. */
import type { Fn } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { type Heap, PARAM_BYTES, PARAMS } from '../memory/heap.ts';
import { cut, type Loop } from '../memory/layout.ts';
import type { Exports } from './engine.ts';

/** Scalars of the call, 8 bytes each, then loops. */
export const SCALARS = PARAMS;
export const MAX_SCALARS = 128;
export const LOOP = PARAMS + MAX_SCALARS * 8;

/**
 * Words of a loop: number of outer dims, inner size, a pointer per operand, an inner stride per operand; then per
 * outer dim, innermost first: size, counter, a stride per operand, and per operand the way back to its start.
 */
const dimWords = (operands: number): number => 2 + 2 * operands;
const headWords = (operands: number): number => 2 + 2 * operands;

/** Bytes of a loop's record, so that another may follow it. */
export const loopBytes = (operands: number, dims: number): number =>
  4 * (headWords(operands) + Math.max(0, dims - 1) * dimWords(operands));

/** Address of the counter of the outer dim `k` counted from the inside (0 is the one next to the innermost). */
export const counterAddress = (at: number, operands: number, k: number): number =>
  at + 4 * (headWords(operands) + k * dimWords(operands) + 1);

/** Writes the record; the last dim is the inner one. */
export function writeLoop(heap: Heap, at: number, pointers: readonly number[], loop: Loop): void {
  const { i32 } = heap;
  const { sizes, strides } = loop;
  const inner = sizes.length - 1;
  let w = at >> 2;
  i32[w++] = inner;
  i32[w++] = sizes[inner]!;
  for (const p of pointers) i32[w++] = p;
  for (const s of strides) i32[w++] = s[inner]!;
  for (let d = inner - 1; d >= 0; d--) {
    const n = sizes[d]!;
    i32[w++] = n;
    i32[w++] = 0;
    for (const s of strides) i32[w++] = s[d]!;
    for (const s of strides) i32[w++] = s[d]! * n;
  }
}

export interface Row {
  /** Elements of the inner dim. */
  readonly n: Val;
  readonly pointers: readonly Val[];
  /** Byte strides of the inner dim. */
  readonly strides: readonly Val[];
}

/** Runs `body` for every row. The body must leave the row's locals as they are. `at` may be computed. */
export function odometer(fn: Fn, at: number | Val, operands: number, body: (row: Row) => void): void {
  const base = typeof at === 'number' ? fn.i32(at) : at;
  const word = (w: number): Val => fn.loadI32(base, 4 * w);
  const fetched = (w: number): Val => {
    const local = fn.local('i32');
    local.set(word(w));
    return local;
  };
  const n = fetched(1);
  const pointers = Array.from({ length: operands }, (_, i) => fetched(2 + i));
  const strides = Array.from({ length: operands }, (_, i) => fetched(2 + operands + i));
  const dim = fn.local('i32');
  const left = fn.local('i32');
  const count = fn.local('i32');
  const size = dimWords(operands) * 4;
  fn.doWhile(
    () => {
      body({ n, pointers, strides });
      dim.set(base.add(4 * headWords(operands)));
      left.set(word(0));
      // Count up; where a dim is full, step back to its start and count the next.
      fn.block(() => {
        fn.while(
          () => left.ne(0),
          () => {
            count.set(fn.loadI32(dim, 4).add(1));
            pointers.forEach((p, i) => {
              p.set(p.add(fn.loadI32(dim, 8 + 4 * i)));
            });
            fn.if(count.ltU(fn.loadI32(dim, 0)), () => {
              fn.storeI32(dim, count, 4);
              // Out of if, loop, the while's block and the outer block.
              fn.br(3);
            });
            fn.storeI32(dim, 0, 4);
            pointers.forEach((p, i) => {
              p.set(p.sub(fn.loadI32(dim, 8 + 4 * (operands + i))));
            });
            dim.set(dim.add(size));
            left.set(left.sub(1));
          },
        );
      });
    },
    () => left.ne(0),
  );
}

export interface Cutting {
  /** Nanoseconds of work in all, about; 0 for what must stay on one thread. */
  readonly ns: number;
  /** The inner dim stays whole. */
  readonly rows?: boolean;
  /** Where the records of the parts must end, which stand one after the other. */
  readonly end?: number;
  /** Called first where there are several parts. */
  readonly before?: () => void;
}

/**
 * Runs `drive(at)`, an exported function that walks the record at its argument and writes nothing else of its own but in
 * its frame: on threads, a part of the loop each, where they pay.
 */
export function driveLoop(
  heap: Heap,
  drive: Exports[string],
  pointers: readonly number[],
  loop: Loop,
  { ns, rows = false, end = PARAMS + PARAM_BYTES, before }: Cutting,
): void {
  const bytes = loopBytes(pointers.length, loop.sizes.length);
  const dims = loop.sizes.length - (rows ? 1 : 0);
  let longest = 0;
  for (let d = 0; d < dims; d++) longest = Math.max(longest, loop.sizes[d]!);
  const pieces = heap.team.pieces(ns, Math.min(Math.floor((end - LOOP) / bytes), longest));
  if (pieces === 1) {
    writeLoop(heap, LOOP, pointers, loop);
    drive(LOOP);
    return;
  }
  before?.();
  const parts = cut(loop, pieces, dims);
  const w = heap.team.table(parts.length);
  parts.forEach((part, i) => {
    const at = LOOP + i * bytes;
    heap.i32[w + i] = at;
    writeLoop(
      heap,
      at,
      pointers.map((p, k) => p + part.from[k]!),
      part.loop,
    );
  });
  heap.team.run(drive, 1, parts.length);
}
