/** JavaScript's meaning where it is not Python's: operators, truth, properties and methods of arrays, Maps and strings. */
import type { Expr, Keyword } from '../frontend/ast.ts';
import type { Condition } from '../frontend/conditions.ts';
import { Emitter } from '../frontend/emit.ts';
import { containerKind } from '../frontend/iteration.ts';
import type { NamedValue } from '../frontend/match.ts';
import { CompileError, type Range } from '../frontend/source.ts';
import { asValue } from '../frontend/sugar.ts';
import type { Resolver, Sugared } from '../frontend/sugared.ts';
import { hasStatements } from '../frontend/walk.ts';
import { maxTripCount, type Value } from '../ir/graph.ts';
import { annotation } from '../ir/type-text.ts';
import { type ClassType, FloatT, IntT, type JitType } from '../ir/types.ts';
import { forms } from './forms.ts';
import { readLiteral } from './literals.ts';
import {
  arrayMethods,
  intMethods,
  type Method,
  type MethodContext,
  mapMethods,
  moduleDictMethods,
  stringMethods,
} from './methods.ts';

const isNumber = (type: JitType): boolean =>
  type.kind === 'int' || type.kind === 'float' || type.kind === 'number';
/** What an array, a Map or an object is called in messages. */
const jsName = (type: JitType): string =>
  type.kind === 'List' || type.kind === 'Tuple'
    ? 'an array'
    : type.kind === 'Dict'
      ? 'a Map'
      : annotation(type);

export class JavaScriptEmitter extends Emitter {
  /** Values that an expression is to use without computing them again, by the names that stand for them. */
  private readonly held = new Map<string, Sugared>();

  constructor(resolver: Resolver) {
    super(resolver, false);
    this.builder.readLiteral = readLiteral;
  }

  private hold(sugared: Sugared, range: Range): Expr {
    const name = `#held${this.held.size}`;
    this.held.set(name, sugared);
    return { kind: 'name', name, range };
  }

  private refuse(why: string, range: Range): never {
    throw new CompileError(why, range);
  }

  protected override name(name: string, range: Range): Sugared {
    const held = this.held.get(name);
    if (held) return held;
    const found = name.startsWith('#') ? this.resolver.resolve(name) : this.variables.get(name, range);
    // A number that was given is as one written here.
    if (found?.kind === 'constant' && isNumber(found.type))
      return asValue(this.builder.number(found.value as number, found.type.kind === 'float', range));
    if (found) return found;
    throw this.variables.undefined(name, range);
  }

  protected override binary(op: string, leftExpr: Expr, rightExpr: Expr, range: Range): Value {
    if (op === '&&' || op === '||') return this.either(op, leftExpr, rightExpr, range);
    if (op === '??') return this.coalesce(leftExpr, rightExpr, range);
    if (op === '%' || op === '%+') {
      const [left, right] = this.items([leftExpr, rightExpr]);
      return this.operate(op, left, right, range);
    }
    return super.binary(op, leftExpr, rightExpr, range);
  }

  /** `a && b` as a value: of two booleans only, since JavaScript gives one of its operands. */
  private either(op: '&&' | '||', left: Expr, right: Expr, range: Range): Value {
    const word = op === '&&' ? 'and' : 'or';
    if (hasStatements(left)) {
      const once = this.hold(this.sugared(left), left.range);
      return this.either(op, once, right, range);
    }
    const first = this.typeOf(left);
    if (first.kind !== 'bool')
      this.refuse(
        `${op} as a value takes booleans here, and its left side is ${jsName(first)}: write a ? b : c${first.kind === 'Tensor' ? `, or x.logical_${word}(y) for each element` : ''}`,
        range,
      );
    const value = this.expression({ kind: 'binary', op: word, left, right, range });
    return value;
  }

  /** The type of an expression, computed for nothing else; what that leaves in the graph is dead. */
  private typeOf(expr: Expr): JitType {
    if (
      expr.kind === 'binary' &&
      ['<', '<=', '>', '>=', '==', '!=', 'is', 'is not', '&&', '||', 'in', 'and', 'or'].includes(expr.op)
    ) {
      if (expr.op === '&&' || expr.op === '||') return this.typeOf(expr.left);
      if (['is', 'is not', 'in', 'and', 'or'].includes(expr.op)) return { kind: 'bool' };
      const sides = [this.typeOf(expr.left), this.typeOf(expr.right)];
      return sides.some((type) => type.kind === 'Tensor') ? { kind: 'Tensor' } : { kind: 'bool' };
    }
    if (expr.kind === 'unary' && expr.op === 'not') return { kind: 'bool' };
    if (expr.kind === 'constant' && expr.value !== null) return { kind: 'bool' };
    if (expr.kind === 'int' || expr.kind === 'float') return { kind: expr.kind };
    if (expr.kind === 'string') return { kind: 'str' };
    return this.expression(expr).type;
  }

