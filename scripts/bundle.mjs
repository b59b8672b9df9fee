// `dist/torch.mjs`: Sconce as one file for a page without a bundler, with wasm inside. Beside it stand what is loaded on
// demand: `torch.webgpu.mjs` and `torch.reference.mjs`, which take core from it, and the scripts of workers:
// `torch.worker.mjs` (wasm off the main thread) and `torch.thread.mjs` (a thread of wasm's team). Run by `pnpm build`.
import './node-version.mjs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './shell.mjs';

const dist = join(root, 'packages/sconce/dist');
const onDemand = ['webgpu', 'reference'];

/** What every build here has in common. */
export const browser = {
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  conditions: ['sconce-source'],
  legalComments: 'none',
  // Node's Dawn, which the webgpu backend asks for only there.
  external: ['webgpu'],
  logLevel: 'warning',
};

/** In torch.mjs, the backends on demand are files beside it. */
const backendsBeside = {
  name: 'backends beside',
  setup({ onResolve }) {
    onResolve({ filter: /^@sconce\/backend-/ }, ({ path }) => {
      const name = path.slice('@sconce/backend-'.length);
      return onDemand.includes(name) ? { path: `./torch.${name}.mjs`, external: true } : undefined;
    });
  },
};

/** The scripts of workers are files beside too, and bundled: script.js becomes torch.script.mjs. */
const scripts = { worker: 'worker/worker.ts', thread: 'threads/thread.ts' };
const scriptsBeside = {
  name: 'scripts beside',
  setup({ onLoad }) {
    onLoad({ filter: /backend-wasm\/src\/(worker|threads)\/spawn\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace(/'(\.\/)?(worker|thread)\.js'/g, "'$1torch.$2.mjs'"),
      loader: 'ts',
    }));
  },
};

/** In those files, core is torch.mjs's, so that there is one: the names that a backend imports are taken from it. */
const coreFromTorch = (names) => ({
  name: 'core from torch',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@sconce\/core$/ }, () => ({ path: 'core', namespace: 'torch' }));
    onResolve({ filter: /^\.\/torch\.mjs$/ }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /.*/, namespace: 'torch' }, () => ({
      contents: `import { core } from './torch.mjs';\nexport const { ${names.join(', ')} } = core;`,
      resolveDir: dist,
    }));
  },
});

/** Writes the files into `outdir` (packages/sconce/dist), and returns esbuild's metafiles. */
export async function bundle({ outdir = dist, write = true } = {}) {
  const torch = await build({
    ...browser,
    entryPoints: { torch: join(root, 'packages/sconce/src/bundle.ts') },
    outExtension: { '.js': '.mjs' },
    plugins: [backendsBeside, scriptsBeside],
    sourcemap: true,
    metafile: true,
    outdir,
    write,
  });
  const results = [torch];
  for (const [name, source] of Object.entries(scripts)) {
    results.push(
      await build({
        ...browser,
        entryPoints: { [`torch.${name}`]: join(root, 'packages/backend-wasm/src', source) },
        outExtension: { '.js': '.mjs' },
        plugins: [scriptsBeside],
        sourcemap: true,
        metafile: true,
        outdir,
        write,
      }),
    );
  }
  for (const name of onDemand) {
    const entry = join(root, `packages/backend-${name}/src/index.ts`);
    results.push(
      await build({
        ...browser,
        entryPoints: { [`torch.${name}`]: entry },
        outExtension: { '.js': '.mjs' },
        plugins: [coreFromTorch(await importsOfCore(entry))],
        sourcemap: true,
        metafile: true,
        outdir,
        write,
      }),
    );
  }
  return results;
}

/** The values that the files under an entry import from core, as they stand in a bundle that leaves core out. */
async function importsOfCore(entry) {
  const { outputFiles } = await build({
    ...browser,
    entryPoints: [entry],
    external: ['@sconce/core', 'webgpu'],
    minify: false,
    write: false,
    outdir: dist,
  });
  const names = new Set();
  for (const [, list] of outputFiles[0].text.matchAll(/import \{([^}]*)\} from "@sconce\/core"/g))
    for (const one of list.split(',')) if (one.trim()) names.add(one.trim().split(/\s+as\s+/)[0]);
  return [...names].sort();
}

if (process.argv[1] === import.meta.filename) await bundle();
