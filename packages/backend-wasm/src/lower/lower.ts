/** Expressions to instructions: common parts computed once, at one element or a vector of them per step. */
import { type ComputeType, type DType, dtypes, type Expr } from '@sconce/core/backend';
import { isFloatLane, isVector } from '../asm/lane.ts';
import type { Fn } from '../asm/module.ts';
import type { Val } from '../asm/val.ts';
import { cast, castIsVector } from './cast.ts';
import { laneOf, type Width } from './element.ts';
import { isVectorOp, scalarOp } from './scalar.ts';

/** Where an expression's leaves come from. */
export interface Leaves {
  input(index: number, dtype: DType): Val;
  scalar(index: number, dtype: ComputeType): Val;
  coord(dim: number): Val;
}

const typeOfArgs = (e: Expr & { args: readonly Expr[] }): DType => e.args[e.args.length - 1]!.dtype;

/** Structure of a set of expressions: equal subtrees have one number, and how often each is used. */
class Shape {
  private readonly numbers = new Map<Expr, number>();
  private readonly byKey = new Map<string, number>();
  readonly uses: number[] = [];

  constructor(roots: readonly Expr[]) {
    for (const r of roots) this.uses[this.visit(r)]!++;
  }

  numberOf(e: Expr): number {
    return this.numbers.get(e)!;
  }

  private visit(e: Expr): number {
    const known = this.numbers.get(e);
    if (known !== undefined) return known;
    let key = `${e.op} ${e.dtype}`;
    let args: number[] = [];
    if ('args' in e) {
      args = e.args.map((a) => this.visit(a));
      key += ` ${args}`;
    } else if (e.op === 'const') key += ` ${Object.is(e.value, -0) ? '-0' : e.value} ${typeof e.value}`;
    else if (e.op === 'coord') key += ` ${e.dim}`;
    else key += ` ${e.index}`;
    let n = this.byKey.get(key);
    if (n === undefined) {
      n = this.uses.length;
      this.byKey.set(key, n);
      this.uses.push(0);
      for (const a of args) this.uses[a]!++;
    }
    this.numbers.set(e, n);
    return n;
  }
}

/** Writes the computation of all expressions; each result is in a local, so stores may follow in any order. */
export function lower(fn: Fn, exprs: readonly Expr[], width: Width, leaves: Leaves): Val[] {
  const shape = new Shape(exprs);
  const done = new Map<number, Val>();
  const visit = (e: Expr): Val => {
    const n = shape.numberOf(e);
    const known = done.get(n);
    if (known) return known;
    let v = leaf(e) ?? inner(e as Expr & { args: readonly Expr[] });
    if (shape.uses[n]! > 1 && e.op !== 'const') v = v.keep();
    done.set(n, v);
    return v;
  };
  const leaf = (e: Expr): Val | undefined => {
    switch (e.op) {
      case 'input':
        return leaves.input(e.index, e.dtype);
      case 'scalar':
        return leaves.scalar(e.index, e.dtype);
      case 'coord':
        return leaves.coord(e.dim);
      case 'const':
        return constant(fn, e.value, e.dtype, width);
      default:
        return undefined;
    }
  };
  const inner = (e: Expr & { args: readonly Expr[] }): Val => {
    if (e.op === 'cast') return cast(visit(e.args[0]!).keep(), e.args[0]!.dtype, e.dtype, width);
    const args = e.args.map((a) => visit(a));
    if (e.op === 'max' || e.op === 'min') {
      const bounded = bound(e.op, e.args, args);
      if (bounded) return bounded;
    }
    // Simple operations use an argument once and may nest on the stack; the rest keep what they read twice.
    const kept = simple.has(e.op) ? args : args.map((a, i) => (e.args[i]!.op === 'const' ? a : a.keep()));
    return scalarOp(e.op as never, kept, typeOfArgs(e) as ComputeType);
  };
  return exprs.map((e) => visit(e).keep());
}

