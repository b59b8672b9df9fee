/** When threads are left alone, by the milliseconds that they saved and lost. */
import { describe, expect, it } from 'vitest';
import { Account } from '../../src/threads/account.ts';

/** Jobs of which workers did `calls` calls of a millisecond, and the wait for them; how long nothing is shared after each. */
const alone = (jobs: readonly (readonly [calls: number, waited: number])[]): number[] => {
  const account = new Account();
  return jobs.map(([calls, waited]) => account.settle(calls, 1, waited, 8));
};

describe('the account of what threads brought', () => {
  it('leaves nobody alone whose wait was shorter than what others did meanwhile', () => {
    expect(alone([[4, 3], [1, 1], [0, 0]])).toEqual([0, 0, 0]); // biome-ignore format: jobs
  });

  it('sets one long wait off against what was saved before', () => {
    expect(alone([[2, 0], [1, 3], [0, 0.5]])).toEqual([0, 0, 4]); // biome-ignore format: jobs
  });

  it('saves up to two milliseconds, so that a machine that gets busy costs no more', () => {
    expect(alone([[100, 0], [0, 5]])).toEqual([0, 8 * 3]); // biome-ignore format: jobs
  });

  it('doubles the time for each loss after a loss, sixteenfold at most', () => {
    const losses = Array(7).fill([0, 1]);
    expect(alone(losses)).toEqual([8, 16, 32, 64, 128, 128, 128]);
  });

  it('starts anew once threads brought something again', () => {
    expect(alone([[0, 1], [0, 1], [1, 0], [0, 2], [2, 0], [0, 3]])).toEqual([8, 16, 0, 32, 0, 8]); // biome-ignore format: jobs
  });
});
