/** Tokens to syntax tree: torch::jit's grammar for archives, whose precedences differ from Python's, and Python's for an author's text. */
import { defaultLimits, type Limits } from '../limits.ts';
import type { Block, ClassDef, Def, Expr, File, Import, Keyword, Param, Statement } from './ast.ts';
import { type Dialect, pythonEscape, type Token, type TypeComment, tokenize } from './lexer.ts';
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
const pythonPrecedence: Readonly<Record<string, number>> = { ...precedence, or: 1 };
const notPrecedence = 3;
const comparison = 4;
const negativePrecedence = 10;
const pythonUnaryPrecedence = 11;
const augmented = new Set(['+=', '-=', '*=', '/=', '%=', '|=', '&=', '^=', '<<=', '>>=', '**=']);
/** Python's statements that TorchScript does not have, as PyTorch names them. */
const unsupported: Readonly<Record<string, string>> = {
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

export interface ParseOptions {
  readonly dialect?: Dialect;
  readonly limits?: Limits;
}

class Parser {
  private readonly tokens: readonly Token[];
  private readonly typeComments: readonly TypeComment[];
  private readonly isPython: boolean;
  private readonly strength: Readonly<Record<string, number>>;
  private readonly limits: Limits;
  private position = 0;

  constructor(
    private readonly source: Source,
    private readonly options: ParseOptions = {},
    window?: readonly [number, number],
    private depth = 0,
  ) {
    this.limits = options.limits ?? defaultLimits;
    if (source.text.length > this.limits.source)
      throw new CompileError(
        `the text has ${source.text.length} characters; the limit \`source\` is ${this.limits.source}`,
      );
    this.isPython = options.dialect === 'python';
    this.strength = this.isPython ? pythonPrecedence : precedence;
    const { tokens, typeComments } = tokenize(source, options.dialect, window);
    this.tokens = tokens;
    this.typeComments = typeComments;
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

  /** From a place to the end of what was read last; in Python's tree to the end of its last part. */
  private through(start: number, last: Expr | undefined): Range {
    return this.isPython && last ? { source: this.source, start, end: last.range.end } : this.from(start);
  }

  /** The range of something in brackets, which Python's own tree ends before the closing one. */
  private bracketed(start: number, parts: readonly Expr[]): Range {
    if (!this.isPython) return this.from(start);
    const end = parts.length > 0 ? Math.max(...parts.map(({ range }) => range.end)) : start + 1;
    return { source: this.source, start, end };
  }

  /** The range of a statement with all that is in it; of an archive's its head alone. */
  private with(range: Range, ...blocks: Block[]): Range {
    if (!this.isPython) return range;
    const ends = blocks.flatMap((block) => block.map((statement) => statement.range.end));
    return { ...range, end: Math.max(range.end, ...ends) };
  }

  private deeper<T>(parse: () => T): T {
    if (++this.depth > this.limits.nesting)
      this.fail(`the text is nested more than ${this.limits.nesting} deep (the limit \`nesting\`)`);
    const result = parse();
    this.depth--;
    return result;
  }

  file(): File {
    const classes: ClassDef[] = [];
    const functions: Def[] = [];
    const imports: Import[] = [];
    const globals: { name: string; value: Expr }[] = [];
    while (this.peek().kind !== 'end') {
      const decorators = this.decorators();
      if (this.is('class')) classes.push(this.classDef(decorators));
      else if (this.is('def')) functions.push(this.def(decorators));
      else if (this.isPython && (this.is('import') || this.is('from'))) imports.push(...this.imports());
      else if (this.is('import') || this.peek().text === 'op_version_set') {
        while (this.peek().kind !== 'newline') this.next();
        this.next();
      } else if (this.isPython && this.peek().kind === 'string') {
        this.expression();
        this.endOfStatement();
      } else if (this.isPython && this.peek().kind === 'name' && this.is('=', 1)) {
        const name = this.next().text;
        this.next();
        globals.push({ name, value: this.expressionList() });
        this.endOfStatement();
      } else this.fail('expected a class or a function definition here');
    }
    return { classes, functions, imports, globals };
  }

  private decorators(): Expr[] {
    const decorators: Expr[] = [];
    while (this.isPython && this.accept('@')) {
      decorators.push(this.expression());
      this.endOfStatement();
    }
    return decorators;
  }

  private dottedName(): string {
    let name = this.expectKind('name').text;
    while (this.accept('.')) name += `.${this.expectKind('name').text}`;
    return name;
  }

  private imports(): Import[] {
    const found: Import[] = [];
    if (this.accept('import')) {
      do {
        const path = this.dottedName();
        const [root] = path.split('.');
        if (this.accept('as')) found.push({ name: this.expectKind('name').text, path });
        else found.push({ name: root, path: root });
      } while (this.accept(','));
    } else {
      this.expect('from');
      const path = this.dottedName();
      this.expect('import');
      const isParenthesised = this.accept('(');
      if (this.accept('*')) found.push({ name: '*', path });
      else
        do {
          if (this.is(')')) break;
          const member = this.expectKind('name').text;
          const name = this.accept('as') ? this.expectKind('name').text : member;
          found.push({ name, path: `${path}.${member}` });
        } while (this.accept(','));
      if (isParenthesised) this.expect(')');
    }
    this.endOfStatement();
    return found;
  }

  private classDef(decorators: readonly Expr[]): ClassDef {
    const start = this.expect('class').start;
    const name = this.expectKind('name').text;
    let base: string | undefined;
    if (this.accept('(')) {
      if (!this.is(')')) base = this.isPython ? this.dottedName() : this.expectKind('name').text;
      if (this.is(','))
        throw new CompileError(
          'TorchScript classes do not support inheritance from several classes',
          this.from(start),
        );
      this.expect(')');
    }
    this.expect(':');
    const body = this.block(true);
    return {
      name,
      ...(base !== undefined && { base }),
      body,
      range: this.from(start),
      ...(decorators.length > 0 && { decorators }),
    };
  }

  def(decorators: readonly Expr[] = []): Def {
    const start = this.expect('def').start;
    const name = this.expectKind('name').text;
    this.expect('(');
    const params: Param[] = [];
    let kwargOnly = false;
    while (!this.is(')')) {
      if (this.accept('*')) {
        kwargOnly = true;
        if (this.isPython && !this.is(',')) this.refuseVariadic();
      } else if (this.isPython && this.accept('**')) this.refuseVariadic();
      else {
        const token = this.expectKind('name');
        let type = this.accept(':') ? this.expression() : undefined;
        const value = this.accept('=') ? this.expression() : undefined;
        const hasMore = this.accept(',');
        if (!type) type = this.commentedType(token.end, this.peek().start);
        params.push({
          name: token.text,
          ...(type && { type }),
          ...(value && { default: value }),
          kwargOnly,
          range: this.from(token.start),
        });
        if (!hasMore) break;
        continue;
      }
      if (!this.accept(',')) break;
    }
    this.expect(')');
    let returns = this.accept('->') ? this.expression() : undefined;
    this.expect(':');
    const { end } = this.tokens[this.position - 1];
    const after = this.tokens.slice(this.position).find((t) => t.kind !== 'newline' && t.kind !== 'indent');
    const signature = this.typeComments.find((c) => c.start >= end && c.start < (after?.start ?? end));
    if (signature?.text.includes('->')) returns = this.typeLine(signature, params, start);
    const body = this.block();
    if (this.isPython) this.source.sections.push([start, this.tokens[this.position - 1].end]);
    return {
      name,
      params,
      ...(returns && { returns }),
      body,
      range: this.with({ source: this.source, start, end }, body),
      ...(decorators.length > 0 && { decorators }),
    };
  }

  /** `*args` and `**kwargs`, whose star was just read. */
  private refuseVariadic(): never {
    const { start, end } = this.peek();
    throw new CompileError(
      "Compiled functions can't take variable number of arguments or use keyword-only arguments with defaults",
      { source: this.source, start: start - 1, end },
    );
  }

  /** The type of `x,  # type: int`: a comment between these places. */
  private commentedType(start: number, end: number): Expr | undefined {
    const comment = this.typeComments.find((c) => c.start >= start && c.start < end);
    if (!comment || comment.text.includes('->')) return undefined;
    return this.inside(comment.at, comment.at + comment.text.length).expression();
  }

  /** A parser for a part of the text. */
  private inside(start: number, end: number): Parser {
    return new Parser(this.source, this.options, [start, end], this.depth);
  }

  /** `# type: (int, Tensor) -> Tensor`: gives the parameters their types and returns that of the result. */
  private typeLine(comment: TypeComment, params: Param[], start: number): Expr {
    const parser = this.inside(comment.at, comment.at + comment.text.trimEnd().length);
    const types = parser.expression();
    parser.expect('->');
    const returns = parser.expression();
    const given = types.kind === 'tuple' ? types.items : [types];
    const first = params.length - given.length;
    if (first < 0 || first > 1)
      throw new CompileError(
        `Number of type annotations for function parameters (${given.length}) does not match the number of parameters on the function (${params.length})!`,
        this.from(start),
      );
    given.forEach((type, i) => {
      params[first + i] = { ...params[first + i], type };
    });
    return returns;
  }

  private block(isClass = false): Block {
    return this.deeper(() => {
      const statements: Statement[] = [];
      if (this.peek().kind !== 'newline') {
        do statements.push(this.statement(isClass));
        while (this.continuesLine());
        return statements;
      }
      this.next();
      this.expectKind('indent');
      while (this.peek().kind !== 'dedent' && this.peek().kind !== 'end')
        statements.push(this.statement(isClass));
      if (this.peek().kind === 'dedent') this.next();
      return statements;
    });
  }

  /** Whether the statement just read ended at a `;` with another one behind it. */
  private continuesLine(): boolean {
    return this.tokens[this.position - 1].text === ';' && this.peek().kind !== 'newline';
  }

  private endOfStatement(): void {
    if (this.peek().kind === 'end') return;
    if (this.isPython && this.accept(';')) {
      if (this.peek().kind === 'newline') this.next();
      return;
    }
    this.expectKind('newline');
  }

  private statement(isClass = false): Statement {
    const { text, kind, start } = this.peek();
    if (this.isPython && (text === '@' || text === 'def') && kind !== 'string') {
      const decorators = this.decorators();
      if (!isClass && this.is('def')) this.refuse("function definitions aren't supported");
      if (!this.is('def')) this.refuse("class definitions aren't supported");
      return { kind: 'def', def: this.def(decorators), range: this.from(start) };
    }
    if (this.isPython && kind === 'keyword' && Object.hasOwn(unsupported, text))
      this.refuse(unsupported[text]);
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
          const body = this.block();
          return { kind: 'while', test, body, range: this.with(range, body) };
        }
        case 'for': {
          this.next();
          const target = this.targets();
          this.expect('in');
          const iterable = this.expressionList();
          const range = this.from(start);
          this.expect(':');
          const body = this.block();
          return { kind: 'for', target, iterable, body, range: this.with(range, body) };
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
          const body = this.block();
          return { kind: 'with', items, body, range: this.with(range, body) };
        }
        case 'def':
          return { kind: 'def', def: this.def(), range: this.from(start) };
        case 'return':
        case 'raise': {
          this.next();
          const value = this.peek().kind === 'newline' || this.is(';') ? undefined : this.expressionList();
          const range = this.through(start, value);
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
    if (this.isPython && (this.is('//=') || this.is('@=')))
      this.refuse(
        `unsupported kind of augumented assignment: ${this.is('@=') ? 'MatMult' : 'FloorDiv'}`,
        this.peek().start + 1,
        2,
      );
    if (this.is(':')) {
      this.next();
      const type = this.expression();
      if (!this.accept('=')) {
        const range = this.from(start);
        this.endOfStatement();
        return { kind: 'annotation', target: first, type, range };
      }
      const value = this.expressionList();
      const range = this.through(start, value);
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
      const range = this.through(start, value);
      this.endOfStatement();
      return { kind: 'assign', targets: chain, value, range };
    }
    const range = this.through(start, first);
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
      const orElse = [this.deeper(() => this.ifStatement(at))];
      return { kind: 'if', test, body, orElse, range: this.with(range, body, orElse) };
    }
    if (!this.accept('else')) return { kind: 'if', test, body, orElse: [], range: this.with(range, body) };
    this.expect(':');
    const orElse = this.block();
    return { kind: 'if', test, body, orElse, range: this.with(range, body, orElse) };
  }

  private refuse(message: string, at: number = this.peek().start, length?: number): never {
    const end = length === undefined ? Math.max(this.peek().end, at + 1) : at + length;
    throw new CompileError(message, { source: this.source, start: at, end });
  }

  /** The targets of a `for`, which stop before `in`. */
  private targets(): Expr {
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

  private starredOrExpression(): Expr {
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
      if (this.isPython && this.is(':=')) this.refuse("NamedExpr aren't supported");
      if (!this.accept('if')) return body;
      const test = this.infix(1);
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

  private prefix(): Expr {
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

  private pythonPrefix(): Expr {
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

  private number(negative: boolean, start: number): Expr {
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

  private atom(): Expr {
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
  private strings(start: number): Expr {
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
  private formatString(token: Token, args: Expr[]): string {
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

  private parenthesised(): Expr {
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

  private list(): Expr {
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

  /** What follows `[element` up to the bracket: one `for`, no `if`. */
  private comprehension(element: Expr, start: number): Expr {
    const { target, iterable } = this.generator();
    return { kind: 'comprehension', element, target, iterable, range: this.from(start) };
  }

  private generator(): { target: Expr; iterable: Expr } {
    this.expect('for');
    const target = this.targets();
    this.expect('in');
    const iterable = this.infix(1);
    if (this.is('for')) this.refuse('Only a single generator is currently supported', this.peek().start, 0);
    if (this.is('if')) this.refuse('Comprehension ifs are not supported yet', this.peek().start, 0);
    return { target, iterable };
  }

  private dict(): Expr {
    const { start } = this.expect('{');
    const keys: Expr[] = [];
    const values: Expr[] = [];
    while (!this.is('}')) {
      keys.push(this.expression());
      if (this.isPython && keys.length === 1 && (this.is(',') || this.is('}')))
        this.refuse("Set aren't supported", start, 1);
      this.expect(':');
      values.push(this.expression());
      if (keys.length === 1 && this.is('for')) {
        const { target, iterable } = this.generator();
        this.expect('}');
        const [key] = keys;
        const [value] = values;
        return { kind: 'dictComprehension', key, value, target, iterable, range: this.from(start) };
      }
      if (!this.accept(',')) break;
    }
    this.expect('}');
    return { kind: 'dict', keys, values, range: this.bracketed(start, values) };
  }

  private primary(): Expr {
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

  private subscript(object: Expr, start: number): Expr {
    return this.deeper(() => {
      this.expect('[');
      const items: Expr[] = [];
      if (this.is(']')) this.fail("expected an expression but found ']' here");
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
export const parseFile = (source: Source, options?: ParseOptions): File => new Parser(source, options).file();

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
