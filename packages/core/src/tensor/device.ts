/** Devices, and the backends that serve them. */
import type { Backend } from '../backend/backend.ts';
import { metaBackend } from '../backend/meta.ts';
import { ArgumentError, TorchError } from '../errors.ts';

/** A device as PyTorch prints it: `cpu`, `webgpu`, `meta`. */
export class Device {
  constructor(
    readonly type: string,
    readonly index: number | null = null,
  ) {}

  toString(): string {
    return this.index === null ? this.type : `${this.type}:${this.index}`;
  }
}

const backends = new Map<string, Backend>([['meta', metaBackend]]);
let current: Backend | undefined;
let host: Backend | undefined;

/** Makes a backend known by its name, so that `use` finds it. A second one of the same name replaces the first. */
export function register_backend(backend: Backend): void {
  for (const method of ['allocate', 'free', 'write', 'read', 'compile'] as const)
    if (typeof backend[method] !== 'function')
      throw new ArgumentError(
        `register_backend: '${backend.name}' has no method '${method}'; see docs/writing-a-backend.md`,
      );
  backends.set(backend.name, backend);
}

/** The backend of this name, if it was registered. */
export const registeredBackend = (name: string): Backend | undefined => backends.get(name);
export const registeredBackends = (): Backend[] => [...backends.values()].filter((b) => b !== metaBackend);

/** New tensors are made on this backend from now on. */
export function setCurrentBackend(backend: Backend): void {
  register_backend(backend);
  current = backend;
  if (backend.deviceType === 'cpu') host = backend;
}

/** The backend of new tensors. Throws where none was chosen. */
export function currentBackend(): Backend {
  if (!current)
    throw new TorchError(
      "no backend is in use: call `await torch.use('wasm')` (or 'libtorch', 'reference') first",
    );
  return current;
}

/** `cpu` is the host backend in use, `meta` shapes without data, any other name a backend or a device type. */
export function backendOf(device: Device | string | Backend | null | undefined): Backend {
  if (device == null) return currentBackend();
  if (typeof device === 'object' && 'allocate' in device) return device;
  const [type] = String(device).split(':');
  if (type === 'cpu' && host) return host;
  const found = backends.get(type) ?? [...backends.values()].find((b) => b.deviceType === type);
  if (!found)
    throw new TorchError(
      `Invalid device string: '${device}': no such backend is registered (there are ${[...backends.keys()].join(', ')})`,
    );
  return found;
}

const devices = new Map<string, Device>();

export function deviceOf(backend: Backend): Device {
  let device = devices.get(backend.deviceType);
  if (!device) devices.set(backend.deviceType, (device = new Device(backend.deviceType)));
  return device;
}
