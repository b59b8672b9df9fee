/** CommonJS callers, and machines without LibTorch. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { describeBuilt } from './built.ts';
import { fixture } from './goldens.ts';

const here = fileURLToPath(new URL('.', import.meta.url));

/** tsx, so that the sources serve and no build is needed. */
const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

const run = (args: readonly string[], env: Record<string, string> = {}): string[] =>
  execFileSync(process.execPath, ['--import', loader, '--conditions=sconce-source', ...args], {
    cwd: here,
    encoding: 'utf8',
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
  })
    .trim()
    .split('\n');

describeBuilt('require', () => {
  test("runs the article's own lines", () => {
    expect(run(['seed.cjs', fileURLToPath(fixture('everything.pt'))])).toEqual([
      'Tensor[Type=CPUFloatType, Size=[1, 3]]',
      'Tensor[Type=CPUFloatType, Size=[1, 2]]',
      'Wrong number of arguments',
      'Wrong argument types',
      'true',
    ]);
  });
});

test('without an addon, importing works and the first use says what to do', () => {
  const program = `
    const torchjs = require('@sconce/backend-libtorch');
    console.log(torchjs.isBuilt());
    try { torchjs.ones([1], false); } catch (error) { console.log(error.message); }`;
  const empty = mkdtempSync(join(tmpdir(), 'sconce-'));
  const [isBuilt, message] = run(['-e', program], { XDG_CACHE_HOME: empty });
  expect(isBuilt).toBe('false');
  expect(message).toMatch(/not built on this machine: run `npx sconce build libtorch`/);
});

test('a LIBTORCH that is none is named when building', () => {
  const program = `
    require('@sconce/backend-libtorch').buildLibtorch().catch((error) => console.log(error.message));`;
  expect(run(['-e', program], { LIBTORCH: '/nowhere' })[0]).toMatch(
    /cannot be built: LIBTORCH is \/nowhere, but no TorchConfig.cmake is below it/,
  );
});
