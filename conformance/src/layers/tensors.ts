/** Between frozen tensors and core's: building inputs in a layout, calling, reading what came out. */
import {
  type Backend,
  contiguousStrides,
  type DType,
  dtypes,
  explainFault,
  fromTypedArray,
  type KernelFault,
  numelOf,
  type Operator,
  ops,
  py_float,
  Tensor,
  type TypedArray,
} from '@sconce/core';
import { decode, type Num } from '../numbers.ts';
import type { CaseFile, FrozenTensor, FrozenValue } from './frozen.ts';

/** `frozen`: as PyTorch had them; `transposed`: the same values, the first dim innermost in memory. */
export type InputLayout = 'frozen' | 'transposed';

const stridesOf = ({ s, st }: FrozenTensor): readonly number[] => st ?? contiguousStrides(s);

/** Where each element of a view lies, in row-major order. */
export function offsetsOf(shape: readonly number[], strides: readonly number[], offset: number): number[] {
  let list = [offset];
  for (let d = 0; d < shape.length; d++) {
    const next: number[] = [];
    for (const at of list) for (let i = 0; i < shape[d]; i++) next.push(at + i * strides[d]);
    list = next;
  }
  return list;
}

/** The elements in row-major order, still in the dtype's own array. */
const elementsOf = (tensor: FrozenTensor, file: CaseFile): TypedArray => {
  const storage = file.storage(tensor);
  const result = new dtypes[tensor.d].array(numelOf(tensor.s));
  for (const [i, at] of offsetsOf(tensor.s, stridesOf(tensor), tensor.o ?? 0).entries())
    result[i] = storage[at];
  return result;
};

/** The values that a frozen tensor must have. */
export const valuesOf = (tensor: FrozenTensor, file: CaseFile): Num[] =>
  decode(elementsOf(tensor, file), tensor.d);

/** The tensors of a case, on a backend. */
export function makeTensors(
  list: readonly (FrozenTensor | null)[],
  file: CaseFile,
  backend: Backend,
  layout: InputLayout,
): Tensor[] {
  const shared = new Map<number, Tensor>();
  return list.map((frozen) => {
    if (!frozen) return null as never;
    const { s: shape, d: dtype, o: offset = 0, g } = frozen;
    if (layout === 'transposed') {
      const strides = [...contiguousStrides([...shape].reverse())].reverse();
      const storage = new dtypes[dtype].array(numelOf(shape));
      const values = elementsOf(frozen, file);
      for (const [i, at] of offsetsOf(shape, strides, 0).entries()) storage[at] = values[i];
      return viewed(fromTypedArray(storage, [storage.length], dtype, backend), shape, strides, 0);
    }
    let whole = g === undefined ? undefined : shared.get(g);
    if (!whole) {
      const storage = file.storage(frozen);
      whole = fromTypedArray(storage.slice() as TypedArray, [storage.length], dtype, backend);
      if (g !== undefined) shared.set(g, whole);
    }
    return viewed(whole, shape, stridesOf(frozen), offset);
  });
}

/** A tensor on the same storage that is no view to autograd: a leaf. */
const viewed = (
  tensor: Tensor,
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
): Tensor => new Tensor(tensor.storage, tensor.dtype, shape, strides, offset);

/** What stands in a tensor, read from its memory without a kernel. */
export async function readTensor({
  backend,
  memory,
  storage,
  dtype,
  shape,
  strides,
  offset,
}: Tensor): Promise<Num[]> {
  if (numelOf(shape) === 0) return [];
  const data = await backend.read(memory, 0, storage.length).catch((error) => {
    throw faultOf(error);
  });
  const result = new dtypes[dtype].array(numelOf(shape));
  for (const [i, at] of offsetsOf(shape, strides, offset).entries()) result[i] = data[at];
  return decode(result, dtype as DType);
}

/** The fault of an earlier kernel as a user would have it. By its name: a backend may bring a copy of core of its own. */
function faultOf(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'KernelFault') return error;
  const { operator = 'a kernel' } = error as KernelFault;
  return explainFault(error as KernelFault, typeof operator === 'string' ? operator : operator.operator);
}

/**
 * On a backend whose memory the host cannot read, an error that depends on values comes with the next read: waits for
 * one, so that it belongs to the call before it. Elsewhere the call itself has thrown.
 */
export async function settleFaults(backend: Backend): Promise<void> {
  if (backend.readNow) return;
  const memory = backend.allocate('bool', 1);
  try {
    backend.write(memory, 0, Uint8Array.of(1));
    await backend.read(memory, 0, 1);
  } catch (error) {
    throw faultOf(error);
  } finally {
    backend.free(memory);
  }
}

const floats = { nan: NaN, inf: Infinity, '-inf': -Infinity, '-0': -0 } as const;

/** A frozen argument as a user would write it. */
export function thaw(value: FrozenValue, tensors: readonly Tensor[]): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item) => thaw(item, tensors));
  if ('f' in value) return py_float(typeof value.f === 'string' ? floats[value.f] : value.f);
  if ('i' in value) return BigInt(value.i);
  if ('t' in value) return tensors[value.t];
  if ('list' in value) return value.list.map((item) => thaw(item, tensors));
  if ('dtype' in value) return value.dtype;
  if ('layout' in value) return value.layout;
  if ('memory_format' in value) return value.memory_format;
  // The case was recorded on `cpu`; it runs on the backend in use.
  return null;
}

/** Calls an operator by its schema name with positional and keyword arguments. */
export function call(
  { schema }: Operator,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): unknown {
  return ops[schema.namespace][schema.base][schema.overload || 'default'](...args, kwargs);
}

/** The tensors in a result, in order; null where there is none. */
export function flatten(result: unknown): (Tensor | null)[] {
  if (result instanceof Tensor) return [result];
  if (Array.isArray(result)) return result.flatMap(flatten);
  return result === null || result === undefined ? [null] : [];
}
