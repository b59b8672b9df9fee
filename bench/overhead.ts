/**
 * What one eager call costs, in microseconds: minima of rounds, interleaved with PyTorch from Python.
 * Run: npx tsx bench/overhead.ts [--backend wasm] [--rounds 12] [--python /usr/bin/python3 | --alone] [--json] [call …]
 *
 * The calls are bundled first and run by plain Node, as a user's are: tsx itself would slow every closure down.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: 'string', default: 'wasm' },
    rounds: { type: 'string', default: '12' },
    python: { type: 'string', default: '/usr/bin/python3' },
    alone: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    /** Leaves the bundle at this path, for `node --cpu-prof`. */
    keep: { type: 'string' },
  },
});

type Round = Record<string, number>;

/** A process that answers a line with a round. */
class System {
  private readonly process: ChildProcess;
  private readonly lines: AsyncIterator<string>;
  readonly least: Round = {};

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
  ) {
    const env = { ...process.env };
    // Where these are set, LibTorch's matrix products do not use what the processor has.
    delete env.OPENBLAS_CORETYPE;
    delete env.OPENBLAS_L2_SIZE;
    this.process = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  async ask(what: string): Promise<Round> {
    this.process.stdin!.write(`${what}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended`);
    return JSON.parse(value) as Round;
  }

  async round(): Promise<void> {
    for (const [name, value] of Object.entries(await this.ask('time')))
      this.least[name] = Math.min(value, this.least[name] ?? Infinity);
  }

  end(): void {
    this.process.stdin!.end();
  }
}

// LibTorch's package looks for its native sources from where it is: the bundle goes to a folder of that package.
const place =
  options.backend === 'libtorch' ? join(import.meta.dirname, '../packages/backend-libtorch') : tmpdir();
const folder = mkdtempSync(join(place, '.overhead-'));
const bundle =
  options.backend === 'libtorch' ? join(folder, 'calls.mjs') : (options.keep ?? join(folder, 'calls.mjs'));
await build({
  entryPoints: [join(import.meta.dirname, 'overhead/calls.ts')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  conditions: ['sconce-source'],
  logLevel: 'error',
});

const ours = new System(`sconce-${options.backend}`, process.execPath, [bundle, options.backend, ...wanted]);
const systems = [ours];
if (!options.alone)
  systems.push(
    new System('torch', options.python, [join(import.meta.dirname, 'overhead/pytorch.py'), ...wanted]),
  );
const counting = new System('bytes', process.execPath, [
  '--expose-gc',
  '--max-semi-space-size=256',
  '--min-semi-space-size=256',
  bundle,
  options.backend,
  ...wanted,
]);

try {
  for (let i = 0; i < Number(options.rounds); i++) for (const s of systems) await s.round();
  for (let i = 0; i < 3; i++) await counting.round();
  const bytes = await counting.ask('bytes');
  if (options.json)
    for (const { name: system, least } of systems)
      for (const [call, us] of Object.entries(least))
        console.log(JSON.stringify({ call, system, us: Number(us.toFixed(3)) }));
  else {
    const width = Math.max(...Object.keys(ours.least).map((n) => n.length)) + 2;
    console.log(
      `${'µs'.padEnd(width)}${systems.map((s) => s.name.padStart(14)).join('')}${'ratio'.padStart(8)}${'bytes'.padStart(8)}`,
    );
    for (const [call, us] of Object.entries(ours.least)) {
      const theirs = systems[1]?.least[call];
      const cells = systems.map((s) => (s.least[call]?.toFixed(2) ?? '').padStart(14)).join('');
      const ratio = theirs === undefined ? '' : (us / theirs).toFixed(2);
      console.log(`${call.padEnd(width)}${cells}${ratio.padStart(8)}${bytes[call].toFixed(0).padStart(8)}`);
    }
  }
} finally {
  for (const s of [...systems, counting]) s.end();
  rmSync(folder, { recursive: true });
}
