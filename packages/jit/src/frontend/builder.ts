/** Inserts nodes into a graph at the current place: constants, tuples, lists, calls of operators by overload resolution. */
import { NotSupportedError } from '@sconce/core';
import { type Block, Graph, type Node, type Value } from '../ir/graph.ts';
import {
  BoolT,
  FloatT,
  IntT,
  type JitType,
  listOf,
  NoneT,
  StrT,
  type TupleType,
  tupleOf,
} from '../ir/types.ts';
import { type JitArgument, type JitSchema, jitSchemaOf, typeOfDefault } from '../ops/operator.ts';
import { candidatesNamed } from '../ops/registry.ts';
import { Body, builtinFunctions } from './builtin-functions.ts';
import { describeSchema, type NamedValue, tryMatch, variants } from './match.ts';
import { withOutVariants } from './out-variant.ts';
import { CompileError, highlight, type Range } from './source.ts';

/** A program uses an operator that Sconce does not have; kept apart so that loading may go on without it. */
export class UnknownOperatorError extends NotSupportedError {
  override name = 'UnknownOperatorError';
  constructor(
    readonly operator: string,
    range?: Range,
  ) {
    super(
      `Unknown builtin op: ${operator}.\nCould not find any similar ops to ${operator}. This op may not exist or may not be currently supported in TorchScript. (Sconce has no such operator yet; explain() lists all that a program lacks.)${range ? `\n:\n${highlight(range)}` : ''}`,
    );
  }
}

/** `a = (x, x); b = (a, a); …` doubles a type with every line; no real program comes near this. */
const maxTypeSize = 100_000;
const typeSizes = new WeakMap<JitType, number>();

/** Reads a constant of the text as the type that an argument wants; undefined where it cannot be. */
export type ReadLiteral = (
  builder: GraphBuilder,
  value: Value,
  type: JitType,
  name: string,
) => Value | undefined;

export class GraphBuilder {
  readonly graph = new Graph();
  /** For a language whose literals do not say all: JavaScript's 2 may be a float. */
  readLiteral?: ReadLiteral;
  /** Where nodes are appended. */
  block: Block = this.graph.block;
  private readonly numbers = new Map<string, Value>();

  insert(node: Node, range?: Range): Node {
    if (range) node.range = range;
    return this.block.append(node);
  }

  node(kind: string, inputs: readonly Value[], outputs: readonly JitType[], range?: Range): Node {
    return this.insert(this.graph.create(kind, inputs, outputs), range);
  }

  constant(value: unknown, type: JitType, range?: Range): Value {
    const node = this.node('prim::Constant', [], [type], range);
    node.constant = { value };
    return node.output;
  }

  none(range?: Range): Value {
    return this.constant(null, NoneT, range);
  }

  bool(value: boolean, range?: Range): Value {
    return this.constant(value, BoolT, range);
  }

  string(value: string, range?: Range): Value {
    return this.constant(value, StrT, range);
  }

  /** A number written in the text: once per function, before everything else, as torch::jit keeps them. */
  number(value: number | bigint, isFloat: boolean, range: Range): Value {
    const key = `${isFloat ? 'f' : 'i'}${Object.is(value, -0) ? '-0' : value}`;
    let known = this.numbers.get(key);
    if (!known) {
      const node = this.graph.create('prim::Constant', [], [isFloat ? FloatT : IntT]);
      node.constant = { value };
      node.range = range;
      this.graph.block.prepend(node);
      this.numbers.set(key, (known = node.output));
    }
    return known;
  }

  defaultValue(arg: JitArgument): Value {
    return this.constant(arg.default, typeOfDefault(arg));
  }

  list(element: JitType, items: readonly Value[], range?: Range): Value {
    return this.node('prim::ListConstruct', items, [listOf(element)], range).output;
  }

