/** Expressions: torch::jit's grammar for archives, whose precedences differ from Python's, and Python's for an author's text. */
import type { Expr, Keyword } from './ast.ts';
import { pythonEscape, type Token } from './lexer.ts';
import { CompileError, type Source } from './source.ts';
import { TokenReader } from './token-reader.ts';

/** Binding strength of infix operators; `and` and `or` share a level in torch::jit's text parser. */
const precedence: Readonly<Record<string, number>> = {
  and: 2,
  or: 2,
  in: 4,
  'not in': 4,
  is: 4,
  'is not': 4,
  '<': 4,
  '>': 4,
  '<=': 4,
  '>=': 4,
  '==': 4,
  '!=': 4,
  '|': 5,
  '^': 6,
  '&': 7,
  '<<': 8,
  '>>': 8,
  '+': 9,
  '-': 9,
  '*': 10,
  '/': 10,
  '//': 10,
  '%': 10,
  '@': 10,
  '**': 12,
};
const pythonPrecedence: Readonly<Record<string, number>> = { ...precedence, or: 1 };
const notPrecedence = 3;
const comparison = 4;
const negativePrecedence = 10;
const pythonUnaryPrecedence = 11;
/** Python's statements that TorchScript does not have, as PyTorch names them. */
export const unsupported: Readonly<Record<string, string>> = {
  try: "try blocks aren't supported",
  class: "class definitions aren't supported",
  import: "import statements aren't supported",
  from: "import statements aren't supported",
  global: "global variables aren't supported",
  nonlocal: "Nonlocal aren't supported",
  async: "AsyncFunctionDef aren't supported",
  lambda: "Lambda aren't supported",
  yield: "Yield aren't supported",
  await: "Await aren't supported",
};

export class ExpressionParser extends TokenReader {
  private get strength(): Readonly<Record<string, number>> {
    return this.isPython ? pythonPrecedence : precedence;
  }

  /** A parser for a part of the text. */
  inside(start: number, end: number): ExpressionParser {
    return new ExpressionParser(this.source, this.options, [start, end], this.depth);
  }

  /** The targets of a `for`, which stop before `in`. */
  targets(): Expr {
    const start = this.peek().start;
    const item = (): Expr => {
      const at = this.peek().start;
      if (!this.accept('*')) return this.primary();
      return { kind: 'starred', value: this.primary(), range: this.from(at) };
    };
    const items = [item()];
    let isTuple = false;
    while (this.accept(',')) {
      isTuple = true;
      if (this.is('in')) break;
      items.push(item());
    }
    return isTuple ? { kind: 'tuple', items, range: this.from(start) } : items[0];
  }

  /** One expression, or several with commas between: a tuple. A comma after a single one makes a tuple of it too. */
  expressionList(): Expr {
    const start = this.peek().start;
    const items = [this.starredOrExpression()];
    let isTuple = false;
    while (this.is(',')) {
      this.next();
      isTuple = true;
      if (this.is('=') || this.is(')') || this.is(';') || this.peek().kind === 'newline') break;
      items.push(this.starredOrExpression());
    }
    if (!isTuple) return items[0];
    const { end } = items[items.length - 1].range;
    return {
      kind: 'tuple',
      items,
      range: this.isPython ? { source: this.source, start, end } : this.from(start),
    };
  }

  starredOrExpression(): Expr {
    const start = this.peek().start;
    if (!this.accept('*')) return this.expression();
    return { kind: 'starred', value: this.expression(), range: this.from(start) };
  }

  expression(): Expr {
    return this.deeper(() => {
      const start = this.peek().start;
      if (this.isPython && (this.is('lambda') || this.is('yield') || this.is('await')))
        this.refuse(unsupported[this.peek().text], start, 1);
      const body = this.infix(1);
      if (this.isPython && this.is(':=')) this.refuse("NamedExpr aren't supported", start, 1);
      if (!this.accept('if')) return body;
      const test = this.infix(1);
      this.expect('else');
      const orElse = this.expression();
      return { kind: 'conditional', test, body, orElse, range: this.from(start) };
    });
  }

  infixOperator(): string | undefined {
    const token = this.peek();
    if (token.kind !== 'symbol' && token.kind !== 'keyword') return undefined;
    if (token.text === 'not' && this.is('in', 1)) return 'not in';
    if (token.text === 'is' && this.is('not', 1)) return 'is not';
    return Object.hasOwn(precedence, token.text) ? token.text : undefined;
  }

