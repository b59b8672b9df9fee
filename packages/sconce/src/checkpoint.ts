/** `torch.save` and `torch.load`: PyTorch's own format, so that either side reads what the other wrote. */
import {
  isParameter,
  type LoadOptions,
  load as loadBytes,
  Parameter,
  readSource,
  type Source,
  save as saveBytes,
  type Tensor,
  TorchError,
} from '@sconce/core';
import { writePath } from './files.ts';

const stem = (path: string): string => path.replace(/^.*[/\\]/, '').replace(/\.[^.]*$/, '') || 'archive';

/** Reads a checkpoint (state dict, tensors, nested lists and dicts) from a path, URL, Response, Blob or bytes. No code in it ever runs. */
export async function load(source: Source, options: LoadOptions = {}): Promise<unknown> {
  const bytes = readSource(source);
  if (!bytes) throw new TorchError('load: expected a path, URL, Response, Blob or bytes');
  return loadBytes(await bytes, {
    makeParameter: (data: Tensor, requires_grad: boolean) => new Parameter(data, requires_grad),
    ...options,
  });
}

/** Writes a value as PyTorch does: to a path, or, where none is given, as bytes. */
export async function save(value: unknown, path?: string): Promise<Uint8Array> {
  const bytes = await saveBytes(value, { isParameter, ...(path !== undefined && { name: stem(path) }) });
  if (path !== undefined) await writePath(path, bytes);
  return bytes;
}
