/** Values on the host: `data`, `item`, `tolist`. */
import { KernelFault } from '../backend/backend.ts';
import { explainLate } from '../dispatch/site.ts';
import { TorchError } from '../errors.ts';
import { contiguousOf } from '../kernel/elementwise.ts';
import { turnUnderPressure } from './allocation.ts';
import { toUserArray } from './create.ts';
import type { DType, TypedArray } from './dtype.ts';
import { numelOf } from './layout.ts';
import type { Tensor } from './tensor.ts';
import { plainShape } from './watch.ts';

interface Reading {
  readonly dense: Tensor;
  readonly length: number;
  /** Of no element it is 0: an empty view may begin past the end of its memory. */
  readonly offset: number;
  readonly done: () => void;
}

function begin(t: Tensor): Reading {
  const dense = contiguousOf(t);
  const length = numelOf(dense.shape);
  const done = (): void => (dense === t ? undefined : dense.dispose());
  return { dense, length, offset: length === 0 ? 0 : dense.offset, done };
}

/** The elements in row-major order, in the dtype's own array (16-bit floats as bits). Waits for the backend. */
export async function readRaw(t: Tensor): Promise<TypedArray> {
  const { dense, length, offset, done } = begin(t);
  try {
    const data = await dense.backend.read(dense.memory, offset, length);
    await turnUnderPressure();
    return data;
  } catch (error) {
    throw error instanceof KernelFault ? explainLate(error) : error;
  } finally {
    done();
  }
}

/** The same at once. Throws on a backend whose memory the host cannot read. */
export function readRawNow(t: Tensor): TypedArray {
  const { backend } = t;
  if (!backend.readNow)
    throw new TorchError(
      `values on backend '${backend.name}' cannot be read at once: use \`await x.data()\``,
    );
  const { dense, length, offset, done } = begin(t);
  try {
    return backend.readNow(dense.memory, offset, length);
  } finally {
    done();
  }
}

export const canReadNow = (t: Tensor): boolean => t.backend.readNow !== undefined;

export type HostNumber = number | bigint | boolean;

/** One element as JavaScript has it: a bool, a number, or a bigint past 2^53. */
export function hostNumber(value: number | bigint, dtype: DType): HostNumber {
  if (dtype === 'bool') return value !== 0;
  if (typeof value === 'number') return value;
  const n = Number(value);
  return Number.isSafeInteger(n) ? n : value;
}

export type NestedNumbers = HostNumber | NestedNumbers[];

function nest(data: TypedArray, dtype: DType, shape: readonly number[]): NestedNumbers {
  let i = 0;
  const level = (d: number): NestedNumbers =>
    d === shape.length ? hostNumber(data[i++], dtype) : Array.from({ length: shape[d] }, () => level(d + 1));
  return level(0);
}

function onlyElement(t: Tensor): void {
  if (numelOf(t.shape) !== 1)
    throw new TorchError(`a Tensor with ${numelOf(t.shape)} elements cannot be converted to Scalar`);
}

/** `Tensor.data`: the elements in row-major order; float16 and bfloat16 as a Float32Array. */
export const data = async (t: Tensor): Promise<TypedArray> => toUserArray(await readRaw(t), t.dtype);
/** `Tensor.tolist`. */
export async function tolist(t: Tensor): Promise<NestedNumbers> {
  const { dtype } = t;
  const shape = plainShape(t);
  return nest(await data(t), dtype, shape);
}
/** `Tensor.item`. At once, where the host can read the memory and nothing waits to be collected. */
export async function item(t: Tensor): Promise<HostNumber> {
  onlyElement(t);
  if (!canReadNow(t)) return hostNumber((await data(t))[0], t.dtype);
  const value = itemNow(t);
  const turn = turnUnderPressure();
  if (turn !== undefined) await turn;
  return value;
}

export const dataNow = (t: Tensor): TypedArray => toUserArray(readRawNow(t), t.dtype);
export const tolistNow = (t: Tensor): NestedNumbers => nest(dataNow(t), t.dtype, t.shape);
export function itemNow(t: Tensor): HostNumber {
  onlyElement(t);
  return hostNumber(dataNow(t)[0], t.dtype);
}
