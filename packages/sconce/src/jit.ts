/** `torch.jit`: TorchScript archives, loaded and run. */
import { readSource, type Source } from '@sconce/core';
import { type JitLoadOptions, load as loadBytes, type ScriptModule } from '@sconce/jit';

export * from '@sconce/jit';

/** Loads a TorchScript archive from a path, URL, Response, Blob or bytes. Calling the module returns a promise. */
export async function load(source: Source, options: JitLoadOptions = {}): Promise<ScriptModule> {
  return loadBytes((await readSource(source)) ?? (source as never), options);
}
