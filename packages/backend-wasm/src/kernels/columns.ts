/**
 * Reduce where the outputs are neighbours in memory: a tile of outputs is folded at once, row of inputs after row,
 * with the element-wise rows of pointwise kernels on accumulators that stay in the first cache.
 */
import { type DType, dtypes, type Expr, type ReduceKernel } from '@sconce/core/backend';
import { Module } from '../asm/module.ts';
import type { Heap } from '../memory/heap.ts';
import type { Loop } from '../memory/layout.ts';
import { combineOps, identity } from './combine.ts';
import { type Exports, instantiate, zero } from './engine.ts';
import { fillFloats } from './fill.ts';
import { LOOP, odometer, writeLoop } from './odometer.ts';
import type { Run } from './reduce.ts';
import { rowFunction, type Step } from './row.ts';

/** Outputs of a tile, and rows after which float32 sums move into doubles. */
const TILE = 512;
const FLUSH = 32;
const LEAST_COLUMNS = 8;

const isSingleSum = (kernel: ReduceKernel, i: number): boolean =>
  kernel.folds[i]!.combine === 'sum' && kernel.folds[i]!.map.dtype === 'float32';

/** Moves input indices of an expression. */
function shifted(e: Expr, by: number): Expr {
  if (e.op === 'input') return { ...e, index: e.index + by };
  if ('args' in e) return { ...e, args: e.args.map((a) => shifted(a, by)) } as unknown as Expr;
  return e;
}

/**
 * The run of a layout, or undefined for one that is not for columns. Loops are those of the kept dims (all operands) and of
 * the reduced dims (inputs only).
 */
