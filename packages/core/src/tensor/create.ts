/** Making tensors: fresh memory, views on memory that exists, and values from the host. */
import type { Backend, View } from '../backend/backend.ts';
import { ArgumentError, NotSupportedError, TorchError } from '../errors.ts';
import { backendOf, currentBackend, type Device } from './device.ts';
import { type DType, dtypes, isFloat, type TypedArray } from './dtype.ts';
import { decode16, encode16 } from './float16.ts';
import { contiguousStrides, extent, type Layout, numelOf, type Shape } from './layout.ts';
import { get_default_dtype, PyFloat, type Scalar, scalarCategory } from './promotion.ts';
import { hasQuantizer, viewOfQuantized } from './quantized.ts';
import { Storage } from './storage.ts';
import { Tensor } from './tensor.ts';
import { look } from './watch.ts';

function checkDType(backend: Backend, dtype: DType): void {
  if (!backend.capabilities.dtypes.has(dtype))
    throw new NotSupportedError(
      `${dtype} is not supported on backend '${backend.name}' (it has ${[...backend.capabilities.dtypes].join(', ')}); convert with .to(), or use another backend`,
    );
}

function makeStorage(backend: Backend, dtype: DType, length: number): Storage {
  checkDType(backend, dtype);
  return new Storage(backend, dtype, length, backend.allocate(dtype, length));
}

function checkShape(shape: Shape): void {
  for (let d = 0; d < shape.length; d++)
    if (!(shape[d] >= 0 && Number.isSafeInteger(shape[d])))
      throw new TorchError(
        `Trying to create tensor with negative dimension ${shape[d]}: [${shape.join(', ')}]`,
      );
}

/** Uninitialised memory, contiguous. */
export function empty(shape: Shape, dtype: DType, backend: Backend): Tensor {
  checkShape(shape);
  return new Tensor(makeStorage(backend, dtype, numelOf(shape)), dtype, shape, contiguousStrides(shape), 0);
}

/** Elements up to the last one that these strides reach. */
function lengthOf(shape: Shape, strides: Shape): number {
  let last = 0;
  for (let d = 0; d < shape.length; d++) {
    if (shape[d] === 0) return 0;
    last += (shape[d] - 1) * strides[d];
  }
  return last + 1;
}

/** Uninitialised memory with these strides. */
export function emptyStrided(shape: Shape, strides: Shape, dtype: DType, backend: Backend): Tensor {
  checkShape(shape);
  return new Tensor(makeStorage(backend, dtype, lengthOf(shape, strides)), dtype, shape, strides, 0);
}

/** The same over `length` elements, for a dtype and a layout that are known to be right. */
export const allocated = (
  backend: Backend,
  dtype: DType,
  length: number,
  shape: Shape,
  strides: Shape,
): Tensor =>
  new Tensor(new Storage(backend, dtype, length, backend.allocate(dtype, length)), dtype, shape, strides, 0);

/** The same, but no memory before somebody asks for it. */
export function emptyDeferred(shape: Shape, strides: Shape, dtype: DType, backend: Backend): Tensor {
  checkDType(backend, dtype);
  return new Tensor(new Storage(backend, dtype, lengthOf(shape, strides), null), dtype, shape, strides, 0);
}

/** Takes over views that a backend allocated: their memory is core's from now on. */
export function adopt(view: View, backend: Backend): Tensor {
  const length = numelOf(view.shape) === 0 ? 0 : extent(view).last + 1;
  const storage = new Storage(backend, view.dtype, length, view.memory);
  return new Tensor(storage, view.dtype, view.shape, view.strides, view.offset);
}

/** Another tensor on the same memory, with no history. */
export const alias = (tensor: Tensor, layout: Layout = tensor): Tensor =>
  hasQuantizer(tensor)
    ? viewOfQuantized(tensor, layout)
    : new Tensor(tensor.storage, tensor.dtype, layout.shape, layout.strides, layout.offset);

/** A contiguous tensor holding `data`: elements of the dtype's own array, row-major. */
export function fromTypedArray(
  data: TypedArray,
  shape: Shape,
  dtype: DType,
  backend: Backend = currentBackend(),
): Tensor {
  if (data.length !== numelOf(shape))
    throw new ArgumentError(
      `${data.length} values do not fill shape [${shape.join(', ')}] (${numelOf(shape)} elements)`,
    );
  const tensor = empty(shape, dtype, backend);
  if (data.length > 0 && backend.name !== 'meta') backend.write(tensor.memory, 0, data);
  return tensor;
}

