/** The graph of a trace as it grows: its nodes, and which of its values each tensor, number and list of the program is. */
import { callersLine, plainShape, TorchError, type Type, unwatched } from '@sconce/core';
import { Source } from '../frontend/source.ts';
import { type Block, Graph, type Node, Value } from '../ir/graph.ts';
import { memoryFormats } from '../ir/tensor-options.ts';
import {
  BoolT,
  DeviceT,
  FloatT,
  fromSchemaType,
  IntT,
  type JitType,
  listOf,
  NoneT,
  NumberT,
  optionalOf,
  StrT,
  TensorT,
  tupleOf,
} from '../ir/types.ts';
import { Device, dtypes, PyFloat, Tensor } from '../ops/core.ts';
import { operatorsNamed } from '../ops/registry.ts';
import { isTuple, ScriptObject } from '../ops/value.ts';
import { Size } from './number.ts';

/** The type of a tensor as a tracer sees it. */
export const tracedType = (tensor: Tensor): JitType => ({
  kind: 'Tensor',
  detail: {
    dtype: tensor.dtype,
    sizes: [...plainShape(tensor)],
    strides: [...tensor.strides],
    requires_grad: tensor.requires_grad,
    device: 'cpu',
  },
});

/** The operator of a full name, TorchScript's own among them. */
export const operatorOf = (name: string): ReturnType<typeof operatorsNamed>[number] | undefined => {
  const kind = name.replace(/\.\w+$/, '');
  return operatorsNamed(kind).find((operator) => operator.schema.name === name);
};

export abstract class Recording {
  readonly graph = new Graph();
  /** Where nodes go. */
  block: Block = this.graph.block;
  /** The scopes of the modules being called, outermost first. */
  readonly scopes: string[] = [];
  private readonly values = new Map<object, Value>();

  append(node: Node): Node {
    this.block.append(node);
    if (this.scopes.length > 0) node.scope = this.scopes.join('/');
    return node;
  }

  /** A node with the line of the program that it comes from. */
  node(kind: string, inputs: readonly Value[], outputs: readonly JitType[]): Node {
    const node = this.append(this.graph.create(kind, inputs, outputs));
    node.range = this.range;
    return node;
  }

  protected range = undefined as Node['range'];

  protected locate(): void {
    const place = /^(.*):(\d+):\d+$/.exec(callersLine() ?? '');
    this.range = place
      ? { source: new Source('', place[1], undefined, Number(place[2]) - 1), start: 0, end: 0 }
      : undefined;
  }

  constant(value: unknown, type: JitType): Value {
    const node = this.node('prim::Constant', [], [type]);
    node.constant = { value };
    return node.output;
  }

  protected none(): Value {
    const value = this.constant(null, NoneT);
    value.node.range = undefined;
    return value;
  }

  setValue(of: object, value: Value): void {
    this.values.set(of, value);
  }

  hasValue(of: object): boolean {
    return this.values.has(of);
  }

  knownValue(of: object): Value | undefined {
    return this.values.get(of);
  }

  /** The value of a tensor; one that the trace did not see being made is a constant of it. */
  valueOf(tensor: Tensor): Value {
    const known = this.values.get(tensor);
    if (known) return known;
    if (tensor.requires_grad)
      throw new TorchError(
        `Cannot insert a Tensor that requires grad as a constant. Consider making it a parameter or input, or detaching the gradient\nTensor:\n${unwatched(() => tensor.toString())}`,
      );
    const value = this.constant(tensor, tracedType(tensor));
    this.values.set(tensor, value);
    return value;
  }

  /** A tensor that the modules hold in a second place: PyTorch makes a view of it, which nothing uses. */
  noteTied(tensor: Tensor): void {
    const sizes = plainShape(tensor).map((n) => this.constant(n, IntT));
    const shape = this.append(this.graph.create('prim::ListConstruct', sizes, [listOf(IntT)]));
    const view = this.append(
      this.graph.create('aten::view', [this.valueOf(tensor), shape.output], [tracedType(tensor)]),
    );
    view.operator = operatorOf('aten::view');
  }

  /** The value of anything that a TorchScript function may be called with. */
  valueOfAny(value: unknown, type: JitType): Value {
    if (value instanceof Tensor) return this.valueOf(value);
    if (value instanceof Size) return value.traced;
    if (value instanceof ScriptObject) {
      const known = this.values.get(value);
      if (known) return known;
      throw new TorchError(
        `Tried to trace ${value.type.name} but it is not part of the active trace. Modules that are called during a trace must be registered as submodules of the thing being traced.`,
      );
    }
    const inner = type.kind === 'Optional' ? type.element : type;
    if (Array.isArray(value) && holdsTensor(value)) {
      if (isTuple(value) || inner.kind === 'Tuple') {
        const items = value.map((item, i) =>
          this.valueOfAny(item, inner.kind === 'Tuple' ? inner.elements[i] : TensorT),
        );
        return this.node('prim::TupleConstruct', items, [tupleOf(items.map((item) => item.type))]).output;
      }
      const element = inner.kind === 'List' ? inner.element : TensorT;
      const items = value.map((item) => this.valueOfAny(item, element));
      return this.node('prim::ListConstruct', items, [listOf(element)]).output;
    }
    if (value === null || value === undefined) return this.none();
    return this.constant(value, inner);
  }

