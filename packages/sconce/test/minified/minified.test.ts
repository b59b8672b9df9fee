import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { report } from './train.ts';

const entry = join(import.meta.dirname, 'train.ts');
const conditions = ['sconce-source'];

let folder: string;
let want: unknown;

beforeAll(async () => {
  folder = await mkdtemp(join(import.meta.dirname, '.bundles-'));
  const reported = await report();
  expect(Object.keys(reported.formulas).length).toBeGreaterThan(300);
  want = reported;
});
afterAll(() => rm(folder, { recursive: true }));

const run = async (name: string): Promise<unknown> =>
  ((await import(/* @vite-ignore */ join(folder, name))) as { report: typeof report }).report();

describe('a minified bundle for the browser', () => {
  it('trains as the sources do, saving the same for every derivative, made by esbuild', async () => {
    await esbuild({
      entryPoints: { esbuild: entry },
      bundle: true,
      minify: true,
      splitting: true,
      format: 'esm',
      platform: 'browser',
      external: ['webgpu'],
      conditions,
      outdir: folder,
      logLevel: 'error',
    });
    expect(await run('esbuild.js')).toEqual(want);
  });

  it('trains as the sources do, saving the same for every derivative, made by Vite', async () => {
    await vite({
      configFile: false,
      root: import.meta.dirname,
      logLevel: 'error',
      resolve: { conditions: [...conditions, 'browser', 'module', 'import', 'default'] },
      build: {
        outDir: folder,
        emptyOutDir: false,
        minify: true,
        target: 'es2022',
        modulePreload: false,
        rolldownOptions: {
          input: entry,
          preserveEntrySignatures: 'strict',
          output: { entryFileNames: 'vite.js', minify: true },
        },
      },
    });
    expect(await readFile(join(folder, 'vite.js'), 'utf8')).not.toMatch(/\n {2,}(?:const|let|function)\b/);
    expect(await run('vite.js')).toEqual(want);
  });
});
