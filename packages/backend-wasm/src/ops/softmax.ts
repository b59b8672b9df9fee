/** `_softmax`, `_log_softmax` and their gradients over dense float32 rows: each row goes through the first cache once or thrice. */
import type { OpKernel, View } from '@sconce/core/backend';
import type { Lane } from '../asm/lane.ts';
import { type Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { type Exports, instantiate } from '../kernels/engine.ts';
import { math } from '../lower/math.ts';
import { exp, expOfNegative } from '../math/exponential.ts';
import type { Heap } from '../memory/heap.ts';
import { numel } from '../memory/layout.ts';
import { Plans } from './plans.ts';
import { allocated, type Dense, dense, denseOf, eachRows, isRows, Walk } from './rows.ts';
import { maxOf, strip, sumInPieces, sumOf } from './strip.ts';

/** Vectors to a step: a line of the cache. */
const LINE = 4;
/** Nanoseconds per element, about. */
const FORWARD = 0.6;
const BACKWARD = 0.3;

/** A number in every element where the place is a vector. */
const spread = (x: Val, lane: Lane, cache: Map<Lane, Val>): Val => {
  if (lane === 'f32') return x;
  let v = cache.get(lane);
  if (!v) cache.set(lane, (v = x.splat().keep()));
  return v;
};

/** A number that a run needs in both lanes; splat before its loops. */
export function inLanes(x: Val): (lane: Lane) => Val {
  const cache = new Map<Lane, Val>();
  spread(x, 'f32x4', cache);
  return (lane) => spread(x, lane, cache);
}

/** Adds `body` of each row to a function `rows(n, count, a pointer per view, a step per view)`. */
export function eachRow(
  m: Module,
  views: number,
  extra: readonly Lane[],
  body: (fn: Fn, n: Val, pointers: readonly Val[], extra: readonly Val[]) => void,
): void {
  const params: Lane[] = [...new Array<Lane>(2 + 2 * views).fill('i32'), ...extra];
  m.fn('rows', params, [], (fn) => {
    const count = fn.param(1);
    const pointers = Array.from({ length: views }, (_, i) => fn.param(2 + i));
    fn.doWhile(
      () => {
        body(
          fn,
          fn.param(0),
          pointers,
          extra.map((_, i) => fn.param(2 + 2 * views + i)),
        );
        pointers.forEach((p, i) => {
          p.inc(fn.param(2 + views + i));
        });
        count.inc(-1);
      },
      () => count.ne(0),
    );
  });
}

/** Exports `rows(n, count, out, x, out's step, x's step)`. `safe`: a row of -inf alone gives zeros. */
export function softmaxRows(m: Module, log: boolean, safe: boolean): void {
  const largest = m.fn(undefined, ['i32', 'i32'], ['f32'], (fn) => {
    const max = maxOf(fn, 4);
    strip(fn, fn.param(0), [fn.param(1)], 4, (at) => max.take(at, at.load(0)));
    max.result().put();
  });
  // e^(x - max), kept in out unless only their sum is wanted. Meanwhile lines are fetched that the next row needs, so many bytes
  // ahead in out and x: the processor's own prefetching ends with a page.
  const powers = m.fn(undefined, ['i32', 'i32', 'i32', 'f32', 'i32', 'i32'], ['f32'], (fn) => {
    const touched = fn.local('i32');
    const max = inLanes(fn.param(3));
    const sum = sumOf(fn, LINE);
    strip(fn, fn.param(0), [fn.param(1), fn.param(2)], LINE, (at) => {
      if (at.lane !== 'f32' && at.u === 0)
        for (const i of log ? [1] : [0, 1]) touched.set(fn.loadI32(at.at(i).add(fn.param(4 + i))));
      const y = expOfNegative(at.load(1).sub(max(at.lane))).keep();
      if (!log) at.store(0, y);
      sum.take(at, y);
    });
    sum.result().put();
  });
  const finish = m.fn(undefined, ['i32', 'i32', 'i32', 'f32', 'f32'], [], (fn) => {
    const [a, b] = [inLanes(fn.param(3)), inLanes(fn.param(4))];
    strip(fn, fn.param(0), [fn.param(1), fn.param(2)], LINE, (at) => {
      if (log) at.store(0, at.load(1).sub(a(at.lane)).sub(b(at.lane)));
      else at.store(0, at.load(0).mul(a(at.lane)));
    });
  });
  eachRow(m, 2, [], (fn, n, [out, x]) => {
    const max = fn.call(largest, [n, x!]).keep();
    if (safe) max.set(fn.select(max.eq(-Infinity), max.k(0), max));
    const total = fn.local('f64');
    const isLast = fn.param(1).eq(1).keep();
    const ahead = [4, 5].map((i) => fn.select(isLast, fn.i32(0), fn.param(i)).keep());
    sumInPieces(
      fn,
      n,
      (at, count) => fn.call(powers, [count, out!.add(at), x!.add(at), max, ...ahead]),
      total,
    );
    if (log) {
      fn.call(finish, [n, out!, x!, max, math('log', [total]).convert(0xb6, 'f32')]).put();
      return;
    }
    let factor = total.k(1).div(total);
    if (safe) factor = fn.select(total.eq(0), total.k(0), factor);
    fn.call(finish, [n, out!, x!, factor.convert(0xb6, 'f32'), max]).put();
  });
}

/** Exports `rows` over out, grad, result: (grad - sum of grad * y) * y, or grad - e^y * sum of grad. */
function gradientRows(m: Module, log: boolean): void {
  const dot = m.fn(undefined, ['i32', 'i32', 'i32'], ['f32'], (fn) => {
    const sum = sumOf(fn, 4);
    strip(fn, fn.param(0), [fn.param(1), fn.param(2)], 4, (at) => {
      sum.take(at, log ? at.load(0) : at.load(0).mul(at.load(1)));
    });
    sum.result().put();
  });
  const finish = m.fn(undefined, ['i32', 'i32', 'i32', 'i32', 'f32'], [], (fn) => {
    const total = inLanes(fn.param(4));
    strip(fn, fn.param(0), [fn.param(1), fn.param(2), fn.param(3)], 1, (at) => {
      const s = total(at.lane);
      if (log)
        at.store(
          0,
          at
            .load(1)
            .sub(exp(at.load(2).keep()).mul(s))
            .keep(),
        );
      else at.store(0, at.load(1).sub(s).mul(at.load(2)).keep());
    });
  });
  eachRow(m, 3, [], (fn, n, [out, grad, y]) => {
    const total = fn.local('f64');
    sumInPieces(fn, n, (at, count) => fn.call(dot, [count, grad!.add(at), y!.add(at)]), total);
    fn.call(finish, [n, out!, grad!, y!, total.convert(0xb6, 'f32')]).put();
  });
}

/** The rows of the last dim, if that is what `dim` names. */
const isLast = (x: View, dim: unknown): boolean => {
  const rank = x.shape.length;
  return rank > 0 && (dim === rank - 1 || dim === -1) && numel(x.shape) > 0;
};

/** Rows of a layout, and the result for them. */
interface Plan {
  readonly walk: Walk;
  readonly out: Dense;
  readonly n: number;
  readonly ns: number;
}

function planOf(x: View, dim: unknown): Plan | undefined {
  if (!isLast(x, dim) || !isRows(x)) return undefined;
  const out = denseOf('float32', x.shape);
  return {
    walk: new Walk([out, x], 1),
    out,
    n: x.shape[x.shape.length - 1]!,
    ns: numel(x.shape) * FORWARD,
  };
}

export function softmax(heap: Heap, log: boolean): OpKernel {
  const plans = new Plans<Plan>();
  let rows: Exports[string] | undefined;
  return ([self, dim, half_to_float]) => {
    const x = self as View;
    const plan = half_to_float ? undefined : plans.of([x], [Number(dim)], () => planOf(x, dim));
    if (plan === undefined) return undefined;
    if (!rows) {
      const m = new Module();
      softmaxRows(m, log, false);
      rows = instantiate(heap, m).rows!;
    }
    const { walk, n, ns } = plan;
    const out = allocated(heap, plan.out);
    heap.team.each(rows, ns, (call) =>
      walk.each([out, x], ([o, a], [os, as], count) => call(n, count, o, a, os, as)),
    );
    return [out];
  };
}

export function softmaxBackward(heap: Heap, log: boolean): OpKernel {
  let rows: Exports[string] | undefined;
  return ([grad_output, output, dim, input_dtype]) => {
    const [grad, y] = [grad_output as View, output as View];
    if (input_dtype !== 'float32' || !isLast(y, dim) || !isRows(y) || !isRows(grad)) return undefined;
    if (grad.shape.length !== y.shape.length || grad.shape.some((s, d) => s !== y.shape[d])) return undefined;
    if (!rows) {
      const m = new Module();
      gradientRows(m, log);
      rows = instantiate(heap, m).rows!;
    }
    const run = rows;
    const n = y.shape[y.shape.length - 1]!;
    const out = dense(heap, 'float32', y.shape);
    heap.team.each(run, numel(y.shape) * BACKWARD, (call) =>
      eachRows([out, grad, y], 1, ([o, g, b], [os, gs, bs], count) => call(n, count, o, g, b, os, gs, bs)),
    );
    return [out];
  };
}
