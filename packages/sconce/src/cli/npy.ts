/** Reads NumPy's `.npy`: the header is a Python dict in text, the elements follow in row-major order. */
import { TorchError } from '@sconce/core';

export interface NumpyArray {
  readonly dtype: 'float32' | 'float64' | 'int64' | 'int32' | 'int16' | 'int8' | 'uint8' | 'bool';
  readonly shape: readonly number[];
  readonly data:
    | Float32Array
    | Float64Array
    | BigInt64Array
    | Int32Array
    | Int16Array
    | Int8Array
    | Uint8Array;
}

const types = {
  '<f4': ['float32', Float32Array],
  '<f8': ['float64', Float64Array],
  '<i8': ['int64', BigInt64Array],
  '<i4': ['int32', Int32Array],
  '<i2': ['int16', Int16Array],
  '|i1': ['int8', Int8Array],
  '|u1': ['uint8', Uint8Array],
  '|b1': ['bool', Uint8Array],
} as const;

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];

export const isNpy = (bytes: Uint8Array): boolean => MAGIC.every((byte, i) => bytes[i] === byte);

export function readNpy(bytes: Uint8Array): NumpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const wide = bytes[6] > 1;
  const start = wide ? 12 : 10;
  const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true));
  const header = new TextDecoder().decode(bytes.subarray(start, end));
  const descr = /'descr':\s*'([^']*)'/.exec(header)?.[1];
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1];
  if (descr === undefined || shapeText === undefined)
    throw new TorchError(`npy: no array is described by ${header}`);
  if (/'fortran_order':\s*True/.test(header))
    throw new TorchError('npy: the array is in Fortran order; save numpy.ascontiguousarray(x)');
  if (!(descr in types))
    throw new TorchError(`npy: dtype ${descr} is not read here; there are ${Object.keys(types).join(', ')}`);
  const [dtype, TypedArray] = types[descr as keyof typeof types];
  const shape = shapeText
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number);
  const count = shape.reduce((product, size) => product * size, 1);
  const length = count * TypedArray.BYTES_PER_ELEMENT;
  if (bytes.length - end < length)
    throw new TorchError(
      `npy: shape [${shape.join(', ')}] needs ${length} bytes, the file has ${bytes.length - end}`,
    );
  return { dtype, shape, data: new TypedArray(new Uint8Array(bytes.subarray(end, end + length)).buffer) };
}
