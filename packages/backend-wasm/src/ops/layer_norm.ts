/** `native_layer_norm` and its gradient over dense float32 rows: mean, deviation and result while the row is in the first cache. */
import type { OpKernel, View } from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { type Exports, instantiate, zero } from '../kernels/engine.ts';
import type { Heap } from '../memory/heap.ts';
import { numel, pointerOf } from '../memory/layout.ts';
import { Plans } from './plans.ts';
import { allocated, type Dense, dense, denseOf, eachRows, isRows, Walk } from './rows.ts';
import { eachRow, inLanes } from './softmax.ts';
import { strip, sumInPieces, sumOf } from './strip.ts';

/** Nanoseconds per element, about. */
const FORWARD = 0.25;
const BACKWARD = 0.6;

const PROMOTE = 0xbb;
const DEMOTE = 0xb6;

/** Adds functions that sum a run: its elements, and their squared distances from a number. */
export function moments(m: Module): {
  mean: (n: Val, x: Val) => Val;
  variance: (n: Val, x: Val, mean: Val) => Val;
} {
  const sum = m.fn(undefined, ['i32', 'i32'], ['f32'], (fn) => {
    const total = sumOf(fn, 4);
    strip(fn, fn.param(0), [fn.param(1)], 4, (at) => total.take(at, at.load(0)));
    total.result().put();
  });
  const squares = m.fn(undefined, ['i32', 'i32', 'f32'], ['f32'], (fn) => {
    const mean = inLanes(fn.param(2));
    const total = sumOf(fn, 4);
    strip(fn, fn.param(0), [fn.param(1)], 4, (at) => {
      const d = at.load(0).sub(mean(at.lane)).keep();
      total.take(at, d.mul(d));
    });
    total.result().put();
  });
  const meanOf = (n: Val, piece: (offset: Val, count: Val) => Val): Val => {
    const { fn } = n;
    const total = fn.local('f64');
    sumInPieces(fn, n, piece, total);
    return total.div(n.convert(0xb8, 'f64'));
  };
  return {
    mean: (n, x) => meanOf(n, (at, count) => n.fn.call(sum, [count, x.add(at)])),
    variance: (n, x, mean) => meanOf(n, (at, count) => n.fn.call(squares, [count, x.add(at), mean])),
  };
}

/** Exports `rows` over out, x, mean, rstd; then the weight's and the bias' address. */
function forwardRows(heap: Heap, hasWeight: boolean, hasBias: boolean, eps: number): Exports[string] {
  const m = new Module();
  const { mean, variance } = moments(m);
  const finish = m.fn(undefined, ['i32', 'i32', 'i32', 'i32', 'i32', 'f32', 'f32'], [], (fn) => {
    const [centre, scale] = [inLanes(fn.param(5)), inLanes(fn.param(6))];
    const pointers = [fn.param(1), fn.param(2)];
    if (hasWeight) pointers.push(fn.param(3));
    if (hasBias) pointers.push(fn.param(4));
    strip(fn, fn.param(0), pointers, 2, (at) => {
      let y = at.load(1).sub(centre(at.lane)).mul(scale(at.lane));
      if (hasWeight) y = y.mul(at.load(2));
      if (hasBias) y = y.add(at.load(hasWeight ? 3 : 2));
      at.store(0, y);
    });
  });
  eachRow(m, 4, ['i32', 'i32'], (fn, n, [out, x, means, rstds], [weight, bias]) => {
    const centre = mean(n, x!).convert(DEMOTE, 'f32').keep();
    const spread = variance(n, x!, centre).add(eps).sqrt().keep();
    const scale = spread.k(1).div(spread).convert(DEMOTE, 'f32').keep();
    fn.store(0x38, means!, centre);
    fn.store(0x38, rstds!, scale);
    fn.call(finish, [n, out!, x!, weight!, bias!, centre, scale]).put();
  });
  return instantiate(heap, m).rows!;
}

/** Rows per call of the gradient, each with sums of its own for weight and bias: short enough for float32. */
const BLOCK = 32;

/**
 * Exports `rows` over out, grad, x, mean, rstd, then the addresses of the weight and of the call's sums for the gradients of weight
 * and bias, which it adds to; and `total(n, blocks, step, sums, out)`, which adds up the calls' sums.
 */
