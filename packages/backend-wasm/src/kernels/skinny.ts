/** Products with one row, or few: b is read once, where it is. */
import { elementLane, type Lane } from '../asm/lane.ts';
import type { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { loads, stores } from './tile.ts';

/** A row times dense columns: (a, b, ldb, c, n, k): c[j] = a . b[j], four columns at a time, two vectors of each per turn. */
export function dots(m: Module, lane: Lane, bytes: number): void {
  m.fn('dots', Array(6).fill('i32'), [], (fn) => {
    const [a, b, ldb, c, n, k] = Array.from({ length: 6 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const per = 16 / bytes;
    const element = elementLane[lane];
    const [loadOp, storeOp] = [loads[element]!, stores[element]!];
    const run = (columns: number): void => {
      const pa = fn.local('i32');
      const p = Array.from({ length: columns }, () => fn.local('i32'));
      const sums = p.map(() => fn.local(lane));
      const left = fn.local('i32');
      const x = [fn.local(lane), fn.local(lane)];
      pa.set(a);
      p[0]!.set(b);
      for (let i = 1; i < columns; i++) p[i]!.set(p[i - 1]!.add(ldb));
      for (const s of sums) fn.zero(s);
      left.set(k);
      for (const vectors of [2, 1])
        fn.while(
          () => left.geU(vectors * per),
          () => {
            for (let v = 0; v < vectors; v++) x[v]!.set(fn.load(lane, 0x100, pa, 16 * v));
            sums.forEach((s, i) => {
              for (let v = 0; v < vectors; v++) s.set(s.add(x[v]!.mul(fn.load(lane, 0x100, p[i]!, 16 * v))));
            });
            pa.inc(16 * vectors);
            for (const q of p) q.inc(16 * vectors);
            left.inc(-vectors * per);
          },
        );
      const total = sums.map((s) => {
        const parts = Array.from({ length: per }, (_, l) => s.extract(l));
        const t = fn.local(element);
        t.set(per === 4 ? parts[0]!.add(parts[1]!).add(parts[2]!.add(parts[3]!)) : parts[0]!.add(parts[1]!));
        return t;
      });
      fn.while(
        () => left.ne(0),
        () => {
          total.forEach((t, i) => {
            t.set(t.add(fn.load(element, loadOp, pa).mul(fn.load(element, loadOp, p[i]!))));
            p[i]!.inc(bytes);
          });
          pa.inc(bytes);
          left.inc(-1);
        },
      );
      total.forEach((t, i) => {
        fn.store(storeOp, c, t, i * bytes);
      });
      b.inc(ldb.mul(columns));
      c.inc(columns * bytes);
      n.inc(-columns);
    };
    for (const columns of [4, 1])
      fn.while(
        () => n.geU(columns),
        () => run(columns),
      );
  });
}

/**
 * One row times dense rows of b, read in order: (a, b, ldb, c, vectors, k), k a multiple of 8; c is added to. Eight
 * rows are summed before they meet c, so chains of additions stay short.
 */
export function sweep(m: Module, lane: Lane, bytes: number): void {
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
