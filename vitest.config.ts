import { defineConfig } from 'vitest/config';

const conditions = ['sconce-source', 'node', 'import', 'module', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: { projects: ['packages/*', 'conformance'], testTimeout: 60_000 },
});
