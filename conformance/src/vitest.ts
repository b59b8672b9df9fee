/** The suite under vitest: one test per operator or kernel, which lists the cases that failed. */
import type { Backend } from '@sconce/core';
import { type CaseResult, type RunOptions, run } from './run.ts';

/** The part of vitest's `describe` and `it` that is used, so that the suite depends on no test framework. */
export interface Framework {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>, timeout: number): void;
}

/** Adds a test per layer, such as `conformance: ops`, to the file that calls it. */
export function conformanceTests(
  { describe, it }: Framework,
  backend: Backend,
  layers: readonly string[],
  options: RunOptions & { readonly timeout?: number } = {},
): void {
  describe(`conformance of ${backend.name}`, () => {
    for (const layer of layers)
      it(
        `passes the cases of the layer ${layer}`,
        async () => {
          const failures: CaseResult[] = [];
          let count = 0;
          for await (const result of run(backend, { ...options, query: options.query ?? layer })) {
            count++;
            if (result.status === 'fail') failures.push(result);
          }
          if (count === 0) throw new Error(`no case was run: ${layer}`);
          if (failures.length === 0) return;
          const [first] = failures;
          const others = failures.slice(1, 20).map(({ id }) => `\n  ${id}`);
          throw new Error(
            `${failures.length} of ${count} cases failed\n${first.id}\n${first.message}${others.join('')}`,
          );
        },
        options.timeout ?? 600_000,
      );
  });
}
