/** JavaScript statements to TorchScript's: branches, expressions run for what they do, and what leaves a function. */
import type * as js from 'acorn';
import type { Block, Expr, Statement } from '../frontend/ast.ts';
import { LoopTranslator, nested } from './loops.ts';
import { readType } from './types.ts';

const raised: Readonly<Record<string, string>> = {
  Error: 'RuntimeError',
  TypeError: 'TypeError',
  RangeError: 'ValueError',
};

export abstract class StatementTranslator extends LoopTranslator {
  /** Whether a result's arrays are lists, since the function's type says so. */
  protected returnsList = false;

  protected override statements(nodes: readonly (js.Statement | js.ModuleDeclaration)[]): Statement[] {
    return nodes.flatMap((node) => this.statement(node as js.Statement));
  }

  /** The body of a branch or a loop. */
  protected override body(node: js.Statement): Statement[] {
    return this.scopes.within(true, () =>
      this.statements(node.type === 'BlockStatement' ? node.body : [node]),
    );
  }

  private statement(node: js.Statement): Statement[] {
    const range = this.range(node);
    switch (node.type) {
      case 'EmptyStatement':
        return [];
      case 'BlockStatement':
        return this.scopes.within(false, () => this.statements(node.body));
      case 'ExpressionStatement':
        return node.directive ? [] : this.effect(node.expression);
      case 'VariableDeclaration':
        return this.declaration(node);
      case 'IfStatement':
        return [
          {
            kind: 'if',
            test: this.condition(node.test),
            body: this.body(node.consequent),
            orElse: node.alternate ? this.body(node.alternate) : [],
            range,
          },
        ];
      case 'WhileStatement': {
        const test = this.condition(node.test);
        const loop = this.whileLoop(test, this.loopBody(node.body, undefined), range);
        return [loop, ...this.afterEndless(node.body, test, range)];
      }
      case 'DoWhileStatement': {
        const leave = (): Block => [
          {
            kind: 'if',
            test: {
              kind: 'unary',
              op: 'not',
              operand: this.condition(node.test),
              range: this.range(node.test),
            },
            body: [{ kind: 'break', range: this.range(node.test) }],
            orElse: [],
            range: this.range(node.test),
          },
        ];
        const body = [...this.loopBody(node.body, leave), ...leave()];
        return [{ kind: 'while', test: { kind: 'constant', value: true, range }, body, range }];
      }
      case 'ForStatement':
        return this.forStatement(node);
      case 'ForOfStatement':
        return this.forOf(node);
      case 'ForInStatement':
        return this.forIn(node);
      case 'ReturnStatement': {
        if (this.leave) return this.leaving(node);
        if (!node.argument) return [{ kind: 'return', range }];
        return [{ kind: 'return', value: this.expression(node.argument, !this.returnsList), range }];
      }
      case 'ThrowStatement':
        return [this.raise(node)];
      case 'BreakStatement':
        if (node.label) this.refuse(node, 'labels are not supported');
        if (this.depth === 0) this.refuse(node, 'break outside of a loop');
        return [{ kind: 'break', range }];
      case 'ContinueStatement':
        if (node.label) this.refuse(node, 'labels are not supported');
        return [...(this.beforeContinue?.() ?? []), { kind: 'continue', range }];
      case 'SwitchStatement':
        return this.switchStatement(node);
      case 'LabeledStatement':
        return this.refuse(node, 'labels are not supported');
      case 'TryStatement':
        return this.refuse(node, 'try is not supported: TorchScript cannot catch an error');
      case 'FunctionDeclaration':
        this.remember(node.id, node);
        return [];
      case 'ClassDeclaration':
        return this.refuse(node, 'a class inside a function is not supported');
      default:
        return this.refuse(node, `${node.type} is not supported`);
    }
  }

