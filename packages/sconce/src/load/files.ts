/** Files of the file system, where there is one. */
import { TorchError } from '@sconce/core';

type Files = typeof import('node:fs/promises');

/**
 * Node's own modules, where this is Node (or Deno, or Bun): asked for at run time, so that no bundler sees an import that
 * a browser does not have.
 */
export const nodeFiles = (): Files | undefined =>
  (globalThis as { process?: NodeJS.Process }).process?.getBuiltinModule?.('node:fs/promises');

const isUrl = (path: string): boolean => /^(https?|blob|data|file):/.test(path);

/** The file system that a path is to be read from; undefined for what is fetched. */
export const filesFor = (path: string): Files | undefined =>
  !isUrl(path) || path.startsWith('file:') ? nodeFiles() : undefined;

/** Larger files are read piece by piece, so that no more than a piece is in memory. */
const WHOLE = 1 << 24;
const PIECE = 1 << 20;

export interface OpenFile {
  readonly size: number;
  readonly chunks: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** Whether it all comes in one chunk. */
  readonly isWhole: boolean;
}

/** Opens a file. Throws Python's errors where there is none. */
export async function openFile(files: Files, path: string): Promise<OpenFile> {
  const place = path.startsWith('file:') ? new URL(path) : path;
  try {
    const { size, ...stats } = await files
      .stat(place)
      .then((s) => ({ size: s.size, isFolder: s.isDirectory() }));
    if (stats.isFolder) throw new TorchError(`[Errno 21] Is a directory: '${path}'`);
    const isWhole = size <= WHOLE;
    return { size, isWhole, chunks: isWhole ? whole(files, place) : pieces(files, place) };
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT')
      throw new TorchError(`[Errno 2] No such file or directory: '${path}'`);
    throw error;
  }
}

async function* whole(files: Files, place: string | URL): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const bytes = await files.readFile(place);
  yield new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function* pieces(files: Files, place: string | URL): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const file = await files.open(place);
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(PIECE), 0, PIECE);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Writes a file whole or not at all: under another name first, then under its own; only where there is a file system. */
export async function writePath(path: string, bytes: Uint8Array): Promise<void> {
  const files = nodeFiles();
  if (!files)
    throw new TorchError(`cannot write '${path}': there is no file system here; take the bytes instead`);
  const draft = `${path}.${Math.random().toString(36).slice(2, 10)}.part`;
  try {
    await files.writeFile(draft, bytes);
    await files.rename(draft, path);
  } catch (error) {
    await files.rm(draft, { force: true });
    if ((error as { code?: string }).code === 'ENOENT')
      throw new TorchError(`Parent directory of '${path}' does not exist.`);
    throw new TorchError(`cannot write '${path}': ${(error as Error).message}`);
  }
}
