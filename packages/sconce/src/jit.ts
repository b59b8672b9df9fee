/** `torch.jit`: TorchScript archives, loaded and run. */
import { backendOf, type ReadOptions, type Source, withSource } from '@sconce/core';
import { type ArchiveSource, type JitLoadOptions, load as loadBytes, type ScriptModule } from '@sconce/jit';

export * from '@sconce/jit';

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
