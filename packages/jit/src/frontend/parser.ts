/** Tokens to syntax tree: torch::jit's grammar and its precedences, which differ from Python's for `and`, `or`, `not` and `~`. */
import type { Block, ClassDef, Def, Expr, File, Keyword, Param, Statement } from './ast.ts';
import { type Token, tokenize } from './lexer.ts';
import { CompileError, type Range, type Source } from './source.ts';

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
}; // prettier-ignore
const notPrecedence = 3;
const negativePrecedence = 10;
const augmented = new Set(['+=', '-=', '*=', '/=', '%=', '|=', '&=', '^=', '<<=', '>>=', '**=']);
/** Deeper nesting than any printer makes; a bound so that hostile text cannot exhaust the stack. */
const maxDepth = 400;

class Parser {
  private readonly tokens: readonly Token[];
  private position = 0;
  private depth = 0;

  constructor(private readonly source: Source) {
    this.tokens = tokenize(source);
  }

  private peek(offset = 0): Token {
    return this.tokens[Math.min(this.position + offset, this.tokens.length - 1)];
  }

  private is(text: string, offset = 0): boolean {
    const token = this.peek(offset);
    return token.text === text && (token.kind === 'symbol' || token.kind === 'keyword');
  }

  private next(): Token {
    const token = this.peek();
    this.position++;
    return token;
  }

