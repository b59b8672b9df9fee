/** What a set of expressions refers to, and where its values can lie. */
import { type ComputeType, type DType, dtypes, type Expr } from '@sconce/core';

/** Every node once. */
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

/** The dtypes of the inputs that occur, by index. */
export function inputDtypes(exprs: readonly Expr[]): Map<number, DType> {
  const found = new Map<number, DType>();
  walk(exprs, (e) => e.op === 'input' && found.set(e.index, e.dtype));
  return found;
}

/** The dtypes of the scalars that occur, by index; indices that do not occur are holes. */
export function scalarDtypes(exprs: readonly Expr[]): ComputeType[] {
  const found: ComputeType[] = [];
  walk(exprs, (e) => {
    if (e.op === 'scalar') found[e.index] = e.dtype;
  });
  return found;
}

/** The dims whose coordinates occur. */
export function coordDims(exprs: readonly Expr[]): Set<number> {
  const found = new Set<number>();
  walk(exprs, (e) => e.op === 'coord' && found.add(e.dim));
  return found;
}

const partsWays: ReadonlySet<string> = new Set(['sin', 'cos', 'tan', 'erfc', 'lgamma', 'digamma']);

/** Whether `lower` can write the expressions for four elements together. */
export function canBeWide(exprs: readonly Expr[]): boolean {
  let ok = true;
  walk(exprs, (e) => {
    ok &&= e.op !== 'coord' && e.dtype !== 'int64' && e.dtype !== 'float64' && !partsWays.has(e.op);
    const isInt = !dtypes[e.dtype].isFloat;
    if (e.op === 'cast') ok &&= !(isInt && e.dtype !== 'bool' && dtypes[e.args[0].dtype].isFloat);
    else if (e.op === 'pow') ok &&= !isInt;
    else if (e.op === 'rem' && !isInt) ok = false;
    // A divisor that may be 0 needs a branch.
    else if ((e.op === 'div' || e.op === 'rem') && isInt)
      ok &&= e.args[1]!.op === 'const' && Number(e.args[1]!.value) !== 0 && e.args[0]!.op !== 'const';
  });
  return ok;
}

/** An int64 that lies within 32 bits is computed in 32 bits. */
export type Range = readonly [low: number, high: number];

/** Sizes of dims that have coordinates: more than any buffer has elements. */
export const COORD_LIMIT = 2 ** 30;

const everything: Range = [-Infinity, Infinity];
const LOW = -(2 ** 31);
const HIGH = 2 ** 31 - 1;
const anyInt32: Range = [LOW, HIGH];

export const fitsInt32 = ([low, high]: Range): boolean => low >= LOW && high <= HIGH;

/** Where the results of an int64 operation lie; `of` gives the same for its arguments. */
export function rangeOf(e: Expr, of: (arg: Expr) => Range): Range {
  switch (e.op) {
    case 'const':
      return [Number(e.value), Number(e.value)];
    case 'coord':
      return [0, COORD_LIMIT];
    case 'cast': {
      const from = e.args[0].dtype;
      return from === 'bool' ? [0, 1] : dtypes[from].isFloat || from === 'int64' ? everything : anyInt32;
    }
    case 'input':
    case 'scalar':
      return everything;
  }
  const ranges = e.args.map((a) => (a.dtype === 'int64' ? of(a) : everything));
  const [[a, b], [c, d]] = [ranges[0]!, ranges[1] ?? everything];
  switch (e.op) {
    case 'add':
      return [a + c, b + d];
    case 'sub':
      return [a - d, b - c];
    case 'mul': {
      const products = [a * c, a * d, b * c, b * d];
      return products.some(Number.isNaN) ? everything : [Math.min(...products), Math.max(...products)];
    }
    case 'neg':
      return [-b, -a];
    case 'abs':
      return [0, Math.max(-a, b)];
    case 'div':
    case 'rem': {
      const largest = Math.max(-a, b);
      return [-largest, largest];
    }
    case 'min':
      return [Math.min(a, c), Math.min(b, d)];
    case 'max':
      return [Math.max(a, c), Math.max(b, d)];
    case 'where': {
      const [x, y] = [ranges[1]!, ranges[2]!];
      return [Math.min(x[0], y[0]), Math.max(x[1], y[1])];
    }
    // Closed on numbers that are extended by their sign.
    case 'and':
    case 'or':
    case 'xor':
    case 'not':
    case 'shr':
      return ranges.every(fitsInt32) || (e.op === 'not' && fitsInt32(ranges[0]!)) ? anyInt32 : everything;
    default:
      return everything;
  }
}
