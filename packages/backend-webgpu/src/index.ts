/** The WebGPU backend, for `torch.use('webgpu')`. */
import { WebGpuBackend } from './backend.ts';
import { requestDevice, type WebGpuOptions } from './device/adapter.ts';
import { Gpu } from './device/gpu.ts';

export { WebGpuBackend } from './backend.ts';
export type { WebGpuOptions } from './device/adapter.ts';
export type { Statistics } from './device/gpu.ts';

/** A backend on a device of its own. Rejects, saying why and what to install, where there is no WebGPU. */
export async function webgpu(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
  const { adapter, device, info } = await requestDevice(options);
  return new WebGpuBackend(new Gpu(adapter, device, info));
}

/** What `torch.use('webgpu')` calls. */
export const create = webgpu;
