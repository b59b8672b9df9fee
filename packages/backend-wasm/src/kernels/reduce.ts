/**
 * Reduce kernels, one output after the other: a small function folds a run of the reduced dims into accumulators in
 * memory, generated loops call it for every run and write `finish`. Where outputs are neighbours in memory and what
 * is folded is not, columns.ts folds many outputs at once.
 */
import {
  type DType,
  dtypes,
  type Executable,
  type Expr,
  type Fold,
  type ReduceKernel,
  type View,
} from '@sconce/core/backend';
import { type Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { load, loadVector, store, type Width } from '../lower/element.ts';
import {
  canFault,
  inputDtypes,
  type Leaves,
  lower,
  scalarDtypes,
  usesCoord,
  walk,
  widthOf,
} from '../lower/lower.ts';
import { isVectorOp } from '../lower/scalar.ts';
import { type Heap, PARAMS } from '../memory/heap.ts';
import { type Loop, loopOf, merged, numel, ordered, pointerOf } from '../memory/layout.ts';
import { Plans } from '../memory/plans.ts';
import { columns } from './columns.ts';
import { combineOps, identityVal, isArg, step } from './combine.ts';
import { type Exports, instantiate, writeScalars } from './engine.ts';
import { counterAddress, driveLoop, LOOP, loopBytes, odometer, writeLoop } from './odometer.ts';
import { costOf, withoutTrace } from './pointwise.ts';
import { type Step, scalarLeaf } from './row.ts';

/**
 * In the frame of the thread: the loop over the reduced dims, the accumulators (16 bytes each), and where the loops stand.
 * Other threads copy the loop from where the main one left it.
 */
const INNER_LOOP = 24 * 1024;
const ACCUMULATORS = 48 * 1024;
const POSITION = ACCUMULATORS - 8;
const KEPT_INDEX = ACCUMULATORS - 16;
const CHUNK_START = ACCUMULATORS - 24;
const HEAD_POINTERS = 8;
const SHARED_LOOP = PARAMS + 12 * 1024;

const own = (fn: Fn, offset: number): Val => fn.frame().add(offset);

/** float32 sums are kept as doubles between runs; inside a run no chain of float32 additions is longer than 32. */
const accumulatorOf = ({ combine, map }: Fold): DType =>
  combine === 'sum' && map.dtype === 'float32' ? 'float64' : map.dtype;

interface Spec {
  readonly kernel: ReduceKernel;
  readonly inputs: readonly (DType | undefined)[];
  readonly steps: readonly Step[];
  readonly coords: boolean;
}

function sizeOf(exprs: readonly Expr[]): number {
  let n = 0;
  walk(exprs, (e) => {
    if (e.op !== 'input' && e.op !== 'const') n++;
  });
  return n;
}

/** Coordinates of the running element: kept dims, then reduced ones. */
function coordOf(fn: Fn, spec: Spec, outs: number, dim: number): Val {
  const { rank, reduced } = spec.kernel;
  const wide = (at: Val): Val => fn.loadI32(at).convert(0xac, 'i64');
  if (dim < rank) {
    return dim === rank - 1
      ? wide(own(fn, KEPT_INDEX))
      : wide(fn.i32(counterAddress(LOOP, outs + spec.inputs.length, rank - 2 - dim)));
  }
  const d = dim - rank;
  return d === reduced - 1
    ? wide(own(fn, CHUNK_START))
    : wide(own(fn, counterAddress(INNER_LOOP, spec.inputs.length, reduced - 2 - d)));
}

/**
 * Whether positions are all that is looked for, or extremes that change only where a position does: then vectors in which
 * nothing is better than what was found are passed over.
 */
function onlyPositions(folds: readonly Fold[]): boolean {
  const positions = folds.filter((f) => isArg(f.combine));
  return (
    positions.length > 0 &&
    folds.every((f) =>
      positions.some(
        (p) =>
          p === f || (p.combine === `arg${f.combine}` && JSON.stringify(p.map) === JSON.stringify(f.map)),
      ),
    )
  );
}

/** fold(n, a pointer per input, a stride per strided input): folds a run into the accumulators. */
function foldFunction(m: Module, spec: Spec, unroll: number, width: Width): Fn {
  const { folds, rank, reduced } = spec.kernel;
  const maps = folds.map((f) => f.map);
  const strided = spec.steps.map((s, i) => (s === 'strided' ? i : -1)).filter((i) => i >= 0);
  const count = spec.inputs.length;
  const params = Array.from({ length: 1 + count + strided.length }, () => 'i32' as const);
  return m.fn(undefined, params, [], (fn) => {
    const n = fn.param(0);
    const scalars = new Map<string, Val>();
    const outs = spec.kernel.finish.length;
    // Scalars before any loop.
    walk(maps, (e) => {
      if (e.op !== 'scalar') return;
      scalarLeaf(fn, scalars, e.index, e.dtype, 1);
      if (width !== 1) scalarLeaf(fn, scalars, e.index, e.dtype, width);
    });
    const fixed = new Map<string, Val>();
    spec.inputs.forEach((dtype, i) => {
      if (!dtype || spec.steps[i] !== 'fixed') return;
      const one = load(fn, dtype, fn.param(1 + i)).keep();
      fixed.set(`${i} 1`, one);
      if (width === 1) return;
      let v: Val = one;
      if (width === 2 && dtype === 'float32') v = one.convert(0xbb, 'f64');
      if (width === 2 && dtype === 'bool') v = one.convert(0xac, 'i64');
      v = v.splat();
      fixed.set(`${i} ${width}`, (dtype === 'bool' ? v.neg() : v).keep());
    });
    let coords: Val[] = [];
    if (spec.coords) {
      coords = Array.from({ length: rank + reduced }, (_, d) => coordOf(fn, spec, outs, d).snapshot());
    }
    const leaves = (w: Width, offset: number): Leaves => ({
      input: (i, dtype) =>
        fixed.get(`${i} ${w}`) ??
        (w === 1
          ? load(fn, dtype, fn.param(1 + i))
          : loadVector(fn, dtype, w, fn.param(1 + i), offset * dtypes[dtype].bytes)),
      scalar: (i, dtype) => scalarLeaf(fn, scalars, i, dtype, w),
      coord: (d) => coords[d]!,
    });
    const advance = (elements: number): void => {
      spec.inputs.forEach((dtype, i) => {
        if (!dtype) return;
        if (spec.steps[i] === 'dense') fn.param(1 + i).inc(dtypes[dtype].bytes * elements);
        if (spec.steps[i] === 'strided') fn.param(1 + i).inc(fn.param(1 + count + strided.indexOf(i)));
      });
    };
    const counted = (total: Val, body: () => void): void =>
      fn.if(total.ne(0), () =>
        fn.doWhile(body, () => {
          total.inc(-1);
          return total.ne(0);
        }),
      );
    const accumulators = folds.map((f, i) =>
      load(fn, accumulatorOf(f), own(fn, ACCUMULATORS + 16 * i)).snapshot(),
    );
    const positions = folds.map((f, i) =>
      isArg(f.combine) ? fn.load('i64', 0x29, own(fn, ACCUMULATORS + 16 * i + 8)).snapshot() : undefined,
    );
    const position = fn.load('i64', 0x29, own(fn, POSITION)).snapshot();
    const add = (i: number, v: Val): void => {
      const f = folds[i]!;
      const acc = accumulators[i]!;
      const wide = accumulatorOf(f) !== f.map.dtype ? v.convert(0xbb, 'f64').keep() : v.keep();
      acc.set(step(f.combine, accumulatorOf(f), acc, wide));
    };
    const elements = unroll * width;
    let rest = n;
    const one = (): void => {
      lower(fn, maps, 1, leaves(1, 0)).forEach((v, i) => {
        const f = folds[i]!;
        if (!isArg(f.combine)) {
          add(i, v);
          return;
        }
        const acc = accumulators[i]!;
        const at = positions[i]!;
        const better = f.combine === 'argmax' ? v.gt(acc) : v.lt(acc);
        const isNew = dtypes[f.map.dtype].isFloat ? better.or(v.ne(v).and(acc.eq(acc))) : better;
        fn.if(isNew.or(at.lt(at.k(0))), () => {
          acc.set(v);
          at.set(position);
        });
      });
      position.inc(position.k(1));
      if (spec.coords) coords[rank + reduced - 1]?.inc(coords[0]!.k(1));
      advance(1);
    };
    if (width !== 1 && folds.some((f) => isArg(f.combine))) {
      const runs = n.divU(elements).keep();
      rest = n.remU(elements).keep();
      const few = fn.local('i32');
      counted(runs, () => {
        const first = positions.findIndex((p) => p !== undefined);
        let better: Val | undefined;
        for (let u = 0; u < unroll; u++)
          lower(fn, maps, width, leaves(width, u * width)).forEach((v, i) => {
            const { combine, map } = folds[i]!;
            if (!isArg(combine)) return;
            const best = accumulators[i]!.splat();
            const more = combine === 'argmax' ? v.gt(best) : v.lt(best);
            const mask = dtypes[map.dtype].isFloat ? more.or(v.ne(v)) : more;
            better = better ? better.or(mask) : mask;
          });
        fn.if(
          better!.anyTrue().or(positions[first]!.lt(position.k(0))),
          () => {
            few.set(elements);
            counted(few, one);
          },
          () => {
            position.inc(position.k(elements));
            advance(elements);
          },
        );
      });
    } else if (width !== 1) {
      const partial = Array.from({ length: unroll }, () =>
        folds.map((f) => identityVal(fn, f.combine, f.map.dtype, width).snapshot()),
      );
      const runs = n.divU(elements).keep();
      rest = n.remU(elements).keep();
      counted(runs, () => {
        for (let u = 0; u < unroll; u++) {
          const values = lower(fn, maps, width, leaves(width, u * width));
          values.forEach((v, i) => {
            const acc = partial[u]![i]!;
            acc.set(step(folds[i]!.combine, folds[i]!.map.dtype, acc, v));
          });
        }
        advance(elements);
      });
      folds.forEach((f, i) => {
        let all = partial.map((p) => p[i]!);
        while (all.length > 1) {
          const half = all.length / 2;
          all = all.slice(0, half).map((a, k) => step(f.combine, f.map.dtype, a, all[half + k]!).keep());
        }
        let lanes = Array.from({ length: width }, (_, l) => {
          const x = all[0]!.extract(l);
          return (f.map.dtype === 'bool' ? x.ne(x.k(0)) : x).keep();
        });
        while (lanes.length > 1) {
          const half = lanes.length / 2;
          lanes = lanes
            .slice(0, half)
            .map((a, k) => step(f.combine, f.map.dtype, a, lanes[half + k]!).keep());
        }
        fn.if(runsDone(n, elements), () => add(i, lanes[0]!));
      });
    }
    counted(rest, one);
    folds.forEach((f, i) => {
      store(fn, accumulatorOf(f), own(fn, ACCUMULATORS + 16 * i), accumulators[i]!);
      if (positions[i]) fn.store(0x37, own(fn, ACCUMULATORS + 16 * i + 8), positions[i]!);
    });
    fn.store(0x37, own(fn, POSITION), position);
  });
}

/** Whether the vector loop ran at all; its identities must not meet a NaN-free empty run. */
const runsDone = (n: Val, elements: number): Val => n.geU(elements);

function build(heap: Heap, spec: Spec): Exports[string] {
  const { folds, finish } = spec.kernel;
  const m = new Module();
  const maps = folds.map((f) => f.map);
  const positions = folds.some((f) => isArg(f.combine));
  const vectors =
    spec.steps.every((s) => s !== 'strided') && !spec.coords && (!positions || onlyPositions(folds));
  let width: Width = vectors ? widthOf(maps) : 1;
  for (const f of folds) {
    if (isArg(f.combine)) {
      // A pair holds float32 as doubles; a vector of bools has no order.
      if (f.map.dtype === 'bool' || (width === 2 && f.map.dtype === 'float32')) width = 1;
    } else if (!isVectorOp(combineOps[f.combine as 'sum'], f.map.dtype as never, width)) width = 1;
  }
  if (width === 2 && folds.some((f) => f.map.dtype === 'float32')) width = 1;
  const unroll = width === 1 ? 1 : sizeOf(maps) <= 4 ? 4 : sizeOf(maps) <= 12 ? 2 : 1;
  const fold = foldFunction(m, spec, unroll, width);
  const chunk = width === 1 || positions ? 4096 : 32 * unroll * width;
  const inputs = spec.inputs.length;

  const reduceOne = m.fn(undefined, [], [], (fn) => {
    const rest = fn.local('i32');
    const count = fn.local('i32');
    const q = spec.inputs.map(() => fn.local('i32'));
    odometer(fn, own(fn, INNER_LOOP), inputs, ({ n, pointers, strides }) => {
      rest.set(n);
      q.forEach((p, i) => {
        p.set(pointers[i]!);
      });
      if (spec.coords) fn.storeI32(own(fn, CHUNK_START), 0);
      fn.while(
        () => rest.ne(0),
        () => {
          count.set(fn.select(rest.gtU(chunk), fn.i32(chunk), rest));
          fn.call(fold, [count, ...q, ...strides.filter((_, i) => spec.steps[i] === 'strided')]).put();
          q.forEach((p, i) => {
            p.inc(count.mul(strides[i]!));
          });
          if (spec.coords) fn.storeI32(own(fn, CHUNK_START), fn.loadI32(own(fn, CHUNK_START)).add(count));
          rest.set(rest.sub(count));
        },
      );
    });
  });

  const outs = finish.length;
  const reduceAll = m.fn('drive', ['i32'], [], (fn) => {
    const left = fn.local('i32');
    fn.if(fn.thread(), () => {
      const outer = fn.loadI32(fn.i32(SHARED_LOOP));
      const [head, dim] = [loopBytes(inputs, 1), loopBytes(inputs, 2) - loopBytes(inputs, 1)];
      fn.copyMemory(own(fn, INNER_LOOP), fn.i32(SHARED_LOOP), outer.mul(dim).add(head));
    });
    const scalars = new Map<string, Val>();
    walk(finish, (e) => {
      if (e.op === 'scalar') scalarLeaf(fn, scalars, e.index, e.dtype, 1);
    });
    const q = Array.from({ length: outs + inputs }, () => fn.local('i32'));
    odometer(fn, fn.param(0), outs + inputs, ({ n, pointers, strides }) => {
      left.set(n);
      q.forEach((p, i) => {
        p.set(pointers[i]!);
      });
      fn.storeI32(own(fn, KEPT_INDEX), 0);
      fn.doWhile(
        () => {
          folds.forEach((f, i) => {
            const at = own(fn, ACCUMULATORS + 16 * i);
            store(fn, accumulatorOf(f), at, identityVal(fn, f.combine, accumulatorOf(f), 1));
            if (isArg(f.combine)) fn.store(0x37, at, fn.const('i64', -1), 8);
          });
          for (let i = 0; i < inputs; i++)
            fn.storeI32(own(fn, INNER_LOOP), q[outs + i]!, HEAD_POINTERS + 4 * i);
          fn.store(0x37, own(fn, POSITION), fn.const('i64', 0));
          fn.call(reduceOne, []).put();
          const results = lower(fn, finish, 1, {
            input: (index, dtype) => {
              if (index >= folds.length) return load(fn, dtype, q[outs + index - folds.length]!);
              const f = folds[index]!;
              const at = own(fn, ACCUMULATORS + 16 * index);
              if (isArg(f.combine)) return fn.load('i64', 0x29, at, 8);
              const v = load(fn, accumulatorOf(f), at);
              return accumulatorOf(f) === f.map.dtype ? v : v.convert(0xb6, 'f32');
            },
            scalar: (i, dtype) => scalarLeaf(fn, scalars, i, dtype, 1),
            coord: (d) => coordOf(fn, spec, outs, d),
          });
          results.forEach((v, j) => {
            store(fn, finish[j]!.dtype, q[j]!, v);
          });
          q.forEach((p, i) => {
            p.inc(strides[i]!);
          });
          fn.storeI32(own(fn, KEPT_INDEX), fn.loadI32(own(fn, KEPT_INDEX)).add(1));
          left.inc(-1);
        },
        () => left.ne(0),
      );
    });
  });
  return instantiate(heap, m)[reduceAll.name!]!;
}

/** A run over the views' pointers. */
export type Run = (pointers: readonly number[]) => void;

export function compileReduce(heap: Heap, kernel: ReduceKernel): Executable {
  const { folds, finish, rank, reduced } = kernel;
  const maps = folds.map((f) => f.map);
  const found = inputDtypes(maps);
  for (const [index, dtype] of inputDtypes(finish)) {
    if (index >= folds.length) found.set(index - folds.length, dtype);
  }
  const inputCount = Math.max(-1, ...found.keys()) + 1;
  const types = Array.from({ length: inputCount }, (_, i) => found.get(i));
  const scalarTypes = scalarDtypes([...maps, ...finish]);
  const coords = usesCoord([...maps, ...finish]);
  const inOrder = coords || folds.some((f) => isArg(f.combine));
  const variants = new Map<string, Exports[string]>();
  const nsPerElement = costOf(
    maps,
    types.map((d) => (d ? dtypes[d].bytes : 0)),
  );
  const byColumns = inOrder ? undefined : columns(heap, kernel, types);

  /** What a layout comes to: a run over pointers, outputs first. */
  const planOf = (outputs: readonly View[], inputs: readonly View[]): Run => {
    const { shape } = inputs[0]!;
    const kept = outputs[0]!.shape;
    const inputLoop = (from: number, to: number): Loop => ({
      sizes: shape.slice(from, to),
      strides: types.map((d, i) =>
        d
          ? inputs[i]!.strides.slice(from, to).map((s) => s * dtypes[d].bytes)
          : shape.slice(from, to).map(() => 0),
      ),
    });
    let inner = inputLoop(rank, rank + reduced);
    if (!inOrder) inner = ordered(inner);
    if (!coords) inner = merged(inner);
    else if (inner.sizes.length === 0) inner = { sizes: [1], strides: types.map(() => [0]) };
    if (inner.sizes.includes(0)) inner = { sizes: [0], strides: types.map(() => [0]) };
    let outer: Loop = {
      sizes: [...kept],
      strides: [...loopOf(outputs, kept).strides, ...inputLoop(0, rank).strides],
    };
    outer = coords ? outer : merged(ordered(outer));
    if (outer.sizes.length === 0) outer = { sizes: [1], strides: outer.strides.map(() => [0]) };
    const wide = byColumns?.(outer, inner, outs);
    if (wide) return wide;
    const last = inner.sizes.length - 1;
    const steps = types.map((d, i): Step => {
      const s = inner.strides[i]![last]!;
      if (!d || s === dtypes[d].bytes) return 'dense';
      return s === 0 ? 'fixed' : 'strided';
    });
    const key = steps.join();
    let drive = variants.get(key);
    if (!drive) {
      drive = build(heap, { kernel, inputs: types, steps, coords });
      variants.set(key, drive);
    }
    const start = drive;
    // Coordinates are read where the loop's counters stand: there is one such place.
    const ns = coords ? 0 : numel(shape) * nsPerElement;
    return (pointers) => {
      // Its pointers are written by the loop over the kept dims.
      const sources = pointers.slice(outs);
      writeLoop(heap, PARAMS + INNER_LOOP, sources, inner);
      const before = (): void => writeLoop(heap, SHARED_LOOP, sources, inner);
      driveLoop(heap, start, pointers, outer, { ns, end: SHARED_LOOP, before });
    };
  };

  const outs = finish.length;
  const plans = new Plans<Run>();
  const pointers: number[] = new Array(outs + inputCount).fill(0);
  const call: Executable = (outputs, inputs, scalars) => {
    if (scalarTypes.length > 0) writeScalars(heap, scalarTypes, scalars!);
    if (numel(outputs[0]!.shape) === 0) return;
    for (let i = 0; i < outs; i++) pointers[i] = pointerOf(outputs[i]!);
    for (let i = 0; i < inputCount; i++) if (types[i]) pointers[outs + i] = pointerOf(inputs[i]!);
    const plan = plans.find(outputs, inputs) ?? plans.add(outputs, inputs, planOf(outputs, inputs));
    plan(pointers);
  };
  return canFault([...maps, ...finish]) ? withoutTrace(heap, call) : call;
}
