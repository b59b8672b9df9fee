/** A mobile function's straight code: each instruction as nodes of a graph, over a stack and registers of values. */
import { NotSupportedError, TorchError } from '@sconce/core';
import { typed, typeOfConstant } from '../archive/unpickle.ts';
import { GraphBuilder, UnknownOperatorError } from '../frontend/builder.ts';
import { type Range, Source } from '../frontend/source.ts';
import type { CompilationUnit } from '../frontend/unit.ts';
import type { Value } from '../ir/graph.ts';
import { bindVariables, substitute } from '../ir/type-variables.ts';
import {
  AnyT,
  BoolT,
  type ClassType,
  FloatT,
  IntT,
  type JitType,
  listOf,
  NoneT,
  type TupleType,
} from '../ir/types.ts';
import { jitSchemaOf } from '../ops/operator.ts';
import { operatorsNamed } from '../ops/registry.ts';
import type { LiteFunction, OperatorName } from './bytecode.ts';

/** Instructions that stand for an operator, and how many values it takes; the rest of the tables are in `step`. */
const promoted: Readonly<Record<string, readonly [operator: string, count: number]>> = {
  DICT_INDEX: ['aten::__getitem__', 2],
  __IS__: ['aten::__is__', 2],
  __ISNOT__: ['aten::__isnot__', 2],
  __NOT__: ['aten::__not__', 1],
  DEVICE: ['prim::device', 1],
  DTYPE: ['prim::dtype', 1],
  DIM: ['aten::dim', 1],
  IS_CUDA: ['prim::is_cuda', 1],
  NUM_TO_TENSOR: ['prim::NumToTensor', 1],
  WAIT: ['aten::wait', 1],
};

/** Operators without a schema, by the instructions that do the same. */
const withoutSchema: Readonly<Record<string, string>> = {
  'prim::unchecked_cast': 'UNCHECKED_CAST',
  'prim::unchecked_unwrap_optional': 'UNCHECKED_CAST',
  'prim::TupleUnpack': 'TUPLE_UNPACK',
  'prim::TupleIndex': 'TUPLE_INDEX',
  'prim::Uninitialized': 'UN_INITIALIZED',
  'prim::tolist': 'TO_LIST',
};

/** Registers that a stretch of code reads and writes; a branch has its own from where it begins. */
export type Registers = Map<number, Value>;

export class StackMachine {
  protected readonly builder: GraphBuilder = new GraphBuilder();
  protected stack: Value[] = [];
  protected registers: Registers = new Map();
  protected readonly range: Range;

  constructor(
    protected readonly code: LiteFunction,
    private readonly unit: CompilationUnit,
  ) {
    this.range = { source: new Source('', code.name), start: 0, end: 0 };
  }

  protected bad(why: string): TorchError {
    return new TorchError(`the archive is damaged: the bytecode of ${this.code.name} ${why}`);
  }

  protected pop(): Value {
    const value = this.stack.pop();
    if (!value) throw this.bad('takes more from its stack than is there');
    return value;
  }

  protected take(count: number): Value[] {
    if (count > this.stack.length || count < 0) throw this.bad('takes more from its stack than is there');
    return this.stack.splice(this.stack.length - count, count);
  }

  private register(at: number): Value {
    const value = this.registers.get(at);
    if (!value) throw this.bad(`reads register ${at}, which holds nothing`);
    return value;
  }

  private type(at: number): JitType {
    const text = this.code.types[at];
    if (text === undefined) throw this.bad(`names type ${at} of ${this.code.types.length}`);
    return this.unit.type(text);
  }

