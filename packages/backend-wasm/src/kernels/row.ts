/** The innermost loop of element-wise work: vectors of the elements where all operands are dense or constant, then the rest one by one. */
import { type ComputeType, type DType, dtypes, type Expr } from '@sconce/core/backend';
import type { Fn, Module } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { load, loadVector, store, storeVector, type Width } from '../lower/element.ts';
import { type Leaves, lower, widthOf } from '../lower/lower.ts';
import { counterAddress, LOOP, SCALARS } from './odometer.ts';

/** How an operand steps in the row: from element to element, not at all, or by a stride that comes with the call. */
export type Step = 'dense' | 'fixed' | 'strided';

export interface RowSpec {
  readonly exprs: readonly Expr[];
  readonly outputs: readonly DType[];
  /** dtype of each input; undefined for one that no expression reads. */
  readonly inputs: readonly (DType | undefined)[];
  /** Per operand, outputs first. */
  readonly steps: readonly Step[];
  /** With coordinates: the rank of the iteration; the loop's counters stand at LOOP. */
  readonly coordRank?: number;
}

/** Start of the running chunk in the inner dim, for coordinates. */
export const CHUNK_START = LOOP - 8;

/** A scalar as the lane needs it, loaded once at entry. */
export function scalarLeaf(
  fn: Fn,
  cache: Map<string, Val>,
  index: number,
  dtype: ComputeType,
  width: Width,
): Val {
  const key = `${index} ${dtype} ${width}`;
  const known = cache.get(key);
  if (known) return known;
  const address = fn.i32(SCALARS + 8 * index);
  let v: Val;
  if (dtype === 'float32') v = fn.load('f64', 0x2b, address).convert(0xb6, 'f32');
  else if (dtype === 'float64') v = fn.load('f64', 0x2b, address);
  else if (dtype === 'int64') v = fn.load('i64', 0x29, address);
  else v = fn.loadI32(address);
  if (width !== 1) {
    if (dtype === 'bool') v = width === 2 ? v.convert(0xac, 'i64') : v;
    v = v.splat();
    if (dtype === 'bool') v = v.neg();
  }
  v = v.keep();
  cache.set(key, v);
  return v;
}

/** Which scalars the expressions read. */
function scalarsOf(exprs: readonly Expr[]): { index: number; dtype: ComputeType }[] {
  const found = new Map<string, { index: number; dtype: ComputeType }>();
  const seen = new Set<Expr>();
  const go = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    if (e.op === 'scalar') found.set(`${e.index} ${e.dtype}`, e);
    if ('args' in e) e.args.forEach(go);
  };
  exprs.forEach(go);
  return [...found.values()];
}

/** What does not change along the row: computed once, as further inputs that do not move. */
interface Invariants {
  readonly exprs: readonly Expr[];
  /** Input `inputs.length + k` is the value of this. */
  readonly values: readonly Expr[];
}

/** Above all the numbers of a traced graph, `x * 2`, which are tensors of int64 or float64 without dims. */
function invariants({ exprs, outputs, inputs, steps }: RowSpec): Invariants {
  const values: Expr[] = [];
  const done = new Map<Expr, { still: boolean; expr: Expr }>();
  const leaf = (e: Expr): Expr => {
    if (!('args' in e)) return e;
    values.push(e);
    return { op: 'input', index: inputs.length + values.length - 1, dtype: e.dtype };
  };
  const visit = (e: Expr): { still: boolean; expr: Expr } => {
    const known = done.get(e);
    if (known) return known;
    let result: { still: boolean; expr: Expr };
    if (e.op === 'input') result = { still: steps[outputs.length + e.index] === 'fixed', expr: e };
    else if (e.op === 'coord') result = { still: false, expr: e };
    else if (!('args' in e)) result = { still: true, expr: e };
    else {
      const args = e.args.map(visit);
      if (args.every((a) => a.still)) result = { still: true, expr: e };
      else {
        const own = args.map((a) => (a.still ? leafOnce(a.expr) : a.expr));
        const changed = own.some((a, i) => a !== e.args[i]);
        result = { still: false, expr: changed ? ({ ...e, args: own } as unknown as Expr) : e };
      }
    }
    done.set(e, result);
    return result;
  };
  const leaves = new Map<Expr, Expr>();
  const leafOnce = (e: Expr): Expr => {
    let l = leaves.get(e);
    if (!l) leaves.set(e, (l = leaf(e)));
    return l;
  };
  const changed = exprs.map((e) => {
    const { still, expr } = visit(e);
    return still ? leafOnce(expr) : expr;
  });
  return { exprs: changed, values };
}

/** One element in every element of a vector. */
function spread(one: Val, dtype: DType, width: Width): Val {
  if (width === 1) return one;
  let v = one;
  if (width === 2 && dtype === 'float32') v = one.convert(0xbb, 'f64');
  if (width === 2 && dtype === 'bool') v = one.convert(0xac, 'i64');
  v = v.splat();
  return (dtype === 'bool' ? v.neg() : v).keep();
}

