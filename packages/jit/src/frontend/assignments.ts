/** Assignments: to variables, attributes, items and tuples of them, plain and augmented. */
import type { Value } from '../ir/graph.ts';
import { isSubtype } from '../ir/type-relations.ts';
import { typeName } from '../ir/type-text.ts';
import { type ClassType, type JitType, TensorT } from '../ir/types.ts';
import type { Expr, Statement } from './ast.ts';
import { Calls } from './calls.ts';
import { convertTo } from './match.ts';
import { CompileError, type Range } from './source.ts';
import type { Sugared } from './sugared.ts';
import { typeOfExpression } from './type-expression.ts';

type Subscript = Extract<Expr, { kind: 'subscript' }>;

/** What `x += y` calls: on tensors and lists, and on all else. */
const augmented: Readonly<Record<string, readonly [inPlace: string, plain: string]>> = {
  '+': ['add_', 'add'],
  '-': ['sub_', 'sub'],
  '*': ['mul_', 'mul'],
  '/': ['div_', 'div'],
  '%': ['fmod_', 'fmod'],
  '|': ['bitwise_or', '__or__'],
  '&': ['bitwise_and', '__and__'],
  '^': ['bitwise_xor', '__xor__'],
  '<<': ['__lshift__', '__lshift__'],
  '>>': ['__irshift__', '__rshift__'],
  '**': ['pow', 'pow'],
};
const augmentedMagic: Readonly<Record<string, readonly [inPlace: string, plain: string]>> = {
  '+': ['__iadd__', '__add__'],
  '-': ['__isub__', '__sub__'],
  '*': ['__imul__', '__mul__'],
  '/': ['__itruediv__', '__truediv__'],
  '%': ['__imod__', '__mod__'],
};

const augmentedOperator = (op: string, type: JitType): string =>
  `aten::${augmented[op][type.kind === 'Tensor' || type.kind === 'List' ? 0 : 1]}`;

export abstract class Assignments extends Calls {
  /** The class whose `__init__` is compiled: it may still get attributes. */
  protected growing?: ClassType;

  protected assign(
    { targets, value, type: typeExpr }: Extract<Statement, { kind: 'assign' }>,
    range: Range,
  ): void {
    const [first] = targets;
    if (targets.length === 1) {
      this.assignOne(first, value, range, typeExpr);
      return;
    }
    const name = this.temporary('$tmp_assign_');
    this.variables.set(name, this.sugared(value), value.range);
    for (const target of targets) this.assignOne(target, { kind: 'name', name, range: value.range }, range);
  }

  private assignOne(target: Expr, value: Expr, range: Range, typeExpr?: Expr): void {
    const type = typeExpr && typeOfExpression(typeExpr, this.resolver);
    switch (target.kind) {
      case 'name':
        this.variables.set(target.name, this.sugared(value, type), target.range, type);
        return;
      case 'tuple':
      case 'list': {
        const { count, hasStar } = this.binders(target.items, target.range);
        const parts = this.asTuple(this.sugared(value), hasStar ? undefined : count, value.range);
        this.assignParts(target.items, parts, value.range, target.range);
        return;
      }
      case 'attribute': {
        const object = this.sugared(target.object);
        const result = this.valueOf(this.sugared(value, type), value.range);
        this.setAttribute(object, target.name, result, range);
        return;
      }
      case 'subscript':
        this.assignItem(target, this.expression(value), range);
        return;
      default:
        throw new CompileError('unexpected expression on left-hand side of assignment', target.range);
    }
  }

  /** How many variables a left-hand side has beside a starred one. */
  private binders(items: readonly Expr[], range: Range): { count: number; hasStar: boolean } {
    const starred = items.filter((item) => item.kind === 'starred').length;
    for (const item of items)
      if (!['name', 'subscript', 'tuple', 'list', 'starred', 'attribute'].includes(item.kind))
        throw new CompileError(
          'lhs of assignment must be a variable, subscript, or starred expression',
          item.range,
        );
    if (starred > 1) throw new CompileError('Only one starred expression is allowed on the lhs', range);
    if (starred === 1 && items.length === 1)
      throw new CompileError(
        'A Starred expression may only appear on the lhs within the presence of another non-starred expression',
        range,
      );
    return { count: items.length - starred, hasStar: starred > 0 };
  }