/** Numbers as an array of the dtype, converted as PyTorch converts Python numbers. */
export function toTypedArray(values: ArrayLike<Scalar>, dtype: DType): TypedArray {
  const n = values.length;
  if (dtype === 'int64') {
    const out = new BigInt64Array(n);
    for (let i = 0; i < n; i++) {
      const v = values[i];
      out[i] = typeof v === 'bigint' ? v : BigInt(Math.trunc(Number(v)));
    }
    return out;
  }
  if (dtype === 'float16' || dtype === 'bfloat16') {
    const wide = new Float32Array(n);
    for (let i = 0; i < n; i++) wide[i] = Number(values[i]);
    return encode16(wide, dtype);
  }
  const out = new dtypes[dtype].array(n) as Float64Array;
  for (let i = 0; i < n; i++) {
    const v = Number(values[i]);
    out[i] = dtype === 'bool' ? (v !== 0 ? 1 : 0) : isFloat(dtype) ? v : Math.trunc(v);
  }
  return out;
}

const dtypeOfArray = (data: ArrayBufferView): DType | undefined => {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Uint8Array || data instanceof Uint8ClampedArray) return 'uint8';
  return undefined;
};

export type NestedArray = Scalar | TypedArray | readonly NestedArray[];

export interface TensorOptions {
  dtype?: DType | null;
  device?: Device | string | Backend | null;
  requires_grad?: boolean | null;
}

/**
 * `torch.tensor`: copies nested arrays, a number, or a typed array (which brings its dtype). Integral numbers make
 * int64, booleans bool, any fraction (or `requires_grad`) the default dtype.
 */
export function tensor(data: NestedArray, options: TensorOptions = {}): Tensor {
  const shape: number[] = [];
  const flat: Scalar[] = [];
  let arrayDType: DType | undefined;
  const walk = (value: NestedArray, depth: number): void => {
    if (ArrayBuffer.isView(value)) {
      const kind = dtypeOfArray(value);
      if (!kind)
        throw new ArgumentError(`tensor: cannot make a tensor of a ${(value as object).constructor.name}`);
      arrayDType = kind;
    } else if (!Array.isArray(value)) {
      const ok =
        typeof value === 'number' ||
        typeof value === 'bigint' ||
        typeof value === 'boolean' ||
        value instanceof PyFloat;
      if (!ok) throw new ArgumentError(`Could not infer dtype of ${value === null ? 'None' : typeof value}`);
      if (depth !== shape.length) throw new ValueShapeError(shape, depth, 'a number');
      flat.push(value as Scalar);
      return;
    }
    const items = value as ArrayLike<NestedArray>;
    if (depth === shape.length) {
      if (flat.length > 0) throw new ValueShapeError(shape, depth, 'a list');
      shape.push(items.length);
    } else if (shape[depth] !== items.length)
      throw new ValueShapeError(shape, depth, `length ${items.length}`);
    for (let i = 0; i < items.length; i++) walk(items[i], depth + 1);
  };
  const whole = ArrayBuffer.isView(data) ? dtypeOfArray(data) : undefined;
  let dtype = options.dtype ?? undefined;
  const backend = backendOf(options.device);
  let result: Tensor;
  if (whole && (dtype ?? whole) === whole) {
    const typed = data as TypedArray;
    result = fromTypedArray(
      typed instanceof Uint8ClampedArray ? new Uint8Array(typed) : typed,
      [typed.length],
      whole,
      backend,
    );
  } else {
    walk(data, 0);
    dtype ??= whole ?? arrayDType ?? inferDType(flat, options.requires_grad === true);
    result = fromTypedArray(toTypedArray(flat, dtype), shape, dtype, backend);
  }
  if (options.requires_grad) result.requires_grad = true;
  look('constant', result);
  return result;
}

class ValueShapeError extends TorchError {
  override name = 'ValueError';
  constructor(shape: readonly number[], depth: number, found: string) {
    super(
      depth < shape.length
        ? `expected sequence of length ${shape[depth]} at dim ${depth} (got ${found})`
        : `the nested arrays have no one shape: expected a number at depth ${depth}, got ${found}`,
    );
  }
}

function inferDType(values: readonly Scalar[], wantsFloat: boolean): DType {
  if (wantsFloat || values.length === 0) return get_default_dtype();
  let category: 'bool' | 'int' = 'bool';
  for (const v of values) {
    const c = scalarCategory(v);
    if (c === 'float') return get_default_dtype();
    if (c === 'int') category = 'int';
  }
  return category === 'bool' ? 'bool' : 'int64';
}

/** The values of a backend's array as numbers a user computes with: 16-bit floats become a Float32Array. */
export const toUserArray = (data: TypedArray, dtype: DType): TypedArray =>
  dtype === 'float16' || dtype === 'bfloat16' ? decode16(data as Uint16Array, dtype) : data;
