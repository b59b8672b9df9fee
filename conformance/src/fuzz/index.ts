/**
 * A differential fuzzer: random chains of operators with views, in-place writes and gradients, on a backend and on the
 * reference. What differs is shrunk to the shortest program that does.
 */
import { type Backend, scope, set_fusion_enabled } from '@sconce/core';
import { check, expectedOf, type Target } from './check.ts';
import { generate } from './generate.ts';
import { codeOf, type Program } from './program.ts';
import { shrink } from './shrink.ts';

export { codeOf, type Program, type Target };

export interface Finding {
  /** Gives the program again: `pnpm fuzz --seed SEED --programs 1`. */
  readonly seed: number;
  readonly target: string;
  readonly program: Program;
  /** What was got and what was expected, in a line. */
  readonly difference: string;
}

export interface FuzzOptions {
  /** The first program's; the next have the numbers after it. */
  readonly seed: number;
  readonly programs: number;
  /** Stops between programs. */
  readonly until?: () => boolean;
  readonly onfinding?: (finding: Finding) => void;
}

export interface FuzzResult {
  readonly programs: number;
  readonly statements: number;
  readonly findings: readonly Finding[];
  /** Runs of a program on a target that lacks what it needs. */
  readonly skipped: number;
}

/** A backend as it is, and with every pointwise call deferred. */
export const targetsOf = (backend: Backend): Target[] => [
  { name: backend.name, backend },
  {
    name: `${backend.name}, all deferred`,
    backend,
    enter: () => {
      const before = set_fusion_enabled(true);
      return () => void set_fusion_enabled(before);
    },
  },
];

export function fuzz(reference: Backend, targets: readonly Target[], options: FuzzOptions): FuzzResult {
  const findings: Finding[] = [];
  let [statements, skipped, programs] = [0, 0, 0];
  for (; programs < options.programs && !options.until?.(); programs++) {
    const seed = options.seed + programs;
    const program = scope(() => generate(seed, reference));
    statements += program.length;
    const expected = expectedOf(program, reference);
    if (!expected) continue;
    for (const target of targets) {
      const difference = check(program, target, expected);
      if (difference === 'skipped') skipped++;
      if (difference === undefined || difference === 'skipped') continue;
      const wrong = (candidate: Program): string | undefined => {
        const right = expectedOf(candidate, reference);
        const found = right && check(candidate, target, right);
        return found === 'skipped' ? undefined : found;
      };
      const shortest = shrink(program, (candidate) => wrong(candidate) !== undefined);
      const finding = {
        seed,
        target: target.name,
        program: shortest,
        difference: wrong(shortest) ?? difference,
      };
      findings.push(finding);
      options.onfinding?.(finding);
    }
  }
  return { programs, statements, findings, skipped };
}
