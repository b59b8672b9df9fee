// Sconce on a real GPU, in absolute figures: bundles `gpu-measure.mjs` with Sconce's sources into one file, and runs it in
// Node with the npm package `webgpu` (Dawn).
//
//   pnpm bench:gpu [--bundle] [--peak TFLOPS] [--tiles] [--quick]
//
// `--bundle` only writes the file and says what a machine without npm needs beside it.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const folder = join(root, '.cache', 'bench');
const outfile = join(folder, 'gpu-measure.mjs');
const args = process.argv.slice(2);

mkdirSync(folder, { recursive: true });
await build({
  entryPoints: [join(here, 'gpu-measure.mjs')],
  bundle: true,
  format: 'esm',
  platform: 'node',
  outfile,
  conditions: ['sconce-source'],
  external: ['webgpu', '@sconce/backend-libtorch'],
  alias: { '@sconce/backend-webgpu': join(root, 'packages', 'backend-webgpu', 'src', 'index.ts') },
  logLevel: 'error',
});

const dawn = createRequire(join(root, 'packages', 'backend-webgpu', 'package.json')).resolve('webgpu');
if (args.includes('--bundle')) {
  console.log(`${outfile}
Carry beside it: resnet18.pt (node bench/setup.mjs writes it to ${folder}), a node binary, and ${dirname(dawn)} as
node_modules/webgpu (index.js and dist/linux-x64.dawn.node). The machine needs Vulkan's loader (Debian: libvulkan1) and the GPU's driver.
There: node gpu-measure.mjs`);
} else {
  const { status } = spawnSync(process.execPath, [outfile, ...args], {
    stdio: 'inherit',
    env: { ...process.env, SCONCE_DAWN: pathToFileURL(dawn).href },
  });
  process.exitCode = status ?? 1;
}
