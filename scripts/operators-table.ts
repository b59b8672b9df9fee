/**
 * Writes docs/operators.md: what the conformance suite found of every operator, by backend and dtype.
 *
 *   npx tsx --conditions=sconce-source scripts/operators-table.ts REPORT.json …   from the command's --json reports
 *   npx tsx --conditions=sconce-source scripts/operators-table.ts --check         every operator of core is in the table
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { OperatorCounts, Report } from '../conformance/src/index.ts';
import { allOperators } from '../packages/core/src/index.ts';

const page = new URL('../docs/operators.md', import.meta.url);

/** In the order of a report's columns, with the short names that the table uses. */
const dtypes = {
  bool: 'bool',
  uint8: 'u8',
  int8: 'i8',
  int16: 'i16',
  int32: 'i32',
  int64: 'i64',
  float16: 'f16',
  bfloat16: 'bf16',
  float32: 'f32',
  float64: 'f64',
} as const;

const nameOf = ({ namespace, base }: { namespace: string; base: string }): string =>
  namespace === 'aten' ? base : `${namespace}/${base}`;

/** Operators of core by name without overload, an in-place form (`relu_`) with its operator where it has one. */
function operatorRows(): Map<string, string[]> {
  const names = new Set([...allOperators()].map(({ schema }) => nameOf(schema)));
  const rows = new Map<string, string[]>();
  for (const name of [...names].sort()) {
    const base = name.replace(/_$/, '');
    const row = base !== name && names.has(base) ? base : name;
    rows.set(row, [...(rows.get(row) ?? []), name]);
  }
  return rows;
}

class Reasons {
  readonly list: string[] = [];

  numberOf(reason: string): number {
    // Reasons of the same kind differ in what they quote.
    const kind = reason.replace(/:.*differs from.*|: (result|RuntimeError|input|.*want).*$/, '');
    const at = this.list.indexOf(kind);
    return at >= 0 ? at + 1 : this.list.push(kind);
  }
}

type Counts = Map<string, [passed: number, failed: number, expected: number, na: number]>;

/** What a report says of the names of a row together. */
function countsOf({ operators }: Report, names: readonly string[]): Counts {
  const counts: Counts = new Map();
  for (const name of names)
    for (const [dtype, more] of Object.entries<OperatorCounts>(operators[name] ?? {})) {
      const sum = counts.get(dtype) ?? [0, 0, 0, 0];
      counts.set(dtype, sum.map((n, i) => n + more[i]) as [number, number, number, number]);
    }
  return counts;
}

/** `all`, `all but f64`, `f32 f64`; what fails, and the number of the reason. */
function cellOf(report: Report, names: readonly string[], reasons: Reasons): string {
  const counts = countsOf(report, names);
  const [right, lacking, wrong]: [string[], string[], string[]] = [[], [], []];
  for (const [dtype, short] of Object.entries(dtypes)) {
    const found = counts.get(dtype);
    if (!found) continue;
    const [passed, failed, expected] = found;
    if (failed + expected > 0)
      wrong.push(`${short} ${failed + expected} of ${passed + failed + expected} fail`);
    (passed > 0 || failed + expected > 0 ? right : lacking).push(short);
  }
  if (right.length + lacking.length === 0) return '';
  const works =
    right.length === 0
      ? 'none'
      : lacking.length === 0
        ? 'all'
        : lacking.length <= 3
          ? `all but ${lacking.join(' ')}`
          : right.join(' ');
  const why = [
    ...new Set(names.flatMap((name) => report.reasons[name] ?? []).map((r) => reasons.numberOf(r))),
  ];
  const note = why.length > 0 ? ` [${why.sort((a, b) => a - b).join(', ')}]` : '';
  return `${works}${wrong.length > 0 ? `; ${wrong.join(', ')}` : ''}${note}`;
}

