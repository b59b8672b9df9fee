/** JavaScript expressions to TorchScript's. What depends on types is left to the emitter, under names that start with `#`. */
import type * as js from 'acorn';
import type { Expr, Keyword } from '../frontend/ast.ts';
import { CompileError, type Range } from '../frontend/source.ts';
import { optionalLink, replaced } from './chain.ts';
import { Scopes } from './scope.ts';
import type { AnyFunction, FunctionText } from './text.ts';
import { readType } from './types.ts';

export type { AnyFunction };

/** Which names a function may use that are not its own. */
export interface FreeNames {
  /** The name under which the emitter knows what a root such as `torch`, or `a.b` where a bundler moved it, stands for. */
  find(path: readonly string[]): { readonly name: string; readonly used: number } | undefined;
  /** What a message says of a name that is not known. */
  unknown(path: readonly string[]): string;
}

const binary: Readonly<Record<string, string>> = {
  '===': '==',
  '!==': '!=',
  '>>>': '>>>',
};
const supported = new Set([
  '+',
  '-',
  '*',
  '/',
  '%',
  '**',
  '<',
  '<=',
  '>',
  '>=',
  '==',
  '!=',
  '&',
  '|',
  '^',
  '<<',
  '>>',
  'in',
]);

/** What `typeof` may be compared with; undefined is None. */
const typeNames: Readonly<Record<string, readonly string[]>> = {
  number: ['int', 'float'],
  string: ['str'],
  boolean: ['bool'],
  undefined: [],
};

export abstract class ExpressionTranslator {
  protected readonly scopes = new Scopes();
  /** Indexes of `for` loops that start at no less than zero. */
  protected readonly natural = new Set<string>();

  constructor(
    protected readonly text: FunctionText,
    private readonly names: FreeNames,
  ) {}

  protected range(node: { readonly start: number; readonly end: number }): Range {
    return this.text.range(node);
  }

  protected refuse(node: { readonly start: number; readonly end: number }, why: string): never {
    throw new CompileError(why, this.range(node));
  }

  protected name(name: string, range: Range): Expr {
    return { kind: 'name', name, range };
  }

  /** A call of what only the emitter knows. */
  protected form(name: string, args: readonly Expr[], range: Range, kwargs: readonly Keyword[] = []): Expr {
    return { kind: 'call', callee: this.name(`#${name}`, range), args, kwargs, range };
  }

