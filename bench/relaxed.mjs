// The products of matrices, ours and the web peers', where relaxed SIMD validates: `pnpm bench:relaxed [WORKLOAD …] [--write]`,
// with the options of `pnpm bench`. Node 20 has no relaxed SIMD; this runs the benchmark in a Node that has, from npm.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';

const VERSION = '24.21.0';
const here = dirname(fileURLToPath(import.meta.url));
const folder = join(here, '..', '.cache', `node-${VERSION}`);
const name = `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
const node = join(folder, 'node_modules', name, 'bin', platform === 'win32' ? 'node.exe' : 'node');

if (!existsSync(node)) {
  const options = ['--ignore-scripts', '--no-package-lock', '--no-save', '--loglevel=warn'];
  const install = ['install', '--prefix', folder, ...options, `${name}@${VERSION}`];
  const { status } = spawnSync('npm', install, { stdio: 'inherit', shell: platform === 'win32' });
  if (status !== 0 || !existsSync(node)) {
    console.error(`bench: npm has no Node ${VERSION} for ${platform}-${arch}, or it could not be installed`);
    process.exit(1);
  }
}

const given = process.argv.slice(2);
const takesValue = new Set(['--threads', '--rounds', '--budget', '--systems']);
const hasWorkload = given.some((word, i) => !word.startsWith('-') && !takesValue.has(given[i - 1]));
const workloads = hasWorkload ? [] : ['matmul256', 'matmul512', 'matmul1024'];
const web = 'sconce-wasm,sconce-wasm-eager,onnxruntime-web,tfjs-wasm,jax-js-wasm';
const systems = given.includes('--systems') ? [] : ['--systems', web];
const { status } = spawnSync(
  node,
  [join(here, 'dist', 'run.js'), '--relaxed', ...workloads, ...systems, ...given],
  { stdio: 'inherit' },
);
process.exitCode = status ?? 1;
