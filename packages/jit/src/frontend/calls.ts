/** Calls: operators by overload, functions, methods, constructors, and exceptions. */

import type { Func, Signature } from '../ir/function.ts';
import type { Value } from '../ir/graph.ts';
import { leafOf } from '../ir/names.ts';
import { isSubtype } from '../ir/type-relations.ts';
import { typeName } from '../ir/type-text.ts';
import { IntT, type JitType } from '../ir/types.ts';
import type { JitArgument } from '../ops/operator.ts';
import type { Expr, Keyword } from './ast.ts';
import { matchFirst, matchOnly, type NamedValue } from './match.ts';
import { CompileError, type Range } from './source.ts';
import { SpecialForms } from './special-forms.ts';
import { asValue } from './sugar.ts';
import { describe, type Sugared } from './sugared.ts';
import { type UpgradeContext, upgrade } from './upgrade.ts';

const callable = (signature: Signature, skip: number) => ({
  name: signature.name,
  args: signature.params.slice(skip).map((param): JitArgument => ({ ...param, default: param.default })),
  returns: [signature.returns],
  isVararg: false,
  signature,
});

export abstract class Calls extends SpecialForms {
  /** Old meanings of operators hold in methods only, as in PyTorch. */
  protected isMethod = false;

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
      case 'function':
      case 'overloaded': {
        const candidates = target.kind === 'function' ? [target.func] : target.among(values, kwargs);
        for (const func of candidates) this.compiled(func, func.name, range);
        const schemas = candidates.map((func) => callable(func.signature, 0));
        const { index, matched } = matchFirst(builder, range, schemas, values, kwargs);
        const func = candidates[index];
        const inputs = [this.functionConstant(func), ...matched.inputs];
        const node = builder.node('prim::CallFunction', inputs, matched.returns, range);
        node.func = func;
        return asValue(node.output);
      }
      case 'unused': {
        matchOnly(builder, range, callable(target.func.signature, 0), values, kwargs);
        const message = 'This Python function is annotated to be ignored and cannot be run';
        builder.builtin('prim::RaiseException', [builder.string(message, range)], range);
        const { returns } = target.func.signature;
        return asValue(builder.node('prim::Uninitialized', [], [returns], range).output);
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
}