function backwardRows(heap: Heap, hasWeight: boolean): Exports {
  const m = new Module();
  const hat = (x: Val, centre: Val, scale: Val): Val => x.sub(centre).mul(scale);
  const sumsOf = (withHat: boolean) =>
    m.fn(undefined, ['i32', 'i32', 'i32', 'i32', 'f32', 'f32'], ['f32'], (fn) => {
      const [centre, scale] = [inLanes(fn.param(4)), inLanes(fn.param(5))];
      const total = sumOf(fn, 2);
      const pointers = [fn.param(1), fn.param(2)];
      if (hasWeight) pointers.push(fn.param(3));
      strip(fn, fn.param(0), pointers, 2, (at) => {
        let g = at.load(0);
        if (hasWeight) g = g.mul(at.load(2));
        total.take(at, withHat ? g.mul(hat(at.load(1), centre(at.lane), scale(at.lane))) : g);
      });
      total.result().put();
    });
  const [plain, projected] = [sumsOf(false), sumsOf(true)];
  const params = [...new Array<'i32'>(7).fill('i32'), ...new Array<'f32'>(4).fill('f32')] as const;
  const finish = m.fn(undefined, params, [], (fn) => {
    const [centre, scale, a, b] = [7, 8, 9, 10].map((i) => inLanes(fn.param(i))) as [
      ReturnType<typeof inLanes>, ReturnType<typeof inLanes>, ReturnType<typeof inLanes>, ReturnType<typeof inLanes>,
    ]; // biome-ignore format: four numbers
    const pointers = [1, 2, 3, 5, 6].map((i) => fn.param(i));
    if (hasWeight) pointers.push(fn.param(4));
    strip(fn, fn.param(0), pointers, 1, (at) => {
      const g = at.load(1).keep();
      const h = hat(at.load(2), centre(at.lane), scale(at.lane)).keep();
      const own = hasWeight ? g.mul(at.load(5)) : g;
      at.store(
        0,
        own
          .sub(a(at.lane))
          .sub(h.mul(b(at.lane)))
          .mul(scale(at.lane)),
      );
      at.store(3, at.load(3).add(g.mul(h)));
      at.store(4, at.load(4).add(g));
    });
  });
  eachRow(m, 5, ['i32', 'i32', 'i32'], (fn, n, [out, grad, x, means, rstds], [weight, sumsW, sumsB]) => {
    const centre = fn.load('f32', 0x2a, means!).keep();
    const scale = fn.load('f32', 0x2a, rstds!).keep();
    const total = fn.local('f64');
    const [a, b] = [plain, projected].map((sums) => {
      sumInPieces(
        fn,
        n,
        (at, count) => fn.call(sums, [count, grad!.add(at), x!.add(at), weight!.add(at), centre, scale]),
        total,
      );
      return total.div(n.convert(0xb8, 'f64')).convert(DEMOTE, 'f32').keep();
    });
    fn.call(finish, [n, out!, grad!, x!, weight!, sumsW!, sumsB!, centre, scale, a!, b!]).put();
  });
  m.fn('total', ['i32', 'i32', 'i32', 'i32', 'i32'], [], (fn) => {
    const [n, blocks, step, sums, out] = [0, 1, 2, 3, 4].map((i) => fn.param(i)) as [Val, Val, Val, Val, Val];
    const [p, left] = [fn.local('i32'), fn.local('i32')];
    const total = fn.local('f64');
    fn.doWhile(
      () => {
        p.set(sums);
        left.set(blocks);
        total.set(0);
        fn.doWhile(
          () => {
            total.set(total.add(fn.load('f32', 0x2a, p).convert(PROMOTE, 'f64')));
            p.inc(step);
            left.inc(-1);
          },
          () => left.ne(0),
        );
        fn.store(0x38, out, total.convert(DEMOTE, 'f32'));
        sums.inc(4);
        out.inc(4);
        n.inc(-1);
      },
      () => n.ne(0),
    );
  });
  return instantiate(heap, m);
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((n, i) => n === b[i]);

/** Whether this is a parameter of the normalised dims, if there is one. */
const isParameter = (v: View | null, shape: readonly number[]): boolean =>
  v === null || (sameShape(v.shape, shape) && isRows(v, shape.length));

const endsWith = (shape: readonly number[], tail: readonly number[]): boolean =>
  tail.length > 0 && shape.length >= tail.length && sameShape(shape.slice(shape.length - tail.length), tail);

/** The variant of a kernel for a key, made once. */
const cached = <T>(make: () => T, key: string, variants: Map<string, T>): T => {
  let v = variants.get(key);
  if (v === undefined) variants.set(key, (v = make()));
  return v;
};

/** The code for operands of some layouts, how it walks them, and the results. */
interface Plan {
  readonly rows: Exports[string];
  readonly walk: Walk;
  readonly out: Dense;
  readonly statistics: Dense;
  readonly n: number;
  readonly ns: number;
}

export function layerNorm(heap: Heap): OpKernel {
  const variants = new Map<string, Exports[string]>();
  const plans = new Plans<Plan>();
  const planOf = (
    x: View,
    shape: readonly number[],
    weight: View | null,
    bias: View | null,
    eps: number,
  ): Plan | undefined => {
    const k = shape.length;
    if (numel(x.shape) === 0 || !endsWith(x.shape, shape) || !isRows(x, k)) return undefined;
    if (!isParameter(weight, shape) || !isParameter(bias, shape)) return undefined;
    const rows = cached(
      () => forwardRows(heap, weight !== null, bias !== null, eps),
      `${weight !== null} ${bias !== null} ${eps}`,
      variants,
    );
    const kept = x.shape.map((n, d) => (d < x.shape.length - k ? n : 1));
    const [out, statistics] = [denseOf('float32', x.shape), denseOf('float32', kept)];
    const walk = new Walk([out, x, statistics, statistics], k);
    return { rows, walk, out, statistics, n: numel(shape), ns: numel(x.shape) * FORWARD };
  };
  return (args) => {
    const [x, shape, weight, bias] = args as [View, number[], View | null, View | null];
    const eps = Number(args[4]);
    const plan = plans.of([x, weight, bias], [eps, ...shape], () => planOf(x, shape, weight, bias, eps));
    if (plan === undefined) return undefined;
    const { rows, walk, statistics, n, ns } = plan;
    const out = allocated(heap, plan.out);
    const [mean, rstd] = [allocated(heap, statistics), allocated(heap, statistics)];
    const [w, b] = [weight ? pointerOf(weight) : 0, bias ? pointerOf(bias) : 0];
    heap.team.each(rows, ns, (call) =>
      walk.each([out, x, mean, rstd], (p, s, count) =>
        call(n, count, p[0], p[1], p[2], p[3], s[0], s[1], s[2], s[3], w, b),
      ),
    );
    return [out, mean, rstd];
  };
}

export function layerNormBackward(heap: Heap): OpKernel {
  const variants = new Map<string, Exports>();
  return (args) => {
    const [grad, x, shape, mean, rstd, weight] = args as [View, View, number[], View, View, View | null];
    const wanted = args[7] as boolean[];
    const k = shape.length;
    // With anything left out the definition has less to do, too.
    if (!wanted.every(Boolean) || numel(x.shape) === 0 || !endsWith(x.shape, shape)) return undefined;
    if (!isRows(x, k) || !isRows(grad, k) || !sameShape(grad.shape, x.shape)) return undefined;
    if (!isParameter(weight, shape) || mean.dtype !== 'float32' || rstd.dtype !== 'float32') return undefined;
    if (mean.shape.length !== x.shape.length || rstd.shape.length !== x.shape.length) return undefined;
    const { rows, total } = cached(() => backwardRows(heap, weight !== null), `${weight !== null}`, variants);
    const n = numel(shape);
    const out = dense(heap, 'float32', x.shape);
    const views = [out, grad, x, mean, rstd];
    // Each call has sums of its own: two of them may run at once.
    let blocks = 0;
    eachRows(views, k, () => blocks++, BLOCK);
    const sums = heap.allocate('float32', 2 * blocks * n);
    zero(heap, sums.pointer, 8 * blocks * n);
    const w = weight ? pointerOf(weight) : 0;
    let at = sums.pointer;
    heap.team.each(rows!, numel(x.shape) * BACKWARD, (call) => {
      const share = (p: readonly number[], s: readonly number[], count: number): void => {
        call(n, count, p[0], p[1], p[2], p[3], p[4], s[0], s[1], s[2], s[3], s[4], w, at, at + 4 * n);
        at += 8 * n;
      };
      eachRows(views, k, share, BLOCK);
    });
    const [ofWeight, ofBias] = [dense(heap, 'float32', shape), dense(heap, 'float32', shape)];
    total!(n, blocks, 8 * n, sums.pointer, pointerOf(ofWeight));
    total!(n, blocks, 8 * n, sums.pointer + 4 * n, pointerOf(ofBias));
    heap.free(sums);
    return [out, ofWeight, ofBias];
  };
}
