/** The native addon: its functions, typed, and its loading at first use. */
import { createRequire } from 'node:module';
import { KernelFault, OutOfMemoryError, TorchError } from '@sconce/core';
import { findAddon } from './cache.ts';

/** What the addon exports; `native/wire.h` says how values cross. */
export interface Addon {
  /** LibTorch's version. */
  readonly version: string;
  allocate(bytes: number): number;
  free(slot: number): void;
  write(slot: number, byteOffset: number, data: NodeJS.TypedArray): void;
  read(slot: number, byteOffset: number, into: NodeJS.TypedArray): void;
  /** How many storages JavaScript holds. */
  live(): number;
  intern(text: string): number;
  wire(buffer: ArrayBuffer): void;
  fetch(): void;
  operator(name: string, overload: string): { index: number; schema: string } | undefined;
  call(): number;
  seed(seed: bigint): void;
  setThreads(threads: number): void;
  getThreads(): number;
  readonly ScriptModule: new (source: string | Uint8Array) => NativeScriptModule;
}

/** Turns a result on the wire into a value, while it is there. */
export type Decode = (length: number, strings: string[]) => unknown;

export interface NativeScriptModule {
  call(method: string, strings: string[], decode: Decode): unknown;
  start(method: string, strings: string[], decode: Decode): Promise<unknown>;
  train(mode: boolean): void;
  methods(): string[];
}

let loaded: Addon | undefined;

/** Whether an addon for this machine is in the cache. */
export const isBuilt = (): boolean => loaded !== undefined || findAddon() !== undefined;

/**
 * The addon, loaded at the first call, so that importing the package costs and needs nothing.
 * Throws `TorchError` where it has not been built.
 */
export function addon(): Addon {
  if (loaded) return loaded;
  const path = findAddon();
  if (path === undefined)
    throw new TorchError(
      'backend-libtorch is not built on this machine: run `npx sconce build libtorch` ' +
        '(it needs LibTorch 1.13 or later, CMake and a C++ compiler; Debian: apt install libtorch-dev cmake g++)',
    );
  try {
    loaded = createRequire(import.meta.url)(path) as Addon;
  } catch (error) {
    throw new TorchError(
      `backend-libtorch: ${path} does not load (${(error as Error).message}); ` +
        'was LibTorch moved or removed? `npx sconce build libtorch` builds it anew',
    );
  }
  return loaded;
}

/** An error from the addon: its message is LibTorch's sentence. */
export interface NativeError extends Error {
  readonly code:
    | 'IndexError'
    | 'ValueError'
    | 'TypeError'
    | 'NotImplementedError'
    | 'OutOfMemoryError'
    | 'TorchScriptError'
    | 'Error';
  readonly traceback?: string;
}

/** Whether the data of a call was at fault, as a backend must report it. */
export function kernelFault({ message }: Error): KernelFault | undefined {
  if (message.includes('ZeroDivisionError')) return new KernelFault('division');
  const index = /index (-?\d+) is out of bounds for dimension (\d+) with size (\d+)/.exec(message);
  if (!index) return undefined;
  const [at, dim, size] = index.slice(1).map(Number);
  return new KernelFault('index', { index: at, dim, size });
}

/** The addon's error as one of Sconce's. */
export function toTorchError(error: unknown): Error {
  const native = error as NativeError;
  if (!(error instanceof Error) || native.code === undefined) return error as Error;
  if (native.code === 'OutOfMemoryError') return new OutOfMemoryError(native.message);
  return kernelFault(native) ?? new TorchError(native.message, { cause: native });
}
