/**
 * Sort kernels: a merge sort, bottom up, of integer keys that order as the values do. Narrow keys carry their index in
 * the low half of a 64-bit word, so that no two are equal; 64-bit ones have it beside them.
 */
import { type DType, dtypes, type Executable, type SortKernel } from '@sconce/core/backend';
import { type Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { load } from '../lower/element.ts';
import type { Heap } from '../memory/heap.ts';
import { loopOf, merged, numel, ordered, pointerOf } from '../memory/layout.ts';
import type { Scratch } from '../memory/scratch.ts';
import { instantiate } from './engine.ts';
import { copyElement } from './gather.ts';
import { driveLoop, odometer, SCALARS } from './odometer.ts';

const I64_LOAD = 0x29;
const I64_STORE = 0x37;

/** An i64 whose signed order is the dtype's: -0 is 0, NaN above all. */
function keyOf(fn: Fn, dtype: DType, at: Val): Val {
  const x = load(fn, dtype, at).keep();
  if (!dtypes[dtype].isFloat) return x.lane === 'i64' ? x : x.convert(0xac, 'i64');
  // Adding 0 turns -0 into 0. Negative numbers order backwards in their bits.
  const bits = x.add(0).bits().keep();
  if (x.lane === 'f64') {
    const key = bits.xor(bits.shr(63).and(bits.k(0x7fffffffffffffffn)));
    return fn.select(x.ne(x), bits.k(0x7fffffffffffffffn), key);
  }
  const key = bits.xor(bits.shr(31).and(0x7fffffff));
  return fn.select(x.ne(x), bits.k(0x7fffffff), key).convert(0xac, 'i64');
}

/** (n, values, value step, indices, index step, x, x step): sorts one row; SCALARS has the address of the first thread's scratch, and its bytes. */
function rowSort(m: Module, dtype: DType, descending: boolean): Fn {
  const wide = dtypes[dtype].bytes === 8;
  const { bytes } = dtypes[dtype];
  return m.fn(undefined, Array(7).fill('i32'), [], (fn) => {
    const [n, values, valueStep, indices, indexStep, x, xStep] = Array.from({ length: 7 }, (_, i) =>
      fn.param(i),
    ) as [Val, Val, Val, Val, Val, Val, Val];
    const local = (): Val => fn.local('i32');
    const [copy, a, b, i, p, q, t, end] = [
      local(), local(), local(), local(), local(), local(), local(), local(),
    ]; // biome-ignore format: eight locals
    const size = wide ? 16 : 8;
    // Scratch: the row's own bits, then two arrays of words.
    copy.set(fn.loadI32(fn.i32(SCALARS)).add(fn.thread().mul(fn.loadI32(fn.i32(SCALARS), 4))));
    a.set(copy.add(n.mul(8)));
    b.set(a.add(n.mul(size)));
    i.set(0);
    p.set(a);
    q.set(copy);
    fn.doWhile(
      () => {
        copyElement(fn, dtype, q, x);
        const key = keyOf(fn, dtype, x).keep();
        const ordered = descending ? key.xor(key.k(-1)) : key;
        if (wide) {
          fn.store(I64_STORE, p, ordered);
          fn.storeI32(p, i, 8);
        } else fn.store(I64_STORE, p, ordered.shl(key.k(32)).or(i.convert(0xad, 'i64')));
        x.inc(xStep);
        q.inc(bytes);
        p.inc(size);
        i.inc(1);
      },
      () => i.ltU(n),
    );
    // Runs of `run` bytes merge in pairs from a to b; then the arrays change places.
    const run = local();
    const total = n.mul(size).keep();
    const [from, middle, stop, swap] = [local(), local(), local(), local()];
    run.set(size);
    end.set(a);
    const ka = fn.local('i64');
    const kb = fn.local('i64');
    fn.while(
      () => run.ltU(total),
      () => {
        from.set(0);
        fn.doWhile(
          () => {
            middle.set(smaller(fn, from.add(run), total));
            stop.set(smaller(fn, middle.add(run), total));
            p.set(a.add(from));
            q.set(a.add(middle));
            t.set(b.add(from));
            const firstEnd = end;
            firstEnd.set(q);
            const secondEnd = swap;
            secondEnd.set(a.add(stop));
            fn.while(
              () => p.ltU(firstEnd).and(q.ltU(secondEnd)),
              () => {
                ka.set(fn.load('i64', I64_LOAD, p));
                kb.set(fn.load('i64', I64_LOAD, q));
                const first = ka.le(kb).keep();
                fn.store(I64_STORE, t, fn.select(first, ka, kb));
                if (wide) fn.storeI32(t, fn.loadI32(fn.select(first, p, q), 8), 8);
                p.inc(first.mul(size));
                q.inc(fn.i32(1).sub(first).mul(size));
                t.inc(size);
              },
            );
            fn.if(p.ltU(firstEnd), () => fn.copyMemory(t, p, firstEnd.sub(p)));
            fn.if(q.ltU(secondEnd), () => fn.copyMemory(t, q, secondEnd.sub(q)));
            from.set(stop);
          },
          () => from.ltU(total),
        );
        swap.set(a);
        a.set(b);
        b.set(swap);
        run.set(run.shl(1));
      },
    );
    i.set(n);
    fn.doWhile(
      () => {
        const at = (wide ? fn.loadI32(a, 8) : fn.loadI32(a)).keep();
        copyElement(fn, dtype, values, copy.add(at.mul(bytes)));
        fn.store(I64_STORE, indices, at.convert(0xad, 'i64'));
        values.inc(valueStep);
        indices.inc(indexStep);
        a.inc(size);
        i.inc(-1);
      },
      () => i.ne(0),
    );
  });
}

const smaller = (fn: Fn, a: Val, b: Val): Val => {
  const kept = a.keep();
  return fn.select(kept.ltU(b), kept, b);
};

/** Elements of a row of which every thread may sort one at a time. */
const SHORT = 1 << 16;
/** Nanoseconds per element and doubling, about. */
const COST = 3;

export function compileSort(heap: Heap, scratch: Scratch, { dtype, descending }: SortKernel): Executable {
  const m = new Module();
  const row = rowSort(m, dtype, descending);
  m.fn('drive', ['i32'], [], (fn) =>
    odometer(fn, fn.param(0), 3, ({ n, pointers: [v, i, x], strides: [sv, si, sx] }) => {
      fn.call(row, [n, v!, sv!, i!, si!, x!, sx!]).put();
    }),
  );
  const e = instantiate(heap, m);
  return (outputs, inputs) => {
    const views = [outputs[0]!, outputs[1]!, inputs[0]!];
    const { shape } = views[0]!;
    if (numel(shape) === 0) return;
    const last = Math.max(0, shape.length - 1);
    const kept = merged(ordered(loopOf(views, shape, 0, last)));
    const along = loopOf(views, shape, last);
    const n = along.sizes[0] ?? 1;
    const loop = {
      sizes: [...kept.sizes, n],
      strides: kept.strides.map((s, i) => [...s, along.strides[i]![0] ?? 0]),
    };
    // Long rows have one place for their pairs, and stay on one thread.
    const isShort = n <= SHORT;
    const bytes = 40 * n + 64;
    // First, for it may grow the memory, and `heap.i32` with it.
    const space = isShort ? heap.team.scratch(bytes) : scratch.get('sort', bytes);
    heap.i32[SCALARS >> 2] = space;
    heap.i32[(SCALARS >> 2) + 1] = isShort ? bytes : 0;
    const ns = isShort ? numel(shape) * Math.log2(n + 1) * COST : 0;
    driveLoop(heap, e.drive!, views.map(pointerOf), loop, { ns, rows: true });
    scratch.trim('sort');
  };
}
