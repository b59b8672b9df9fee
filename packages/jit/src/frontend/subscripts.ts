/** Subscripts: items and slices of lists, strings and tuples, and the indexing of tensors. */
import type { Value } from '../ir/graph.ts';
import { isSubtype, unify } from '../ir/type-relations.ts';
import { typeName } from '../ir/type-text.ts';
import { IntT, type JitType, optionalOf, TensorT, type TupleType } from '../ir/types.ts';
import type { Expr } from './ast.ts';
import { containerKind, Iteration } from './iteration.ts';
import { CompileError, type Range } from './source.ts';
import type { Sugared } from './sugared.ts';

type Slice = Extract<Expr, { kind: 'slice' }>;

/** A tensor after its ints, slices and Nones, and the tensors that are still to index it. */
export interface Indexed {
  readonly value: Value;
  readonly tensors: readonly Value[];
}

/** dtype code of int64. */
const LONG = 4;

export abstract class Subscripts extends Iteration {
  protected override subscript(objectExpr: Expr, items: readonly Expr[], range: Range): Sugared {
    const object = this.sugared(objectExpr);
    const value = (result: Value): Sugared => ({ kind: 'value', value: result });
    const [item] = items;
    if (items.length !== 1) {
      const tensor = this.valueOf(object, objectExpr.range);
      if (tensor.type.kind !== 'Tensor')
        throw new CompileError(
          'Unsupported operation: attempted to use multidimensional indexing on a non-tensor type',
          range,
        );
      return value(this.indexTensor(tensor, items, range));
    }
    if (item.kind === 'slice') return this.slice(object, item, objectExpr.range, range);
    const sliced = this.valueOf(object, objectExpr.range);
    const index = this.valueOf(this.sugared(item), objectExpr.range);
    const { type } = sliced;
    if (type.kind === 'Tuple') return value(this.tupleIndex(sliced, type, index, range));
    if (type.kind === 'Tensor') return value(this.indexTensor(sliced, items, range));
    if (type.kind === 'Class' && containerKind(type)) {
      const at = index.node.constant?.value;
      if (typeof at === 'number' || typeof at === 'string') {
        const member =
          typeof at === 'string'
            ? at
            : this.memberAt(
                type.attributes.map((a) => a.name),
                at,
                range,
              );
        const found = this.member(sliced, member, range);
        if (found) return found;
        throw new CompileError(`Key Error, ${member}`, range);
      }
    }
    return value(this.element(sliced, index, range));
  }

  private memberAt(names: readonly string[], at: number, range: Range): string {
    const members = names.filter((name) => /^\d+$/.test(name));
    const name = members.at(at);
    if (name === undefined || at >= members.length) throw new CompileError('Index out of range', range);
    return name;
  }

  private slice(sugared: Sugared, item: Slice, objectRange: Range, range: Range): Sugared {
    const { builder } = this;
    let object = sugared.kind === 'tuple' ? undefined : this.valueOf(sugared, objectRange);
    if (!object || (object.type.kind === 'Class' && containerKind(object.type)))
      object = builder.tuple(
        this.asTuple(sugared, undefined, objectRange).map((part) => this.valueOf(part, range)),
      );
    const { type } = object;
    const dim = type.kind === 'Tensor' ? builder.constant(0, IntT, range) : undefined;
    return { kind: 'value', value: this.sliceAlong(object, dim, item, range) };
  }

  private sliceAlong(object: Value, dim: Value | undefined, item: Slice, range: Range): Value {
    const { builder } = this;
    const bound = (expr: Expr | undefined) => expr && this.expression(expr);
    const [start, end, step] = [bound(item.start), bound(item.end), bound(item.step)];
    if (object.type.kind === 'Tuple') return this.tupleSlice(object, object.type, [start, end, step], range);
    const by = step ?? builder.constant(1, IntT, range);
    const args = [object, ...(dim ? [dim] : []), start ?? builder.none(range), end ?? builder.none(range)];
    return builder.callBuiltin(
      'aten::slice',
      args.map((value) => ({ value, range })),
      [{ name: 'step', value: by, range }],
      undefined,
      range,
    );
  }

  protected tupleIndex(object: Value, type: TupleType, index: Value, range: Range): Value {
    if (index.type.kind !== 'int') throw new CompileError('tuple index must be an integer', range);
    const known = index.node.constant?.value;
    let result: JitType | undefined;
    if (typeof known === 'number') {
      const at = known < 0 ? known + type.elements.length : known;
      result = type.elements[at];
      if (!result)
        throw new CompileError(
          `Tuple index out of range. Tuple is length ${type.elements.length} and index is ${known}`,
          range,
        );
    } else {
      result = type.elements[0];
      for (const element of type.elements) result = result && unify(result, element);
      if (!result)
        throw new CompileError(
          `Cannot index into a ${typeName(type)} with a non-integer literal because we cannot resolve the output type`,
          range,
        );
    }
    return this.builder.node('prim::TupleIndex', [object, index], [result]).output;
  }

