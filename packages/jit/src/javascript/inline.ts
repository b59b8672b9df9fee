/** Functions inside a function: TorchScript has no closures, so a call of one is its body, put in the call's place. */
import type * as js from 'acorn';
import type { Block, Expr, Statement } from '../frontend/ast.ts';
import { CallTranslator } from './calls.ts';

export type InnerFunction = js.ArrowFunctionExpression | js.FunctionExpression | js.FunctionDeclaration;

/** A function that a variable of the function stands for, and how deep in the scopes it was written. */
interface Known {
  readonly fn: InnerFunction;
  readonly depth: number;
}

/** Where the statements of a body that is put in place leave its result. */
type Leave = (value: Expr | undefined, node: js.Node) => Statement[];

export abstract class InlineTranslator extends CallTranslator {
  private readonly functions = new Map<string, Known>();
  private readonly open: InnerFunction[] = [];
  /** What `return` does in the body at hand, and the loops around it; undefined in the function itself. */
  protected leave?: Leave;
  /** How many loops of the body at hand a `return` is inside. */
  protected loopsInside = 0;

  protected abstract statements(nodes: readonly (js.Statement | js.ModuleDeclaration)[]): Statement[];

  /** Remembers `const g = (x) => …` or `function g(x) {…}`: nothing is compiled until it is called. */
  protected remember(id: js.Identifier, fn: InnerFunction): void {
    this.refuseForms(fn);
    const name = this.scopes.declare(id.name, true, this.range(id)).name;
    this.functions.set(name, { fn, depth: this.scopes.depth });
  }

  private refuseForms(fn: InnerFunction): void {
    if (fn.generator) this.refuse(fn, 'generators are not supported');
  }

  /** The function that a name of this function stands for. */
  protected inner(name: string): Known | undefined {
    const binding = this.scopes.find(name);
    return binding && this.functions.get(binding.name);
  }

  protected isInner(name: string): boolean {
    return this.inner(name) !== undefined;
  }

  protected override innerCall(node: js.CallExpression): Expr | undefined {
    let { callee }: { callee: js.Expression | js.Super } = node;
    while (callee.type === 'ParenthesizedExpression') callee = callee.expression;
    const known =
      callee.type === 'Identifier'
        ? this.inner(callee.name)
        : callee.type === 'ArrowFunctionExpression' || callee.type === 'FunctionExpression'
          ? callee
          : undefined;
    if (!known) return undefined;
    const args = node.arguments.map((arg) =>
      arg.type === 'SpreadElement'
        ? this.refuse(arg, 'spread arguments are not supported here')
        : this.expression(arg),
    );
    return this.inlined(node, known, args);
  }

  /** A call of an inner function: its parameters assigned, its body, its result. */
  protected inlined(node: js.Node, known: Known | InnerFunction, args: readonly (Expr | undefined)[]): Expr {
    const { fn, depth } = 'fn' in known ? known : { fn: known, depth: this.scopes.depth };
    const range = this.range(node);
    this.refuseForms(fn);
    if (this.open.includes(fn))
      this.refuse(node, 'a function inside a function cannot call itself: recursive calls are not supported');
    this.open.push(fn);
    try {
      return this.scopes.at(depth, () => {
        const body: Statement[] = [];
        for (const [i, param] of fn.params.entries()) this.bindParameter(param, args[i], body);
        if (args.length > fn.params.length)
          this.refuse(node, 'this call has more arguments than the function takes');
        if (fn.body.type !== 'BlockStatement') {
          const result = this.expression(fn.body);
          return body.length === 0 ? result : { kind: 'block', body, result, range };
        }
        const { statements, result } = this.valued(fn.body.body, node);
        return { kind: 'block', body: [...body, ...statements], result, range };
      });
    } finally {
      this.open.pop();
    }
  }

  private bindParameter(param: js.Pattern, arg: Expr | undefined, body: Statement[]): void {
    const pattern = param.type === 'AssignmentPattern' ? param.left : param;
    const range = this.range(param);
    if (pattern.type === 'RestElement') this.refuse(param, 'a variable number of arguments is not supported');
    const value = arg ?? (param.type === 'AssignmentPattern' ? this.expression(param.right) : undefined);
    if (!value) this.refuse(param, 'this call gives the parameter no value');
    const target = this.freshTarget(pattern);
    const type = this.typeBefore(param);
    body.push({ kind: 'assign', targets: [target], value: value!, range, ...(type && { type }) });
  }

