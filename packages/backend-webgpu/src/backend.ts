/** The WebGPU backend: buffers, and kernels written as WGSL at run time. */
import {
  type Backend,
  type Capabilities,
  type DType,
  dtypes,
  type Executable,
  type Kernel,
  type Memory,
  NotSupportedError,
  type OpKernel,
  type Schema,
  scalarOps,
  type TypedArray,
} from '@sconce/core';
import type { Gpu } from './device/gpu.ts';
import { compilers } from './kernels/index.ts';
import { gpuMemory, storageType } from './memory.ts';
import { takeover } from './ops/index.ts';
import { fromStored, toStored } from './transfer.ts';

export class WebGpuBackend implements Backend {
  readonly name = 'webgpu';
  readonly deviceType = 'webgpu';
  readonly capabilities: Capabilities;

  constructor(readonly gpu: Gpu) {
    this.capabilities = {
      dtypes: new Set(Object.keys(storageType) as DType[]),
      scalarOps: new Set(scalarOps),
      maxBindings: gpu.device.limits.maxStorageBuffersPerShaderStage - 1,
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
    if (length === 0) return new dtypes[gpuMemory(memory).dtype].array(0);
    const m = gpuMemory(memory);
    const width = m.dtype === 'int64' ? 8 : 4;
    return fromStored(m.dtype, await this.gpu.read(m, offset * width, length * width));
  }

  compile(kernel: Kernel): Executable {
    const compiler = compilers[kernel.kind] as ((gpu: Gpu, kernel: Kernel) => Executable) | undefined;
    if (!compiler) throw new NotSupportedError(`webgpu: no ${kernel.kind} yet`);
    return compiler(this.gpu, kernel);
  }

  op(schema: Schema): OpKernel | undefined {
    return takeover(this.gpu, schema);
  }
}
