// `npm test`: everything that the tests need, then all of them, and one total.
//
//   npm test                                 all packages' tests, then the full conformance suite on each backend
//   pnpm test --filter core [-t NAME …]      one package, the quick loop; more arguments go to vitest
import './node-version.mjs';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gpuEnvironment, prepareChromium } from './chromium.mjs';
import { prepareLibTorch } from './libtorch.mjs';
import { prepareOnnxRuntime } from './onnxruntime.mjs';
import { clearReports, printTotal, rawFile, report } from './report.mjs';
import { install } from './setup.mjs';
import { root, run, say, seconds, tool } from './shell.mjs';

const backends = ['reference', 'wasm', 'webgpu', 'libtorch'];

/** A package by its name or its folder's: the vitest project, and whether it has tests of its own. */
function matchPackage(filter) {
  const folders = ['packages', 'examples'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => join(parent, name)),
  );
  for (const folder of [...folders, 'conformance', 'bench', 'docs', 'scripts']) {
    const manifest = join(root, folder, 'package.json');
    const name = existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).name : folder;
    if (![name, name.split('/').pop(), folder, folder.split('/').pop()].includes(filter)) continue;
    const tests = join(root, folder, 'test');
    const hasTests =
      existsSync(tests) && readdirSync(tests, { recursive: true }).some((file) => file.endsWith('.test.ts'));
    return { name, hasTests };
  }
  say(`npm test: no package is called '${filter}'`);
  process.exit(1);
}