  tuple(
    items: readonly Value[],
    type: TupleType = tupleOf(items.map((item) => item.type)),
    range?: Range,
  ): Value {
    let size = 1;
    for (const item of items) size += typeSizes.get(item.type) ?? 1;
    if (size > maxTypeSize) throw new CompileError(`a tuple type has more than ${maxTypeSize} parts`, range);
    typeSizes.set(type, size);
    return this.node('prim::TupleConstruct', items, [type], range).output;
  }

  unpackTuple(value: Value): readonly Value[] {
    if (value.node.kind === 'prim::TupleConstruct') return [...value.node.inputs];
    const known = value.node.kind === 'prim::Constant' ? value.node.constant?.value : undefined;
    if (Array.isArray(known))
      return (value.type as TupleType).elements.map((type, i) => this.constant(known[i], type));
    return this.node('prim::TupleUnpack', [value], (value.type as TupleType).elements).outputs;
  }

  /** Calls the operator of this name that the values fit, and returns its one result. */
  builtin(name: string, args: readonly Value[], range: Range): Value {
    return this.callBuiltin(
      name,
      args.map((value) => ({ value, range })),
      [],
      undefined,
      range,
    );
  }

  /** Calls an operator for what it does, not for a result. */
  statement(name: string, args: readonly Value[], range: Range): void {
    this.callBuiltin(
      name,
      args.map((value) => ({ value, range })),
      [],
      undefined,
      range,
      true,
    );
  }

  /** Calls an operator by overload resolution; several results come back as a tuple, none as None. */
  callBuiltin(
    name: string,
    args: readonly NamedValue[],
    kwargs: readonly NamedValue[],
    self: NamedValue | undefined,
    range: Range,
    isStatement = false,
  ): Value {
    const plain = candidatesNamed(name).filter(({ schema }) => !blocked.has(schema.name));
    const operators = kwargs.some((kwarg) => kwarg.name === 'out') ? withOutVariants(plain) : plain;
    const functions = builtinFunctions(name);
    const candidates = operators.length + functions.length;
    if (candidates === 0) throw new UnknownOperatorError(name, range);
    const problems: string[] = [];
    const fullPrefix = `${name.slice(0, name.indexOf('::'))}::`;
    const match = (schema: JitSchema, full: string, allowConversions: boolean) => {
      const matched = tryMatch(this, range, schema, args, kwargs, self, allowConversions);
      if (typeof matched !== 'string') return matched;
      problems.push(`${full.includes('::') ? full : full.replace(/^/, fullPrefix)}:\n${matched}`);
      return undefined;
    };
    for (const allowConversions of candidates === 1 ? [true] : [false, true]) {
      problems.length = 0;
      for (const operator of operators) {
        const schema = jitSchemaOf(operator.schema);
        const matched = match(schema, operator.schema.text, allowConversions);
        if (!matched) continue;
        const node = this.graph.create(name, matched.inputs, matched.returns);
        node.operator = operator;
        this.insert(node, range);
        return this.pack(node, schema.returnNames, isStatement);
      }
      for (const { schema, expand } of functions) {
        const matched = match(schema, describeSchema(schema), allowConversions);
        if (matched) return expand(new Body(this, range), matched.inputs);
      }
    }
    // PyTorch has a variant with `out` of each that computes a tensor, and so several.
    const isAlone = problems.length === 1 && operators.every((operator) => 'run' in operator);
    if (isAlone) throw new CompileError(`${problems[0]}\n`, range);
    throw new CompileError(`${variants(problems)}\nThe original call is`, range);
  }

  private pack(node: Node, names: readonly string[], isStatement: boolean): Value {
    if (node.outputs.length === 1 || isStatement) return node.output;
    if (node.outputs.length === 0) return this.none();
    const types = node.outputs.map((output) => output.type);
    const named = names.length > 0 && names.every((n) => n !== '');
    return this.tuple(node.outputs, named ? { ...tupleOf(types), fields: names } : tupleOf(types));
  }
}

/** Overloads that programs never mean. */
const blocked = new Set(['aten::view.dtype', 'aten::max.unary_out', 'aten::min.unary_out']);
