/** A line of a plane with zeros around it, in a thread's own memory: what convolutions read instead of a padded input. */
import type { Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';

/** (source, target, columns, zeros before them, vectors of the line, whether the line is inside the plane). */
export function stripLine(m: Module): Fn {
  return m.fn(undefined, Array(6).fill('i32'), [], (fn) => {
    const [source, target, columns, before, vectors, inside] = [0, 1, 2, 3, 4, 5].map((i) => fn.param(i)) as [
      Val,
      Val,
      Val,
      Val,
      Val,
      Val,
    ];
    const p = fn.local('i32');
    const end = target.add(vectors.mul(16)).keep();
    const none = fn.local('f32x4');
    fn.zero(none);
    const zeroTo = (to: Val): void =>
      fn.while(
        () => p.ltU(to),
        () => {
          fn.store(0x10b, p, none);
          p.inc(16);
        },
      );
    p.set(target);
    // Inside, what is before the columns, and what is after them from the vector on in which they end.
    fn.if(inside, () => {
      zeroTo(target.add(before.mul(4)));
      p.set(target.add(before.add(columns).and(-4).mul(4)));
    });
    zeroTo(end);
    fn.if(inside, () => {
      p.set(target.add(before.mul(4)));
      fn.while(
        () => columns.geU(4),
        () => {
          fn.store(0x10b, p, fn.load('f32x4', 0x100, source));
          p.inc(16);
          source.inc(16);
          columns.inc(-4);
        },
      );
      fn.while(
        () => columns.ne(0),
        () => {
          fn.store(0x38, p, fn.load('f32', 0x2a, source));
          p.inc(4);
          source.inc(4);
          columns.inc(-1);
        },
      );
    });
  });
}