  private assignParts(
    items: readonly Expr[],
    parts: readonly Sugared[],
    range: Range,
    targetRange: Range,
  ): void {
    const { count, hasStar } = this.binders(items, targetRange);
    if (parts.length < count)
      throw new CompileError(
        `need ${hasStar ? 'at least ' : ''}${count} values to unpack but found only ${parts.length}`,
        targetRange,
      );
    if (parts.length > count && !hasStar)
      throw new CompileError(
        `too many values to unpack: need ${count} but found ${parts.length}`,
        targetRange,
      );
    let at = 0;
    for (const item of items) {
      if (item.kind === 'starred') {
        if (item.value.kind !== 'name')
          throw new CompileError('Cannot pack a tuple into a non-variable', item.range);
        const rest = parts.slice(at, at + parts.length - count);
        const tuple = this.builder.tuple(rest.map((part) => this.valueOf(part, item.range)));
        this.variables.set(item.value.name, { kind: 'value', value: tuple }, item.value.range);
        at += rest.length;
      } else this.bind(item, parts[at++], range);
    }
  }

  /** Gives a target its part of what is unpacked, or of what a loop goes through. */
  protected bind(target: Expr, part: Sugared, range: Range): void {
    switch (target.kind) {
      case 'name':
        this.variables.set(target.name, part, target.range);
        return;
      case 'subscript':
        this.assignItem(target, this.valueOf(part, range), range);
        return;
      case 'attribute':
        this.setAttribute(this.sugared(target.object), target.name, this.valueOf(part, range), range);
        return;
      case 'tuple':
      case 'list': {
        const { count, hasStar } = this.binders(target.items, target.range);
        this.assignParts(
          target.items,
          this.asTuple(part, hasStar ? undefined : count, range),
          range,
          target.range,
        );
        return;
      }
      default:
        throw new CompileError('unexpected expression on the left-hand side', target.range);
    }
  }

  protected setAttribute(sugared: Sugared, name: string, value: Value, range: Range): void {
    if (sugared.kind !== 'value')
      throw new CompileError(`attribute assignment is not defined on ${sugared.kind}`, range);
    const object = sugared.value;
    const type = object.type.kind === 'Class' ? object.type : undefined;
    if (!type)
      throw new CompileError(
        `Tried to set an attribute: ${name} on a non-class: ${typeName(object.type)}`,
        range,
      );
    if (type.slotOf(name) === undefined && this.growing === type) this.grow(type, name, value.type, range);
    const slot = type.slotOf(name);
    if (slot === undefined) {
      const setter = type.setters.get(name);
      if (setter) {
        this.callMethod(object, setter, [value], range);
        return;
      }
      if (type.constants.has(name) || type.getters.has(name))
        throw new CompileError(
          `Assignment to attribute '${name}' cannot be of a type that contains class '${type.name}'`,
          range,
        );
      throw new CompileError(
        `Tried to set nonexistent attribute: ${name}. Did you forget to initialize it in __init__()?`,
        range,
      );
    }
    const wanted = type.attributes[slot].type;
    const converted = convertTo(this.builder, range, wanted, value, true);
    if (!isSubtype(converted.type, wanted))
      throw new CompileError(
        `Wrong type for attribute assignment. Expected ${typeName(wanted)} but got ${typeName(converted.type)}`,
        range,
      );
    this.builder.node('prim::SetAttr', [object, converted], []).name = name;
  }

  /** An attribute begins with its first assignment, which must be certain to happen. */
  private grow(type: ClassType, name: string, attributeType: JitType, range: Range): void {
    if (this.variables.block !== this.builder.graph.block)
      throw new CompileError(
        `First assignment cannot be in a control-flow block. Initialize the field at the top level first`,
        range,
      );
    type.addAttribute({ name, type: attributeType, role: 'attribute' });
  }

  private assignItem(target: Subscript, value: Value, range: Range): void {
    const { builder } = this;
    const object = this.expression(target.object);
    if (object.type.kind === 'Tensor') {
      this.assignTensorItem(object, target, value, range);
      return;
    }
    const [item] = target.items;
    if (target.items.length !== 1 || item.kind === 'slice')
      throw new CompileError(
        'Sliced expression not yet supported for subscripted assignment. File a bug if you want this',
        { ...target.range, end: target.items[target.items.length - 1].range.end },
      );
    if (object.type.kind === 'Tuple')
      throw new CompileError(
        `${typeName(object.type)} does not support subscripted assignment`,
        target.range,
      );
    const index = this.expression(item);
    if (object.type.kind === 'Class') this.callMethod(object, '__setitem__', [index, value], range);
    else builder.builtin('aten::_set_item', [object, index, value], range);
  }

