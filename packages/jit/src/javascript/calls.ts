/** JavaScript calls to TorchScript's: keyword arguments, what bundlers wrap callees in, and calls that take a function. */
import type * as js from 'acorn';
import type { Expr, Keyword } from '../frontend/ast.ts';
import type { Range } from '../frontend/source.ts';
import { ExpressionTranslator } from './expression.ts';
import { readType } from './types.ts';

export abstract class CallTranslator extends ExpressionTranslator {
  /** Arguments; an object literal that ends them holds the keyword arguments. */
  protected arguments(nodes: readonly (js.Expression | js.SpreadElement)[]): {
    args: Expr[];
    kwargs: Keyword[];
  } {
    const last = nodes[nodes.length - 1];
    const options = last?.type === 'ObjectExpression' ? last : undefined;
    const args = nodes.slice(0, options ? -1 : undefined).map((arg): Expr => {
      if (arg.type === 'SpreadElement')
        return { kind: 'starred', value: this.expression(arg.argument), range: this.range(arg) };
      return this.expression(arg);
    });
    const kwargs = (options?.properties ?? []).map((property): Keyword => {
      const { name, value } = this.property(property);
      return { name, value: this.expression(value), range: this.range(property) };
    });
    return { args, kwargs };
  }

  protected override call(node: js.CallExpression): Expr {
    const range = this.range(node);
    if (node.callee.type === 'Super') return this.refuse(node, 'super is not supported');
    const chain = this.chain(node.callee);
    const [root] = chain?.names ?? [];
    if (root === '__name' && !this.scopes.find('__name') && node.arguments[0])
      return this.expression(node.arguments[0] as js.Expression);
    if (
      root === 'Number' &&
      chain?.names.length === 1 &&
      !this.scopes.find(root) &&
      node.arguments.length === 1
    )
      return this.form('number', [this.expression(node.arguments[0] as js.Expression)], range);
    const own = this.globalCall(node, chain?.names ?? []) ?? this.filledArray(node) ?? this.innerCall(node);
    if (own) return own;
    const callee = this.expressionOfCallee(node.callee, chain);
    const typed =
      chain && !this.scopes.find(chain.names[0]) ? this.typedCall(node, callee, chain.names) : undefined;
    if (typed) return typed;
    const method = callee.kind === 'attribute' ? callee.name : undefined;
    const first = unnamed(node.arguments[0]);
    if (
      method !== undefined &&
      (first?.type === 'ArrowFunctionExpression' || first?.type === 'FunctionExpression')
    )
      return this.withFunction(callee, method, node, first);
    if (method === 'flat' && node.arguments.length === 0)
      return this.flattened((callee as { object: Expr }).object, range);
    const { args, kwargs } = this.arguments(node.arguments);
    return { kind: 'call', callee, args, kwargs, range };
  }

  protected abstract flattened(lists: Expr, range: Range): Expr;

  /** A call of a function inside the function, by its name or in place. */
  protected abstract innerCall(node: js.CallExpression): Expr | undefined;

  /** Functions of JavaScript's own objects: `Object.keys(d)`, `Array.from(xs)`, `Math.max(...xs)`. */
  private globalCall(node: js.CallExpression, names: readonly string[]): Expr | undefined {
    const [root, member] = names;
    if (root === undefined || this.scopes.find(root)) return undefined;
    const range = this.range(node);
    const [first, second] = node.arguments;
    const path = names.join('.');
    if (/^Object\.(keys|values|entries)$/.test(path) && node.arguments.length === 1) {
      const object = this.expression(first as js.Expression);
      return {
        kind: 'call',
        callee: { kind: 'attribute', object, name: member, range },
        args: [],
        kwargs: [],
        range,
      };
    }
    if (
      (path === 'Math.max' || path === 'Math.min') &&
      node.arguments.length === 1 &&
      first.type === 'SpreadElement'
    )
      return this.form(member, [this.expression(first.argument)], range);
    if (path === 'parseInt' || path === 'Number.parseInt')
      return this.form('toInt', [this.expression(first as js.Expression)], range);
    if (path === 'parseFloat' || path === 'Number.parseFloat')
      return this.form('number', [this.expression(first as js.Expression)], range);
    if (path === 'Array.from') return this.arrayFrom(node, first, second, range);
    return undefined;
  }

  /** `Array.from(xs)`, `Array.from({ length: n }, (_, i) => …)`. */
  private arrayFrom(
    node: js.CallExpression,
    first: js.Expression | js.SpreadElement | undefined,
    second: js.Expression | js.SpreadElement | undefined,
    range: Range,
  ): Expr {
    if (first?.type !== 'ObjectExpression') {
      if (second || !first) this.refuse(node, 'Array.from takes an array here: write xs.map(f)');
      return this.form('concat', [this.expression(first as js.Expression)], range);
    }
    const [property] = first.properties;
    const fn = unnamed(second);
    if (
      first.properties.length !== 1 ||
      property.type !== 'Property' ||
      property.key.type !== 'Identifier' ||
      property.key.name !== 'length' ||
      (fn?.type !== 'ArrowFunctionExpression' && fn?.type !== 'FunctionExpression')
    )
      return this.refuse(node, 'write Array.from({ length: n }, (_, i) => …), or new Array(n).fill(0)');
    const object = this.form('range', [this.expression(property.value as js.Expression)], range);
    const params = fn.params.length > 1 ? [fn.params[1]] : [];
    const callee: Expr = { kind: 'attribute', object, name: 'map', range };
    if (fn.params.length === 1) this.refuse(fn, 'the first parameter is always undefined: write (_, i) => …');
    return this.withFunction(callee, 'map', node, { ...fn, params } as typeof fn);
  }

