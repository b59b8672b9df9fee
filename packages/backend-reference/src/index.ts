/**
 * The reference backend: a memory and the nine kernels in plain TypeScript. It is what every other backend must
 * compute, and the template to copy for a new one: read `values.ts` first, then a kernel.
 */
import {
  type Backend,
  type Capabilities,
  type DType,
  dtypes,
  type Executable,
  type Kernel,
  type Memory,
  scalarOps,
  type TypedArray,
} from '@sconce/core';
import { conv } from './kernels/conv.ts';
import { gather, scatter } from './kernels/gather.ts';
import { matmul } from './kernels/matmul.ts';
import { pointwise } from './kernels/pointwise.ts';
import { pool } from './kernels/pool.ts';
import { reduce } from './kernels/reduce.ts';
import { scan } from './kernels/scan.ts';
import { sort } from './kernels/sort.ts';
import { HostMemory, hostMemory } from './memory.ts';

/** One compiler per kind of kernel. */
const compilers: { [K in Kernel['kind']]: (kernel: Extract<Kernel, { kind: K }>) => Executable } = {
  pointwise,
  reduce,
  matmul,
  conv,
  pool,
  gather,
  scatter,
  sort,
  scan,
};

export class ReferenceBackend implements Backend {
  readonly name: string = 'reference';
  readonly deviceType: string = 'cpu';
  readonly collectsMemory: boolean = true;
  readonly capabilities: Capabilities = {
    dtypes: new Set(Object.keys(dtypes) as DType[]),
    scalarOps: new Set(scalarOps),
    maxBindings: Infinity,
  };

  allocate(dtype: DType, length: number): Memory {
    return new HostMemory(dtype, length);
  }

  free(memory: Memory): void {
    hostMemory(memory).free();
  }

  write(memory: Memory, offset: number, data: TypedArray): void {
    (hostMemory(memory).array as Float64Array).set(data as Float64Array, offset);
  }

  async read(memory: Memory, offset: number, length: number): Promise<TypedArray> {
    return this.readNow(memory, offset, length);
  }

  readNow(memory: Memory, offset: number, length: number): TypedArray {
    return hostMemory(memory).array.slice(offset, offset + length);
  }

  compile(kernel: Kernel): Executable {
    return (compilers[kernel.kind] as (kernel: Kernel) => Executable)(kernel);
  }
}

/** The backend, for `torch.register_backend`. */
export const reference = (): ReferenceBackend => new ReferenceBackend();
