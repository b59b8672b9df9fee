/** Attributes: members of modules, slots and methods of objects, properties and methods of tensors and other values. */

import type { Value } from '../ir/graph.ts';
import { castCodes } from '../ir/tensor-options.ts';
import { isSubtype } from '../ir/type-relations.ts';
import { typeName } from '../ir/type-text.ts';
import { bindVariables, substitute } from '../ir/type-variables.ts';
import { AnyT, IntT, type JitType, StrT } from '../ir/types.ts';
import { jitSchemaOf } from '../ops/operator.ts';
import { candidatesNamed } from '../ops/registry.ts';
import type { Expr } from './ast.ts';
import { CompileError, type Range } from './source.ts';
import { Subscripts } from './subscripts.ts';
import { asValue } from './sugar.ts';
import { describe, type Sugared } from './sugared.ts';

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
  retains_grad: 'aten::retains_grad',
};

export abstract class Attributes extends Subscripts {
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
      case 'module': {
        const member = object.member(name);
        if (!member) throw new CompileError(`object has no attribute ${name}`, range);
        return member;
      }
      case 'constants': {
        const found = this.resolver.constant(name);
        if (!found) throw new CompileError(`invalid constant specifier: ${name}`, range);
        return { kind: 'value', value: this.builder.constant(found.value, found.type, range) };
      }
      case 'type':
        return this.typeAttribute(object.type, name, range);
      case 'function':
      case 'overloaded':
      case 'method':
      case 'builtin':
      case 'cast':
      case 'special':
        throw new CompileError(`attribute lookup is not defined on ${describe(object)}`, range);
      default:
        return this.valueAttribute(this.valueOf(object, range), name, range);
    }
  }

  private typeAttribute(
    type: Extract<Sugared, { kind: 'type' }>['type'],
    name: string,
    range: Range,
  ): Sugared {
    if (type.kind === 'Class') {
      if (name === '__new__') return { kind: 'create', type };
      const known = type.statics.get(name);
      if (known) return { kind: 'function', func: known };
    }
    if (type.kind === 'Enum') {
      const member = type.members.get(name);
      if (member) return { kind: 'value', value: this.builder.constant(member, type, range) };
      throw new CompileError(`Enum<${type.name}>' has no attribute '${name}'`, range);
    }
    throw new CompileError(`Tried to lookup unknown attribute on class ${type.name}`, range);
  }

  protected override hasAttribute(objectExpr: Expr, nameExpr: Expr, range: Range): boolean {
    const object = this.sugared(objectExpr);
    if (nameExpr.kind !== 'string')
      throw new CompileError("hasattr's second argument must be a string literal", nameExpr.range);
    const name = nameExpr.value;
    if (object.kind === 'module') return object.member(name) !== undefined;
    const { type } = this.valueOf(object, range);
    if (type.kind === 'Class')
      return type.slotOf(name) !== undefined || type.methods.has(name) || type.constants.has(name);
    if (type.kind === 'Tuple' && type.fields) return type.fields.includes(name);
    if (type.kind === 'Interface') return type.methods.has(name);
    throw new CompileError(
      `hasattr's first argument must be an object or NamedTuple, but got a normal ${typeName(type)} instead`,
      range,
    );
  }

  protected valueAttribute(value: Value, name: string, range: Range): Sugared {
    const { builder } = this;
    const { type } = value;
    switch (type.kind) {
      case 'Class': {
        const own = this.memberOf(value, name, range);
        if (own) return own;
        const members = this.dictMembers(value, name);
        if (members) return members;
        break;
      }
      case 'Interface':
        if (type.methods.has(name)) return { kind: 'method', self: value, name };
        break;
      case 'Tuple': {
        const at = type.fields?.indexOf(name) ?? -1;
        if (at >= 0) {
          const index = builder.constant(at, IntT, range);
          return asValue(builder.node('prim::TupleIndex', [value, index], [type.elements[at]]).output);
        }
        break;
      }
      case 'Tensor':
        if (Object.hasOwn(castCodes, name))
          return { kind: 'tensorCast', dtype: castCodes[name], self: value };
        if (Object.hasOwn(tensorViews, name))
          return asValue(builder.builtin(tensorViews[name], [value], range));
        if (tensorProperties.has(name)) return asValue(builder.builtin(`prim::${name}`, [value], range));
        break;
      case 'Device':
        if (name === 'type' || name === 'index')
          return asValue(builder.builtin(`prim::${name}`, [value], range));
        break;
      case 'Enum':
      case 'AnyEnum': {
        if (name === 'name') return asValue(builder.node('prim::EnumName', [value], [StrT]).output);
        const result = type.kind === 'Enum' ? type.valueType : AnyT;
        if (name === 'value') return asValue(builder.node('prim::EnumValue', [value], [result]).output);
        break;
      }
    }
    const method = name === 'type' ? 'aten::to' : `aten::${name}`;
    if (takesSelf(method, type)) return { kind: 'builtin', name: method, self: value };
    if (type.kind === 'Tensor' && name === 'tolist') return { kind: 'tolist' };
    const hint = type.kind === 'Class' ? ' Did you forget to initialize an attribute in __init__()?' : '';
    throw new CompileError(`'${typeName(type)}' object has no attribute or method '${name}'.${hint}`, range);
  }

  /** A slot, constant, method or property of an object. */
  private memberOf(value: Value, name: string, range: Range): Sugared | undefined {
    const type = value.type;
    if (type.kind !== 'Class') return undefined;
    if (type.slotOf(name) !== undefined) return { kind: 'value', value: this.getAttribute(value, name) };
    const constant = type.constants.get(name);
    if (constant) return { kind: 'constant', value: constant.value, type: constant.type };
    if (type.methods.has(name)) return { kind: 'method', self: value, name };
    const known = type.statics.get(name);
    if (known) return { kind: 'function', func: known };
    const operator = type.operators.get(name);
    if (operator) return { kind: 'builtin', name: operator };
    const unused = type.unused.get(name);
    if (unused) return { kind: 'unused', func: unused };
    const refused = type.refused.get(name);
    if (refused) return { kind: 'refused', message: refused };
    const getter = type.getters.get(name) ?? `__${name}_getter`;
    if (type.methods.has(getter)) return { kind: 'value', value: this.callMethod(value, getter, [], range) };
    return undefined;
  }
}

/** Whether some operator of this name takes such a value as its `self`. */
function takesSelf(name: string, type: JitType): boolean {
  return candidatesNamed(name).some(({ schema }) => {
    const self = jitSchemaOf(schema).args.find((arg) => arg.name === 'self');
    if (!self) return false;
    const env = new Map<string, JitType>();
    if (bindVariables(self.type, type, env) !== undefined) return false;
    const formal = substitute(self.type, env);
    return formal !== undefined && isSubtype(type, formal);
  });
}
