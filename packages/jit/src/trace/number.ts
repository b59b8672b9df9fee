/** Sizes while a trace is recorded: numbers whose arithmetic the trace repeats. */
import { TracedNumber } from '@sconce/core';
import type { Value } from '../ir/graph.ts';
import type { Tensor } from '../ops/core.ts';

/** What a size needs of its recording. */
export interface NumberRecording {
  readonly isActive: boolean;
  /** Records an operator on zero-dim tensors: `aten::mul(%n, %m)`. */
  arithmetic(
    operator: string,
    operands: readonly (Size | number | string)[],
    result: number,
    isInt: boolean,
  ): Size;
  /** A zero-dim tensor of the program's that stands for the number. */
  tensorFor(size: Size): Tensor;
  /** Says that a size became a plain number, and so a constant. */
  becameNumber(size: Size): void;
}

/**
 * A size, or what was computed from sizes: `x.size(0).mul(2).sub(1)`. It goes wherever an operator takes a number, and the
 * trace computes it anew for other shapes. JavaScript's own operators (`n * 2`) make it a plain number, with a warning.
 */
export class Size extends TracedNumber {
  constructor(
    private readonly recording: NumberRecording,
    /** The zero-dim tensor in the graph. */
    readonly traced: Value,
    readonly value: number,
    readonly isInt = true,
  ) {
    super();
  }

  add(other: Size | number): Size {
    return this.with('aten::add.Tensor', other, (a, b) => a + b);
  }
  sub(other: Size | number): Size {
    return this.with('aten::sub.Tensor', other, (a, b) => a - b);
  }
  mul(other: Size | number): Size {
    return this.with('aten::mul.Tensor', other, (a, b) => a * b);
  }
  /** True division: no int any more. */
  div(other: Size | number): Size {
    return this.recording.arithmetic('aten::div.Tensor', [this, other], this.value / plain(other), false);
  }
  floor_divide(other: Size | number): Size {
    return this.with('aten::floor_divide', other, (a, b) => Math.floor(a / b));
  }
  /** Python's `//`. */
  floordiv(other: Size | number): Size {
    return this.floor_divide(other);
  }
  /** The quotient rounded towards zero. */
  truncdiv(other: Size | number): Size {
    const isInt = this.isInt && integral(other);
    const result = Math.trunc(this.value / plain(other));
    return this.recording.arithmetic('aten::div.Tensor_mode', [this, other, 'trunc'], result, isInt);
  }
  remainder(other: Size | number): Size {
    return this.with(
      other instanceof Size ? 'aten::remainder.Tensor' : 'aten::remainder.Scalar',
      other,
      (a, b) => a - b * Math.floor(a / b),
    );
  }
  pow(exponent: Size | number): Size {
    return this.with(
      exponent instanceof Size ? 'aten::pow.Tensor_Tensor' : 'aten::pow.Tensor_Scalar',
      exponent,
      (a, b) => a ** b,
    );
  }
  neg(): Size {
    return this.recording.arithmetic('aten::neg', [this], -this.value, this.isInt);
  }

  // A plain number on the left.

  rsub(other: number): Size {
    return this.with('aten::rsub.Scalar', other, (a, b) => b - a);
  }
  rdiv(other: number): Size {
    return this.recording.arithmetic('aten::reciprocal', [this], 1 / this.value, false).mul(other);
  }
  rfloordiv(other: number): Size {
    return this.after('aten::floor_divide', other, Math.floor(other / this.value));
  }
  rremainder(other: number): Size {
    const result = other - this.value * Math.floor(other / this.value);
    return this.after('aten::remainder.Scalar_Tensor', other, result);
  }
  rpow(other: number): Size {
    return this.after('aten::pow.Scalar', other, other ** this.value);
  }
  private after(operator: string, other: number, result: number): Size {
    return this.recording.arithmetic(operator, [other, this], result, this.isInt && integral(other));
  }

  private with(operator: string, other: Size | number, compute: (a: number, b: number) => number): Size {
    const isInt = this.isInt && integral(other);
    return this.recording.arithmetic(operator, [this, other], compute(this.value, plain(other)), isInt);
  }

  /** A plain number, which the trace keeps as a constant. */
  override valueOf(): number {
    if (this.recording.isActive) this.recording.becameNumber(this);
    return this.value;
  }

  override toString(): string {
    return String(this.value);
  }

  toJSON(): number {
    return this.value;
  }

  [Symbol.toPrimitive](hint: string): number | string {
    return hint === 'string' ? this.toString() : this.valueOf();
  }

  override argument(): TracedNumber | number {
    return this.recording.isActive ? this : this.value;
  }

  override tensor(): Tensor {
    return this.recording.tensorFor(this);
  }
}

const plain = (n: Size | number): number => (n instanceof Size ? n.value : n);
const integral = (n: Size | number): boolean => (n instanceof Size ? n.isInt : Number.isInteger(n));

/** A number, or a size that is being traced. */
export type SizeLike = number | TracedNumber;

const asSize = (n: SizeLike): Size | undefined => (n instanceof Size ? n : undefined);

/** Runs the method where one of the two is traced; a plain number on the left is one of the trace's constants. */
function either(
  a: SizeLike,
  b: SizeLike,
  traced: (a: Size, b: Size | number) => Size,
  swapped: (b: Size, a: number) => Size,
  compute: (a: number, b: number) => number,
): number {
  const [left, right] = [asSize(a), asSize(b)];
  if (left) return traced(left, right ?? Number(b)) as unknown as number;
  if (right) return swapped(right, Number(a)) as unknown as number;
  return compute(Number(a), Number(b));
}

/**
 * Arithmetic of sizes that a trace repeats: `sizes.mul(x.size(0), 2)`. On plain numbers it gives plain numbers, so that the
 * same code runs traced and untraced.
 */
export const sizes = {
  add: (a: SizeLike, b: SizeLike): number =>
    either(
      a,
      b,
      (x, y) => x.add(y),
      (y, x) => y.add(x),
      (x, y) => x + y,
    ),
  sub: (a: SizeLike, b: SizeLike): number =>
    either(
      a,
      b,
      (x, y) => x.sub(y),
      (y, x) => y.rsub(x),
      (x, y) => x - y,
    ),
  mul: (a: SizeLike, b: SizeLike): number =>
    either(
      a,
      b,
      (x, y) => x.mul(y),
      (y, x) => y.mul(x),
      (x, y) => x * y,
    ),
  div: (a: SizeLike, b: SizeLike): number =>
    either(
      a,
      b,
      (x, y) => x.div(y),
      (y, x) => y.rdiv(x),
      (x, y) => x / y,
    ),
  /** Python's `//`. */
  floordiv: (a: SizeLike, b: SizeLike): number =>
    either(
      a,
      b,
      (x, y) => x.floordiv(y),
      (y, x) => y.rfloordiv(x),
      (x, y) => Math.floor(x / y),
    ),
  /** Python's `%`. */
  remainder: (a: SizeLike, b: SizeLike): number =>
    either(
      a,
      b,
      (x, y) => x.remainder(y),
      (y, x) => y.rremainder(x),
      (x, y) => x - y * Math.floor(x / y),
    ),
  pow: (a: SizeLike, b: SizeLike): number =>
    either(
      a,
      b,
      (x, y) => x.pow(y),
      (y, x) => y.rpow(x),
      (x, y) => x ** y,
    ),
} as const;
