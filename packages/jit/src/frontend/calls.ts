/** Calls: operators by overload, functions, methods, constructors, exceptions, and the forms that look like calls. */
import type { Func, Signature } from '../ir/function.ts';
import type { Value } from '../ir/graph.ts';
import { dictOf, IntT, isSubtype, type JitType, listOf, StrT, TensorT, typeName } from '../ir/types.ts';
import type { JitArgument } from '../ops/operator.ts';
import type { Expr, Keyword } from './ast.ts';
import { Attributes } from './attributes.ts';
import { convertTo, matchOnly, type NamedValue } from './match.ts';
import { CompileError, type Range } from './source.ts';
import { describe, type SpecialForm, type Sugared } from './sugared.ts';
import { typeOfExpression } from './type-expression.ts';
import { type UpgradeContext, upgrade } from './upgrade.ts';

const callable = (signature: Signature, skip: number) => ({
  name: signature.name,
  args: signature.params.slice(skip).map((param): JitArgument => ({ ...param, default: param.default })),
  returns: [signature.returns],
  isVararg: false,
  signature,
});

const maxTripCount = 9223372036854775807n;

const leafOf = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

const asValue = (value: Value): Sugared => ({ kind: 'value', value });

export abstract class Calls extends Attributes {
  /** Old meanings of operators hold in methods only, as in PyTorch. */
  protected isMethod = false;
  private temporaries = 0;

  /** The closure of a function's body, made before it is forked. */
  protected abstract fork(args: readonly Expr[], keywords: readonly Keyword[], range: Range): Value;

  /** A variable that no author can write. */
  protected temporary(prefix: string): string {
    return `${prefix}${this.temporaries++}`;
  }

  protected arguments(args: readonly Expr[]): NamedValue[] {
    const values: NamedValue[] = [];
    for (const arg of args) {
      if (arg.kind === 'starred')
        for (const part of this.asTuple(this.sugared(arg.value), undefined, arg.range))
          values.push({ value: this.valueOf(part, arg.range), range: arg.range });
      else values.push({ value: this.expression(arg), range: arg.range });
    }
    return values;
  }

  /** Has what is called compiled first; an error in it names this call. */
  private compiled(func: Func, name: string, range: Range): void {
    if (this.resolver.dialect === 'archive') return;
    if (func.isCompiling)
      throw new CompileError(
        ` function '${leafOf(name)}' is called recursively. Recursive calls are not supported`,
        range,
      );
    try {
      func.graph;
    } catch (error) {
      throw error instanceof CompileError
        ? error.calledFrom(leafOf(name), leafOf(this.compiling), range)
        : error;
    }
  }

  protected keywords(keywords: readonly Keyword[]): NamedValue[] {
    return keywords.map((kw) => ({ name: kw.name, value: this.expression(kw.value), range: kw.range }));
  }

  protected override call(
    callee: Expr,
    args: readonly Expr[],
    keywords: readonly Keyword[],
    range: Range,
    hint?: JitType,
  ): Sugared {
    const target = this.sugared(callee);
    if (target.kind === 'special') return this.special(target.form, callee, args, keywords, range, hint);
    if (target.kind === 'create') {
      this.needArguments('__new__', args, 1, range);
      return asValue(this.builder.node('prim::CreateObject', [], [target.type], range).output);
    }
    if (target.kind === 'tolist') {
      const operand = callee.kind === 'attribute' ? this.expression(callee.object) : undefined;
      return asValue(this.toList(operand!, hint, range));
    }
    return this.callSugared(target, this.arguments(args), this.keywords(keywords), callee.range);
  }

