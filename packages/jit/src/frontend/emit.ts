/** The compiler proper: one function's syntax tree to a graph, with variables still as loads and stores (see `ssa.ts`). */
import type { Signature } from '../ir/function.ts';
import type { Block, Graph, Value } from '../ir/graph.ts';
import {
  annotation,
  type ClassType,
  IntT,
  isSubtype,
  type JitType,
  NoneT,
  TensorT,
  unify,
} from '../ir/types.ts';
import type { Block as Body, Def, Expr, Statement } from './ast.ts';
import { Calls } from './calls.ts';
import { convertTo } from './match.ts';
import { CompileError, type Range } from './source.ts';
import type { Sugared } from './sugared.ts';
import { dottedName, typeOfExpression } from './type-expression.ts';

const maxTripCount = 9223372036854775807n;

const inPlace: Readonly<Record<string, string>> = { '+': 'add_', '-': 'sub_', '*': 'mul_', '/': 'div_' };

export class Emitter extends Calls {
  private returnType: JitType = NoneT;
  /** Blocks that end in a return or a raise. */
  private readonly exits = new Set<Block>();

  /** Compiles a definition. `self` is the type of a method's first parameter. */
  function(def: Def, signature: Signature, self?: ClassType): Graph {
    const { builder, variables } = this;
    const { graph } = builder;
    variables.push(graph.block);
    signature.params.forEach((param, i) => {
      const value = graph.block.paramNode.addOutput(i === 0 && self ? self : param.type);
      value.setDebugName(param.name);
      variables.set(param.name, { kind: 'value', value }, def.params[i].range);
    });
    this.returnType = signature.returns;
    this.isMethod = self !== undefined;
    this.body(def.body);
    if (!this.exits.has(graph.block)) {
      if (!isSubtype(NoneT, signature.returns))
        throw new CompileError(
          `Function was not annotated as having type None, but does not return along all paths`,
          def.range,
        );
      this.returnValue(builder.none(def.range), def.range);
    }
    variables.pop();
    return graph;
  }

  private body(statements: Body): void {
    for (const statement of statements) {
      this.statement(statement);
      // What follows a return or a raise cannot run.
      if (this.exits.has(this.builder.block)) return;
    }
  }

  protected override statement(statement: Statement): void {
    switch (statement.kind) {
      case 'expression':
        this.sugared(statement.value);
        return;
      case 'assign':
        this.assign(statement.targets, statement.value, statement.type);
        return;
      case 'augmented':
        this.augmented(statement.target, statement.op, statement.value, statement.range);
        return;
      case 'if':
        this.ifStatement(statement.test, statement.body, statement.orElse, statement.range);
        return;
      case 'while':
        this.loop(undefined, undefined, statement.test, statement.body, statement.range);
        return;
      case 'for':
        this.loop(statement.iterable, statement.target, undefined, statement.body, statement.range);
        return;
      case 'with':
        this.withStatement(statement.items, statement.body, statement.range);
        return;
      case 'return': {
        const value = statement.value
          ? this.expression(statement.value, this.returnType)
          : this.builder.none(statement.range);
        if (this.builder.block !== this.builder.graph.block)
          throw new CompileError(
            'a return inside a block is not supported: archives have it lowered to assignments',
            statement.range,
          );
        this.returnValue(value, statement.range);
        return;
      }
      case 'raise': {
        const message = statement.value?.kind === 'call' ? statement.value.args[0] : undefined;
        const cls = statement.value?.kind === 'call' ? dottedName(statement.value.callee) : undefined;
        const text = message ? this.expression(message) : this.builder.string('', statement.range);
        const args = [text, ...(cls ? [this.builder.string(`builtins.${cls}`, statement.range)] : [])];
        this.builder.builtin('prim::RaiseException', args, statement.range);
        this.exits.add(this.builder.block);
        return;
      }
      case 'assert': {
        const message = statement.message;
        this.ifStatement(
          statement.test,
          [],
          [
            {
              kind: 'raise',
              range: statement.range,
              value: {
                kind: 'call',
                callee: { kind: 'name', name: 'AssertionError', range: statement.range },
                args: message ? [message] : [],
                kwargs: [],
                range: statement.range,
              },
            },
          ],
          statement.range,
        );
        return;
      }
      case 'delete':
        for (const target of statement.targets) {
          if (target.kind !== 'subscript' || target.items.length !== 1)
            throw new CompileError('only an item of a list or dict can be deleted', statement.range);
          this.builder.builtin(
            'aten::Delete',
            [this.expression(target.object), this.expression(target.items[0])],
            statement.range,
          );
        }
        return;
      case 'def':
        this.variables.set(statement.def.name, { kind: 'closure', def: statement.def }, statement.range);
        return;
      case 'pass':
      case 'annotation':
        return;
      case 'break':
      case 'continue':
        throw new CompileError(
          `${statement.kind} is not supported: archives have it lowered to flags`,
          statement.range,
        );
    }
  }

