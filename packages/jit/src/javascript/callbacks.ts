/** Methods of arrays and Maps that take a function: the loops that mean the same. */
import type * as js from 'acorn';
import type { Expr, Statement } from '../frontend/ast.ts';
import type { Range } from '../frontend/source.ts';
import { InlineTranslator, type InnerFunction } from './inline.ts';

/** A call such as `xs.filter((x) => …)` while it is translated. */
interface Call {
  readonly node: js.CallExpression;
  readonly object: Expr;
  readonly fn: InnerFunction;
  readonly range: Range;
}

export abstract class CallbackTranslator extends InlineTranslator {
  protected override withFunction(
    callee: Expr,
    method: string,
    node: js.CallExpression,
    fn: InnerFunction,
  ): Expr {
    const call: Call = { node, object: (callee as { object: Expr }).object, fn, range: this.range(node) };
    if (fn.async) this.refuse(fn, 'an async function is not supported here');
    switch (method) {
      case 'map':
        return this.mapped(call);
      case 'flatMap':
        return this.flattened(this.mapped(call), call.range);
      case 'filter':
        return this.filtered(call);
      case 'reduce':
        return this.reduced(call);
      case 'every':
      case 'some':
        return this.tested(call, method === 'some');
      case 'find':
      case 'findIndex':
        return this.found(call, method === 'findIndex');
      case 'forEach':
        return this.forEach(call);
      default:
        return super.withFunction(callee, method, node, fn);
    }
  }

  private variable(base: string, range: Range): Expr {
    const name = this.scopes.fresh(base);
    this.scopes.note(name);
    return this.name(name, range);
  }

  private enumerated(object: Expr, range: Range): Expr {
    return {
      kind: 'call',
      callee: { kind: 'attribute', object, name: 'entries', range },
      args: [],
      kwargs: [],
      range,
    };
  }

  private mapped({ node, object, fn, range }: Call): Expr {
    const [param, index] = fn.params;
    const isSimple = fn.body.type !== 'BlockStatement' && fn.params.length === 1;
    return this.scopes.within(true, (): Expr => {
      if (isSimple) {
        const target = this.target(param, true);
        const element = this.expression(fn.body as js.Expression);
        return { kind: 'comprehension', element, target, iterable: object, range };
      }
      const [item, i] = [this.variable('_item', range), this.variable('_at', range)];
      const element = this.inlined(node, fn, index ? [item, i] : fn.params.length === 0 ? [] : [item]);
      return index
        ? {
            kind: 'comprehension',
            element,
            target: { kind: 'tuple', items: [i, item], range },
            iterable: this.enumerated(object, range),
            range,
          }
        : { kind: 'comprehension', element, target: item, iterable: object, range };
    });
  }

  /** A loop over the items; `body` gets the value of the function for each. */
  private loop(
    call: Call,
    before: readonly Expr[],
    body: (value: Expr, item: Expr, at: Expr) => Statement[],
  ): Statement {
    const { node, object, fn, range } = call;
    return this.scopes.within(true, (): Statement => {
      const [item, at] = [this.variable('_item', range), this.variable('_at', range)];
      const wanted = fn.params.length;
      const value = this.inlined(node, fn, [...before, item, at].slice(0, wanted));
      return {
        kind: 'for',
        target: { kind: 'tuple', items: [at, item], range },
        iterable: this.enumerated(object, range),
        body: body(value, item, at),
        range,
      };
    });
  }

  /** The arrays of an array one after another. */
  protected override flattened(lists: Expr, range: Range): Expr {
    const [source, flat, part] = ['_source', '_flat', '_part'].map((base) => this.variable(base, range));
    const extend: Statement = { kind: 'expression', value: this.form('extend', [flat, part], range), range };
    const body = [
      this.assign(source, lists, range),
      this.assign(flat, this.form('emptyInside', [source], range), range),
      { kind: 'for', target: part, iterable: source, body: [extend], range } as const,
    ];
    return { kind: 'block', body, result: flat, range };
  }

  private assign(target: Expr, value: Expr, range: Range): Statement {
    return { kind: 'assign', targets: [target], value, range };
  }

