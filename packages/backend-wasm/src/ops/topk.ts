/** `topk` of dense float32 rows for few of many: the best so far in order, and vectors in which nothing is better passed over. */
import type { OpKernel, View } from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { type Exports, instantiate } from '../kernels/engine.ts';
import type { Heap } from '../memory/heap.ts';
import { dense, eachRows, isRows } from './rows.ts';
import { eachRow } from './softmax.ts';

/** More than this, or than a part of the row, and sorting it is as good. */
const MOST = 256;
const LEAST_SHARE = 8;
/** Where in the thread's frame the best stand: 8 bytes each, key and place. */
const BEST = 32 * 1024;
/** Nanoseconds per element, about. */
const COST = 0.5;

/** Integers that order as the numbers do: -0 is 0, NaN above all. Backwards where the smallest are wanted. */
function keyOf(x: Val, largest: boolean): Val {
  const bits = x.add(0).bits().keep();
  const ordered = bits.xor(bits.shr(31).and(0x7fffffff));
  const key = x.fn.select(x.ne(x), bits.k(0x7fffffff), ordered);
  return (largest ? key : key.xor(-1)).keep();
}

/** Exports `rows` over x, values, indices; then k. The first of equals comes first. */
function bestRows(heap: Heap, largest: boolean): Exports[string] {
  const m = new Module();
  /** Puts a number among the first `count` of the best, of which there is room for one more or the last one goes. */
  const insert = m.fn(undefined, ['i32', 'i32', 'i32', 'i32'], [], (fn) => {
    const [best, count, key, place] = [0, 1, 2, 3].map((i) => fn.param(i)) as [Val, Val, Val, Val];
    const p = best.add(count.shl(3)).snapshot();
    fn.block(() => {
      fn.while(
        () => p.gtU(best),
        () => {
          fn.loadI32(p.sub(8)).ge(key).put();
          fn.brIf(2);
          fn.store(0x37, p, fn.load('i64', 0x29, p.sub(8)));
          p.inc(-8);
        },
      );
    });
    fn.storeI32(p, key);
    fn.storeI32(p, place, 4);
  });
  eachRow(m, 3, ['i32'], (fn, n, [x, values, indices], [k]) => {
    const best = fn.frame().add(BEST).keep();
    const [i, p, least] = [fn.local('i32'), fn.local('i32'), fn.local('i32')];
    i.set(0);
    p.set(x!);
    const last = best.add(k!.sub(1).shl(3)).keep();
    const one = (count: Val): void => {
      const key = keyOf(fn.load('f32', 0x2a, p).keep(), largest);
      fn.call(insert, [best, count, key, i]).put();
    };
    const next = (elements: number): void => {
      i.inc(elements);
      p.inc(4 * elements);
    };
    fn.doWhile(
      () => {
        one(i);
        next(1);
      },
      () => i.ltU(k!),
    );
    least.set(fn.loadI32(last));
    const check = (): void => {
      const key = keyOf(fn.load('f32', 0x2a, p).keep(), largest);
      fn.if(key.gt(least), () => {
        fn.call(insert, [best, k!.sub(1), key, i]).put();
        least.set(fn.loadI32(last));
      });
      next(1);
    };
    fn.while(
      () => n.geU(i.add(4)),
      () => {
        const keys = keyOf(fn.load('f32x4', 0x100, p).keep(), largest);
        fn.if(
          keys.gt(least.splat()).anyTrue(),
          () => {
            for (let lane = 0; lane < 4; lane++) check();
          },
          () => next(4),
        );
      },
    );
    fn.while(() => i.ltU(n), check);
    const [v, at] = [values!.snapshot(), indices!.snapshot()];
    const left = k!.snapshot();
    p.set(best);
    fn.doWhile(
      () => {
        const place = fn.loadI32(p, 4).keep();
        fn.storeI32(v, fn.loadI32(x!.add(place.shl(2))));
        fn.store(0x37, at, place.convert(0xad, 'i64'));
        v.inc(4);
        at.inc(8);
        p.inc(8);
        left.inc(-1);
      },
      () => left.ne(0),
    );
  });
  return instantiate(heap, m).rows!;
}

export function topk(heap: Heap): OpKernel {
  const variants = new Map<boolean, Exports[string]>();
  return ([self, most, dim, wantsLargest]) => {
    const x = self as View;
    const [k, largest] = [Number(most), wantsLargest === true];
    const rank = x.shape.length;
    if (!isRows(x) || rank === 0 || (dim !== -1 && dim !== rank - 1)) return undefined;
    const n = x.shape[rank - 1]!;
    if (k < 1 || k > MOST || k * LEAST_SHARE > n || x.shape.includes(0)) return undefined;
    let rows = variants.get(largest);
    if (!rows) variants.set(largest, (rows = bestRows(heap, largest)));
    const shape = [...x.shape.slice(0, -1), k];
    const [values, indices] = [dense(heap, 'float32', shape), dense(heap, 'int64', shape)];
    heap.team.each(rows, x.shape.reduce((a, b) => a * b, 1) * COST, (call) =>
      eachRows([x, values, indices], 1, (p, s, count) =>
        call(n, count, p[0], p[1], p[2], s[0], s[1], s[2], k),
      ),
    );
    return [values, indices];
  };
}
