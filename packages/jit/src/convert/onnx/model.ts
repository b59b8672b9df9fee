/** An ONNX model in the making: its nodes, constants, inputs and outputs, and how they are written. */
import { type DType, TorchError } from '@sconce/core';
import { Message } from './protobuf.ts';

/** The operator set that is written: the first with LayerNormalization. */
const OPSET = 17;
const IR_VERSION = 8;

export type Attribute = number | readonly number[] | string | { readonly float: number };
export type Attributes = Readonly<Record<string, Attribute | undefined>>;

/** A size, or the name of one that is open. */
export type Size = number | string;

const codes: Partial<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
};

export function codeOf(dtype: DType): number {
  const code = codes[dtype];
  if (code === undefined) throw new TorchError(`ONNX has no dtype for ${dtype}`);
  return code;
}

/** Protocol buffers end at 2 GiB. */
const MOST_BYTES = 2 ** 31 - 1;

export class OnnxGraph {
  private readonly nodes: Message[] = [];
  private readonly initializers: Message[] = [];
  private readonly inputs: Message[] = [];
  private readonly outputs: Message[] = [];
  private readonly small = new Map<string, string>();
  private readonly names = new Set<string>();
  private bytes = 0;

  /** A name that nothing has yet. */
  unique(wanted: string): string {
    const base = wanted.replace(/[^\w.]/g, '_') || 'value';
    let name = base;
    for (let i = 1; this.names.has(name); i++) name = `${base}_${i}`;
    this.names.add(name);
    return name;
  }

  /** Adds a node, and gives the names of its results. An input left out is ''. */
  nodeOf(
    type: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    outputs: readonly string[] = [''],
  ): string[] {
    const named = outputs.map((name) => this.unique(name || type.toLowerCase()));
    const node = new Message();
    for (const input of inputs) node.text(1, input);
    for (const output of named) node.text(2, output);
    node.text(3, `${type}_${this.nodes.length}`).text(4, type);
    for (const [name, value] of Object.entries(attributes))
      if (value !== undefined) node.message(5, attributeOf(name, value));
    this.nodes.push(node);
    return named;
  }

  /** The same for a node with one result. */
  node(type: string, inputs: readonly string[], attributes: Attributes = {}, output = ''): string {
    return this.nodeOf(type, inputs, attributes, [output])[0];
  }

  constant(data: Uint8Array, shape: readonly number[], dtype: DType, wanted = 'constant'): string {
    const key = data.length <= 256 ? `${dtype} ${shape} ${data}` : undefined;
    const known = key && this.small.get(key);
    if (known) return known;
    this.bytes += data.length;
    if (this.bytes > MOST_BYTES)
      throw new TorchError('the weights are more than the 2 GiB that one ONNX file can hold');
    const name = this.unique(wanted);
    if (key) this.small.set(key, name);
    const tensor = new Message();
    for (const size of shape) tensor.int(1, size);
    this.initializers.push(tensor.int(2, codeOf(dtype)).text(8, name).bytes(9, data));
    return name;
  }

  input(wanted: string, dtype: DType, shape: readonly Size[]): string {
    const name = this.unique(wanted);
    this.inputs.push(typedValue(name, dtype, shape));
    return name;
  }

  output(name: string, dtype: DType, shape: readonly Size[]): void {
    this.outputs.push(typedValue(name, dtype, shape));
  }

  /** The file. */
  finish(name: string): Uint8Array {
    const graph = new Message();
    for (const node of this.nodes) graph.message(1, node);
    graph.text(2, name);
    for (const tensor of this.initializers) graph.message(5, tensor);
    for (const value of this.inputs) graph.message(11, value);
    for (const value of this.outputs) graph.message(12, value);
    return new Message()
      .int(1, IR_VERSION)
      .text(2, 'sconce')
      .message(7, graph)
      .message(8, new Message().text(1, '').int(2, OPSET))
      .finish();
  }
}

function attributeOf(name: string, value: Attribute): Message {
  const message = new Message().text(1, name);
  if (typeof value === 'number') return message.int(3, value).int(20, 2);
  if (typeof value === 'string') return message.text(4, value).int(20, 3);
  if ('float' in value) return message.float(2, value.float).int(20, 1);
  for (const item of value) message.int(8, item);
  return message.int(20, 7);
}

function typedValue(name: string, dtype: DType, shape: readonly Size[]): Message {
  const sizes = new Message();
  for (const size of shape)
    sizes.message(1, typeof size === 'number' ? new Message().int(1, size) : new Message().text(2, size));
  const tensor = new Message().int(1, codeOf(dtype)).message(2, sizes);
  return new Message().text(1, name).message(2, new Message().message(1, tensor));
}
