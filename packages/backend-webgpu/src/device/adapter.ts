/** Finding WebGPU: the browser's or Deno's `navigator.gpu`, or in Node the npm package `webgpu` (Dawn). */
import { TorchError } from '@sconce/core';

export interface WebGpuOptions {
  /** Which of several GPUs: `low-power` or `high-performance`. */
  readonly powerPreference?: GPUPowerPreference;
  /** A CPU that plays a GPU, where the environment has one. */
  readonly forceFallbackAdapter?: boolean;
  /** `adapter` (the default) asks for all that the adapter allows, `default` for what every adapter does. */
  readonly limits?: 'adapter' | 'default';
  /** `adapter` (the default) asks for shader-f16, subgroups and timestamp-query where they are; `none` for none of them. */
  readonly features?: 'adapter' | 'none';
  /** The WebGPU to use, in place of the environment's. */
  readonly gpu?: GPU;
}

/** Node's, where this runs in Node. */
declare const process: { readonly versions?: { readonly node?: string } } | undefined;

declare const Deno: unknown;

const isNode = (): boolean =>
  typeof Deno === 'undefined' && typeof process !== 'undefined' && process.versions?.node !== undefined;

interface Dawn {
  readonly create: (flags: readonly string[]) => GPU;
}

/** Dawn lives only as long as this object does. */
let dawn: GPU | undefined;

async function fromPackage(): Promise<GPU> {
  if (dawn) return dawn;
  // Not a literal: bundlers for browsers must not look for it.
  const name = 'webgpu';
  let loaded: Dawn;
  try {
    loaded = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as Dawn;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    throw new TorchError(
      code === 'ERR_MODULE_NOT_FOUND'
        ? 'in Node WebGPU comes with the npm package `webgpu`, which is not installed: `npm install webgpu`'
        : `the npm package \`webgpu\` does not load here: ${message}`,
    );
  }
  dawn = loaded.create([]);
  return dawn;
}

async function findGpu(): Promise<GPU> {
  const own = (globalThis as { navigator?: Navigator }).navigator?.gpu;
  if (own) return own;
  if (isNode()) return fromPackage();
  throw new TorchError(
    (globalThis as { isSecureContext?: boolean }).isSecureContext === false
      ? 'WebGPU is only in pages that come from https:// or localhost (navigator.gpu is missing)'
      : 'this environment has no WebGPU (navigator.gpu is missing): use another backend, such as wasm',
  );
}

/** The limits that decide how large tensors and workgroups may be. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupsPerDimension',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

const FEATURES: readonly GPUFeatureName[] = ['shader-f16', 'subgroups', 'timestamp-query'];

/** What older browsers have in place of `adapter.info`. */
interface OlderAdapter {
  requestAdapterInfo?(): Promise<Partial<GPUAdapterInfo>>;
}

/** The adapter and a device with what it can give. Throws where there is none, saying what to install. */
export async function requestDevice(
  options: WebGpuOptions = {},
): Promise<{ adapter: GPUAdapter; device: GPUDevice; info: Partial<GPUAdapterInfo> }> {
  const { powerPreference, forceFallbackAdapter = false } = options;
  const gpu = options.gpu ?? (await findGpu());
  const adapter = await gpu.requestAdapter({
    ...(powerPreference && { powerPreference }),
    forceFallbackAdapter,
  });
  if (!adapter)
    throw new TorchError(
      isNode()
        ? 'WebGPU finds no adapter. On Linux it needs the Vulkan loader (Debian: `apt-get install libvulkan1`) and a driver: the ' +
            "GPU vendor's, `mesa-vulkan-drivers`, or a software one named by VK_DRIVER_FILES, such as SwiftShader's vk_swiftshader_icd.json"
        : 'WebGPU is here but gives no adapter: the GPU or its driver is not supported, or it is switched off',
    );
  const requiredLimits: Record<string, number> = {};
  if (options.limits !== 'default')
    for (const name of LIMITS) {
      const value = adapter.limits[name];
      if (typeof value === 'number') requiredLimits[name] = value;
    }
  const device = await adapter.requestDevice({
    label: 'sconce',
    requiredFeatures: options.features === 'none' ? [] : FEATURES.filter((f) => adapter.features.has(f)),
    requiredLimits,
  });
  const info = adapter.info ?? (await (adapter as OlderAdapter).requestAdapterInfo?.()) ?? {};
  return { adapter, device, info };
}