  /** `a ?? b`: b where a is null. */
  private coalesce(left: Expr, right: Expr, range: Range): Value {
    const value = this.expression(left);
    let tested = left;
    if (left.kind !== 'name' || left.name.startsWith('#')) {
      const name = this.temporary('$_given');
      this.variables.set(name, asValue(value), range);
      tested = { kind: 'name', name, range };
    }
    const none: Expr = { kind: 'constant', value: null, range };
    return this.expression({
      kind: 'conditional',
      test: { kind: 'binary', op: 'is not', left: tested, right: none, range },
      body: tested,
      orElse: right,
      range,
    });
  }

  protected override operate(op: string, left: Value, right: Value, range: Range): Value {
    const kinds = [left.type, right.type];
    const some = (...names: JitType['kind'][]) => kinds.some(({ kind }) => names.includes(kind));
    if (some('Tensor') || (some('Class') && op !== '==' && op !== '!=')) {
      if (op === '==' || op === '!=') {
        const other = kinds.find(({ kind }) => kind !== 'Tensor');
        if (other && !isNumber(other) && other.kind !== 'bool')
          this.refuse(`a tensor is never equal to ${jsName(other)}`, range);
      }
      return super.operate(op === '%+' ? '%' : op, left, right, range);
    }
    switch (op) {
      case '%+':
        return super.operate('%', left, right, range);
      case '%': {
        if (!kinds.every(isNumber)) break;
        // The sign is the left side's, as in C; Python's is the right side's.
        const rest = this.builder.builtin('aten::fmod', [left, right], range);
        return kinds.every(({ kind }) => kind === 'int')
          ? this.builder.builtin('aten::Int', [rest], range)
          : rest;
      }
      case '==':
      case '!=':
        if (some('List', 'Dict', 'Tuple', 'Class'))
          this.refuse(
            `${op}= compares ${jsName(kinds.find(({ kind }) => kind !== 'None')!)} by identity in JavaScript: compare its elements`,
            range,
          );
        break;
      case '+':
        if (some('List', 'Tuple'))
          this.refuse('+ turns arrays into text in JavaScript: write [...a, ...b] or a.concat(b)', range);
        if (some('str') && !kinds.every(({ kind }) => kind === 'str'))
          this.refuse('+ of a string and another value: write a template string', range);
        break;
      case '&':
      case '|':
      case '^':
      case '<<':
      case '>>':
        this.refuse(
          `${op} works on 32 bits in JavaScript and on 64 in TorchScript, so it is for tensors only${some('bool') ? '; for booleans write && and ||' : ''}`,
          range,
        );
        break;
      case 'in':
        if (right.type.kind !== 'Dict')
          this.refuse(
            `in asks for a key of an object: write xs.includes(x) for ${jsName(right.type)}`,
            range,
          );
        break;
      default:
        if (some('List', 'Dict', 'Tuple'))
          this.refuse(`${op} is not for ${jsName(kinds.find((t) => !isNumber(t))!)}`, range);
        if (some('str') && !['<', '<=', '>', '>='].includes(op))
          this.refuse(`${op} is not for strings`, range);
    }
    return super.operate(op, left, right, range);
  }

  /** In place on a tensor, as in PyTorch; else `x = x op y`. */
  protected override augmentedValue(op: string, left: Value, right: Value, range: Range): Value {
    return left.type.kind === 'Tensor'
      ? super.augmentedValue(op, left, right, range)
      : this.operate(op, left, right, range);
  }

  /** Which values are true: as in JavaScript, and a tensor as in PyTorch. */
  protected override toBool(value: Value, range: Range): Value {
    const { kind } = value.type;
    switch (kind) {
      case 'List':
      case 'Tuple':
        return this.refuse('an array is true in JavaScript, an empty one too: write xs.length > 0', range);
      case 'Dict':
        return this.refuse(
          'a Map or an object is true in JavaScript, an empty one too: write d.size > 0',
          range,
        );
      case 'Class':
        return this.refuse(
          'an object is true in JavaScript whatever it holds: test one of its attributes',
          range,
        );
      case 'Optional':
      case 'None':
      case 'Union':
        return this.refuse(
          `Could not cast value of type ${annotation(value.type)} to bool: compare it with null, \`x !== null\``,
          range,
        );
      case 'float': {
        // NaN is as false as zero.
        const size = this.builder.builtin('prim::abs', [value], range);
        return this.builder.builtin('aten::gt', [size, this.builder.constant(0, IntT, range)], range);
      }
      default:
        return super.toBool(value, range);
    }
  }

