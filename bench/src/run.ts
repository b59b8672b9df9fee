// One interleaved run: every system of a workload in a process of its own, in turn, round after round, so that the
// machine's noise hits all alike. Prints a table, or JSON lines with --json.
//
//   node bench/setup.mjs, once; then pnpm bench [WORKLOAD …] [--rounds 5] [--budget 1500] [--json]
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { workloads } from './workloads.ts';

const here = dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    budget: { type: 'string', default: '1500' },
    json: { type: 'boolean', default: false },
  },
});

type Command = (workload: string, budget: string) => [program: string, args: string[]];
interface Result {
  samples?: number[];
  check?: number[];
  error?: string;
}

const system = (name: string) => join(here, 'systems', `${name}.js`);
const sconce =
  (backend: string): Command =>
  (workload, budget) => [process.execPath, [system('sconce'), workload, budget, backend]];
const onnxruntime: Command = (workload, budget) => [
  process.execPath,
  [system('onnxruntime-web'), workload, budget],
];
const python = process.env.BENCH_PYTHON ?? '/usr/bin/python3';
const pytorch: Command = (workload, budget) => [python, [join(here, '..', 'pytorch.py'), workload, budget]];

/** The peer that the ratio is taken against comes first. */
const heavy: Record<string, Command> = {
  'onnxruntime-web wasm': onnxruntime,
  'sconce wasm': sconce('wasm'),
  'pytorch 1 thread': pytorch,
};
const light: Record<string, Command> = {
  'pytorch (Python)': pytorch,
  'sconce wasm': sconce('wasm'),
  'sconce reference': sconce('reference'),
};
const systemsOf = (workload: string) => (workload.startsWith('add') ? light : heavy);

/** Resolves to `{ samples, check }` or `{ error }`. */
const runOnce = ([command, args]: ReturnType<Command>, limit: number): Promise<Result> =>
  new Promise((resolve) => {
    const child = spawn(command, args, { cwd: here, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    const timer = setTimeout(() => child.kill('SIGKILL'), limit);
    child.on('error', (error) => resolve({ error: error.message }));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const line = out.split('\n').findLast((text) => text.startsWith('{"samples"'));
      if (line) resolve(JSON.parse(line));
      else
        resolve({
          error: signal ? `no result in ${limit} ms` : (err.match(/.*Error: .*/)?.[0] ?? `exit ${code}`),
        });
    });
  });

const close = (a: number[], b: number[]) =>
  a.every((x, i) => Math.abs(x - b[i]) <= 1e-3 * Math.max(1, Math.abs(b[i])));

interface Row extends Result {
  name: string;
  command: Command;
  samples: number[];
}

const median = (samples: number[]) => samples.sort((a, b) => a - b)[samples.length >> 1];
const duration = (ms: number) => (ms < 0.1 ? `${(ms * 1000).toFixed(2)} µs` : `${ms.toFixed(2)} ms`);

async function bench(workload: string): Promise<Row[]> {
  const rows: Row[] = Object.entries(systemsOf(workload)).map(([name, command]) => ({
    name,
    command,
    samples: [],
  }));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const row of rows) {
      if (row.error) continue;
      const result = await runOnce(row.command(workload, values.budget), 120_000);
      if (result.error) row.error = result.error;
      else row.samples.push(...(result.samples ?? []));
      row.check ??= result.check;
    }
  }
  const [reference] = rows;
  for (const row of rows) {
    if (row.error || !row.check || !reference.check || close(row.check, reference.check)) continue;
    row.error = `computed ${row.check}, but ${reference.name} ${reference.check}`;
  }
  return rows;
}

function print(workload: string, rows: Row[]): void {
  const base = rows[0].error ? Number.NaN : median(rows[0].samples);
  if (!values.json) console.log(`\n${workload}`);
  for (const { name, samples, error } of rows) {
    const ms = error ? Number.NaN : median(samples);
    if (values.json) {
      const numbers = error ? { error } : { median_ms: ms, min_ms: samples[0], ratio: ms / base };
      console.log(JSON.stringify({ workload, system: name, ...numbers }));
    } else {
      const ratio = `${(ms / base).toFixed(2)} of ${rows[0].name}`;
      console.log(`  ${name.padEnd(22)} ${error ?? `${duration(ms).padStart(10)}   ${ratio}`}`);
    }
  }
}

async function main(): Promise<void> {
  for (const workload of positionals.length ? positionals : Object.keys(workloads)) {
    const rows = await bench(workload);
    print(workload, rows);
    if (rows.some(({ error }) => error)) process.exitCode = 1;
  }
}

void main();
