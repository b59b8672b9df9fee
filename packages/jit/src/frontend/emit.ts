/** The compiler proper: one function's syntax tree to a graph, with variables still as loads and stores (see `ssa.ts`). */
import type { Param } from '../ir/function.ts';
import type { Block, Graph, Value } from '../ir/graph.ts';
import { isSubtype, unify } from '../ir/type-relations.ts';
import { typeName } from '../ir/type-text.ts';
import { AnyT, type ClassType, futureOf, type JitType, NoneT, TensorT } from '../ir/types.ts';
import type { Block as Body, Def, Expr, Keyword, Statement } from './ast.ts';
import { ControlFlow } from './control-flow.ts';
import { isMeaningful } from './environment.ts';
import { convertTo } from './match.ts';
import { CompileError, type Range } from './source.ts';
import type { Sugared } from './sugared.ts';
import { typeOfExpression } from './type-expression.ts';

/** What is known of the results of the function that is compiled. */
interface Returns {
  readonly declared?: JitType;
  /** What the return statements so far give together. */
  merged?: JitType;
}

export interface MethodOptions {
  /** The type of a method's first parameter. */
  readonly self?: ClassType;
  /** The first parameter is a module's self, which is no variable. */
  readonly isModuleSelf?: boolean;
  /** The method may give its class attributes. */
  readonly grows?: boolean;
}

export class Emitter extends ControlFlow {
  private returns: Returns = {};

  /**
   * Compiles a definition. The graph's output is a placeholder: `prim::ReturnStmt` nodes say what is returned. Returns the
   * type of the result too, which is inferred where it is not declared.
   */
  function(
    def: Def,
    params: readonly Param[],
    declared: JitType | undefined,
    { self, isModuleSelf, grows }: MethodOptions = {},
  ): { graph: Graph; returns: JitType } {
    const { builder, variables } = this;
    const { graph } = builder;
    variables.push(graph.block);
    if (grows && self) this.growing = self;
    this.compiling = def.name;
    params.forEach((param, i) => {
      const isSelf = i === 0 && self !== undefined;
      const value = graph.block.paramNode.addOutput(isSelf ? self : param.type);
      if (isMeaningful(param.name)) value.setDebugName(param.name);
      if (isSelf && isModuleSelf) variables.bind(param.name, { kind: 'value', value });
      else variables.set(param.name, { kind: 'value', value }, def.params[i].range);
    });
    this.isMethod = self !== undefined;
    const returns = this.definition(def, declared, graph.block);
    variables.pop();
    return { graph, returns };
  }

  /** The body of a function or closure. */
  private definition(def: Def, declared: JitType | undefined, block: Block): JitType {
    const outer = this.returns;
    const returns: Returns = { ...(declared && { declared }) };
    this.returns = returns;
    this.body(def.body);
    if (!this.exits.has(block)) {
      if (declared && declared.kind !== 'None')
        throw new CompileError(
          'Function was not annotated as having type None, but does not return along all paths',
          def.range,
        );
      this.returnStatement(undefined, def.range);
    } else returns.merged ??= declared ?? NoneT;
    this.returns = outer;
    const placeholder = this.builder.node('prim::Uninitialized', [], [returns.merged!]);
    block.returnNode.addInput(placeholder.output);
    return returns.merged!;
  }

  protected override body(statements: Body): void {
    for (const statement of statements) {
      this.statement(statement);
      // What follows a return or a raise cannot run.
      if (this.exits.has(this.variables.block)) return;
    }
  }

  private statement(statement: Statement): void {
    const { range } = statement;
    switch (statement.kind) {
      case 'expression':
        this.sugared(statement.value);
        return;
      case 'assign':
        this.assign(statement, range);
        return;
      case 'augmented':
        this.augmented(statement, range);
        return;
      case 'if':
        this.branches(this.condition(statement.test), statement.body, statement.orElse, range);
        return;
      case 'while':
        this.whileLoop(statement.test, () => this.body(statement.body), range);
        return;
      case 'for':
        this.forLoop(statement.target, statement.iterable, () => this.body(statement.body), range);
        return;
      case 'with':
        this.withStatement(statement.items, statement.body, range);
        return;
      case 'return':
        this.returnStatement(statement.value, range);
        return;
      case 'raise':
        this.raise(statement.value, range);
        return;
      case 'assert':
        this.assertion(statement.test, statement.message, range);
        return;
      case 'delete':
        this.delete(statement.targets, range);
        return;
      case 'def':
        this.variables.set(statement.def.name, this.closure(statement.def), range);
        return;
      case 'annotation':
        if (this.resolver.dialect === 'python')
          throw new CompileError(
            "annotated assignments without assigned value aren't supported",
            statement.target.range,
          );
        return;
      case 'pass':
        return;
      case 'break':
      case 'continue':
        if (this.loop === 'none')
          throw new CompileError(`SyntaxError: '${statement.kind}' outside loop`, range);
        if (this.loop === 'unrolled')
          throw new CompileError(
            'Because we emit iteration over modulelists or tuples as unrolled loops, we do not support break or continue inside the body of these loops',
            range,
          );
        this.builder.node(
          statement.kind === 'break' ? 'prim::BreakStmt' : 'prim::ContinueStmt',
          [],
          [],
          range,
        );
        return;
    }
  }

