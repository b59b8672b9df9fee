/** One system's process: prepares a workload, then takes samples whenever the driver asks, until its input ends. */
import { createInterface } from 'node:readline';
import { type Workload, workloads } from './workloads.ts';

export interface Prepared {
  /** Once through the workload, up to a result that is computed. */
  readonly step: () => unknown;
  /** What the first step computed, as `digest` shows it. */
  readonly check: readonly number[];
  /** What cannot be seen from the numbers alone: the engine's options. */
  readonly note?: string;
}

export type Prepare = (name: string, workload: Workload, threads: number) => Promise<Prepared>;

const say = (message: object): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`);
};

/** Milliseconds of a step, the mean over `inner`. What is awaited between samples lets finalizers run. */
async function sample(step: () => unknown, inner: number): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  const began = performance.now();
  for (let i = 0; i < inner; i++) {
    const done = step();
    if (done instanceof Promise) await done;
  }
  return (performance.now() - began) / inner;
}

const WARM_MS = 600;

/** The process's whole work: `node SYSTEM.js WORKLOAD THREADS [OPTION …]`. */
export async function serve(prepare: Prepare): Promise<void> {
  const [, , name, threads] = process.argv;
  const workload = workloads[name];
  const began = performance.now();
  const { step, check, note } = await prepare(name, workload, Number(threads));
  const first = performance.now() - began;
  if (workload.kind === 'startup') {
    say({ check, note, samples: [first] });
    process.exit(0);
  }
  const warm = performance.now();
  for (let i = 0; i < 3 || performance.now() - warm < WARM_MS; i++) {
    await sample(step, workload.inner);
    if (performance.now() - warm > 8 * WARM_MS) break;
  }
  say({ check, note });
  for await (const line of createInterface({ input: process.stdin })) {
    const budget = Number(line);
    const samples: number[] = [];
    const start = performance.now();
    // The other systems have had the caches.
    const cold = await sample(step, workload.inner);
    if (cold > 4 * budget) samples.push(cold);
    else
      while (samples.length < 1 || performance.now() - start < budget)
        samples.push(await sample(step, workload.inner));
    say({ samples });
  }
  process.exit(0);
}

/** Ends the process with one line that says why there is nothing to time. */
export function run(prepare: Prepare): void {
  serve(prepare).catch((error: unknown) => {
    const text = error instanceof Error ? error.message : String(error);
    say({ error: text.split('\n')[0].slice(0, 200) });
    process.exit(1);
  });
}
