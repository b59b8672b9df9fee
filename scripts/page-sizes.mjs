// What the pages of examples/web weigh: the JavaScript and CSS that a browser fetches for each, with the backend it uses.

import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { root } from './shell.mjs';

const pages = { 'wasm.html': 'wasm', 'webgpu.html': 'webgpu', 'train.html': 'webgpu' };

/** Builds them in memory; one row a page, as scripts/sizes.mjs prints. */
export async function measurePages() {
  const folder = join(root, 'examples', 'web');
  const { output } = await build({
    configFile: join(folder, 'vite.config.ts'),
    logLevel: 'error',
    build: { write: false },
  });
  const chunks = new Map(
    output.filter(({ type }) => type === 'chunk').map((chunk) => [chunk.fileName, chunk]),
  );
  const assets = new Map(
    output.filter(({ type }) => type === 'asset').map((asset) => [asset.fileName, asset]),
  );
  return Object.entries(pages).map(([page, backend]) => {
    const fetched = new Map();
    const inputs = new Map();
    const visit = (name) => {
      const chunk = chunks.get(name);
      if (!chunk || fetched.has(name)) return;
      fetched.set(name, chunk.code);
      for (const [file, { renderedLength }] of Object.entries(chunk.modules))
        inputs.set(file, (inputs.get(file) ?? 0) + renderedLength);
      for (const css of chunk.viteMetadata?.importedCss ?? []) fetched.set(css, assets.get(css).source);
      for (const imported of chunk.imports) visit(imported);
      for (const later of chunk.dynamicImports)
        if (chunks.get(later)?.facadeModuleId?.includes(`backend-${backend}/src/index.ts`)) visit(later);
    };
    for (const [name, { facadeModuleId }] of chunks) if (facadeModuleId?.endsWith(`/${page}`)) visit(name);
    const texts = [...fetched.values()];
    return {
      name: `examples/web ${page}`,
      files: texts.length,
      minified: texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0),
      gzipped: texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0),
      inputs,
    };
  });
}
