/** The compiler proper: one function's syntax tree to a graph, with variables still as loads and stores (see `ssa.ts`). */
import type { Param } from '../ir/function.ts';
import type { Block, Graph, Value } from '../ir/graph.ts';
import {
  AnyT,
  type ClassType,
  dictOf,
  futureOf,
  IntT,
  isSubtype,
  type JitType,
  listOf,
  NoneT,
  StrT,
  TensorT,
  typeName,
  unify,
} from '../ir/types.ts';
import { Assignments } from './assignments.ts';
import type { Block as Body, Def, Expr, Keyword, Statement } from './ast.ts';
import type { Condition } from './conditions.ts';
import { type Frame, isMeaningful } from './environment.ts';
import { convertTo } from './match.ts';
import { CompileError, type Range } from './source.ts';
import type { Sugared } from './sugared.ts';
import { typeOfExpression } from './type-expression.ts';

const maxTripCount = 9223372036854775807n;

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

export class Emitter extends Assignments {
  private returns: Returns = {};
  /** Blocks that end in a return or a raise. */
  private readonly exits = new Set<Block>();
  private loop: 'none' | 'loop' | 'unrolled' = 'none';

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

  private body(statements: Body): void {
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

  private branches(condition: Condition, body: Body, orElse: Body, range: Range): void {
    const { builder, variables } = this;
    const { known } = condition;
    if (known !== undefined) {
      this.refine(known ? condition.whenTrue : condition.whenFalse, range);
      this.body(known ? body : orElse);
      return;
    }
    const node = builder.node('prim::If', [condition.value], [], range);
    const [trueBlock, falseBlock] = [node.addBlock(), node.addBlock()];
    const emit = (block: Block, statements: Body, refinements: Condition['whenTrue']): Frame => {
      variables.push(block);
      this.within(block, () => {
        this.refine(refinements, range);
        this.body(statements);
      });
      return variables.pop();
    };
    const yes = emit(trueBlock, body, condition.whenTrue);
    const no = emit(falseBlock, orElse, condition.whenFalse);
    const [yesExits, noExits] = [this.exits.has(trueBlock), this.exits.has(falseBlock)];
    if (yesExits && noExits) this.exits.add(variables.block);
    const changed = new Set<string>();
    const collect = (own: Frame, other: Frame, block: Block, otherExits: boolean, branch: string): void => {
      for (const name of own.types.keys())
        if (this.within(block, () => variables.find(other, name)) || otherExits) changed.add(name);
        else
          variables.explain(
            name,
            () => new CompileError(`${name} is not defined in the ${branch} branch`, range),
          );
    };
    collect(yes, no, falseBlock, noExits, 'false');
    collect(no, yes, trueBlock, yesExits, 'true');
    for (const name of [...changed].sort()) this.join(name, { yes, no, trueBlock, falseBlock }, range);
  }

  /** Makes a variable that a branch changes known after the branches. */
  private join(
    name: string,
    at: { yes: Frame; no: Frame; trueBlock: Block; falseBlock: Block },
    range: Range,
  ): void {
    const { variables } = this;
    const read = (frame: Frame, block: Block): JitType | undefined => {
      if (this.exits.has(block)) return undefined;
      const found = this.within(block, () => variables.find(frame, name));
      return found?.kind === 'value' ? found.value.type : undefined;
    };
    const yes = read(at.yes, at.trueBlock);
    const no = read(at.no, at.falseBlock);
    if (!yes && !no) return;
    if (!yes) this.placeholder(at.trueBlock, name, no!);
    if (!no) this.placeholder(at.falseBlock, name, yes!);
    const outer = variables.get(name);
    const before = outer?.kind === 'value' ? outer.value.type : undefined;
    const toUnion = before?.kind === 'Union' || before?.kind === 'Optional' || before?.kind === 'number';
    const type = unify(yes ?? no!, no ?? yes!, toUnion || this.resolver.dialect === 'archive');
    if (type) {
      variables.setType(name, type);
      return;
    }
    const problem = new CompileError(
      `Type mismatch: ${name} is set to type ${typeName(yes!)} in the true branch and type ${typeName(no!)} in the false branch`,
      range,
    );
    if (outer) throw problem;
    variables.explain(name, () => problem);
  }

  /** A branch that never gets to its end still has to hand out the variables that the other one defines. */
  private placeholder(block: Block, name: string, type: JitType): void {
    this.within(block, () => {
      const value = this.builder.node('prim::Uninitialized', [], [type]).output;
      this.builder.node('prim::Store', [value], []).name = name;
    });
  }

  private whileLoop(test: Expr, emitBody: () => void, range: Range): void {
    const trips = this.builder.number(maxTripCount, false, range);
    this.loopNode(trips, range, test, emitBody);
  }

  private forLoop(target: Expr, iterableExpr: Expr, emitBody: () => void, range: Range): void {
    const iterable = this.iterable(this.sugared(iterableExpr), range);
    const length = this.staticLength(iterable);
    if (length !== undefined) {
      this.unrolled(iterable, length, target, emitBody, range);
      return;
    }
    const trips = this.lengthOf(iterable, range);
    this.loopNode(trips, range, undefined, emitBody, (trip) => {
      const item = this.valueOf(this.itemAt(iterable, trip, range), range);
      this.bind(target, { kind: 'value', value: item }, range);
    });
  }

  private loopNode(
    trips: Value,
    range: Range,
    test: Expr | undefined,
    emitBody: () => void,
    prologue?: (trip: Value) => void,
  ): void {
    const { builder, variables } = this;
    const node = builder.graph.create('prim::Loop');
    node.range = range;
    const bodyBlock = node.addBlock();
    const conditionBlock = node.addBlock();
    variables.push(conditionBlock);
    const condition = test
      ? this.within(conditionBlock, () => this.toBool(this.expression(test), test.range))
      : builder.bool(true, range);
    conditionBlock.returnNode.addInput(condition);
    variables.pop();
    builder.insert(node);
    node.addInput(trips);
    const outer = this.loop;
    this.loop = 'loop';
    const trip = bodyBlock.paramNode.addOutput(IntT);
    variables.push(bodyBlock);
    this.within(bodyBlock, () => {
      prologue?.(trip);
      emitBody();
    });
    variables.pop();
    this.loop = outer;
  }

  /** Over tuples and lists of modules, whose items may differ in type: the body once for each. */
  private unrolled(
    iterable: Sugared,
    length: number,
    target: Expr,
    emitBody: () => void,
    range: Range,
  ): void {
    const outer = this.loop;
    this.loop = 'unrolled';
    for (let i = 0; i < length; i++) {
      const index = this.builder.number(i, false, range);
      this.bind(target, this.itemAt(iterable, index, range), range);
      emitBody();
    }
    this.loop = outer;
  }

  protected override comprehension(
    expr: Extract<Expr, { kind: 'comprehension' | 'dictComprehension' }>,
    hint?: JitType,
  ): Value {
    const { builder, variables } = this;
    const { range, target, iterable } = expr;
    const isList = expr.kind === 'comprehension';
    const wanted = hint?.kind === 'Optional' ? hint.element : hint;
    if (wanted && wanted.kind !== 'Any' && wanted.kind !== (isList ? 'List' : 'Dict'))
      throw new CompileError(
        `Expected ${isList ? 'list' : 'Dict'} type annotation for ${isList ? 'list' : 'dict'} comprehension, found ${typeName(wanted)}`,
        range,
      );
    const typed = wanted?.kind === 'List' || wanted?.kind === 'Dict' ? wanted : undefined;
    const result = builder.node(
      isList ? 'prim::ListConstruct' : 'prim::DictConstruct',
      [],
      [typed ?? (isList ? listOf(TensorT) : dictOf(StrT, TensorT))],
    ).output;
    let isTyped = typed !== undefined;
    const scope = builder.node('prim::ComprehensionScope', [], [], range);
    const block = scope.addBlock();
    variables.push(block);
    const emitBody = (): void => {
      if (expr.kind === 'comprehension') {
        const element = this.expression(expr.element, typed?.kind === 'List' ? typed.element : undefined);
        if (!isTyped) result.type = listOf(element.type);
        isTyped = true;
        builder.callBuiltin(
          'aten::append',
          [{ value: element, range }],
          [],
          { value: result, range, name: 'self' },
          range,
        );
        return;
      }
      const key = this.expression(expr.key, typed?.kind === 'Dict' ? typed.key : undefined);
      const value = this.expression(expr.value, typed?.kind === 'Dict' ? typed.value : undefined);
      if (!isTyped) result.type = dictOf(key.type, value.type);
      isTyped = true;
      builder.builtin('aten::_set_item', [result, key, value], range);
    };
    this.within(block, () => this.forLoop(target, iterable, emitBody, range));
    variables.pop();
    return result;
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
