// `pnpm sizes`: what programs weigh that a bundler made of Sconce's sources, against scripts/size-budget.json. `--write`
// sets the budget to what was measured; `--explain NAME` lists the files that a program is made of.
import './node-version.mjs';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { browser, bundle } from './bundle.mjs';
import { measurePages } from './page-sizes.mjs';
import { root, say } from './shell.mjs';

const budgetFile = join(root, 'scripts/size-budget.json');

/** Each as a user writes it. Its size is that of all files which it loads, backends on demand included. */
const programs = {
  'matmul + relu on wasm, core alone': `
    import { setCurrentBackend, tensor } from '@sconce/core';
    import { wasm } from '@sconce/backend-wasm';
    setCurrentBackend(wasm());
    const x = tensor([[1, 2], [3, 4]]);
    console.log(await x.matmul(x).relu().tolist());`,
  'matmul + relu on webgpu, core alone': `
    import { setCurrentBackend, tensor } from '@sconce/core';
    import { webgpu } from '@sconce/backend-webgpu';
    setCurrentBackend(await webgpu());
    const x = tensor([[1, 2], [3, 4]]);
    console.log(await x.matmul(x).relu().tolist());`,
  'matmul + relu on wasm': `
    import * as torch from 'sconce';
    await torch.use('wasm');
    const x = torch.tensor([[1, 2], [3, 4]]);
    console.log(await x.matmul(x).relu().tolist());`,
  'jit.load on wasm': `
    import { ones, use } from 'sconce';
    import { load } from 'sconce/jit';
    await use('wasm');
    const model = await load('model.pt');
    console.log(await (await model(ones([1, 3, 224, 224]))).data());`,
  'training on webgpu': `
    import { nn, optim, use, randn } from 'sconce';
    await use('webgpu');
    const net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5408, 10));
    const sgd = optim.SGD(net.parameters(), { lr: 0.1 });
    const loss = nn.CrossEntropyLoss()(net(randn(2, 1, 28, 28)), randn(2, 10).argmax(1));
    loss.backward();
    sgd.step();`,
};

/** The backends that each program loads; the chunks of the others stay on the server. */
const backendOf = (name) => (name.includes('webgpu') ? 'webgpu' : 'wasm');

const gzip = (bytes) => gzipSync(bytes, { level: 9 }).length;

async function measure(name, source) {
  const { outputFiles, metafile } = await build({
    ...browser,
    stdin: { contents: source, resolveDir: join(root, 'packages/sconce'), sourcefile: 'program.js' },
    splitting: true,
    metafile: true,
    write: false,
    outdir: join(root, 'packages/sconce/dist'),
  });
  const outputs = new Map(Object.entries(metafile.outputs));
  const loaded = new Set();
  const inputs = new Map();
  const visit = (path) => {
    if (loaded.has(path)) return;
    loaded.add(path);
    const output = outputs.get(path);
    for (const [file, { bytesInOutput }] of Object.entries(output.inputs))
      inputs.set(file, (inputs.get(file) ?? 0) + bytesInOutput);
    for (const imported of output.imports) {
      if (imported.external) continue;
      const entry = outputs.get(imported.path).entryPoint ?? '';
      if (imported.kind !== 'dynamic-import' || isBackend(entry, backendOf(name))) visit(imported.path);
    }
  };
  const isBackend = (entry, wanted) => entry.includes(`backend-${wanted}/src/index.ts`);
  for (const [path, { entryPoint }] of outputs) if (entryPoint?.endsWith('program.js')) visit(path);
  const files = outputFiles.filter((f) => [...loaded].some((path) => f.path.endsWith(path)));
  return {
    name,
    files: files.length,
    minified: files.reduce((sum, f) => sum + f.contents.length, 0),
    gzipped: files.reduce((sum, f) => sum + gzip(f.contents), 0),
    inputs,
  };
}

/** Each file of `dist/`. */
async function measureTorch() {
  const results = await bundle({ write: false });
  return results.flatMap(({ outputFiles }) =>
    outputFiles
      .filter((f) => f.path.endsWith('.mjs'))
      .map((f) => ({
        name: f.path.split(/[/\\]/).pop(),
        files: 1,
        minified: f.contents.length,
        gzipped: gzip(f.contents),
        inputs: new Map(),
      })),
  );
}

export async function measureAll() {
  const rows = [];
  for (const [name, source] of Object.entries(programs)) rows.push(await measure(name, source));
  return [...rows, ...(await measureTorch()), ...(await measurePages())];
}

/** The rows over their budget, or without one. */
export function overBudget(rows) {
  const budget = JSON.parse(readFileSync(budgetFile, 'utf8'));
  return rows.filter((row) => !(row.gzipped <= budget[row.name]));
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(1)} kB`;

export function table(rows) {
  const budget = JSON.parse(readFileSync(budgetFile, 'utf8'));
  const lines = rows.map(({ name, files, minified, gzipped }) =>
    [
      name.padEnd(38),
      String(files).padStart(6),
      kilobytes(minified).padStart(12),
      kilobytes(gzipped).padStart(12),
      (budget[name] ? kilobytes(budget[name]) : 'none').padStart(12),
      gzipped <= budget[name] ? '' : '  OVER',
    ].join(''),
  );
  const head = `${'program'.padEnd(38)}${'files'.padStart(6)}${'minified'.padStart(12)}${'gzip'.padStart(12)}${'budget'.padStart(12)}`;
  return [head, ...lines].join('\n');
}

/** The largest parts of a program: by folder, then by file. */
function explain({ inputs }) {
  const byFolder = new Map();
  for (const [file, bytes] of inputs) {
    const folder = file.split('/').slice(0, -1).join('/');
    byFolder.set(folder, (byFolder.get(folder) ?? 0) + bytes);
  }
  const largest = (map, count) =>
    [...map]
      .sort((a, b) => b[1] - a[1])
      .slice(0, count)
      .map(([name, bytes]) => `${String(bytes).padStart(9)}  ${name}`)
      .join('\n');
  return `${largest(byFolder, 20)}\n\n${largest(inputs, 40)}`;
}

if (process.argv[1] === import.meta.filename) {
  const rows = await measureAll();
  const [flag, name] = process.argv.slice(2);
  if (flag === '--write') {
    // A little air, so that a line more is no event.
    const budget = Object.fromEntries(rows.map((r) => [r.name, Math.ceil((r.gzipped * 1.02) / 500) * 500]));
    writeFileSync(budgetFile, `${JSON.stringify(budget, null, 2)}\n`);
  }
  say(table(rows));
  if (flag === '--explain')
    say(
      explain(
        rows.find((r) => r.name === name) ?? rows.find((r) => r.name.startsWith(name ?? '')) ?? rows[0],
      ),
    );
  if (overBudget(rows).length > 0) process.exitCode = 1;
}
