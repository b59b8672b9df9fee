/**
 * One interleaved run: every system of a workload in a process of its own, in turn, round after round, so that the
 * machine's noise hits all alike.
 *
 *   node bench/setup.mjs, once; then
 *   pnpm bench [WORKLOAD …] [--json] [--threads 1,2] [--rounds 28] [--budget 50] [--systems sconce-wasm,…] [--write]
 *   pnpm bench:relaxed …: the same in a Node whose WebAssembly has relaxed SIMD, kept apart
 *   pnpm bench --render: writes docs/benchmarks.md anew from the last run that was written
 */
import { spawnSync } from 'node:child_process';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { disagreement } from './agree.ts';
import { LimitGauges, printLimits } from './limits/limits.ts';
import { lineOf, type Result, summarise } from './result.ts';
import { Session, systems } from './sessions.ts';
import { printTable } from './table.ts';
import { workloads } from './workloads.ts';
import { type KernelResult, render, save, saveRelaxed } from './write.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    threads: { type: 'string', default: '1,2' },
    /**
     * Many short rounds: where a core is shared with another tenant, it computes at one of two speeds for half a second or two at a
     * time, and a system must not meet one of them alone.
     */
    rounds: { type: 'string', default: '28' },
    /** Milliseconds of samples, for each system in each round. */
    budget: { type: 'string', default: '50' },
    systems: { type: 'string' },
    /** Keeps what was measured as bench/results.json and puts it into docs/benchmarks.md. */
    write: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
    /** Keeps what was measured as that of an engine with relaxed SIMD: bench/relaxed.mjs runs this in one. */
    relaxed: { type: 'boolean', default: false },
  },
});
const budget = Number(options.budget);
const rounds = Number(options.rounds);
const threads = options.threads.split(',').map(Number);
const wanted = options.systems?.split(',');
const isAll = positionals.length === 0;
/** `kernels` is no workload: with `--write` it measures them. */
const names = isAll ? Object.keys(workloads) : positionals.filter((name) => name !== 'kernels');

function sessionsOf(name: string): Session[] {
  const workload = workloads[name];
  const isSerial = workload.kind === 'startup' || workload.kind === 'call' || workload.inner > 1;
  return threads.flatMap((count) =>
    systems
      .filter((system) => system.runs(workload, name) && system.threads.includes(count))
      .filter((system) => (!wanted || wanted.includes(system.name)) && !(isSerial && count > 1))
      .map((system) => new Session(system, name, count, workload.kind === 'startup')),
  );
}

async function bench(name: string): Promise<Result[]> {
  const sessions = sessionsOf(name);
  try {
    for (const session of sessions) await session.start();
    // A system that takes a hundred times as long as the others would have the machine to itself.
    const most = Math.max(4 * rounds * budget, 20_000);
    // A start is a process for each sample.
    const turns = workloads[name].kind === 'startup' ? Math.min(rounds, 7) : rounds;
    for (let round = 0; round < turns; round++)
      for (const session of sessions) if (session.spent < most) await session.round(budget);
  } finally {
    for (const session of sessions) session.close();
  }
  for (const session of sessions) session.error ??= disagreement(session, sessions);
  return sessions.map(summarise);
}

/** The kernels' own benchmark, in a process that has met nothing else. */
function kernels(): KernelResult[] {
  const here = fileURLToPath(import.meta.url);
  const script = join(dirname(here), `kernels${extname(here)}`);
  const { stdout, stderr, status } = spawnSync(process.execPath, [...process.execArgv, script, '--json'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the kernels' benchmark failed: ${stderr.trim()}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

async function main(): Promise<void> {
  if (options.render) return render();
  const unknown = names.find((name) => !Object.hasOwn(workloads, name));
  if (unknown)
    throw new Error(`no workload is called ${unknown}: there are ${Object.keys(workloads).join(', ')}`);
  const gauges = new LimitGauges();
  if (options.relaxed && gauges.best.fused === null)
    throw new Error(
      'this engine has no relaxed SIMD: `pnpm bench:relaxed` runs the benchmark in one that has',
    );
  for (let i = 0; i < 20; i++) gauges.sample();
  if (!options.json) printLimits(gauges.best);
  const all: Result[] = [];
  for (const name of names) {
    const results = await bench(name);
    gauges.sample();
    all.push(...results);
    if (options.json) for (const result of results) console.log(lineOf(result));
    else printTable(name, results);
    if (results.some(({ error }) => error)) process.exitCode = 1;
  }
  if (!options.write) return;
  const withKernels = !options.relaxed && (isAll || positionals.includes('kernels'));
  const run = { date: new Date().toISOString().slice(0, 10), limits: gauges.best, results: all };
  if (options.relaxed) saveRelaxed(run);
  else save({ ...run, kernels: withKernels ? kernels() : [] });
  render();
}

main().catch((error) => {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
});
