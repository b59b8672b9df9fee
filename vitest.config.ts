// One vitest for the whole repository: a project per package, named as the package, on its TypeScript sources.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const root = import.meta.dirname;

/** Packages export their sources under this condition, so that tests run without a build. */
const SOURCE = 'sconce-source';

const folders = (parent: string): string[] =>
  existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => `${parent}/${name}`) : [];

const projects = [...folders('packages'), ...folders('examples'), 'conformance', 'bench', 'docs', 'scripts']
  .filter((folder) => existsSync(join(root, folder, 'test')))
  .map((folder) => {
    const manifest = join(root, folder, 'package.json');
    const name = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).name : folder;
    return { extends: true as const, root: join(root, folder), test: { name } };
  });

export default defineConfig({
  resolve: { conditions: [SOURCE, 'node', 'import', 'module', 'default'] },
  ssr: {
    resolve: {
      conditions: [SOURCE, 'node', 'import', 'module', 'default'],
      externalConditions: [SOURCE, 'node', 'import', 'module', 'default'],
    },
  },
  test: {
    projects,
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
