/** The compiler proper: one function's syntax tree to a graph, with variables still as loads and stores (see `ssa.ts`). */
import type { Func, Signature } from '../ir/function.ts';
import type { Block, Graph, Value } from '../ir/graph.ts';
import {
  AnyT,
  annotation,
  BoolT,
  type ClassType,
  dictOf,
  FloatT,
  FunctionT,
  futureOf,
  IntT,
  isSubtype,
  type JitType,
  listOf,
  NoneT,
  optionalOf,
  StrT,
  TensorT,
  type TupleType,
  unify,
} from '../ir/types.ts';
import type { JitArgument } from '../ops/operator.ts';
import { operatorsNamed } from '../ops/registry.ts';
import type { Block as Body, Def, Expr, Statement } from './ast.ts';
import { GraphBuilder } from './builder.ts';
import { Environment } from './environment.ts';
import { convertTo, matchOnly, type NamedValue } from './match.ts';
import { CompileError, type Range } from './source.ts';
import { globals, type Resolver, type SpecialForm, type Sugared } from './sugared.ts';
import { dottedName, typeOfExpression } from './type-expression.ts';
import { type UpgradeContext, upgrade } from './upgrade.ts';

const maxTripCount = 9223372036854775807n;

/** Tensor attributes that are `prim::` operators; the others are `aten::` methods. */
const tensorProperties = new Set(
  (
    'dtype device grad data is_cuda is_cpu is_xpu is_sparse is_sparse_csr is_mkldnn is_quantized is_meta is_nested is_mps ' +
    'is_ort is_ipu is_vulkan requires_grad layout name'
  ).split(' '),
);
/** Tensor attributes that are `aten::` operators called without arguments. */
const tensorViews: Readonly<Record<string, string>> = {
  shape: 'aten::size',
  ndim: 'aten::dim',
  T: 'aten::numpy_T',
  H: 'aten::matrix_H',
  mT: 'aten::mT',
  mH: 'aten::mH',
  real: 'aten::real',
  imag: 'aten::imag',
}; // prettier-ignore

const infix: Readonly<Record<string, string>> = {
  '+': 'add',
  '-': 'sub',
  '*': 'mul',
  '/': 'div',
  '//': 'floordiv',
  '%': 'remainder',
  '**': 'pow',
  '@': 'matmul',
  '==': 'eq',
  '!=': 'ne',
  '<': 'lt',
  '<=': 'le',
  '>': 'gt',
  '>=': 'ge',
  '&': '__and__',
  '|': '__or__',
  '^': '__xor__',
  '<<': '__lshift__',
  '>>': '__rshift__',
  is: '__is__',
  'is not': '__isnot__',
  in: '__contains__',
}; // prettier-ignore
const inPlace: Readonly<Record<string, string>> = { '+': 'add_', '-': 'sub_', '*': 'mul_', '/': 'div_' };
const magic: Readonly<Record<string, string>> = {
  '+': '__add__',
  '-': '__sub__',
  '*': '__mul__',
  '/': '__truediv__',
  '//': '__floordiv__',
  '%': '__mod__',
  '**': '__pow__',
  '@': '__matmul__',
  '==': '__eq__',
  '!=': '__ne__',
  '<': '__lt__',
  '<=': '__le__',
  '>': '__gt__',
  '>=': '__ge__',
  '&': '__and__',
  '|': '__or__',
  '^': '__xor__',
  '<<': '__lshift__',
  '>>': '__rshift__',
}; // prettier-ignore

const callable = (signature: Signature, skip: number) => ({
  name: signature.name,
  args: signature.params.slice(skip).map((param): JitArgument => ({ ...param, default: param.default })),
  returns: [signature.returns],
  isVararg: false,
});

export class Emitter {
  private readonly builder = new GraphBuilder();
  private readonly variables = new Environment(this.builder);
  private returnType: JitType = NoneT;
  /** Old meanings of operators hold in methods only, as in PyTorch. */
  private isMethod = false;
  /** Blocks that end in a return or a raise. */
  private readonly exits = new Set<Block>();

  constructor(private readonly resolver: Resolver) {}

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

