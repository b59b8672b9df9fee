/** Products with one row, or few: b is read once, where it is. */
import { elementLane, type Lane } from '../asm/lane.ts';
import type { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { loads, stores } from './tile.ts';

/** Columns of b that `dots` reads at the same time. */
export const STREAMS = 6;

/**
 * A row times dense columns: (a, b, ldb, c, n, k): c[j] = a . b[j], six columns at a time that are n / 6 apart: each is read
 * on where the one before it in memory ended, so the processor fetches ahead in six streams and not in pieces of a column. From
 * memory that is twice as fast as six neighbours.
 */
export function dots(m: Module, lane: Lane, bytes: number): void {
  m.fn('dots', Array(6).fill('i32'), [], (fn) => {
    const [a, b, ldb, c, n, k] = Array.from({ length: 6 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    const per = 16 / bytes;
    const element = elementLane[lane];
    const [loadOp, storeOp] = [loads[element]!, stores[element]!];
    const turns = fn.local('i32');
    const apart = fn.local('i32');
    // From the end of a dense column to the next one.
    const gap = ldb.sub(k.mul(bytes)).keep();
    for (const columns of [STREAMS, 1]) {
      const pa = fn.local('i32');
      const p = Array.from({ length: columns }, () => fn.local('i32'));
      const sums = p.map(() => fn.local(lane));
      const totals = p.map(() => fn.local(element));
      const left = fn.local('i32');
      const x = fn.local(lane);
      turns.set(n.divU(columns));
      n.set(n.sub(turns.mul(columns)));
      apart.set(turns.mul(bytes));
      p[0]!.set(b);
      for (let i = 1; i < columns; i++) p[i]!.set(p[i - 1]!.add(ldb.mul(turns)));
      b.inc(ldb.mul(turns.mul(columns)));
      fn.while(
        () => turns.ne(0),
        () => {
          pa.set(a);
          for (const s of sums) fn.zero(s);
          left.set(k);
          fn.while(
            () => left.geU(per),
            () => {
              x.set(fn.load(lane, 0x100, pa));
              sums.forEach((s, i) => {
                s.set(s.add(x.mul(fn.load(lane, 0x100, p[i]!))));
                p[i]!.inc(16);
              });
              pa.inc(16);
              left.inc(-per);
            },
          );
          totals.forEach((t, i) => {
            const parts = Array.from({ length: per }, (_, l) => sums[i]!.extract(l));
            const pairs = parts.flatMap((v, l) => (l % 2 ? [parts[l - 1]!.add(v)] : []));
            t.set(pairs.reduce((u, v) => u.add(v)));
          });
          fn.while(
            () => left.ne(0),
            () => {
              totals.forEach((t, i) => {
                t.set(t.add(fn.load(element, loadOp, pa).mul(fn.load(element, loadOp, p[i]!))));
                p[i]!.inc(bytes);
              });
              pa.inc(bytes);
              left.inc(-1);
            },
          );
          const target = c.snapshot();
          totals.forEach((t, i) => {
            fn.store(storeOp, target, t);
            target.inc(apart);
            p[i]!.inc(gap);
          });
          c.inc(bytes);
          turns.inc(-1);
        },
      );
      c.inc(apart.mul(columns - 1));
    }
  });
}

/**
 * One row times dense rows of b, read in order: (a, b, ldb, c, vectors, k). Eight rows are summed before they meet c, so chains
 * of additions stay short.
 */
export function sweep(m: Module, lane: Lane, bytes: number): void {
  m.fn('sweep', Array(6).fill('i32'), [], (fn) => {
    const [a, b, ldb, c, vectors, k] = Array.from({ length: 6 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val, Val,
    ]; // biome-ignore format: six parameters
    fn.fillMemory(c, fn.i32(0), vectors.mul(16));
    const next = fn.local('i32');
    const target = fn.local('i32');
    const left = fn.local('i32');
    for (const depth of [8, 1]) {
      const x = Array.from({ length: depth }, () => fn.local(lane));
      const p = Array.from({ length: depth }, (_, i) => (i === 0 ? b : fn.local('i32')));
      fn.while(
        () => k.geU(depth),
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
              const sum = (from: number, count: number): Val =>
                count === 1
                  ? x[from]!.mul(fn.load(lane, 0x100, p[from]!))
                  : sum(from, count / 2).add(sum(from + count / 2, count / 2));
              fn.store(0x10b, target, fn.load(lane, 0x100, target).add(sum(0, depth)));
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
      );
    }
  });
}
