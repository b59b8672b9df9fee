// What every command needs first: the npm packages, from the committed lockfile, only when they are not there yet.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run, say, seconds } from './shell.mjs';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** pnpm at the version that package.json names, through npx: corepack is not everywhere, and `pnpm` may be any version. */
export const pnpm = (args, options) =>
  run('npx', ['--yes', manifest.packageManager, ...args], {
    ...options,
    // .npmrc silences npm's banner for `npm start --silent -- --json`; an install has to say what went wrong.
    env: { npm_config_loglevel: 'warn', ...options?.env },
  });

/** Changes when an install would do something. */
function fingerprint() {
  const hash = createHash('sha256').update(process.version + process.platform + process.arch);
  const folders = ['packages', 'examples'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => join(parent, name)),
  );
  const files = ['.', ...folders.sort(), 'conformance', 'bench', 'docs'].map((folder) =>
    join(folder, 'package.json'),
  );
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...files]) {
    if (existsSync(join(root, file))) hash.update(file).update(readFileSync(join(root, file)));
  }
  return hash.digest('hex');
}

const stamp = join(root, 'node_modules', '.sconce-installed');

/** Installs the packages unless the last install here was of these very manifests. */
export async function install() {
  const wanted = fingerprint();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const began = Date.now();
  say(`setup: installing npm packages with ${manifest.packageManager}`);
  const { code } = await pnpm([
    'install',
    '--frozen-lockfile',
    '--reporter=append-only',
    '--loglevel=warn',
    '--config.confirmModulesPurge=false',
  ]);
  if (code !== 0) {
    say('setup: the npm packages could not be installed (above: why). Nothing can run without them.');
    process.exit(1);
  }
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(stamp, wanted);
  say(`setup: packages installed in ${seconds(began)}`);
}