  protected callSugared(
    target: Sugared,
    values: readonly NamedValue[],
    kwargs: readonly NamedValue[],
    range: Range,
  ): Sugared {
    const { builder } = this;
    switch (target.kind) {
      case 'builtin':
        return asValue(this.callOperator(target, values, kwargs, range));
      case 'tensorCast': {
        const named = [
          { name: 'self', value: target.self, range },
          { name: 'dtype', value: builder.constant(target.dtype, IntT, range), range },
          ...kwargs,
        ];
        return asValue(builder.callBuiltin('aten::to', values, named, undefined, range));
      }
      case 'cast': {
        const [only] = values;
        if (
          values.length > 0 &&
          only.value.type.kind === 'Class' &&
          only.value.type.methods.has(target.magic)
        )
          return asValue(this.invoke(only.value, target.magic, values.slice(1), kwargs, range));
        if (values.length === 1 && kwargs.length === 0)
          return asValue(this.cast(target.type, target.operator, only.value, range));
        return asValue(builder.callBuiltin(target.operator, values, kwargs, undefined, range));
      }
      case 'function': {
        const { func } = target;
        this.compiled(func, func.name, range);
        const matched = matchOnly(builder, range, callable(func.signature, 0), values, kwargs);
        const inputs = [this.functionConstant(func), ...matched.inputs];
        const node = builder.node('prim::CallFunction', inputs, matched.returns, range);
        node.func = func;
        return asValue(node.output);
      }
      case 'method':
        return asValue(this.invoke(target.self, target.name, values, kwargs, range));
      case 'type':
        return asValue(this.construct(target.type, values, kwargs, range));
      case 'exception':
        return this.exception(target.name, values, range);
      case 'macro':
        return target.expand({ builder, range }, values, kwargs);
      case 'refused':
        throw new CompileError(target.message, range);
      case 'value': {
        const { type } = target.value;
        if (type.kind === 'Class') {
          const name = !type.isModule || type.methods.has('__call__') ? '__call__' : 'forward';
          return asValue(this.invoke(target.value, name, values, kwargs, range));
        }
        throw new CompileError(`cannot call a value of type '${typeName(type)}'`, range);
      }
      default:
        throw new CompileError(`cannot call a ${describe(target)}`, range);
    }
  }

  private callOperator(
    target: Extract<Sugared, { kind: 'builtin' }>,
    values: readonly NamedValue[],
    kwargs: readonly NamedValue[],
    range: Range,
  ): Value {
    const { builder } = this;
    const receiver = values[0]?.value;
    if (target.magic && receiver?.type.kind === 'Class')
      return this.invoke(receiver, target.magic, values.slice(1), kwargs, range);
    const upgraded =
      this.isMethod &&
      upgrade(target.name, this.resolver.version, values, kwargs, target.self, this.upgradeContext(range));
    if (upgraded) return upgraded;
    return builder.callBuiltin(
      target.name,
      values,
      kwargs,
      target.self && { value: target.self, range },
      range,
    );
  }

  /** `ValueError('text')`: its message and its class; an assertion's class stands in the message. */
  private exception(name: string, values: readonly NamedValue[], range: Range): Sugared {
    const { builder } = this;
    if (name === 'AssertionError') {
      let message = builder.string('AssertionError: ', range);
      for (const { value } of values) {
        const text = value.type.kind === 'str' ? value : builder.builtin('aten::str', [value], range);
        message = builder.builtin('aten::add', [message, text], range);
      }
      return { kind: 'raised', message };
    }
    const message =
      values.length === 0
        ? builder.string('', range)
        : values.length === 1
          ? values[0].value
          : builder.tuple(values.map(({ value }) => value));
    return { kind: 'raised', message, cls: builder.string(name, range) };
  }

  protected upgradeContext(range: Range): UpgradeContext {
    return {
      call: (name, args, named) => this.builder.callBuiltin(name, args, named, undefined, range),
      constant: (value, type) => this.builder.constant(value, type, range),
      choose: (value, whenTrue, whenFalse) =>
        this.branchExpression({ value, whenTrue: [], whenFalse: [] }, whenTrue, whenFalse, range),
      range,
    };
  }

