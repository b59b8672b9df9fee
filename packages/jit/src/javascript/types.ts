/** The types that a schema or a comment writes, in PyTorch's schema, Python's or TypeScript's spelling, as the syntax tree of an annotation. */
import type { Expr } from '../frontend/ast.ts';
import { CompileError, type Range } from '../frontend/source.ts';

const spellings: Readonly<Record<string, string>> = {
  string: 'str',
  boolean: 'bool',
  bigint: 'int',
  Array: 'List',
  ReadonlyArray: 'List',
  list: 'List',
  Map: 'Dict',
  Record: 'Dict',
  dict: 'Dict',
  tuple: 'Tuple',
  Promise: 'Future',
  Scalar: 'number',
  device: 'Device',
};

/** One parameter of a schema text. */
export interface SchemaParam {
  readonly name: string;
  readonly type: Expr;
  readonly default?: Expr;
  readonly kwargOnly: boolean;
}

export interface SchemaText {
  readonly name: string;
  readonly params: readonly SchemaParam[];
  readonly returns?: Expr;
}

class Reader {
  private at = 0;
  private readonly tokens: readonly { text: string; start: number }[];

  constructor(
    private readonly text: string,
    private readonly range: Range,
    private readonly what: string,
  ) {
    this.tokens = [...text.matchAll(/->|"[^"]*"|'[^']*'|-?\d[\d.e+-]*|[\w$.]*[\w$]|[^\s]/g)].map((match) => ({
      text: match[0],
      start: match.index,
    }));
  }

  peek(): string | undefined {
    return this.tokens[this.at]?.text;
  }

  take(): string {
    const token = this.peek();
    if (token === undefined) throw this.problem('it ends too early');
    this.at++;
    return token;
  }

  accept(token: string): boolean {
    if (this.peek() !== token) return false;
    this.at++;
    return true;
  }

  expect(token: string): void {
    if (!this.accept(token))
      throw this.problem(`expected '${token}' but found '${this.peek() ?? 'its end'}'`);
  }

  end(): void {
    if (this.peek() !== undefined) throw this.problem(`'${this.peek()}' is unexpected`);
  }

  problem(why: string): CompileError {
    return new CompileError(`cannot read the ${this.what} '${this.text.trim()}': ${why}`, this.range);
  }

  private name(name: string): Expr {
    const [first, ...rest] = name.split('.');
    let expr: Expr = { kind: 'name', name: first, range: this.range };
    for (const part of rest) expr = { kind: 'attribute', object: expr, name: part, range: this.range };
    return expr;
  }

  private generic(name: string, items: readonly Expr[]): Expr {
    return { kind: 'subscript', object: this.name(name), items, range: this.range };
  }

  private none(): Expr {
    return { kind: 'constant', value: null, range: this.range };
  }

  type(): Expr {
    const members = [this.postfix()];
    while (this.accept('|')) members.push(this.postfix());
    const present = members.filter((member) => member.kind !== 'constant');
    if (members.length === 1) return members[0];
    if (present.length === 0) return members[0];
    const union = present.length === 1 ? present[0] : this.generic('Union', present);
    return present.length < members.length ? this.generic('Optional', [union]) : union;
  }

  private postfix(): Expr {
    let type = this.primary();
    for (;;) {
      if (this.accept('?')) type = this.generic('Optional', [type]);
      else if (this.peek() === '[' && this.tokens[this.at + 1]?.text.match(/^(\]|\d+)$/)) {
        this.take();
        if (this.peek() !== ']') this.take();
        this.expect(']');
        type = this.generic('List', [type]);
      } else return type;
    }
  }

  private list(close: string): Expr[] {
    const items: Expr[] = [];
    while (!this.accept(close)) {
      items.push(this.type());
      if (!this.accept(',')) {
        this.expect(close);
        break;
      }
    }
    return items;
  }

  private primary(): Expr {
    if (this.accept('[')) return this.generic('Tuple', this.tuple(this.list(']')));
    if (this.accept('(')) {
      const items = this.list(')');
      return items.length === 1 ? items[0] : this.generic('Tuple', this.tuple(items));
    }
    const token = this.take();
    if (token === 'readonly') return this.primary();
    if (!/^[\w$.]+$/.test(token)) throw this.problem(`'${token}' is no type`);
    if (
      token === 'None' ||
      token === 'null' ||
      token === 'undefined' ||
      token === 'void' ||
      token === 'NoneType'
    )
      return this.none();
    if (token === 'number')
      throw this.problem("'number' does not say which: write int, float, or Scalar for either");
    const name =
      spellings[token.replace(/^torch\.(?!nn|jit)/, '')] ?? token.replace(/^torch\.(?=Tensor$)/, '');
    if (name === 'number') return this.name('number');
    for (const [open, close] of ['<>', '[]', '()'])
      if (
        this.peek() === open &&
        !(open === '[' && /^(\]|\d+)$/.test(this.tokens[this.at + 1]?.text ?? ''))
      ) {
        this.take();
        const items = this.list(close);
        return this.generic(name, name === 'Tuple' ? this.tuple(items) : items);
      }
    return this.name(name);
  }

  /** `Tuple[()]` is how Python writes the empty tuple. */
  private tuple(items: readonly Expr[]): readonly Expr[] {
    return items.length > 0 ? items : [{ kind: 'tuple', items: [], range: this.range }];
  }

  private literal(): Expr {
    const { range } = this;
    if (this.accept('[')) {
      const items: Expr[] = [];
      while (!this.accept(']')) {
        items.push(this.literal());
        if (!this.accept(',')) {
          this.expect(']');
          break;
        }
      }
      return { kind: 'list', items, range };
    }
    const token = this.take();
    if (/^["']/.test(token)) return { kind: 'string', value: token.slice(1, -1), range };
    if (/^(None|null)$/.test(token)) return { kind: 'constant', value: null, range };
    if (/^(True|true)$/.test(token)) return { kind: 'constant', value: true, range };
    if (/^(False|false)$/.test(token)) return { kind: 'constant', value: false, range };
    if (/^-?\d+$/.test(token)) return { kind: 'int', value: BigInt(token), range };
    if (/^-?\d/.test(token)) return { kind: 'float', value: Number(token), range };
    throw this.problem(`'${token}' is no default value`);
  }

  schema(): SchemaText {
    const name = this.take();
    this.expect('(');
    const params: SchemaParam[] = [];
    let kwargOnly = false;
    while (!this.accept(')')) {
      if (this.accept('*')) kwargOnly = true;
      else {
        const type = this.type();
        const param = this.take();
        if (!/^[A-Za-z_]\w*$/.test(param)) throw this.problem(`'${param}' is no name of a parameter`);
        params.push({ name: param, type, kwargOnly, ...(this.accept('=') && { default: this.literal() }) });
      }
      if (!this.accept(',')) {
        this.expect(')');
        break;
      }
    }
    const returns = this.accept('->') ? this.returns() : undefined;
    this.end();
    return { name, params, ...(returns && { returns }) };
  }

  /** `()` is no result: None. */
  private returns(): Expr {
    const type = this.type();
    return type.kind === 'subscript' && type.items[0]?.kind === 'tuple' ? this.none() : type;
  }
}

/** A type from a comment. */
export function readType(text: string, range: Range): Expr {
  const reader = new Reader(text, range, 'type');
  const type = reader.type();
  reader.end();
  return type;
}

/** `f(Tensor x, int n=2, *, bool flag=False) -> Tensor`. */
export const readSchema = (text: string, range: Range): SchemaText =>
  new Reader(text, range, 'schema').schema();