  private returnStatement(expr: Expr | undefined, range: Range): void {
    const { builder, returns } = this;
    const { declared } = returns;
    let value = expr ? this.expression(expr, declared) : builder.none(range);
    let type: JitType;
    if (declared) {
      if (!(declared.kind === 'Tensor' && value.type.kind === 'None'))
        value = convertTo(builder, range, declared, value, true);
      if (!isSubtype(value.type, declared))
        throw new CompileError(
          `Return value was annotated as having type ${typeName(declared)} but is actually of type ${typeName(value.type)}`,
          range,
        );
      type = declared;
    } else {
      const before = returns.merged ?? value.type;
      const merged = unify(before, value.type);
      if (!merged)
        throw new CompileError(
          `Previous return statement returned a value of type ${typeName(before)} but this return statement returns a value of type ${typeName(value.type)}`,
          range,
        );
      type = merged;
    }
    returns.merged = type;
    if (type.kind === 'Any' && value.type.kind !== 'Any') value = this.uncheckedCast(value, AnyT);
    builder.node('prim::ReturnStmt', [value], []);
    this.exits.add(this.variables.block);
  }

  private raise(expr: Expr | undefined, range: Range): void {
    const { builder } = this;
    if (!expr) throw new CompileError('raise must be followed by an exception', range);
    const raised = this.sugared(expr);
    let message: Value;
    let cls: Value | undefined;
    if (raised.kind === 'raised') {
      message = raised.message;
      cls = raised.cls;
    } else if (raised.kind === 'exception') message = builder.string('', range);
    else throw new CompileError('exceptions must derive from BaseException', range);
    if (message.type.kind !== 'str') message = builder.builtin('aten::str', [message], range);
    builder.builtin('prim::RaiseException', cls ? [message, cls] : [message], range);
    this.exits.add(this.variables.block);
  }

  private assertion(test: Expr, message: Expr | undefined, range: Range): void {
    const condition = this.condition(test);
    const error: Expr = {
      kind: 'call',
      callee: { kind: 'name', name: 'AssertionError', range },
      args: [message ?? { kind: 'string', value: '', range }],
      kwargs: [],
      range,
    };
    this.branches(condition, [], [{ kind: 'raise', value: error, range }], range);
  }

  private withStatement(items: readonly { value: Expr; as?: Expr }[], body: Body, range: Range): void {
    const entered: { object: Value; type: ClassType }[] = [];
    for (const item of items) {
      const object = this.expression(item.value);
      const node = this.builder.node('prim::Enter', [object], [TensorT]);
      const { type } = object;
      if (type.kind !== 'Class')
        throw new CompileError('With item expression must return an object', item.value.range);
      entered.push({ object, type });
      const enter = type.methods.get('__enter__');
      const exit = type.methods.get('__exit__');
      if (!enter || !exit)
        throw new CompileError(
          'Object returned by with item expression does not define __enter__ and __exit__ methods',
          item.value.range,
        );
      if (enter.signature.params.length !== 1)
        throw new CompileError(
          '__enter__ must have only one argument and one return value',
          item.value.range,
        );
      if (exit.signature.params.length !== 4)
        throw new CompileError('__exit__ must have four arguments', item.value.range);
      exit.signature.params.forEach((param, i) => {
        if (i > 0 && param.type.kind !== 'Any')
          throw new CompileError(
            `argument ${i} of __exit__ must have Any type; TorchScript does not currently support passing exception type, value, or traceback to the __exit__ function.`,
            item.value.range,
          );
      });
      node.func = enter;
      node.output.type = enter.signature.returns;
      if (item.as) this.bind(item.as, { kind: 'value', value: node.output }, range);
    }
    this.body(body);
    for (const { object, type } of entered.reverse()) {
      const exit = this.builder.node('prim::Exit', [object], [TensorT]);
      exit.func = type.methods.get('__exit__')!;
    }
  }

  /** A `def` inside a function: its body in a block, until a fork takes it. */
  private closure(def: Def): Sugared {
    const node = this.builder.node('prim::Closure', [], [NoneT]);
    const declared = def.returns && typeOfExpression(def.returns, this.resolver);
    this.closureBody(node.addBlock(), (block) => this.definition(def, declared, block));
    return { kind: 'closure', node };
  }

  private closureBody(block: Block, emit: (block: Block) => void): void {
    const outer = this.loop;
    this.loop = 'none';
    this.variables.push(block);
    this.within(block, () => emit(block));
    this.variables.pop();
    this.loop = outer;
  }

  /** `fork(f, …)`: the call in a closure, which `inlineForkedClosures` turns into a graph of its own. */
  protected override fork(args: readonly Expr[], keywords: readonly Keyword[], range: Range): Value {
    const { builder } = this;
    if (args.length === 0) throw new CompileError('Expected at least one argument to fork()', range);
    const forked = this.sugared(args[0]);
    const values = this.arguments(args.slice(1));
    const kwargs = this.keywords(keywords);
    const node = builder.graph.create('prim::forkClosure', [], [NoneT]);
    let closure: Value;
    if (forked.kind === 'closure') closure = forked.node.output;
    else {
      const made = builder.node('prim::Closure', [], [NoneT]);
      closure = made.output;
      this.closureBody(made.addBlock(), (block) => {
        const result = this.valueOf(this.callSugared(forked, values, kwargs, range), range);
        block.returnNode.addInput(result);
      });
    }
    node.addInput(closure);
    builder.insert(node, range);
    node.output.type = futureOf(closure.node.blocks[0].outputs[0].type);
    return node.output;
  }
}
