/** A text's tokens as parsers take them: looked at, accepted or refused, with the places of what was read. */
import { defaultLimits, type Limits } from '../limits.ts';
import type { Block, Expr } from './ast.ts';
import { type Dialect, type Token, type TypeComment, tokenize } from './lexer.ts';
import { CompileError, type Range, type Source } from './source.ts';

export interface ParseOptions {
  readonly dialect?: Dialect;
  readonly limits?: Limits;
  /** Whether the text may be run as Python as well: it may hold what only Python takes. */
  readonly isRun?: boolean;
}

/** Reads tokens one after another; all parsing is built on it. */
export class TokenReader {
  protected readonly tokens: readonly Token[];
  protected readonly typeComments: readonly TypeComment[];
  protected readonly isPython: boolean;
  protected isRun: boolean;
  protected readonly limits: Limits;
  protected position = 0;

  constructor(
    protected readonly source: Source,
    protected readonly options: ParseOptions = {},
    window?: readonly [number, number],
    protected depth = 0,
  ) {
    this.limits = options.limits ?? defaultLimits;
    if (source.text.length > this.limits.source)
      throw new CompileError(
        `the text has ${source.text.length} characters; the limit \`source\` is ${this.limits.source}`,
      );
    this.isPython = options.dialect === 'python';
    this.isRun = options.isRun ?? false;
    const { tokens, typeComments } = tokenize(source, options.dialect, window);
    this.tokens = tokens;
    this.typeComments = typeComments;
  }

  peek(offset = 0): Token {
    return this.tokens[Math.min(this.position + offset, this.tokens.length - 1)];
  }

  is(text: string, offset = 0): boolean {
    const token = this.peek(offset);
    return token.text === text && (token.kind === 'symbol' || token.kind === 'keyword');
  }

  next(): Token {
    const token = this.peek();
    this.position++;
    return token;
  }

  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.position++;
    return true;
  }

  fail(message: string, token = this.peek()): never {
    throw new CompileError(message, { source: this.source, start: token.start, end: token.end });
  }

  expect(text: string): Token {
    if (!this.is(text))
      this.fail(`expected ${text} but found '${this.peek().text || this.peek().kind}' here`);
    return this.next();
  }

  expectKind(kind: Token['kind']): Token {
    if (this.peek().kind !== kind)
      this.fail(`expected ${kind} but found '${this.peek().text || this.peek().kind}' here`);
    return this.next();
  }

  from(start: number): Range {
    return { source: this.source, start, end: this.tokens[Math.max(0, this.position - 1)].end };
  }

  /** From a place to the end of what was read last; in Python's tree to the end of its last part. */
  through(start: number, last: Expr | undefined): Range {
    return this.isPython && last ? { source: this.source, start, end: last.range.end } : this.from(start);
  }

  /** The range of something in brackets, which Python's own tree ends before the closing one. */
  bracketed(start: number, parts: readonly Expr[]): Range {
    if (!this.isPython) return this.from(start);
    const end = parts.length > 0 ? Math.max(...parts.map(({ range }) => range.end)) : start + 1;
    return { source: this.source, start, end };
  }

  /** The range of a statement with all that is in it; of an archive's its head alone. */
  with(range: Range, ...blocks: Block[]): Range {
    if (!this.isPython) return range;
    const ends = blocks.flatMap((block) => block.map((statement) => statement.range.end));
    return { ...range, end: Math.max(range.end, ...ends) };
  }

  deeper<T>(parse: () => T): T {
    if (++this.depth > this.limits.nesting)
      this.fail(`the text is nested more than ${this.limits.nesting} deep (the limit \`nesting\`)`);
    const result = parse();
    this.depth--;
    return result;
  }

  refuse(message: string, at: number = this.peek().start, length?: number): never {
    const end = length === undefined ? Math.max(this.peek().end, at + 1) : at + length;
    throw new CompileError(message, { source: this.source, start: at, end });
  }
}
