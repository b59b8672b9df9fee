/** Gather and scatter: indices are checked first, so that a call that faults writes nothing, then trusted. */
import {
  type DType,
  dtypes,
  type Executable,
  type GatherKernel,
  type ScatterKernel,
  type View,
} from '@sconce/core/backend';
import { type Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { load, store } from '../lower/element.ts';
import { FAULT_INDEX, scalarOp } from '../lower/scalar.ts';
import { FAULT, type Heap } from '../memory/heap.ts';
import { contiguousStrides, type Loop, loopOf, merged, numel, ordered, pointerOf } from '../memory/layout.ts';
import { checkFault, instantiate } from './engine.ts';
import { copier } from './matmul.ts';
import { driveLoop, LOOP, odometer, SCALARS, writeLoop } from './odometer.ts';

/** The indexed dim's size and the byte step of one index stand where scalars do. */
const SIZE = SCALARS;
const STEP = SCALARS + 8;

const rawLoads: Readonly<Record<number, readonly [number, number, 'i32' | 'i64']>> = {
  1: [0x2d, 0x3a, 'i32'],
  2: [0x2f, 0x3b, 'i32'],
  4: [0x28, 0x36, 'i32'],
  8: [0x29, 0x37, 'i64'],
};

/** Copies an element's bits. */
export function copyElement(fn: Fn, dtype: DType, to: Val, from: Val): void {
  const [loadOp, storeOp, lane] = rawLoads[dtypes[dtype].bytes]!;
  fn.store(storeOp, to, fn.load(lane, loadOp, from));
}

/** Exports `check`: records the first index of the view at LOOP that is not in [0, SIZE). */
function addCheck(m: Module): void {
  m.fn('check', [], [], (fn) => {
    const size = fn.load('i64', 0x29, fn.i32(SIZE)).snapshot();
    const p = fn.local('i32');
    const left = fn.local('i32');
    const value = fn.local('i64');
    odometer(fn, LOOP, 1, ({ n, pointers, strides }) => {
      p.set(pointers[0]!);
      left.set(n);
      fn.doWhile(
        () => {
          value.set(fn.load('i64', 0x29, p));
          fn.if(value.geU(size), () => {
            fn.if(fn.loadI32(fn.i32(FAULT)).eq(0), () => {
              fn.storeI32(fn.i32(FAULT), FAULT_INDEX);
              fn.store(0x37, fn.i32(FAULT), value, 8);
            });
          });
          p.inc(strides[0]!);
          left.inc(-1);
        },
        () => left.ne(0),
      );
    });
  });
}

/** Runs the check; the index may be broadcast, and each of its own elements is read once. */
function checkIndex(heap: Heap, check: () => void, index: View, size: number, dim: number): void {
  heap.i64[SIZE >> 3] = BigInt(size);
  const strides = index.strides.map((s) => s * 8);
  const own = index.shape.map((n, i) => (strides[i] === 0 ? 1 : n));
  writeLoop(heap, LOOP, [pointerOf(index)], merged({ sizes: own, strides: [strides] }));
  check();
  checkFault(heap, dim, size);
}

/** A view's strides with the indexed dim standing still: the index moves it. */
const still = (v: View, dim: number): View => ({
  ...v,
  memory: v.memory,
  dtype: v.dtype,
  shape: v.shape,
  offset: v.offset,
  strides: v.strides.map((s, i) => (i === dim ? 0 : s)),
});

/** Nanoseconds per element, about. */
const COST = 0.5;

export function compileGather(heap: Heap, { dim, dtype }: GatherKernel): Executable {
  const m = new Module();
  const { bytes } = dtypes[dtype];
  addCheck(m);
  m.fn('drive', ['i32'], [], (fn) => {
    const step = fn.loadI32(fn.i32(STEP)).snapshot();
    const left = fn.local('i32');
    const [to, at, from] = [fn.local('i32'), fn.local('i32'), fn.local('i32')];
    const offset = (): Val => fn.load('i64', 0x29, at).convert(0xa7, 'i32').mul(step);
    odometer(fn, fn.param(0), 3, ({ n, pointers, strides }) => {
      const [toStep, atStep, fromStep] = strides as [Val, Val, Val];
      to.set(pointers[0]!);
      at.set(pointers[1]!);
      from.set(pointers[2]!);
      left.set(n);
      // One index for a dense run: embeddings, index_select of rows.
      const run = atStep.eq(0).and(toStep.eq(bytes)).and(fromStep.eq(bytes)).and(n.geU(16));
      fn.if(
        run,
        () => fn.copyMemory(to, from.add(offset()), n.mul(bytes)),
        () =>
          fn.doWhile(
            () => {
              copyElement(fn, dtype, to, from.add(offset()));
              to.inc(toStep);
              at.inc(atStep);
              from.inc(fromStep);
              left.inc(-1);
            },
            () => left.ne(0),
          ),
      );
    });
  });
  const e = instantiate(heap, m);
  return (outputs, inputs) => {
    const out = outputs[0]!;
    const [x, index] = inputs as [View, View];
    if (numel(out.shape) === 0) return;
    checkIndex(heap, e.check as () => void, index, x.shape[dim] ?? 1, dim);
    const views = [out, index, still(x, dim)];
    heap.i32[STEP >> 2] = (x.strides[dim] ?? 0) * bytes;
    const loop = merged(ordered(loopOf(views, out.shape)));
    driveLoop(heap, e.drive!, views.map(pointerOf), loop, { ns: numel(out.shape) * COST });
  };
}

const combineOps = { sum: 'add', prod: 'mul', min: 'min', max: 'max' } as const;
const boolOps = { sum: 'or', prod: 'and', min: 'and', max: 'or' } as const;

/** 16-bit floats add up in float32 and are rounded once. */
export function compileScatter(heap: Heap, kernel: ScatterKernel): Executable {
  const { dtype, combine, rank } = kernel;
  const is16 = dtype === 'float16' || dtype === 'bfloat16';
  if (!is16 || (combine !== 'sum' && combine !== 'prod')) return scatterInto(heap, kernel, dtype);
  const into = scatterInto(heap, kernel, 'float32');
  const widen = copier(heap, dtype, 'float32', rank);
  const round = copier(heap, 'float32', dtype, rank);
  return (outputs, inputs) => {
    const out = outputs[0]!;
    const block = heap.allocate('float32', numel(out.shape));
    const wide: View = {
      memory: block,
      dtype: 'float32',
      shape: out.shape,
      strides: contiguousStrides(out.shape),
      offset: 0,
    };
    try {
      widen([wide], [out]);
      into([wide], inputs);
      round([out], [wide]);
    } finally {
      heap.free(block);
    }
  };
}

function scatterInto(heap: Heap, { dim, dtype, combine }: ScatterKernel, target: DType): Executable {
  const m = new Module();
  const { bytes } = dtypes[target];
  addCheck(m);
  m.fn('drive', ['i32'], [], (fn) => {
    const step = fn.loadI32(fn.i32(STEP)).snapshot();
    const left = fn.local('i32');
    const place = fn.local('i32');
    const [from, at, to] = [fn.local('i32'), fn.local('i32'), fn.local('i32')];
    odometer(fn, fn.param(0), 3, ({ n, pointers, strides }) => {
      from.set(pointers[0]!);
      at.set(pointers[1]!);
      to.set(pointers[2]!);
      left.set(n);
      fn.doWhile(
        () => {
          place.set(to.add(fn.load('i64', 0x29, at).convert(0xa7, 'i32').mul(step)));
          if (combine === 'set') copyElement(fn, dtype, place, from);
          else {
            const op = dtype === 'bool' ? boolOps[combine] : combineOps[combine];
            const type = dtype === 'bool' ? 'bool' : dtypes[dtype].isFloat ? 'float32' : 'int32';
            const sum = scalarOp(op, [load(fn, target, place).keep(), load(fn, dtype, from).keep()], type);
            store(fn, target, place, sum);
          }
          from.inc(strides[0]!);
          at.inc(strides[1]!);
          to.inc(strides[2]!);
          left.inc(-1);
        },
        () => left.ne(0),
      );
    });
  });
  const e = instantiate(heap, m);
  return (outputs, inputs) => {
    const out = outputs[0]!;
    const [x, index] = inputs as [View, View];
    if (numel(x.shape) === 0) return;
    checkIndex(heap, e.check as () => void, index, out.shape[dim] ?? 1, dim);
    const views = [x, index, still(out, dim)];
    heap.i32[STEP >> 2] = (out.strides[dim] ?? 0) * bytes;
    // In the order of the source, so that the last of equal indices wins: rows are cut only where each has its own outputs.
    const loop: Loop = merged(loopOf(views, x.shape));
    const isOfRows = dim === x.shape.length - 1 && out.strides.every((s, d) => s !== 0 || out.shape[d] === 1);
    const ns = isOfRows && loop.sizes.length > 1 ? numel(x.shape) * COST : 0;
    driveLoop(heap, e.drive!, views.map(pointerOf), loop, { ns, rows: true });
  };
}
