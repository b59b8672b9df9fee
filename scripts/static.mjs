// A small static server for built pages: the headers that give a page SharedArrayBuffer, and nothing clever.
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';

const types = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** Cross-origin isolation: threads and shared memory need both. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Scripts from this server alone, WebAssembly compiled, no eval: what a careful site would send. */
export const strictPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** The file that a request's path means inside the folders, by the longest mount that fits; undefined where there is none. */
function fileOf(mounts, path) {
  for (const [mount, folder] of mounts) {
    if (!path.startsWith(mount)) continue;
    const file = join(folder, normalize(`/${path.slice(mount.length)}`));
    if (!file.startsWith(folder + sep) && file !== folder) return undefined;
    for (const candidate of [file, join(file, 'index.html')]) {
      const stat = statSync(candidate, { throwIfNoEntry: false });
      if (stat?.isFile()) return { file: candidate, size: stat.size };
    }
  }
  return undefined;
}

/**
 * Serves `{ '/': folder, '/web/': folder }` and resolves to `{ url, server, close }`. `intercept(request, response, found)` may answer
 * in its place by returning true: that is how tests cut a download.
 */
export function serve(folders, { port = 0, host = '127.0.0.1', headers = isolation, intercept } = {}) {
  const mounts = Object.entries(folders).sort(([a], [b]) => b.length - a.length);
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://server').pathname);
    const found = fileOf(mounts, path);
    if (intercept?.(request, response, found)) return;
    if (!found) {
      response.writeHead(404, { 'Content-Type': 'text/plain', ...headers }).end(`${path} is not here\n`);
      return;
    }
    response.writeHead(200, {
      'Content-Type': types[extname(found.file)] ?? 'application/octet-stream',
      'Content-Length': found.size,
      'Cache-Control': path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      ...headers,
    });
    if (request.method === 'HEAD') response.end();
    else createReadStream(found.file).pipe(response);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      const url = `http://${host}:${server.address().port}/`;
      const close = () =>
        new Promise((done) => {
          server.close(done);
          server.closeAllConnections();
        });
      resolve({ url, server, close });
    });
  });
}