  protected override condition(expr: Expr): Condition {
    // PyTorch looks at what is called before it calls it; that must not do anything twice.
    if (expr.kind === 'call' && expr.callee.kind === 'attribute') {
      const { callee, range } = expr;
      const object = this.sugared(callee.object);
      if (object.kind === 'value') {
        const held = { ...expr, callee: { ...callee, object: this.hold(object, callee.object.range) } };
        if (!this.methodOf(object.value.type, callee.name)) return super.condition(held);
        return { value: this.toBool(this.expression(held), range), whenTrue: [], whenFalse: [] };
      }
    }
    if (expr.kind === 'binary' && (expr.op === '&&' || expr.op === '||'))
      return super.condition({ ...expr, op: expr.op === '&&' ? 'and' : 'or' });
    return super.condition(expr);
  }

  protected override valueAttribute(value: Value, name: string, range: Range): Sugared {
    const { builder } = this;
    const { type } = value;
    if (name === 'length') {
      if (type.kind === 'List' || type.kind === 'str')
        return asValue(builder.builtin('aten::len', [value], range));
      if (type.kind === 'Tuple') return asValue(builder.constant(type.elements.length, IntT, range));
      if (type.kind === 'Tensor')
        this.refuse('a tensor has no length: write x.size(0), x.numel() or x.dim()', range);
      if (type.kind === 'Class' && type.slotOf(name) === undefined && type.isModule)
        return asValue(builder.constant(this.members(value).length, IntT, range));
    }
    if (type.kind === 'Dict') {
      if (name === 'size') return asValue(builder.builtin('aten::len', [value], range));
      if (!Object.hasOwn(mapMethods, name))
        return asValue(builder.builtin('aten::__getitem__', [value, builder.string(name, range)], range));
    }
    return super.valueAttribute(value, name, range);
  }

  /** `o.a = x` of an object, which is a dict. */
  protected override setAttribute(sugared: Sugared, name: string, value: Value, range: Range): void {
    if (sugared.kind === 'value' && sugared.value.type.kind === 'Dict')
      this.builder.statement(
        'aten::_set_item',
        [sugared.value, this.builder.string(name, range), value],
        range,
      );
    else super.setAttribute(sugared, name, value, range);
  }

  /** A Map gives its entries. */
  protected override iterable(sugared: Sugared, range: Range): Sugared {
    if (sugared.kind === 'value' && sugared.value.type.kind === 'Dict')
      return asValue(this.builder.builtin('aten::items', [sugared.value], range));
    return super.iterable(sugared, range);
  }

  protected override subscript(objectExpr: Expr, items: readonly Expr[], range: Range): Sugared {
    const [item] = items;
    if (items.length === 1 && item.kind === 'unary' && item.op === '-' && item.operand.kind === 'int') {
      const object = this.sugared(objectExpr);
      const kind = object.kind === 'value' ? object.value.type.kind : undefined;
      if (kind === 'List' || kind === 'str' || kind === 'Tuple')
        this.refuse(
          `JavaScript has no index -${item.operand.value}: write xs.at(-${item.operand.value})`,
          range,
        );
      return super.subscript(this.hold(object, objectExpr.range), items, range);
    }
    return super.subscript(objectExpr, items, range);
  }

  protected override call(
    callee: Expr,
    args: readonly Expr[],
    keywords: readonly Keyword[],
    range: Range,
    hint?: JitType,
  ): Sugared {
    if (callee.kind === 'name' && callee.name.startsWith('#')) {
      const form = this.form(callee.name, args, range, hint);
      if (form) return form;
    }
    if (callee.kind === 'attribute') {
      const object = this.sugared(callee.object);
      if (object.kind === 'value') {
        const method = this.methodOf(object.value.type, callee.name);
        if (method) {
          if (keywords.length > 0) this.refuse(`${callee.name} takes no options`, range);
          return method(this.context(range, hint), object.value, args);
        }
      }
      return super.call(
        {
          ...callee,
          object: object.kind === 'value' ? this.hold(object, callee.object.range) : callee.object,
        },
        args,
        keywords,
        range,
        hint,
      );
    }
    return super.call(callee, args, keywords, range, hint);
  }

  private methodOf(type: JitType, name: string): Method | undefined {
    const table =
      type.kind === 'List'
        ? arrayMethods
        : type.kind === 'Dict'
          ? mapMethods
          : type.kind === 'str'
            ? stringMethods
            : type.kind === 'int'
              ? intMethods
              : undefined;
    if (type.kind === 'Tensor' && name === 'at') return tensorAt;
    const container = type.kind === 'Class' ? containerKind(type) : undefined;
    if (container === 'ModuleDict')
      return Object.hasOwn(moduleDictMethods, name) ? moduleDictMethods[name] : undefined;
    if (container && name === 'entries') return arrayMethods.entries;
    if (!table) return undefined;
    if (Object.hasOwn(table, name)) return table[name];
    return (context) =>
      context.refuse(
        `${jsName(type)} has no ${name} here; there are ${Object.keys(table)
          .filter((known) => !known.startsWith('#'))
          .join(', ')}`,
      );
  }

