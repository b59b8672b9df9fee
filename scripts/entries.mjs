// What Node loads of each package: every entry of its `exports` (and `imports`) that has a `node` condition as one file in
// dist/node, with what entries share beside it. Hundreds of modules cost Node half a second to find and link. Bundlers go on
// with the modules in dist, of which they can leave more out. Run after `tsc -b`: in one package's folder for that package,
// elsewhere for all.
import './node-version.mjs';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build } from 'esbuild';
import { root } from './shell.mjs';

/** Other packages, so that there is one of each in a process; `./…`, `../…` and absolute paths are a package's own. */
const otherPackages = {
  name: 'other packages',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path, external: true },
    );
  },
};

/** From the file that Node loads to the source that it is made of. */
function entriesOf(folder) {
  const { exports = {}, imports = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.fromEntries(
    [...Object.values(exports), ...Object.values(imports)]
      .filter((conditions) => conditions.node && conditions['sconce-source'])
      .map((conditions) => [
        relative('dist/node', conditions.node).replace(/\.js$/, ''),
        join(folder, conditions['sconce-source']),
      ]),
  );
}

/** One entry takes another from its file: esbuild would move it into what they share, and lose its `export * from 'package'`. */
const otherEntries = (entryPoints) => ({
  name: 'other entries',
  setup({ onResolve }) {
    const names = new Map(Object.entries(entryPoints).map(([name, source]) => [source, name]));
    onResolve({ filter: /^\./ }, ({ path, kind, resolveDir }) => {
      const name = kind === 'entry-point' ? undefined : names.get(join(resolveDir, path));
      return name && { path: `./${name}.js`, external: true };
    });
  },
});

export async function bundleEntries(folder) {
  const entryPoints = entriesOf(folder);
  if (Object.keys(entryPoints).length === 0) return;
  const outdir = join(folder, 'dist/node');
  const { metafile } = await build({
    metafile: true,
    absWorkingDir: root,
    entryPoints,
    outdir,
    bundle: true,
    splitting: true,
    chunkNames: 'shared-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    plugins: [otherPackages, otherEntries(entryPoints)],
    // Less to read; the names and the lines of a stack trace stay.
    minifyWhitespace: true,
    lineLimit: 120,
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
  });
  // Last, since a program may be running from what was there.
  const current = new Set(Object.keys(metafile.outputs).map((file) => join(root, file)));
  for (const file of readdirSync(outdir).map((name) => join(outdir, name)))
    if (!current.has(file)) await rm(file, { force: true });
}

/** Every package's, at once. */
export async function bundleAllEntries() {
  const packages = join(root, 'packages');
  await Promise.all(readdirSync(packages).map((name) => bundleEntries(join(packages, name))));
}

if (process.argv[1] === import.meta.filename) {
  const here = process.cwd();
  await (here !== root && existsSync(join(here, 'package.json')) ? bundleEntries(here) : bundleAllEntries());
}
