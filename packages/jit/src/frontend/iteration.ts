/** What can be iterated, taken apart and counted: lists, dicts, tensors, strings, tuples, `range`, `zip`, lists of modules. */
import type { Value } from '../ir/graph.ts';
import { typeName } from '../ir/type-text.ts';
import { AnyT, type ClassType, IntT, type JitType, listOf } from '../ir/types.ts';
import { Conditions } from './conditions.ts';
import { CompileError, type Range } from './source.ts';
import { asValue } from './sugar.ts';
import type { Sugared } from './sugared.ts';

const container =
  /^__torch__\.torch\.nn\.modules\.container\.(?:___torch_mangle_\d+\.)?(Sequential|ModuleList|ModuleDict|ParameterList|ParameterDict)$/;

/** Which of PyTorch's containers of modules a class is. */
export const containerKind = (type: ClassType): string | undefined => container.exec(type.name)?.[1];

export abstract class Iteration extends Conditions {
  /** The modules of a container with their names, in order. */
  private entries(value: Value, range?: Range): { keys: Sugared[]; modules: Sugared[] } {
    const type = value.type as ClassType;
    const names = type.attributes
      .filter(
        ({ name, role }) =>
          /^\d+$/.test(name) || (role === 'attribute' && name !== 'training' && !name.startsWith('_')),
      )
      .map(({ name }) => name);
    const keys: Sugared[] = [];
    const modules: Sugared[] = [];
    for (const name of names) {
      keys.push(asValue(this.builder.string(name, range ?? value.node.range!)));
      modules.push(asValue(this.getAttribute(value, name)));
    }
    return { keys, modules };
  }

  /** The modules of a container, in order. */
  protected members(value: Value, range?: Range): readonly Sugared[] {
    return this.entries(value, range).modules;
  }

  /** The module of this name in a container; undefined where there is none. */
  protected member(value: Value, name: string, range: Range): Sugared | undefined {
    const { keys, modules } = this.entries(value, range);
    return modules[keys.findIndex((key) => key.kind === 'value' && key.value.node.constant?.value === name)];
  }

  /** `keys()`, `values()` and `items()` of a ModuleDict. */
  protected dictMembers(value: Value, name: string): Sugared | undefined {
    const { type } = value;
    if (type.kind !== 'Class' || containerKind(type) !== 'ModuleDict') return undefined;
    if (name !== 'keys' && name !== 'values' && name !== 'items') return undefined;
    return {
      kind: 'macro',
      name,
      expand: ({ range }) => {
        const { keys, modules } = this.entries(value, range);
        const [names, items] = [keys, modules].map((parts): Sugared => ({ kind: 'tuple', items: parts }));
        if (name === 'items') return this.zip([names, items], range);
        return name === 'keys' ? names : items;
      },
    };
  }

  /** Reads a slot of an object. */
  protected getAttribute(object: Value, name: string): Value {
    const type = object.type as ClassType;
    const node = this.builder.node('prim::GetAttr', [object], [type.attributes[type.slotOf(name)!].type]);
    node.name = name;
    // A name may not begin with a digit; all else may stand after the `%`.
    node.output.setDebugName(/^\d/.test(name) ? `_${name}` : name);
    return node.output;
  }

  /** What a `for` goes through. */
  protected iterable(sugared: Sugared, range: Range): Sugared {
    if (sugared.kind === 'range' || sugared.kind === 'zip' || sugared.kind === 'tuple') return sugared;
    if (sugared.kind === 'type' && sugared.type.kind === 'Enum') {
      const members = [...sugared.type.members.values()];
      return asValue(this.builder.constant(members, listOf(sugared.type), range));
    }
    const value = this.valueOf(sugared, range);
    switch (value.type.kind) {
      case 'List':
      case 'str':
      case 'Tensor':
        return { kind: 'value', value };
      case 'Dict':
        return { kind: 'value', value: this.builder.builtin('aten::keys', [value], range) };
      case 'Tuple':
        return {
          kind: 'tuple',
          items: this.builder.unpackTuple(value).map((part) => ({ kind: 'value', value: part })),
        };
      case 'Class': {
        const kind = containerKind(value.type);
        if (kind) {
          const { keys, modules } = this.entries(value, range);
          return { kind: 'tuple', items: kind === 'ModuleDict' ? keys : modules };
        }
        if (value.type.isModule)
          throw new CompileError(
            'Only constant Sequential, ModuleList, ModuleDict, or ParameterList can be used as an iterable',
            range,
          );
      }
    }
    throw new CompileError(`'${typeName(value.type)}' object is not iterable`, range);
  }

  /** How many items, where the loop is unrolled for it. */
  protected staticLength(iterable: Sugared): number | undefined {
    if (iterable.kind === 'tuple') return iterable.items.length;
    return iterable.kind === 'zip' || iterable.kind === 'range' ? iterable.length : undefined;
  }

