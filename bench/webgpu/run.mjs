// WebGPU, one interleaved run: a page of headless Chromium per system, each with a device of its own, and a sample of
// each in turn, so that the machine's noise hits all alike. Without a GPU the adapter is SwiftShader, a CPU that plays
// one: only ratios mean anything there.
//
//   node bench/setup.mjs, once; then pnpm bench:webgpu [WORKLOAD …] [--rounds 10] [--budget 20] [--systems sconce,…] [--gpu] [--json]
//   pnpm bench:webgpu --count: dispatches and submits of one step of resnet18 and mnist
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { serve } from '../../scripts/static.mjs';
import { workloads } from './workloads.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const peers = join(here, '..', 'peers', 'node_modules');
const models = join(root, '.cache', 'bench');
const pages = join(models, 'pages');

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '10' },
    /** Seconds of samples for each workload, all systems together. */
    budget: { type: 'string', default: '30' },
    systems: { type: 'string', default: 'sconce,jax-js,tfjs,onnxruntime-web' },
    gpu: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    count: { type: 'boolean', default: false },
  },
});
const systems = options.systems.split(',');

/** One bundle per system, of Sconce's sources as they are. */
async function bundle() {
  await mkdir(pages, { recursive: true });
  const contents = (system) =>
    `import { serveBench } from './page.mjs'; import * as system from './systems/${system}.mjs'; serveBench(system);`;
  for (const system of systems) {
    await build({
      stdin: { contents: contents(system), resolveDir: here, loader: 'js' },
      bundle: true,
      format: 'esm',
      splitting: true,
      entryNames: system,
      chunkNames: `${system}-[hash]`,
      outdir: pages,
      conditions: ['sconce-source', 'browser'],
      nodePaths: [peers],
      external: ['fs', 'path', 'crypto', 'os', 'util', 'url', 'worker_threads', 'webgpu'],
      logLevel: 'error',
      alias: { '@sconce/backend-webgpu': join(root, 'packages', 'backend-webgpu', 'src', 'index.ts') },
    });
  }
}

const software = [
  '--use-webgpu-adapter=swiftshader',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--ignore-gpu-blocklist',
];

const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--enable-unsafe-webgpu',
      // Pages in the background run as the one in front.
      '--disable-background-timer-throttling',
      '--disable-renderer-backgrounding',
      '--disable-backgrounding-occluded-windows',
      ...(options.gpu ? ['--enable-features=Vulkan'] : software),
    ],
  });

const html = (system) => `<!doctype html><script type="module" src="/pages/${system}.js"></script>`;

async function open(browser, url, system) {
  const page = await browser.newPage();
  if (process.env.VERBOSE) page.on('console', (message) => console.error(system, message.text()));
  page.on('pageerror', (error) => process.env.VERBOSE && console.error(system, error));
  await page.goto(`${url}pages/${system}.html`);
  await page.waitForFunction('globalThis.bench', undefined, { timeout: 60_000 });
  return page;
}

const within = (promise, ms, what) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

const oneLine = (error) =>
  String(error?.message ?? error)
    .split('\n')[0]
    .slice(0, 200);
const close = (a, b) => a.every((x, i) => Math.abs(x - b[i]) <= 2e-3 * Math.max(1, Math.abs(b[i])));
const median = (samples) => samples.toSorted((a, b) => a - b)[samples.length >> 1];

async function bench(browser, url, workload) {
  const rows = systems.map((system) => ({ system, samples: [] }));
  for (const row of rows) {
    try {
      row.page = await open(browser, url, row.system);
      Object.assign(
        row,
        await within(
          row.page.evaluate((w) => globalThis.bench.prepare(w), workload),
          400_000,
          row.system,
        ),
      );
      const [first] = rows;
      if (row.isComparable && first.values && !close(row.values, first.values))
        row.error = `computed ${row.values}, but ${first.system} ${first.values}`;
    } catch (error) {
      row.error = oneLine(error);
    }
  }
  const until = performance.now() + Number(options.budget) * 1000;
  for (let round = 0; round < Number(options.rounds) && (round < 3 || performance.now() < until); round++)
    for (const row of rows) {
      if (row.error) continue;
      try {
        const sample = row.page.evaluate(() => globalThis.bench.sample());
        row.samples.push(await within(sample, 120_000, row.system));
      } catch (error) {
        row.error = oneLine(error);
      }
    }
  for (const row of rows) await row.page?.close();
  return rows;
}

function print(workload, rows) {
  const [ours] = rows;
  if (!options.json) console.log(`\n${workload}`);
  for (const { system, samples, first, error } of rows) {
    if (error) {
      console.log(
        options.json ? JSON.stringify({ workload, system, error }) : `  ${system.padEnd(16)} ${error}`,
      );
      continue;
    }
    const [ms, least] = [median(samples), Math.min(...samples)];
    // What Sconce takes of what the other takes: below 1 is faster.
    const ratio = ours.error ? Number.NaN : median(ours.samples) / ms;
    const ratioOfLeast = ours.error ? Number.NaN : Math.min(...ours.samples) / least;
    if (options.json)
      console.log(
        JSON.stringify({
          workload,
          system,
          median_ms: ms,
          min_ms: least,
          first_ms: first,
          ratio,
          ratioOfLeast,
        }),
      );
    else
      console.log(
        `  ${system.padEnd(16)} ${ms.toFixed(2).padStart(9)} ms (least ${least.toFixed(2)}, first ${first.toFixed(0)}, ${samples.length} samples)` +
          (system === ours.system
            ? ''
            : `   sconce / ${system}: ${ratio.toFixed(2)} (of least ${ratioOfLeast.toFixed(2)})`),
      );
  }
}

async function count(browser, url) {
  const page = await open(browser, url, 'sconce');
  for (const workload of ['resnet18', 'mnist']) {
    const { off, on } = await page.evaluate((w) => globalThis.bench.count(w), workload);
    console.log(
      `${workload}: ${off.dispatches} dispatches in ${off.submits} submits without fusion, ${on.dispatches} in ${on.submits} with`,
    );
  }
  await page.close();
}

/** The page of a system, which `serve` has no file for. */
function page(request, response) {
  const match = /^\/pages\/([\w-]+)\.html$/.exec(new URL(request.url, 'http://x').pathname);
  if (!match) return false;
  response.writeHead(200, {
    'content-type': 'text/html',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
  });
  response.end(html(match[1]));
  return true;
}

async function main() {
  if (!options.count && !existsSync(peers)) throw new Error('the peers are not here: node bench/setup.mjs');
  const unknown = positionals.find((name) => !Object.hasOwn(workloads, name));
  if (unknown)
    throw new Error(`no workload is called ${unknown}: there are ${Object.keys(workloads).join(', ')}`);
  await bundle();
  const server = await serve({ '/pages/': pages, '/models/': models, '/peers/': peers }, { intercept: page });
  const browser = await launch();
  try {
    if (options.count) await count(browser, server.url);
    else
      for (const workload of positionals.length ? positionals : Object.keys(workloads)) {
        const rows = await bench(browser, server.url, workload);
        print(workload, rows);
        if (rows[0].error) process.exitCode = 1;
      }
  } finally {
    await browser.close();
    await server.close();
  }
}

main().catch((error) => {
  console.error(`bench:webgpu: ${oneLine(error)}`);
  process.exitCode = 1;
});
