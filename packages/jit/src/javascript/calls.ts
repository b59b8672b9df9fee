/** JavaScript calls to TorchScript's: keyword arguments, what bundlers wrap callees in, and calls that take a function. */
import type * as js from 'acorn';
import type { Expr, Keyword } from '../frontend/ast.ts';
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
    const { args, kwargs } = this.arguments(node.arguments);
    return { kind: 'call', callee, args, kwargs, range };
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
  protected abstract fork(node: js.ArrowFunctionExpression | js.FunctionExpression): Expr;

  private withFunction(
    callee: Expr,
    method: string,
    node: js.CallExpression,
    fn: js.ArrowFunctionExpression | js.FunctionExpression,
  ): Expr {
    const range = this.range(node);
    const object = (callee as { object: Expr }).object;
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
    if (method === 'map') {
      if (fn.body.type === 'BlockStatement' || fn.params.length !== 1 || fn.async)
        return this.refuse(
          fn,
          'map takes a function of one parameter with an expression as its body; write a for loop',
        );
      const [param] = fn.params;
      const body = fn.body;
      return this.scopes.within(true, (): Expr => {
        const target = this.target(param, true);
        const element = this.expression(body);
        return { kind: 'comprehension', element, target, iterable: object, range };
      });
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
