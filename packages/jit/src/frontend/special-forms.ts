/** Forms that look like calls and are none: annotate, isinstance, range, list, fork and their like, over arguments not yet compiled. */
import { maxTripCount, type Value } from '../ir/graph.ts';
import { isSubtype } from '../ir/type-relations.ts';
import { typeName } from '../ir/type-text.ts';
import { dictOf, IntT, type JitType, listOf, NoneT, StrT, TensorT } from '../ir/types.ts';
import type { Expr, Keyword } from './ast.ts';
import { Attributes } from './attributes.ts';
import { convertTo, type NamedValue } from './match.ts';
import { CompileError, type Range } from './source.ts';
import { asValue } from './sugar.ts';
import { describe, type SpecialForm, type Sugared } from './sugared.ts';
import { typeOfExpression } from './type-expression.ts';

export abstract class SpecialForms extends Attributes {
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

  protected keywords(keywords: readonly Keyword[]): NamedValue[] {
    return keywords.map((kw) => ({ name: kw.name, value: this.expression(kw.value), range: kw.range }));
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
        if (keywords.length > 0)
          throw new CompileError("print doesn't accept any keyword arguments", callee.range);
        const values = this.arguments(args).map(({ value }) => value);
        builder.node('prim::Print', values, [], range);
        return { kind: 'constant', value: null, type: NoneT };
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
