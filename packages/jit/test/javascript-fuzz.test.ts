/** Mutations of JavaScript source: each compiles or is refused with an error of ours, whatever it has become. */
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend, TorchError } from '@sconce/core';
import { beforeAll, expect, it } from 'vitest';
import { script } from '../src/index.ts';
import { twins } from './javascript/programs.ts';

beforeAll(() => setCurrentBackend(reference()));

/** A small generator with a seed, so that a failure comes back. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const tokens = (text: string): string[] =>
  text.match(/\w+|\s+|=>|[=!<>]=+|\+\+|--|&&|\|\||\*\*|[^\w\s]/g) ?? [];

/** One token goes, comes twice, changes places, or becomes one from elsewhere. */
function mutate(text: string, pool: readonly string[], next: (below: number) => number): string {
  const list = tokens(text);
  for (let i = 0; i <= next(3); i++) {
    const at = next(list.length);
    const other = next(list.length);
    switch (next(4)) {
      case 0:
        list.splice(at, 1);
        break;
      case 1:
        list.splice(at, 0, list[other] ?? '');
        break;
      case 2:
        [list[at], list[other]] = [list[other], list[at]];
        break;
      default:
        list[at] = pool[next(pool.length)];
    }
  }
  return list.join('');
}

it('a mutated program compiles, or is refused with an error that says why', () => {
  const programs = Object.values(twins).filter(({ given }) => !given);
  const pool = programs.flatMap(({ f }) => tokens(String(f)));
  const outcomes = { compiled: 0, refused: 0, unparsed: 0 };
  for (let seed = 1; seed <= Number(process.env.FUZZ ?? 600); seed++) {
    const next = random(seed * 7919);
    const { f, schema } = programs[next(programs.length)];
    const text = mutate(String(f), pool, next);
    let mutant: (...args: never[]) => unknown;
    try {
      mutant = new Function(`return ${text}`)();
      if (typeof mutant !== 'function') throw new SyntaxError();
    } catch {
      outcomes.unparsed++;
      continue;
    }
    try {
      if (schema) script(mutant, schema);
      else script(mutant);
      outcomes.compiled++;
    } catch (error) {
      if (!(error instanceof TorchError))
        throw new Error(
          `seed ${seed}: ${String(error)}\n${(error as Error).stack?.split('\n').slice(1, 4).join('\n')}\n${text}`,
        );
      expect(error.message.length).toBeGreaterThan(10);
      outcomes.refused++;
    }
  }
  expect(outcomes.compiled).toBeGreaterThan(20);
  expect(outcomes.refused).toBeGreaterThan(20);
});
