/** What PyTorch prints for the committed archives' methods and functions, and these archives with weights that have no memory. */
import { functions, type Tensor, type ZipArchive } from '@sconce/core';
import type { CaseFiles } from '../files.ts';
import { gunzip, type Recipe, untar } from './archive.ts';

export interface PrintingCase {
  /** `resnet18.script` */
  readonly name: string;
  archive(): Promise<ZipArchive>;
  /** The hashes of `.code` and `.graph` by qualified name. */
  readonly printed: Readonly<Record<string, readonly [code: string, graph: string]>>;
}

interface Manifest {
  readonly cases: readonly (Omit<PrintingCase, 'archive'> & { readonly archive: string })[];
}

export async function printing(files: CaseFiles): Promise<PrintingCase[]> {
  const manifest = await gunzip(await need(files, 'models/printing.json.gz'));
  const { cases } = JSON.parse(new TextDecoder().decode(manifest)) as Manifest;
  return cases.map(({ name, printed, archive }) => ({
    name,
    printed,
    archive: async () => weightless(await need(files, `models/${archive}`)),
  }));
}

async function need(files: CaseFiles, path: string): Promise<Uint8Array> {
  const bytes = await files.read(path);
  if (!bytes) throw new Error(`conformance: ${path} is missing; the suite's own files are not complete`);
  return bytes;
}

/** The archive as a reader sees it, with tensors of the meta device where weights were left out: nobody prints them. */
async function weightless(stripped: Uint8Array): Promise<ZipArchive> {
  const kept = untar(await gunzip(stripped));
  const { root, records } = JSON.parse(new TextDecoder().decode(kept.get('recipe.json'))) as Recipe;
  const of = (name: string) => kept.get(name.slice(root.length + 1));
  const names = records.map(({ record }) => `${root}/${record}`);
  const present = new Set(names);
  return {
    names,
    has: (name) => present.has(name),
    size: (name) => of(name)?.length ?? 0,
    read: (name) => of(name) ?? new Uint8Array(),
    uploaded: (name, dtype, length) =>
      of(name) ? undefined : (functions.empty([length], { dtype, device: 'meta' }) as Tensor),
  };
}

/** As the manifest has it: the first 12 digits of SHA-256. */
export async function hashOf(text: string): Promise<string> {
  // Warnings are counted through the whole process.
  const bytes = new TextEncoder().encode(text.replace(/warn_id=\d+/g, 'warn_id=0'));
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return [...new Uint8Array(digest, 0, 6)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
