/** TorchScript text to tokens: Python's layout (indentation, brackets) and literals as torch::jit's lexer reads them. */
import { CompileError, type Range, type Source } from './source.ts';

export type TokenKind =
  | 'name'
  | 'keyword'
  | 'number'
  | 'string'
  | 'symbol'
  | 'newline'
  | 'indent'
  | 'dedent'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** The text; of a string, its value. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const keywords = new Set(
  (
    'and as assert break class continue def del elif else False for from global if import in is None nonlocal not or pass ' +
    'raise return True while with'
  ).split(' '),
);

const symbols = [
  '...',
  '**=',
  '<<=',
  '>>=',
  '->',
  '**',
  '//',
  '<<',
  '>>',
  '<=',
  '>=',
  '==',
  '!=',
  '+=',
  '-=',
  '*=',
  '/=',
  '%=',
  '|=',
  '&=',
  '^=',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '.',
  ';',
  '=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '@',
  '<',
  '>',
  '|',
  '&',
  '^',
  '~',
  '!',
]; // prettier-ignore

const number = /0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j?/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const escapes: Record<string, string> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  v: '\v',
  t: '\t',
  r: '\r',
}; // prettier-ignore

/** All tokens of a file; the last is `end`. Throws `CompileError` at text that is no TorchScript. */
export function tokenize(source: Source): Token[] {
  const { text } = source;
  const tokens: Token[] = [];
  const indents = [0];
  let depth = 0;
  let i = 0;
  let atLineStart = true;
  const fail = (message: string, start: number, end = start + 1): never => {
    throw new CompileError(message, { source, start, end } satisfies Range);
  };
  const push = (kind: TokenKind, start: number, end: number, value = text.slice(start, end)) =>
    tokens.push({ kind, text: value, start, end });

  const layout = (width: number, at: number) => {
    if (width > indents[indents.length - 1]) {
      indents.push(width);
      push('indent', at, at);
    }
    while (width < indents[indents.length - 1]) {
      indents.pop();
      push('dedent', at, at);
      if (width > indents[indents.length - 1]) fail('invalid indent level', at);
    }
  };

  const string = (start: number): number => {
    const quote = text[start];
    const triple = text.startsWith(quote.repeat(3), start);
    const close = triple ? quote.repeat(3) : quote;
    let value = '';
    let at = start + close.length;
    for (;;) {
      if (at >= text.length || (!triple && text[at] === '\n')) fail('unterminated string', start, at);
      if (text.startsWith(close, at)) break;
      if (text[at] !== '\\') {
        value += text[at++];
        continue;
      }
      const octal = /[0-7]{3}/y;
      octal.lastIndex = at + 1;
      const digits = octal.exec(text);
      const next = text[at + 1];
      if (digits) {
        value += String.fromCharCode(Number.parseInt(digits[0], 8) & 255);
        at += 4;
      } else if (next === '\n') at += 2;
      else if (next !== undefined && Object.hasOwn(escapes, next)) {
        value += escapes[next];
        at += 2;
      } else fail('octal escaped character or a known escape expected after \\', at, at + 2);
    }
    push('string', start, at + close.length, value);
    return at + close.length;
  };

  while (i < text.length) {
    if (atLineStart && depth === 0) {
      let width = 0;
      while (text[i] === ' ' || text[i] === '\t') {
        width++;
        i++;
      }
      if (text[i] === '\r' && text[i + 1] === '\n') i++;
      if (text[i] === '\n') {
        i++;
        continue;
      }
      if (text[i] === '#') {
        while (i < text.length && text[i] !== '\n') i++;
        continue;
      }
      if (i >= text.length) break;
      layout(width, i);
      atLineStart = false;
    }
    const c = text[i];
    if (c === '\n') {
      i++;
      if (depth > 0) continue;
      push('newline', i - 1, i);
      atLineStart = true;
      continue;
    }
    if (c === ' ' || c === '\t' || c === '\r') {
      i++;
      continue;
    }
    if (c === '#') {
      while (i < text.length && text[i] !== '\n') i++;
      continue;
    }
    if (c === '\\' && text[i + 1] === '\n') {
      i += 2;
      continue;
    }
    if (c === '"' || c === "'") {
      i = string(i);
      continue;
    }
    number.lastIndex = i;
    const digits = number.exec(text);
    if (digits) {
      push('number', i, i + digits[0].length);
      i += digits[0].length;
      continue;
    }
    name.lastIndex = i;
    const word = name.exec(text);
    if (word) {
      push(keywords.has(word[0]) ? 'keyword' : 'name', i, i + word[0].length);
      i += word[0].length;
      continue;
    }
    const symbol = symbols.find((s) => text.startsWith(s, i));
    if (!symbol) {
      fail(`unexpected character ${JSON.stringify(c)}`, i);
      break;
    }
    if ('([{'.includes(symbol)) depth++;
    if (')]}'.includes(symbol)) depth = Math.max(0, depth - 1);
    push('symbol', i, i + symbol.length);
    i += symbol.length;
  }
  if (!atLineStart) push('newline', i, i);
  layout(0, i);
  push('end', i, i);
  return tokens;
}