  private statement(statement: Statement): void {
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

  // ---- assignments

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

  private unpack(sugared: Sugared, count: number | undefined, range: Range): readonly Value[] {
    const value = this.valueOf(sugared, range);
    if (value.type.kind === 'Tuple') return this.builder.unpackTuple(value);
    if (value.type.kind === 'List') {
      if (count === undefined)
        throw new CompileError('cannot statically infer the expected size of a list in this context', range);
      const { element } = value.type;
      return this.builder.node('prim::ListUnpack', [value], new Array(count).fill(element)).outputs;
    }
    throw new CompileError(`'${annotation(value.type)}' object cannot be used as a tuple`, range);
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

  // ---- control flow

  private condition(test: Expr): Value {
    return this.toBool(this.expression(test), test.range);
  }

  private toBool(value: Value, range: Range): Value {
    return this.cast(BoolT, 'aten::Bool', value, range);
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

  private within<T>(block: Block, emit: () => T): T {
    const before = this.builder.block;
    this.builder.block = block;
    const result = emit();
    this.builder.block = before;
    return result;
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

  // ---- expressions

  /** The expression's value; `hint` is the type that the context wants. */
  expression(expr: Expr, hint?: JitType): Value {
    return this.valueOf(this.sugared(expr, hint), expr.range);
  }

  private valueOf(sugared: Sugared, range: Range): Value {
    switch (sugared.kind) {
      case 'value':
        return sugared.value;
      case 'function':
        return this.functionConstant(sugared.func);
      default:
        throw new CompileError(`${describe(sugared)} cannot be used as a value`, range);
    }
  }

  private functionConstant(func: Func): Value {
    const node = this.builder.node('prim::Constant', [], [FunctionT]);
    node.name = func.name.slice(func.name.lastIndexOf('.') + 1);
    node.func = func;
    return node.output;
  }

  private sugared(expr: Expr, hint?: JitType): Sugared {
    switch (expr.kind) {
      case 'name':
        return this.name(expr.name, expr.range);
      case 'attribute':
        return this.attribute(this.sugared(expr.object), expr.name, expr.range);
      case 'call':
        return this.call(expr.callee, expr.args, expr.kwargs, expr.range, hint);
      default:
        return { kind: 'value', value: this.simpleExpression(expr, hint) };
    }
  }

  private simpleExpression(
    expr: Exclude<Expr, { kind: 'name' | 'attribute' | 'call' }>,
    hint?: JitType,
  ): Value {
    const { builder } = this;
    const { range } = expr;
    switch (expr.kind) {
      case 'int':
        return builder.number(narrow(expr.value), false, range);
      case 'float':
        return builder.number(expr.value, true, range);
      case 'string':
        return builder.string(expr.value, range);
      case 'constant':
        return expr.value === null ? builder.none(range) : builder.bool(expr.value, range);
      case 'list':
        return this.list(expr.items, hint, range);
      case 'tuple': {
        const wanted = hint?.kind === 'Optional' ? hint.element : hint;
        const hints =
          wanted?.kind === 'Tuple' && wanted.elements.length === expr.items.length ? wanted.elements : [];
        return builder.tuple(this.items(expr.items, (i) => hints[i]));
      }
      case 'dict':
        return this.dict(expr.keys, expr.values, hint, range);
      case 'subscript':
        return this.subscript(expr.object, expr.items, range);
      case 'unary': {
        const operand = this.expression(expr.operand);
        if (expr.op === 'not') return builder.builtin('aten::__not__', [this.toBool(operand, range)], range);
        return builder.builtin(expr.op === '-' ? 'aten::neg' : 'aten::bitwise_not', [operand], range);
      }
      case 'binary': {
        if (expr.op === 'and' || expr.op === 'or')
          return this.shortCircuit(expr.op, expr.left, expr.right, range);
        return this.binary(expr.op, this.expression(expr.left), this.expression(expr.right), range);
      }
      case 'conditional':
        return this.choose(
          this.condition(expr.test),
          () => this.expression(expr.body, hint),
          () => this.expression(expr.orElse, hint),
          range,
        );
      case 'comprehension':
        throw new CompileError(
          'list comprehensions are not supported: archives have them lowered to loops',
          range,
        );
      case 'imaginary':
        throw new CompileError('complex numbers are not supported yet', range);
      case 'starred':
      case 'slice':
      case 'ellipsis':
        throw new CompileError('unexpected expression here', range);
    }
  }

  private name(name: string, range: Range): Sugared {
    const variable = this.variables.get(name, range);
    if (variable) return variable;
    const known = globals.get(name);
    if (known) return known;
    if (name === 'inf' || name === 'nan')
      return { kind: 'value', value: this.builder.constant(name === 'inf' ? Infinity : NaN, FloatT, range) };
    const found = this.resolver.resolve(name);
    if (found) return found;
    throw new CompileError(`undefined value ${name}`, range);
  }

  private items(exprs: readonly Expr[], hint?: (i: number) => JitType | undefined): Value[] {
    const values: Value[] = [];
    exprs.forEach((item, i) => {
      if (item.kind === 'starred')
        values.push(...this.unpack(this.sugared(item.value), undefined, item.range));
      else values.push(this.expression(item, hint?.(i)));
    });
    return values;
  }

  private list(exprs: readonly Expr[], hint: JitType | undefined, range: Range): Value {
    const { builder } = this;
    const wanted = hint?.kind === 'Optional' ? hint.element : hint;
    const element = wanted?.kind === 'List' ? wanted.element : undefined;
    const values = this.items(exprs, () => element);
    if (values.length === 0)
      return element
        ? builder.list(element, [])
        : builder.node('prim::EmptyListLiteral', [], [listOf(TensorT)], range).output;
    if (element) {
      const converted = values.map((value) => convertTo(builder, range, element, value, true));
      if (converted.every((value) => isSubtype(value.type, element))) return builder.list(element, converted);
      if (hint?.kind !== 'Union')
        throw new CompileError(
          `List type annotation \`${annotation(wanted!)}\` did not match the types of the given list elements`,
          range,
        );
    }
    let type: JitType | undefined = values[0].type;
    for (const value of values) type = type && unify(type, value.type, true);
    return builder.list(type!, values);
  }

  private dict(
    keyExprs: readonly Expr[],
    valueExprs: readonly Expr[],
    hint: JitType | undefined,
    range: Range,
  ): Value {
    const wanted = hint?.kind === 'Optional' ? hint.element : hint;
    const type = wanted?.kind === 'Dict' ? wanted : undefined;
    const inputs: Value[] = [];
    keyExprs.forEach((key, i) => {
      inputs.push(this.expression(key, type?.key), this.expression(valueExprs[i], type?.value));
    });
    let key: JitType = type?.key ?? StrT;
    let value: JitType = type?.value ?? TensorT;
    if (!type && inputs.length > 0) {
      key = inputs[0].type;
      value = inputs[1].type;
      for (let i = 0; i < inputs.length; i += 2) {
        key = unify(key, inputs[i].type) ?? key;
        value = unify(value, inputs[i + 1].type, true) ?? value;
      }
    }
    for (let i = 0; i < inputs.length; i++) {
      const element = i % 2 ? value : key;
      inputs[i] = convertTo(this.builder, range, element, inputs[i], true);
      if (!isSubtype(inputs[i].type, element))
        throw new CompileError(
          `Dict ${i % 2 ? 'values' : 'keys'} must contain only a single type, expected: ${annotation(element)} but found ${annotation(inputs[i].type)} instead`,
          range,
        );
    }
    return this.builder.node('prim::DictConstruct', inputs, [dictOf(key, value)]).output;
  }

  private choose(condition: Value, whenTrue: () => Value, whenFalse: () => Value, range: Range): Value {
    const { builder } = this;
    if (condition.node.constant) return condition.node.constant.value ? whenTrue() : whenFalse();
    const node = builder.node('prim::If', [condition], [], range);
    const types = [whenTrue, whenFalse].map((emit) => {
      const block = node.addBlock();
      this.variables.push(block);
      const value = this.within(block, emit);
      this.variables.pop();
      block.returnNode.addInput(value);
      return value.type;
    });
    const type = unify(types[0], types[1], true);
    if (!type)
      throw new CompileError(`Type mismatch: ${annotation(types[0])} and ${annotation(types[1])}`, range);
    return node.addOutput(type);
  }

  private shortCircuit(op: 'and' | 'or', left: Expr, right: Expr, range: Range): Value {
    const first = this.condition(left);
    const second = () => this.condition(right);
    const constant = () => this.builder.bool(op === 'or', range);
    return op === 'and'
      ? this.choose(first, second, constant, range)
      : this.choose(first, constant, second, range);
  }

  private binary(op: string, left: Value, right: Value, range: Range): Value {
    const { builder } = this;
    if (op === 'not in')
      return builder.builtin('aten::__not__', [this.binary('in', left, right, range)], range);
    if (op === 'in') {
      if (right.type.kind === 'Class') return this.callMethod(right, '__contains__', [left], range);
      return builder.builtin('aten::__contains__', [right, left], range);
    }
    if (left.type.kind === 'Class' && magic[op] && left.type.methods.has(magic[op]))
      return this.callMethod(left, magic[op], [right], range);
    if (op === '%' && left.type.kind === 'str') {
      const parts = right.type.kind === 'Tuple' ? builder.unpackTuple(right) : [right];
      return builder.builtin('aten::percentFormat', [left, ...parts], range);
    }
    if (op === '//' && (left.type.kind === 'Tensor' || right.type.kind === 'Tensor'))
      return builder.builtin('aten::floor_divide', [left, right], range);
    return builder.builtin(`aten::${infix[op]}`, [left, right], range);
  }

  private subscript(objectExpr: Expr, items: readonly Expr[], range: Range): Value {
    const { builder } = this;
    const object = this.expression(objectExpr);
    const { type } = object;
    const [item] = items;
    if (items.length === 1 && item.kind === 'slice') {
      const bound = (expr: Expr | undefined, absent: () => Value) =>
        expr ? this.expression(expr) : absent();
      if (type.kind === 'Tuple') return this.tupleSlice(object, type, item, range);
      const start = bound(item.start, () => builder.none(range));
      const end = bound(item.end, () => builder.none(range));
      const step = bound(item.step, () => builder.number(1, false, range));
      if (type.kind === 'List' || type.kind === 'str')
        return builder.builtin('aten::slice', [object, start, end, step], range);
      if (type.kind === 'Tensor')
        return builder.builtin(
          'aten::slice',
          [object, builder.number(0, false, range), start, end, step],
          range,
        );
    }
    if (type.kind === 'Tensor') return this.indexTensor(object, items, range);
    if (items.length !== 1) throw new CompileError('Only one index is allowed here', range);
    const index = this.expression(item);
    if (type.kind === 'Tuple') return this.tupleIndex(object, type, index, range);
    if (type.kind === 'Class') {
      const container = /^__torch__\.torch\.nn\.modules\.container\./.test(type.name);
      if (!type.methods.has('__getitem__') && (container || type.isModule))
        return builder.node('prim::ModuleContainerIndex', [object, index], [AnyT], range).output;
      return this.callMethod(object, '__getitem__', [index], range);
    }
    return builder.builtin('aten::__getitem__', [object, index], range);
  }

  private tupleIndex(object: Value, type: TupleType, index: Value, range: Range): Value {
    if (index.type.kind !== 'int') throw new CompileError('tuple index must be an integer', range);
    const known = index.node.constant?.value;
    let result: JitType | undefined;
    if (typeof known === 'number') {
      const at = known < 0 ? known + type.elements.length : known;
      result = type.elements[at];
      if (!result) throw new CompileError('Tuple index is out of range', range);
    } else {
      result = type.elements[0];
      for (const element of type.elements) result = result && unify(result, element);
      if (!result)
        throw new CompileError(
          `Cannot index into a tuple with a non-integer literal because we cannot resolve the output type`,
          range,
        );
    }
    return this.builder.node('prim::TupleIndex', [object, index], [result]).output;
  }

  private tupleSlice(
    object: Value,
    type: TupleType,
    item: Extract<Expr, { kind: 'slice' }>,
    range: Range,
  ): Value {
    const bound = (expr: Expr | undefined, absent: number): number => {
      if (!expr) return absent;
      if (expr.kind !== 'int') throw new CompileError('the bounds of a tuple slice must be literals', range);
      const at = Number(expr.value);
      return Math.max(0, Math.min(type.elements.length, at < 0 ? at + type.elements.length : at));
    };
    const parts: Value[] = [];
    for (let i = bound(item.start, 0); i < bound(item.end, type.elements.length); i++)
      parts.push(this.tupleIndex(object, type, this.builder.number(i, false, range), range));
    return this.builder.tuple(parts, undefined, range);
  }

  private indexTensor(object: Value, items: readonly Expr[], range: Range): Value {
    const { builder } = this;
    let value = object;
    let dim = 0;
    const int = (n: number) => builder.number(n, false, range);
    const tensors: (Value | undefined)[] = [];
    for (let i = 0; i < items.length; i++) {
      const item = items[i];
      if (item.kind === 'ellipsis') {
        // Counted from the back from here on, as torch::jit does.
        dim = -(items.length - i - 1);
        if (dim === 0) break;
        continue;
      }
      if (item.kind === 'slice') {
        const start = item.start ? this.expression(item.start) : builder.none(range);
        const end = item.end ? this.expression(item.end) : builder.none(range);
        const step = item.step ? this.expression(item.step) : int(1);
        value = builder.builtin('aten::slice', [value, int(dim), start, end, step], range);
        dim++;
        continue;
      }
      const index = this.expression(item);
      if (index.type.kind === 'None') {
        value = builder.builtin('aten::unsqueeze', [value, int(dim)], range);
        dim++;
      } else if (index.type.kind === 'int')
        value = builder.builtin('aten::select', [value, int(dim), index], range);
      else if (index.type.kind === 'Tensor') {
        tensors[dim] = index;
        dim++;
      } else
        throw new CompileError(
          `Unsupported operation: indexing tensor with unsupported index type '${annotation(index.type)}'`,
          range,
        );
    }
    if (tensors.length === 0) return value;
    const element = optionalOf(TensorT);
    const indices = Array.from(tensors, (tensor) => tensor ?? builder.constant(null, element));
    return builder.builtin('aten::index', [value, builder.list(element, indices)], range);
  }

  // ---- attributes and calls

  private attribute(object: Sugared, name: string, range: Range): Sugared {
    switch (object.kind) {
      case 'operators':
        if (object.namespace === 'aten' && name === 'autograd') return object;
        return { kind: 'builtin', name: `${object.namespace}::${name}` };
      case 'namespaces':
        return { kind: 'operators', namespace: name };
      case 'path': {
        const path = `${object.path}.${name}`;
        return this.resolver.resolve(path) ?? { kind: 'path', path };
      }
      case 'constants': {
        const found = this.resolver.constant(name);
        if (!found) throw new CompileError(`invalid constant specifier: ${name}`, range);
        return { kind: 'value', value: this.builder.constant(found.value, found.type, range) };
      }
      case 'type': {
        const { type } = object;
        if (name === '__new__' && type.kind === 'Class') return { kind: 'create', type };
        if (type.kind === 'Enum') {
          const member = type.members.get(name);
          if (member) return { kind: 'value', value: this.builder.constant(member, type, range) };
        }
        throw new CompileError(`class '${type.name}' has no attribute '${name}'`, range);
      }
      default:
        return this.valueAttribute(this.valueOf(object, range), name, range);
    }
  }

  private valueAttribute(value: Value, name: string, range: Range): Sugared {
    const { builder } = this;
    const { type } = value;
    const asValue = (result: Value): Sugared => ({ kind: 'value', value: result });
    switch (type.kind) {
      case 'Class': {
        const slot = type.slotOf(name);
        if (slot !== undefined) {
          const node = builder.node('prim::GetAttr', [value], [type.attributes[slot].type]);
          node.name = name;
          node.output.setDebugName(/^[A-Za-z_]\w*$/.test(name) ? name : `_${name.replace(/\W/g, '_')}`);
          return asValue(node.output);
        }
        const constant = type.constants.get(name);
        if (constant) return asValue(builder.constant(constant.value, constant.type, range));
        if (type.methods.has(name)) return { kind: 'method', self: value, name };
        const getter = `__${name}_getter`;
        if (type.methods.has(getter)) return asValue(this.callMethod(value, getter, [], range));
        throw new CompileError(
          `${type.isModule ? 'Module' : 'Class'} '${type.leafName}' has no attribute '${name}'`,
          range,
        );
      }
      case 'Interface':
        if (type.methods.has(name)) return { kind: 'method', self: value, name };
        throw new CompileError(`Interface '${type.name}' has no method '${name}'`, range);
      case 'Tuple': {
        const at = type.fields?.indexOf(name) ?? -1;
        if (at >= 0) return asValue(this.tupleIndex(value, type, builder.number(at, false, range), range));
        break;
      }
      case 'Tensor':
        if (Object.hasOwn(tensorViews, name))
          return asValue(builder.builtin(tensorViews[name], [value], range));
        if (tensorProperties.has(name)) return asValue(builder.builtin(`prim::${name}`, [value], range));
        break;
      case 'Device':
        return asValue(builder.builtin(`prim::${name}`, [value], range));
      case 'Enum':
      case 'AnyEnum': {
        if (name === 'name') return asValue(builder.node('prim::EnumName', [value], [StrT]).output);
        const result = type.kind === 'Enum' ? type.valueType : AnyT;
        if (name === 'value') return asValue(builder.node('prim::EnumValue', [value], [result]).output);
        break;
      }
    }
    if (name === 'tolist' && type.kind === 'Tensor')
      return { kind: 'builtin', name: 'prim::tolist', self: value };
    if (operatorsNamed(`aten::${name}`).length > 0 || type.kind === 'Tensor')
      return { kind: 'builtin', name: `aten::${name}`, self: value };
    throw new CompileError(`'${annotation(type)}' object has no attribute or method '${name}'.`, range);
  }

  private arguments(args: readonly Expr[]): NamedValue[] {
    const values: NamedValue[] = [];
    for (const arg of args) {
      if (arg.kind === 'starred')
        for (const value of this.unpack(this.sugared(arg.value), undefined, arg.range))
          values.push({ value, range: arg.range });
      else values.push({ value: this.expression(arg), range: arg.range });
    }
    return values;
  }

  private call(
    callee: Expr,
    args: readonly Expr[],
    keywords: readonly { name: string; value: Expr; range: Range }[],
    range: Range,
    hint?: JitType,
  ): Sugared {
    const { builder } = this;
    const target = this.sugared(callee);
    if (target.kind === 'special') return this.special(target.form, args, range);
    if (target.kind === 'create')
      return { kind: 'value', value: builder.node('prim::CreateObject', [], [target.type], range).output };
    if (target.kind === 'builtin' && target.name === 'prim::tolist')
      return { kind: 'value', value: this.toList(target.self!, hint, range) };
    const values = this.arguments(args);
    const kwargs = keywords.map((kw) => ({
      name: kw.name,
      value: this.expression(kw.value),
      range: kw.range,
    }));
    const result = (value: Value): Sugared => ({ kind: 'value', value });
    switch (target.kind) {
      case 'builtin': {
        const upgraded =
          this.isMethod &&
          upgrade(
            target.name,
            this.resolver.version,
            values,
            kwargs,
            target.self,
            this.upgradeContext(range),
          );
        if (upgraded) return result(upgraded);
        return result(
          builder.callBuiltin(
            target.name,
            values,
            kwargs,
            target.self && { value: target.self, range },
            range,
          ),
        );
      }
      case 'cast':
        if (values.length === 1 && kwargs.length === 0)
          return result(this.cast(target.type, target.operator, values[0].value, range));
        return result(builder.callBuiltin(target.operator, values, kwargs, undefined, range));
      case 'function': {
        const { func } = target;
        const matched = matchOnly(builder, range, callable(func.signature, 0), values, kwargs);
        const constant = this.functionConstant(func);
        const node = builder.node(
          'prim::CallFunction',
          [constant, ...matched.inputs],
          matched.returns,
          range,
        );
        node.func = func;
        return result(node.output);
      }
      case 'method':
        return result(this.invoke(target.self, target.name, values, kwargs, range));
      case 'type':
        return result(this.construct(target.type, values, kwargs, range));
      case 'value':
        if (target.value.type.kind === 'Class') {
          const name = target.value.type.methods.has('__call__') ? '__call__' : 'forward';
          return result(this.invoke(target.value, name, values, kwargs, range));
        }
        throw new CompileError(`'${annotation(target.value.type)}' object is not callable`, range);
      default:
        throw new CompileError(`${describe(target)} cannot be called`, range);
    }
  }

  private upgradeContext(range: Range): UpgradeContext {
    return {
      call: (name, args, named) => this.builder.callBuiltin(name, args, named, undefined, range),
      constant: (value, type) => this.builder.constant(value, type, range),
      choose: (condition, whenTrue, whenFalse) => this.choose(condition, whenTrue, whenFalse, range),
      range,
    };
  }

  private construct(
    type: Extract<Sugared, { kind: 'type' }>['type'],
    args: readonly NamedValue[],
    kwargs: readonly NamedValue[],
    range: Range,
  ): Value {
    const { builder } = this;
    if (type.kind === 'Tuple') {
      const schema = {
        name: type.name!,
        args: type.elements.map(
          (element, i): JitArgument => ({
            name: type.fields![i],
            type: element,
            kwargOnly: false,
            hasDefault: type.defaults?.has(type.fields![i]) ?? false,
            default: type.defaults?.get(type.fields![i]),
          }),
        ),
        returns: [],
        isVararg: false,
      };
      return builder.tuple(matchOnly(builder, range, schema, args, kwargs).inputs, type, range);
    }
    if (type.kind === 'Class') {
      const object = builder.node('prim::CreateObject', [], [type], range).output;
      if (type.methods.has('__init__')) this.invoke(object, '__init__', args, kwargs, range);
      return object;
    }
    throw new CompileError(`${type.name} cannot be called`, range);
  }

  private callMethod(object: Value, name: string, args: readonly Value[], range: Range): Value {
    return this.invoke(
      object,
      name,
      args.map((value) => ({ value, range })),
      [],
      range,
    );
  }

  private invoke(
    object: Value,
    name: string,
    args: readonly NamedValue[],
    kwargs: readonly NamedValue[],
    range: Range,
  ): Value {
    const { builder } = this;
    const { type } = object;
    if (type.kind === 'Interface') {
      const method = type.methods.get(name)!;
      const schema = {
        name,
        args: method.params.map(
          (p): JitArgument => ({
            name: p.name,
            type: p.type,
            kwargOnly: false,
            hasDefault: p.default !== undefined,
            default: p.default,
          }),
        ),
        returns: [method.returns],
        isVararg: false,
      };
      const matched = matchOnly(builder, range, schema, args, kwargs);
      const node = builder.node('prim::CallMethod', [object, ...matched.inputs], matched.returns, range);
      node.name = name;
      return node.output;
    }
    const func = type.kind === 'Class' ? type.methods.get(name) : undefined;
    if (!func) throw new CompileError(`'${annotation(type)}' object has no method '${name}'`, range);
    const matched = matchOnly(builder, range, callable(func.signature, 1), args, kwargs);
    const node = builder.node('prim::CallMethod', [object, ...matched.inputs], matched.returns, range);
    node.name = name;
    node.func = func;
    return node.output;
  }

  private cast(type: JitType, operator: string, value: Value, range: Range): Value {
    const { builder } = this;
    const { kind } = value.type;
    // torch::jit's cast makes a zero that only containers need; its number shows in every later name.
    const zero = builder.constant(0, IntT, range);
    if (isSubtype(value.type, type)) return value;
    if (type.kind === 'bool' && (kind === 'List' || kind === 'str' || kind === 'Dict')) {
      const length = builder.builtin('aten::len', [value], range);
      return builder.builtin('aten::gt', [length, zero], range);
    }
    return builder.builtin(operator, [value], range);
  }

  private special(form: SpecialForm, args: readonly Expr[], range: Range): Sugared {
    const { builder } = this;
    const result = (value: Value): Sugared => ({ kind: 'value', value });
    const need = (count: number) => {
      if (args.length !== count) throw new CompileError(`${form} takes ${count} arguments`, range);
    };
    switch (form) {
      case 'annotate': {
        need(2);
        const type = typeOfExpression(args[0], this.resolver);
        const value = convertTo(builder, range, type, this.expression(args[1], type), true);
        if (!isSubtype(value.type, type))
          throw new CompileError(
            `expected an expression of type ${annotation(type)} but found ${annotation(value.type)}`,
            range,
          );
        // A widened None must keep the type it was given, or a branch could not hand it out.
        if (
          value.node.kind === 'prim::Constant' &&
          value.node.constant?.value === null &&
          value.type.kind === 'None'
        )
          return result(builder.constant(null, type, range));
        return result(value);
      }
      case 'unchecked_cast': {
        need(2);
        const type = typeOfExpression(args[0], this.resolver);
        const value = this.expression(args[1]);
        return result(builder.node('prim::unchecked_cast', [value], [type]).output);
      }
      case 'uninitialized': {
        need(1);
        const type = typeOfExpression(args[0], this.resolver);
        return result(builder.node('prim::Uninitialized', [], [type], range).output);
      }
      case 'isinstance': {
        need(2);
        return result(this.isinstance(args[0], args[1], range));
      }
      case 'getattr':
      case 'hasattr': {
        const object = this.sugared(args[0]);
        const [, name] = args;
        if (name?.kind !== 'string')
          throw new CompileError(`${form}'s second argument must be a string literal`, range);
        if (form === 'hasattr') {
          const type = this.valueOf(object, range).type;
          const has =
            (type.kind === 'Class' &&
              (type.slotOf(name.value) !== undefined ||
                type.methods.has(name.value) ||
                type.constants.has(name.value))) ||
            (type.kind === 'Tuple' && !!type.fields?.includes(name.value));
          return result(builder.bool(has, range));
        }
        return this.attribute(object, name.value, range);
      }
      case 'print': {
        const values = args.map((arg) => this.expression(arg));
        builder.node('prim::Print', values, [], range);
        return result(builder.none());
      }
      case 'range': {
        const values = args.map((arg) => convertTo(builder, range, IntT, this.expression(arg), true));
        // torch::jit makes a start and a step even where it does not need them.
        if (values.length === 1) {
          builder.constant(0, IntT, range);
          builder.constant(1, IntT, range);
          return { kind: 'range', end: values[0] };
        }
        const [start, end, step] = values;
        return { kind: 'range', start, end, step: step ?? builder.constant(1, IntT, range) };
      }
      case 'tuple': {
        need(1);
        return result(builder.tuple(this.unpack(this.sugared(args[0]), undefined, range)));
      }
      case 'fork':
        return result(this.fork(args, range));
    }
  }

  private isinstance(objectExpr: Expr, typesExpr: Expr, range: Range): Value {
    const object = this.expression(objectExpr);
    const types = (typesExpr.kind === 'tuple' ? typesExpr.items : [typesExpr]).map((t) =>
      typeOfExpression(t, this.resolver),
    );
    const members =
      object.type.kind === 'Optional'
        ? [object.type.element, NoneT]
        : object.type.kind === 'Union'
          ? object.type.members
          : [object.type];
    const matches = (type: JitType) => types.some((wanted) => isSubtype(type, wanted));
    if (object.type.kind !== 'Any' && object.type.kind !== 'number') {
      if (members.every(matches)) return this.builder.bool(true, range);
      const couldMatch = (type: JitType) =>
        matches(type) || type.kind === 'Interface' || types.some((wanted) => isSubtype(wanted, type));
      if (!members.some(couldMatch)) return this.builder.bool(false, range);
    }
    const node = this.builder.node('prim::isinstance', [object], [BoolT]);
    node.types = types;
    return node.output;
  }

  private toList(self: Value, hint: JitType | undefined, range: Range): Value {
    if (!hint) throw new CompileError('Expected type hint for result of tolist()', range);
    let dims = 0;
    let element = hint;
    while (element.kind === 'List') {
      element = element.element;
      dims++;
    }
    const codes: Record<string, number> = { int: 0, float: 1, bool: 2, complex: 3 };
    if (!Object.hasOwn(codes, element.kind))
      throw new CompileError(
        `${annotation(element)} is not one of the supported element types for tolist: int, float, complex, bool`,
        range,
      );
    // torch::jit makes one value more here.
    this.builder.graph.takeId();
    const inputs = [
      self,
      this.builder.constant(dims, IntT),
      this.builder.constant(codes[element.kind], IntT),
    ];
    return this.builder.node('prim::tolist', inputs, [hint]).output;
  }

  /** `fork(f)`: the body runs at once in a block of its own; what it gives is wrapped as a future. */
  private fork(args: readonly Expr[], range: Range): Value {
    const { builder, variables } = this;
    const target = this.sugared(args[0]);
    const node = builder.node('prim::fork', [], [], range);
    const block = node.addBlock();
    variables.push(block);
    const type = this.within(block, () => {
      if (target.kind !== 'closure') {
        const called = this.call(args[0], args.slice(1), [], range);
        const value = this.valueOf(called, range);
        block.returnNode.addInput(value);
        return value.type;
      }
      const last = target.def.body[target.def.body.length - 1];
      for (const statement of target.def.body) if (statement !== last) this.statement(statement);
      const value = last?.kind === 'return' && last.value ? this.expression(last.value) : builder.none(range);
      block.returnNode.addInput(value);
      return value.type;
    });
    variables.pop();
    return node.addOutput(futureOf(type));
  }
}

const narrow = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;

function describe(sugared: Sugared): string {
  switch (sugared.kind) {
    case 'builtin':
      return `builtin ${sugared.name}`;
    case 'path':
      return `module ${sugared.path}`;
    case 'type':
      return `class ${sugared.type.name}`;
    case 'special':
      return sugared.form;
    default:
      return sugared.kind;
  }
}
