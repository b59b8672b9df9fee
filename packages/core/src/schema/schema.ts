/** ATen schema text, as PyTorch prints it, read into a `Schema`. */
import { TorchError } from '../errors.ts';
import { primitiveType, type Type, typeToString } from './type.ts';

/** `(a)`, `(a!)`, `(a -> *)`: what a tensor argument or return shares memory with, and whether it is written. */
export interface Alias {
  readonly set: string;
  readonly write: boolean;
}

export interface Argument {
  readonly name: string;
  readonly type: Type;
  readonly kwargOnly: boolean;
  readonly hasDefault: boolean;
  /** Numbers, booleans, strings, null and lists of them; names such as `Mean` or `contiguous_format` stay strings. */
  readonly default: unknown;
  readonly alias?: Alias;
}

export interface Return {
  readonly name: string;
  readonly type: Type;
  readonly alias?: Alias;
}

export interface Schema {
  /** `aten`, `prim`, `torchvision`, … */
  readonly namespace: string;
  /** `add` of `aten::add.Tensor`. */
  readonly base: string;
  /** `Tensor` of `aten::add.Tensor`; empty when there is none. */
  readonly overload: string;
  /** `aten::add.Tensor`. */
  readonly name: string;
  readonly args: readonly Argument[];
  readonly returns: readonly Return[];
  /** Whether the schema ends its arguments (or returns) in `...`. */
  readonly isVararg: boolean;
  readonly text: string;
}

const symbols = ['->', '...', '::', '(', ')', '[', ']', '{', '}', ',', '*', '=', '?', '!', '.', '|', ':'];

/** The text's tokens, and where each begins where that is asked for. */
function tokenize(text: string, starts?: number[]): string[] {
  const tokens: string[] = [];
  let i = 0;
  while (i < text.length) {
    const c = text[i];
    if (c === ' ' || c === '\n' || c === '\t') {
      i++;
      continue;
    }
    starts?.push(i);
    const number = /^-?(\d+\.?\d*(e[+-]?\d+)?|inf\b|nan\b)/.exec(text.slice(i));
    if (number && !/\w/.test(text[i - 1] ?? '')) {
      tokens.push(number[0]);
      i += number[0].length;
      continue;
    }
    const word = /^\w+/.exec(text.slice(i));
    if (word) {
      tokens.push(word[0]);
      i += word[0].length;
      continue;
    }
    if (c === '"' || c === "'") {
      let end = i + 1;
      while (end < text.length && text[end] !== c) end += text[end] === '\\' ? 2 : 1;
      tokens.push(text.slice(i, end + 1));
      i = end + 1;
      continue;
    }
    const symbol = symbols.find((s) => text.startsWith(s, i));
    if (!symbol) throw pointAt(`unexpected character '${c}'`, text, i, 1);
    tokens.push(symbol);
    i += symbol.length;
  }
  return tokens;
}

/** PyTorch's error for a schema: what is wrong, the text, and a line that points at the place. */
const pointAt = (what: string, text: string, at: number, length: number): TorchError =>
  new TorchError(
    at < text.length
      ? `${what}:\n${text}\n${' '.repeat(at)}${'~'.repeat(length)} <--- HERE\n`
      : `${what}:\n${text}`,
  );

/** PyTorch's names of tokens. */
function tokenName(token: string | undefined): string {
  if (token === undefined) return 'eof';
  if (token === '->') return 'arrow';
  if (/^-?[\d.]/.test(token)) return 'number';
  return /^\w+$/.test(token) ? 'ident' : token;
}

class SchemaReader {
  private readonly tokens: string[];
  private position = 0;

  constructor(private readonly text: string) {
    this.tokens = tokenize(text);
  }

  private peek(offset = 0): string | undefined {
    return this.tokens[this.position + offset];
  }

  private take(expected?: string): string {
    const token = this.tokens[this.position++];
    if (token === undefined || (expected !== undefined && token !== expected))
      throw this.problem(
        `expected ${tokenName(expected ?? 'name')} but found '${tokenName(token)}' here`,
        this.position - 1,
      );
    return token;
  }

  /** An error that points at a token; at the end of the text where there is none. */
  private problem(what: string, position: number): TorchError {
    const starts: number[] = [];
    tokenize(this.text, starts);
    const token = this.tokens[position] as string | undefined;
    return pointAt(what, this.text, starts[position] ?? this.text.length, token?.length ?? 0);
  }

  private accept(token: string): boolean {
    if (this.peek() !== token) return false;
    this.position++;
    return true;
  }

  schema(): Schema {
    let namespace = 'aten';
    let base = this.take();
    if (this.accept('::')) {
      namespace = base;
      base = this.take();
    }
    const overload = this.accept('.') ? this.take() : '';
    const name = `${namespace}::${base}${overload && `.${overload}`}`;
    let isVararg = false;
    const args: Argument[] = [];
    let kwargOnly = false;
    this.take('(');
    while (!this.accept(')')) {
      if (this.accept('...')) isVararg = true;
      else if (this.accept('*')) kwargOnly = true;
      else args.push(this.argument(kwargOnly));
      if (this.accept(',')) continue;
      this.take(')');
      break;
    }
    const returns: Return[] = [];
    if (this.accept('->')) {
      if (this.accept('...')) isVararg = true;
      else if (this.accept('(')) {
        while (!this.accept(')')) {
          if (this.accept('...')) isVararg = true;
          else returns.push(this.result());
          this.accept(',');
        }
      } else returns.push(this.result());
    }
    if (this.peek() !== undefined)
      throw this.problem(`expected eof but found '${tokenName(this.peek())}' here`, this.position);
    return { namespace, base, overload, name, args, returns, isVararg, text: this.text };
  }