  private tupleSlice(
    object: Value,
    type: TupleType,
    bounds: readonly (Value | undefined)[],
    range: Range,
  ): Value {
    const { length } = type.elements;
    const [start, end, step] = bounds.map((bound) => {
      if (!bound) return undefined;
      const known = bound.node.constant?.value;
      if (typeof known !== 'number')
        throw new CompileError('tuple slice indices must be integer constants', range);
      return known;
    });
    const by = step ?? 1;
    if (by === 0) throw new CompileError('slice step cannot be zero', range);
    const clamp = (at: number) => {
      const positive = at < 0 ? at + length : at;
      return by > 0 ? Math.max(0, Math.min(length, positive)) : Math.max(-1, Math.min(length - 1, positive));
    };
    const from = start === undefined ? (by > 0 ? 0 : length - 1) : clamp(start);
    const to = end === undefined ? (by > 0 ? length : -1) : clamp(end);
    const parts: Value[] = [];
    for (let i = from; by > 0 ? i < to : i > to; i += by) {
      const index = this.builder.constant(i, IntT);
      parts.push(this.builder.node('prim::TupleIndex', [object, index], [type.elements[i]]).output);
    }
    return this.builder.tuple(parts);
  }

  protected indexTensor(object: Value, items: readonly Expr[], range: Range): Value {
    const { value, tensors } = this.indexWithoutTensors(object, items, range);
    if (tensors.length === 0) return value;
    return this.builder.builtin('aten::index', [value, this.indices(tensors)], range);
  }

  protected indices(tensors: readonly Value[]): Value {
    return this.builder.list(optionalOf(TensorT), tensors);
  }

  /** Ints, slices and Nones, applied from left to right; the tensors among the items are left to the caller. */
  protected indexWithoutTensors(object: Value, items: readonly Expr[], range: Range): Indexed {
    const { builder } = this;
    const dims: number[] = [];
    const values: (Value | undefined)[] = [];
    const examine = (i: number, dim: number, isReverse: boolean): number => {
      dims[i] = dim;
      const item = items[i];
      if (item.kind === 'slice') return isReverse ? dim - 1 : dim + 1;
      // torch::jit looks at it once before it takes its value.
      this.sugared(item);
      let index = this.expression(item);
      if (index.type.kind === 'List')
        index = builder.callBuiltin(
          'aten::tensor',
          [{ value: index, range }],
          [{ name: 'dtype', value: builder.constant(LONG, IntT), range }],
          undefined,
          range,
        );
      values[i] = index;
      if (index.type.kind === 'None') return isReverse ? dim : dim + 1;
      if (index.type.kind === 'int') return isReverse ? dim - 1 : dim;
      if (isSubtype(index.type, optionalOf(TensorT))) {
        if (isReverse)
          throw new CompileError('Ellipses followed by tensor indexing is currently not supported', range);
        return dim + 1;
      }
      throw new CompileError(
        `Unsupported operation: indexing tensor with unsupported index type '${typeName(index.type)}'. Only ints, slices, lists and tensors are supported`,
        range,
      );
    };
    let i = 0;
    for (let dim = 0; i < items.length && items[i].kind !== 'ellipsis'; i++) dim = examine(i, dim, false);
    for (let at = items.length - 1, dim = -1; at > i; at--) {
      if (items[at].kind === 'ellipsis')
        throw new CompileError("An index can only have a single ellipsis ('...')", range);
      dim = examine(at, dim, true);
    }
    let value = object;
    const tensors: (Value | undefined)[] = [];
    items.forEach((item, at) => {
      const dim = () => builder.constant(dims[at], IntT, range);
      if (item.kind === 'ellipsis') return;
      if (item.kind === 'slice') {
        value = this.sliceAlong(value, dim(), item, range);
        return;
      }
      const index = values[at]!;
      if (index.type.kind === 'None') value = builder.builtin('aten::unsqueeze', [value, dim()], range);
      else if (index.type.kind === 'int')
        value = builder.builtin('aten::select', [value, dim(), index], range);
      else tensors[dims[at]] = index;
    });
    return { value, tensors: Array.from(tensors, (tensor) => tensor ?? builder.none()) };
  }
}
