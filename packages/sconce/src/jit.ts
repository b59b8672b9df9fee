/** `torch.jit`: TorchScript archives, loaded, run and saved. */
import { backendOf, type ReadOptions, type Source, TorchError, withSource } from '@sconce/core';
import {
  type ArchiveSource,
  type JitLoadOptions,
  type JitSaveOptions,
  load as loadBytes,
  type ScriptFunction,
  type ScriptModule,
  set_file_writer,
} from '@sconce/jit';
import { writePath } from './load/files.ts';

export * from '@sconce/jit';

set_file_writer(writePath);

/** Writes a module or a function as PyTorch's `torch.jit.save` does: to a path, or, where none is given, as bytes. */
export async function save(
  program: ScriptModule | ScriptFunction,
  path: string,
  options?: JitSaveOptions,
): Promise<void>;
export async function save(
  program: ScriptModule | ScriptFunction,
  path?: null,
  options?: JitSaveOptions,
): Promise<Uint8Array>;
export async function save(
  program: ScriptModule | ScriptFunction,
  path?: string | null,
  options?: JitSaveOptions,
): Promise<Uint8Array | void> {
  if (typeof program?.save_to_buffer !== 'function')
    throw new TorchError(
      'jit.save takes what jit.script, jit.trace or jit.load gave: compile the module first, or save its weights with torch.save(module.state_dict(), path)',
    );
  return path === undefined || path === null ? program.save_to_buffer(options) : program.save(path, options);
}

/**
 * Loads a TorchScript archive from a path, URL, Response, Blob or bytes. Calling the module returns a promise. What comes
 * over the network goes to the backend while the rest still comes in; `ReadOptions` say how it is read.
 */
export async function load(
  source: Source,
  options: JitLoadOptions & ReadOptions = {},
): Promise<ScriptModule> {
  const backend = backendOf(options.map_location);
  const loaded = withSource(source, { ...options, backend }, (file) =>
    loadBytes(file as ArchiveSource, options),
  );
  // What is no source is refused there.
  return loaded ?? loadBytes(source as never, options);
}
