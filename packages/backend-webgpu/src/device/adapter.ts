/** Finding WebGPU: the browser's or Deno's `navigator.gpu`, or in Node the npm package `webgpu` (Dawn). */
import { TorchError } from '@sconce/core';

/** Node's, where this runs in Node. */
declare const process: { versions?: { node?: string } } | undefined;

async function findGpu(): Promise<GPU> {
  const own = (globalThis as { navigator?: Navigator }).navigator?.gpu;
  if (own) return own;
  if (typeof process === 'undefined' || !process.versions?.node)
    throw new TorchError(
      'this browser has no WebGPU (navigator.gpu is missing): use another backend, such as wasm',
    );
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  return create([]);
}

/** The adapter and a device with all that it can give. Throws where there is none. */
export async function requestDevice(
  options: GPURequestAdapterOptions = {},
): Promise<{ adapter: GPUAdapter; device: GPUDevice }> {
  const adapter = await (await findGpu()).requestAdapter(options);
  if (!adapter)
    throw new TorchError('WebGPU is here but gives no adapter: the GPU or its driver is not supported');
  const { limits } = adapter;
  const device = await adapter.requestDevice({
    requiredFeatures: (['shader-f16', 'subgroups', 'timestamp-query'] as GPUFeatureName[]).filter((f) =>
      adapter.features.has(f),
    ),
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
    },
  });
  return { adapter, device };
}
