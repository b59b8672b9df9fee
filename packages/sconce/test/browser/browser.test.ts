import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build as esbuild } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import * as torch from 'sconce';
import { build as vite } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../../../../scripts/bundle.mjs';
import { type Result, run, type Threaded } from './program.ts';

const CHROMIUM = process.env.SCONCE_CHROMIUM ?? '/usr/bin/chromium';
const archive = join(import.meta.dirname, '../../../../examples/digits/digits.pt');
const hasChromium = existsSync(CHROMIUM);
if (!hasChromium && !process.env.CI)
  console.warn(`no browser at ${CHROMIUM} (set SCONCE_CHROMIUM): the tests in a page do not run`);

const types: Record<string, string> = {
  html: 'text/html',
  js: 'text/javascript',
  mjs: 'text/javascript',
};

const isolated = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};
const strict = { 'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" };

let folder: string;
let server: Server;
let browser: Browser;
let want: Result;
const asked: string[] = [];

/** Serves the folder under `/plain/`, and with other headers under `/isolated/`, `/strict/` and, with both, `/locked/`. */
async function serve(): Promise<void> {
  server = createServer(async (request, response) => {
    const { pathname, search } = new URL(request.url!, 'http://here');
    asked.push(pathname + search);
    const [, policy, ...path] = pathname.split('/');
    const name = path.join('/');
    if (name === '' || pathname === '/icon.svg') {
      response
        .writeHead(200, { 'content-type': 'image/svg+xml' })
        .end('<svg xmlns="http://www.w3.org/2000/svg"/>');
      return;
    }
    if (name === 'cut.pt') {
      const body = await readFile(archive);
      response.writeHead(200, { 'content-length': body.length }).write(body.subarray(0, 100_000));
      setTimeout(() => response.destroy(), 100);
      return;
    }
    const headers = {
      ...((policy === 'isolated' || policy === 'locked') && isolated),
      ...((policy === 'strict' || policy === 'locked') && strict),
    };
    try {
      const body = name === 'digits.pt' ? await readFile(archive) : await readFile(join(folder, name));
      const type = types[name.split('.').pop()!] ?? 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'content-length': body.length, ...headers }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}

/** What the page's script comes to, and whatever the page complained of. */
async function visit(
  path: string,
  inside = browser,
): Promise<{ result: unknown; complaints: string[]; warnings: string[]; isIsolated: boolean }> {
  const context = await inside.newContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  const warnings: string[] = [];
  page.on('console', (m) => m.type() === 'error' && complaints.push(m.text()));
  page.on('console', (m) => m.type() === 'warning' && warnings.push(m.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  try {
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}${path}`);
    await page.waitForFunction(() => 'result' in window);
    const result = await page.evaluate(() => window.result);
    return { result, complaints, warnings, isIsolated: await page.evaluate(() => crossOriginIsolated) };
  } finally {
    await context.close();
  }
}

/**
 * As Node computes, but for the last bits: an engine may have fused multiplication and addition, or not, and from a worker
 * no operator is taken over whole.
 */
function expectAnswers(result: unknown): void {
  const { answers, losses, ...rest } = result as Result;
  expect(rest).toEqual({ backend: want.backend, fault: want.fault, printed: want.printed });
  for (const [got, wanted] of [
    [answers, want.answers],
    [losses, want.losses],
  ]) {
    expect(got).toHaveLength(wanted.length);
    for (const [i, value] of wanted.entries())
      expect(Math.abs(got[i] - value)).toBeLessThan(1e-6 * Math.max(1, ...wanted.map(Math.abs)));
  }
}

const html = (script: string): string =>
  `<!doctype html><meta charset="utf-8"><link rel="icon" href="/icon.svg"><script type="module" src="${script}"></script>`;

describe.runIf(hasChromium || process.env.CI)('in a page', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sconce-page-'));
    await bundle({ outdir: folder });
    await esbuild({
      entryPoints: [join(import.meta.dirname, 'page.ts')],
      outfile: join(folder, 'page.js'),
      bundle: true,
      format: 'esm',
      external: ['./torch.mjs'],
      logLevel: 'error',
    });
    await writeFile(join(folder, 'index.html'), html('./page.js'));
    await serve();
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    want = await run(torch, archive);
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    server?.close();
    if (folder) await rm(folder, { recursive: true });
  });

  for (const policy of ['plain', 'isolated', 'strict'])
    for (const where of ['on its own thread', 'in a worker'])
      it(`torch.mjs computes what Node computes, ${policy}, ${where}`, async () => {
        const { result, complaints, isIsolated } = await visit(
          `/${policy}/index.html${where === 'in a worker' ? '?worker' : ''}`,
        );
        expect(complaints).toEqual([]);
        expectAnswers(result);
        expect(isIsolated).toBe(policy === 'isolated');
      });

  it('computes the same where the page’s own script runs in a worker, and starts one from there', async () => {
    for (const query of ['', '&worker']) {
      const { result, complaints } = await visit(`/strict/index.html?task=inWorker${query}`);
      expect(complaints).toEqual([]);
      expectAnswers(result);
    }
  });

  it('computes on threads where the page is isolated, under a strict policy too, and in a worker of the page', async () => {
    for (const path of ['isolated/index.html?', 'locked/index.html?', 'locked/index.html?task=inWorker&']) {
      const query = path.includes('inWorker') ? 'then=threads&threads=3' : 'task=threads&threads=3';
      const { result, complaints, warnings } = await visit(`/${path}${query}`);
      expect(complaints).toEqual([]);
      expect(warnings).toEqual([]);
      expect(result).toMatchObject({ threads: 3, isShared: true, sum: 384 ** 3 });
      expect((result as Threaded).busy).toBeGreaterThan(1);
    }
  });

  it('says once why there is but one thread where the page is not isolated, unless one was asked for', async () => {
    const { result, complaints, warnings } = await visit('/strict/index.html?task=threads&threads=2');
    expect(result).toEqual({ threads: 1, isShared: false, busy: 0, sum: 384 ** 3 });
    expect(complaints).toEqual([]);
    expect(warnings).toEqual([
      expect.stringMatching(/not cross-origin isolated.*Cross-Origin-Opener-Policy: same-origin/),
    ]);
    for (const path of ['strict/index.html', 'locked/index.html']) {
      const quiet = await visit(`/${path}?task=threads&threads=1`);
      expect(quiet.result).toEqual({ threads: 1, isShared: false, busy: 0, sum: 384 ** 3 });
      expect(quiet.warnings).toEqual([]);
    }
  });

  it('loads the worker’s script only where a worker is wanted, and no other backend', async () => {
    asked.length = 0;
    await visit('/plain/index.html');
    expect(asked.some((path) => path.includes('torch.mjs'))).toBe(true);
    expect(asked.filter((path) => /torch\.(worker|thread|webgpu|reference)/.test(path))).toEqual([]);
    await visit('/plain/index.html?worker');
    expect(asked.filter((path) => /torch\.(worker|thread|webgpu|reference)/.test(path))).toEqual([
      '/plain/torch.worker.mjs',
    ]);
  });

  it('falls through to wasm where there is no WebGPU, and says why', async () => {
    // Headless Chromium has none without flags.
    expect((await visit('/plain/index.html?task=fallthrough')).result).toBe('wasm');
    expect((await visit('/plain/index.html?task=gpu')).result).toMatch(/^webgpu: .*(WebGPU|adapter)/);
  });

  it('computes nearly the same on WebGPU, which torch.mjs loads when it is asked for', async () => {
    const flags = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
    const other = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', ...flags] });
    try {
      const { result, complaints } = await visit('/strict/index.html?task=webgpu', other);
      expect(complaints).toEqual([]);
      const { backend, answers, losses, ...rest } = result as Result;
      expect(backend).toBe('webgpu');
      expect(rest).toEqual({ fault: want.fault, printed: want.printed });
      for (const [got, wanted] of [
        [answers, want.answers],
        [losses, want.losses],
      ])
        for (const [i, value] of wanted.entries()) expect(got[i]).toBeCloseTo(value, 4);
    } finally {
      await other.close();
    }
  });

  it('keeps an archive in the cache, and asks the server once', async () => {
    asked.length = 0;
    const { result } = await visit('/plain/index.html?task=cached');
    expect(result).toEqual({ first: 0, last: 1, names: ['a test'] });
    expect(asked.filter((path) => path.includes('?cached'))).toHaveLength(1);
  });

  it('keeps nothing of a download that is cut', async () => {
    const { result } = await visit('/plain/index.html?task=cut');
    expect(result).toMatchObject({
      error: expect.stringMatching(/^cannot read \.\/cut\.pt: the download was cut after \d+ of \d+ bytes/),
      kept: 0,
    });
  });

  it('computes the same bundled by Vite, on its own thread and in a worker, and on threads', async () => {
    await vite({
      configFile: false,
      root: import.meta.dirname,
      base: './',
      logLevel: 'error',
      resolve: { conditions: ['sconce-source', 'browser', 'module', 'import', 'default'] },
      build: {
        outDir: join(folder, 'vite'),
        modulePreload: { polyfill: false },
        rolldownOptions: {
          input: join(import.meta.dirname, 'vite-page.ts'),
          output: { entryFileNames: 'page.js' },
        },
      },
      worker: { format: 'es' },
    });
    await writeFile(join(folder, 'vite/index.html'), html('./page.js'));
    await copyFile(archive, join(folder, 'vite/digits.pt'));
    for (const query of ['', '?worker']) {
      const { result, complaints } = await visit(`/strict/vite/index.html${query}`);
      expect(complaints).toEqual([]);
      expectAnswers(result);
    }
    const { result, complaints } = await visit('/locked/vite/index.html?task=threads&threads=2');
    expect(complaints).toEqual([]);
    expect(result).toMatchObject({ threads: 2, isShared: true, busy: 2, sum: 384 ** 3 });
  }, 120_000);
});
