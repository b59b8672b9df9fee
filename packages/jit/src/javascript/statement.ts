/** JavaScript statements to TorchScript's: declarations, branches, the loops, and what leaves them. */
import type * as js from 'acorn';
import type { Block, Expr, Statement } from '../frontend/ast.ts';
import type { Range } from '../frontend/source.ts';
import { ExpressionTranslator } from './expression.ts';
import { assignedIn, countedLoop, type OwnArrays } from './loop.ts';
import { readType } from './types.ts';

/** What stands before a `continue` in the loop at hand: a `for` loop's step, a `do` loop's test. */
type BeforeContinue = (() => Block) | undefined;

const raised: Readonly<Record<string, string>> = {
  Error: 'RuntimeError',
  TypeError: 'TypeError',
  RangeError: 'ValueError',
};

export abstract class StatementTranslator extends ExpressionTranslator {
  private beforeContinue: BeforeContinue;
  private depth = 0;
  private readonly declaredTypes = new Map<string, Expr>();
  /** Variables that are constant and were made with an array written out. */
  private readonly fresh = new Set<string>();
  protected readonly parameterNames = new Set<string>();
  private assignedNames?: ReadonlySet<string>;
  private readonly arrays: OwnArrays = {
    isFresh: (name) => this.fresh.has(this.scopes.find(name)?.name ?? ''),
    isParameter: (name) => {
      this.assignedNames ??= assignedIn(this.text.node.body);
      return this.parameterNames.has(this.scopes.find(name)?.name ?? '') && !this.assignedNames.has(name);
    },
  };
  /** Whether a result's arrays are lists, since the function's type says so. */
  protected returnsList = false;

  protected statements(nodes: readonly (js.Statement | js.ModuleDeclaration)[]): Statement[] {
    return nodes.flatMap((node) => this.statement(node as js.Statement));
  }

  /** The body of a branch or a loop. */
  protected body(node: js.Statement): Statement[] {
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
        const loop: Statement = { kind: 'while', test, body: this.loopBody(node.body, undefined), range };
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
        return this.refuse(node, '`for (… in …)` is not supported: write `for (const key of d.keys())`');
      case 'ReturnStatement': {
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
      case 'ClassDeclaration':
        return this.refuse(
          node,
          'a function inside a function is not supported: write it outside and pass it by name, `jit.script(f, { helper })`',
        );
      default:
        return this.refuse(node, `${node.type} is not supported`);
    }
  }

