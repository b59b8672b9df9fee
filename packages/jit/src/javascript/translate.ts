/** A JavaScript function to a TorchScript definition: its parameters and their types, and its body. */
import type * as js from 'acorn';
import type { Def, Expr, Param, Statement } from '../frontend/ast.ts';
import type { FreeNames } from './expression.ts';
import { plain } from './scope.ts';
import { StatementTranslator } from './statement.ts';
import type { FunctionText } from './text.ts';
import type { SchemaText } from './types.ts';

export interface TranslateOptions {
  /** The types, and the names of the parameters as callers see them. */
  readonly schema?: SchemaText;
  /** Whether the function is a method, whose `this` is TorchScript's `self`. */
  readonly isMethod?: boolean;
}

/** Translates a function's text. What TorchScript cannot say is a CompileError that points at it. */
export function translate(text: FunctionText, names: FreeNames, options: TranslateOptions = {}): Def {
  return new FunctionTranslator(text, names, options).def();
}

/** Only the parameters and the type of the result. */
export function signature(text: FunctionText, names: FreeNames, options: TranslateOptions = {}): Def {
  return new FunctionTranslator(text, names, options).head();
}

class FunctionTranslator extends StatementTranslator {
  constructor(
    text: FunctionText,
    names: FreeNames,
    private readonly options: TranslateOptions,
  ) {
    super(text, names);
  }

  head(): Def {
    const { node, name } = this.text;
    const { schema, isMethod } = this.options;
    if (node.generator) this.refuse(node, 'generators are not supported');
    const head: Param[] = [];
    if (isMethod) {
      this.scopes.bind('this', 'self');
      head.push({ name: 'self', kwargOnly: false, range: this.range(node) });
    }
    const given = this.parameters(node.params);
    if (schema && schema.params.length !== given.length)
      this.refuse(
        node,
        `the schema of '${name}' has ${schema.params.length} parameter(s) and the function has ${given.length}`,
      );
    const params = given.map((param, i) => this.typed(param, schema?.params[i]));
    const returns =
      schema?.returns ?? this.documented(/@returns?\s*\{([^}]*)\}/, this.range(node.body).start + 200);
    this.returnsList =
      returns?.kind === 'subscript' && returns.object.kind === 'name' && returns.object.name === 'List';
    return {
      name,
      params: [...head, ...params],
      body: [],
      range: this.range(node),
      ...(returns && { returns }),
    };
  }

  def(): Def {
    const { node } = this.text;
    const head = this.head();
    const body: Statement[] =
      node.body.type === 'BlockStatement'
        ? this.statements(node.body.body)
        : [
            {
              kind: 'return',
              value: this.expression(node.body, !this.returnsList),
              range: this.range(node.body),
            },
          ];
    return { ...head, body };
  }

  /** In order, the entries of an options object at the end among them, which are keyword arguments. */
  private parameters(nodes: readonly js.Pattern[]): { node: js.Pattern; kwargOnly: boolean }[] {
    return nodes.flatMap((node, i): { node: js.Pattern; kwargOnly: boolean }[] => {
      const pattern = node.type === 'AssignmentPattern' ? node.left : node;
      if (pattern.type === 'ObjectPattern' && i === nodes.length - 1)
        return pattern.properties.map((property) => {
          if (property.type === 'RestElement' || property.computed || property.key.type !== 'Identifier')
            return this.refuse(property, 'an option must have a plain name');
          return { node: property.value, kwargOnly: true };
        });
      if (pattern.type === 'RestElement')
        return this.refuse(
          node,
          'a function with a variable number of arguments cannot be compiled: take a list',
        );
      if (pattern.type !== 'Identifier')
        return this.refuse(
          node,
          'a parameter must have a name: take it apart in the body, `const [a, b] = pair`',
        );
      return [{ node, kwargOnly: false }];
    });
  }

  private typed(
    { node, kwargOnly }: { node: js.Pattern; kwargOnly: boolean },
    schema: SchemaText['params'][number] | undefined,
  ): Param {
    const pattern = node.type === 'AssignmentPattern' ? node.left : node;
    if (pattern.type !== 'Identifier')
      return this.refuse(node, 'a parameter must have a name: take it apart in the body');
    const range = this.range(pattern);
    const own = pattern.name;
    // A schema names the parameters as the author did, whatever a minifier has made of them since.
    const name = schema?.name ?? plain(own);
    this.scopes.bind(own, name);
    this.parameterNames.add(name);
    const literal = node.type === 'AssignmentPattern' ? this.expression(node.right) : undefined;
    const type =
      schema?.type ??
      this.typeBefore(node) ??
      this.typeBefore(pattern) ??
      this.documented(
        new RegExp(`@param\\s*\\{([^}]*)\\}\\s*\\[?${own.replaceAll('$', '\\$')}\\b`),
        range.end + 200,
      ) ??
      (literal && typeOfLiteral(literal));
    const value = schema?.default ?? literal;
    return {
      name,
      kwargOnly: schema?.kwargOnly ?? kwargOnly,
      range,
      ...(type && { type }),
      ...(value && { default: value }),
    };
  }
}

/** A default value says the type of its parameter where nothing else does. */
function typeOfLiteral(expr: Expr): Expr | undefined {
  if (expr.kind === 'unary' && expr.op === '-') return typeOfLiteral(expr.operand);
  const named = (name: string): Expr => ({ kind: 'name', name, range: expr.range });
  switch (expr.kind) {
    case 'int':
    case 'float':
      return named(expr.kind);
    case 'string':
      return named('str');
    case 'constant':
      return expr.value === null
        ? { kind: 'subscript', object: named('Optional'), items: [named('Tensor')], range: expr.range }
        : named('bool');
    default:
      return undefined;
  }
}
