/** `torch.save` and `torch.load`: PyTorch's own format, so that either side reads what the other wrote. */
import {
  backendOf,
  isParameter,
  type LoadOptions,
  load as loadBytes,
  Parameter,
  type ReadOptions,
  type Received,
  type Source,
  save as saveBytes,
  type Tensor,
  TorchError,
  withSource,
} from '@sconce/core';
import { writePath } from './load/files.ts';

const stem = (path: string): string => path.replace(/^.*[/\\]/, '').replace(/\.[^.]*$/, '') || 'archive';

/**
 * Reads a checkpoint (state dict, tensors, nested lists and dicts) from a path, URL, Response, Blob or bytes; of a
 * safetensors file a Map of its tensors. No code in it ever runs. What comes over the network goes to the backend while the rest still comes in; `ReadOptions` say how it is read.
 */
export async function load(source: Source, options: LoadOptions & ReadOptions = {}): Promise<unknown> {
  const backend = backendOf(options.map_location);
  const loaded = withSource(source, { ...options, backend, safetensors: true }, (file) =>
    file instanceof Map
      ? file
      : loadBytes(file as Exclude<Received, Map<string, Tensor>>, {
          makeParameter: (data: Tensor, requires_grad: boolean) => new Parameter(data, requires_grad),
          ...options,
        }),
  );
  if (!loaded) throw new TorchError('load: expected a path, URL, Response, Blob or bytes');
  return loaded;
}

/** Writes a value as PyTorch does: to a path, or, where none is given, as bytes. */
export async function save(value: unknown, path?: string): Promise<Uint8Array> {
  const bytes = await saveBytes(value, { isParameter, ...(path !== undefined && { name: stem(path) }) });
  if (path !== undefined) await writePath(path, bytes);
  return bytes;
}