  /** The type that a comment before a node gives, `@type {int}`. */
  protected typeBefore(node: js.Node): Expr | undefined {
    const comment = this.text.commentBefore(node);
    const type = comment && /@type\s*\{([^}]*)\}/.exec(comment.text);
    return type ? readType(type[1], this.range(node)) : undefined;
  }

  /** `isResult`: an array written here is a tuple, as `return a, b` is in Python. */
  expression(node: js.Expression, isResult = false): Expr {
    const range = this.range(node);
    switch (node.type) {
      case 'ParenthesizedExpression': {
        const type = this.typeBefore(node);
        const value = this.expression(node.expression, isResult && !type);
        return type ? this.form('annotate', [type, value], range) : value;
      }
      case 'Identifier':
        return this.identifier(node);
      case 'ThisExpression':
        return this.path([node]);
      case 'Literal':
        return this.literal(node);
      case 'TemplateLiteral':
        return this.template(node);
      case 'ArrayExpression':
        return this.array(node, isResult);
      case 'ObjectExpression':
        return this.object(node);
      case 'UnaryExpression':
        return this.unary(node);
      case 'BinaryExpression':
        return this.binary(node);
      case 'LogicalExpression': {
        const [left, right] = [this.expression(node.left), this.expression(node.right)];
        return { kind: 'binary', op: node.operator, left, right, range };
      }
      case 'ConditionalExpression':
        return {
          kind: 'conditional',
          test: this.condition(node.test),
          body: this.expression(node.consequent, isResult),
          orElse: this.expression(node.alternate, isResult),
          range,
        };
      case 'AwaitExpression':
        return this.form('await', [this.expression(node.argument)], range);
      case 'CallExpression':
        return this.call(node);
      case 'NewExpression':
        return this.construct(node);
      case 'MemberExpression':
        return this.member(node);
      case 'ChainExpression':
        return this.optionalChain(node.expression);
      case 'AssignmentExpression':
        return this.refuse(
          node,
          'an assignment inside an expression is not supported: make it a statement of its own',
        );
      case 'UpdateExpression':
        return this.refuse(
          node,
          `${node.operator} inside an expression is not supported: make it a statement of its own`,
        );
      case 'ArrowFunctionExpression':
      case 'FunctionExpression':
        return this.refuse(
          node,
          'a function inside a function is not supported here: write it outside and pass it by name, `jit.script(f, { helper })`; only `xs.map(x => …)` with an expression is',
        );
      case 'SequenceExpression':
        return this.refuse(node, 'a comma between expressions is not supported: make them statements');
      case 'TaggedTemplateExpression':
        return this.refuse(node, 'a tagged template is not supported');
      case 'ClassExpression':
        return this.refuse(node, 'a class inside a function is not supported');
      case 'MetaProperty':
      case 'ImportExpression':
        return this.refuse(node, 'import is not supported inside a compiled function');
      case 'YieldExpression':
        return this.refuse(node, 'generators are not supported');
      default:
        return this.refuse(node, `${(node as js.Node).type} is not supported`);
    }
  }

  /** Where only the truth of a value counts. */
  condition(node: js.Expression): Expr {
    const range = this.range(node);
    if (node.type === 'ParenthesizedExpression') return this.condition(node.expression);
    if (node.type === 'LogicalExpression' && node.operator !== '??') {
      const op = node.operator === '&&' ? 'and' : 'or';
      return {
        kind: 'binary',
        op,
        left: this.condition(node.left),
        right: this.condition(node.right),
        range,
      };
    }
    if (node.type === 'UnaryExpression' && node.operator === '!') return this.unary(node);
    return this.expression(node);
  }

  /** `a`, `a.b.c` as a list of names; undefined for anything else. */
  protected chain(node: js.Expression | js.Super): { nodes: js.Node[]; names: string[] } | undefined {
    if (node.type === 'ParenthesizedExpression') return this.chain(node.expression);
    // `(0, a.b)(x)`: how bundlers call what was imported.
    if (
      node.type === 'SequenceExpression' &&
      node.expressions.length === 2 &&
      node.expressions[0].type === 'Literal'
    )
      return this.chain(node.expressions[1]);
    if (node.type === 'Identifier') return { nodes: [node], names: [node.name] };
    if (node.type === 'ThisExpression') return { nodes: [node], names: ['this'] };
    if (node.type !== 'MemberExpression' || node.property.type === 'PrivateIdentifier') return undefined;
    const name =
      !node.computed && node.property.type === 'Identifier'
        ? node.property.name
        : node.computed && node.property.type === 'Literal' && typeof node.property.value === 'string'
          ? node.property.value
          : undefined;
    const object = this.chain(node.object);
    if (!object || name === undefined) return undefined;
    return { nodes: [...object.nodes, node], names: [...object.names, name] };
  }

  /** A path whose root is no variable of the function. */
  protected path(nodes: readonly js.Node[], names: readonly string[] = ['this']): Expr {
    const local = this.scopes.find(names[0]);
    const range = this.range(nodes[0]);
    let expr: Expr;
    let at = 1;
    if (local) expr = this.name(local.name, range);
    else {
      const found = this.names.find(names);
      if (!found) {
        if (names[0] === 'this')
          this.refuse(
            nodes[0],
            "'this' is no part of a function, but of a module's method: script the module, jit.script(module)",
          );
        if (names[0] === this.text.name || names[0] === this.text.node.id?.name)
          this.refuse(
            nodes[0],
            `function '${names[0]}' is called recursively. Recursive calls are not supported`,
          );
        this.refuse(nodes[Math.min(1, nodes.length - 1)], this.names.unknown(names));
      }
      expr = this.name(found.name, this.range(nodes[found.used - 1]));
      at = found.used;
    }
    for (; at < names.length; at++)
      expr = { kind: 'attribute', object: expr, name: names[at], range: this.range(nodes[at]) };
    return expr;
  }

  private identifier(node: js.Identifier): Expr {
    const range = this.range(node);
    if (!this.scopes.find(node.name)) {
      if (node.name === 'undefined') return { kind: 'constant', value: null, range };
      if (node.name === 'Infinity') return { kind: 'float', value: Number.POSITIVE_INFINITY, range };
      if (node.name === 'NaN') return { kind: 'float', value: Number.NaN, range };
    }
    return this.path([node], [node.name]);
  }

  protected member(node: js.MemberExpression): Expr {
    const range = this.range(node);
    if (node.object.type === 'Super') return this.refuse(node, 'super is not supported');
    if (node.property.type === 'PrivateIdentifier')
      return this.refuse(
        node,
        `#${node.property.name} is private, which TorchScript has not: give it a plain name`,
      );
    if (!node.computed) {
      const chain = this.chain(node);
      if (chain && !this.scopes.find(chain.names[0])) return this.path(chain.nodes, chain.names);
      const { name } = node.property as js.Identifier;
      return { kind: 'attribute', object: this.expression(node.object), name, range };
    }
    const property = node.property as js.Expression;
    if (property.type === 'SequenceExpression')
      return this.refuse(
        property,
        'x[i, j] is x[j] in JavaScript: write x[i][j], or x.at(i, j) for a tensor',
      );
    const object = this.expression(node.object);
    return { kind: 'subscript', object, items: [this.expression(property)], range };
  }

  private literal(node: js.Literal): Expr {
    const range = this.range(node);
    const { value, raw } = node;
    if (node.bigint) return { kind: 'int', value: BigInt(node.bigint), range };
    if (typeof value === 'number') {
      // 2.0 and 2e0 are floats, as in Python; 0x10 and 1_000 are not.
      const isFloat = /^[\d_]*\.|^[\d_]+e/i.test(raw ?? '') || !Number.isInteger(value);
      return isFloat ? { kind: 'float', value, range } : { kind: 'int', value: BigInt(value), range };
    }
    if (typeof value === 'string') return { kind: 'string', value, range };
    if (value === null && !node.regex) return { kind: 'constant', value: null, range };
    if (typeof value === 'boolean') return { kind: 'constant', value, range };
    return this.refuse(node, 'a regular expression is not supported');
  }

  private template(node: js.TemplateLiteral): Expr {
    const range = this.range(node);
    const parts = node.quasis.map((part) => part.value.cooked ?? '');
    if (node.expressions.length === 0) return { kind: 'string', value: parts[0], range };
    return {
      kind: 'call',
      callee: {
        kind: 'attribute',
        object: { kind: 'string', value: parts.join('{}'), range },
        name: 'format',
        range,
      },
      args: node.expressions.map((expression) => this.expression(expression)),
      kwargs: [],
      range,
    };
  }

  private array(node: js.ArrayExpression, isResult: boolean): Expr {
    const range = this.range(node);
    const items = node.elements;
    const hole = items.indexOf(null);
    if (hole >= 0) return this.refuse(node, 'an array with holes is not supported');
    if (items.some((item) => item!.type === 'SpreadElement')) {
      // `[...xs, y]` is xs + [y].
      const parts: Expr[] = [];
      let run: Expr[] = [];
      const flush = () => {
        if (run.length > 0) parts.push({ kind: 'list', items: run, range });
        run = [];
      };
      for (const item of items as (js.Expression | js.SpreadElement)[])
        if (item.type === 'SpreadElement') {
          flush();
          parts.push(this.expression(item.argument));
        } else run.push(this.expression(item));
      flush();
      return this.form('concat', parts, range);
    }
    const values = (items as js.Expression[]).map((item) => this.expression(item, isResult));
    return isResult && values.length > 0
      ? { kind: 'tuple', items: values, range }
      : { kind: 'list', items: values, range };
  }

  protected property(node: js.Property | js.SpreadElement): { name: string; value: js.Expression } {
    if (node.type === 'SpreadElement')
      return this.refuse(node, 'spreading an object is not supported: name its entries');
    if (node.kind !== 'init' || node.method)
      return this.refuse(node, 'a method in an object is not supported');
    const { key } = node;
    const name =
      !node.computed && key.type === 'Identifier'
        ? key.name
        : key.type === 'Literal'
          ? String(key.value)
          : this.refuse(node, 'a computed key is not supported here: use a Map and `d.set(key, value)`');
    return { name, value: node.value as js.Expression };
  }

  private object(node: js.ObjectExpression): Expr {
    const range = this.range(node);
    const entries = node.properties.map((property) => this.property(property));
    return {
      kind: 'dict',
      keys: node.properties.map((property, i) => ({
        kind: 'string',
        value: entries[i].name,
        range: this.range(property),
      })),
      values: entries.map(({ value }) => this.expression(value)),
      range,
    };
  }

  private unary(node: js.UnaryExpression): Expr {
    const range = this.range(node);
    const { argument, operator } = node;
    switch (operator) {
      case '!': {
        // `!0` and `!1` are how minifiers write true and false.
        if (argument.type === 'Literal' && typeof argument.value === 'number')
          return { kind: 'constant', value: !argument.value, range };
        return { kind: 'unary', op: 'not', operand: this.condition(argument), range };
      }
      case '-': {
        const operand = this.expression(argument);
        return { kind: 'unary', op: '-', operand, range };
      }
      case '~':
        return this.form('invert', [this.expression(argument)], range);
      case '+':
        return this.form('number', [this.expression(argument)], range);
      case 'void':
        if (argument.type === 'Literal') return { kind: 'constant', value: null, range };
        return this.refuse(node, 'void is not supported');
      case 'typeof':
        return this.refuse(
          node,
          "typeof is for comparisons here, `typeof x === 'string'`; for other types write jit.isinstance(x, 'int')",
        );
      default:
        return this.refuse(node, `${operator} is not supported here`);
    }
  }

  private binary(node: js.BinaryExpression): Expr {
    const range = this.range(node);
    if (node.left.type === 'PrivateIdentifier') return this.refuse(node, 'private names are not supported');
    const asked = this.typeTest(node);
    if (asked) return asked;
    const [left, right] = [this.expression(node.left), this.expression(node.right)];
    const op = binary[node.operator] ?? node.operator;
    const isNone = (expr: Expr) => expr.kind === 'constant' && expr.value === null;
    if ((op === '==' || op === '!=') && (isNone(left) || isNone(right)))
      return { kind: 'binary', op: op === '==' ? 'is' : 'is not', left, right, range };
    if (op === 'instanceof')
      return this.refuse(node, "instanceof is not supported: write jit.isinstance(x, 'Tensor')");
    if (!supported.has(op)) return this.refuse(node, `${node.operator} is not supported`);
    // An index that counts up from zero has no sign to worry about.
    const isNatural =
      op === '%' &&
      left.kind === 'name' &&
      this.natural.has(left.name) &&
      right.kind === 'int' &&
      right.value > 0n;
    return { kind: 'binary', op: isNatural ? '%+' : op, left, right, range };
  }

  /** `typeof x === 'number'`. */
  private typeTest(node: js.BinaryExpression): Expr | undefined {
    const [asked, name] =
      node.left.type === 'UnaryExpression' ? [node.left, node.right] : [node.right, node.left];
    if (asked.type !== 'UnaryExpression' || asked.operator !== 'typeof') return undefined;
    if (name.type !== 'Literal' || !/^[!=]==?$/.test(node.operator)) return undefined;
    const range = this.range(node);
    const value = this.expression(asked.argument);
    const none: Expr = { kind: 'constant', value: null, range };
    const types = typeNames[String(name.value)];
    if (!types)
      this.refuse(
        name,
        `typeof is one of ${Object.keys(typeNames).join(', ')} here, not '${String(name.value)}'`,
      );
    const named: Expr[] = types.map((type) => this.name(type, range));
    const test: Expr =
      types.length === 0
        ? { kind: 'binary', op: 'is', left: value, right: none, range }
        : this.form(
            'isinstance',
            [value, named.length === 1 ? named[0] : { kind: 'tuple', items: named, range }],
            range,
          );
    return node.operator.startsWith('!') ? { kind: 'unary', op: 'not', operand: test, range } : test;
  }

  /** `a?.b.c`, `a?.b()`: null where a is null, and what follows otherwise. */
  private optionalChain(node: js.Expression): Expr {
    const range = this.range(node);
    const link = optionalLink(node);
    if (!link) return this.expression(node);
    const object = this.expression(link);
    const none: Expr = { kind: 'constant', value: null, range };
    const isVariable = object.kind === 'name' && !object.name.startsWith('#');
    const given = isVariable ? object : this.name(this.scopes.fresh('_given'), range);
    // The rest of the chain is read with a variable in the place of what may be null.
    const standIn = `?${(given as { name: string }).name}`;
    if (!isVariable) this.scopes.note((given as { name: string }).name);
    this.scopes.bind(standIn, (given as { name: string }).name);
    const rest = replaced(node, link, {
      type: 'Identifier',
      name: standIn,
      start: link.start,
      end: link.end,
    });
    const value: Expr = {
      kind: 'conditional',
      test: { kind: 'binary', op: 'is not', left: given, right: none, range },
      body: this.optionalChain(rest),
      orElse: none,
      range,
    };
    if (isVariable) return value;
    return {
      kind: 'block',
      body: [{ kind: 'assign', targets: [given], value: object, range }],
      result: value,
      range,
    };
  }

  protected abstract call(node: js.CallExpression): Expr;
  protected abstract construct(node: js.NewExpression): Expr;
}
