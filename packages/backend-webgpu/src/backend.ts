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
  type TypedArray,
} from '@sconce/core';
import type { Gpu, Statistics } from './device/gpu.ts';
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