/** Several runs of one backend in one place are one. */
function joined(reports: readonly Report[]): Report[] {
  const byPlace = new Map<string, Report>();
  for (const report of reports) {
    const key = `${report.backend} in ${report.where}`;
    const before = byPlace.get(key);
    byPlace.set(
      key,
      before
        ? {
            ...before,
            tier: before.tier === report.tier ? report.tier : 'full, large models quick',
            layers: { ...before.layers, ...report.layers },
            operators: { ...before.operators, ...report.operators },
            reasons: { ...before.reasons, ...report.reasons },
          }
        : report,
    );
  }
  return [...byPlace.values()];
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

function write(files: readonly string[]): void {
  const reports = joined(files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report));
  const columns = reports.filter(({ where }) => /^Node /.test(where));
  const reasons = new Reasons();
  const rows = operatorRows();
  const tested = [...rows].map(([row, names]) => {
    const has = new Set(columns.flatMap((report) => [...countsOf(report, names).keys()]));
    const short = Object.entries(dtypes).flatMap(([dtype, name]) => (has.has(dtype) ? [name] : []));
    return {
      row: `\`${row}\`${names.length > 1 ? ' `_`' : ''}`,
      dtypes: short,
      cells: columns.map((report) => cellOf(report, names, reasons)),
    };
  });
  const known = new Set([...rows.values()].flat());
  const absent = [...new Set(columns.flatMap((report) => Object.keys(report.operators)))]
    .filter((name) => !known.has(name))
    .sort();
  const places = reports.map(({ backend, where, tier, layers }) => {
    const sum = (key: 'passed' | 'failed' | 'expected' | 'na') =>
      String(Object.values(layers).reduce((total, counts) => total + counts[key], 0));
    return [backend, where, tier, sum('passed'), sum('failed'), sum('expected'), sum('na')];
  });
  const allDTypes = Object.entries(dtypes).map(([dtype, short]) => `${short} ${dtype}`);
  const withCases = tested.filter(({ dtypes: list }) => list.length > 0);
  const without = tested.filter(({ dtypes: list }) => list.length === 0);
  writeFileSync(
    page,
    `<!-- Written by scripts/operators-table.ts from the conformance suite's reports. Do not edit. -->
# Operators, backends, dtypes

Every operator of core, and what the conformance suite found of it on each backend. ${known.size} operators in ${rows.size} rows; \`_\` marks
one that has an in-place form too. \`dtypes\` are those that its cases have, in PyTorch's own samples: ${allDTypes.join(', ')}.
A backend's column says on which of these it passes every case: \`all\`, or which not. Numbers are reasons, below the table.

${table(['backend', 'where', 'tier', 'passed', 'failed', 'expected failures', 'n/a'], places)}

A case is n/a where the backend declares to lack what it needs: webgpu has no float64 (WGSL has none: use \`.to('float32')\`, or another
backend), and takes float32 numbers below 2^-126 for 0.

${table(
  ['operator', 'dtypes', ...columns.map(({ backend }) => backend)],
  withCases.map(({ row, dtypes: list, cells }) => [row, list.join(' '), ...cells]),
)}

## Reasons

${reasons.list.map((reason, i) => `${i + 1}. ${reason}`).join('\n')}

## Operators without cases of their own

Factories, draws of random numbers, questions about a tensor, second names and parts of other operators: the other layers of the suite use
them (\`nn\`, \`jit\`, \`aliasing\`, \`training\`, \`ops:edges.*\`), and \`conformance/test/operators\` checks some by themselves.

${without.map(({ row }) => row).join(', ')}

## Operators that the suite has cases for and core does not have

${absent.map((name) => `\`${name}\``).join(', ')}
`,
  );
  console.log(
    `docs/operators.md: ${rows.size} rows, ${columns.length} backends, ${reasons.list.length} reasons`,
  );
}

/** Names that the table lacks, or has though core does not. */
function check(): number {
  const text = readFileSync(page, 'utf8');
  const missing = [...operatorRows().keys()].filter((row) => !text.includes(`\`${row}\``));
  for (const row of missing)
    console.error(`docs/operators.md lacks \`${row}\`: run the suite and scripts/operators-table.ts`);
  return missing.length;
}

const args = process.argv.slice(2);
if (args[0] === '--check') process.exitCode = check() > 0 ? 1 : 0;
else if (args.length > 0) write(args);
else {
  console.error('scripts/operators-table.ts REPORT.json … | --check');
  process.exitCode = 2;
}