  /** Makes a new tensor, or all that are in a result, the values of a node's output. */
  setResult(result: unknown, value: Value): void {
    if (result instanceof Tensor) {
      // What is written in place was known before, or is not the trace's own.
      const isNew = !this.values.has(result);
      this.setValue(result, value);
      if (isNew) this.watchSizes(result);
    } else if (isTuple(result)) {
      const types = value.type.kind === 'Tuple' ? value.type.elements : result.map(() => TensorT);
      const unpack = this.append(this.graph.create('prim::TupleUnpack', [value], types));
      result.forEach((item, i) => {
        this.setResult(item, unpack.outputs[i]);
      });
    } else if (Array.isArray(result)) {
      if (!holdsTensor(result)) return;
      const element = value.type.kind === 'List' ? value.type.element : TensorT;
      const unpack = this.append(
        this.graph.create(
          'prim::ListUnpack',
          [value],
          result.map(() => element),
        ),
      );
      result.forEach((item, i) => {
        this.setResult(item, unpack.outputs[i]);
      });
    } else if (result instanceof Map) {
      const types = value.type.kind === 'Dict' ? value.type : undefined;
      for (const [key, item] of result) {
        const at = this.constant(key, types?.key ?? StrT);
        const get = this.append(
          this.graph.create('aten::__getitem__', [value, at], [types?.value ?? TensorT]),
        );
        get.operator = operatorOf(`aten::__getitem__.Dict_${types?.key.kind ?? 'str'}`);
        this.setResult(item, get.output);
      }
    }
  }

  /** Arguments with the sizes among them made numbers; Python's binding reads the last one first. */
  protected castSizes(args: readonly unknown[], types: readonly Type[]): readonly unknown[] {
    const one = (value: unknown, type: Type): unknown => {
      if (type.kind === 'Optional') return one(value, type.element);
      if (type.kind === 'List' && Array.isArray(value)) return value.map((item) => one(item, type.element));
      return value instanceof Size && type.kind !== 'Tensor' ? this.numberOf(value, type) : value;
    };
    const out = [...args];
    for (let i = args.length - 1; i >= 0; i--) out[i] = one(args[i], types[i]);
    return out;
  }

  private numberOf(size: Size, type: Type): Value {
    if (type.kind === 'Scalar') return this.cast(size, 'aten::ScalarImplicit', NumberT);
    if (type.kind === 'float') return this.cast(size, 'aten::FloatImplicit', FloatT);
    return this.cast(size, 'aten::Int.Tensor', IntT);
  }

  /** An argument as an input of its node: each number, None or list is a node of its own, as in PyTorch. */
  protected input(value: unknown, type: Type): Value {
    if (value instanceof Value) return value;
    switch (type.kind) {
      case 'Optional':
        return value === null || value === undefined ? this.none() : this.input(value, type.element);
      case 'Tensor':
        if (value === null || value === undefined) return this.none();
        return value instanceof Size ? value.traced : this.valueOf(value as Tensor);
      case 'List': {
        const items = value as readonly unknown[];
        if (
          type.element.kind === 'Tensor' ||
          (type.element.kind === 'Optional' && type.element.element.kind === 'Tensor')
        ) {
          const values = items.map((item) => this.input(item, type.element));
          const element = type.element.kind === 'Optional' ? optionalOf(TensorT) : TensorT;
          return this.node('prim::ListConstruct', values, [listOf(element)]).output;
        }
        const values = items.map((item) => this.input(item, type.element));
        const list = this.node('prim::ListConstruct', values, [listOf(fromSchemaType(type.element))]);
        list.range = undefined;
        return list.output;
      }
      case 'Scalar':
        if (value instanceof PyFloat) return this.constant(value.value, FloatT);
        if (typeof value === 'boolean') return this.constant(value, BoolT);
        if (typeof value === 'bigint') return this.constant(value, IntT);
        return this.constant(value, Number.isInteger(value) ? IntT : FloatT);
      case 'int':
        return this.constant(value, IntT);
      case 'float':
        return this.constant(value instanceof PyFloat ? value.value : value, FloatT);
      case 'bool':
        return this.constant(value, BoolT);
      case 'str':
        return this.constant(value, StrT);
      case 'ScalarType':
        return this.constant(dtypes[value as keyof typeof dtypes].code, IntT);
      case 'Layout':
        return this.constant(0, IntT);
      case 'MemoryFormat':
        return this.constant(memoryFormats.indexOf(value as string), IntT);
      case 'Device':
        return this.constant(new Device('cpu', null), DeviceT);
      case 'Generator':
        throw new TorchError(
          'Found an unsupported argument type in the JIT tracer: at::Generator. A trace draws from the default generator, which manual_seed seeds',
        );
      default:
        return this.constant(value, fromSchemaType(type));
    }
  }

  /** A number made of a size stands right behind it. */
  private cast(size: Size, operator: string, type: JitType): Value {
    const node = this.graph.create(operator.replace(/\.\w+$/, ''), [size.traced], [type]);
    node.operator = operatorOf(operator);
    const after = size.traced.node;
    node.owner = after.owner;
    node.scope = after.scope;
    const { nodes } = after.owner!;
    nodes.splice(nodes.indexOf(after) + 1, 0, node);
    return node.output;
  }

  /** Called for each tensor that the trace has made. */
  protected abstract watchSizes(tensor: Tensor): void;
}

const holdsTensor = (value: unknown): boolean =>
  value instanceof Tensor ||
  value instanceof Size ||
  (Array.isArray(value) && value.some(holdsTensor)) ||
  (value instanceof Map && [...value.values()].some(holdsTensor));
