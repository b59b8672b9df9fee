/** Where the frozen cases are read from: a folder in Node, a URL in a browser. */

export interface CaseFiles {
  /** The file's bytes, or undefined where there is no such file. `path` is relative to the conformance folder. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/** Files beside this module, in Node. */
export function folderFiles(folder: URL = new URL('../', import.meta.url)): CaseFiles {
  return {
    async read(path) {
      const { readFile } = await import('node:fs/promises');
      try {
        return await readFile(new URL(path, folder));
      } catch (error) {
        if ((error as { code?: string }).code === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}

/** Files under a URL, by `fetch`. */
export const urlFiles = (base: string | URL): CaseFiles => ({
  async read(path) {
    const response = await fetch(new URL(path, base));
    if (response.status === 404) return undefined;
    if (!response.ok) throw new Error(`${path}: ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  },
});

/** A file that must be there, as JSON. */
export async function readJson<T>(files: CaseFiles, path: string): Promise<T> {
  const bytes = await files.read(path);
  if (!bytes) throw new Error(`conformance: ${path} is missing; the suite's own files are not complete`);
  return JSON.parse(new TextDecoder().decode(bytes)) as T;
}
