/**
 * Expected failures, in a file beside the backend: lines `fail <query>  # reason`. The suite never names a backend;
 * a backend names the cases that it fails, and why.
 */
import { type CaseId, parseQuery, type Query } from './query.ts';

interface Expectation {
  readonly line: number;
  readonly query: string;
  readonly reason: string;
  readonly matches: Query;
  used: boolean;
}

export class Expectations {
  private readonly list: readonly Expectation[];

  /** Throws for a line that it cannot read, or that gives no reason. */
  constructor(text: string) {
    this.list = text.split('\n').flatMap((raw, i) => {
      const line = raw.trim();
      if (line === '' || line.startsWith('#')) return [];
      const match = /^fail\s+(\S+)\s+#\s*(\S.*)$/.exec(line);
      if (!match)
        throw new Error(
          `conformance.expect, line ${i + 1}: expected 'fail <query>  # reason', found '${line}'`,
        );
      const [, query, reason] = match;
      return [{ line: i + 1, query, reason, matches: parseQuery(query), used: false }];
    });
  }

  /** The reason why this case is expected to fail, or undefined. Asked for every case that exists, run or not. */
  reasonFor(id: CaseId): string | undefined {
    let reason: string | undefined;
    for (const expectation of this.list) {
      if (!expectation.matches(id)) continue;
      expectation.used = true;
      reason ??= expectation.reason;
    }
    return reason;
  }

  /** Lines about these layers that match no case. */
  unused(layers: readonly string[]): string[] {
    return this.list
      .filter(
        ({ used, query }) =>
          !used && layers.some((layer) => parseQuery(query.split(':')[0])({ layer, name: '', params: {} })),
      )
      .map(({ line, query }) => `line ${line}: '${query}' matches no case`);
  }
}
