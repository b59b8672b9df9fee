/** Whether the tests that need the addon can run; on CI they must. */
import { describe, expect, test } from 'vitest';
import { isBuilt } from '../src/index.ts';

const built = isBuilt();

/**
 * A `describe` of tests over LibTorch. Where it is not built one skipped test stands for them, in plain sight; on CI
 * that one fails.
 */
export function describeBuilt(name: string, body: () => void): void {
  if (built) {
    describe(name, body);
    return;
  }
  const reason = 'the LibTorch addon is not built; run `npx sconce build libtorch`';
  if (!process.env.CI) console.warn(`left out: ${name} (${reason})`);
  test.skipIf(!process.env.CI)(`${name}: left out, ${reason}`, () => {
    expect.fail(`on CI nothing may be left out: ${reason}`);
  });
}
