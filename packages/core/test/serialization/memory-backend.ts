/** The least backend that holds values: memory without kernels, and the values of a tensor by its strides. */
import { type Backend, type DType, decode16, dtypes, type Tensor, type TypedArray } from '../../src/index.ts';

interface Cells {
  data: TypedArray;
}

export const memoryBackend = (): Backend => ({
  name: 'memory',
  deviceType: 'cpu',
  capabilities: {
    dtypes: new Set(Object.keys(dtypes) as DType[]),
    scalarOps: new Set(),
    maxBindings: 8,
  },
  allocate: (dtype, length): Cells => ({ data: new dtypes[dtype].array(length) }),
  free: () => {},
  write: (memory, offset, data) => (memory as Cells).data.set(data as never, offset),
  read: async (memory, offset, length) => (memory as Cells).data.slice(offset, offset + length),
  readNow: (memory, offset, length) => (memory as Cells).data.slice(offset, offset + length),
  compile: () => {
    throw new Error('this backend has no kernels');
  },
});

/** The elements in row-major order, as numbers or bigints. */
export function valuesOf(tensor: Tensor): (number | bigint)[] {
  const { data } = tensor.memory as Cells;
  const { dtype } = tensor;
  const cells = dtype === 'float16' || dtype === 'bfloat16' ? decode16(data as Uint16Array, dtype) : data;
  const out: (number | bigint)[] = [];
  const walk = (dim: number, at: number): void => {
    if (dim === tensor.shape.length) out.push(cells[at]);
    else for (let i = 0; i < tensor.shape[dim]; i++) walk(dim + 1, at + i * tensor.strides[dim]);
  };
  walk(0, tensor.offset);
  return out;
}
