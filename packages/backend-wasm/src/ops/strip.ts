/** A run of float32 elements in generated code: vectors, several to a step where that pays, then what is left one by one. */
import type { Fn } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';

const V128_LOAD = 0x100;
const V128_STORE = 0x10b;
const F32_LOAD = 0x2a;
const F32_STORE = 0x38;

/** A place in the run: a vector, or one element. */
export interface Place {
  readonly lane: 'f32x4' | 'f32';
  /** Which vector of the step. */
  readonly u: number;
  /** Where the i-th pointer's step begins. */
  at(i: number): Val;
  /** The element or vector of the i-th pointer. */
  load(i: number): Val;
  store(i: number, value: Val): void;
}

/** Calls `body` for every part of a step; the pointers themselves stay as they are. `n` may be 0. */
export function strip(
  fn: Fn,
  n: Val,
  pointers: readonly Val[],
  unroll: number,
  body: (place: Place) => void,
): void {
  const p = pointers.map((from) => from.snapshot());
  const count = fn.local('i32');
  const loop = (vectors: number): void => {
    const bytes = vectors === 0 ? 4 : 16;
    fn.if(count.ne(0), () =>
      fn.doWhile(
        () => {
          for (let u = 0; u < Math.max(1, vectors); u++)
            body({
              lane: vectors === 0 ? 'f32' : 'f32x4',
              u,
              at: (i) => p[i]!,
              load: (i) =>
                vectors === 0 ? fn.load('f32', F32_LOAD, p[i]!) : fn.load('f32x4', V128_LOAD, p[i]!, 16 * u),
              store: (i, value) => fn.store(vectors === 0 ? F32_STORE : V128_STORE, p[i]!, value, bytes * u),
            });
          for (const q of p) q.inc(bytes * Math.max(1, vectors));
          count.inc(-1);
        },
        () => count.ne(0),
      ),
    );
  };
  const step = 4 * unroll;
  if (unroll > 1) {
    count.set(n.divU(step));
    loop(unroll);
  }
  count.set(unroll > 1 ? n.remU(step).shrU(2) : n.shrU(2));
  loop(1);
  count.set(n.and(3));
  loop(0);
}

/** Folds of a run: an accumulator per vector of a step (additions take several cycles), and one for the elements left. */
export class Fold {
  private readonly vectors: Val[];
  private readonly single: Val;

  constructor(
    fn: Fn,
    unroll: number,
    start: number,
    private readonly join: (a: Val, b: Val) => Val,
  ) {
    this.vectors = Array.from({ length: unroll }, () => fn.const('f32x4', start).snapshot());
    this.single = fn.const('f32', start).snapshot();
  }

  take({ lane, u }: Place, value: Val): void {
    const acc = lane === 'f32' ? this.single : this.vectors[u]!;
    acc.set(this.join(acc, value));
  }

  /** All of it, as one element. */
  result(): Val {
    let all: Val[] = this.vectors;
    while (all.length > 1) {
      const half = all.length >> 1;
      all = all.slice(0, half).map((a, k) => this.join(a, all[half + k]!).keep());
    }
    const v = all[0]!;
    const pairs = this.join(v, v.shuffle32(v, [2, 3, 2, 3]).keep()).keep();
    const one = this.join(pairs.extract(0).keep(), pairs.extract(1).keep()).keep();
    return this.join(one, this.single).keep();
  }
}

export const sumOf = (fn: Fn, unroll: number): Fold => new Fold(fn, unroll, 0, (a, b) => a.add(b));
/** NaN is passed over: what follows a maximum in these kernels meets it again. */
export const maxOf = (fn: Fn, unroll: number): Fold =>
  new Fold(fn, unroll, Number.NEGATIVE_INFINITY, (a, b) =>
    // `a < b ? b : a`: one instruction for vectors.
    a.lane === 'f32' ? fn.select(a.lt(b), b, a) : a.atLeast(b),
  );

/** float32 additions in one chain per accumulator before a sum goes on in double. */
export const PIECE = 2048;

/** Sums a long run in pieces: `piece(offset in bytes, n)` gives the sum of one; their sum is a double. */
export function sumInPieces(fn: Fn, n: Val, piece: (offset: Val, count: Val) => Val, into: Val): void {
  const offset = fn.local('i32');
  const left = n.snapshot();
  const count = fn.local('i32');
  offset.set(0);
  into.set(0);
  fn.doWhile(
    () => {
      count.set(fn.select(left.gtU(PIECE), fn.i32(PIECE), left));
      into.set(into.add(piece(offset, count).convert(0xbb, 'f64')));
      offset.inc(count.shl(2));
      left.set(left.sub(count));
    },
    () => left.ne(0),
  );
}
