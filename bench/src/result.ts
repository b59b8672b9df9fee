/** What a run says of one system on one workload, and the ratio that is the point of it. */
import type { Session } from './sessions.ts';

export interface Result {
  readonly workload: string;
  readonly system: string;
  readonly threads: number;
  readonly median_ms: number | null;
  readonly min_ms: number | null;
  readonly samples: number;
  readonly role: 'ours' | 'web' | 'native';
  readonly error?: string;
}

const rounded = (ms: number): number => Number(ms.toPrecision(5));

export function summarise({ workload, system, threads, samples, error }: Session): Result {
  const sorted = samples.toSorted((a, b) => a - b);
  const isTimed = !error && sorted.length > 0;
  return {
    workload,
    system: system.name,
    threads,
    median_ms: isTimed ? rounded(sorted[sorted.length >> 1]) : null,
    min_ms: isTimed ? rounded(sorted[0]) : null,
    samples: sorted.length,
    role: system.role,
    ...(error !== undefined && { error }),
  };
}

/** A result as `--json` prints it. */
export const lineOf = ({ workload, system, threads, median_ms, min_ms, error }: Result): string =>
  JSON.stringify({ workload, system, threads, median_ms, min_ms, ...(error !== undefined && { error }) });

type Figure = 'median_ms' | 'min_ms';

/**
 * The best that a page could use instead with as many threads; a peer without threads enters with its time on one. Where
 * no web peer can run the workload: PyTorch from Python.
 */
export function bestPeer(results: readonly Result[], threads: number, figure: Figure): Result | undefined {
  const timed = results.filter((r) => r[figure] !== null);
  const from = (role: (r: Result) => boolean): Result[] => {
    const names = [...new Set(timed.filter(role).map((r) => r.system))];
    return names.flatMap((name) => {
      const same = timed.filter((r) => r.system === name);
      const found = same.find((r) => r.threads === threads) ?? same.find((r) => r.threads === 1);
      return found ? [found] : [];
    });
  };
  const web = from((r) => r.role === 'web');
  const peers = web.length > 0 ? web : from((r) => r.system === 'pytorch');
  return peers.toSorted((a, b) => a[figure]! - b[figure]!)[0];
}

/** Below 1, ours is faster. */
export function ratio(result: Result, results: readonly Result[], figure: Figure): number | undefined {
  const peer = bestPeer(results, result.threads, figure);
  return peer && result[figure] !== null ? result[figure] / peer[figure]! : undefined;
}
