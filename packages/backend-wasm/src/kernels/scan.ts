/** Scan kernels: a running fold along the last dim; float sums and products run in double, as PyTorch's do. */
import { type DType, dtypes, type Executable, type ScanCombine, type ScanKernel } from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { cast } from '../lower/cast.ts';
import { load, store } from '../lower/element.ts';
import { math } from '../lower/math.ts';
import { scalarOp } from '../lower/scalar.ts';
import type { Heap } from '../memory/heap.ts';
import { loopOf, merged, numel, ordered, pointerOf } from '../memory/layout.ts';
import { identity } from './combine.ts';
import { instantiate } from './engine.ts';
import { driveLoop, odometer } from './odometer.ts';

const boolOps = { sum: 'or', prod: 'and', min: 'and', max: 'or' } as const;
const numberOps = { sum: 'add', prod: 'mul', min: 'min', max: 'max' } as const;

/** log(e^a + e^b): equal infinities are themselves, and a NaN stays. */
function logaddexp(a: Val, b: Val): Val {
  const { fn } = a;
  const high = a.max(b).keep();
  const low = a.min(b).keep();
  const sum = high.add(math('log1p', [math('exp', [low.sub(high).keep()]).keep()])).keep();
  return fn.select(a.eq(b), a.add(Math.LN2), sum);
}

function step(combine: ScanCombine, dtype: DType, a: Val, b: Val): Val {
  if (combine === 'logaddexp') return logaddexp(a, b);
  if (dtype === 'bool') return scalarOp(boolOps[combine], [a, b], 'bool');
  return scalarOp(numberOps[combine], [a, b], dtypes[dtype].isFloat ? 'float64' : 'int32');
}

/** Nanoseconds per element, about. */
const COST = 1;

export function compileScan(heap: Heap, { combine, dtype }: ScanKernel): Executable {
  const { isFloat } = dtypes[dtype];
  const inner: DType = isFloat ? 'float64' : dtype === 'int64' || dtype === 'bool' ? dtype : 'int32';
  const m = new Module();
  const row = m.fn(undefined, Array(5).fill('i32'), [], (fn) => {
    const [n, to, from, toStep, fromStep] = Array.from({ length: 5 }, (_, i) => fn.param(i)) as [
      Val, Val, Val, Val, Val,
    ]; // biome-ignore format: five parameters
    const start = combine === 'logaddexp' ? -Infinity : identity(combine, inner);
    const acc = fn.const(inner === 'float64' ? 'f64' : inner === 'int64' ? 'i64' : 'i32', start).snapshot();
    fn.doWhile(
      () => {
        const x = cast(load(fn, dtype, from).keep(), dtype, inner, 1).keep();
        acc.set(step(combine, dtype, acc, x));
        store(fn, dtype, to, cast(acc, inner, dtype, 1));
        to.inc(toStep);
        from.inc(fromStep);
        n.inc(-1);
      },
      () => n.ne(0),
    );
  });
  m.fn('drive', ['i32'], [], (fn) =>
    odometer(fn, fn.param(0), 2, ({ n, pointers, strides }) => {
      fn.call(row, [n, ...pointers, ...strides]).put();
    }),
  );
  const e = instantiate(heap, m);
  return (outputs, inputs) => {
    const views = [outputs[0]!, inputs[0]!];
    const { shape } = views[0]!;
    if (numel(shape) === 0) return;
    const last = Math.max(0, shape.length - 1);
    const kept = merged(ordered(loopOf(views, shape, 0, last)));
    const along = loopOf(views, shape, last);
    const loop = {
      sizes: [...kept.sizes, along.sizes[0] ?? 1],
      strides: kept.strides.map((s, i) => [...s, along.strides[i]![0] ?? 0]),
    };
    driveLoop(heap, e.drive!, views.map(pointerOf), loop, { ns: numel(shape) * COST, rows: true });
  };
}
