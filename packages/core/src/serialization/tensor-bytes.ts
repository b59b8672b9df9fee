/** Tensors out of a file's bytes: a storage made once, and views on it whose every element is known to lie inside. */
import type { Backend } from '../backend/backend.ts';
import { TorchError } from '../errors.ts';
import { alias, fromTypedArray } from '../tensor/create.ts';
import { type DType, dtypes, isFloat, type TypedArray } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Elements as their bytes lie in a file, little-endian; a window on them where they are aligned, else a copy. */
export function arrayFromBytes(bytes: Uint8Array, dtype: DType, bigEndian = false): TypedArray {
  const { array, bytes: width } = dtypes[dtype];
  const length = Math.floor(bytes.length / width);
  const swap = bigEndian && width > 1;
  const aligned = bytes.byteOffset % width === 0;
  const source = swap || !aligned ? new Uint8Array(bytes.subarray(0, length * width)) : bytes;
  if (swap) for (let i = 0; i < source.length; i += width) source.subarray(i, i + width).reverse();
  const data = new array(source.buffer, source.byteOffset, length);
  // A bool is any byte but 0 to C++; to a kernel it is 1.
  return dtype === 'bool' && data.some((b) => Number(b) > 1)
    ? Uint8Array.from(data as Uint8Array, Number).map((b) => (b ? 1 : 0))
    : data;
}

/** The bytes of elements, as files hold them. */
export const bytesOfArray = (data: TypedArray): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** Where a file says that a tensor lies in a storage, counted in elements. */
export interface StoredLayout {
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Throws unless every element of the layout lies in a storage of `length` elements. `what` begins the message. */
export function checkLayout({ offset, shape, strides }: StoredLayout, length: number, what: string): void {
  const fail = (why: string) => new TorchError(`${what}: ${why}`);
  const whole = (x: unknown): x is number => Number.isSafeInteger(x) && (x as number) >= 0;
  if (!whole(offset)) throw fail(`its storage offset ${String(offset)} is not a position`);
  if (!Array.isArray(shape) || !shape.every(whole)) throw fail(`its size [${shape}] is not a list of sizes`);
  if (!Array.isArray(strides) || !strides.every(whole))
    throw fail(`its stride [${strides}] is not a list of strides`);
  if (strides.length !== shape.length)
    throw fail(`it has ${shape.length} sizes and ${strides.length} strides`);
  if (shape.length > 64) throw fail(`it has ${shape.length} dimensions`);
  const numel = shape.reduce((a, b) => a * b, 1);
  if (!Number.isSafeInteger(numel)) throw fail(`its size [${shape}] has more elements than can be counted`);
  if (numel === 0) return;
  const last = shape.reduce((at, n, d) => at + (n - 1) * strides[d], offset);
  if (last >= length)
    throw fail(
      `setStorage: sizes [${shape.join(', ')}], strides [${strides.join(', ')}], storage offset ${offset} reach element ${last}, out of bounds for storage of ${length} elements`,
    );
}

/** Storages on a backend, each written once, and tensors that view them. */
export class StorageLoader {
  readonly #backend: Backend;
  readonly #whole = new Map<string, Tensor>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Whether the backend has this dtype. */
  takes(dtype: DType): boolean {
    return this.#backend.capabilities.dtypes.has(dtype);
  }

  /** A tensor on the storage `key`, whose elements `read` gives when they are asked for first: flat, if they are on the backend already. */
  tensor(
    key: string,
    dtype: DType,
    layout: StoredLayout,
    read: () => TypedArray | Tensor,
    requires_grad = false,
  ): Tensor {
    let whole = this.#whole.get(key);
    if (!whole) {
      const data = read();
      whole = data instanceof Tensor ? data : fromTypedArray(data, [data.length], dtype, this.#backend);
      this.#whole.set(key, whole);
    }
    if (whole.dtype !== dtype)
      throw new TorchError(`the storage ${key} is read as ${whole.dtype} and as ${dtype}`);
    checkLayout(layout, whole.shape[0], `a tensor of storage ${key}`);
    const tensor = alias(whole, layout);
    if (requires_grad && isFloat(dtype)) tensor.requires_grad = true;
    return tensor;
  }

  /** Leaves each storage to the tensors that view it. */
  finish(): void {
    for (const whole of this.#whole.values()) whole.dispose();
    this.#whole.clear();
  }
}