  private assignTensorItem(object: Value, target: Subscript, value: Value, range: Range): void {
    const { builder } = this;
    const { value: place, tensors } = this.indexWithoutTensors(object, target.items, target.range);
    let source = value;
    if (['int', 'float', 'bool', 'number'].includes(value.type.kind)) {
      const dtype = builder.builtin('prim::dtype', [place], range);
      const device = builder.builtin('prim::device', [place], range);
      source = builder.callBuiltin(
        'aten::tensor',
        [{ value, range }],
        [
          { name: 'dtype', value: dtype, range },
          { name: 'device', value: device, range },
        ],
        undefined,
        range,
      );
    }
    if (tensors.length === 0) builder.builtin('aten::copy_', [place, source], range);
    else builder.builtin('aten::index_put_', [place, this.indices(tensors), source], range);
  }

  protected augmented({ target, op, value }: Extract<Statement, { kind: 'augmented' }>, range: Range): void {
    switch (target.kind) {
      case 'name': {
        const result = this.augment(this.expression(target), op, value, range);
        this.variables.set(target.name, { kind: 'value', value: result }, target.range);
        return;
      }
      case 'attribute': {
        const object = this.sugared(target.object);
        const before = this.valueOf(this.attribute(object, target.name, target.range), target.range);
        this.setAttribute(object, target.name, this.augment(before, op, value, range), range);
        return;
      }
      case 'subscript':
        this.augmentItem(target, op, value, range);
        return;
      default:
        throw new CompileError(
          'unexpected expression on left-hand side of augmented assignment',
          target.range,
        );
    }
  }

  /** What `left op= right` leaves in its place. */
  protected augmentedValue(op: string, left: Value, right: Value, range: Range): Value {
    return this.builder.builtin(augmentedOperator(op, left.type), [left, right], range);
  }

  private augment(left: Value, op: string, valueExpr: Expr, range: Range): Value {
    if (left.type.kind !== 'Class') return this.augmentedValue(op, left, this.expression(valueExpr), range);
    const names = augmentedMagic[op];
    if (!names) throw new CompileError(`Unknown augmented assignment: ${op}=`, range);
    const right = this.expression(valueExpr);
    const { methods } = left.type;
    const name = names.find((candidate) => methods.has(candidate));
    if (!name)
      throw new CompileError(
        `Cannot emit inplace op on ${typeName(left.type)} since it does not define an ${names[0]} or ${names[1]} method`,
        range,
      );
    return this.callMethod(left, name, [right], range);
  }

  private augmentItem(target: Subscript, op: string, valueExpr: Expr, range: Range): void {
    const { builder } = this;
    const object = this.expression(target.object);
    const { type } = object;
    if (type.kind === 'Tensor') {
      const { value: place, tensors } = this.indexWithoutTensors(object, target.items, target.range);
      const right = this.expression(valueExpr);
      const operator = augmentedOperator(op, TensorT);
      if (tensors.length === 0) {
        builder.builtin(operator, [place, right], range);
        return;
      }
      const indices = this.indices(tensors);
      const before = builder.builtin('aten::index', [place, indices], range);
      const after = builder.builtin(operator, [before, right], range);
      builder.builtin('aten::index_put_', [place, indices, after], range);
      return;
    }
    if (target.items.length !== 1)
      throw new CompileError(
        `Sliced expression not yet supported for ${typeName(type)} augmented assignment. File a bug if you want this`,
        range,
      );
    if (type.kind !== 'List' && type.kind !== 'Dict')
      throw new CompileError(`${typeName(type)} does not support augmented assignment.`, target.range);
    const index = this.expression(target.items[0]);
    const right = this.expression(valueExpr);
    const before = builder.builtin('aten::__getitem__', [object, index], range);
    const after = this.augmentedValue(op, before, right, range);
    builder.builtin('aten::_set_item', [object, index, after], range);
  }

  /** `del x`, `del items[i]`. */
  protected delete(targets: readonly Expr[], range: Range): void {
    for (const target of targets) {
      if (target.kind === 'name') {
        this.variables.remove(target.name, target.range);
        continue;
      }
      if (target.kind !== 'subscript')
        throw new CompileError(
          'del statements are only supported for deleting list and dict items and variables',
          target.range,
        );
      const [item] = target.items;
      if (item.kind === 'slice')
        throw new CompileError(
          'del statements only support deletion at a single index, slicing is not supported (see https://github.com/pytorch/pytorch/issues/31430)',
          target.range,
        );
      const object = this.sugared(target.object);
      const index = this.expression(item);
      const value = this.valueOf(object, target.object.range);
      if (value.type.kind === 'Class') {
        if (!value.type.methods.has('__delitem__'))
          throw new CompileError('Class does not define __delitem__', target.range);
        this.callMethod(value, '__delitem__', [index], range);
      } else this.builder.statement('aten::Delete', [value, index], target.range);
    }
  }
}