  /** Any instruction that does not jump. */
  protected step(code: string, x: number, n: number): void {
    const { stack, builder, range } = this;
    if (Object.hasOwn(promoted, code)) {
      const [operator, count] = promoted[code];
      this.stack.push(builder.builtin(operator, this.take(count), range));
      return;
    }
    switch (code) {
      case 'OP':
      case 'OPN':
        this.operator(x, code === 'OPN' ? n : undefined);
        return;
      case 'LOAD':
      case 'MOVE':
        stack.push(this.register(x));
        if (code === 'MOVE') this.registers.delete(x);
        return;
      case 'STORE':
        this.registers.set(x, this.pop());
        return;
      case 'STOREN':
        for (const [i, value] of this.take(n).entries()) this.registers.set(x + i, value);
        return;
      case 'DROPR':
        this.registers.delete(x);
        return;
      case 'DROP':
        this.pop();
        return;
      case 'LOADC':
        stack.push(this.constant(x));
        return;
      case 'GET_ATTR': {
        const object = this.pop();
        const { name, type } = attributeOf(object, x);
        const node = builder.node('prim::GetAttr', [object], [type], range);
        node.name = name;
        stack.push(node.output);
        return;
      }
      case 'SET_ATTR': {
        const [object, value] = this.take(2);
        const node = builder.node('prim::SetAttr', [object, value], [], range);
        node.name = attributeOf(object, x, value.type).name;
        return;
      }
      case 'LIST_CONSTRUCT':
      case 'DICT_CONSTRUCT': {
        const kind = code === 'LIST_CONSTRUCT' ? 'prim::ListConstruct' : 'prim::DictConstruct';
        stack.push(builder.node(kind, this.take(n), [this.type(x)], range).output);
        return;
      }
      case 'TUPLE_CONSTRUCT':
        stack.push(builder.tuple(this.take(x), undefined, range));
        return;
      case 'NAMED_TUPLE_CONSTRUCT':
        stack.push(builder.tuple(this.take(n), this.type(x) as TupleType, range));
        return;
      case 'TUPLE_INDEX': {
        const [value, index] = this.take(2);
        stack.push(
          builder.node('prim::TupleIndex', [value, index], [elementOf(value.type, index)], range).output,
        );
        return;
      }
      case 'TUPLE_SLICE': {
        const items = builder.unpackTuple(this.pop());
        stack.push(builder.tuple(items.slice(x, n), undefined, range));
        return;
      }
      case 'TUPLE_UNPACK':
        stack.push(...builder.unpackTuple(this.pop()));
        return;
      case 'LIST_UNPACK': {
        const list = this.pop();
        const element = list.type.kind === 'List' ? list.type.element : AnyT;
        stack.push(...builder.node('prim::ListUnpack', [list], new Array(x).fill(element), range).outputs);
        return;
      }
      case 'ISINSTANCE': {
        const node = builder.node('prim::isinstance', [this.pop()], [BoolT], range);
        node.types = Array.from({ length: n }, (_, i) => this.type(x + i));
        stack.push(node.output);
        return;
      }
      case 'UNCHECKED_CAST':
        stack.push(this.unwrapped(this.pop()));
        return;
      case 'UN_INITIALIZED':
        stack.push(builder.node('prim::Uninitialized', [], [NoneT], range).output);
        return;
      case 'FORMAT':
        stack.push(builder.builtin('aten::format', this.take(x), range));
        return;
      case 'INTERFACE_CALL':
        stack.push(this.called(x, n));
        return;
      case 'RAISE_EXCEPTION':
        builder.statement('prim::RaiseException', this.take(2), range);
        return;
      case 'WARN':
        builder.statement('aten::warn', this.take(2).slice(0, 1), range);
        return;
      case 'TO_LIST':
        stack.push(this.toList(...(this.take(3) as [Value, Value, Value])));
        return;
      default:
        throw new NotSupportedError(
          `the bytecode of ${this.code.name} holds the instruction ${code}, which Sconce does not have`,
        );
    }
  }

  /** Calls a method by its name, which is a constant, of whatever object the slot holds then. */
  private called(at: number, count: number): Value {
    const name = this.code.constants[at];
    const inputs = this.take(count);
    const type = inputs[0]?.type;
    if (typeof name !== 'string' || (type?.kind !== 'Class' && type?.kind !== 'Any'))
      throw this.bad('calls a method of something that is no object');
    const known = type.kind === 'Class' ? type.methods.get(name) : undefined;
    if (type.kind === 'Class' && !known) throw this.bad(`calls ${name}, which ${type.name} does not have`);
    const returns = known?.signature.returns ?? AnyT;
    const node = this.builder.node('prim::CallMethod', inputs, [returns], this.range);
    node.name = name;
    return node.output;
  }