  protected construct(
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
      if (!type.methods.has('__init__') && this.resolver.dialect === 'python')
        throw new CompileError(`Class ${type.leafName} does not have an __init__ function defined`, range);
      if (type.methods.has('__init__')) this.invoke(object, '__init__', args, kwargs, range);
      return object;
    }
    throw new CompileError(`${type.name} cannot be called`, range);
  }

  protected override callMethod(object: Value, name: string, args: readonly Value[], range: Range): Value {
    return this.invoke(
      object,
      name,
      args.map((value) => ({ value, range })),
      [],
      range,
    );
  }

  protected invoke(
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
    if (!func) {
      const refused = type.kind === 'Class' ? type.refused.get(name) : undefined;
      if (refused) throw new CompileError(refused, range);
      const hint = type.kind === 'Class' ? ' Did you forget to initialize an attribute in __init__()?' : '';
      throw new CompileError(
        `'${typeName(type)}' object has no attribute or method '${name}'.${hint}`,
        range,
      );
    }
    const matched = matchOnly(builder, range, callable(func.signature, 1), args, kwargs);
    const node = builder.node('prim::CallMethod', [object, ...matched.inputs], matched.returns, range);
    node.name = name;
    node.func = func;
    return node.output;
  }

  protected override cast(type: JitType, operator: string, value: Value, range: Range): Value {
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

  protected special(
    form: SpecialForm,
    callee: Expr,
    args: readonly Expr[],
    keywords: readonly Keyword[],
    range: Range,
    hint?: JitType,
  ): Sugared {
    const { builder } = this;
    switch (form) {
      case 'annotate':
        this.needArguments('annotate', args, 2, range);
        return asValue(this.annotate(args, range));
      case 'unchecked_cast': {
        this.needArguments(form, args, 2, range);
        const type = typeOfExpression(args[0], this.resolver);
        const value = this.expression(args[1]);
        return asValue(this.uncheckedCast(value, type));
      }
      case 'uninitialized': {
        this.needArguments(form, args, 1, range);
        const type = typeOfExpression(args[0], this.resolver);
        return asValue(builder.node('prim::Uninitialized', [], [type], range).output);
      }
      case 'isinstance':
        return asValue(this.isinstance(args, range).value);
      case 'hasattr':
        this.needArguments(form, args, 2, range);
        return asValue(builder.bool(this.hasAttribute(args[0], args[1], range), range));
      case 'getattr':
        return this.getAttributeByName(args, range);
      case 'print': {
        const values = this.arguments(args).map(({ value }) => value);
        builder.node('prim::Print', values, [], range);
        return asValue(builder.none());
      }
      case 'range':
        return this.range(
          this.arguments(args).map(({ value, range: at }) =>
            this.resolver.dialect === 'archive' ? convertTo(builder, at, IntT, value, true) : value,
          ),
          range,
        );
      case 'enumerate': {
        if (args.length === 0)
          throw new CompileError('enumerate expected at least 1 arguments, got 0', range);
        if (args.length > 2)
          throw new CompileError(`enumerate expected at most 2 arguments, got ${args.length}`, range);
        const start = args[1] ?? keywords.find(({ name }) => name === 'start')?.value;
        const inputs = start ? [this.expression(start)] : [];
        inputs.push(builder.number(maxTripCount, false, range));
        const iterable = this.iterable(this.sugared(args[0]), range);
        return this.zip([this.range(inputs, range, this.staticLength(iterable)), iterable], range);
      }
      case 'zip':
        if (args.length === 0) throw new CompileError('zip expected at least 1 arguments, got 0', range);
        return this.zip(
          args.map((arg) => this.iterable(this.sugared(arg), range)),
          range,
        );
      case 'list':
        return asValue(this.listOf(args, range, hint));
      case 'dict':
        return asValue(this.dictOf(args, keywords, range, hint));
      case 'tuple': {
        this.needArguments(form, args, 1, range);
        const parts = this.asTuple(this.sugared(args[0]), undefined, range);
        return asValue(builder.tuple(parts.map((part) => this.valueOf(part, range))));
      }
      case 'fork':
        return asValue(this.fork(args, keywords, range));
    }
    throw new CompileError(`${describe({ kind: 'special', form })} cannot be called`, callee.range);
  }

  private annotate(args: readonly Expr[], range: Range): Value {
    const type = typeOfExpression(args[0], this.resolver);
    const value = convertTo(this.builder, range, type, this.expression(args[1], type), true);
    if (!isSubtype(value.type, type))
      throw new CompileError(
        `expected an expression of type ${typeName(type)} but found ${typeName(value.type)}\n`,
        range,
      );
    // A widened None must keep the type it was given, or a branch could not hand it out.
    if (type.kind === 'Optional' && value.type.kind === 'None') return this.builder.constant(null, type);
    return value;
  }

  private getAttributeByName(args: readonly Expr[], range: Range): Sugared {
    const isPython = this.resolver.dialect === 'python';
    if (args.length !== 2 && !(isPython && args.length === 3))
      throw new CompileError('getattr must have 2 or 3 arguments', range);
    const object = this.sugared(args[0]);
    const [, name] = args;
    if (name.kind !== 'string')
      throw new CompileError("getattr's second argument must be a string literal", range);
    if (args.length === 3 && !this.hasAttribute(args[0], name, range)) return this.sugared(args[2]);
    return this.attribute(object, name.value, range);
  }

  /** `list(x)`: a copy of a list or string, else what iterating gives. */
  private listOf(args: readonly Expr[], range: Range, hint?: JitType): Value {
    const { builder } = this;
    if (args.length === 0) {
      const type = hint ?? listOf(TensorT);
      if (type.kind !== 'List')
        throw new CompileError(`Expected list type annotation for list(), found ${typeName(type)}`, range);
      return builder.list(type.element, []);
    }
    this.needArguments('list', args, 1, range);
    const input = this.sugared(args[0]);
    if (input.kind === 'value' && (input.value.type.kind === 'List' || input.value.type.kind === 'str'))
      return builder.builtin('aten::list', [input.value], range);
    const iterated = this.temporary('$_iter');
    this.variables.set(iterated, input, range);
    const element: Expr = { kind: 'name', name: this.temporary('$_elem'), range };
    return this.comprehension(
      {
        kind: 'comprehension',
        element,
        target: element,
        iterable: { kind: 'name', name: iterated, range },
        range,
      },
      hint,
    );
  }

  /** `dict(x)`, `dict(a=1)`, `dict([(k, v), …])`. */
  private dictOf(args: readonly Expr[], keywords: readonly Keyword[], range: Range, hint?: JitType): Value {
    const { builder } = this;
    const addKeywords = (dict: Value): Value => {
      for (const { name, value, range: at } of keywords) {
        const inputs = [dict, builder.string(name, at), this.expression(value)];
        builder.builtin('aten::_set_item', inputs, at);
      }
      return dict;
    };
    if (args.length > 0) {
      const input = this.sugared(args[0]);
      if (input.kind === 'value' && input.value.type.kind === 'Dict')
        return addKeywords(builder.builtin('aten::dict', [input.value], range));
    }
    const [first] = args;
    if (args.length === 0 && keywords.length === 0) {
      const type = hint ?? dictOf(StrT, TensorT);
      if (type.kind !== 'Dict')
        throw new CompileError(
          `Expected a type annotation of Dict for dict constructor dict(), got ${typeName(type)}`,
          range,
        );
      return builder.node('prim::DictConstruct', [], [type]).output;
    }
    if (first?.kind === 'dictComprehension') return addKeywords(this.comprehension(first, hint));
    const pair = (key: Expr, value: Expr): Expr => ({ kind: 'tuple', items: [key, value], range });
    const pairs = keywords.map(({ name, value }) => pair({ kind: 'string', value: name, range }, value));
    const isLiteral = !first || first.kind === 'list';
    const list: Expr = isLiteral
      ? { kind: 'list', items: [...(first?.kind === 'list' ? first.items : []), ...pairs], range }
      : first;
    const input = this.sugared(list);
    const iterated = this.temporary('$_iter');
    const key: Expr = { kind: 'name', name: this.temporary('$_key'), range };
    const value: Expr = { kind: 'name', name: this.temporary('$_value'), range };
    this.variables.set(iterated, input, range);
    const dict = this.comprehension(
      {
        kind: 'dictComprehension',
        key,
        value,
        target: { kind: 'tuple', items: [key, value], range },
        iterable: { kind: 'name', name: iterated, range },
        range,
      },
      hint,
    );
    return isLiteral ? dict : addKeywords(dict);
  }

  protected toList(self: Value, hint: JitType | undefined, range: Range): Value {
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
        `${typeName(element)} is not one of the supported element types for tolist: int, float, complex, bool`,
        range,
      );
    const inputs = [
      self,
      this.builder.constant(dims, IntT),
      this.builder.constant(codes[element.kind], IntT),
    ];
    return this.builder.node('prim::tolist', inputs, [hint]).output;
  }
}
