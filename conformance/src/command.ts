/** The command: `sconce-conformance ./my-backend.js [query …] [--tier full] [--browser chromium] [--json out] [--html out]`. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type Backend, set_fusion_enabled } from '@sconce/core';
import type { Tier } from './case.ts';
import { backendOf } from './exports.ts';
import { checkMutants } from './mutants/index.ts';
import { ReportBuilder, summary } from './report.ts';
import { reportHtml } from './report-html.ts';
import { type CaseResult, run } from './run.ts';

export { backendOf } from './exports.ts';

const usage = `sconce-conformance BACKEND [QUERY …] [--tier quick|full] [--json FILE] [--html FILE] [--expect FILE] [--all] [--fusion on|off]
                   [--browser chromium [--isolated]] [--options JSON]

BACKEND is a module: a path, or a package's name. Its default export, or its first export that is a backend or a
function or class without required arguments that gives one, is tested.
QUERY selects cases: kernels, kernels:matmul, 'ops:softmax.*:dtype=float32', …
Expected failures are read from conformance.expect beside the module, or in its package, lines 'fail QUERY  # reason'.
--all prints every failure, not the first alone.
--browser chromium runs in a page of headless Chromium (needs playwright-core, esbuild and a Chromium: the first of the
usual places, or CHROMIUM=/path); --isolated serves it cross-origin isolated, which gives it SharedArrayBuffer.
--options is what the function that makes the backend is called with: '{"worker":true}'.
--fusion on lets every pointwise call wait for its consumers, off runs each at once; else the backend decides.
--mutants checks the suite instead: BACKEND, with one deliberate fault after another, must fail each time.`;

/** A module's path: it may be a path already, or a package's name, or what stands behind `@sconce/backend-`. */
function pathOf(module: string): string {
  if (/^[./]/.test(module)) return resolve(module);
  const here = createRequire(join(process.cwd(), 'package.json'));
  for (const name of [module, `@sconce/backend-${module}`])
    for (const require of [here, createRequire(import.meta.url)])
      try {
        return require.resolve(name);
      } catch (error) {
        if ((error as { code?: string }).code !== 'MODULE_NOT_FOUND') throw error;
      }
  throw new Error(`${module} is no package here; a path begins with . or /`);
}

/** `conformance.expect` beside the module, or beside the nearest package.json above it. */
function expectFileOf(path: string): string | undefined {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const file = join(folder, 'conformance.expect');
    if (existsSync(file)) return file;
    if (existsSync(join(folder, 'package.json')) || folder === dirname(folder)) return undefined;
  }
}

declare const Deno: { readonly version: { readonly deno: string } } | undefined;

const host = (): string =>
  typeof Deno === 'undefined' ? `Node ${process.versions.node}` : `Deno ${Deno.version.deno}`;

interface Session {
  readonly backend: string;
  readonly where: string;
  readonly results: AsyncIterable<CaseResult>;
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
      browser: { type: 'string' },
      isolated: { type: 'boolean', default: false },
      options: { type: 'string' },
      fusion: { type: 'string' },
      mutants: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [module, ...query] = positionals;
  const isWrong =
    module === undefined ||
    !['quick', 'full'].includes(values.tier) ||
    !['on', 'off', undefined].includes(values.fusion) ||
    !['chromium', undefined].includes(values.browser);
  if (values.help || isWrong) {
    console.error(usage);
    return values.help ? 0 : 2;
  }
  const path = pathOf(module);
  const options = values.options === undefined ? undefined : JSON.parse(values.options);
  const expectFile = values.expect ?? expectFileOf(path);
  const common = {
    query,
    tier: values.tier as Tier,
    expectations: expectFile && existsSync(expectFile) ? readFileSync(expectFile, 'utf8') : '',
  };
  let session: Session;
  if (values.browser) {
    const { runInChromium } = await import('./browser/chromium.ts');
    session = await runInChromium({
      ...common,
      module: path,
      isolated: values.isolated,
      ...(options && { options }),
      ...(values.fusion !== undefined && { fusion: values.fusion === 'on' }),
    });
  } else {
    const backend = await backendOf(await import(pathToFileURL(path).href), options);
    if (!backend) {
      console.error(`${module} exports no backend`);
      return 2;
    }
    if (values.mutants) return await reportMutants(backend);
    if (values.fusion !== undefined) set_fusion_enabled(values.fusion === 'on');
    session = { backend: backend.name, where: host(), results: run(backend, common) };
  }
  return await reportOn(session, { ...values, tier: common.tier });
}

interface Output {
  readonly tier: Tier;
  readonly all: boolean;
  readonly json?: string | undefined;
  readonly html?: string | undefined;
}

async function reportOn(
  { backend, where, results }: Session,
  { tier, all, json, html }: Output,
): Promise<number> {
  const report = new ReportBuilder(backend, tier, where);
  let count = 0;
  let failures = 0;
  for await (const result of results) {
    report.add(result);
    count++;
    if (result.status === 'fail' && (failures++ === 0 || all))
      console.error(`FAIL ${result.id}\n${result.message}\n`);
    if (process.stderr.isTTY && count % 100 === 0) process.stderr.write(`\r${count} cases `);
  }
  const done = report.report();
  if (json) writeFileSync(json, `${JSON.stringify(done, null, 1)}\n`);
  if (html) writeFileSync(html, reportHtml(done));
  console.log(summary(done));
  if (count === 0) {
    console.error('no case matches the query');
    return 2;
  }
  if (failures > 1 && !all)
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