  private constant(at: number): Value {
    if (at >= this.code.constants.length)
      throw this.bad(`names constant ${at} of ${this.code.constants.length}`);
    const raw = this.code.constants[at];
    const type = typeOfConstant(raw, this.unit);
    return this.builder.constant(typed(raw, type), type, this.range);
  }

  /** A value that a test has shown not to be None. */
  private unwrapped(value: Value): Value {
    if (value.type.kind !== 'Optional') return value;
    return this.builder.node('prim::unchecked_cast', [value], [value.type.element], this.range).output;
  }

  private toList(tensor: Value, dims: Value, element: Value): Value {
    const elements: readonly JitType[] = [IntT, FloatT, BoolT];
    let type = elements[Number(element.node.constant?.value)] ?? AnyT;
    for (let i = 0; i < Number(dims.node.constant?.value); i++) type = listOf(type);
    return this.builder.node('prim::tolist', [tensor, dims, element], [type], this.range).output;
  }

  /** Calls an operator by its overload, with the defaults of what was not put on the stack. */
  private operator(at: number, count: number | undefined): void {
    const named = this.code.operators[at];
    if (!named) throw this.bad(`names operator ${at} of ${this.code.operators.length}`);
    const instruction = withoutSchema[named.name];
    if (instruction !== undefined) {
      this.step(instruction, 0, 0);
      return;
    }
    const known = operatorsNamed(named.name);
    if (known.length === 0) throw new UnknownOperatorError(named.name);
    const found = known.find(({ schema }) => schema.overload === named.overload);
    if (!found) {
      this.resolved(named, count);
      return;
    }
    const schema = jitSchemaOf(found.schema);
    const inputs = this.take(count ?? named.given ?? schema.args.length);
    for (const arg of schema.args.slice(inputs.length)) inputs.push(this.builder.defaultValue(arg));
    const env = new Map<string, JitType>();
    for (const [i, arg] of schema.args.entries()) bindVariables(arg.type, inputs[i].type, env);
    const outputs = schema.returns.map((type) => substitute(type, env) ?? AnyT);
    const node = this.builder.node(named.name, inputs, outputs, this.range);
    node.operator = found;
    this.stack.push(...node.outputs);
  }

  /** An overload that is called otherwise here, or split in several: the one that the arguments fit. */
  private resolved(named: OperatorName, count: number | undefined): void {
    const given = count ?? named.given;
    if (given === undefined) throw new UnknownOperatorError(`${named.name}.${named.overload}`);
    const result = this.builder.builtin(named.name, this.take(given), this.range);
    if (result.node.kind === 'prim::TupleConstruct') this.stack.push(...result.node.inputs);
    else if (result.type.kind !== 'None') this.stack.push(result);
  }
}

function elementOf(type: JitType, index: Value): JitType {
  if (type.kind !== 'Tuple') return AnyT;
  const at = Number(index.node.constant?.value);
  return type.elements.at(at) ?? AnyT;
}

/** The attribute in a slot; a class without a description gets its slots as they are set. */
function attributeOf(object: Value, slot: number, type: JitType = AnyT): ClassType['attributes'][number] {
  if (object.type.kind !== 'Class')
    throw new TorchError('the archive is damaged: an attribute of something that is no object is read');
  const { attributes } = object.type;
  if (slot > 10_000) throw new TorchError(`the archive is damaged: a class has ${slot} attributes`);
  while (attributes.length <= slot)
    object.type.addAttribute({
      name: String(attributes.length),
      type: attributes.length === slot ? openType(type) : AnyT,
      role: 'attribute',
    });
  return attributes[slot];
}

/** A type for an attribute of which one value is known: a None may become anything. */
const openType = (type: JitType): JitType => (type.kind === 'None' ? AnyT : type);
