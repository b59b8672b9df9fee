/** Attributes and calls: operators by overload, functions, methods, constructors, and the forms that look like calls. */
import type { Signature } from '../ir/function.ts';
import type { Value } from '../ir/graph.ts';
import {
  AnyT,
  annotation,
  BoolT,
  futureOf,
  IntT,
  isSubtype,
  type JitType,
  NoneT,
  StrT,
} from '../ir/types.ts';
import type { JitArgument } from '../ops/operator.ts';
import { operatorsNamed } from '../ops/registry.ts';
import type { Expr, Keyword, Statement } from './ast.ts';
import { Expressions } from './expressions.ts';
import { convertTo, matchOnly, type NamedValue } from './match.ts';
import { CompileError, type Range } from './source.ts';
import { describe, type SpecialForm, type Sugared } from './sugared.ts';
import { typeOfExpression } from './type-expression.ts';
import { type UpgradeContext, upgrade } from './upgrade.ts';

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

const callable = (signature: Signature, skip: number) => ({
  name: signature.name,
  args: signature.params.slice(skip).map((param): JitArgument => ({ ...param, default: param.default })),
  returns: [signature.returns],
  isVararg: false,
});

export abstract class Calls extends Expressions {
  /** Old meanings of operators hold in methods only, as in PyTorch. */
  protected isMethod = false;

  protected abstract statement(statement: Statement): void;

  protected override attribute(object: Sugared, name: string, range: Range): Sugared {
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

  protected valueAttribute(value: Value, name: string, range: Range): Sugared {
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

  protected arguments(args: readonly Expr[]): NamedValue[] {
    const values: NamedValue[] = [];
    for (const arg of args) {
      if (arg.kind === 'starred')
        for (const value of this.unpack(this.sugared(arg.value), undefined, arg.range))
          values.push({ value, range: arg.range });
      else values.push({ value: this.expression(arg), range: arg.range });
    }
    return values;
  }

  protected override call(
    callee: Expr,
    args: readonly Expr[],
    keywords: readonly Keyword[],
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

  protected upgradeContext(range: Range): UpgradeContext {
    return {
      call: (name, args, named) => this.builder.callBuiltin(name, args, named, undefined, range),
      constant: (value, type) => this.builder.constant(value, type, range),
      choose: (condition, whenTrue, whenFalse) => this.choose(condition, whenTrue, whenFalse, range),
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
    if (!func) throw new CompileError(`'${annotation(type)}' object has no method '${name}'`, range);
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

  protected special(form: SpecialForm, args: readonly Expr[], range: Range): Sugared {
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

  protected isinstance(objectExpr: Expr, typesExpr: Expr, range: Range): Value {
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
  protected fork(args: readonly Expr[], range: Range): Value {
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
