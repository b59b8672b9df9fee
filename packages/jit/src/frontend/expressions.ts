/** Expressions to values: names, literals, operators and subscripts. Attributes and calls are in `calls.ts`. */
import type { Func } from '../ir/function.ts';
import type { Block, Value } from '../ir/graph.ts';
import {
  AnyT,
  annotation,
  BoolT,
  dictOf,
  FloatT,
  FunctionT,
  isSubtype,
  type JitType,
  listOf,
  optionalOf,
  StrT,
  TensorT,
  type TupleType,
  unify,
} from '../ir/types.ts';
import type { Expr, Keyword } from './ast.ts';
import { GraphBuilder } from './builder.ts';
import { Environment } from './environment.ts';
import { convertTo } from './match.ts';
import { CompileError, type Range } from './source.ts';
import { describe, globals, type Resolver, type Sugared } from './sugared.ts';

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

export abstract class Expressions {
  protected readonly builder = new GraphBuilder();
  protected readonly variables = new Environment(this.builder);

  constructor(protected readonly resolver: Resolver) {}

  protected abstract attribute(object: Sugared, name: string, range: Range): Sugared;
  protected abstract call(
    callee: Expr,
    args: readonly Expr[],
    keywords: readonly Keyword[],
    range: Range,
    hint?: JitType,
  ): Sugared;
  protected abstract callMethod(object: Value, name: string, args: readonly Value[], range: Range): Value;
  protected abstract cast(type: JitType, operator: string, value: Value, range: Range): Value;

  protected unpack(sugared: Sugared, count: number | undefined, range: Range): readonly Value[] {
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

  protected condition(test: Expr): Value {
    return this.toBool(this.expression(test), test.range);
  }

  protected toBool(value: Value, range: Range): Value {
    return this.cast(BoolT, 'aten::Bool', value, range);
  }

  protected within<T>(block: Block, emit: () => T): T {
    const before = this.builder.block;
    this.builder.block = block;
    const result = emit();
    this.builder.block = before;
    return result;
  }

  /** The expression's value; `hint` is the type that the context wants. */
  expression(expr: Expr, hint?: JitType): Value {
    return this.valueOf(this.sugared(expr, hint), expr.range);
  }

  protected valueOf(sugared: Sugared, range: Range): Value {
    switch (sugared.kind) {
      case 'value':
        return sugared.value;
      case 'function':
        return this.functionConstant(sugared.func);
      default:
        throw new CompileError(`${describe(sugared)} cannot be used as a value`, range);
    }
  }

  protected functionConstant(func: Func): Value {
    const node = this.builder.node('prim::Constant', [], [FunctionT]);
    node.name = func.name.slice(func.name.lastIndexOf('.') + 1);
    node.func = func;
    return node.output;
  }

  protected sugared(expr: Expr, hint?: JitType): Sugared {
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

  protected simpleExpression(
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

  protected name(name: string, range: Range): Sugared {
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

  protected items(exprs: readonly Expr[], hint?: (i: number) => JitType | undefined): Value[] {
    const values: Value[] = [];
    exprs.forEach((item, i) => {
      if (item.kind === 'starred')
        values.push(...this.unpack(this.sugared(item.value), undefined, item.range));
      else values.push(this.expression(item, hint?.(i)));
    });
    return values;
  }

  protected list(exprs: readonly Expr[], hint: JitType | undefined, range: Range): Value {
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

  protected dict(
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

  protected choose(condition: Value, whenTrue: () => Value, whenFalse: () => Value, range: Range): Value {
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

  protected shortCircuit(op: 'and' | 'or', left: Expr, right: Expr, range: Range): Value {
    const first = this.condition(left);
    const second = () => this.condition(right);
    const constant = () => this.builder.bool(op === 'or', range);
    return op === 'and'
      ? this.choose(first, second, constant, range)
      : this.choose(first, constant, second, range);
  }

  protected binary(op: string, left: Value, right: Value, range: Range): Value {
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

  protected subscript(objectExpr: Expr, items: readonly Expr[], range: Range): Value {
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

  protected tupleIndex(object: Value, type: TupleType, index: Value, range: Range): Value {
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

  protected tupleSlice(
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

  protected indexTensor(object: Value, items: readonly Expr[], range: Range): Value {
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
}

const narrow = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