/** max or min with a constant, on vectors of floats: one instruction that keeps a NaN, where the general one is a handful. */
function bound(op: 'max' | 'min', exprs: readonly Expr[], args: readonly Val[]): Val | undefined {
  const at = exprs.findIndex((e) => e.op === 'const' && !Number.isNaN(Number(e.value)));
  if (at < 0 || !isVector(args[at]!.lane) || !isFloatLane(args[at]!.lane)) return undefined;
  const value = args[1 - at]!;
  return op === 'max' ? value.atLeast(args[at]!) : value.atMost(args[at]!);
}

/** Emitted with each operand exactly once, in order. */
const simple = new Set<string>([
  'add',
  'sub',
  'mul',
  'neg',
  'sqrt',
  'floor',
  'ceil',
  'trunc',
  'round',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
]);

function constant(fn: Fn, value: number | bigint, dtype: ComputeType, width: Width): Val {
  const lane = laneOf(dtype, width);
  if (dtype === 'bool') return fn.const(lane, width === 1 ? Number(value) : Number(value) ? -1 : 0);
  if (dtype === 'int64') return fn.const(lane, BigInt(value));
  if (dtype === 'int32') return fn.const(lane, Number(BigInt.asIntN(32, BigInt(value))));
  return fn.const(lane, Number(value));
}

/** All dtypes of the inputs that occur, by index. */
export function inputDtypes(exprs: readonly Expr[]): Map<number, DType> {
  const found = new Map<number, DType>();
  walk(exprs, (e) => e.op === 'input' && found.set(e.index, e.dtype));
  return found;
}

export function scalarDtypes(exprs: readonly Expr[]): ComputeType[] {
  const found: ComputeType[] = [];
  walk(exprs, (e) => {
    if (e.op === 'scalar') found[e.index] = e.dtype;
  });
  return found;
}

export function walk(exprs: readonly Expr[], visit: (e: Expr) => void): void {
  const seen = new Set<Expr>();
  const go = (e: Expr): void => {
    if (seen.has(e)) return;
    seen.add(e);
    visit(e);
    if ('args' in e) e.args.forEach(go);
  };
  exprs.forEach(go);
}

/** Whether the kernel can divide integers, and so must be asked for faults. */
export function canFault(exprs: readonly Expr[]): boolean {
  let found = false;
  walk(exprs, (e) => {
    if ((e.op === 'div' || e.op === 'rem') && !dtypes[e.dtype].isFloat) found = true;
  });
  return found;
}

export function usesCoord(exprs: readonly Expr[]): boolean {
  let found = false;
  walk(exprs, (e) => {
    if (e.op === 'coord') found = true;
  });
  return found;
}

/** The widest step that all expressions have vector code for. */
export function widthOf(exprs: readonly Expr[]): Width {
  const found = new Set<DType>();
  walk(exprs, (e) => found.add(e.dtype));
  const wide = found.has('float64') || found.has('int64');
  const width: Width = wide ? 2 : 4;
  if (wide) {
    for (const d of found) if (d !== 'float64' && d !== 'int64' && d !== 'bool' && d !== 'float32') return 1;
  }
  const roots = new Set(exprs);
  let ok = true;
  walk(exprs, (e) => {
    if (e.op === 'coord') ok = false;
    else if (e.op === 'cast') {
      const from = e.args[0].dtype;
      const toSingle = wide && e.dtype === 'float32';
      // A pair holds float32 as doubles, so float32 may only enter as an input and leave as an output.
      if (toSingle) ok &&= from === 'float64' && roots.has(e);
      else ok &&= castIsVector(from, e.dtype, width);
      if (wide && from === 'float32') ok &&= e.args[0].op === 'input';
    } else if ('args' in e) {
      const type = typeOfArgs(e) as ComputeType;
      ok &&= isVectorOp(e.op, type, width) && !(wide && type === 'float32');
    } else if (wide && e.dtype === 'float32') ok &&= e.op === 'input' && !roots.has(e);
  });
  // A root that is also used inside would be rounded for one use only.
  if (wide && ok) {
    walk(exprs, (e) => {
      if ('args' in e) for (const a of e.args) if (roots.has(a) && a.dtype === 'float32') ok = false;
    });
  }
  return ok ? width : 1;
}
