/** The command: `sconce-conformance ./my-backend.js [query …] [--tier full] [--json out] [--html out] [--expect file]`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { Backend } from '@sconce/core';
import type { Tier } from './case.ts';
import { checkMutants } from './mutants/index.ts';
import { ReportBuilder, summary } from './report.ts';
import { reportHtml } from './report-html.ts';
import { run } from './run.ts';

const usage = `sconce-conformance BACKEND [QUERY …] [--tier quick|full] [--json FILE] [--html FILE] [--expect FILE] [--all]

BACKEND is a module: a path, or a package's name. Its default export, or its first export that is a backend or a
function or class without arguments that gives one, is tested.
QUERY selects cases: kernels, kernels:matmul, 'ops:softmax.*:dtype=float32', …
Expected failures are read from conformance.expect beside the module, lines 'fail QUERY  # reason'.
--all prints every failure, not the first alone.
--mutants checks the suite instead: BACKEND, with one deliberate fault after another, must fail each time.`;

const isBackend = (value: unknown): value is Backend =>
  typeof value === 'object' && value !== null && 'compile' in value && 'allocate' in value;

/** The backend that a module's exports hold, however they hold it. */
export async function backendOf(exports: Record<string, unknown>): Promise<Backend | undefined> {
  const candidates =
    'default' in exports ? [exports.default, ...Object.values(exports)] : Object.values(exports);
  for (const candidate of candidates) {
    if (isBackend(candidate)) return candidate;
    if (typeof candidate !== 'function' || candidate.length > 0) continue;
    const isClass = /^class\b/.test(Function.prototype.toString.call(candidate));
    const made: unknown = isClass ? new (candidate as new () => unknown)() : await candidate();
    if (isBackend(made)) return made;
  }
  return undefined;
}

/** Runs the command; gives the process's exit code: 0 when nothing failed, 1 when something did, 2 for a wrong call. */
export async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      tier: { type: 'string', default: 'quick' },
      json: { type: 'string' },
      html: { type: 'string' },
      expect: { type: 'string' },
      mutants: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [module, ...query] = positionals;
  if (values.help || module === undefined || !['quick', 'full'].includes(values.tier)) {
    console.error(usage);
    return values.help ? 0 : 2;
  }
  const isPath = /^[./]/.test(module);
  const backend = await backendOf(await import(isPath ? pathToFileURL(resolve(module)).href : module));
  if (!backend) {
    console.error(`${module} exports no backend`);
    return 2;
  }
  if (values.mutants) return await reportMutants(backend);
  const expectFile = values.expect ?? (isPath ? join(dirname(resolve(module)), 'conformance.expect') : '');
  const expectations = expectFile && existsSync(expectFile) ? readFileSync(expectFile, 'utf8') : '';
  const report = new ReportBuilder(backend.name, values.tier);
  let count = 0;
  let failures = 0;
  for await (const result of run(backend, { query, tier: values.tier as Tier, expectations })) {
    report.add(result);
    count++;
    if (result.status === 'fail' && (failures++ === 0 || values.all))
      console.error(`FAIL ${result.id}\n${result.message}\n`);
    if (process.stderr.isTTY && count % 100 === 0) process.stderr.write(`\r${count} cases `);
  }
  const done = report.report();
  if (values.json) writeFileSync(values.json, `${JSON.stringify(done, null, 1)}\n`);
  if (values.html) writeFileSync(values.html, reportHtml(done));
  console.log(summary(done));
  if (count === 0) {
    console.error('no case matches the query');
    return 2;
  }
  if (failures > 1 && !values.all)
    console.error(`${failures} cases failed; the first is above, --all prints every one`);
  return failures > 0 ? 1 : 0;
}

async function reportMutants(backend: Backend): Promise<number> {
  let caught = 0;
  let missed = 0;
  for await (const { name, caughtBy } of checkMutants(backend)) {
    if (caughtBy === undefined) missed++;
    else caught++;
    console.log(
      `${caughtBy === undefined ? 'MISSED' : 'caught'}  ${name}${caughtBy === undefined ? '' : `  (${caughtBy})`}`,
    );
  }
  console.log(`${caught} of ${caught + missed} mutants caught`);
  return missed > 0 ? 1 : 0;
}
