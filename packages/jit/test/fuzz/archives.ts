/**
 * Loads and runs archives changed at random: each ends in success or an error of ours, in bounded time and memory.
 * `npx tsx --conditions=sconce-source packages/jit/test/fuzz/archives.ts [--count 5000] [--first 0]`
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend, type Tensor, TorchError } from '@sconce/core';
import { type Limits, load, output } from '../../src/index.ts';
import { decode, type Json } from '../values.ts';
import { mutated } from './mutate.ts';

const archives = new URL('../archives/', import.meta.url);

/** What a page would allow a stranger's file. */
const limits: Partial<Limits> = {
  record_bytes: 16e6,
  archive_bytes: 64e6,
  instructions: 200_000,
  nesting: 100,
};

interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Arguments to call it with. */
  readonly args: readonly unknown[];
}

/** The seeds' programs and one for each part of the language, with the arguments of their first call. */
export function samples(): Sample[] {
  const json = (name: string): Json => JSON.parse(readFileSync(new URL(name, archives), 'utf8'));
  const calls: Record<string, Json> = {
    language: json('language.json'),
    programs: json('programs.json').programs,
  };
  return Object.keys(calls).flatMap((folder) =>
    readdirSync(new URL(`${folder}/`, archives))
      .filter((file) => file.endsWith('.pt'))
      .sort()
      .map((file) => {
        const bytes = new Uint8Array(readFileSync(new URL(`${folder}/${file}`, archives)));
        const call = calls[folder][file.replace('.pt', '')]?.calls?.[0];
        return { name: `${folder}/${file}`, bytes, args: call?.args?.map(decode) ?? [] };
      })
      .filter(({ bytes }) => bytes.length < 60_000),
  );
}

export interface Outcome {
  readonly seed: number;
  readonly sample: string;
  readonly ended: 'loaded' | 'ran' | 'refused';
  readonly milliseconds: number;
  /** What was thrown, where it is no error of ours. */
  readonly stranger?: unknown;
}

/** Changes the sample that falls to the seed, loads it, looks at it and calls it. */
export async function attempt(from: readonly Sample[], seed: number): Promise<Outcome> {
  const sample = from[seed % from.length];
  const start = performance.now();
  const outcome = (ended: Outcome['ended'], stranger?: unknown): Outcome => ({
    seed,
    sample: sample.name,
    ended,
    milliseconds: performance.now() - start,
    ...(stranger !== undefined && { stranger }),
  });
  const refused = (error: unknown, ended: Outcome['ended']): Outcome =>
    error instanceof TorchError ? outcome(ended) : outcome(ended, error);
  let bytes: Uint8Array;
  try {
    bytes = mutated(sample.bytes, seed);
  } catch (error) {
    return outcome('refused', error);
  }
  let module: Awaited<ReturnType<typeof load>>;
  try {
    module = await load(bytes, { limits });
  } catch (error) {
    return refused(error, 'refused');
  }
  try {
    module.state_dict();
    String(module);
    module.explain();
    await module(...sample.args);
    return outcome('ran');
  } catch (error) {
    return refused(error, 'loaded');
  } finally {
    for (const tensor of module.parameters()) (tensor as Tensor).dispose();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { count: { type: 'string' }, first: { type: 'string' } } });
  const [count, first] = [Number(values.count ?? 5000), Number(values.first ?? 0)];
  setCurrentBackend(reference());
  output.warn = () => {};
  output.print = () => {};
  const from = samples();
  const ends: Record<string, number> = {};
  let slowest: Outcome | undefined;
  let strangers = 0;
  for (let seed = first; seed < first + count; seed++) {
    const outcome = await attempt(from, seed);
    ends[outcome.ended] = (ends[outcome.ended] ?? 0) + 1;
    if (!slowest || outcome.milliseconds > slowest.milliseconds) slowest = outcome;
    if (outcome.stranger === undefined) continue;
    strangers++;
    const { stack } = outcome.stranger as Error;
    console.log(
      `seed ${seed} (${outcome.sample}): ${String(stack ?? outcome.stranger)
        .split('\n')
        .slice(0, 4)
        .join('\n')}`,
    );
  }
  const memory = process.resourceUsage().maxRSS / 1024;
  console.log(
    `${count} archives: ${ends.ran ?? 0} ran, ${ends.loaded ?? 0} loaded and failed to run, ${ends.refused ?? 0} were refused, ` +
      `${strangers} ended in an error that is none of ours; the slowest took ${slowest!.milliseconds.toFixed(0)} ms ` +
      `(seed ${slowest!.seed}), the largest memory was ${memory.toFixed(0)} MB`,
  );
  process.exitCode = strangers > 0 ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
