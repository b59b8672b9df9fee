/** Fuzzes the compiler of text: npx tsx --conditions=sconce-source packages/jit/test/fuzz/text.mts [COUNT=5000] [FIRST_SEED=0] */
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { output } from '../../src/index.ts';
import { attempt, mutate, texts } from './text-mutations.ts';

setCurrentBackend(reference());
output.warn = () => {};
const [count = '5000', first = '0'] = process.argv.slice(2);
const from = texts();
const outcomes = { compiled: 0, refused: 0 };
let failed = 0;
let slowest = 0;
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const text = mutate(seed, from);
  const begun = performance.now();
  try {
    outcomes[attempt(text)]++;
  } catch (error) {
    failed++;
    if (failed <= 10)
      console.log(
        `seed ${seed}: ${(error as Error).stack?.split('\n').slice(0, 6).join('\n')}\n${text.slice(0, 400)}\n`,
      );
  }
  slowest = Math.max(slowest, performance.now() - begun);
}
console.log(
  `${count} mutations: ${outcomes.compiled} compiled, ${outcomes.refused} refused, ${failed} failed otherwise; slowest ${slowest.toFixed(0)} ms`,
);
process.exitCode = failed > 0 ? 1 : 0;