  private context(range: Range, hint?: JitType): MethodContext {
    return {
      builder: this.builder,
      range,
      ...(hint && { hint }),
      value: (expr, wanted) => this.expression(expr, wanted),
      sugared: (expr) => this.sugared(expr),
      choose: (test, yes, no) =>
        this.branchExpression({ value: test, whenTrue: [], whenFalse: [] }, yes, no, range),
      index: (object, items) => this.indexTensor(object, items, range),
      enumerate: (iterable) => {
        const trips = this.builder.number(maxTripCount, false, range);
        return this.zip([this.range([trips], range, this.staticLength(iterable)), iterable], range);
      },
      iterable: (value) => this.iterable(asValue(value), range),
      modules: (value) =>
        (value.type as ClassType).attributes
          .filter(({ type }) => type.kind === 'Class')
          .map(({ name }) => [name, asValue(this.getAttribute(value, name))]),
      hold: (value) => this.hold(asValue(value), range),
      refuse: (why) => this.refuse(why, range),
    };
  }

  /** What the translator writes for JavaScript that Python has no word for. */
  private form(name: string, args: readonly Expr[], range: Range, hint?: JitType): Sugared | undefined {
    if (!Object.hasOwn(forms, name)) return undefined;
    return forms[name](this.context(range, hint), args);
  }

  protected override callSugared(
    target: Sugared,
    values: readonly NamedValue[],
    kwargs: readonly NamedValue[],
    range: Range,
  ): Sugared {
    if (target.kind === 'macro') return target.expand({ builder: this.builder, range }, values, kwargs);
    const formals = this.formals(target);
    if (!formals) return super.callSugared(target, values, kwargs, range);
    // An array stands for a tuple where one is wanted.
    return super.callSugared(
      target,
      values.map((value, i) => this.tupled(value, formals[i]?.type)),
      kwargs.map((value) => this.tupled(value, formals.find(({ name }) => name === value.name)?.type)),
      range,
    );
  }

  private formals(target: Sugared): readonly { name: string; type: JitType }[] | undefined {
    if (target.kind === 'function') return target.func.signature.params;
    const object =
      target.kind === 'method' ? target.self : target.kind === 'value' ? target.value : undefined;
    if (object?.type.kind !== 'Class') return undefined;
    const type: ClassType = object.type;
    const method = type.methods.get(target.kind === 'method' ? target.name : 'forward');
    return method?.signature.params.slice(1);
  }

  private tupled(argument: NamedValue, type: JitType | undefined): NamedValue {
    const wanted = type?.kind === 'Optional' ? type.element : type;
    const { node } = argument.value;
    if (wanted?.kind !== 'Tuple' || node.kind !== 'prim::ListConstruct') return argument;
    const parts = node.inputs.map(
      (value, i) => this.tupled({ value, range: argument.range }, wanted.elements[i]).value,
    );
    return { ...argument, value: this.builder.tuple(parts) };
  }

  protected override simpleExpression(
    expr: Exclude<Expr, { kind: 'name' | 'attribute' | 'call' | 'subscript' }>,
    hint?: JitType,
  ): Value {
    const wanted = hint?.kind === 'Optional' ? hint.element : hint;
    if (expr.kind === 'list' && wanted?.kind === 'Tuple')
      return super.simpleExpression({ kind: 'tuple', items: expr.items, range: expr.range }, hint);
    if (expr.kind === 'block') {
      this.body(expr.body);
      return this.expression(expr.result, hint);
    }
    // A whole number where a float is wanted by name: minifiers write 2.0 as 2.
    if (expr.kind === 'int' && wanted?.kind === 'float')
      return this.builder.constant(Number(expr.value), FloatT, expr.range);
    return super.simpleExpression(expr, hint);
  }
}

/** `x.at(0, '1:3', '...', null)`, as on a tensor of ours. */
const tensorAt: Method = (context, object, args) =>
  asValue(
    context.index(
      object,
      args.map((arg): Expr => {
        if (arg.kind !== 'string') return arg;
        const { range } = arg;
        if (arg.value === '...') return { kind: 'ellipsis', range };
        const parts = arg.value.split(':');
        if (parts.length < 2 || parts.length > 3 || parts.some((part) => !/^\s*(-?\d+)?\s*$/.test(part)))
          return context.refuse(
            `index '${arg.value}' is no slice: write 'start:stop' or 'start:stop:step', or '...'`,
          );
        const [start, end, step] = parts.map((part): Expr | undefined =>
          part.trim() === '' ? undefined : { kind: 'int', value: BigInt(part.trim()), range },
        );
        return { kind: 'slice', range, ...(start && { start }), ...(end && { end }), ...(step && { step }) };
      }),
    ),
  );
