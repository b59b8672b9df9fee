/** Events of one name taken together, and the table that shows them: PyTorch's `key_averages().table()`, byte for byte. */
import { TorchError } from '@sconce/core';
import type { EventKind, FunctionEvent } from './event.ts';

/** All events of one name (and, on request, of one list of input shapes). Times in microseconds. */
export class FunctionEventAvg {
  count = 0;
  cpu_time_total = 0;
  self_cpu_time_total = 0;

  constructor(
    readonly key: string,
    readonly kind: EventKind,
    readonly input_shapes: readonly (readonly number[])[] | undefined,
  ) {}

  add(event: FunctionEvent): void {
    this.count++;
    this.cpu_time_total += event.cpu_time_total;
    this.self_cpu_time_total += event.self_cpu_time_total;
  }

  /** The mean of a call. */
  get cpu_time(): number {
    return this.count === 0 ? 0 : this.cpu_time_total / this.count;
  }

  get self_cpu_time(): number {
    return this.count === 0 ? 0 : this.self_cpu_time_total / this.count;
  }
}

const sortKeys = ['cpu_time', 'cpu_time_total', 'self_cpu_time', 'self_cpu_time_total', 'count'] as const;
export type SortKey = (typeof sortKeys)[number];

export interface TableOptions {
  /** Largest first; without it, in the order in which they first ran. */
  readonly sort_by?: SortKey | null;
  readonly row_limit?: number;
  readonly max_name_column_width?: number;
  readonly max_shapes_column_width?: number;
  readonly header?: string | null;
}

const time = (us: number): string =>
  us >= 1e6 ? `${(us / 1e6).toFixed(3)}s` : us >= 1e3 ? `${(us / 1e3).toFixed(3)}ms` : `${us.toFixed(3)}us`;

const percent = (us: number, of: number): string => `${of === 0 ? 'nan' : ((us * 100) / of).toFixed(2)}%`;

const shorten = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 3)}...` : text;

const shapesText = (shapes: readonly (readonly number[])[]): string =>
  `[${shapes.map((s) => `[${s.join(', ')}]`).join(', ')}]`;

/** The list that `key_averages` gives. */
export class EventList extends Array<FunctionEventAvg> {
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }

  /** Notes below the table. */
  notes: readonly string[] = [];

  /** What all of it took, each moment once, in microseconds. */
  get self_cpu_time_total(): number {
    return this.reduce((sum, event) => sum + event.self_cpu_time_total, 0);
  }

  table(options: TableOptions = {}): string {
    const { sort_by = null, row_limit = 100, header = null } = options;
    const { max_name_column_width = 55, max_shapes_column_width = 80 } = options;
    if (sort_by !== null && !sortKeys.includes(sort_by))
      throw new TorchError(`table: cannot sort by '${sort_by}': there are ${sortKeys.join(', ')}`);
    if (this.length === 0) return '';
    const rows = sort_by === null ? [...this] : this.toSorted((a, b) => b[sort_by] - a[sort_by]);
    const widest = (texts: readonly string[], most: number): number =>
      Math.min(Math.max(...texts.map((text) => text.length)) + 4, most);
    const withShapes = this.some((e) => e.input_shapes !== undefined);
    const shapes = (e: FunctionEventAvg): string => shapesText(e.input_shapes ?? []);
    const names = this.map((e) => e.key);
    const nameWidth = widest(names, max_name_column_width);
    const shapesWidth = withShapes ? widest(this.map(shapes), max_shapes_column_width) : 0;
    const widths = [nameWidth, 12, 12, 12, 12, 12, 12, ...(withShapes ? [shapesWidth] : [])];
    const line = (cells: readonly string[]): string =>
      cells.map((cell, i) => `${cell.padStart(widths[i])}  `).join('');
    const rule = widths.map((width) => `${'-'.repeat(width)}  `).join('');
    const total = this.self_cpu_time_total;
    const head = ['Name', 'Self CPU %', 'Self CPU', 'CPU total %', 'CPU total', 'CPU time avg', '# of Calls'];
    const body = rows
      .slice(0, row_limit < 0 ? undefined : row_limit)
      .map((e) => [
        shorten(e.key, nameWidth),
        percent(e.self_cpu_time_total, total),
        time(e.self_cpu_time_total),
        percent(e.cpu_time_total, total),
        time(e.cpu_time_total),
        time(e.cpu_time),
        String(e.count),
        ...(withShapes ? [shorten(shapes(e), shapesWidth)] : []),
      ]);
    return [
      ...(header === null ? [] : ['='.repeat(rule.length - 2), header]),
      rule,
      line([...head, ...(withShapes ? ['Input Shapes'] : [])]),
      rule,
      ...body.map(line),
      rule,
      `Self CPU time total: ${time(total)}`,
      ...this.notes,
      '',
    ].join('\n');
  }
}

/** Groups by name; by input shapes too where `byShape`. */
export function averagesOf(events: readonly FunctionEvent[], byShape: boolean): EventList {
  const groups = new Map<string, FunctionEventAvg>();
  for (const event of events) {
    const shapes = byShape ? (event.input_shapes ?? []) : undefined;
    const key = `${event.name} ${shapes ? shapesText(shapes) : ''}`;
    let group = groups.get(key);
    if (!group) groups.set(key, (group = new FunctionEventAvg(event.name, event.kind, shapes)));
    group.add(event);
  }
  const list = new EventList();
  list.push(...groups.values());
  return list;
}
