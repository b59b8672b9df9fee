/** One workload's results as text. */
import { bestPeer, type Result, ratio } from './result.ts';
import { workloads } from './workloads.ts';

export const duration = (ms: number): string =>
  ms < 0.1 ? `${(ms * 1000).toFixed(2)} µs` : `${ms < 10 ? ms.toFixed(3) : ms.toFixed(1)} ms`;

export function printTable(workload: string, results: readonly Result[]): void {
  console.log(`\n${workload}: ${workloads[workload].title}`);
  for (const threads of new Set(results.map((r) => r.threads))) {
    const peer = bestPeer(results, threads, 'median_ms');
    const best = peer ? `, ratios to ${peer.system}` : '';
    console.log(`  ${threads === 1 ? '1 thread' : `${threads} threads`}${best}`);
    console.log(`    ${''.padEnd(24)}${'median'.padStart(12)}${'min'.padStart(12)}   ratio   of minima`);
    for (const result of results.filter((r) => r.threads === threads)) {
      const { system, median_ms, min_ms, error } = result;
      if (median_ms === null || min_ms === null) {
        console.log(`    ${system.padEnd(24)}  ${error ?? 'not timed'}`);
        continue;
      }
      const shown = (figure: 'median_ms' | 'min_ms') =>
        ratio(result, results, figure)?.toFixed(2).padStart(6) ?? '';
      console.log(
        `    ${system.padEnd(24)}${duration(median_ms).padStart(12)}${duration(min_ms).padStart(12)}  ${shown('median_ms')}      ${shown('min_ms')}`,
      );
    }
  }
}