  infix(minimum: number): Expr {
    const start = this.peek().start;
    let left = this.prefix();
    // Of `a < b < c`, the comparisons so far and the operand that the next one begins with.
    let chain: { all: Expr; last: Expr } | undefined;
    for (let op = this.infixOperator(); op && this.strength[op] >= minimum; op = this.infixOperator()) {
      const strength = this.strength[op];
      this.position += op.includes(' ') ? 2 : 1;
      const right = this.deeper(() => this.infix(op === '**' ? strength : strength + 1));
      const isChained = this.isPython && strength === comparison;
      const first = isChained && chain ? chain.last : left;
      let result: Expr = { kind: 'binary', op, left: first, right, range: this.through(start, right) };
      if (op === 'not in')
        result = { kind: 'unary', op: 'not', operand: { ...result, op: 'in' } as Expr, range: result.range };
      if (isChained && chain)
        result = { kind: 'binary', op: 'and', left: chain.all, right: result, range: result.range };
      chain = isChained ? { all: result, last: right } : undefined;
      left = result;
    }
    return left;
  }

  prefix(): Expr {
    const start = this.peek().start;
    if (this.isPython) return this.pythonPrefix();
    if (this.is('not') || this.is('~')) {
      const op = this.next().text as 'not' | '~';
      const operand = this.deeper(() => this.infix(notPrecedence));
      return { kind: 'unary', op, operand, range: this.from(start) };
    }
    if (this.accept('-')) {
      const token = this.peek();
      // The constant stands where its digits do, as PyTorch has it.
      if (token.kind === 'number' && this.peek(1).text !== '**') return this.number(true, token.start);
      const operand = this.deeper(() => this.infix(negativePrecedence + 1));
      return { kind: 'unary', op: '-', operand, range: this.from(start) };
    }
    return this.primary();
  }

  pythonPrefix(): Expr {
    const { start } = this.peek();
    if (this.accept('not')) {
      const operand = this.deeper(() => this.infix(notPrecedence));
      return { kind: 'unary', op: 'not', operand, range: this.from(start) };
    }
    for (const op of ['-', '~', '+'] as const)
      if (this.accept(op)) {
        const operand = this.deeper(() => this.infix(pythonUnaryPrecedence));
        if (op === '+') throw new CompileError('unsupported unary operator: UAdd', this.from(start));
        return { kind: 'unary', op, operand, range: this.from(start) };
      }
    return this.primary();
  }

  number(negative: boolean, start: number): Expr {
    const text = this.next().text.replaceAll('_', '');
    const range = this.from(start);
    const sign = negative ? -1 : 1;
    if (/^0[xXbBoO]/.test(text) || /^\d+$/.test(text)) {
      const value = BigInt(text) * BigInt(sign);
      if (BigInt.asIntN(64, value) !== value)
        throw new CompileError('Integral literals must fit in 64 bits: the number is out of range', range);
      return { kind: 'int', value, range };
    }
    if (text.endsWith('j')) return { kind: 'imaginary', value: sign * Number(text.slice(0, -1)), range };
    return { kind: 'float', value: sign * Number(text), range };
  }

  atom(): Expr {
    const token = this.peek();
    const { start } = token;
    switch (token.kind) {
      case 'name':
        this.next();
        return { kind: 'name', name: token.text, range: this.from(start) };
      case 'number':
        return this.number(false, start);
      case 'string':
      case 'format':
        return this.strings(start);
      case 'keyword':
        if (token.text === 'True' || token.text === 'False' || token.text === 'None') {
          this.next();
          const value = token.text === 'None' ? null : token.text === 'True';
          return { kind: 'constant', value, range: this.from(start) };
        }
        break;
      case 'symbol':
        if (token.text === '(') return this.parenthesised();
        if (token.text === '[') return this.list();
        if (token.text === '{') return this.dict();
        if (token.text === '...') {
          this.next();
          return { kind: 'ellipsis', range: this.from(start) };
        }
        break;
    }
    return this.fail(`expected an expression but found '${token.text || token.kind}' here`);
  }

