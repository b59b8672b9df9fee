/** The WebGPU backend: buffers, and kernels written as WGSL at run time. */
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
  settlePending,
  type TypedArray,
} from '@sconce/core';
import { type Gpu, HOLLOW, type Statistics } from './device/gpu.ts';
import { compilers } from './kernels/index.ts';
import { elementBytes, gpuMemory, storageType } from './memory.ts';
import { takeover } from './ops/index.ts';
import { fromStored, toStored } from './transfer.ts';

export class WebGpuBackend implements Backend {
  readonly name = 'webgpu';
  readonly deviceType = 'webgpu';
  readonly capabilities: Capabilities;

  /** Whether the device is gone; `torch.use('webgpu')` then makes another. */
  get isLost(): boolean {
    return this.gpu.failures.lost !== undefined;
  }

  constructor(readonly gpu: Gpu) {
    this.capabilities = {
      dtypes: new Set(Object.keys(storageType) as DType[]),
      scalarOps: new Set(scalarOps),
      maxBindings: gpu.device.limits.maxStorageBuffersPerShaderStage - 1,
      flushesSubnormals: true,
      // A dispatch costs more than putting two calls together does, however few the elements.
      defersFrom: 1,
    };
  }

  allocate(dtype: DType, length: number): Memory {
    return this.gpu.allocate(dtype, length);
  }

  free(memory: Memory): void {
    this.gpu.free(gpuMemory(memory));
  }

  write(memory: Memory, offset: number, data: TypedArray): void {
    const m = gpuMemory(memory);
    const { bytes, elementBytes } = toStored(m.dtype, data);
    this.gpu.write(m, offset * elementBytes, bytes);
  }

  async read(memory: Memory, offset: number, length: number): Promise<TypedArray> {
    const m = gpuMemory(memory);
    if (length === 0 && !this.gpu.faults.isOpen) return new dtypes[m.dtype].array(0);
    const width = elementBytes(m.dtype);
    return fromStored(m.dtype, await this.gpu.read(m, offset * width, length * width));
  }

  compile(kernel: Kernel): Executable {
    const compiler = compilers[kernel.kind] as (gpu: Gpu, kernel: Kernel) => Executable;
    return compiler(this.gpu, kernel);
  }

  op(schema: Schema): OpKernel | undefined {
    return takeover(this.gpu, schema);
  }

  /**
   * Compiles the kernels that `run` will need, several at once on a GPU, without running them: call the model on zeros of
   * the right shape. It goes as far as `run` goes without awaiting a value. What `run` makes holds nothing, and what was
   * there before stays as it is.
   */
  async warmup(run: () => unknown): Promise<void> {
    // What is still to be computed belongs to the program, not to the warm-up.
    settlePending();
    try {
      await this.dry(run);
    } catch (error) {
      if (!(error instanceof Error && error.message.includes(HOLLOW))) throw error;
    }
    await this.gpu.compiled();
  }

  private dry(run: () => unknown): unknown {
    this.gpu.isDry = true;
    try {
      const result = run();
      settlePending();
      return result;
    } finally {
      this.gpu.isDry = false;
    }
  }

  /** What was done since the device was made: dispatches, submits, pipelines, buffers. */
  statistics(): Statistics {
    return this.gpu.statistics();
  }

  /** Gives back what is kept for later tensors, as `torch.cuda.empty_cache` does. */
  empty_cache(): void {
    this.gpu.trim();
  }

  /** Gives the device back. Its tensors are gone, and every later call says so. */
  destroy(): void {
    this.gpu.destroy();
  }
}
