/** Writing scalar expressions as formulas: `x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1))`. */
import { TorchError } from '../errors.ts';
import { type DType, isFloat } from '../tensor/dtype.ts';
import { type ComputeType, computeType, type Expr, type ScalarOp } from './expr.ts';

type Operand = X | number | bigint | boolean;

const comparisons = new Set<ScalarOp>(['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'isnan', 'isinf']);

/** An expression being written. Immutable; a number beside it becomes a constant of its dtype. */
export class X {
  constructor(readonly expr: Expr) {}

  get dtype(): DType {
    return this.expr.dtype;
  }

  static input(index: number, dtype: DType): X {
    return new X({ op: 'input', index, dtype });
  }

  static scalar(index: number, dtype: ComputeType): X {
    return new X({ op: 'scalar', index, dtype });
  }

  static const(value: number | bigint | boolean, dtype: DType): X {
    const compute = computeType(dtype);
    const plain = typeof value === 'boolean' ? Number(value) : value;
    return new X({
      op: 'const',
      value: compute === 'bool' ? Number(plain !== 0 && plain !== 0n) : plain,
      dtype: compute,
    });
  }

  /** The element's index along `dim`, int64. */
  static coord(dim: number): X {
    return new X({ op: 'coord', dim, dtype: 'int64' });
  }

  private lift(other: Operand): X {
    return other instanceof X ? other : X.const(other, this.dtype);
  }

  private apply(op: ScalarOp, ...others: Operand[]): X {
    const args = [this.expr, ...others.map((o) => this.lift(o).expr)];
    for (const a of args)
      if (a.dtype !== this.dtype)
        throw new TorchError(`expression ${op}: operands are ${this.dtype} and ${a.dtype}; cast one of them`);
    return new X({ op, args, dtype: comparisons.has(op) ? 'bool' : (this.dtype as ComputeType) });
  }

  cast(dtype: DType): X {
    if (dtype === this.dtype) return this;
    // Widened and narrowed again, with nothing in between: the value as it was.
    if (this.expr.op === 'cast' && this.expr.args[0].dtype === dtype && computeType(dtype) === this.dtype)
      return new X(this.expr.args[0]);
    if (this.expr.op === 'const' && computeType(dtype) === dtype && (isFloat(dtype) || dtype === 'bool')) {
      const value = Number(this.expr.value);
      if (dtype !== 'float32' || Math.fround(value) === value || Number.isNaN(value))
        return X.const(value, dtype);
    }
    return new X({ op: 'cast', args: [this.expr], dtype });
  }

  // biome-ignore-start format: a table
  add(other: Operand): X {
    return this.apply('add', other);
  }
  sub(other: Operand): X {
    return this.apply('sub', other);
  }
  mul(other: Operand): X {
    return this.apply('mul', other);
  }
  div(other: Operand): X {
    return this.apply('div', other);
  }
  /** C's fmod. */
  rem(other: Operand): X {
    return this.apply('rem', other);
  }
  neg(): X {
    return this.apply('neg');
  }
  abs(): X {
    return this.apply('abs');
  }
  min(other: Operand): X {
    return this.apply('min', other);
  }
  max(other: Operand): X {
    return this.apply('max', other);
  }
  pow(other: Operand): X {
    return this.apply('pow', other);
  }
  atan2(other: Operand): X {
    return this.apply('atan2', other);
  }
  sqrt(): X {
    return this.apply('sqrt');
  }
  exp(): X {
    return this.apply('exp');
  }
  expm1(): X {
    return this.apply('expm1');
  }
  log(): X {
    return this.apply('log');
  }
  log1p(): X {
    return this.apply('log1p');
  }
  log2(): X {
    return this.apply('log2');
  }
  log10(): X {
    return this.apply('log10');
  }
  sin(): X {
    return this.apply('sin');
  }
  cos(): X {
    return this.apply('cos');
  }
  tan(): X {
    return this.apply('tan');
  }
  asin(): X {
    return this.apply('asin');
  }
  acos(): X {
    return this.apply('acos');
  }
  atan(): X {
    return this.apply('atan');
  }
  sinh(): X {
    return this.apply('sinh');
  }
  cosh(): X {
    return this.apply('cosh');
  }
  tanh(): X {
    return this.apply('tanh');
  }
  asinh(): X {
    return this.apply('asinh');
  }
  acosh(): X {
    return this.apply('acosh');
  }
  atanh(): X {
    return this.apply('atanh');
  }
  erf(): X {
    return this.apply('erf');
  }
  erfc(): X {
    return this.apply('erfc');
  }
  erfinv(): X {
    return this.apply('erfinv');
  }
  lgamma(): X {
    return this.apply('lgamma');
  }
  digamma(): X {
    return this.apply('digamma');
  }
  floor(): X {
    return this.apply('floor');
  }
  ceil(): X {
    return this.apply('ceil');
  }
  trunc(): X {
    return this.apply('trunc');
  }
  round(): X {
    return this.apply('round');
  }
  isnan(): X {
    return this.apply('isnan');
  }
  isinf(): X {
    return this.apply('isinf');
  }
  eq(other: Operand): X {
    return this.apply('eq', other);
  }
  ne(other: Operand): X {
    return this.apply('ne', other);
  }
  lt(other: Operand): X {
    return this.apply('lt', other);
  }
  le(other: Operand): X {
    return this.apply('le', other);
  }
  gt(other: Operand): X {
    return this.apply('gt', other);
  }
  ge(other: Operand): X {
    return this.apply('ge', other);
  }
  and(other: Operand): X {
    return this.apply('and', other);
  }
  or(other: Operand): X {
    return this.apply('or', other);
  }
  xor(other: Operand): X {
    return this.apply('xor', other);
  }
  not(): X {
    return this.apply('not');
  }
  shl(other: Operand): X {
    return this.apply('shl', other);
  }
  shr(other: Operand): X {
    return this.apply('shr', other);
  }
  // biome-ignore-end format: a table

  /** `condition.where(a, b)`: a where the condition holds, else b. One of them may be a number. */
  where(a: Operand, b: Operand): X {
    const typed = a instanceof X ? a : b instanceof X ? b : undefined;
    if (!typed) throw new TorchError('expression where: one of the two values must be an expression');
    const [x, y] = [typed.lift(a), typed.lift(b)];
    if (x.dtype !== y.dtype)
      throw new TorchError(`expression where: values are ${x.dtype} and ${y.dtype}; cast one of them`);
    return new X({ op: 'where', args: [this.expr, x.expr, y.expr], dtype: x.dtype as ComputeType });
  }

  get isFloat(): boolean {
    return isFloat(this.dtype);
  }
  get isBool(): boolean {
    return this.dtype === 'bool';
  }
  get isConst(): boolean {
    return this.expr.op === 'const';
  }
  isConstant(value: number): boolean {
    return this.expr.op === 'const' && Number(this.expr.value) === value && !Object.is(this.expr.value, -0);
  }
}
