/** A piece of TorchScript text and positions in it, for error messages and the `# file:line:col` of graphs. */
import { TorchError } from '@sconce/core';

export class Source {
  private lineStarts?: number[];
  /** Where each function of the text begins and ends: a message shows no more than the one it is about. */
  readonly sections: (readonly [start: number, end: number])[] = [];

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

/** How many lines stand before and after those that a message underlines. */
const contextLines = 2;

/** The lines around a range with its text underlined, as PyTorch shows them below a message. */
export function highlight({ source, start, end }: Range): string {
  const { text, filename, firstLine } = source;
  const { line } = source.position(start);
  const lines = text.split('\n');
  if (lines[lines.length - 1] === '') lines.pop();
  const first = line - firstLine - 1;
  const last = source.position(Math.max(start, Math.min(end, text.length) - 1)).line - firstLine - 1;
  const shown = [`  File "${filename}", line ${line}`];
  const [from0, to0] = source.sections.find(([from, to]) => from <= start && start < to) ?? [0, text.length];
  let offset = 0;
  lines.forEach((content, i) => {
    const isInside = offset + content.length >= from0 && offset < to0;
    if (i >= first - contextLines && i <= last + contextLines && (isInside || (i >= first && i <= last)))
      shown.push(content);
    if (i >= first && i <= last) {
      const from = i === first ? start - offset : content.length - content.trimStart().length;
      const to = Math.min(content.length, i === last ? end - offset : content.length);
      if (to > from) {
        const marks = ' '.repeat(from) + '~'.repeat(to - from);
        shown.push(i === last ? `${marks} <--- HERE` : marks);
      }
    }
    offset += content.length + 1;
  });
  return shown.join('\n');
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

  /** Says which call had the function compiled that the error is in. */
  calledFrom(callee: string, caller: string, range: Range): this {
    this.message += `\n'${callee}' is being compiled since it was called from '${caller}'\n${highlight(range)}`;
    return this;
  }
}
