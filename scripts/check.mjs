// `pnpm check`: types, lint, format, generated files and the built packages, in seconds.
import './node-version.mjs';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { clearReports, printTotal, report } from './report.mjs';
import { install } from './setup.mjs';
import { root, run, say, seconds, tool } from './shell.mjs';

const ok = { code: 0 };
const refuse = (reason) => {
  say(reason);
  return { code: 1 };
};

/** Every file under a folder called `generated`, with its text. */
function generatedFiles() {
  const files = new Map();
  for (const entry of readdirSync(join(root, 'packages'), { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !/\/src\/(.*\/)?generated\//.test(file)) continue;
    files.set(file, readFileSync(file, 'utf8'));
  }
  return files;
}

/** Compares with what is on disk, not with git, so that it also serves in the middle of a change. */
async function generatedCurrent() {
  const before = generatedFiles();
  const made = await run(tool('tsx'), ['--conditions=sconce-source', 'scripts/codegen.ts'], {
    show: 'failure',
  });
  if (made.code !== 0) return made;
  const after = generatedFiles();
  const stale = [...new Set([...before.keys(), ...after.keys()])].filter(
    (f) => before.get(f) !== after.get(f),
  );
  return stale.length
    ? refuse(`generated files were out of date, and are written anew: ${stale.join(', ')}`)
    : ok;
}

/** The built packages load with no condition and no loader, by `import` and by `require`. */
async function packagesLoad() {
  const names = readdirSync(join(root, 'packages')).map((folder) =>
    JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8')),
  );
  for (const { name } of names) {
    const folder = join(root, 'packages', name.split('/').pop());
    const script = `require(${JSON.stringify(name)}); import(${JSON.stringify(name)});`;
    const { code } = await run(process.execPath, ['--no-warnings', '-e', script], {
      show: 'failure',
      cwd: folder,
    });
    if (code !== 0) return refuse(`${name} does not load from its dist`);
  }
  return ok;
}

/** What Node is given of a package has the names of what bundlers are given. */
async function entriesAgree() {
  for (const folder of readdirSync(join(root, 'packages'))) {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'));
    for (const [entry, { node, default: modules }] of Object.entries(manifest.exports)) {
      // A worker's script cannot be imported.
      if (!node || entry.endsWith('-script')) continue;
      const names = async (file) =>
        Object.keys(await import(pathToFileURL(join(root, 'packages', folder, file)).href));
      const [bundled, listed] = [await names(node), await names(modules)];
      const missing = listed.filter((name) => !bundled.includes(name));
      if (missing.length > 0 || bundled.length !== listed.length)
        return refuse(`${manifest.name}: ${node} lacks ${missing.join(', ')} of ${modules}`);
    }
  }
  return ok;
}

/** The lockfile is for every machine: no registry's address may be in it. */
const lockfile = () => {
  const hosts = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8').match(/https?:\/\/[^\s'"}]+/g);
  return hosts ? refuse(`pnpm-lock.yaml names ${hosts[0]}`) : ok;
};

const checks = {
  'types of the packages': () => run(tool('tsc'), ['-b']),
  // No output, so no build needed: tests, scripts, examples, docs.
  'types of tests and examples': () => run(tool('tsc'), ['-p', 'tsconfig.test.json']),
  'entries for Node': () => run(process.execPath, ['scripts/entries.mjs'], { show: 'failure' }),
  'built packages load': packagesLoad,
  'entries agree': entriesAgree,
  'lint and format': () => run(tool('biome'), ['check', '--error-on-warnings', '.']),
  ...(existsSync(join(root, 'scripts/codegen.ts')) ? { 'generated files': generatedCurrent } : {}),
  lockfile,
  'bundle sizes': () => run(process.execPath, ['scripts/sizes.mjs'], { show: 'failure' }),
};

await install();
clearReports('check');
for (const [part, check] of Object.entries(checks)) {
  const began = Date.now();
  const { code } = await check();
  report('check', { part, passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, note: seconds(began) });
}
process.exitCode = printTotal(['check']) ? 0 : 1;
