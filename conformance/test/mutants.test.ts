/** The suite's own test: each deliberate fault in the reference backend must be noticed. */
import { reference } from '@sconce/backend-reference';
import { describe, expect, it } from 'vitest';
import { checkMutants, mutants } from '../src/index.ts';

describe('the mutation check', () => {
  it('catches every deliberate fault', { timeout: 300_000 }, async () => {
    const missed: string[] = [];
    let count = 0;
    for await (const { name, caughtBy } of checkMutants(reference())) {
      count++;
      if (caughtBy === undefined) missed.push(name);
    }
    expect(missed).toEqual([]);
    expect(count).toBe(mutants.length);
  });

  it('has mutants of different names', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });
});
