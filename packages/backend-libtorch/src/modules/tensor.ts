/** This package's own small Tensor: what native modules take and give. Core's Tensor is the one with operators. */
import {
  ArgumentError,
  contiguousStrides,
  type DType,
  dtypes,
  type Memory,
  numelOf,
  type TypedArray,
  type View,
} from '@sconce/core';
import { toTorchError } from '../addon.ts';
import { aten, kernel } from '../call.ts';

import { LibTorchMemory } from '../memory.ts';
import { wire } from '../wire.ts';

/** The element types as LibTorch's type names have them. */
const typeNames: Readonly<Record<DType, string>> = {
  bool: 'Bool',
  uint8: 'Byte',
  int8: 'Char',
  int16: 'Short',
  int32: 'Int',
  int64: 'Long',
  float16: 'Half',
  bfloat16: 'BFloat16',
  float32: 'Float',
  float64: 'Double',
};

const forgotten = new FinalizationRegistry((memory: LibTorchMemory) => free(memory));

function free(memory: LibTorchMemory): void {
  if (memory.slot < 0) return;
  wire().native.free(memory.slot);
  memory.slot = -1;
}

/** A tensor on LibTorch, with PyTorch's attributes. It is also a `View` of its own memory. */
export class Tensor implements View {
  readonly memory: Memory;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;

  /** Takes over the view's memory: it is freed with the Tensor. */
  constructor(
    view: View,
    /** Kept for the caller; native modules record no gradients. */
    readonly requires_grad: boolean = false,
  ) {
    this.memory = view.memory;
    this.dtype = view.dtype;
    this.shape = view.shape;
    this.strides = view.strides;
    this.offset = view.offset;
    forgotten.register(this, view.memory as LibTorchMemory, this);
  }

  /** The elements in row-major order; 16-bit floats as their bits. */
  data(): TypedArray {
    const { array: TypedArray, bytes } = dtypes[this.dtype];
    const result = new TypedArray(numelOf(this.shape));
    const contiguous = contiguousStrides(this.shape);
    const isPlain = this.shape.every((size, d) => size <= 1 || this.strides[d] === contiguous[d]);
    const copy = (view: View) =>
      wire().native.read(
        (view.memory as LibTorchMemory).slot,
        view.offset * bytes,
        result as NodeJS.TypedArray,
      );
    if (result.length === 0) return result;
    if (isPlain) copy(this);
    else kernel(() => copy(aten('clone')(this, 0)));
    return result;
  }

  /** Frees the memory now rather than when the Tensor is collected. */
  dispose(): void {
    forgotten.unregister(this);
    free(this.memory as LibTorchMemory);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Type and size, as `Tensor[Type=CPUFloatType, Size=[1, 3, 224, 224]]`. */
  toString(): string {
    return `Tensor[Type=CPU${typeNames[this.dtype]}Type, Size=[${this.shape.join(', ')}]]`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

function allocated(dtype: DType, shape: readonly number[]): View {
  try {
    const slot = wire().native.allocate(numelOf(shape) * dtypes[dtype].bytes);
    return {
      memory: new LibTorchMemory(slot, dtype),
      dtype,
      shape: [...shape],
      strides: contiguousStrides(shape),
      offset: 0,
    };
  } catch (error) {
    throw toTorchError(error);
  }
}

const isShape = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);

/**
 * A float32 tensor of ones: `ones([1, 3, 224, 224], false)`, shape and `requires_grad`.
 * Throws `ArgumentError`: "Wrong number of arguments", "Wrong argument types".
 */
export function ones(...args: readonly [shape: readonly number[], requires_grad: boolean]): Tensor {
  if (args.length < 2) throw new ArgumentError('Wrong number of arguments');
  const [shape, requires_grad] = args;
  if (!isShape(shape) || typeof requires_grad !== 'boolean') throw new ArgumentError('Wrong argument types');
  return new Tensor(
    write(allocated('float32', shape), new Float32Array(numelOf(shape)).fill(1)),
    requires_grad,
  );
}

/** A tensor of these elements in this shape; the dtype is the array's (bool and 16-bit floats: say which). */
export function tensor(data: TypedArray, shape: readonly number[] = [data.length], dtype?: DType): Tensor {
  dtype ??= Object.values(dtypes).find((d) => d.array === data.constructor)?.name;
  if (dtype === undefined || dtypes[dtype].array !== data.constructor || !isShape(shape))
    throw new ArgumentError('Wrong argument types');
  if (numelOf(shape) !== data.length)
    throw new ArgumentError(`shape '[${shape.join(', ')}]' is invalid for input of size ${data.length}`);
  return new Tensor(write(allocated(dtype, shape), data));
}

function write(view: View, data: TypedArray): View {
  wire().native.write((view.memory as LibTorchMemory).slot, 0, data as NodeJS.TypedArray);
  return view;
}