  /** An expression that is run for what it does. */
  private effect(node: js.Expression): Statement[] {
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
    return [{ kind: 'expression', value: this.expression(node), range }];
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

  private declaration(node: js.VariableDeclaration): Statement[] {
    if (node.kind !== 'let' && node.kind !== 'const' && node.kind !== 'var')
      this.refuse(node, `${node.kind} is not supported`);
    return node.declarations.flatMap(({ id, init }, i): Statement[] => {
      const range = this.range(i === 0 ? node : id);
      const type = this.typeBefore(id) ?? (i === 0 ? this.typeBefore(node) : undefined);
      // The value is read before the name is known: `const x = x` means the x outside nowhere, and nothing here.
      const value = init ? this.expression(init, id.type === 'ArrayPattern' && !type) : undefined;
      const kind = node.kind as 'const' | 'let' | 'var';
      if (!value) {
        const target = this.target(id, true, kind);
        // TorchScript declares nothing without a value: the type waits for the assignments.
        if (type && target.kind === 'name') this.declaredTypes.set(target.name, type);
        return [];
      }
      if (id.type === 'ObjectPattern')
        return this.fields(id, value, (pattern) => this.target(pattern, true, kind));
      const target = this.target(id, true, kind);
      if (kind === 'const' && target.kind === 'name' && isWrittenOut(init!)) this.fresh.add(target.name);
      return [{ kind: 'assign', targets: [target], value, range, ...(type && { type }) }];
    });
  }

  /** `const { values, indices } = …`: the fields of a named tuple, an object's attributes. */
  private fields(node: js.ObjectPattern, value: Expr, target: (pattern: js.Pattern) => Expr): Statement[] {
    const range = this.range(node);
    const whole = this.name(this.scopes.fresh('_fields'), range);
    this.scopes.note(whole.kind === 'name' ? whole.name : '');
    const parts = node.properties.map((property): Statement => {
      if (property.type === 'RestElement' || property.computed || property.key.type !== 'Identifier')
        return this.refuse(property, 'only plain names can be taken out of an object');
      const at = this.range(property);
      const field: Expr = { kind: 'attribute', object: whole, name: property.key.name, range: at };
      if (property.value.type === 'AssignmentPattern')
        return this.refuse(property, 'a default in a destructuring is not supported');
      return { kind: 'assign', targets: [target(property.value)], value: field, range: at };
    });
    return [{ kind: 'assign', targets: [whole], value, range }, ...parts];
  }

  protected override target(
    node: js.Pattern,
    declare: boolean,
    constant: 'const' | 'let' | 'var' = 'let',
  ): Expr {
    const range = this.range(node);
    switch (node.type) {
      case 'Identifier':
        if (!declare) return this.assigned(node);
        return this.name(
          (constant === 'var'
            ? this.scopes.declareVar(node.name)
            : this.scopes.declare(node.name, constant === 'const', range)
          ).name,
          range,
        );
      case 'ArrayPattern':
        return {
          kind: 'tuple',
          items: node.elements.map((element) =>
            element ? this.target(element, declare, constant) : this.name('_', range),
          ),
          range,
        };
      case 'RestElement':
        return { kind: 'starred', value: this.target(node.argument, declare, constant), range };
      case 'MemberExpression':
        return this.assigned(node);
      case 'AssignmentPattern':
        return this.refuse(node, 'a default in a destructuring is not supported');
      default:
        return this.refuse(node, 'this cannot be assigned to here: take the fields out one by one');
    }
  }

  /** An existing variable, attribute or item that is assigned to. */
  private assigned(node: js.Pattern): Expr {
    const range = this.range(node);
    if (node.type === 'Identifier') {
      const binding = this.scopes.find(node.name);
      if (!binding)
        return this.refuse(
          node,
          `'${node.name}' is not a variable of this function: only its own can be assigned`,
        );
      if (binding.constant) return this.refuse(node, `Assignment to constant variable '${node.name}'`);
      return this.name(binding.name, range);
    }
    if (node.type === 'MemberExpression') return this.member(node);
    return this.target(node, false);
  }

  private assignment(node: js.AssignmentExpression): Statement[] {
    const range = this.range(node);
    const { operator } = node;
    if (operator === '=') {
      // `a = b = value` stores the one value in both.
      const targets: js.Pattern[] = [node.left as js.Pattern];
      let value = node.right;
      while (value.type === 'AssignmentExpression' && value.operator === '=') {
        targets.push(value.left as js.Pattern);
        value = value.right;
      }
      const result = this.expression(
        value,
        targets.some((target) => target.type === 'ArrayPattern'),
      );
      const [first] = targets;
      if (first.type === 'ObjectPattern')
        return this.fields(first, result, (pattern) => this.target(pattern, false));
      const stored = targets.map((target) => this.target(target, false));
      const type = stored[0].kind === 'name' ? this.declaredTypes.get(stored[0].name) : undefined;
      return [
        {
          kind: 'assign',
          targets: stored,
          value: result,
          range,
          ...(type && stored.length === 1 && { type }),
        },
      ];
    }
    const target = this.assigned(node.left as js.Pattern);
    if (operator === '??=')
      return [
        {
          kind: 'if',
          test: {
            kind: 'binary',
            op: 'is',
            left: target,
            right: { kind: 'constant', value: null, range },
            range,
          },
          body: [{ kind: 'assign', targets: [target], value: this.expression(node.right), range }],
          orElse: [],
          range,
        },
      ];
    if (operator === '&&=' || operator === '||=')
      return this.refuse(node, `${operator} is not supported: write if (…) { … }`);
    const op = operator.slice(0, -1);
    if (op === '>>>') return this.refuse(node, '>>>= is not supported');
    const value = this.expression(node.right);
    return [{ kind: 'augmented', target, op, value, range }];
  }

  private loopBody(node: js.Statement, before: BeforeContinue): Statement[] {
    const outer = this.beforeContinue;
    this.beforeContinue = before;
    this.depth++;
    try {
      return this.body(node);
    } finally {
      this.depth--;
      this.beforeContinue = outer;
    }
  }

  /** Nothing follows a loop that only a return or an error leaves; TorchScript wants to hear it. */
  private afterEndless(body: js.Statement, test: Expr, range: Range): Statement[] {
    if (test.kind !== 'constant' || test.value !== true || breaksIn(body)) return [];
    const message: Expr = { kind: 'string', value: 'this point cannot be reached', range };
    const callee = this.name('#RuntimeError', range);
    return [{ kind: 'raise', value: { kind: 'call', callee, args: [message], kwargs: [], range }, range }];
  }

  private forStatement(node: js.ForStatement): Statement[] {
    const range = this.range(node);
    const counted = countedLoop(node, this.arrays);
    if (counted) {
      const { start, end, step, inclusive } = counted;
      const one: Expr = { kind: 'int', value: step > 0 ? 1n : -1n, range };
      let last = this.expression(end);
      if (inclusive)
        last =
          last.kind === 'int'
            ? { ...last, value: last.value + one.value }
            : { kind: 'binary', op: step > 0 ? '+' : '-', left: last, right: { ...one, value: 1n }, range };
      const first = this.expression(start);
      const args: Expr[] =
        step !== 1
          ? [first, last, whole(step, range)]
          : first.kind === 'int' && first.value === 0n
            ? [last]
            : [first, last];
      const iterable = this.form('range', args, range);
      return this.scopes.within(true, (): Statement[] => {
        const target = this.target(counted.index, true);
        const name = (target as { name: string }).name;
        const natural = step > 0 && first.kind === 'int' && first.value >= 0n && !this.natural.has(name);
        if (natural) this.natural.add(name);
        const body = this.loopBody(node.body, undefined);
        if (natural) this.natural.delete(name);
        return [{ kind: 'for', target, iterable, body, range }];
      });
    }
    return this.scopes.within(false, (): Statement[] => {
      const before = node.init
        ? node.init.type === 'VariableDeclaration'
          ? this.declaration(node.init)
          : this.effect(node.init)
        : [];
      const test: Expr = node.test ? this.condition(node.test) : { kind: 'constant', value: true, range };
      const step = (): Block => (node.update ? this.effect(node.update) : []);
      const body = [...this.loopBody(node.body, step), ...step()];
      return [...before, { kind: 'while', test, body, range }, ...this.afterEndless(node.body, test, range)];
    });
  }

  private forOf(node: js.ForOfStatement): Statement[] {
    const range = this.range(node);
    const { left } = node;
    const iterable = this.expression(node.right);
    return this.scopes.within(true, (): Statement[] => {
      const target =
        left.type === 'VariableDeclaration'
          ? this.target(left.declarations[0].id, true, left.kind === 'const' ? 'const' : 'let')
          : this.target(left, false);
      return [{ kind: 'for', target, iterable, body: this.loopBody(node.body, undefined), range }];
    });
  }

  /** A switch whose cases end in break, return, throw or continue: a chain of ifs. */
  private switchStatement(node: js.SwitchStatement): Statement[] {
    const range = this.range(node);
    const value = this.expression(node.discriminant);
    const whole = this.name(this.scopes.fresh('_case'), this.range(node.discriminant));
    this.scopes.note((whole as { name: string }).name);
    const simple = value.kind === 'name';
    const subject = simple ? value : whole;
    const groups: { tests: Expr[]; isDefault: boolean; body: Statement[]; at: js.SwitchCase }[] = [];
    let tests: Expr[] = [];
    let isDefault = false;
    node.cases.forEach((one, i) => {
      if (one.test)
        tests.push({
          kind: 'binary',
          op: '==',
          left: subject,
          right: this.expression(one.test),
          range: this.range(one.test),
        });
      else isDefault = true;
      if (one.consequent.length === 0 && i < node.cases.length - 1) return;
      const inner =
        one.consequent.length === 1 && one.consequent[0].type === 'BlockStatement'
          ? one.consequent[0].body
          : one.consequent;
      const last = inner[inner.length - 1];
      const ends = last && /^(Break|Return|Throw|Continue)Statement$/.test(last.type);
      if (!ends && i < node.cases.length - 1)
        this.refuse(one, 'a case that falls through to the next is not supported: end it with break');
      const kept = last?.type === 'BreakStatement' && !last.label ? inner.slice(0, -1) : inner;
      if (kept.some(breaksIn)) this.refuse(one, 'a break inside a case is not supported but at its end');
      groups.push({ tests, isDefault, body: this.scopes.within(true, () => this.statements(kept)), at: one });
      tests = [];
      isDefault = false;
    });
    const at = groups.findIndex((group) => group.isDefault);
    if (at >= 0 && at < groups.length - 1) this.refuse(groups[at].at, 'default must be the last case');
    let chain: Statement[] = at >= 0 ? groups.pop()!.body : [];
    for (const group of groups.reverse()) {
      const test = group.tests.reduce(
        (left, right): Expr => ({ kind: 'binary', op: 'or', left, right, range }),
      );
      chain = [{ kind: 'if', test, body: group.body, orElse: chain, range: this.range(group.at) }];
    }
    return simple ? chain : [{ kind: 'assign', targets: [whole], value, range }, ...chain];
  }

  protected override fork(node: js.ArrowFunctionExpression | js.FunctionExpression): Expr {
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

/** An array literal, or one that is given its type. */
const isWrittenOut = (node: js.Expression): boolean =>
  node.type === 'ArrayExpression' ||
  (node.type === 'ParenthesizedExpression' && isWrittenOut(node.expression)) ||
  (node.type === 'CallExpression' &&
    node.arguments.length === 2 &&
    node.arguments[1].type === 'ArrayExpression' &&
    node.callee.type === 'MemberExpression' &&
    node.callee.property.type === 'Identifier' &&
    node.callee.property.name === 'annotate');

/** A number as it is written: Python, too, negates what is below zero. */
const whole = (value: number, range: Range): Expr => {
  const size: Expr = { kind: 'int', value: BigInt(Math.abs(value)), range };
  return value < 0 ? { kind: 'unary', op: '-', operand: size, range } : size;
};

const nested = (node: js.Node): js.Statement[] => {
  switch (node.type) {
    case 'BlockStatement':
      return (node as js.BlockStatement).body;
    case 'IfStatement': {
      const { consequent, alternate } = node as js.IfStatement;
      return alternate ? [consequent, alternate] : [consequent];
    }
    default:
      return [];
  }
};

/** Whether a statement leaves the switch around it, from inside. */
const breaksIn = (node: js.Statement): boolean =>
  node.type === 'BreakStatement' || nested(node).some(breaksIn);

const loops = /^(For|ForOf|While|DoWhile)Statement$/;
const returnsIn = (node: js.Statement): boolean =>
  node.type === 'ReturnStatement' ||
  nested(node).some(returnsIn) ||
  (loops.test(node.type) && returnsIn((node as js.WhileStatement).body));
