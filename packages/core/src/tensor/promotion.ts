/** PyTorch's type promotion: which dtype an operator computes in when its operands differ. */
import { ArgumentError } from '../errors.ts';
import { type DType, dtypes, isFloat } from './dtype.ts';

/** A number that is Python's float even where its value is integral. */
export class PyFloat {
  constructor(readonly value: number) {}
  valueOf(): number {
    return this.value;
  }
  toString(): string {
    return Number.isInteger(this.value) ? `${this.value}.0` : String(this.value);
  }
}

/** Python's float literal: `py_float(2)` is `2.0`, where `2` is an int. */
export const py_float = (value: number): PyFloat => new PyFloat(value);

/** A Python number: an integral JavaScript number or a bigint is an int, any other number and `PyFloat` a float. */
export type Scalar = number | bigint | boolean | PyFloat;

export const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'number' ||
  typeof value === 'bigint' ||
  typeof value === 'boolean' ||
  value instanceof PyFloat;

export type Category = 'bool' | 'int' | 'float';

export const scalarCategory = (value: Scalar): Category =>
  typeof value === 'boolean'
    ? 'bool'
    : typeof value === 'bigint' ||
        (typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0))
      ? 'int'
      : 'float';

/** The plain value of a Scalar; a bool becomes 0 or 1. */
export const scalarValue = (value: Scalar): number | bigint =>
  value instanceof PyFloat ? value.value : typeof value === 'boolean' ? Number(value) : value;

const categoryRank: Record<Category, number> = { bool: 0, int: 1, float: 2 };

export const dtypeCategory = (dtype: DType): Category =>
  dtype === 'bool' ? 'bool' : isFloat(dtype) ? 'float' : 'int';

let defaultDType: DType = 'float32';
export const get_default_dtype = (): DType => defaultDType;
/** Sets the dtype of new floating point tensors, and of what `int / int` gives. */
export function set_default_dtype(dtype: DType): void {
  if (!isFloat(dtype))
    throw new ArgumentError(`only floating-point types are supported as the default type, got ${dtype}`);
  defaultDType = dtype;
}

const ladder: readonly DType[] = ['bool', 'uint8', 'int8', 'int16', 'int32', 'int64'];

function promotePair(a: DType, b: DType): DType {
  if (a === b) return a;
  if (isFloat(a) || isFloat(b)) {
    if (!isFloat(a)) return b;
    if (!isFloat(b)) return a;
    if (a === 'float64' || b === 'float64') return 'float64';
    return 'float32'; // float32 with anything narrower, and float16 with bfloat16
  }
  if (a === 'bool') return b;
  if (b === 'bool') return a;
  if (a === 'uint8' || b === 'uint8') {
    const other = a === 'uint8' ? b : a;
    return other === 'int8' ? 'int16' : other;
  }
  return ladder.indexOf(a) > ladder.indexOf(b) ? a : b;
}

const table = new Map<string, DType>();
for (const a of Object.keys(dtypes) as DType[])
  for (const b of Object.keys(dtypes) as DType[]) table.set(`${a},${b}`, promotePair(a, b));

/** `torch.promote_types`. */
export const promote_types = (a: DType, b: DType): DType => (a === b ? a : table.get(`${a},${b}`)!);

const scalarDType = (category: Category): DType =>
  category === 'bool' ? 'bool' : category === 'int' ? 'int64' : defaultDType;

interface Operand {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/**
 * `torch.result_type`: tensors of one or more dims decide; a zero-dim tensor, and after it a number, matters only
 * where its category (bool, int, float) is higher than theirs.
 */
export function resultType(tensors: readonly Operand[], scalars: readonly Scalar[] = []): DType {
  if (scalars.length === 0) {
    if (tensors.length === 1) return tensors[0].dtype;
    if (tensors.length === 2 && tensors[0].dtype === tensors[1].dtype) return tensors[0].dtype;
  }
  let dim: DType | undefined;
  let zero: DType | undefined;
  let wrapped: DType | undefined;
  for (const t of tensors) {
    if (t.shape.length > 0) dim = dim ? promote_types(dim, t.dtype) : t.dtype;
    else zero = zero ? promote_types(zero, t.dtype) : t.dtype;
  }
  for (const s of scalars) {
    const d = scalarDType(scalarCategory(s));
    wrapped = wrapped ? promote_types(wrapped, d) : d;
  }
  return combine(dim, combine(zero, wrapped))!;
}

function combine(higher: DType | undefined, lower: DType | undefined): DType | undefined {
  if (!higher || !lower) return higher ?? lower;
  return categoryRank[dtypeCategory(higher)] >= categoryRank[dtypeCategory(lower)]
    ? higher
    : promote_types(higher, lower);
}

/** `torch.can_cast`: whether a result of `from` may be stored in an output of `to`. */
export const can_cast = (from: DType, to: DType): boolean =>
  categoryRank[dtypeCategory(from)] <= categoryRank[dtypeCategory(to)];
