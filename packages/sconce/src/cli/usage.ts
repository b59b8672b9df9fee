/** What the commands share: where they print, and how they refuse a wrong call. */
import { readFile } from 'node:fs/promises';
import { TorchError } from '@sconce/core';
import { use } from '../index.ts';

export interface Output {
  /** Standard output: the answer. */
  print(text: string): void;
  /** Standard error: all else. */
  say(text: string): void;
}

/** The command was not called as its usage says. */
export class UsageError extends TorchError {
  override name = 'UsageError';
}

/** In the order in which one is taken where none is named. */
export const BACKENDS = ['libtorch', 'wasm', 'reference'] as const;

/** Makes the named backend, or the first that is here, the current one; gives its name. */
export const chooseBackend = (name: string | undefined): Promise<string> =>
  name === undefined ? use(...BACKENDS) : use(name);

export async function readModel(source: string | undefined): Promise<Uint8Array> {
  if (source === undefined) throw new UsageError('which MODEL?');
  if (!/^https?:/.test(source)) return readFile(source);
  const response = await fetch(source);
  if (!response.ok) throw new TorchError(`${source}: ${response.status} ${response.statusText}`);
  return new Uint8Array(await response.arrayBuffer());
}
