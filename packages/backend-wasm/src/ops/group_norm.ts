/** `native_group_norm` over a dense float32 tensor: a group of channels is a row, and each channel has a factor of its own. */
import type { OpKernel, View } from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import { type Exports, instantiate } from '../kernels/engine.ts';
import type { Heap } from '../memory/heap.ts';
import { isContiguous, numel, pointerOf } from '../memory/layout.ts';
import { moments } from './layer_norm.ts';
import { dense, eachRows } from './rows.ts';
import { eachRow, inLanes } from './softmax.ts';
import { strip } from './strip.ts';

/** Nanoseconds per element, about. */
const FORWARD = 0.25;

/** Exports `rows` over out, x, mean, rstd; then the addresses of weight and bias at the first channel, channels of a group, elements of one. */
function groupRows(heap: Heap, hasWeight: boolean, hasBias: boolean, eps: number): Exports[string] {
  const m = new Module();
  const { mean, variance } = moments(m);
  const channel = m.fn(undefined, ['i32', 'i32', 'i32', 'f32', 'f32', 'f32'], [], (fn) => {
    const centre = inLanes(fn.param(3));
    const scale = inLanes(fn.param(4));
    const shift = inLanes(fn.param(5));
    strip(fn, fn.param(0), [fn.param(1), fn.param(2)], 2, (at) =>
      at.store(0, at.load(1).sub(centre(at.lane)).mul(scale(at.lane)).add(shift(at.lane))),
    );
  });
  eachRow(m, 4, ['i32', 'i32', 'i32', 'i32'], (fn, n, [out, x, means, rstds], extra) => {
    const [weight, bias, channels, size] = extra;
    const centre = mean(n, x!).convert(0xb6, 'f32').keep();
    const spread = variance(n, x!, centre).add(eps).sqrt().keep();
    const scale = spread.k(1).div(spread).convert(0xb6, 'f32').keep();
    fn.store(0x38, means!, centre);
    fn.store(0x38, rstds!, scale);
    const left = channels!.snapshot();
    const [p, q] = [out!.snapshot(), x!.snapshot()];
    fn.doWhile(
      () => {
        const factor = hasWeight ? scale.mul(fn.load('f32', 0x2a, weight!)) : scale;
        const shift = hasBias ? fn.load('f32', 0x2a, bias!) : fn.const('f32', 0);
        fn.call(channel, [size!, p, q, centre, factor, shift]).put();
        for (const pointer of [p, q]) pointer.inc(size!.shl(2));
        if (hasWeight) weight!.inc(4);
        if (hasBias) bias!.inc(4);
        left.inc(-1);
      },
      () => left.ne(0),
    );
  });
  return instantiate(heap, m).rows!;
}

export function groupNorm(heap: Heap): OpKernel {
  const variants = new Map<string, Exports[string]>();
  return ([input, gamma, beta, samples, channels, size, group, epsilon]) => {
    const [x, weight, bias] = [input as View, gamma as View | null, beta as View | null];
    const [n, c, hw, groups, eps] = [samples, channels, size, group, epsilon].map(Number) as [
      number, number, number, number, number,
    ]; // biome-ignore format: five numbers
    if (x.dtype !== 'float32' || !isContiguous(x) || numel(x.shape) === 0 || n * c * hw !== numel(x.shape))
      return undefined;
    const isParameter = (v: View | null): boolean =>
      v === null || (v.dtype === 'float32' && v.shape.length === 1 && v.shape[0] === c && isContiguous(v));
    if (!isParameter(weight) || !isParameter(bias) || c % groups !== 0) return undefined;
    const key = `${weight !== null} ${bias !== null} ${eps}`;
    let rows = variants.get(key);
    if (!rows) variants.set(key, (rows = groupRows(heap, weight !== null, bias !== null, eps)));
    const out = dense(heap, 'float32', x.shape);
    const [mean, rstd] = [dense(heap, 'float32', [n, groups]), dense(heap, 'float32', [n, groups])];
    const own = c / groups;
    const length = own * hw;
    const [w, b] = [weight ? pointerOf(weight) : 0, bias ? pointerOf(bias) : 0];
    // As [samples, groups, elements], so that a call's rows are groups that follow on from each other.
    const grouped = (v: View): View => ({ ...v, memory: v.memory, dtype: v.dtype, offset: v.offset, shape: [groups, length], strides: [length, 1] }); // biome-ignore format: one view
    const ofGroups = (v: View): View => ({ ...v, shape: [groups, 1], strides: [1, 1] });
    heap.team.each(rows, numel(x.shape) * FORWARD, (call) => {
      for (let i = 0; i < n; i++) {
        let first = 0;
        const views = [grouped(out), grouped(x), ofGroups(mean), ofGroups(rstd)].map((v, k) => ({
          ...v,
          offset: v.offset + i * (k < 2 ? groups * length : groups),
        }));
        eachRows(views, 1, (p, s, count) => {
          const at = 4 * own * first;
          call(
            length,
            count,
            p[0],
            p[1],
            p[2],
            p[3],
            s[0],
            s[1],
            s[2],
            s[3],
            w && w + at,
            b && b + at,
            own,
            hw,
          );
          first += count;
        });
      }
    });
    return [out, mean, rstd];
  };
}