  private returnValue(actual: Value, range: Range): void {
    const value = convertTo(this.builder, range, this.returnType, actual, true);
    if (!isSubtype(value.type, this.returnType))
      throw new CompileError(
        `Return value was annotated as having type ${annotation(this.returnType)} but is actually of type ${annotation(value.type)}`,
        range,
      );
    this.builder.block.returnNode.addInput(value);
    this.exits.add(this.builder.block);
  }

  private assign(targets: readonly Expr[], value: Expr, type?: Expr): void {
    const annotated = type && typeOfExpression(type, this.resolver);
    const [first, ...more] = targets;
    if (more.length === 0 && first.kind === 'name') {
      this.variables.set(first.name, this.sugared(value, annotated), first.range, annotated);
      return;
    }
    if (more.length === 0 && first.kind === 'attribute') {
      const object = this.expression(first.object);
      this.setAttribute(object, first.name, this.expression(value), first.range);
      return;
    }
    const result = this.sugared(value, annotated);
    for (const target of targets) this.store(target, result, target.range);
  }

  private store(target: Expr, sugared: Sugared, range: Range): void {
    switch (target.kind) {
      case 'name':
        this.variables.set(target.name, sugared, target.range);
        return;
      case 'tuple':
      case 'list': {
        const starred = target.items.findIndex((item) => item.kind === 'starred');
        const values = this.unpack(sugared, starred < 0 ? target.items.length : undefined, range);
        if (starred < 0 ? values.length !== target.items.length : values.length < target.items.length - 1)
          throw new CompileError(
            `need ${target.items.length} values to unpack but found only ${values.length}`,
            range,
          );
        const after = target.items.length - starred - 1;
        target.items.forEach((item, i) => {
          if (item.kind === 'starred') {
            const rest = values.slice(i, values.length - after);
            this.store(item.value, { kind: 'value', value: this.builder.tuple(rest) }, range);
          } else {
            const at = starred >= 0 && i > starred ? values.length - (target.items.length - i) : i;
            this.store(item, { kind: 'value', value: values[at] }, range);
          }
        });
        return;
      }
      case 'attribute': {
        const object = this.expression(target.object);
        const value = this.valueOf(sugared, range);
        this.setAttribute(object, target.name, value, range);
        return;
      }
      case 'subscript': {
        if (target.items.length !== 1 || target.items[0].kind === 'slice')
          throw new CompileError('assignment to a slice is not supported here', range);
        const object = this.expression(target.object);
        if (object.type.kind === 'Tensor')
          throw new CompileError('assignment to an element of a tensor is not supported here', range);
        const index = this.expression(target.items[0]);
        const value = this.valueOf(sugared, range);
        if (object.type.kind === 'Class') this.callMethod(object, '__setitem__', [index, value], range);
        else this.builder.builtin('aten::_set_item', [object, index, value], range);
        return;
      }
      case 'starred':
        this.store(target.value, sugared, range);
        return;
      default:
        throw new CompileError('unexpected expression on the left-hand side of an assignment', target.range);
    }
  }

  private setAttribute(object: Value, name: string, value: Value, range: Range): void {
    const type = object.type.kind === 'Class' ? object.type : undefined;
    const slot = type?.slotOf(name);
    if (!type || slot === undefined)
      throw new CompileError(
        `Tried to set nonexistent attribute: ${name}. Did you forget to initialize it in __init__()?`,
        range,
      );
    const wanted = type.attributes[slot].type;
    const converted = convertTo(this.builder, range, wanted, value, true);
    if (!isSubtype(converted.type, wanted))
      throw new CompileError(
        `Wrong type for attribute assignment. Expected ${annotation(wanted)} but got ${annotation(converted.type)}`,
        range,
      );
    this.builder.node('prim::SetAttr', [object, converted], []).name = name;
  }

  private augmented(target: Expr, op: string, expr: Expr, range: Range): void {
    const left = this.expression(target);
    const right = this.expression(expr);
    const isMutable = left.type.kind === 'Tensor' || left.type.kind === 'List';
    const value =
      isMutable && inPlace[op]
        ? this.builder.builtin(`aten::${inPlace[op]}`, [left, right], range)
        : this.binary(op, left, right, range);
    this.store(target, { kind: 'value', value }, range);
  }

