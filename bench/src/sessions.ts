/** The systems, each in a process of its own that stays alive through a workload and takes samples when it is told to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, extname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Workload } from './workloads.ts';

const here = dirname(fileURLToPath(import.meta.url));
const extension = extname(fileURLToPath(import.meta.url));
const python = process.env.BENCH_PYTHON ?? '/usr/bin/python3';

export interface System {
  readonly name: string;
  /** Whose name the ratios carry: `web` peers are those that a page can use. */
  readonly role: 'ours' | 'web' | 'native';
  readonly threads: readonly number[];
  readonly runs: (workload: Workload, name: string) => boolean;
  readonly command: readonly string[];
}

const script = (name: string, ...options: string[]): string[] => [
  process.execPath,
  // The loader that runs sources without a build, where there is one.
  ...process.execArgv,
  join(here, 'systems', name + extension),
  ...options,
];
const py = (...options: string[]): string[] => [python, join(here, '..', 'pytorch.py'), ...options];

const isWeb = ({ kind }: Workload, name: string): boolean => kind !== 'train' && name !== 'linear';
const isModel = ({ kind }: Workload): boolean => kind === 'forward';

export const systems: readonly System[] = [
  {
    name: 'sconce-wasm',
    role: 'ours',
    threads: [1, 2],
    runs: ({ kind }) => kind === 'forward' || kind === 'startup',
    command: script('sconce', 'wasm', 'graph'),
  },
  {
    name: 'sconce-wasm-eager',
    role: 'ours',
    threads: [1, 2],
    runs: ({ kind }) => kind !== 'startup',
    command: script('sconce', 'wasm', 'eager'),
  },
  {
    name: 'sconce-libtorch',
    role: 'ours',
    threads: [1, 2],
    runs: () => true,
    command: script('sconce', 'libtorch', 'graph'),
  },
  {
    name: 'sconce-libtorch-native',
    role: 'ours',
    threads: [1, 2],
    runs: isModel,
    command: script('sconce', 'libtorch', 'native'),
  },
  {
    name: 'onnxruntime-web',
    role: 'web',
    threads: [1, 2],
    runs: isWeb,
    command: script('onnxruntime', 'web'),
  },
  // Its threaded build does not start in Node, and its own flag says so.
  { name: 'tfjs-wasm', role: 'web', threads: [1], runs: isWeb, command: script('tfjs') },
  { name: 'jax-js-wasm', role: 'web', threads: [1], runs: isWeb, command: script('jax-js') },
  {
    name: 'onnxruntime-node',
    role: 'native',
    threads: [1, 2],
    runs: isWeb,
    command: script('onnxruntime', 'node'),
  },
  { name: 'pytorch', role: 'native', threads: [1, 2], runs: () => true, command: py('eager') },
  { name: 'pytorch-script', role: 'native', threads: [1, 2], runs: isModel, command: py('script') },
];

interface Message {
  samples?: number[];
  check?: number[];
  note?: string;
  error?: string;
}

/** BLAS and OpenMP take their threads from here; two variables that some machines set halve OpenBLAS on newer processors. */
function environment(threads: number): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...rest } = process.env;
  return { ...rest, OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) };
}

/** One system on one workload. */
export class Session {
  readonly samples: number[] = [];
  /** Milliseconds that its rounds have taken. */
  spent = 0;
  check: readonly number[] | undefined;
  error: string | undefined;
  private child: ChildProcess | undefined;
  private lines: AsyncIterator<string> | undefined;
  private stderr = '';

  constructor(
    readonly system: System,
    readonly workload: string,
    readonly threads: number,
    private readonly startsAnew: boolean,
  ) {}

  /** Starts the process; resolves once it has computed, compared and warmed up. */
  async start(): Promise<void> {
    if (this.startsAnew) return;
    this.open();
    this.take(await this.next(180_000));
  }

  /** Samples for `budget` ms. */
  async round(budget: number): Promise<void> {
    if (this.error) return;
    const began = performance.now();
    if (this.startsAnew) {
      this.open();
      this.take(await this.next(60_000));
      this.close();
    } else {
      this.child!.stdin!.write(`${budget}\n`);
      this.take(await this.next(60_000 + 20 * budget));
    }
    this.spent += performance.now() - began;
  }

  close(): void {
    this.child?.stdin?.end();
    this.child?.kill();
    this.child = undefined;
  }

  private open(): void {
    const [program, ...args] = this.system.command;
    const at = program === process.execPath ? process.execArgv.length + 1 : 1;
    const all = [...args.slice(0, at), this.workload, String(this.threads), ...args.slice(at)];
    this.child = spawn(program, all, { env: environment(this.threads), stdio: 'pipe' });
    this.child.on('error', (error) => (this.stderr += `Error: ${error.message}`));
    this.child.stdin!.on('error', () => {});
    this.child.stderr!.on('data', (chunk) => (this.stderr += chunk));
    this.lines = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]();
  }

  /** The next line that is a message; other things that a library prints are not. */
  private async next(limit: number): Promise<Message> {
    const child = this.child!;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, limit);
    try {
      for (;;) {
        const { value, done } = await this.lines!.next();
        if (done) break;
        if (value.startsWith('{"')) return JSON.parse(value) as Message;
      }
    } finally {
      clearTimeout(timer);
    }
    const reason =
      this.stderr.match(/.*Error: .*/)?.[0] ?? `ended with ${child.exitCode ?? child.signalCode}`;
    return { error: isLate ? `no result in ${limit / 1000} s` : reason };
  }

  private take({ samples, check, error }: Message): void {
    if (error) {
      this.error = error;
      this.close();
    }
    this.samples.push(...(samples ?? []));
    this.check ??= check;
  }
}
