/** What came of a run: counts per layer, and every failure. */
import type { CaseResult } from './run.ts';

export interface LayerCounts {
  passed: number;
  failed: number;
  /** Failures that the backend's expectations explain. */
  expected: number;
  na: number;
}

export interface Report {
  readonly backend: string;
  readonly tier: string;
  readonly seconds: number;
  readonly layers: Readonly<Record<string, LayerCounts>>;
  readonly failures: readonly { readonly id: string; readonly message: string }[];
  /** How many cases were not applicable, by reason. */
  readonly notApplicable: Readonly<Record<string, number>>;
}

export class ReportBuilder {
  private readonly layers: Record<string, LayerCounts> = {};
  private readonly failures: { id: string; message: string }[] = [];
  private readonly notApplicable: Record<string, number> = {};
  private readonly start: number = performance.now();

  constructor(
    private readonly backend: string,
    private readonly tier: string,
  ) {}

  add({ id, layer, status, message = '' }: CaseResult): void {
    const counts = (this.layers[layer] ??= { passed: 0, failed: 0, expected: 0, na: 0 });
    if (status === 'pass') counts.passed++;
    else if (status === 'expected') counts.expected++;
    else if (status === 'na') {
      counts.na++;
      this.notApplicable[message] = (this.notApplicable[message] ?? 0) + 1;
    } else {
      counts.failed++;
      this.failures.push({ id, message });
    }
  }

  report(): Report {
    const { backend, tier, layers, failures, notApplicable } = this;
    const seconds = Math.round((performance.now() - this.start) / 100) / 10;
    return { backend, tier, seconds, layers, failures, notApplicable };
  }
}

/** A few lines of text: a table of the layers. */
export function summary({ backend, tier, seconds, layers }: Report): string {
  const rows = Object.entries(layers).map(([name, c]) =>
    [name, c.passed, c.failed, c.expected, c.na]
      .map((cell, i) =>
        String(cell)
          .padStart(i ? 9 : -12)
          .padEnd(i ? 0 : 12),
      )
      .join(''),
  );
  const head = ['layer', 'passed', 'failed', 'expected', 'n/a']
    .map((cell, i) => (i ? cell.padStart(9) : cell.padEnd(12)))
    .join('');
  return [`${backend}, ${tier} tier, ${seconds} s`, head, ...rows].join('\n');
}