  private ifStatement(test: Expr, body: Body, orElse: Body, range: Range): void {
    const { builder, variables } = this;
    const condition = this.condition(test);
    const constant = condition.node.constant;
    if (constant) {
      this.body(constant.value ? body : orElse);
      return;
    }
    const node = builder.node('prim::If', [condition], [], range);
    const branches = [body, orElse].map((statements) => {
      const block = node.addBlock();
      variables.push(block);
      this.within(block, () => this.body(statements));
      const defined = variables.pop();
      return {
        block,
        exits: this.exits.has(block),
        typeOf: (name: string) => defined.get(name) ?? variables.typeOf(name),
        defined,
      };
    });
    const [whenTrue, whenFalse] = branches;
    if (whenTrue.exits && whenFalse.exits) this.exits.add(builder.block);
    const names = new Set<string>();
    for (const name of whenTrue.defined.keys())
      if (whenFalse.exits || whenFalse.typeOf(name)) names.add(name);
    for (const name of whenFalse.defined.keys()) if (whenTrue.exits || whenTrue.typeOf(name)) names.add(name);
    for (const name of [...names].sort()) {
      const yes = whenTrue.exits ? undefined : whenTrue.typeOf(name);
      const no = whenFalse.exits ? undefined : whenFalse.typeOf(name);
      if (whenTrue.exits && no) this.placeholder(whenTrue.block, name, no, range);
      if (whenFalse.exits && yes) this.placeholder(whenFalse.block, name, yes, range);
      const type = yes && no ? unify(yes, no, true) : (yes ?? no);
      if (!type) continue;
      const looked =
        Number(whenTrue.defined.has(name) && whenFalse.typeOf(name) !== undefined) +
        Number(whenFalse.defined.has(name) && whenTrue.typeOf(name) !== undefined) +
        Number(!whenTrue.exits) +
        Number(!whenFalse.exits) +
        Number(variables.typeOf(name) !== undefined);
      variables.setType(name, type);
      variables.touch(name, type, looked, range);
    }
  }

  /** A branch that never gets to its end still has to hand out the variables that the other one defines. */
  private placeholder(block: Block, name: string, type: JitType, range: Range): void {
    this.within(block, () => {
      const value = this.builder.node('prim::Uninitialized', [], [type], range).output;
      this.builder.node('prim::Store', [value], [], range).name = name;
    });
  }

  private loop(
    iterable: Expr | undefined,
    target: Expr | undefined,
    test: Expr | undefined,
    body: Body,
    range: Range,
  ): void {
    const { builder, variables } = this;
    const over = iterable && this.iterable(iterable);
    const trips = over ? over.length : builder.number(maxTripCount, false, range);
    const node = builder.graph.create('prim::Loop');
    node.range = range;
    const bodyBlock = node.addBlock();
    const conditionBlock = node.addBlock();
    variables.push(conditionBlock);
    const condition = test
      ? this.within(conditionBlock, () => this.condition(test))
      : builder.bool(true, range);
    conditionBlock.returnNode.addInput(condition);
    variables.pop();
    node.addInput(trips);
    builder.insert(node);
    const trip = bodyBlock.paramNode.addOutput(IntT);
    variables.push(bodyBlock);
    this.within(bodyBlock, () => {
      if (over && target) this.store(target, { kind: 'value', value: over.item(trip) }, target.range);
      this.body(body);
    });
    variables.pop();
  }

  private iterable(expr: Expr): { length: Value; item: (index: Value) => Value } {
    const { builder } = this;
    const sugared = this.sugared(expr);
    const { range } = expr;
    if (sugared.kind === 'range') {
      const { start, end, step } = sugared;
      if (!start || !step) return { length: end, item: (index) => index };
      return {
        length: builder.builtin('aten::__range_length', [start, end, step], range),
        item: (index) => builder.builtin('aten::__derive_index', [index, start, step], range),
      };
    }
    let value = this.valueOf(sugared, range);
    if (value.type.kind === 'Dict') value = builder.builtin('aten::keys', [value], range);
    if (value.type.kind === 'Tensor') {
      const zero = builder.number(0, false, range);
      return {
        length: builder.builtin('aten::len', [value], range),
        item: (index) => builder.builtin('aten::select', [value, zero, index], range),
      };
    }
    if (value.type.kind !== 'List' && value.type.kind !== 'str')
      throw new CompileError(`'${annotation(value.type)}' object is not iterable`, range);
    return {
      length: builder.builtin('aten::len', [value], range),
      item: (index) => builder.builtin('aten::__getitem__', [value, index], range),
    };
  }

  private withStatement(items: readonly { value: Expr; as?: Expr }[], body: Body, range: Range): void {
    const entered: Value[] = [];
    for (const item of items) {
      const object = this.expression(item.value);
      if (object.type.kind !== 'Class')
        throw new CompileError('With item expression must return an object', item.value.range);
      const enter = object.type.methods.get('__enter__');
      if (!enter || !object.type.methods.has('__exit__'))
        throw new CompileError(
          'Object returned by with item expression does not define __enter__ and __exit__ methods',
          range,
        );
      const node = this.builder.node('prim::Enter', [object], [enter.signature.returns]);
      node.func = enter;
      entered.push(object);
      if (item.as) this.store(item.as, { kind: 'value', value: node.output }, range);
    }
    this.body(body);
    for (const object of entered.reverse()) {
      const exit = this.builder.node('prim::Exit', [object], [TensorT]);
      exit.func = (object.type as ClassType).methods.get('__exit__')!;
    }
  }
}
