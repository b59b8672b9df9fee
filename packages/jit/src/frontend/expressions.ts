/** Expressions to values: names, literals and operators. */

import type { Func } from '../ir/function.ts';
import type { Block, Value } from '../ir/graph.ts';
import { leafOf } from '../ir/names.ts';
import { isSubtype, unify } from '../ir/type-relations.ts';
import { typeName } from '../ir/type-text.ts';
import { AnyT, BoolT, dictOf, FloatT, FunctionT, type JitType, listOf, StrT, TensorT } from '../ir/types.ts';
import type { Expr, Keyword } from './ast.ts';
import { GraphBuilder } from './builder.ts';
import { Environment } from './environment.ts';
import { convertTo } from './match.ts';
import { CompileError, type Range } from './source.ts';
import { archiveNames, builtins, describe, type Resolver, type Sugared } from './sugared.ts';

/** Operators that two values meet at: what they are called on tensors and numbers, and on objects. */
const infix: Readonly<Record<string, readonly [operator: string, magic?: string]>> = {
  '+': ['add', '__add__'],
  '-': ['sub', '__sub__'],
  '*': ['mul', '__mul__'],
  '/': ['div', '__truediv__'],
  '//': ['floordiv'],
  '%': ['remainder', '__mod__'],
  '**': ['pow', '__pow__'],
  '@': ['matmul'],
  '==': ['eq', '__eq__'],
  '!=': ['ne', '__ne__'],
  '<': ['lt', '__lt__'],
  '<=': ['le', '__le__'],
  '>': ['gt', '__gt__'],
  '>=': ['ge', '__ge__'],
  '&': ['__and__', '__and__'],
  '|': ['__or__', '__or__'],
  '^': ['__xor__', '__xor__'],
  '<<': ['__lshift__', '__lshift__'],
  '>>': ['__rshift__', '__rshift__'],
  in: ['__contains__', '__contains__'],
};

export abstract class Expressions {
  protected readonly builder = new GraphBuilder();
  protected readonly variables: Environment;

  /** The function that is compiled, as messages name it. */
  protected compiling = '';

  constructor(
    protected readonly resolver: Resolver,
    namesModules: boolean = resolver.dialect === 'python',
  ) {
    this.variables = new Environment(this.builder, namesModules);
  }

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
  protected abstract asTuple(sugared: Sugared, count: number | undefined, range: Range): readonly Sugared[];
  protected abstract subscript(object: Expr, items: readonly Expr[], range: Range): Sugared;
  protected abstract logical(
    expr: Extract<Expr, { kind: 'unary' | 'binary' | 'conditional' }>,
    hint?: JitType,
  ): Value | undefined;
  protected abstract comprehension(
    expr: Extract<Expr, { kind: 'comprehension' | 'dictComprehension' }>,
    hint?: JitType,
  ): Value;

  protected within<T>(block: Block, emit: () => T): T {
    const before = this.builder.block;
    this.builder.block = block;
    const result = emit();
    this.builder.block = before;
    return result;
  }

  /** The expression's value; `hint` is the type that the context wants. */
  expression(expr: Expr, hint?: JitType): Value {
    const value = this.valueOf(this.sugared(expr, hint), expr.range);
    if (hint?.kind === 'Any' && value.type.kind !== 'Any') return this.uncheckedCast(value, AnyT);
    return value;
  }

  protected uncheckedCast(value: Value, type: JitType): Value {
    return this.builder.node('prim::unchecked_cast', [value], [type]).output;
  }

  protected valueOf(sugared: Sugared, range: Range): Value {
    switch (sugared.kind) {
      case 'value':
        return sugared.value;
      case 'constant':
        return this.builder.constant(sugared.value, sugared.type, range);
      case 'function':
        return this.functionConstant(sugared.func);
      case 'tuple':
        return this.builder.tuple(sugared.items.map((item) => this.valueOf(item, range)));
      case 'overloaded':
      case 'method':
      case 'builtin':
      case 'closure':
      case 'special':
      case 'cast':
        throw new CompileError(`${describe(sugared)} cannot be used as a value`, range);
      case 'refused':
        throw new CompileError(sugared.message, range);
      default:
        throw new CompileError(`${describe(sugared)} cannot be used as a value`, range);
    }
  }

