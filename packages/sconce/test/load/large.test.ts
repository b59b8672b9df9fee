import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const children: ChildProcess[] = [];

/** Runs a script of this folder; gives the first line that it prints, as JSON. */
async function start<T>(script: string, ...args: string[]): Promise<T> {
  const child = spawn(
    process.execPath,
    [
      '--expose-gc',
      '--import',
      'tsx',
      '--conditions=sconce-source',
      join(import.meta.dirname, script),
      ...args,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  let text = '';
  child.stdout!.on('data', (chunk) => {
    text += chunk;
  });
  while (!text.includes('\n')) {
    const ended = await Promise.race([
      once(child.stdout!, 'data').then(() => false),
      once(child, 'exit').then(() => true),
    ]);
    if (ended && !text.includes('\n')) throw new Error(`${script} ended with ${child.exitCode}`);
  }
  return JSON.parse(text.split('\n')[0]) as T;
}

describe('an archive of 300 MB', () => {
  let url: string;
  let length: number;
  beforeAll(async () => {
    ({ url, length } = await start<{ url: string; length: number }>('large-server.ts'));
  }, 240_000);
  afterAll(() => {
    for (const child of children) child.kill();
  });

  it('is never twice in memory as it comes in', async () => {
    const streamed = await start<{ grew: number; values: number[] }>('large-client.ts', url);
    expect(streamed.values).toEqual([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]);
    expect(length).toBeGreaterThan(300e6);
    // Its tensors, and room for a storage on its way.
    expect(streamed.grew).toBeGreaterThan(length);
    expect(streamed.grew).toBeLessThan(1.7 * length);
  }, 240_000);
});
