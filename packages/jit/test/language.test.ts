/** Every feature of the language, one program each, against what PyTorch answered (see generate/language.py). */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { JitError, load, output } from '../src/index.ts';
import { decode, differences, type Json } from './values.ts';

const archives = new URL('archives/', import.meta.url);
const cases: Record<string, Json> = JSON.parse(readFileSync(new URL('language.json', archives), 'utf8'));
const open = (name: string) => load(readFileSync(new URL(`language/${name}.pt`, archives)));

/** PyTorch puts the exception's class before its message; ours is the message with `kind` beside it. */
const messageOf = (line: string): string => line.replace(/^(RuntimeError|builtins\.\w+): /, '');

beforeAll(() => {
  setCurrentBackend(reference());
  output.warn = () => {};
});

describe('a loaded program answers as in PyTorch', () => {
  for (const [name, { calls }] of Object.entries(cases))
    it(name, async () => {
      const module = await open(name);
      for (const call of calls) {
        const args = call.args.map(decode);
        if ('error' in call) {
          const error = await module(...args).catch((e: unknown) => e);
          expect(error).toBeInstanceOf(JitError);
          expect((error as Error).message).toBe(messageOf(call.error));
        } else expect(await differences(await module(...args), call.result)).toEqual([]);
      }
    });
});

describe('an archive of an old version means what it meant then', () => {
  const old: Record<string, Json> = JSON.parse(readFileSync(new URL('old.json', archives), 'utf8'));
  for (const [name, { calls }] of Object.entries(old))
    it(name, async () => {
      const module = await load(readFileSync(new URL(`old/${name}.pt`, archives)));
      for (const { args, result, error } of calls) {
        const answer = module(...args.map(decode));
        if (error) await expect(answer).rejects.toThrow(messageOf(error));
        else expect(await differences(await answer, result)).toEqual([]);
      }
    });
});