async function unitTests(args) {
  const began = Date.now();
  const raw = rawFile('vitest.json');
  rmSync(raw, { force: true });
  const env = { ...gpuEnvironment(), ...(process.stderr.isTTY ? {} : { NO_COLOR: '1' }) };
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${raw}`];
  const { code } = await run(tool('vitest'), ['run', ...reporters, ...args], { env });
  const entry = { part: 'vitest', passed: 0, failed: 1, note: 'vitest ended without a report' };
  if (existsSync(raw)) {
    const { testResults, numPassedTests, numFailedTests, numPendingTests } = JSON.parse(
      readFileSync(raw, 'utf8'),
    );
    // A file that fails to load has no tests of its own to fail.
    const broken = testResults.filter(
      (file) => file.status === 'failed' && file.assertionResults.length === 0,
    );
    entry.passed = numPassedTests;
    entry.failed = numFailedTests + broken.length;
    if (code !== 0 && entry.failed === 0) entry.failed = 1;
    entry.note = `${seconds(began)}${numPendingTests ? `, ${numPendingTests} skipped` : ''}`;
  }
  report('test', entry);
}

/** Every layer but one. They are read from the suite, so that none is forgotten. */
async function layersBut(name) {
  const { layers } = await import('../conformance/dist/layers/index.js');
  return layers.map((layer) => layer.name).filter((layer) => layer !== name);
}

/** Of every operator the commonest floats and integers, and the hand-written edges. */
const someOperators = ['ops:edges.*', 'ops:*:dtype=float32;sample=[0]*', 'ops:*:dtype=int64;sample=[0]*'];

/**
 * The runs of the suite: where, and how much. Full where a run takes minutes. The reference takes a quarter of a minute
 * for a large model, so there the models layer runs at the quick tier. webgpu runs on a GPU that a CPU plays: quick in
 * Node; elsewhere what differs with the place is the engine and the driver, which a part of the operators meets too.
 */
async function runsOf(backend) {
  switch (backend) {
    case 'reference':
      return [
        {
          runs: [
            { tier: 'full', query: await layersBut('models') },
            { tier: 'quick', query: ['models'] },
          ],
        },
      ];
    case 'wasm':
      return [
        { runs: [{ tier: 'full', query: [] }] },
        { place: 'Chromium', runs: [{ tier: 'quick', query: await layersBut('models') }] },
        {
          place: 'Chromium, isolated',
          runs: [{ tier: 'quick', query: ['kernels', ...someOperators, 'training'] }],
        },
      ];
    case 'webgpu':
      return [
        { runs: [{ tier: 'quick', query: [] }] },
        {
          place: 'Chromium',
          runs: [
            { tier: 'quick', query: ['kernels', ...someOperators, 'aliasing', 'nn', 'jit', 'training'] },
          ],
        },
        { place: 'Deno', runs: [{ tier: 'quick', query: ['kernels', ...someOperators, 'training'] }] },
      ];
    default:
      return [{ runs: [{ tier: 'full', query: [] }] }];
  }
}

const command = 'conformance/bin/sconce-conformance.js';

/** How the suite is started in a place: the program, and what comes before and after the command's own arguments. */
const places = {
  Node: { program: process.execPath, before: [command], after: [] },
  Deno: { program: tool('deno'), before: ['run', '-A', '--unstable-webgpu', command], after: [] },
  Chromium: { program: process.execPath, before: [command], after: ['--browser', 'chromium'] },
  'Chromium, isolated': {
    program: process.execPath,
    before: [command],
    after: ['--browser', 'chromium', '--isolated'],
  },
};

/** The suite on one backend in one place, built, as an outsider would run it. */
async function conformance({ backend, place = 'Node', runs, missing }) {
  const began = Date.now();
  const part = `conformance ${backend}${place === 'Node' ? '' : ` in ${place}`}`;
  if (missing) {
    report('test', { part, passed: 0, failed: 0, missing });
    return;
  }
  const entry = { part, passed: 0, failed: 0 };
  const folder = `./packages/backend-${backend}`;
  const total = { expected: 0, na: 0 };
  const { program, before, after } = places[place];
  for (const [i, { tier, query }] of runs.entries()) {
    const raw = rawFile(`${part.replace(/\W+/g, '-')}-${i}.json`);
    rmSync(raw, { force: true });
    const { code } = await run(
      program,
      [...before, `${folder}/dist/index.js`, ...query, '--tier', tier, '--json', raw, ...after],
      {
        show: 'prefixed',
        name: part.replace('conformance ', ''),
        env: backend === 'webgpu' ? gpuEnvironment() : {},
      },
    );
    const layers = existsSync(raw) ? Object.values(JSON.parse(readFileSync(raw, 'utf8')).layers) : [];
    const sum = (key) => layers.reduce((count, layer) => count + (layer[key] ?? 0), 0);
    entry.passed += sum('passed');
    // A run that ends badly without a failed case, or without a report, has failed all the same.
    entry.failed += sum('failed') || (code === 0 && layers.length > 0 ? 0 : 1);
    for (const key of Object.keys(total)) total[key] += sum(key);
  }
  entry.note = `${seconds(began)}, ${total.expected} expected failures, ${total.na} n/a`;
  report('test', entry);
}

const args = process.argv.slice(2).filter((arg) => arg !== '--');
const at = args.findIndex((arg) => arg === '--filter' || arg.startsWith('--filter='));
const filter = at < 0 ? undefined : matchPackage(args[at].split('=')[1] ?? args[at + 1]);
if (filter) args.splice(at, args[at].includes('=') ? 1 : 2);

await install();
clearReports('test');

const filteredBackend = backends.find((name) => filter?.name === `@sconce/backend-${name}`);
const wanted = filter ? (filteredBackend ? [filteredBackend] : []) : backends;
let withoutLibTorch;
if (wanted.includes('libtorch')) {
  withoutLibTorch = await prepareLibTorch({ fetch: true });
  if (withoutLibTorch) say(`setup: the libtorch backend is left out: ${withoutLibTorch}`);
}
// Tests of pages and of the backend itself need a browser and a GPU as well.
const { withoutBrowser, withoutGpu } = await prepareChromium({ fetch: true });
if (withoutBrowser) say(`setup: nothing runs in a browser: ${withoutBrowser}`);
if (withoutGpu) say(`setup: webgpu does not run in Node and Deno: ${withoutGpu}`);

if (!filter || filter.name === '@sconce/conformance') {
  const missing = await prepareOnnxRuntime();
  if (missing) report('test', { part: 'onnx', passed: 0, failed: 0, missing });
}

// Workers and the suite run on what users install; types are `pnpm check`'s to judge, so errors do not stop here.
await run(tool('tsc'), ['-b'], { show: 'none' });
await import('./entries.mjs').then(({ bundleAllEntries }) => bundleAllEntries());

if (!filter || filter.hasTests) await unitTests([...(filter ? ['--project', filter.name] : []), ...args]);

/** Why a run is left out, or undefined. */
const whyNot = (backend, place = 'Node') =>
  backend === 'libtorch'
    ? withoutLibTorch
    : place.startsWith('Chromium')
      ? withoutBrowser
      : backend === 'webgpu'
        ? withoutGpu
        : undefined;

// Two at a time: as many as the smallest machine has cores. The quick loop of one package is its backend in Node.
const queue = [];
for (const backend of wanted)
  for (const each of filter ? [{ runs: [{ tier: 'quick', query: [] }] }] : await runsOf(backend))
    queue.push({ backend, missing: whyNot(backend, each.place), ...each });
const work = async () => {
  for (let next = queue.shift(); next; next = queue.shift()) await conformance(next);
};
await Promise.all([work(), work()]);

process.exitCode = printTotal(['test']) ? 0 : 1;
