/** Expressions to WGSL: each distinct part is computed once, as a `let`; for one element, or for four together. */
import type { ComputeType, DType, Expr, ScalarOp } from '@sconce/core';
import type { Shader } from '../shader.ts';
import { cast } from './cast.ts';
import { literal, loaded } from './element.ts';
import { scalarOp } from './scalar.ts';
import { fitsInt32, type Range, rangeOf } from './walk.ts';
import { widened } from './widen.ts';

/** Where an expression's leaves come from. Every text is an expression that may be repeated. */
export interface Leaves {
  /** An element as stored, or four of them. */
  input(index: number): string;
  /** A number of the call, as a value of the dtype: bool, i32, f32 or vec2<u32> (low, high). */
  scalar(index: number, dtype: ComputeType): string;
  /** The index along a dim, an i32. */
  coord(dim: number): string;
}

export interface Lowered {
  /** `let`s, and statements that record faults. */
  readonly statements: string;
  /** One value per expression, in its dtype's type: `stored` makes it an element. */
  readonly values: string[];
}

/** A value being computed: `isShort` is an int64 in an i32, because it cannot be larger. */
export interface Value {
  readonly text: string;
  readonly dtype: DType;
  readonly isShort?: boolean;
  /** A literal: WGSL would compute, and refuse, what is made of literals alone. */
  readonly constant?: number | bigint;
}

/** One element, or a vector of four: then leaves and values are vectors, and `canBeWide` must hold. */
export type Width = 1 | 4;

export function lower(shader: Shader, exprs: readonly Expr[], leaves: Leaves, width: Width = 1): Lowered {
  const writer = new Writer(shader, leaves, width);
  const values = exprs.map((e) => writer.whole(writer.value(e)));
  return { statements: writer.lines.join('\n'), values };
}

/** Writes statements; operations ask it for names and for library functions. */
export class Writer {
  readonly lines: string[] = [];
  private readonly byExpr = new Map<Expr, Value>();
  private readonly byKey = new Map<string, Value>();
  private readonly ranges = new Map<Expr, Range>();

  constructor(
    readonly shader: Shader,
    private readonly leaves: Leaves,
    private readonly width: Width,
  ) {
    if (width === 4) shader.use('wide');
  }

  /** A name for a value of which the text may be long. */
  name(text: string): string {
    return this.raw(this.width === 1 ? text : widened(text));
  }

  private raw(text: string): string {
    const name = this.shader.name();
    this.lines.push(`let ${name} = ${text};`);
    return name;
  }

  /** The name of a library function. */
  use(f: string): string {
    return this.shader.use(this.width === 1 ? f : `${f}4`);
  }

  /** A call of a library function. */
  call(f: string, ...args: readonly string[]): string {
    return `${this.use(f)}(${args.join(', ')})`;
  }

  /** The value as its dtype's own type. */
  whole(v: Value): string {
    if (!v.isShort) return v.text;
    return v.constant !== undefined ? literal(this, v.constant, 'int64') : this.call('i64_of', v.text);
  }

  value(e: Expr): Value {
    let v = this.byExpr.get(e);
    if (!v) this.byExpr.set(e, (v = 'args' in e ? this.operation(e) : this.leaf(e)));
    return v;
  }

  private leaf(e: Exclude<Expr, { args: unknown }>): Value {
    const { dtype } = e;
    switch (e.op) {
      case 'input':
        return this.known(`input ${e.index}`, dtype, () =>
          loaded(dtype, this.raw(this.leaves.input(e.index))),
        );
      case 'scalar':
        return this.known(`scalar ${e.index}`, dtype, () => this.raw(this.leaves.scalar(e.index, e.dtype)));
      case 'coord':
        return { text: this.leaves.coord(e.dim), dtype, isShort: true };
      case 'const': {
        const isShort = dtype === 'int64' && fitsInt32([Number(e.value), Number(e.value)]);
        return {
          text: literal(this, e.value, isShort ? 'int32' : e.dtype),
          dtype,
          isShort,
          constant: e.value,
        };
      }
    }
  }

  private operation(e: Extract<Expr, { args: unknown }>): Value {
    let args = e.args.map((a) => this.value(a));
    if (args.every((a) => a.constant !== undefined))
      args = args.map((a) => ({ ...a, text: this.name(a.text), constant: undefined }));
    const isWide = args.some((a) => a.dtype === 'int64' && !a.isShort);
    const isShort = e.dtype === 'int64' && !isWide && fitsInt32(this.range(e));
    // An operation is in 32 bits if all of it fits.
    const inShort = !isWide && (e.dtype !== 'int64' || isShort);
    if (e.op !== 'cast' && !inShort)
      args = args.map((a) => (a.isShort ? { ...a, text: this.whole(a), isShort: false } : a));
    const key = `${e.op} ${e.dtype} ${args.map((a) => a.text)}`;
    return this.known(
      key,
      e.dtype,
      () =>
        e.op === 'cast' ? cast(this, args[0]!, e.dtype, isShort) : scalarOp(this, e.op as ScalarOp, args),
      isShort,
    );
  }

  private known(key: string, dtype: DType, text: () => string, isShort = false): Value {
    let v = this.byKey.get(key);
    if (!v) {
      const written = text();
      // A name stays as it is.
      v = { text: /^\w+$/.test(written) ? written : this.name(written), dtype, isShort };
      this.byKey.set(key, v);
    }
    return v;
  }

  private range(e: Expr): Range {
    let r = this.ranges.get(e);
    if (!r) this.ranges.set(e, (r = rangeOf(e, (a) => this.range(a))));
    return r;
  }
}