/** From how many bytes on the engine copies faster, which need not read the lines that it will write. */
const BULK = 4096;

/** The input that the row copies as it is, element by element; undefined for one that computes. */
function copied({ exprs, outputs, inputs, steps }: RowSpec): number | undefined {
  const [expr] = exprs;
  if (exprs.length !== 1 || expr?.op !== 'input' || inputs[expr.index] !== outputs[0]) return undefined;
  return steps[0] === 'dense' && steps[1 + expr.index] === 'dense' ? expr.index : undefined;
}

/**
 * Adds the row function: (n, a pointer per operand, a stride per strided operand). n is at least 1.
 * Exported as `row`.
 */
export function rowFunction(m: Module, whole: RowSpec): Fn {
  const { exprs, values } = invariants(whole);
  const spec = { ...whole, exprs };
  const operands: (DType | undefined)[] = [...spec.outputs, ...spec.inputs];
  const strided = spec.steps.map((s, i) => (s === 'strided' ? i : -1)).filter((i) => i >= 0);
  const width: Width = strided.length > 0 || spec.coordRank !== undefined ? 1 : widthOf(spec.exprs);
  const params = [
    'i32' as const,
    ...operands.map(() => 'i32' as const),
    ...strided.map(() => 'i32' as const),
  ];
  return m.fn('row', params, [], (fn) => {
    const n = fn.param(0);
    const pointers = operands.map((_, i) => fn.param(1 + i));
    const outs = spec.outputs.length;
    const scalarCache = new Map<string, Val>();
    const wanted = scalarsOf([...exprs, ...values]);
    for (const w of width === 1 ? [1 as const] : [1 as const, width])
      for (const s of wanted) scalarLeaf(fn, scalarCache, s.index, s.dtype, w);
    // Operands that do not move are read once.
    const fixed = new Map<string, Val>();
    operands.forEach((dtype, i) => {
      if (i < outs || !dtype || spec.steps[i] !== 'fixed') return;
      const one = load(fn, dtype, pointers[i]!).keep();
      fixed.set(`${i} 1`, one);
      fixed.set(`${i} ${width}`, width === 1 ? one : spread(one, dtype, width));
    });
    const rank = spec.coordRank ?? 0;
    const coords: Val[] = [];
    if (spec.coordRank !== undefined) {
      for (let d = 0; d < rank; d++) {
        const at = d === rank - 1 ? CHUNK_START : counterAddress(LOOP, operands.length, rank - 2 - d);
        coords.push(fn.loadI32(fn.i32(at)).convert(0xac, 'i64').keep());
      }
    }
    const leaves = (w: Width): Leaves => ({
      input: (index, dtype) => {
        const i = outs + index;
        const known = fixed.get(`${i} ${w}`);
        if (known) return known;
        return w === 1 ? load(fn, dtype, pointers[i]!) : loadVector(fn, dtype, w, pointers[i]!);
      },
      scalar: (index, dtype) => scalarLeaf(fn, scalarCache, index, dtype, w),
      coord: (dim) => coords[dim]!,
    });
    lower(fn, values, 1, leaves(1)).forEach((one, k) => {
      const i = outs + spec.inputs.length + k;
      fixed.set(`${i} 1`, one);
      fixed.set(`${i} ${width}`, spread(one, values[k]!.dtype, width));
    });
    const body = (w: Width): void => {
      const results = lower(fn, exprs, w, leaves(w));
      results.forEach((v, j) => {
        if (w === 1) store(fn, spec.outputs[j]!, pointers[j]!, v);
        else storeVector(fn, spec.outputs[j]!, w, pointers[j]!, v);
      });
      operands.forEach((dtype, i) => {
        if (spec.steps[i] === 'dense' && dtype) pointers[i]!.inc(dtypes[dtype].bytes * w);
        if (spec.steps[i] === 'strided' && dtype)
          pointers[i]!.inc(fn.param(1 + operands.length + strided.indexOf(i)));
      });
      if (rank > 0) coords[rank - 1]!.inc(coords[rank - 1]!.k(1));
    };
    const loop = (w: Width, count: Val): void =>
      fn.if(count.ne(0), () =>
        fn.doWhile(
          () => body(w),
          () => {
            count.inc(-1);
            return count.ne(0);
          },
        ),
      );
    const all = (): void => {
      if (width === 1) {
        loop(1, n);
        return;
      }
      const vectors = n.shrU(width === 4 ? 2 : 1).keep();
      loop(width, vectors);
      const rest = n.and(width - 1).keep();
      loop(1, rest);
    };
    const source = copied(spec);
    if (source === undefined) all();
    else {
      const bytes = n.mul(dtypes[spec.outputs[0]!].bytes).keep();
      fn.if(bytes.geU(BULK), () => fn.copyMemory(pointers[0]!, pointers[outs + source]!, bytes), all);
    }
  });
}
