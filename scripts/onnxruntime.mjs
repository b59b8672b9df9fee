// Gets onnxruntime ready, which judges what we convert to ONNX: from npm, into the cache. A package of 139 MB that only
// these tests need, so `npm start` and a developer's install go without.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, run, say } from './shell.mjs';

const folder = join(root, '.cache', 'onnxruntime');
const peers = JSON.parse(readFileSync(join(root, 'bench', 'peers', 'package.json'), 'utf8'));
const wanted = peers.dependencies['onnxruntime-web'];

const isThere = () => {
  const manifest = join(folder, 'node_modules', 'onnxruntime-web', 'package.json');
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version === wanted;
};

/** Resolves to undefined when onnxruntime-web is ready, at the version that the benchmarks run, else to why it is not. */
export async function prepareOnnxRuntime() {
  if (isThere()) return undefined;
  say(`setup: installing onnxruntime-web ${wanted} into .cache/onnxruntime`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, dependencies: { 'onnxruntime-web': wanted } }),
  );
  const flags = ['--ignore-scripts', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=warn'];
  await run('npm', ['install', ...flags], { show: 'failure', cwd: folder });
  return isThere() ? undefined : `npm could not install onnxruntime-web ${wanted}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const missing = await prepareOnnxRuntime();
  if (missing) {
    say(missing);
    process.exitCode = 1;
  }
}