  /** What a parameter stores into, under names that nothing else has. */
  protected freshTarget(pattern: js.Pattern): Expr {
    if (pattern.type !== 'Identifier') return this.target(pattern, true);
    const name = this.scopes.fresh(`${pattern.name}_in`);
    this.scopes.bind(pattern.name, name);
    return this.name(name, this.range(pattern));
  }

  /** A body whose every path returns: what stands before, and the result in a variable. */
  private valued(nodes: readonly js.Statement[], call: js.Node): { statements: Block; result: Expr } {
    const last = nodes[nodes.length - 1];
    const isStraight = last?.type === 'ReturnStatement' && !nodes.slice(0, -1).some(returns);
    const none: Expr = { kind: 'constant', value: null, range: this.range(call) };
    if (isStraight) {
      const statements = this.inBody(undefined, () => this.statements(nodes.slice(0, -1)));
      const { argument } = last as js.ReturnStatement;
      return { statements, result: argument ? this.expression(argument) : none };
    }
    if (!nodes.some(returns))
      return { statements: this.inBody(undefined, () => this.statements(nodes)), result: none };
    const result = this.name(this.scopes.fresh('_result'), this.range(call));
    this.scopes.note((result as { name: string }).name);
    const leave: Leave = (value, node) => [
      { kind: 'assign', targets: [result], value: value ?? none, range: this.range(node) },
    ];
    return { statements: this.inBody(leave, () => this.paths(nodes, call)), result };
  }

  /** Statements with returns among them: what follows a branch that returns goes into the other branch. */
  private paths(nodes: readonly js.Statement[], call: js.Node): Statement[] {
    const at = nodes.findIndex(returns);
    if (at < 0)
      return this.refuse(call, 'a function inside a function must return on every path, or on none');
    const before = this.statements(nodes.slice(0, at));
    const node = nodes[at];
    const rest = nodes.slice(at + 1);
    if (node.type === 'BlockStatement') return [...before, ...this.paths([...node.body, ...rest], call)];
    if (node.type !== 'IfStatement') return [...before, ...this.statements([node])];
    const branch = (body: js.Statement | null | undefined): Block =>
      this.scopes.within(true, () => {
        const inside = body ? (body.type === 'BlockStatement' ? body.body : [body]) : [];
        return this.paths(inside.some(endsIn) ? inside : [...inside, ...rest], call);
      });
    return [
      ...before,
      {
        kind: 'if',
        test: this.condition(node.test),
        body: branch(node.consequent),
        orElse: branch(node.alternate),
        range: this.range(node),
      },
    ];
  }

  /** Runs a translation in which `return` means something of its own. */
  protected inBody<T>(leave: Leave | undefined, translate: () => T): T {
    const before = { leave: this.leave, loops: this.loopsInside };
    this.leave = leave ?? ((_, node) => this.refuse(node, 'a return is not supported here'));
    this.loopsInside = 0;
    try {
      return translate();
    } finally {
      this.leave = before.leave;
      this.loopsInside = before.loops;
    }
  }

  /** `return` inside a body that is put in place. */
  protected leaving(node: js.ReturnStatement): Statement[] {
    if (this.loopsInside > 0)
      return this.refuse(
        node,
        'a return inside a loop of a function inside a function is not supported: write the function outside and pass it by name, `jit.script(f, { helper })`',
      );
    return this.leave!(node.argument ? this.expression(node.argument) : undefined, node);
  }
}

/** Whether some path of a statement returns from the function that it is in. */
function returns(node: js.Statement): boolean {
  switch (node.type) {
    case 'ReturnStatement':
      return true;
    case 'BlockStatement':
      return node.body.some(returns);
    case 'IfStatement':
      return returns(node.consequent) || (node.alternate ? returns(node.alternate) : false);
    case 'ForStatement':
    case 'ForOfStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
      return returns(node.body);
    case 'SwitchStatement':
      return node.cases.some(({ consequent }) => consequent.some(returns));
    default:
      return false;
  }
}

/** Whether nothing behind a statement is reached. */
const endsIn = (node: js.Statement): boolean =>
  node.type === 'ReturnStatement' ||
  node.type === 'ThrowStatement' ||
  (node.type === 'BlockStatement' && node.body.some(endsIn)) ||
  (node.type === 'IfStatement' && endsIn(node.consequent) && !!node.alternate && endsIn(node.alternate));