  private accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.position++;
    return true;
  }

  private fail(message: string, token = this.peek()): never {
    throw new CompileError(message, { source: this.source, start: token.start, end: token.end });
  }

  private expect(text: string): Token {
    if (!this.is(text))
      this.fail(`expected ${text} but found '${this.peek().text || this.peek().kind}' here`);
    return this.next();
  }

  private expectKind(kind: Token['kind']): Token {
    if (this.peek().kind !== kind)
      this.fail(`expected ${kind} but found '${this.peek().text || this.peek().kind}' here`);
    return this.next();
  }

  private from(start: number): Range {
    return { source: this.source, start, end: this.tokens[Math.max(0, this.position - 1)].end };
  }

  private deeper<T>(parse: () => T): T {
    if (++this.depth > maxDepth) this.fail(`the text is nested more than ${maxDepth} deep`);
    const result = parse();
    this.depth--;
    return result;
  }

  file(): File {
    const classes: ClassDef[] = [];
    const functions: Def[] = [];
    while (this.peek().kind !== 'end') {
      if (this.is('class')) classes.push(this.classDef());
      else if (this.is('def')) functions.push(this.def());
      else if (this.is('import') || this.peek().text === 'op_version_set') {
        while (this.peek().kind !== 'newline') this.next();
        this.next();
      } else this.fail('expected a class or a function definition here');
    }
    return { classes, functions };
  }

  private classDef(): ClassDef {
    const start = this.expect('class').start;
    const name = this.expectKind('name').text;
    let base: string | undefined;
    if (this.accept('(')) {
      if (!this.is(')')) base = this.expectKind('name').text;
      this.expect(')');
    }
    this.expect(':');
    const body = this.block();
    return { name, ...(base !== undefined && { base }), body, range: this.from(start) };
  }

  def(): Def {
    const start = this.expect('def').start;
    const name = this.expectKind('name').text;
    this.expect('(');
    const params: Param[] = [];
    let kwargOnly = false;
    while (!this.is(')')) {
      if (this.accept('*')) kwargOnly = true;
      else {
        const token = this.expectKind('name');
        const type = this.accept(':') ? this.expression() : undefined;
        const value = this.accept('=') ? this.expression() : undefined;
        params.push({
          name: token.text,
          ...(type && { type }),
          ...(value && { default: value }),
          kwargOnly,
          range: this.from(token.start),
        });
      }
      if (!this.accept(',')) break;
    }
    this.expect(')');
    const returns = this.accept('->') ? this.expression() : undefined;
    this.expect(':');
    const end = this.tokens[this.position - 1].end;
    const body = this.block();
    return { name, params, ...(returns && { returns }), body, range: { source: this.source, start, end } };
  }

  private block(): Block {
    return this.deeper(() => {
      const statements: Statement[] = [];
      if (this.peek().kind !== 'newline') {
        statements.push(this.statement());
        return statements;
      }
      this.next();
      this.expectKind('indent');
      while (this.peek().kind !== 'dedent' && this.peek().kind !== 'end') statements.push(this.statement());
      if (this.peek().kind === 'dedent') this.next();
      return statements;
    });
  }

  private endOfStatement(): void {
    if (this.peek().kind === 'end') return;
    this.expectKind('newline');
  }

  private statement(): Statement {
    const { text, kind, start } = this.peek();
    if (kind === 'keyword') {
      switch (text) {
        case 'if':
          this.next();
          return this.ifStatement(start);
        case 'while': {
          this.next();
          const test = this.expression();
          const range = this.from(start);
          this.expect(':');
          return { kind: 'while', test, body: this.block(), range };
        }
        case 'for': {
          this.next();
          const target = this.targets();
          this.expect('in');
          const iterable = this.expressionList();
          const range = this.from(start);
          this.expect(':');
          return { kind: 'for', target, iterable, body: this.block(), range };
        }
        case 'with': {
          this.next();
          const items: { value: Expr; as?: Expr }[] = [];
          do {
            const value = this.expression();
            items.push(this.accept('as') ? { value, as: this.expression() } : { value });
          } while (this.accept(','));
          const range = this.from(start);
          this.expect(':');
          return { kind: 'with', items, body: this.block(), range };
        }
        case 'def':
          return { kind: 'def', def: this.def(), range: this.from(start) };
        case 'return':
        case 'raise': {
          this.next();
          const value = this.peek().kind === 'newline' ? undefined : this.expressionList();
          const range = this.from(start);
          this.endOfStatement();
          return { kind: text, ...(value && { value }), range };
        }
        case 'assert': {
          this.next();
          const test = this.expression();
          const message = this.accept(',') ? this.expression() : undefined;
          const range = this.from(start);
          this.endOfStatement();
          return { kind: 'assert', test, ...(message && { message }), range };
        }
        case 'del': {
          this.next();
          const targets = [this.expression()];
          while (this.accept(',')) targets.push(this.expression());
          const range = this.from(start);
          this.endOfStatement();
          return { kind: 'delete', targets, range };
        }
        case 'pass':
        case 'break':
        case 'continue': {
          this.next();
          const range = this.from(start);
          this.endOfStatement();
          return { kind: text, range };
        }
      }
    }
    const first = this.expressionList();
    if (this.is(':')) {
      this.next();
      const type = this.expression();
      if (!this.accept('=')) {
        const range = this.from(start);
        this.endOfStatement();
        return { kind: 'annotation', target: first, type, range };
      }
      const value = this.expressionList();
      const range = this.from(start);
      this.endOfStatement();
      return { kind: 'assign', targets: [first], value, type, range };
    }
    if (this.peek().kind === 'symbol' && augmented.has(this.peek().text)) {
      const op = this.next().text.slice(0, -1);
      const value = this.expressionList();
      const range = this.from(start);
      this.endOfStatement();
      return { kind: 'augmented', target: first, op, value, range };
    }
    if (this.is('=')) {
      const chain = [first];
      while (this.accept('=')) chain.push(this.expressionList());
      const value = chain.pop()!;
      const range = this.from(start);
      this.endOfStatement();
      return { kind: 'assign', targets: chain, value, range };
    }
    const range = this.from(start);
    this.endOfStatement();
    return { kind: 'expression', value: first, range };
  }

  private ifStatement(start: number): Statement {
    const test = this.expression();
    const range = this.from(start);
    this.expect(':');
    const body = this.block();
    if (this.is('elif')) {
      const at = this.next().start;
      return { kind: 'if', test, body, orElse: [this.deeper(() => this.ifStatement(at))], range };
    }
    if (!this.accept('else')) return { kind: 'if', test, body, orElse: [], range };
    this.expect(':');
    return { kind: 'if', test, body, orElse: this.block(), range };
  }

  /** The targets of a `for`, which stop before `in`. */
  private targets(): Expr {
    const start = this.peek().start;
    const items = [this.primary()];
    let isTuple = false;
    while (this.accept(',')) {
      isTuple = true;
      if (this.is('in')) break;
      items.push(this.primary());
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
      if (this.is('=') || this.is(')') || this.peek().kind === 'newline') break;
      items.push(this.starredOrExpression());
    }
    return isTuple ? { kind: 'tuple', items, range: this.from(start) } : items[0];
  }

  private starredOrExpression(): Expr {
    const start = this.peek().start;
    if (!this.accept('*')) return this.expression();
    return { kind: 'starred', value: this.expression(), range: this.from(start) };
  }

  expression(): Expr {
    return this.deeper(() => {
      const start = this.peek().start;
      const body = this.infix(2);
      if (!this.accept('if')) return body;
      const test = this.infix(2);
      this.expect('else');
      const orElse = this.expression();
      return { kind: 'conditional', test, body, orElse, range: this.from(start) };
    });
  }

  private infixOperator(): string | undefined {
    const token = this.peek();
    if (token.kind !== 'symbol' && token.kind !== 'keyword') return undefined;
    if (token.text === 'not' && this.is('in', 1)) return 'not in';
    if (token.text === 'is' && this.is('not', 1)) return 'is not';
    return Object.hasOwn(precedence, token.text) ? token.text : undefined;
  }

  private infix(minimum: number): Expr {
    const start = this.peek().start;
    let left = this.prefix();
    for (let op = this.infixOperator(); op && precedence[op] >= minimum; op = this.infixOperator()) {
      const strength = precedence[op];
      this.position += op.includes(' ') ? 2 : 1;
      const right = this.deeper(() => this.infix(op === '**' ? strength : strength + 1));
      left = { kind: 'binary', op, left, right, range: this.from(start) };
    }
    return left;
  }

  private prefix(): Expr {
    const start = this.peek().start;
    if (this.is('not') || this.is('~')) {
      const op = this.next().text as 'not' | '~';
      const operand = this.deeper(() => this.infix(notPrecedence));
      return { kind: 'unary', op, operand, range: this.from(start) };
    }
    if (this.accept('-')) {
      const token = this.peek();
      if (token.kind === 'number' && this.peek(1).text !== '**') return this.number(true, start);
      const operand = this.deeper(() => this.infix(negativePrecedence + 1));
      return { kind: 'unary', op: '-', operand, range: this.from(start) };
    }
    return this.primary();
  }

  private number(negative: boolean, start: number): Expr {
    const { text } = this.next();
    const range = this.from(start);
    const sign = negative ? -1 : 1;
    if (/^0[xX]/.test(text) || /^\d+$/.test(text)) {
      const value = BigInt(text) * BigInt(sign);
      if (BigInt.asIntN(64, value) !== value)
        throw new CompileError('Integral literals must fit in 64 bits: the number is out of range', range);
      return { kind: 'int', value, range };
    }
    if (text.endsWith('j')) return { kind: 'imaginary', value: sign * Number(text.slice(0, -1)), range };
    return { kind: 'float', value: sign * Number(text), range };
  }

  private atom(): Expr {
    const token = this.peek();
    const { start } = token;
    switch (token.kind) {
      case 'name':
        this.next();
        return { kind: 'name', name: token.text, range: this.from(start) };
      case 'number':
        return this.number(false, start);
      case 'string': {
        let value = '';
        while (this.peek().kind === 'string') value += this.next().text;
        return { kind: 'string', value, range: this.from(start) };
      }
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

  private parenthesised(): Expr {
    const { start } = this.expect('(');
    const items: Expr[] = [];
    let isTuple = false;
    while (!this.is(')')) {
      items.push(this.starredOrExpression());
      if (!this.accept(',')) break;
      isTuple = true;
    }
    this.expect(')');
    if (items.length === 1 && !isTuple) return items[0];
    return { kind: 'tuple', items, range: this.from(start) };
  }

  private list(): Expr {
    const { start } = this.expect('[');
    const items: Expr[] = [];
    while (!this.is(']')) {
      const element = this.starredOrExpression();
      if (items.length === 0 && this.accept('for')) {
        const target = this.targets();
        this.expect('in');
        const iterable = this.expression();
        this.expect(']');
        return { kind: 'comprehension', element, target, iterable, range: this.from(start) };
      }
      items.push(element);
      if (!this.accept(',')) break;
    }
    this.expect(']');
    return { kind: 'list', items, range: this.from(start) };
  }

  private dict(): Expr {
    const { start } = this.expect('{');
    const keys: Expr[] = [];
    const values: Expr[] = [];
    while (!this.is('}')) {
      keys.push(this.expression());
      this.expect(':');
      values.push(this.expression());
      if (!this.accept(',')) break;
    }
    this.expect('}');
    return { kind: 'dict', keys, values, range: this.from(start) };
  }

  private primary(): Expr {
    const { start } = this.peek();
    let expr = this.atom();
    for (;;) {
      if (this.accept('.')) {
        const token = this.next();
        if (token.kind !== 'name' && token.kind !== 'keyword')
          this.fail('expected a name after the dot', token);
        expr = { kind: 'attribute', object: expr, name: token.text, range: this.from(start) };
      } else if (this.is('(')) expr = this.call(expr, start);
      else if (this.is('[')) expr = this.subscript(expr, start);
      else return expr;
    }
  }

  private call(callee: Expr, start: number): Expr {
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
        } else args.push(this.starredOrExpression());
        if (!this.accept(',')) break;
      }
      this.expect(')');
      return { kind: 'call', callee, args, kwargs, range: this.from(start) };
    });
  }

  private subscript(object: Expr, start: number): Expr {
    return this.deeper(() => {
      this.expect('[');
      const items: Expr[] = [];
      while (!this.is(']')) {
        items.push(this.subscriptItem());
        if (!this.accept(',')) break;
      }
      this.expect(']');
      return { kind: 'subscript', object, items, range: this.from(start) };
    });
  }

  private subscriptItem(): Expr {
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

/** Reads a `code/*.py` file, or a compilation unit's text. */
export const parseFile = (source: Source): File => new Parser(source).file();

/** Reads one type expression, such as a pickle's type tag `List[Optional[int]]`. */
export function parseTypeExpression(source: Source): Expr {
  const parser = new Parser(source);
  const expr = parser.expression();
  if (!parser.isAtEnd())
    throw new CompileError('unexpected text after the type', {
      source,
      start: expr.range.end,
      end: source.text.length,
    });
  return expr;
}
