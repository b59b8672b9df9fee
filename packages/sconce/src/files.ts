/** Paths and URLs: files by Node's file system, everything else by fetch. */
import { setPathReader, TorchError } from '@sconce/core';

const isNode = (): boolean => typeof process !== 'undefined' && process.versions?.node !== undefined;
const isUrl = (path: string): boolean => /^(https?|blob|data|file):/.test(path);

async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok)
    throw new TorchError(`cannot read ${url}: the server answered ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function readFile(path: string): Promise<Uint8Array> {
  const { readFile } = await import('node:fs/promises');
  try {
    const bytes = await readFile(path.startsWith('file:') ? new URL(path) : path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === 'ENOENT') throw new TorchError(`[Errno 2] No such file or directory: '${path}'`);
    if (code === 'EISDIR') throw new TorchError(`[Errno 21] Is a directory: '${path}'`);
    throw error;
  }
}

/** The bytes behind a path or URL. */
export const readPath = (path: string): Promise<Uint8Array> =>
  isNode() && (!isUrl(path) || path.startsWith('file:')) ? readFile(path) : fetchBytes(path);

export const installPathReader = (): void => setPathReader(readPath);

/** Writes a file; only where there is a file system. */
export async function writePath(path: string, bytes: Uint8Array): Promise<void> {
  if (!isNode())
    throw new TorchError(`cannot write '${path}': there is no file system here; take the bytes instead`);
  const { writeFile } = await import('node:fs/promises');
  await writeFile(path, bytes);
}
