/** Paths and URLs: files by Node's file system, everything else by fetch. */
import { setPathReader, TorchError } from '@sconce/core';

/**
 * Node's own modules, where this is Node (or Deno, or Bun): asked for at run time, so that no bundler sees an import that
 * a browser does not have.
 */
const nodeFiles = (): typeof import('node:fs/promises') | undefined =>
  (globalThis as { process?: NodeJS.Process }).process?.getBuiltinModule?.('node:fs/promises');

const isUrl = (path: string): boolean => /^(https?|blob|data|file):/.test(path);

async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok)
    throw new TorchError(`cannot read ${url}: the server answered ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}

async function readFile(
  files: typeof import('node:fs/promises'),
  path: string,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const bytes = await files.readFile(path.startsWith('file:') ? new URL(path) : path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (error) {
    const code = (error as { code?: string }).code;
    if (code === 'ENOENT') throw new TorchError(`[Errno 2] No such file or directory: '${path}'`);
    if (code === 'EISDIR') throw new TorchError(`[Errno 21] Is a directory: '${path}'`);
    throw error;
  }
}

/** The bytes behind a path or URL. */
export function readPath(path: string): Promise<Uint8Array> {
  const files = !isUrl(path) || path.startsWith('file:') ? nodeFiles() : undefined;
  return files ? readFile(files, path) : fetchBytes(path);
}

export const installPathReader = (): void => setPathReader(readPath);

/** Writes a file; only where there is a file system. */
export async function writePath(path: string, bytes: Uint8Array): Promise<void> {
  const files = nodeFiles();
  if (!files)
    throw new TorchError(`cannot write '${path}': there is no file system here; take the bytes instead`);
  await files.writeFile(path, bytes);
}
