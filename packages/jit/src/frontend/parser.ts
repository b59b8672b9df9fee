/** Definitions and statements: a text's tokens to its syntax tree. */
import type { Block, ClassDef, Def, Expr, File, Import, Param, Statement } from './ast.ts';
import { ExpressionParser, unsupported } from './expression-parser.ts';
import type { TypeComment } from './lexer.ts';
import { CompileError, type Source } from './source.ts';
import type { ParseOptions } from './token-reader.ts';
import { dottedName } from './type-expression.ts';

const augmented = new Set(['+=', '-=', '*=', '/=', '%=', '|=', '&=', '^=', '<<=', '>>=', '**=']);

const variadic =
  "Compiled functions can't take variable number of arguments or use keyword-only arguments with defaults";

class Parser extends ExpressionParser {
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
    const { position, depth } = this;
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
        if (value && kwargOnly && this.isPython && !this.isRun) throw new CompileError(variadic, value.range);
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
    const isUnread = decorators.some((d) => /(^|\.)(unused|ignore)$/.test(decoratorName(d)));
    const body = isUnread ? this.unreadBlock() : this.block();
    if (this.isPython) this.source.sections.push([start, this.tokens[this.position - 1].end]);
    return {
      name,
      params,
      ...(returns && { returns }),
      body,
      range: this.with({ source: this.source, start, end }, body),
      ...(decorators.length > 0 && { decorators }),
      ...(this.isRun && { asTorchScript: () => this.again(position, depth, decorators) }),
    };
  }

  /** A definition that was read as what Python may run, as what is compiled. */
  private again(position: number, depth: number, decorators: readonly Expr[]): Def {
    this.position = position;
    this.depth = depth;
    this.isRun = false;
    try {
      return this.def(decorators);
    } finally {
      this.isRun = true;
    }
  }

  /** `*args` and `**kwargs`, whose star was just read. */
  private refuseVariadic(): never {
    const { start, end } = this.peek();
    throw new CompileError(variadic, { source: this.source, start: start - 1, end });
  }

  /** The type of `x,  # type: int`: a comment between these places. */
  private commentedType(start: number, end: number): Expr | undefined {
    const comment = this.typeComments.find((c) => c.start >= start && c.start < end);
    if (!comment || comment.text.includes('->')) return undefined;
    return this.inside(comment.at, comment.at + comment.text.length).expression();
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

  /** The block of a function that is not compiled: PyTorch does not look at it. */
  private unreadBlock(): Block {
    const { position, depth } = this;
    try {
      return this.block();
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      this.position = position;
      this.depth = depth;
    }
    while (this.peek().kind !== 'newline') this.next();
    this.next();
    for (let open = this.peek().kind === 'indent' ? 1 : 0; open > 0; ) {
      this.next();
      const { kind } = this.peek();
      if (kind === 'indent') open++;
      else if (kind === 'end') break;
      else if (kind === 'dedent' && --open === 0) this.next();
    }
    return [];
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
      if (!isClass && this.is('def') && !this.isRun) this.refuse("function definitions aren't supported");
      if (!this.is('def')) this.refuse("class definitions aren't supported");
      return { kind: 'def', def: this.def(decorators), range: this.from(start) };
    }
    if (this.isPython && kind === 'keyword' && Object.hasOwn(unsupported, text))
      this.refuse(unsupported[text], start, /^(yield|await|lambda)$/.test(text) ? 1 : undefined);
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
    if (this.isPython && !(this.isRun && this.is('//=')) && (this.is('//=') || this.is('@=')))
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
    if (this.peek().kind === 'symbol' && (augmented.has(this.peek().text) || this.is('//='))) {
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
}

/** The name of a decorator, called or not. */
export const decoratorName = (expr: Expr): string =>
  dottedName(expr.kind === 'call' ? expr.callee : expr) ?? '';

/** Reads a `code/*.py` file, or a compilation unit's text. */
export const parseFile = (source: Source, options?: ParseOptions): File => new Parser(source, options).file();
