/** Host arrays to and from what buffers hold: narrow dtypes as words, 16-bit floats as float32. */
import { type DType, decode16, dtypes, encode16, type TypedArray } from '@sconce/core';
import { elementBytes } from './memory.ts';

const bytesOf = (a: TypedArray): Uint8Array<ArrayBuffer> =>
  new Uint8Array(a.buffer as ArrayBuffer, a.byteOffset, a.byteLength);

/** The bytes to write for elements of `dtype`; 16-bit floats come as their bits. */
export function toStored(
  dtype: DType,
  data: TypedArray,
): { bytes: Uint8Array<ArrayBuffer>; elementBytes: number } {
  const width = elementBytes(dtype);
  switch (dtype) {
    case 'float16':
    case 'bfloat16':
      return { bytes: bytesOf(decode16(data as Uint16Array, dtype)), elementBytes: width };
    case 'bool':
    case 'uint8':
    case 'int8':
    case 'int16':
      return { bytes: bytesOf(new Int32Array(data as Int16Array)), elementBytes: width };
    default:
      return { bytes: bytesOf(data), elementBytes: width };
  }
}

/** The elements in the dtype's own array. */
export function fromStored(dtype: DType, stored: ArrayBuffer): TypedArray {
  switch (dtype) {
    case 'float16':
    case 'bfloat16':
      return encode16(new Float32Array(stored), dtype);
    case 'bool':
    case 'uint8':
    case 'int8':
    case 'int16':
      return new dtypes[dtype].array(new Int32Array(stored) as never) as TypedArray;
    default:
      return new dtypes[dtype].array(stored) as TypedArray;
  }
}