  /** An expression that is run for what it does. */
  protected override effect(node: js.Expression): Statement[] {
    const range = this.range(node);
    switch (node.type) {
      case 'ParenthesizedExpression':
        return this.effect(node.expression);
      case 'SequenceExpression':
        return node.expressions.flatMap((expression) => this.effect(expression));
      case 'AssignmentExpression':
        return this.assignment(node);
      case 'UpdateExpression': {
        const target = this.assigned(node.argument as js.Pattern);
        const one: Expr = { kind: 'int', value: 1n, range };
        return [{ kind: 'augmented', target, op: node.operator[0], value: one, range }];
      }
      case 'UnaryExpression':
        if (node.operator === 'delete') {
          const target = this.expression(node.argument);
          if (target.kind !== 'subscript')
            this.refuse(node, 'only an entry, `delete d[key]`, can be deleted');
          return [{ kind: 'delete', targets: [target], range }];
        }
        break;
      case 'LogicalExpression':
        // `a && f()`, as minifiers write `if (a) f()`.
        if (node.operator !== '??') {
          const test = this.condition(node.left);
          const body = this.scopes.within(true, () => this.effect(node.right));
          return [
            {
              kind: 'if',
              test: node.operator === '&&' ? test : { kind: 'unary', op: 'not', operand: test, range },
              body,
              orElse: [],
              range,
            },
          ];
        }
        break;
      case 'ConditionalExpression': {
        const test = this.condition(node.test);
        const body = this.scopes.within(true, () => this.effect(node.consequent));
        const orElse = this.scopes.within(true, () => this.effect(node.alternate));
        return [{ kind: 'if', test, body, orElse, range }];
      }
      case 'AwaitExpression':
        return [{ kind: 'expression', value: this.expression(node), range }];
    }
    const scoped = this.guarded(node);
    if (scoped) return scoped;
    const value = this.expression(node);
    // A function put in place is run for its statements alone.
    if (value.kind === 'block' && value.result.kind === 'constant') return [...value.body];
    return [{ kind: 'expression', value, range }];
  }

  /** `torch.no_grad(() => { … })` as a statement. */
  private guarded(node: js.Expression): Statement[] | undefined {
    if (node.type !== 'CallExpression' || node.callee.type === 'Super') return undefined;
    const chain = this.chain(node.callee);
    const [body] = node.arguments;
    if (chain?.names[chain.names.length - 1] !== 'no_grad' || body?.type !== 'ArrowFunctionExpression')
      return undefined;
    if (body.body.type !== 'BlockStatement') return undefined;
    const inner = body.body.body;
    if (inner.some(returnsIn))
      this.refuse(body, 'a return inside no_grad is not supported: assign to a variable from outside');
    const range = this.range(node);
    const callee = this.expression(node.callee);
    const value: Expr = { kind: 'call', callee, args: [], kwargs: [], range };
    return [
      {
        kind: 'with',
        items: [{ value }],
        body: this.scopes.within(false, () => this.statements(inner)),
        range,
      },
    ];
  }

  private raise(node: js.ThrowStatement): Statement {
    const range = this.range(node);
    const { argument } = node;
    if (
      (argument.type !== 'NewExpression' && argument.type !== 'CallExpression') ||
      argument.callee.type !== 'Identifier'
    )
      return this.refuse(node, 'only a new error can be thrown: throw new Error(message)');
    const name = raised[argument.callee.name];
    if (!name)
      return this.refuse(
        node,
        `only Error, TypeError and RangeError can be thrown, not ${argument.callee.name}`,
      );
    const { args } = this.arguments(argument.arguments.slice(0, 1));
    return {
      kind: 'raise',
      value: {
        kind: 'call',
        callee: this.name(`#${name}`, this.range(argument.callee)),
        args,
        kwargs: [],
        range,
      },
      range,
    };
  }

  protected override fork(node: js.Node): Expr {
    return this.refuse(node, 'fork takes a function and its arguments: jit.fork(f, x)');
  }

  /** A type that a block comment gives a parameter (`@param {int} n`) or the result (`@returns {Tensor}`). */
  protected documented(tag: RegExp, before: number): Expr | undefined {
    for (const comment of this.text.comments) {
      if (comment.start > before) break;
      const found = tag.exec(comment.text);
      if (found)
        return readType(found[1], { source: this.text.source, start: comment.start, end: comment.end });
    }
    return undefined;
  }
}

const loops = /^(For|ForOf|While|DoWhile)Statement$/;
const returnsIn = (node: js.Statement): boolean =>
  node.type === 'ReturnStatement' ||
  nested(node).some(returnsIn) ||
  (loops.test(node.type) && returnsIn((node as js.WhileStatement).body));
