/** Element types: their names, sizes, categories, and the typed arrays that carry them. */
import { ArgumentError } from '../errors.ts';

/** Element types, named as PyTorch names them. */
export type DType =
  | 'bool'
  | 'uint8'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64';

export type TypedArray =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

export type TypedArrayConstructor = {
  new (length: number): TypedArray;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
};

/** `isFloat`: floating point; `isInt`: integral, bool excluded. `code`: the number that TorchScript stores for it. */
export interface DTypeInfo {
  readonly name: DType;
  readonly bytes: number;
  readonly isFloat: boolean;
  readonly isInt: boolean;
  readonly code: number;
  /** Carries the elements between host and backend: bool as Uint8Array, 16-bit floats as their bits in a Uint16Array. */
  readonly array: TypedArrayConstructor;
}

const info = (
  name: DType,
  code: number,
  kind: 'bool' | 'int' | 'float',
  array: TypedArrayConstructor,
): DTypeInfo => ({
  name,
  code,
  bytes: array.BYTES_PER_ELEMENT,
  isFloat: kind === 'float',
  isInt: kind === 'int',
  array,
});

export const dtypes: Readonly<Record<DType, DTypeInfo>> = {
  uint8: info('uint8', 0, 'int', Uint8Array),
  int8: info('int8', 1, 'int', Int8Array),
  int16: info('int16', 2, 'int', Int16Array),
  int32: info('int32', 3, 'int', Int32Array),
  int64: info('int64', 4, 'int', BigInt64Array),
  float16: info('float16', 5, 'float', Uint16Array),
  float32: info('float32', 6, 'float', Float32Array),
  float64: info('float64', 7, 'float', Float64Array),
  bool: info('bool', 11, 'bool', Uint8Array),
  bfloat16: info('bfloat16', 15, 'float', Uint16Array),
};

export const isFloat = (dtype: DType): boolean => dtypes[dtype].isFloat;
export const isIntegral = (dtype: DType): boolean => !dtypes[dtype].isFloat;

// Of quantised tensors: names that a dtype may have, but hidden among them, so that no backend declares them (`quantized.ts`).
for (const [name, code, array] of [
  ['qint8', 12, Int8Array],
  ['quint8', 13, Uint8Array],
  ['qint32', 14, Int32Array],
  ['quint4x2', 16, Uint8Array],
] as const)
  Object.defineProperty(dtypes, name, { value: info(name as string as DType, code, 'bool', array) });

const byCode = new Map(
  Object.getOwnPropertyNames(dtypes).map((name) => {
    const dtype = dtypes[name as DType];
    return [dtype.code, dtype.name];
  }),
);

/** The dtype of TorchScript's number for it (`at::ScalarType`). Throws for those Sconce does not have. */
export function dtypeOfCode(code: number): DType {
  const dtype = byCode.get(code);
  if (!dtype)
    throw new ArgumentError(
      `dtype code ${code} names no dtype that Sconce has (${Object.keys(dtypes).join(', ')})`,
    );
  return dtype;
}