  private filtered(call: Call): Expr {
    const { object, range } = call;
    const [source, kept] = [this.variable('_source', range), this.variable('_kept', range)];
    const push = (item: Expr): Statement => ({
      kind: 'expression',
      value: {
        kind: 'call',
        callee: { kind: 'attribute', object: kept, name: 'push', range },
        args: [item],
        kwargs: [],
        range,
      },
      range,
    });
    const loop = this.loop({ ...call, object: source }, [], (value, item) => [
      { kind: 'if', test: value, body: [push(item)], orElse: [], range },
    ]);
    const body = [
      this.assign(source, object, range),
      this.assign(kept, this.form('emptyAs', [source], range), range),
      loop,
    ];
    return { kind: 'block', body, result: kept, range };
  }

  private reduced(call: Call): Expr {
    const { node, object, range } = call;
    const [, initial] = node.arguments;
    const [source, total] = [this.variable('_source', range), this.variable('_total', range)];
    const zero: Expr = { kind: 'int', value: 0n, range };
    const one: Expr = { kind: 'int', value: 1n, range };
    if (!initial && call.fn.params.length > 2)
      this.refuse(node, 'reduce with an index needs a value to begin with: xs.reduce(f, initial)');
    const first: Expr = initial
      ? this.expression(initial as js.Expression)
      : { kind: 'subscript', object: source, items: [zero], range };
    const rest: Expr = initial
      ? source
      : {
          kind: 'call',
          callee: { kind: 'attribute', object: source, name: 'slice', range },
          args: [one],
          kwargs: [],
          range,
        };
    const loop = this.loop({ ...call, object: rest }, [total], (value) => [this.assign(total, value, range)]);
    const body = [this.assign(source, object, range), this.assign(total, first, range), loop];
    return { kind: 'block', body, result: total, range };
  }

  private tested(call: Call, some: boolean): Expr {
    const { range } = call;
    const answer = this.variable('_answer', range);
    const is = (value: boolean): Expr => ({ kind: 'constant', value, range });
    const loop = this.loop(call, [], (value) => [
      {
        kind: 'if',
        test: some ? value : { kind: 'unary', op: 'not', operand: value, range },
        body: [this.assign(answer, is(some), range), { kind: 'break', range }],
        orElse: [],
        range,
      },
    ]);
    return { kind: 'block', body: [this.assign(answer, is(!some), range), loop], result: answer, range };
  }

  private found(call: Call, isIndex: boolean): Expr {
    const { object, range } = call;
    const [source, answer] = [this.variable('_source', range), this.variable('_found', range)];
    const missing: Expr = isIndex
      ? { kind: 'unary', op: '-', operand: { kind: 'int', value: 1n, range }, range }
      : this.form('noneOf', [source], range);
    const loop = this.loop({ ...call, object: source }, [], (value, item, at) => [
      {
        kind: 'if',
        test: value,
        body: [this.assign(answer, isIndex ? at : item, range), { kind: 'break', range }],
        orElse: [],
        range,
      },
    ]);
    const body = [this.assign(source, object, range), this.assign(answer, missing, range), loop];
    return { kind: 'block', body, result: answer, range };
  }

  /** The body in a loop, where `return` goes on to the next. */
  private forEach({ node, object, fn, range }: Call): Expr {
    if (fn.params.length > 2) this.refuse(fn, 'forEach gives an item and its index here');
    const loop = this.scopes.within(true, (): Statement => {
      const [item, at] = fn.params.map((param) => this.freshTarget(param));
      const first = item ?? this.variable('_item', range);
      const second = at ?? this.variable('_at', range);
      const body = this.inBody(
        (_, from) => [{ kind: 'continue', range: this.range(from) }],
        () => (fn.body.type === 'BlockStatement' ? this.statements(fn.body.body) : this.effect(fn.body)),
      );
      return {
        kind: 'for',
        target: { kind: 'tuple', items: [second, first], range },
        iterable: this.form('eachOf', [object], this.range(node)),
        body,
        range,
      };
    });
    return { kind: 'block', body: [loop], result: { kind: 'constant', value: null, range }, range };
  }

  protected abstract effect(node: js.Expression): Statement[];
}