  /** Adjacent strings are one. Where one of them is an f-string, a call of `format`, as PyTorch's frontend makes it. */
  strings(start: number): Expr {
    let value = '';
    const args: Expr[] = [];
    let isFormat = false;
    while (this.peek().kind === 'string' || this.peek().kind === 'format') {
      const token = this.next();
      if (token.kind === 'string') value += token.text;
      else {
        isFormat = true;
        value += this.formatString(token, args);
      }
    }
    // Python's tree knows where a string begins, and PyTorch counts its characters from there.
    const range = this.isPython
      ? { source: this.source, start, end: start + (isFormat ? 1 : value.length + 1) }
      : this.from(start);
    const text: Expr = { kind: 'string', value, range };
    if (!isFormat) return text;
    return {
      kind: 'call',
      callee: { kind: 'attribute', object: text, name: 'format', range },
      args,
      kwargs: [],
      range,
    };
  }

  /** The template of an f-string; its expressions go to `args`. */
  formatString(token: Token, args: Expr[]): string {
    const { text } = token;
    const quoteAt = this.source.text.slice(token.start, token.end).search(/["']/);
    const isRaw = /r/i.test(this.source.text.slice(token.start, token.start + quoteAt));
    const triple = this.source.text.startsWith(
      this.source.text[token.start + quoteAt].repeat(3),
      token.start + quoteAt,
    );
    const base = token.start + quoteAt + (triple && token.end - token.start - quoteAt >= 6 ? 3 : 1);
    let template = '';
    for (let i = 0; i < text.length; ) {
      const c = text[i];
      if (c === '\\' && !isRaw) {
        const [characters, length] = pythonEscape(text, i);
        if (length === 0) this.fail('invalid escape in a string', token);
        template += characters;
        i += length;
      } else if ((c === '{' || c === '}') && text[i + 1] === c) {
        template += c;
        i += 2;
      } else if (c === '{') {
        const parser = this.inside(base + i + 1, base + text.length);
        args.push(parser.expressionList());
        if (parser.is('!')) this.refuse("Don't support conversion in JoinedStr", token.start, 1);
        if (parser.is(':')) this.refuse("Don't support formatting in JoinedStr", token.start, 1);
        template += '{}';
        i = parser.expect('}').end - base;
      } else if (c === '}') this.fail("f-string: single '}' is not allowed", token);
      else {
        template += c;
        i++;
      }
    }
    return template;
  }

  parenthesised(): Expr {
    const { start } = this.expect('(');
    const items: Expr[] = [];
    let isTuple = false;
    while (!this.is(')')) {
      items.push(this.starredOrExpression());
      if (items.length === 1 && this.isPython && this.is('for')) {
        const generator = this.comprehension(items[0], start);
        this.expect(')');
        return generator;
      }
      if (!this.accept(',')) break;
      isTuple = true;
    }
    this.expect(')');
    if (items.length === 1 && !isTuple) return items[0];
    return { kind: 'tuple', items, range: this.from(start) };
  }

  list(): Expr {
    const { start } = this.expect('[');
    const items: Expr[] = [];
    while (!this.is(']')) {
      const element = this.starredOrExpression();
      if (items.length === 0 && this.is('for')) {
        const comprehension = this.comprehension(element, start);
        this.expect(']');
        return { ...comprehension, range: this.from(start) };
      }
      items.push(element);
      if (!this.accept(',')) break;
    }
    this.expect(']');
    return { kind: 'list', items, range: this.bracketed(start, items) };
  }

  /** What follows `[element` up to the bracket: one `for`. */
  comprehension(element: Expr, start: number): Expr {
    return { kind: 'comprehension', element, ...this.generator(), range: this.from(start) };
  }

  generator(): { target: Expr; iterable: Expr; tests?: readonly Expr[] } {
    this.expect('for');
    const target = this.targets();
    this.expect('in');
    const iterable = this.infix(1);
    if (this.is('for')) this.refuse('Only a single generator is currently supported', this.peek().start, 0);
    if (!this.is('if')) return { target, iterable };
    if (!this.isRun) this.refuse('Comprehension ifs are not supported yet', this.peek().start, 0);
    const tests: Expr[] = [];
    while (this.accept('if')) tests.push(this.infix(1));
    return { target, iterable, tests };
  }

  dict(): Expr {
    const { start } = this.expect('{');
    const keys: Expr[] = [];
    const values: Expr[] = [];
    while (!this.is('}')) {
      keys.push(this.expression());
      if (this.isPython && keys.length === 1 && (this.is(',') || this.is('}')))
        this.refuse("Set aren't supported", start, 1);
      if (this.isPython && keys.length === 1 && this.is('for'))
        this.refuse("SetComp aren't supported", start, 1);
      this.expect(':');
      values.push(this.expression());
      if (keys.length === 1 && this.is('for')) {
        const generator = this.generator();
        this.expect('}');
        const [key] = keys;
        const [value] = values;
        return { kind: 'dictComprehension', key, value, ...generator, range: this.from(start) };
      }
      if (!this.accept(',')) break;
    }
    this.expect('}');
    return { kind: 'dict', keys, values, range: this.bracketed(start, values) };
  }

  primary(): Expr {
    let expr = this.atom();
    // Parentheses leave no trace: `(self).f()` begins at `self`, as PyTorch has it.
    const { start } = expr.range;
    for (;;) {
      if (this.accept('.')) {
        const token = this.next();
        if (token.kind !== 'name' && token.kind !== 'keyword')
          this.fail('expected a name after the dot', token);
        // Python's tree knows where the object ends, and PyTorch counts the name from there.
        const end = expr.range.end + 1 + token.text.length;
        const range = this.isPython ? { source: this.source, start, end } : this.from(start);
        expr = { kind: 'attribute', object: expr, name: token.text, range };
      } else if (this.is('(')) expr = this.call(expr, start);
      else if (this.is('[')) expr = this.subscript(expr, start);
      else return expr;
    }
  }

  call(callee: Expr, start: number): Expr {
    return this.deeper(() => {
      this.expect('(');
      const args: Expr[] = [];
      const kwargs: Keyword[] = [];
      while (!this.is(')')) {
        const token = this.peek();
        if (token.kind === 'name' && this.is('=', 1)) {
          this.position += 2;
          const value = this.expression();
          kwargs.push({ name: token.text, value, range: this.from(token.start) });
        } else if (this.isPython && this.is('**')) this.refuse('keyword-arg expansion is not supported');
        else {
          const at = this.peek().start;
          const arg = this.starredOrExpression();
          args.push(this.isPython && this.is('for') && args.length === 0 ? this.comprehension(arg, at) : arg);
        }
        if (!this.accept(',')) break;
      }
      this.expect(')');
      const isEmpty = this.isPython && args.length === 0 && kwargs.length === 0;
      const range = isEmpty
        ? callee.range
        : this.bracketed(start, [...args, ...kwargs.map((kwarg) => kwarg.value)]);
      return { kind: 'call', callee, args, kwargs, range };
    });
  }

  subscript(object: Expr, start: number): Expr {
    return this.deeper(() => {
      this.expect('[');
      const items: Expr[] = [];
      if (this.is(']')) this.fail("expected an expression but found ']' here");
      while (!this.is(']')) {
        items.push(this.subscriptItem());
        if (!this.accept(',')) break;
      }
      this.expect(']');
      const { end } = items[items.length - 1].range;
      // As PyTorch counts it: one character more than the last index.
      const range = this.isPython ? { source: this.source, start, end: end + 1 } : this.from(start);
      return { kind: 'subscript', object, items, range };
    });
  }

  subscriptItem(): Expr {
    const { start } = this.peek();
    const isEnd = () => this.is(':') || this.is(']') || this.is(',');
    const first = this.is(':') ? undefined : this.expression();
    if (!this.accept(':')) return first!;
    const end = isEnd() ? undefined : this.expression();
    const step = this.accept(':') && !isEnd() ? this.expression() : undefined;
    return {
      kind: 'slice',
      ...(first && { start: first }),
      ...(end && { end }),
      ...(step && { step }),
      range: this.from(start),
    };
  }

  isAtEnd(): boolean {
    return this.peek().kind === 'end' || this.peek().kind === 'newline';
  }
}

/** Reads one type expression, such as a pickle's type tag `List[Optional[int]]`. */
export function parseTypeExpression(source: Source): Expr {
  const parser = new ExpressionParser(source);
  const expr = parser.expression();
  if (!parser.isAtEnd())
    throw new CompileError('unexpected text after the type', {
      source,
      start: expr.range.end,
      end: source.text.length,
    });
  return expr;
}
