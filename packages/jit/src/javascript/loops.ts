/** The loops, and switch: what counts becomes `range`, the rest while loops and chains of ifs. */
import type * as js from 'acorn';
import type { Block, Expr, Statement } from '../frontend/ast.ts';
import type { Range } from '../frontend/source.ts';
import { hasStatements } from '../frontend/walk.ts';
import { AssignmentTranslator } from './assignment.ts';
import { countedLoop } from './counted.ts';

/** What stands before a `continue` in the loop at hand: a `for` loop's step, a `do` loop's test. */
type BeforeContinue = (() => Block) | undefined;

export abstract class LoopTranslator extends AssignmentTranslator {
  protected beforeContinue: BeforeContinue;
  protected depth = 0;

  protected abstract body(node: js.Statement): Statement[];

  protected loopBody(node: js.Statement, before: BeforeContinue): Statement[] {
    const outer = this.beforeContinue;
    this.beforeContinue = before;
    this.depth++;
    this.loopsInside++;
    try {
      return this.body(node);
    } finally {
      this.depth--;
      this.loopsInside--;
      this.beforeContinue = outer;
    }
  }

  /** A test that runs statements is made in the loop, which it may leave. */
  protected whileLoop(test: Expr, body: Block, range: Range): Statement {
    if (!hasStatements(test)) return { kind: 'while', test, body, range };
    const leave: Statement = {
      kind: 'if',
      test: { kind: 'unary', op: 'not', operand: test, range },
      body: [{ kind: 'break', range }],
      orElse: [],
      range,
    };
    return { kind: 'while', test: { kind: 'constant', value: true, range }, body: [leave, ...body], range };
  }

  /** Nothing follows a loop that only a return or an error leaves; TorchScript wants to hear it. */
  protected afterEndless(body: js.Statement, test: Expr, range: Range): Statement[] {
    if (test.kind !== 'constant' || test.value !== true || breaksIn(body)) return [];
    const message: Expr = { kind: 'string', value: 'this point cannot be reached', range };
    const callee = this.name('#RuntimeError', range);
    return [{ kind: 'raise', value: { kind: 'call', callee, args: [message], kwargs: [], range }, range }];
  }

  protected forStatement(node: js.ForStatement): Statement[] {
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
      return [...before, this.whileLoop(test, body, range), ...this.afterEndless(node.body, test, range)];
    });
  }

  protected forOf(node: js.ForOfStatement): Statement[] {
    return this.forEachOf(node, this.form('items', [this.expression(node.right)], this.range(node.right)));
  }

  /** `for (const key in d)`: the keys of an object. */
  protected forIn(node: js.ForInStatement): Statement[] {
    return this.forEachOf(node, this.form('keys', [this.expression(node.right)], this.range(node.right)));
  }

  private forEachOf(node: js.ForOfStatement | js.ForInStatement, iterable: Expr): Statement[] {
    const range = this.range(node);
    const { left } = node;
    return this.scopes.within(true, (): Statement[] => {
      const target =
        left.type === 'VariableDeclaration'
          ? this.target(left.declarations[0].id, true, left.kind === 'const' ? 'const' : 'let')
          : this.target(left, false);
      return [{ kind: 'for', target, iterable, body: this.loopBody(node.body, undefined), range }];
    });
  }

  /** A switch whose cases end in break, return, throw or continue: a chain of ifs. */
  protected switchStatement(node: js.SwitchStatement): Statement[] {
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
}

/** A number as it is written: Python, too, negates what is below zero. */
const whole = (value: number, range: Range): Expr => {
  const size: Expr = { kind: 'int', value: BigInt(Math.abs(value)), range };
  return value < 0 ? { kind: 'unary', op: '-', operand: size, range } : size;
};

export const nested = (node: js.Node): js.Statement[] => {
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