  /** `new Array(n).fill(0)`. */
  private filledArray(node: js.CallExpression): Expr | undefined {
    const { callee } = node;
    if (callee.type !== 'MemberExpression' || callee.computed) return undefined;
    const { object, property } = callee;
    if (property.type !== 'Identifier' || property.name !== 'fill' || node.arguments.length !== 1)
      return undefined;
    if (object.type !== 'NewExpression' && object.type !== 'CallExpression') return undefined;
    if (object.callee.type !== 'Identifier' || object.callee.name !== 'Array' || this.scopes.find('Array'))
      return undefined;
    const range = this.range(node);
    const [length] = object.arguments;
    if (object.arguments.length !== 1) return undefined;
    const value: Expr = { kind: 'list', items: [this.expression(node.arguments[0] as js.Expression)], range };
    return this.form('repeated', [value, this.expression(length as js.Expression)], range);
  }

  /** `jit.annotate('int[]', [])` and `jit.isinstance(x, 'Tensor')`, whose types are texts. */
  private typedCall(node: js.CallExpression, callee: Expr, names: readonly string[]): Expr | undefined {
    const at = { annotate: 0, isinstance: 1 }[names[names.length - 1]];
    if (at === undefined || node.arguments.length !== 2) return undefined;
    const types = node.arguments[at];
    const read = (text: js.Expression | js.SpreadElement | null): Expr => {
      if (text?.type !== 'Literal' || typeof text.value !== 'string')
        return this.refuse(
          text ?? node,
          "a type is written as text here: 'int', 'Tensor?', 'Dict(str, Tensor)'",
        );
      return readType(text.value, this.range(text));
    };
    const type: Expr =
      types.type === 'ArrayExpression'
        ? { kind: 'tuple', items: types.elements.map(read), range: this.range(types) }
        : read(types);
    const value = this.expression(node.arguments[1 - at] as js.Expression);
    return {
      kind: 'call',
      callee,
      args: at === 0 ? [type, value] : [value, type],
      kwargs: [],
      range: this.range(node),
    };
  }

  private expressionOfCallee(
    node: js.Expression,
    chain: { nodes: js.Node[]; names: string[] } | undefined,
  ): Expr {
    if (chain && !this.scopes.find(chain.names[0])) return this.path(chain.nodes, chain.names);
    if (node.type === 'ParenthesizedExpression') return this.expressionOfCallee(node.expression, chain);
    if (node.type === 'SequenceExpression' && chain) return this.expression(node.expressions[1]);
    return this.expression(node);
  }

  /** Calls whose argument is a function: what TorchScript has of them. */
  protected abstract fork(node: js.Node): Expr;

  protected withFunction(
    callee: Expr,
    method: string,
    node: js.CallExpression,
    fn: js.ArrowFunctionExpression | js.FunctionExpression | js.FunctionDeclaration,
  ): Expr {
    const range = this.range(node);
    if (method === 'fork' || method === '_fork')
      return { kind: 'call', callee, args: [this.fork(fn)], kwargs: [], range };
    if (method === 'sort' || method === 'toSorted') {
      // `(a, b) => a - b`, the one order that TorchScript's sort has, besides its reverse.
      const [a, b] = fn.params;
      const { body } = fn;
      const names =
        body.type === 'BinaryExpression' && body.operator === '-'
          ? [body.left, body.right]
          : [undefined, undefined];
      const is = (x: js.Node | undefined, y: js.Node | undefined) =>
        x?.type === 'Identifier' &&
        y?.type === 'Identifier' &&
        (x as js.Identifier).name === (y as js.Identifier).name;
      const up = is(names[0], a) && is(names[1], b);
      if (!up && !(is(names[0], b) && is(names[1], a)))
        return this.refuse(fn, 'sort takes (a, b) => a - b or (a, b) => b - a');
      const args: Expr[] = [{ kind: 'constant', value: !up, range }];
      return { kind: 'call', callee: { ...callee, name: `#${method}` } as Expr, args, kwargs: [], range };
    }
    return this.refuse(fn, `${method} with a function is not supported: write a for loop`);
  }

  /** What an assignment or a loop stores into; `declare` where the names are new. */
  protected abstract target(node: js.Pattern, declare: boolean): Expr;

  protected override construct(node: js.NewExpression): Expr {
    const range = this.range(node);
    const callee = node.callee.type === 'Identifier' ? node.callee.name : '';
    if (callee === 'Map' && !this.scopes.find('Map')) {
      const [entries] = node.arguments;
      if (!entries) return { kind: 'dict', keys: [], values: [], range };
      if (entries.type !== 'ArrayExpression')
        return this.refuse(node, 'new Map(…) takes an array of [key, value] pairs written out');
      const pairs = entries.elements.map((pair) => {
        if (pair?.type !== 'ArrayExpression' || pair.elements.length !== 2)
          return this.refuse(entries, 'new Map(…) takes an array of [key, value] pairs written out');
        return (pair.elements as js.Expression[]).map((item) => this.expression(item));
      });
      return {
        kind: 'dict',
        keys: pairs.map(([key]) => key),
        values: pairs.map(([, value]) => value),
        range,
      };
    }
    if (/Error$/.test(callee)) return this.refuse(node, 'an error can only be thrown');
    const { args, kwargs } = this.arguments(node.arguments);
    return { kind: 'call', callee: this.expression(node.callee), args, kwargs, range };
  }
}

/** What esbuild's `__name(f, 'f')` is wrapped around. */
function unnamed(
  node: js.Expression | js.SpreadElement | undefined,
): js.Expression | js.SpreadElement | undefined {
  const isWrapped =
    node?.type === 'CallExpression' && node.callee.type === 'Identifier' && node.callee.name === '__name';
  return isWrapped ? node.arguments[0] : node;
}
