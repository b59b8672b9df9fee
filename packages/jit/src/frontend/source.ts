/** A piece of TorchScript text and positions in it, for error messages and the `# file:line:col` of graphs. */
import { TorchError } from '@sconce/core';

export class Source {
  private lineStarts?: number[];

  constructor(
    readonly text: string,
    readonly filename: string,
    /** Maps a position in this text to where it came from (the archive's `.debug_pkl`), when that is known. */
    readonly original?: (offset: number) => { source: Source; offset: number; end?: number } | undefined,
    /** How many lines of the file stand before this text. */
    readonly firstLine: number = 0,
  ) {}

  /** 1-based line and 0-based column of a character offset. */
  position(offset: number): { line: number; column: number } {
    if (!this.lineStarts) {
      this.lineStarts = [0];
      for (let i = 0; i < this.text.length; i++) if (this.text[i] === '\n') this.lineStarts.push(i + 1);
    }
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.lineStarts[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: this.firstLine + low + 1, column: offset - this.lineStarts[low] };
  }
}

export interface Range {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** `file:line:col`, as graphs print it: the original place where the archive has debug records, `:0:0` where those know none. */
export function location(range: Range): string {
  const from = range.source.original?.(range.start);
  const source = from?.source ?? range.source;
  const { line, column } = source.position(from?.offset ?? range.start);
  return source.filename === '' ? ':0:0' : `${source.filename}:${line}:${column}`;
}

/** The lines around a range with its text underlined, as PyTorch shows them below a message. */
export function highlight(range: Range): string {
  const { text, filename } = range.source;
  const line = range.source.position(range.start).line - range.source.firstLine;
  const lines = text.split('\n');
  const first = Math.max(0, line - 4);
  const column = range.start - (text.lastIndexOf('\n', range.start - 1) + 1);
  const width = Math.max(1, Math.min(range.end - range.start, (lines[line - 1] ?? '').length - column));
  return [
    `  File "${filename}", line ${line}`,
    ...lines.slice(first, line),
    `${' '.repeat(column)}${'~'.repeat(width)} <--- HERE`,
    ...lines.slice(line, line + 3),
  ].join('\n');
}

/** TorchScript text, or an archive, that PyTorch would not accept; the message ends with the place in the text. */
export class CompileError extends TorchError {
  override name = 'CompileError';
  constructor(
    message: string,
    readonly range?: Range,
  ) {
    super(range ? `${message}:\n${highlight(range)}` : message);
  }
}
