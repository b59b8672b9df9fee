/** The WebGPU backend, for `torch.use('webgpu')`. */
import { WebGpuBackend } from './backend.ts';
import { requestDevice } from './device/adapter.ts';
import { Gpu } from './device/gpu.ts';

export { WebGpuBackend } from './backend.ts';

/** A backend on a device of its own. Rejects, saying why, where there is no WebGPU. */
export async function webgpu(options: GPURequestAdapterOptions = {}): Promise<WebGpuBackend> {
  const { adapter, device } = await requestDevice(options);
  return new WebGpuBackend(new Gpu(adapter, device));
}

/** What `torch.use('webgpu')` calls. */
export const create = webgpu;
