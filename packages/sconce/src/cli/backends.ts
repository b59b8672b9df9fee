/** `sconce backends`: which are here, and why not the others. */
import { parseArgs } from 'node:util';
import { type Backend, currentBackend } from '@sconce/core';
import { use } from '../index.ts';
import { BACKENDS, type Output } from './usage.ts';

interface Presence {
  readonly backend: string;
  readonly present: boolean;
  readonly dtypes?: readonly string[];
  readonly reason?: string;
}

export async function listBackends(args: readonly string[], { print }: Output): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { json: { type: 'boolean', default: false } } });
  const list: Presence[] = [];
  for (const backend of BACKENDS) {
    try {
      await use(backend);
      const current: Backend = currentBackend();
      list.push({ backend, present: true, dtypes: [...current.capabilities.dtypes] });
    } catch (error) {
      list.push({ backend, present: false, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  if (values.json) print(JSON.stringify({ backends: list }));
  else
    for (const { backend, present, dtypes = [], reason = '' } of list)
      print(
        `${backend.padEnd(10)} ${present ? `here: ${dtypes.join(', ')}` : `not here: ${reason.replaceAll('\n', '\n           ')}`}`,
      );
  return 0;
}
