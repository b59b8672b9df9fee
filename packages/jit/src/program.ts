/** What compiled code belongs to: a compilation unit, and the device that `cpu` means in it. */
import { type Backend, currentBackend, deviceOf } from '@sconce/core';
import { CompilationUnit } from './frontend/unit.ts';
import type { Limits } from './limits.ts';
import type { Device, Tensor } from './ops/core.ts';

/** What functions and modules of one archive, or of one `jit.script` or `jit.trace`, share. */
export interface Program {
  readonly unit: CompilationUnit;
  /** Where it is; `cpu` and `cuda:0` in its code mean this. */
  device: Device;
  /** The tensors among its constants, which go along when a module moves. */
  readonly constants: Tensor[];
  /** What a call may ask for. */
  readonly limits?: Limits;
}

/**
 * The unit that everything scripted and traced in this process belongs to, as in PyTorch: one table of names and one
 * counter of mangled ones.
 */
export const sharedUnit: CompilationUnit = new CompilationUnit({ source: () => undefined });

/** A program for what is compiled here, on the current backend unless another is given. */
export function newProgram(unit: CompilationUnit = sharedUnit, backend: Backend = currentBackend()): Program {
  return { unit, device: deviceOf(backend), constants: [] };
}
