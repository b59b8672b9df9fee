// `npm test`: everything that the tests need, then all of them, and one total.
//
//   npm test                                 all packages' tests, then the full conformance suite on each backend
//   pnpm test --filter core [-t NAME …]      one package, the quick loop; more arguments go to vitest
import './node-version.mjs';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { prepareLibTorch } from './libtorch.mjs';
import { clearReports, printTotal, rawFile, report } from './report.mjs';
import { install } from './setup.mjs';
import { root, run, say, seconds, tool } from './shell.mjs';

const backends = ['reference', 'wasm', 'libtorch'];

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
  const env = process.stderr.isTTY ? {} : { NO_COLOR: '1' };
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

/**
 * What a full run of a backend is: everything. But the reference takes a quarter of a minute for a large model, so
 * there the models layer runs at the quick tier; its other layers are read from the suite, so that none is forgotten.
 */
async function runsOf(backend) {
  if (backend !== 'reference') return [{ tier: 'full', query: [] }];
  const { layers } = await import('../conformance/dist/layers/index.js');
  const others = layers.map(({ name }) => name).filter((name) => name !== 'models');
  return [
    { tier: 'full', query: others },
    { tier: 'quick', query: ['models'] },
  ];
}

/** The suite on one backend, built, as an outsider would run it. */
async function conformance(backend, runs) {
  const began = Date.now();
  const entry = { part: `conformance ${backend}`, passed: 0, failed: 0 };
  const folder = `./packages/backend-${backend}`;
  const expect = `${folder}/conformance.expect`;
  const total = { expected: 0, na: 0 };
  for (const [i, { tier, query }] of runs.entries()) {
    const raw = rawFile(`conformance-${backend}-${i}.json`);
    rmSync(raw, { force: true });
    const { code } = await run(
      process.execPath,
      [
        'conformance/bin/sconce-conformance.js',
        ...[`${folder}/dist/index.js`, ...query, '--tier', tier, '--json', raw],
        ...(existsSync(join(root, expect)) ? ['--expect', expect] : []),
      ],
      { show: 'prefixed', name: backend },
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

if (!filter || filter.hasTests) await unitTests([...(filter ? ['--project', filter.name] : []), ...args]);

// The suite runs on what users install; types are `pnpm check`'s to judge, so errors do not stop here.
if (wanted.length > 0) await run(tool('tsc'), ['-b'], { show: 'none' });

// Two at a time: as many as the smallest machine has cores.
const queue = wanted.filter((name) => name !== 'libtorch' || !withoutLibTorch);
const work = async () => {
  for (let name = queue.shift(); name; name = queue.shift())
    await conformance(name, filter ? [{ tier: 'quick', query: [] }] : await runsOf(name));
};
await Promise.all([work(), work()]);
if (wanted.includes('libtorch') && withoutLibTorch) {
  report('test', { part: 'conformance libtorch', passed: 0, failed: 0, missing: withoutLibTorch });
}

process.exitCode = printTotal(['test']) ? 0 : 1;
