/** What came of a run: counts per layer, and every failure. */
import type { CaseResult } from './run.ts';

export interface LayerCounts {
  passed: number;
  failed: number;
  /** Failures that the backend's expectations explain. */
  expected: number;
  na: number;
}

/** Of one operator and dtype: how many cases passed, failed, failed as expected, and were not applicable. */
export type OperatorCounts = readonly [passed: number, failed: number, expected: number, na: number];

export interface Report {
  readonly backend: string;
  /** Where the backend ran: `Node 20.20.2`, `Chromium 140, not cross-origin isolated`. */
  readonly where: string;
  readonly tier: string;
  readonly seconds: number;
  readonly layers: Readonly<Record<string, LayerCounts>>;
  readonly failures: readonly { readonly id: string; readonly message: string }[];
  /** How many cases were not applicable, by reason. */
  readonly notApplicable: Readonly<Record<string, number>>;
  /** Of the `ops` layer, by operator without its overload and by dtype. */
  readonly operators: Readonly<Record<string, Readonly<Record<string, OperatorCounts>>>>;
  /** Why cases of an operator fail as expected, or are not applicable; each reason once. */
  readonly reasons: Readonly<Record<string, readonly string[]>>;
}

const places = { pass: 0, fail: 1, expected: 2, na: 3 } as const;

export class ReportBuilder {
  private readonly layers: Record<string, LayerCounts> = {};
  private readonly failures: { id: string; message: string }[] = [];
  private readonly notApplicable: Record<string, number> = {};
  private readonly operators: Record<string, Record<string, [number, number, number, number]>> = {};
  private readonly reasons: Record<string, string[]> = {};
  private readonly start: number = performance.now();

  constructor(
    private readonly backend: string,
    private readonly tier: string,
    private readonly where: string = '',
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
    if (layer === 'ops' && !id.startsWith('ops:edges.')) this.addOperator(id, status, message);
  }

  private addOperator(id: string, status: CaseResult['status'], message: string): void {
    const [, name = '', dtype = ''] = /^ops:([^.:]+)[^:]*:dtype=(\w+)/.exec(id) ?? [];
    const counts = ((this.operators[name] ??= {})[dtype] ??= [0, 0, 0, 0]);
    counts[places[status]]++;
    // The table shows by itself which dtypes a backend lacks.
    if ((status !== 'expected' && status !== 'na') || message.startsWith('dtype ')) return;
    const reasons = (this.reasons[name] ??= []);
    if (!reasons.includes(message)) reasons.push(message);
  }

  report(): Report {
    const { backend, where, tier, layers, failures, notApplicable, operators, reasons } = this;
    const seconds = Math.round((performance.now() - this.start) / 100) / 10;
    return { backend, where, tier, seconds, layers, failures, notApplicable, operators, reasons };
  }
}

/** A few lines of text: a table of the layers. */
export function summary({ backend, where, tier, seconds, layers }: Report): string {
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
  return [`${backend}${where && ` in ${where}`}, ${tier} tier, ${seconds} s`, head, ...rows].join('\n');
}
