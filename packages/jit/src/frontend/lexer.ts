/** TorchScript text to tokens: Python's layout (indentation, brackets), and literals as the text's dialect has them. */
import { CompileError, type Range, type Source } from './source.ts';

/**
 * Archives are read as torch::jit's own parser reads them; what an author writes, as Python does: the two differ in literals
 * and in how strongly some operators bind.
 */
export type Dialect = 'archive' | 'python';

export type TokenKind =
  | 'name'
  | 'keyword'
  | 'number'
  | 'string'
  | 'format'
  | 'symbol'
  | 'newline'
  | 'indent'
  | 'dedent'
  | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** The text; of a string, its value; of a format string (`f'…'`), what stands between the quotes. */
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

const pythonKeywords = new Set([
  ...keywords,
  'async',
  'await',
  'except',
  'finally',
  'from',
  'lambda',
  'try',
  'yield',
]);

const symbols = [
  '...',
  '**=',
  '<<=',
  '>>=',
  '//=',
  ':=',
  '@=',
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
];

const number = /0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?j?/y;
const pythonNumber =
  /0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?j?/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const pythonName = /[\p{L}_][\p{L}\p{N}_]*/uy;
const stringPrefix = /(?:[fF][rR]?|[rR][fFbB]?|[bB][rR]?|[uU])(?=["'])/y;
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
};

/** A comment `# type: …`, with the offset of its `#`. */
export interface TypeComment {
  readonly start: number;
  readonly text: string;
  /** Where the type begins in the text. */
  readonly at: number;
}

export interface Tokens {
  readonly tokens: Token[];
  readonly typeComments: readonly TypeComment[];
}

/**
 * All tokens of a file, or of a window of it; the last is `end`. Throws `CompileError` at text that is no TorchScript.
 */
export function tokenize(
  source: Source,
  dialect: Dialect = 'archive',
  window: readonly [number, number] = [0, source.text.length],
): Tokens {
  const [from, to] = window;
  const text = to === source.text.length ? source.text : source.text.slice(0, to);
  const isPython = dialect === 'python';
  const words = isPython ? pythonKeywords : keywords;
  const tokens: Token[] = [];
  const typeComments: TypeComment[] = [];
  const indents = [0];
  // A window is part of an expression.
  let depth = from > 0 || to < source.text.length ? 1 : 0;
  let i = from;
  let atLineStart = depth === 0;
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

  const comment = (): void => {
    const start = i;
    while (i < text.length && text[i] !== '\n') i++;
    const found = /^#\s*type:\s*(?!ignore)/.exec(text.slice(start, i));
    if (found)
      typeComments.push({
        start,
        text: text.slice(start + found[0].length, i),
        at: start + found[0].length,
      });
  };

  const string = (first: number, prefix: string): number => {
    const start = first + prefix.length;
    const isRaw = /r/i.test(prefix);
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
      if (isRaw) {
        value += text.slice(at, at + 2);
        at += 2;
        continue;
      }
      if (isPython) {
        const [characters, length] = pythonEscape(text, at);
        if (length === 0) fail('invalid escape in a string', at, at + 2);
        value += characters;
        at += length;
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
    if (/b/i.test(prefix)) fail('Unknown Constant expression type', first, at + close.length);
    if (/f/i.test(prefix)) {
      push('format', first, at + close.length, text.slice(start + close.length, at));
      return at + close.length;
    }
    push('string', first, at + close.length, value);
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
        comment();
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
      comment();
      continue;
    }
    if (c === '\\' && text[i + 1] === '\n') {
      i += 2;
      continue;
    }
    if (c === '"' || c === "'") {
      i = string(i, '');
      continue;
    }
    if (isPython) {
      stringPrefix.lastIndex = i;
      const prefix = stringPrefix.exec(text);
      if (prefix) {
        i = string(i, prefix[0]);
        continue;
      }
    }
    const numberPattern = isPython ? pythonNumber : number;
    numberPattern.lastIndex = i;
    const digits = numberPattern.exec(text);
    if (digits) {
      push('number', i, i + digits[0].length);
      i += digits[0].length;
      continue;
    }
    const namePattern = isPython ? pythonName : name;
    namePattern.lastIndex = i;
    const word = namePattern.exec(text);
    if (word) {
      push(words.has(word[0]) ? 'keyword' : 'name', i, i + word[0].length);
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
  return { tokens, typeComments };
}

/** The characters that Python reads a backslash and what follows as, and how long that is in the text. */
export function pythonEscape(text: string, at: number): readonly [characters: string, length: number] {
  const next = text[at + 1];
  if (next === '\n') return ['', 2];
  if (next === undefined) return ['', 0];
  const octal = /^[0-7]{1,3}/.exec(text.slice(at + 1, at + 4));
  if (octal) return [String.fromCharCode(Number.parseInt(octal[0], 8)), 1 + octal[0].length];
  const size = { x: 2, u: 4, U: 8 }[next];
  if (size !== undefined) {
    const digits = text.slice(at + 2, at + 2 + size);
    if (digits.length < size || !/^[0-9a-fA-F]+$/.test(digits)) return ['', 0];
    const code = Number.parseInt(digits, 16);
    return code > 0x10ffff ? ['', 0] : [String.fromCodePoint(code), 2 + size];
  }
  return Object.hasOwn(escapes, next) ? [escapes[next], 2] : [`\\${next}`, 2];
}
