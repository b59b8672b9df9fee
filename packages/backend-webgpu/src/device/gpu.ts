/** The device: pipelines, dispatches gathered into submits, writes and reads in the order of issue. */
import type { DType } from '@sconce/core';
import { elementBytes, GpuMemory } from '../memory.ts';
import type { Numbers, Pipeline } from '../program.ts';

export class Gpu {
  /** A CPU that plays a GPU (SwiftShader, WARP): kernels then avoid workgroup memory and barriers. */
  readonly isSoftware: boolean;
  private encoder: GPUCommandEncoder | undefined;
  private pass: GPUComputePassEncoder | undefined;

  constructor(
    readonly adapter: GPUAdapter,
    readonly device: GPUDevice,
  ) {
    const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
    this.isSoftware =
      isFallbackAdapter ||
      /swiftshader|llvmpipe|warp|software|cpu/i.test(`${vendor} ${architecture} ${description}`);
  }

  allocate(dtype: DType, length: number): GpuMemory {
    const size = Math.max(16, Math.ceil((length * elementBytes(dtype)) / 16) * 16);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    return new GpuMemory(dtype, length, this.device.createBuffer({ size, usage }));
  }

  free(memory: GpuMemory): void {
    this.flush();
    memory.buffer.destroy();
  }

  /** Compiles a module. `written[b]` says whether binding b is written. */
  pipeline(label: string, code: string, written: readonly boolean[], faults: boolean): Pipeline {
    const entries: GPUBindGroupLayoutEntry[] = written.map((w, binding) => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: w ? 'storage' : 'read-only-storage' },
    }));
    entries.push({
      binding: written.length,
      visibility: GPUShaderStage.COMPUTE,
      buffer: { type: 'uniform' },
    });
    const layout = this.device.createBindGroupLayout({ entries });
    const pipeline = this.device.createComputePipeline({
      label,
      layout: this.device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: this.device.createShaderModule({ label, code }), entryPoint: 'main' },
    });
    return { pipeline, layout, label, faults };
  }

  dispatch(
    { pipeline, layout, label }: Pipeline,
    memories: readonly GpuMemory[],
    numbers: Numbers,
    groups: readonly [number, number, number],
  ): void {
    const words = numbers.view();
    const uniform = this.device.createBuffer({
      label,
      size: Math.max(16, Math.ceil(words.length / 4) * 16),
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.device.queue.writeBuffer(uniform, 0, words as Int32Array<ArrayBuffer>);
    const entries: GPUBindGroupEntry[] = memories.map((m, binding) => ({
      binding,
      resource: { buffer: m.buffer },
    }));
    entries.push({ binding: memories.length, resource: { buffer: uniform } });
    this.encoder ??= this.device.createCommandEncoder();
    this.pass ??= this.encoder.beginComputePass();
    this.pass.setPipeline(pipeline);
    this.pass.setBindGroup(0, this.device.createBindGroup({ layout, entries }));
    this.pass.dispatchWorkgroups(...groups);
  }

  /** Submits what was gathered. */
  flush(): void {
    this.pass?.end();
    if (this.encoder) this.device.queue.submit([this.encoder.finish()]);
    this.pass = this.encoder = undefined;
  }

  /** Copies bytes (a multiple of 4) to byte `at`. */
  write(memory: GpuMemory, at: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.flush();
    this.device.queue.writeBuffer(memory.buffer, at, bytes);
  }

  /** The bytes from `at` on, after all work issued before. */
  async read(memory: GpuMemory, at: number, byteLength: number): Promise<ArrayBuffer> {
    const size = Math.ceil(byteLength / 4) * 4;
    if (size === 0) return new ArrayBuffer(0);
    const staging = this.device.createBuffer({
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    this.pass?.end();
    this.pass = undefined;
    this.encoder ??= this.device.createCommandEncoder();
    this.encoder.copyBufferToBuffer(memory.buffer, at, staging, 0, size);
    this.flush();
    await staging.mapAsync(GPUMapMode.READ);
    const bytes = staging.getMappedRange().slice(0);
    staging.destroy();
    return bytes;
  }
}
