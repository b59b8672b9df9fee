/** The suite's own test: backends with one deliberate fault each, every one of which must be noticed. */
import type { Backend } from '@sconce/core';
import type { CaseFiles } from '../files.ts';
import { run } from '../run.ts';
import { kernelMutants } from './kernel-mutants.ts';
import type { Mutant } from './mutant.ts';
import { scalarMutants } from './scalar-mutants.ts';
import { valueMutants } from './value-mutants.ts';
import { viewMutants } from './view-mutants.ts';

export const mutants: readonly Mutant[] = [
  ...scalarMutants,
  ...kernelMutants,
  ...viewMutants,
  ...valueMutants,
];

export interface MutantResult {
  readonly name: string;
  /** The case that noticed it; undefined when the suite passed it. */
  readonly caughtBy: string | undefined;
}

/** Runs the quick tier on each mutant of a right backend whose memory the host can read, up to its first failure. */
export async function* checkMutants(backend: Backend, files?: CaseFiles): AsyncGenerator<MutantResult> {
  for (const { name, query, mutate } of mutants) {
    let caughtBy: string | undefined;
    for await (const result of run(mutate(backend), { query, tier: 'quick', files })) {
      if (result.status !== 'fail') continue;
      caughtBy = result.id;
      break;
    }
    yield { name, caughtBy };
  }
}
