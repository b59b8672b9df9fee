/** What the page is served: one bundle of suite and backend, made by esbuild, and the suite's case files. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Served {
  readonly origin: string;
  close(): void;
}

export interface ServeOptions {
  /** The backend's module: a path. */
  readonly module: string;
  /** Serves the headers that make the page cross-origin isolated, and so give it SharedArrayBuffer. */
  readonly isolated: boolean;
}

const folder = new URL('../../', import.meta.url);
const isSource = import.meta.url.endsWith('.ts');

/** As a page can load it: the entry, as `/NAME.js`, and the chunks that it loads. */
async function bundle(name: string, entry: string, source?: string): Promise<Map<string, Uint8Array>> {
  const { build } = await import('esbuild').catch((error: Error) => {
    throw new Error(`--browser bundles the suite with esbuild: npm install esbuild (${error.message})`);
  });
  const { outputFiles } = await build({
    ...(source === undefined
      ? { entryPoints: [entry] }
      : { stdin: { contents: source, resolveDir: fileURLToPath(folder) } }),
    bundle: true,
    splitting: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    // Stacks name functions.
    keepNames: true,
    entryNames: name,
    outdir: '/',
    conditions: isSource ? ['sconce-source'] : [],
    // Node's ways of reading files and of finding a GPU, loaded in Node alone.
    external: ['node:*', 'webgpu'],
    logLevel: 'error',
  });
  return new Map(outputFiles.map(({ path, contents }) => [path, contents]));
}

/** The suite on the backend of a module. */
function bundleSuite(module: string): Promise<Map<string, Uint8Array>> {
  const page = fileURLToPath(new URL(`./page.${isSource ? 'ts' : 'js'}`, import.meta.url));
  return bundle(
    'suite',
    page,
    `import * as backend from ${JSON.stringify(module)};
import { runInPage } from ${JSON.stringify(page)};
runInPage(backend);`,
  );
}

/** A script beside the backend's module, such as its worker's: `new URL('./worker.js', import.meta.url)`. */
async function bundleBeside(module: string, pathname: string): Promise<Uint8Array | undefined> {
  const [, name] = /^\/([\w-]+)\.js$/.exec(pathname) ?? [];
  const entry = ['ts', 'js'].map((ending) => join(dirname(module), `${name}.${ending}`)).find(existsSync);
  return name && entry ? (await bundle(name, entry)).get(pathname) : undefined;
}

const html =
  '<!doctype html><meta charset="utf-8"><title>Conformance</title><script type="module" src="/suite.js"></script>';

/** Serves on a free port of this machine alone. */
export async function serve({ module, isolated }: ServeOptions): Promise<Served> {
  const scripts = await bundleSuite(module);
  const server: Server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const headers: Record<string, string> = isolated
      ? { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
      : {};
    const send = (body: string | Uint8Array, type: string) => {
      response.writeHead(200, { ...headers, 'Content-Type': type });
      response.end(body);
    };
    const script = scripts.get(pathname) ?? (await bundleBeside(module, pathname));
    if (script) scripts.set(pathname, script);
    if (pathname === '/') send(html, 'text/html');
    else if (script) send(script, 'text/javascript');
    else if (pathname.startsWith('/conformance/') && !pathname.includes('..'))
      await readFile(new URL(pathname.slice('/conformance/'.length), folder)).then(
        (bytes) => send(bytes, 'application/octet-stream'),
        () => response.writeHead(404, headers).end(),
      );
    else response.writeHead(404, headers).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    // `localhost` is a secure context, which WebGPU wants.
    origin: `http://localhost:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
