/** LibTorch as a backend: memories are at::Storages, operators go through its dispatcher, kernels through its operators. */
import {
  type Backend,
  type Capabilities,
  type DType,
  dtypes,
  type Executable,
  type Kernel,
  type Memory,
  type OpKernel,
  type Schema,
  scalarOps,
  TorchError,
  type TypedArray,
} from '@sconce/core';
import { toTorchError } from './addon.ts';
import { conv } from './kernels/conv.ts';
import { gather, scatter } from './kernels/gather.ts';
import { matmul } from './kernels/matmul.ts';
import { pointwise } from './kernels/pointwise.ts';
import { pool } from './kernels/pool.ts';
import { reduce } from './kernels/reduce.ts';
import { scan } from './kernels/scan.ts';
import { sort } from './kernels/sort.ts';
import { LibTorchMemory, libtorchMemory } from './memory.ts';
import { takeOver } from './takeover.ts';
import { wire } from './wire.ts';

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

export class LibTorchBackend implements Backend {
  readonly name: string = 'libtorch';
  readonly deviceType: string = 'cpu';
  readonly capabilities: Capabilities = {
    dtypes: new Set(Object.keys(dtypes) as DType[]),
    scalarOps: new Set(scalarOps),
    maxBindings: Infinity,
  };
  private readonly native = wire().native;

  /** LibTorch's version. */
  get version(): string {
    return this.native.version;
  }

  allocate(dtype: DType, length: number): Memory {
    try {
      return new LibTorchMemory(this.native.allocate(length * dtypes[dtype].bytes), dtype);
    } catch (error) {
      throw toTorchError(error);
    }
  }

  free(memory: Memory): void {
    const ours = libtorchMemory(memory);
    if (ours.slot < 0) throw new TorchError('this memory is freed already');
    this.native.free(ours.slot);
    ours.slot = -1;
  }

  write(memory: Memory, offset: number, data: TypedArray): void {
    const { slot, dtype } = libtorchMemory(memory);
    this.native.write(slot, offset * dtypes[dtype].bytes, data as NodeJS.TypedArray);
  }

  async read(memory: Memory, offset: number, length: number): Promise<TypedArray> {
    return this.readNow(memory, offset, length);
  }

  readNow(memory: Memory, offset: number, length: number): TypedArray {
    const { slot, dtype } = libtorchMemory(memory);
    const { array: TypedArray, bytes } = dtypes[dtype];
    const result = new TypedArray(length);
    this.native.read(slot, offset * bytes, result as NodeJS.TypedArray);
    return result;
  }

  compile(kernel: Kernel): Executable {
    return (compilers[kernel.kind] as (kernel: Kernel) => Executable)(kernel);
  }

  op(schema: Schema): OpKernel | undefined {
    return takeOver(schema);
  }

  /** Seeds LibTorch's own generator, which native TorchScript modules draw from; `torch.manual_seed` seeds core's. */
  manual_seed(seed: number | bigint): void {
    this.native.seed(BigInt.asUintN(64, BigInt(seed)));
  }

  /** How many threads one operator may use. */
  get threads(): number {
    return this.native.getThreads();
  }

  set threads(threads: number) {
    this.native.setThreads(threads);
  }

  /** How many memories are allocated; for leak checks. */
  get liveMemories(): number {
    return this.native.live();
  }
}

/** The backend, for `torch.register_backend`. Throws `TorchError` where the addon is not built. */
export const libtorch = (): LibTorchBackend => new LibTorchBackend();
