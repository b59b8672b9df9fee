/** Pool kernels: a window per output, clipped to the input once per dim. */
import { type DType, dtypes, type Executable, type PoolKernel, type View } from '@sconce/core/backend';
import { type Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { cast } from '../lower/cast.ts';
import { laneOf, load, store } from '../lower/element.ts';
import { scalarOp } from '../lower/scalar.ts';
import { type Heap, PARAMS } from '../memory/heap.ts';
import { contiguousStrides, loopOf, merged, numel, ordered, pointerOf } from '../memory/layout.ts';
import type { Scratch } from '../memory/scratch.ts';
import { identity } from './combine.ts';
import { type Exports, instantiate } from './engine.ts';
import { fillFloats } from './fill.ts';
import { copier, scratchView } from './matmul.ts';
import { driveLoop, odometer } from './odometer.ts';
import { PooledLines } from './pool_lines.ts';
import { fitsRows, LargestRows, type Windows } from './windows.ts';

/** Per window dim: input size, output size, then a byte stride of each operand. */
const GEOMETRY = PARAMS + 24 * 1024;

/** (a pointer per operand: output, indices if any, x): one plane. */
function plane(m: Module, kernel: PoolKernel, hasIndices: boolean): Fn {
  const { dims, reduce, window, stride, padding, dilation, dtype } = kernel;
  const { isFloat } = dtypes[dtype];
  const inner: DType =
    reduce === 'sum' && isFloat
      ? 'float64'
      : dtype === 'int64' || dtype === 'float64' || dtype === 'bool'
        ? dtype
        : isFloat
          ? 'float32'
          : 'int32';
  const operands = hasIndices ? 3 : 2;
  return m.fn(undefined, Array(operands).fill('i32'), [], (fn) => {
    const word = (d: number, w: number): Val => {
      const v = fn.local('i32');
      v.set(fn.loadI32(fn.i32(GEOMETRY), 4 * (d * (2 + operands) + w)));
      return v;
    };
    const geometry = Array.from({ length: dims }, (_, d) => ({
      size: word(d, 0),
      outSize: word(d, 1),
      steps: Array.from({ length: operands }, (_, i) => word(d, 2 + i)),
      o: fn.local('i32'),
      out: Array.from({ length: operands - 1 }, () => fn.local('i32')),
      first: fn.local('i32'),
      end: fn.local('i32'),
      start: fn.local('i32'),
      k: fn.local('i32'),
      at: fn.local('i32'),
      position: fn.local('i32'),
    }));
    const best = fn.local(laneOf(inner, 1));
    const bestAt = fn.local('i32');
    const start = fn.const(best.lane, reduce === 'sum' ? 0 : identity('max', dtype));
    const x = fn.param(operands - 1);

    const tap = (at: Val, position: Val): void => {
      const v = cast(load(fn, dtype, at).keep(), dtype, inner, 1).keep();
      if (reduce === 'sum') {
        best.set(dtype === 'bool' ? best.or(v) : scalarOp('add', [best, v], 'int32'));
        return;
      }
      const better = isFloat ? v.gt(best).or(v.ne(v)).and(best.eq(best)) : v.gt(best);
      fn.if(better.or(bestAt.lt(0)), () => {
        best.set(v);
        bestAt.set(position);
      });
    };
    const taps = (d: number, at: Val, position: Val): void => {
      const g = geometry[d]!;
      g.k.set(g.first);
      // Where this dim's taps are in memory, and in the flattened plane.
      g.at.set(at.add(g.start.add(g.first.mul(dilation[d]!)).mul(g.steps[operands - 1]!)));
      g.position.set(position.mul(g.size).add(g.start.add(g.first.mul(dilation[d]!))));
      fn.while(
        () => g.k.lt(g.end),
        () => {
          if (d === dims - 1) tap(g.at, g.position);
          else taps(d + 1, g.at, g.position);
          g.at.inc(g.steps[operands - 1]!.mul(dilation[d]!));
          g.position.inc(dilation[d]!);
          g.k.inc(1);
        },
      );
    };
    const outputs = (d: number, pointers: readonly Val[]): void => {
      const g = geometry[d]!;
      g.o.set(0);
      g.out.forEach((p, i) => {
        p.set(pointers[i]!);
      });
      fn.doWhile(
        () => {
          g.start.set(g.o.mul(stride[d]!).sub(padding[d]!));
          const skipped = fn
            .i32(dilation[d]! - 1)
            .sub(g.start)
            .div(dilation[d]!);
          g.first.set(fn.select(g.start.lt(0), skipped, fn.i32(0)));
          const room = g.size.sub(g.start).keep();
          const fits = room
            .add(dilation[d]! - 1)
            .div(dilation[d]!)
            .keep();
          const most = fn.select(fits.lt(window[d]!), fits, fn.i32(window[d]!));
          g.end.set(fn.select(room.gt(0), most, fn.i32(0)));
          if (d < dims - 1) outputs(d + 1, g.out);
          else {
            best.set(start);
            bestAt.set(-1);
            taps(0, x, fn.i32(0));
            store(fn, dtype, g.out[0]!, cast(best, inner, dtype, 1));
            if (hasIndices) fn.store(0x37, g.out[1]!, bestAt.convert(0xac, 'i64'));
          }
          g.out.forEach((p, i) => {
            p.inc(g.steps[i]!);
          });
          g.o.inc(1);
        },
        () => g.o.ltU(g.outSize),
      );
    };
    outputs(
      0,
      Array.from({ length: operands - 1 }, (_, i) => fn.param(i)),
    );
  });
}

const toThree = (list: readonly number[], filling: number) =>
  [...new Array<number>(3 - list.length).fill(filling), ...list] as unknown as Windows['window'];

/** Elements of planes that are copied at a time, where they are not read as they are. */
const MOST_COPIED = 1 << 17;

/** A pool of [batch, channels, planes], its dims as three; `strides` are those of x, [batch, channel, three dims]. */
interface Geometry {
  readonly windows: Windows;
  readonly padding: Windows['window'];
  readonly input: Windows['window'];
  readonly batch: number;
  readonly channels: number;
  readonly strides: readonly number[];
}

/** undefined where the windows or the layout of what is written are not for vectors. */
function geometryOf(kernel: PoolKernel, x: View, outputs: readonly View[]): Geometry | undefined {
  const planesShape = x.shape.slice(0, -kernel.dims);
  if (planesShape.length !== 2) return undefined;
  const [out] = outputs as [View];
  const dense = contiguousStrides(out.shape.slice(2));
  const isDense = (v: View): boolean =>
    v.strides.slice(2).every((s, d) => s === dense[d] || v.shape[2 + d] === 1);
  if (!outputs.every(isDense)) return undefined;
  const window = toThree(kernel.window, 1);
  const stride = toThree(kernel.stride, 1);
  const dilation = toThree(kernel.dilation, 1);
  const output = toThree(out.shape.slice(2), 1);
  const padded = [0, 1, 2].map(
    (d) => (output[d]! - 1) * stride[d]! + dilation[d]! * (window[d]! - 1) + 1,
  ) as unknown as Windows['padded'];
  const windows: Windows = { window, stride, dilation, output, padded };
  if (!fitsRows(windows)) return undefined;
  return {
    windows,
    padding: toThree(kernel.padding, 0),
    input: toThree(x.shape.slice(2), 1),
    batch: planesShape[0]!,
    channels: planesShape[1]!,
    strides: [x.strides[0]!, x.strides[1]!, ...toThree(x.strides.slice(2), 0)],
  };
}

/** Runs of channels of each image, `most` at a time: the offset of the first in elements of x, and its address in what is written. */
function overPlanes(
  { batch, channels, strides }: Geometry,
  most: number,
  body: (count: number, offset: number, addressIn: (v: View) => number) => void,
): void {
  for (let n = 0; n < batch; n++)
    for (let c = 0; c < channels; c += most)
      body(
        Math.min(most, channels - c),
        n * strides[0]! + c * strides[1]!,
        (v) => pointerOf(v) + dtypes[v.dtype].bytes * (n * v.strides[0]! + c * v.strides[1]!),
      );
}

/** Values of float32 alone; false where the layout or the window is not for that. */
function byLines(heap: Heap, scratch: Scratch, kernel: PoolKernel): (x: View, out: View) => boolean {
  const lines = new PooledLines(heap, kernel.reduce);
  const copy = copier(heap, 'float32', 'float32', 5);
  return (x, out) => {
    const g = geometryOf(kernel, x, [out]);
    if (!g) return false;
    const { windows, padding, input, strides, channels } = g;
    if (!lines.fits(windows, input[2], padding[2])) return false;
    const isDenseLine = strides[4] === 1;
    const area = input[1] * input[2];
    const most = isDenseLine ? channels : Math.max(1, Math.floor(MOST_COPIED / area));
    const size = [input[1], input[2]] as const;
    const before = [padding[1], padding[2]] as const;
    overPlanes(g, most, (count, offset, addressIn) => {
      const to = { pointer: addressIn(out), plane: 4 * out.strides[1]! };
      if (isDenseLine) {
        const from = { pointer: addressIn(x), plane: 4 * strides[1]!, line: 4 * strides[3]!, size };
        lines.run(windows, count, from, before, to);
        return;
      }
      const pointer = scratch.get('input', count * area * 4);
      const shape = [1, count, ...input];
      copy(
        [scratchView(pointer, 'float32', shape, contiguousStrides(shape))],
        [{ memory: x.memory, dtype: x.dtype, shape, strides, offset: x.offset + offset }],
      );
      lines.run(windows, count, { pointer, plane: 4 * area, line: 4 * input[2], size }, before, to);
    });
    return true;
  };
}

/** The largest of float32 with their places; false where the layout or the window is not for that. */
function largestByRows(
  heap: Heap,
  scratch: Scratch,
  kernel: PoolKernel,
): (x: View, out: View, indices: View) => boolean {
  const rows = new LargestRows(heap);
  const copy = copier(heap, 'float32', 'float32', 5);
  return (x, out, indices) => {
    const g = geometryOf(kernel, x, [out, indices]);
    if (!g) return false;
    const { windows, padding, input, strides } = g;
    const { window, stride, dilation, output, padded } = windows;
    // Every window must touch the input, or it would have no position.
    const touches = [1, 2].every(
      (d) => padding[d]! < window[d]! && (output[d]! - 1) * stride[d]! - padding[d]! < input[d]!,
    );
    if (!touches || dilation.some((n) => n !== 1)) return false;
    const isInside = padding.every((p) => p === 0) && padded.every((n, d) => n <= input[d]!);
    const size = padded.map((n, d) => Math.min(input[d]!, n - padding[d]!));
    if (size.some((n) => n <= 0)) return false;
    const whole = numel(padded);
    overPlanes(g, Math.max(1, Math.floor(MOST_COPIED / whole)), (count, offset, addressIn) => {
      let from = addressIn(x);
      let steps = strides.slice(1);
      if (!isInside || strides[4] !== 1) {
        from = scratch.get('input', count * whole * 4);
        steps = contiguousStrides([count, ...padded]);
        fillFloats(heap, from, count * whole, Number.NEGATIVE_INFINITY);
        const start = padding[1] * steps[2]! + padding[2];
        const shape = [1, count, ...size];
        copy(
          [scratchView(from + 4 * start, 'float32', shape, [0, ...steps])],
          [{ memory: x.memory, dtype: x.dtype, shape, strides, offset: x.offset + offset }],
        );
      }
      rows.run(
        windows,
        count,
        from,
        steps,
        [addressIn(out), out.strides[1]! * 4],
        [addressIn(indices), indices.strides[1]! * 8],
        [input[2], padding[1], padding[2]],
      );
    });
    return true;
  };
}

/** Nanoseconds per element of a window, about. */
const COST = 1;

export function compilePool(heap: Heap, scratch: Scratch, kernel: PoolKernel): Executable {
  const build = (hasIndices: boolean): Exports[string] => {
    const m = new Module();
    const one = plane(m, kernel, hasIndices);
    const operands = hasIndices ? 3 : 2;
    m.fn('drive', ['i32'], [], (fn) => {
      const left = fn.local('i32');
      const p = Array.from({ length: operands }, () => fn.local('i32'));
      odometer(fn, fn.param(0), operands, ({ n, pointers, strides }) => {
        left.set(n);
        p.forEach((q, i) => {
          q.set(pointers[i]!);
        });
        fn.doWhile(
          () => {
            fn.call(one, p).put();
            p.forEach((q, i) => {
              q.inc(strides[i]!);
            });
            left.inc(-1);
          },
          () => left.ne(0),
        );
      });
    });
    return instantiate(heap, m).drive!;
  };
  const variants: Exports[string][] = [];
  const isFast = kernel.dtype === 'float32' && kernel.dims < 3;
  const values = isFast ? byLines(heap, scratch, kernel) : undefined;
  const largest = isFast ? largestByRows(heap, scratch, kernel) : undefined;
  return (outputs, inputs) => {
    const views = [...outputs, inputs[0]!];
    const x = inputs[0]!;
    const out = outputs[0]!;
    if (numel(out.shape) === 0) return;
    if (x.memory !== out.memory && (outputs[1] ? largest?.(x, out, outputs[1]) : values?.(x, out))) return;
    const drive = (variants[outputs.length] ??= build(outputs.length > 1));
    const lead = x.shape.length - kernel.dims;
    let w = GEOMETRY >> 2;
    for (let d = 0; d < kernel.dims; d++) {
      heap.i32[w++] = x.shape[lead + d]!;
      heap.i32[w++] = out.shape[lead + d]!;
      for (const v of views) heap.i32[w++] = v.strides[lead + d]! * dtypes[v.dtype].bytes;
    }
    const loop = merged(ordered(loopOf(views, out.shape, 0, lead)));
    const ns = numel(out.shape) * numel(kernel.window) * COST;
    driveLoop(heap, drive, views.map(pointerOf), loop, { ns, end: GEOMETRY });
  };
}