export function columns(
  heap: Heap,
  kernel: ReduceKernel,
  types: readonly (DType | undefined)[],
): (outer: Loop, inner: Loop, outs: number) => Run | undefined {
  const { folds, finish } = kernel;
  const k = folds.length;
  const accumulate = folds.map(
    (f, i): Expr =>
      ({
        op: combineOps[f.combine as keyof typeof combineOps],
        dtype: f.map.dtype,
        args: [{ op: 'input', index: i, dtype: f.map.dtype }, shifted(f.map, k)],
      }) as Expr,
  );
  let space: { single: number[]; double: number[] } | undefined;
  const variants = new Map<string, Exports>();
  const finishers = new Map<string, Exports>();

  const build = (steps: readonly Step[]): Exports => {
    const m = new Module();
    const row = rowFunction(m, {
      exprs: accumulate,
      outputs: folds.map((f) => f.map.dtype),
      inputs: [...folds.map((f) => f.map.dtype), ...types],
      steps: [...folds.map((): Step => 'dense'), ...folds.map((): Step => 'dense'), ...steps],
    });
    const { single, double } = space!;
    /** doubles += singles; singles = 0, or at the end the rounded sums. */
    const flush = m.fn('flush', ['i32', 'i32'], [], (fn) => {
      folds.forEach((_, i) => {
        if (!isSingleSum(kernel, i)) return;
        const p = fn.local('i32');
        const d = fn.local('i32');
        const n = fn.local('i32');
        p.set(single[i]!);
        d.set(double[i]!);
        n.set(fn.param(0));
        fn.doWhile(
          () => {
            const v = fn
              .load('f64', 0x2b, d)
              .add(fn.load('f32', 0x2a, p).convert(0xbb, 'f64'))
              .keep();
            fn.store(0x39, d, v);
            fn.store(0x38, p, fn.select(fn.param(1), v.convert(0xb6, 'f32'), fn.const('f32', 0)));
            p.inc(4);
            d.inc(8);
            n.inc(-1);
          },
          () => n.ne(0),
        );
      });
    });
    m.fn('drive', [], [], (fn) => {
      const rows = fn.local('i32');
      const moving = steps.map((s, i) => (s === 'strided' ? i : -1)).filter((i) => i >= 0);
      odometer(fn, LOOP, types.length, ({ n, pointers, strides }) => {
        const accs = single.map((p) => fn.i32(p));
        fn.call(row, [n, ...accs, ...accs, ...pointers, ...moving.map((i) => strides[i]!)]).put();
        rows.inc(1);
        fn.if(rows.eq(FLUSH), () => {
          fn.call(flush, [n, 0]).put();
          rows.set(0);
        });
      });
      fn.call(flush, [fn.loadI32(fn.i32(LOOP), 4), 1]).put();
    });
    return instantiate(heap, m);
  };

  return (outer, inner, outs) => {
    const c = outer.sizes.length - 1;
    const width = outer.sizes[c]!;
    const rows = inner.sizes.reduce((a, b) => a * b, 1);
    if (width < LEAST_COLUMNS || rows < 2) return undefined;
    const d = inner.sizes.length - 1;
    // The largest step that is dense in the reduced dims decides for runs; dense in the kept ones, for columns.
    let dense = false;
    for (let i = 0; i < types.length; i++) {
      if (!types[i]) continue;
      const bytes = dtypes[types[i]!].bytes;
      if (inner.strides[i]![d] === bytes) return undefined;
      if (outer.strides[outs + i]![c] === bytes) dense = true;
    }
    if (!dense) return undefined;
    if (!space) {
      const block = heap.bytes(TILE * 8 * (k + folds.length));
      space = {
        single: folds.map((_, i) => block.pointer + i * TILE * 8),
        double: folds.map((_, i) => block.pointer + (k + i) * TILE * 8),
      };
    }
    const steps = types.map((t, i): Step => {
      const s = outer.strides[outs + i]![c]!;
      if (!t || s === dtypes[t].bytes) return 'dense';
      return s === 0 ? 'fixed' : 'strided';
    });
    const key = steps.join();
    let e = variants.get(key);
    if (!e) {
      e = build(steps);
      variants.set(key, e);
    }
    const outSteps = finish.map(
      (f, j): Step => (outer.strides[j]![c] === dtypes[f.dtype].bytes ? 'dense' : 'strided'),
    );
    const finishKey = [...outSteps, ...steps].join();
    let last = finishers.get(finishKey);
    if (!last) {
      const m = new Module();
      rowFunction(m, {
        exprs: finish,
        outputs: finish.map((f) => f.dtype),
        inputs: [...folds.map((f) => f.map.dtype), ...types],
        steps: [...outSteps, ...folds.map((): Step => 'dense'), ...steps],
      });
      last = instantiate(heap, m);
      finishers.set(finishKey, last);
    }
    const [drive, finishRow] = [e.drive!, last.row!];
    const { single } = space;
    const kept = outer.strides;
    const moving = [...outSteps, ...folds.map((): Step => 'dense'), ...steps].flatMap((s, i) =>
      s === 'strided' ? [kept[i < outs ? i : i - k]![c]!] : [],
    );
    const tile = Math.min(TILE, width);
    const loopOfTile = (n: number): Loop => ({
      sizes: [...inner.sizes, n],
      strides: inner.strides.map((s, i) => [...s, kept[outs + i]![c]!]),
    });
    const whole = loopOfTile(tile);
    const rest = loopOfTile(width % tile);
    return (pointers) => {
      // Every kept dim but the innermost on the host.
      const index = new Array<number>(c).fill(0);
      const at = [...pointers];
      for (;;) {
        for (let from = 0; from < width; from += tile) {
          const n = Math.min(tile, width - from);
          const here = from === 0 ? at : at.map((p, i) => p + from * kept[i]![c]!);
          const sources = here.slice(outs);
          prepare(n);
          writeLoop(heap, LOOP, sources, n === tile ? whole : rest);
          drive();
          finishRow(n, ...here.slice(0, outs), ...single, ...sources, ...moving);
        }
        let dim = c - 1;
        for (; dim >= 0; dim--) {
          for (let i = 0; i < at.length; i++) at[i]! += kept[i]![dim]!;
          if (++index[dim]! < outer.sizes[dim]!) break;
          index[dim] = 0;
          for (let i = 0; i < at.length; i++) at[i]! -= kept[i]![dim]! * outer.sizes[dim]!;
        }
        if (dim < 0) return;
      }
    };
  };

  /** Identities in the accumulators. */
  function prepare(n: number): void {
    folds.forEach((f, i) => {
      const start = identity(f.combine, f.map.dtype);
      const p = space!.single[i]!;
      switch (f.map.dtype) {
        case 'float32':
          fillFloats(heap, p, n, Number(start));
          break;
        case 'float64':
          heap.f64.fill(Number(start), p >> 3, (p >> 3) + n);
          break;
        case 'int64':
          heap.i64.fill(BigInt(start), p >> 3, (p >> 3) + n);
          break;
        case 'bool':
          heap.u8.fill(Number(start), p, p + n);
          break;
        default:
          heap.i32.fill(Number(start), p >> 2, (p >> 2) + n);
      }
      if (isSingleSum(kernel, i)) {
        zero(heap, space!.double[i]!, 8 * n);
      }
    });
  }
}