  private argument(kwargOnly: boolean): Argument {
    const { type, alias } = this.typed();
    const name = this.take();
    const hasDefault = this.accept('=');
    const value = hasDefault ? this.literal() : undefined;
    return { name, type, kwargOnly, hasDefault, default: value, ...(alias && { alias }) };
  }

  private result(): Return {
    const { type, alias } = this.typed();
    const next = this.peek();
    const name = next !== undefined && /^\w+$/.test(next) ? this.take() : '';
    return { name, type, ...(alias && { alias }) };
  }

  /** A type with its alias annotation, which may stand before or between its `[]` and `?` suffixes. */
  private typed(): { type: Type; alias?: Alias } {
    let alias: Alias | undefined;
    let type = this.plain();
    for (;;) {
      if (this.peek() === '(') alias = this.alias() ?? alias;
      else if (this.accept('?')) type = { kind: 'Optional', element: type };
      else if (this.accept('[')) {
        const size = this.peek() === ']' ? undefined : Number(this.take());
        this.take(']');
        type = { kind: 'List', element: type, ...(size !== undefined && { size }) };
      } else return { type, ...(alias && { alias }) };
    }
  }

  private alias(): Alias | undefined {
    this.take('(');
    let set = '';
    let write = false;
    for (let token = this.take(); token !== ')'; token = this.take()) {
      if (token === '!') write = true;
      else set += token;
    }
    return { set, write };
  }

  private plain(): Type {
    if (this.accept('(')) {
      const elements: Type[] = [];
      while (!this.accept(')')) {
        elements.push(this.typed().type);
        this.accept(',');
      }
      return { kind: 'Tuple', elements };
    }
    let name = this.take();
    if (name === 'Dict') {
      this.take('(');
      const key = this.typed().type;
      this.take(',');
      const value = this.typed().type;
      this.take(')');
      return { kind: 'Dict', key, value };
    }
    if (name === 'Future' || name === 'Await' || name === 'RRef') {
      this.take('(');
      const element = this.typed().type;
      this.take(')');
      return { kind: 'Future', element };
    }
    while (this.accept('.')) name += `.${this.take()}`;
    const primitive = primitiveType(name);
    if (primitive) return primitive;
    if (name.includes('.')) return { kind: 'Class', name };
    return { kind: 'Variable', name };
  }

  private literal(): unknown {
    const token = this.take();
    if (token === '[') {
      const items: unknown[] = [];
      while (!this.accept(']')) {
        items.push(this.literal());
        this.accept(',');
      }
      return items;
    }
    if (token[0] === '"' || token[0] === "'") return token.slice(1, -1).replaceAll('\\', '');
    if (token === 'None') return null;
    if (token === 'True') return true;
    if (token === 'False') return false;
    if (/^-?inf$/.test(token)) return token === 'inf' ? Infinity : -Infinity;
    if (token === 'nan') return NaN;
    const number = Number(token);
    return Number.isNaN(number) ? token : number;
  }
}

/**
 * Reads one schema, such as `add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`.
 * A name without a namespace is in `aten`. Throws `TorchError` where the text is not a schema.
 */
export const parseSchema = (text: string): Schema => new SchemaReader(text).schema();

/** A schema whose names are known at once and whose arguments are read when they are first asked for. */
class UnreadSchema implements Schema {
  readonly namespace: string;
  readonly base: string;
  readonly overload: string;
  readonly name: string;
  private whole: Schema | undefined;

  constructor(
    readonly text: string,
    [, namespace = 'aten', base = '', overload = '']: readonly (string | undefined)[],
  ) {
    this.namespace = namespace;
    this.base = base;
    this.overload = overload;
    this.name = `${namespace}::${base}${overload && `.${overload}`}`;
  }

  private get read(): Schema {
    return (this.whole ??= parseSchema(this.text));
  }

  get args(): readonly Argument[] {
    return this.read.args;
  }

  get returns(): readonly Return[] {
    return this.read.returns;
  }

  get isVararg(): boolean {
    return this.read.isVararg;
  }
}

/**
 * The same for a text that is known to be right, as those of the library's own operators are: nearly all of a thousand are never
 * called, so each is read at its first use.
 */
export function lazySchema(text: string): Schema {
  const names = /^(?:(\w+)::)?(\w+)(?:\.(\w+))?\(/.exec(text);
  return names ? new UnreadSchema(text, names) : parseSchema(text);
}

/** Whether a call writes into one of its arguments, by the text alone. */
export const writesArgument = ({ text }: Schema): boolean =>
  text.slice(0, text.lastIndexOf('->')).includes('!)');

/** Whether the first argument is what a method is called on: `self`, or a gradient that comes first. By the text alone. */
export const beginsWithSelf = ({ text }: Schema): boolean =>
  /^[^(]*\(Tensor(\([^)]*\))? (self|grad\w*)[,=)]/.test(text);

/** Whether one of the arguments is. */
export const takesSelf = (schema: Schema): boolean =>
  beginsWithSelf(schema) || /[(,]\s*Tensor(\([^)]*\))? self[,=)]/.test(schema.text);

/** Prints a schema's types and names, without defaults; for messages. */
export const signature = (schema: Schema): string =>
  `${schema.name}(${schema.args.map((a) => `${typeToString(a.type)} ${a.name}`).join(', ')})`;
