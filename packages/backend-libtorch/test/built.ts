/** Whether the tests that need the addon can run; on CI they must. */
import { describe, expect, test } from 'vitest';
import { isBuilt } from '../src/index.ts';

const built = isBuilt();

/** A `describe` of tests over LibTorch; where it is not built they are skipped in plain sight, and on CI that fails. */
export function describeBuilt(name: string, body: () => void): void {
  describe.skipIf(!built)(name, body);
  if (built) return;
  console.warn(`left out: ${name} (the LibTorch addon is not built; run \`npx sconce build libtorch\`)`);
  test.runIf(process.env.CI)(`${name}: the LibTorch addon is built`, () => {
    expect(built, 'on CI the LibTorch addon must be built; run `npx sconce build libtorch`').toBe(true);
  });
}