  protected functionConstant(func: Func): Value {
    const node = this.builder.node('prim::Constant', [], [FunctionT]);
    node.name = leafOf(func.name);
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
      case 'subscript':
        return this.subscript(expr.object, expr.items, expr.range);
      default:
        return { kind: 'value', value: this.simpleExpression(expr, hint) };
    }
  }

  protected simpleExpression(
    expr: Exclude<Expr, { kind: 'name' | 'attribute' | 'call' | 'subscript' }>,
    hint?: JitType,
  ): Value {
    const { builder } = this;
    const { range } = expr;
    switch (expr.kind) {
      case 'int':
        return builder.number(narrow(expr.value), false, range);
      case 'float':
        return builder.number(expr.value, true, range);
      case 'block':
        throw new CompileError('statements are no value here', range);
      case 'imaginary':
        throw new CompileError('complex numbers are not supported', range);
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
      case 'unary':
        return this.logical(expr) ?? this.unary(expr.op as '-' | '~', expr.operand, range);
      case 'binary':
        return this.logical(expr) ?? this.binary(expr.op, expr.left, expr.right, range);
      case 'conditional':
        return this.logical(expr, hint)!;
      case 'comprehension':
      case 'dictComprehension':
        return this.comprehension(expr, hint);
      case 'starred':
        throw new CompileError('Unexpected starred expansion. File a bug report', range);
      case 'slice':
      case 'ellipsis':
        throw new CompileError('Cannot emit expr for: (dots)\n', range);
    }
  }

  protected name(name: string, range: Range): Sugared {
    const variable = this.variables.get(name, range);
    if (variable) return variable;
    const known = builtins.get(name);
    if (known) return known;
    if (this.resolver.dialect === 'archive') {
      const archived = archiveNames.get(name);
      if (archived) return archived;
      if (name === 'inf' || name === 'nan')
        return {
          kind: 'value',
          value: this.builder.constant(name === 'inf' ? Infinity : NaN, FloatT, range),
        };
    }
    const found = this.resolved(name, range);
    if (found) return found;
    throw this.variables.undefined(name, range);
  }

  /** A free name; an error in what it has compiled names this place. */
  private resolved(name: string, range: Range): Sugared | undefined {
    try {
      return this.resolver.resolve(name);
    } catch (error) {
      throw error instanceof CompileError && this.resolver.dialect === 'python'
        ? error.calledFrom(name, this.compiling, range)
        : error;
    }
  }

  protected items(exprs: readonly Expr[], hint?: (i: number) => JitType | undefined): Value[] {
    const values: Value[] = [];
    exprs.forEach((item, i) => {
      if (item.kind === 'starred')
        for (const part of this.asTuple(this.sugared(item.value), undefined, item.range))
          values.push(this.valueOf(part, item.range));
      // A hint tells what a literal is; it makes no cast of an item, which is a part of what has the type.
      else values.push(this.valueOf(this.sugared(item, hint?.(i)), item.range));
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
          `List type annotation \`${typeName(wanted!)}\` did not match the types of the given list elements, which were unified to ${typeName(this.unified(values))}`,
          range,
        );
    }
    return builder.list(this.unified(values), values);
  }

  private unified(values: readonly Value[]): JitType {
    let type: JitType | undefined = values[0].type;
    for (const value of values) type = type && unify(type, value.type, true);
    return type!;
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
          `Dict ${i % 2 ? 'values' : 'keys'} must contain only a single type, expected: ${typeName(element)} but found ${typeName(inputs[i].type)} instead.\n`,
          range,
        );
    }
    return this.builder.node('prim::DictConstruct', inputs, [dictOf(key, value)]).output;
  }

  /** A negated or inverted constant is a constant at once. */
  private unary(op: '-' | '~', operandExpr: Expr, range: Range): Value {
    const operand = this.expression(operandExpr);
    if (operand.type.kind === 'Class')
      return this.callMethod(operand, op === '-' ? '__neg__' : '__invert__', [], range);
    const result = this.builder.builtin(op === '-' ? 'aten::neg' : 'aten::bitwise_not', [operand], range);
    const constant = operand.node.constant?.value;
    if (
      operand.node.kind !== 'prim::Constant' ||
      (typeof constant !== 'number' && typeof constant !== 'bigint')
    )
      return result;
    const value = op === '-' ? -constant : narrow(~BigInt(constant));
    // Python's int has no negative zero.
    const folded = result.type.kind === 'int' && value === 0 ? 0 : value;
    return this.builder.constant(folded, result.type, range);
  }

  /** Two operands, each an expression, since some operators read one of them twice. */
  protected binary(op: string, leftExpr: Expr, rightExpr: Expr, range: Range): Value {
    const { builder } = this;
    if (op === '%') {
      const left = this.expression(leftExpr);
      if (left.type.kind === 'str') {
        const values = this.items([leftExpr, rightExpr]);
        return builder.builtin('aten::percentFormat', values, range);
      }
    }
    const [left, right] = this.items([leftExpr, rightExpr]);
    return this.operate(op, left, right, range);
  }

  protected operate(op: string, left: Value, right: Value, range: Range): Value {
    if (op === '+' && left.type.kind === 'Tuple' && right.type.kind === 'Tuple')
      return this.builder.tuple([...this.builder.unpackTuple(left), ...this.builder.unpackTuple(right)]);
    const [operator, magic] = infix[op];
    const [first, second] = op === 'in' ? [right, left] : [left, right];
    if (first.type.kind === 'Class' && magic) return this.callMethod(first, magic, [second], range);
    return this.builder.builtin(`aten::${operator}`, [first, second], range);
  }

  protected toBool(value: Value, range: Range): Value {
    if (value.type.kind === 'Class' && value.type.methods.has('__bool__')) {
      const result = this.callMethod(value, '__bool__', [], range);
      if (!isSubtype(result.type, BoolT))
        throw new CompileError(
          `expected a bool expression for condition but found ${typeName(result.type)}`,
          range,
        );
      return result;
    }
    try {
      return this.cast(BoolT, 'aten::Bool', value, range);
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
      throw new CompileError(`Could not cast value of type ${typeName(value.type)} to bool`, range);
    }
  }
}

/** A number where it is exact, else a bigint. */
export const narrow = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;
