/** The filters of a Winograd convolution at the points of its transform, in the order in which products read them. */
import { type Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import type { Heap } from '../memory/heap.ts';
import { type Exports, instantiate } from './engine.ts';
import { overRowTiles, type TileForm } from './tile.ts';
import { filterTransform, type TileSize } from './winograd_transform.ts';

const LOAD = 0x100;
const STORE = 0x10b;
const STORE32_LANE = 0x15a;

/** Where the transform of columns leaves what that of rows takes; bytes from a thread's frame. */
const BETWEEN = 61 * 1024;

const FORM: TileForm = { lane: 'f32x4' };

/**
 * (source, bytes from channel to channel, row, column, target, bytes of a target plane, from channel to channel there,
 * channels): the transforms of a filter's channels, four at a time; up to three channels' places after the last are overwritten.
 */
function filterRow(m: Module, size: TileSize): Fn {
  const n = size + 2;
  return m.fn(undefined, Array(8).fill('i32'), [], (fn) => {
    const [source, channelStep, rowStep, columnStep, target, plane, step, channels] = Array.from(
      { length: 8 },
      (_, i) => fn.param(i),
    ) as [Val, Val, Val, Val, Val, Val, Val, Val];
    const between = fn.frame().add(BETWEEN).keep();
    const [c, p, q, t] = [fn.local('i32'), fn.local('i32'), fn.local('i32'), fn.local('i32')];
    const last = source.add(channels.sub(1).mul(channelStep)).keep();
    const across = plane.mul(n).keep();
    const at = [0, 1, 2, 3].map(() => fn.local('i32'));
    c.set(0);
    fn.doWhile(
      () => {
        // Beyond the last channel: that one again.
        at.forEach((a, l) => {
          const channel = c.add(l).keep();
          a.set(fn.select(channel.ltU(channels), source.add(channel.mul(channelStep)), last));
        });
        for (let i = 0; i < 3; i++) {
          const g: Val[] = [];
          for (let j = 0; j < 3; j++) {
            const v = fn.load('f32', 0x2a, at[0]!).splat().snapshot();
            for (let l = 1; l < 4; l++) v.set(v.replace(l, fn.load('f32', 0x2a, at[l]!)));
            g.push(v);
            for (const a of at) a.inc(columnStep);
          }
          for (const a of at) a.inc(rowStep.sub(columnStep.mul(3)));
          filterTransform(size, g).forEach((v, j) => {
            fn.store(STORE, between, v, 16 * (i * n + j));
          });
        }
        p.set(target);
        for (let j = 0; j < n; j++) {
          const g = [0, 1, 2].map((i) => fn.load('f32x4', LOAD, between, 16 * (i * n + j)).keep());
          q.set(p);
          filterTransform(size, g).forEach((v) => {
            const value = v.keep();
            t.set(q);
            for (let l = 0; l < 4; l++) {
              fn.storeLane(STORE32_LANE, t, value, l);
              if (l < 3) t.inc(step);
            }
            q.inc(across);
          });
          p.inc(plane);
        }
        target.inc(step.mul(4));
        c.inc(4);
      },
      () => c.ltU(channels),
    );
  });
}

/**
 * (source, bytes from filter to filter, from channel to channel, row, column, target, bytes of a target plane, filters,
 * channels): the filters' transforms, each point's in the order of `packLeft`. Target planes have room for three channels more.
 */
export function filterCode(heap: Heap, size: TileSize): Exports[string] {
  const m = new Module();
  const row = filterRow(m, size);
  m.fn('filters', Array(9).fill('i32'), [], (fn) => {
    const [source, filterStep, channelStep, rowStep, columnStep, target, plane, filters, channels] =
      Array.from({ length: 9 }, (_, i) => fn.param(i)) as [Val, Val, Val, Val, Val, Val, Val, Val, Val];
    overRowTiles(fn, FORM, filters, (height) => {
      for (let i = 0; i < height; i++) {
        fn.call(row, [source, channelStep, rowStep, columnStep, target, plane, 4 * height, channels]).put();
        source.inc(filterStep);
        target.inc(4);
      }
      target.inc(channels.sub(1).mul(4 * height));
    });
  });
  return instantiate(heap, m).filters!;
}
