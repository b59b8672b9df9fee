/**
 * Fuzzes wasm and, where it is built, LibTorch against the reference:
 * `pnpm fuzz [--seed N] [--minutes M] [--programs N] [--backends wasm,libtorch]`. Prints each finding as a program.
 */
import { parseArgs } from 'node:util';
import { reference } from '@sconce/backend-reference';
import { wasm } from '@sconce/backend-wasm';
import { codeOf, type Finding, fuzz, type Target, targetsOf } from '../src/fuzz/index.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    programs: { type: 'string', default: 'Infinity' },
    backends: { type: 'string', default: 'wasm,libtorch' },
  },
});

/** So that whatever can be cut is cut, however little work it is. */
const costs = { awake: 1, asleep: 1, piece: 1 };

async function targets(name: string): Promise<Target[]> {
  if (name === 'wasm') {
    const cut = wasm({ threads: 2, costs });
    return [...targetsOf(wasm({ threads: 1 })), { name: 'wasm, two threads', backend: cut }];
  }
  const { isBuilt, libtorch } = await import('@sconce/backend-libtorch');
  if (isBuilt()) return targetsOf(libtorch()).slice(0, 1);
  console.log('libtorch is not built here: left out');
  return [];
}

function show({ seed, target, program, difference }: Finding): void {
  console.log(`\n// seed ${seed}, ${target}: ${difference}\n${codeOf(program)}`);
}

async function main(): Promise<void> {
  const all = (await Promise.all(values.backends.split(',').map(targets))).flat();
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  const end = performance.now() + Number(values.minutes) * 60_000;
  const result = fuzz(reference(), all, {
    seed,
    programs: Number(values.programs),
    until: () => performance.now() > end,
    onfinding: show,
  });
  const { programs, statements, findings, skipped } = result;
  console.log(
    `\n${programs} programs from seed ${seed}, ${statements} statements, ${all.map((t) => t.name).join('; ')}: ${findings.length} findings, ${skipped} runs not supported`,
  );
  if (findings.length > 0) process.exitCode = 1;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
