/** Filling memory in generated code: `fill` of a typed array goes element by element where the memory is shared. */
import { Module } from '../asm/module.ts';
import type { Heap } from '../memory/heap.ts';
import { type Exports, instantiate } from './engine.ts';

const built = new WeakMap<Heap, Exports[string]>();

/** Writes `count` float32 numbers. */
export function fillFloats(heap: Heap, pointer: number, count: number, value: number): void {
  let fill = built.get(heap);
  if (!fill) {
    const m = new Module();
    m.fn('fill', ['i32', 'i32', 'f32'], [], (fn) => {
      const [p, n] = [fn.param(0), fn.param(1)];
      const all = fn.param(2).splat().keep();
      const end = p.add(n.and(-4).shl(2)).keep();
      fn.while(
        () => p.ltU(end),
        () => {
          fn.store(0x10b, p, all);
          p.inc(16);
        },
      );
      n.set(n.and(3));
      fn.while(
        () => n.ne(0),
        () => {
          fn.store(0x38, p, fn.param(2));
          p.inc(4);
          n.inc(-1);
        },
      );
    });
    built.set(heap, (fill = instantiate(heap, m).fill!));
  }
  fill(pointer, count, value);
}