  protected zip(children: readonly Sugared[], range: Range): Sugared {
    let length: number | undefined;
    children.forEach((child, i) => {
      const own = this.staticLength(child);
      if (i > 0 && (own === undefined) !== (length === undefined))
        throw new CompileError(
          'Can not iterate over a module list or tuple with a value that does not have a static length\n',
          range,
        );
      length = own === undefined ? undefined : Math.min(own, length ?? own);
    });
    return { kind: 'zip', children, ...(length !== undefined && { length }) };
  }

  protected range(inputs: readonly Value[], range: Range, length?: number): Sugared {
    inputs.forEach((input, i) => {
      if (input.type.kind !== 'int')
        throw new CompileError(
          `all inputs of range must be ints, found ${typeName(input.type)} in argument ${i}`,
          range,
        );
    });
    if (inputs.length === 0) throw new CompileError('range expected at least 1 arguments, got 0', range);
    if (inputs.length > 3)
      throw new CompileError(`range expected at most 3 arguments, got ${inputs.length}`, range);
    const { builder } = this;
    const onlyEnd = inputs.length === 1;
    const start = onlyEnd ? builder.constant(0, IntT, range) : inputs[0];
    const step = inputs[2] ?? builder.constant(1, IntT, range);
    const end = onlyEnd ? inputs[0] : inputs[1];
    return { kind: 'range', start, end, step, onlyEnd, ...(length !== undefined && { length }) };
  }

  protected lengthOf(iterable: Sugared, range: Range): Value {
    const { builder } = this;
    switch (iterable.kind) {
      case 'range':
        if (iterable.length !== undefined) return builder.constant(iterable.length, IntT, range);
        if (iterable.onlyEnd) return iterable.end;
        return builder.builtin('aten::__range_length', [iterable.start, iterable.end, iterable.step], range);
      case 'zip': {
        const lengths = this.leaves(iterable).map((leaf) => this.lengthOf(leaf, range));
        return builder.builtin('prim::min', [builder.list(IntT, lengths)], range);
      }
      case 'tuple':
        return builder.constant(iterable.items.length, IntT, range);
      default:
        return builder.builtin('aten::len', [this.valueOf(iterable, range)], range);
    }
  }

  private leaves(iterable: Sugared): readonly Sugared[] {
    return iterable.kind === 'zip' ? iterable.children.flatMap((child) => this.leaves(child)) : [iterable];
  }

  protected itemAt(iterable: Sugared, index: Value, range: Range): Sugared {
    const { builder } = this;
    switch (iterable.kind) {
      case 'range': {
        if (iterable.onlyEnd) return { kind: 'value', value: index };
        const { start, step } = iterable;
        return { kind: 'value', value: builder.builtin('aten::__derive_index', [index, start, step], range) };
      }
      case 'zip':
        return { kind: 'tuple', items: iterable.children.map((child) => this.itemAt(child, index, range)) };
      case 'tuple': {
        const at = index.node.constant?.value;
        if (typeof at !== 'number') throw new CompileError('Expected integer literal for index', range);
        const item = iterable.items.at(at);
        if (!item || at >= iterable.items.length) throw new CompileError('Tuple index out of range', range);
        return item;
      }
      default:
        return { kind: 'value', value: this.element(this.valueOf(iterable, range), index, range) };
    }
  }

  /** `object[index]` for one index that is a value. */
  protected element(object: Value, index: Value, range: Range, hint?: JitType): Value {
    const { builder } = this;
    const { type } = object;
    switch (type.kind) {
      case 'List':
      case 'str':
      case 'Dict':
        return builder.builtin('aten::__getitem__', [object, index], range);
      case 'Tensor':
        return builder.builtin('aten::select', [object, builder.constant(0, IntT, range), index], range);
      case 'Class':
        if (!type.methods.has('__getitem__') && type.isModule)
          return builder.node('prim::ModuleContainerIndex', [object, index], [hint ?? AnyT], range).output;
        return this.callMethod(object, '__getitem__', [index], range);
      default:
        throw new CompileError(`'${typeName(type)}' object is not subscriptable`, range);
    }
  }

  /** The parts of a tuple, list or module list; `count` is how many a list must have. */
  protected override asTuple(sugared: Sugared, count: number | undefined, range: Range): readonly Sugared[] {
    if (sugared.kind === 'tuple') return sugared.items;
    const value = this.valueOf(sugared, range);
    const values = (list: readonly Value[]): Sugared[] =>
      list.map((part) => ({ kind: 'value', value: part }));
    switch (value.type.kind) {
      case 'Tuple':
        return values(this.builder.unpackTuple(value));
      case 'List': {
        if (count === undefined)
          throw new CompileError(
            'cannot statically infer the expected size of a list in this context',
            range,
          );
        const { element } = value.type;
        return values(this.builder.node('prim::ListUnpack', [value], new Array(count).fill(element)).outputs);
      }
      case 'Any': {
        // A tuple of unknown type, of which the caller says how many there are.
        if (count === undefined)
          throw new CompileError('Provided tuple Any is not a statically known tuple', range);
        break;
      }
      case 'Class':
        if (containerKind(value.type)) return this.members(value, range);
    }
    throw new CompileError(`${typeName(value.type)} cannot be used as a tuple`, range);
  }
}
