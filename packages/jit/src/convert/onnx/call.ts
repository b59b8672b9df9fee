/** One call of an operator as a converter sees it: arguments by their names in the schema, tensors by their names in the model. */
import { type DType, dtypes, readRaw, TorchError } from '@sconce/core';
import { PyFloat, Tensor } from '../../ops/core.ts';
import { Divergence, placeOf, type Runs, type Step } from '../recorder.ts';
import { type Attributes, codeOf, type OnnxGraph, type Size } from './model.ts';

/** What is known of a tensor of the program: where the model has it, or that it depends on no input. */
interface Entry {
  /** Undefined for one that does not depend on the inputs: a constant where it is used. */
  name?: string;
  /** Whether its memory was written through another window. */
  stale?: string;
}

/** `multiple * batch + offset`: a size that changes with the batch. */
export interface OpenSize {
  readonly multiple: number;
  readonly offset: number;
}
export type Dim = number | OpenSize;

export const isOpen = (dim: Dim): dim is OpenSize => typeof dim === 'object';

/** Tensors of the first run by what the model calls them. */
export class Names {
  private readonly entries = new Map<Tensor, Entry>();

  constructor(
    readonly graph: OnnxGraph,
    /** The batch of every run; one for a fixed one. */
    readonly batches: readonly number[],
    /** The input whose first size the batch is. */
    public batchInput = '',
  ) {}

  set(tensor: Tensor, name: string | undefined): void {
    this.entries.set(tensor, { name });
  }

  get(tensor: Tensor): Entry | undefined {
    return this.entries.get(tensor);
  }

  /** After a write in place: who looks through the same window sees the result, others must not be asked again. */
  written(tensor: Tensor, name: string, by: string): void {
    const window = ({ shape, strides, offset }: Tensor): string => `${shape}/${strides}/${offset}`;
    for (const [other, entry] of this.entries) {
      if (other.storage !== tensor.storage) continue;
      if (window(other) === window(tensor)) entry.name = name;
      else entry.stale = by;
    }
    this.set(tensor, name);
  }

  /** A size of each run as one: a number, or an expression of the batch. */
  dim(sizes: Runs, what: string): Dim {
    const [a, b] = sizes.map(Number);
    if (sizes.length === 1 || a === b) return a;
    const [m, n] = this.batches;
    const multiple = (b - a) / (n - m);
    if (!Number.isInteger(multiple)) throw new Divergence(`${what} does not follow the batch`);
    return { multiple, offset: a - multiple * m };
  }

  private size?: string;

  /** The dims as a tensor of int64, worked out by the model where they are open. */
  shape(dims: readonly Dim[]): string {
    const list = (values: readonly number[]): string =>
      this.graph.constant(
        new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
        [values.length],
        'int64',
        'shape',
      );
    if (!dims.some(isOpen)) return list(dims as readonly number[]);
    this.size ??= this.graph.node('Gather', [this.graph.node('Shape', [this.batchInput]), list([0])]);
    const parts = dims.map((dim) => {
      if (!isOpen(dim)) return list([dim]);
      const scaled =
        dim.multiple === 1 ? this.size! : this.graph.node('Mul', [this.size!, list([dim.multiple])]);
      return dim.offset === 0 ? scaled : this.graph.node('Add', [scaled, list([dim.offset])]);
    });
    return parts.length === 1 ? parts[0] : this.graph.node('Concat', parts, { axis: 0 });
  }

  /** The sizes as the model declares them. */
  declared(shapes: readonly (readonly number[])[]): Size[] {
    return shapes[0].map((_, i) => {
      const dim = this.dim(
        shapes.map((shape) => shape[i]),
        'a size',
      );
      if (!isOpen(dim)) return dim;
      if (dim.multiple === 1 && dim.offset === 0) return 'batch';
      return `${dim.multiple}*batch${dim.offset === 0 ? '' : `+${dim.offset}`}`;
    });
  }

  /** The tensor's name in the model; its elements as a constant where no input has to do with it. */
  async of(runs: readonly Tensor[], by: string): Promise<string> {
    const [tensor] = runs;
    const entry = this.entries.get(tensor);
    if (entry?.stale !== undefined)
      throw new TorchError(
        `${by} reads memory that ${entry.stale} wrote through another view: that cannot be converted`,
      );
    if (entry?.name !== undefined) return entry.name;
    const bytes = await bytesOf(tensor);
    if (runs.length > 1 && runs[1] !== tensor) {
      const others = await bytesOf(runs[1]);
      if (String(runs[1].shape) !== String(tensor.shape)) return this.filled(runs, bytes, others, by);
      if (bytes.some((byte, i) => byte !== others[i]))
        throw new Divergence(`${by} computes with the batch as a number`);
    }
    return this.graph.constant(bytes, tensor.shape, tensor.dtype);
  }

  /** A constant whose size follows the batch, which is one where all its elements are equal. */
  private filled(runs: readonly Tensor[], bytes: Uint8Array, others: Uint8Array, by: string): string {
    const [tensor] = runs;
    const size = dtypes[tensor.dtype].bytes;
    const first = bytes.subarray(0, size);
    const isFilled = (all: Uint8Array): boolean => all.every((byte, i) => byte === first[i % size]);
    if (bytes.length === 0 || !isFilled(bytes) || !isFilled(others))
      throw new Divergence(`${by} takes a constant that follows the batch`);
    const dims = tensor.shape.map((_, i) =>
      this.dim(
        runs.map(({ shape }) => shape[i]),
        by,
      ),
    );
    return this.graph.node('Expand', [this.graph.constant(first, [], tensor.dtype), this.shape(dims)]);
  }
}

/** A tensor's elements in order, little-endian. */
async function bytesOf(tensor: Tensor): Promise<Uint8Array> {
  const raw = await readRaw(tensor);
  // Copied: the constant outlives the memory, and may be a window on all of it.
  return new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength).slice();
}

const plain = (value: unknown): unknown =>
  value instanceof PyFloat ? value.value : typeof value === 'bigint' ? clampInt(value) : value;

/** The ends of ranges are often the largest int there is. */
const clampInt = (value: bigint): number => Number(value);

/** What a converter is given. */
export class Call {
  readonly place: string;
  private readonly at: ReadonlyMap<string, number>;

  constructor(
    readonly step: Step,
    readonly names: Names,
    private readonly known: ReadonlyMap<Tensor, string>,
  ) {
    this.place = placeOf(step.node);
    this.at = new Map(step.node.operator!.schema.args.map(({ name }, i) => [name, i]));
  }

  get graph(): OnnxGraph {
    return this.names.graph;
  }

  refuse(why: string): never {
    throw new TorchError(`${this.place} cannot be converted to ONNX: ${why}`);
  }

  private runs(name: string): Runs | undefined {
    const at = this.at.get(name);
    return at === undefined ? undefined : this.step.inputs[at];
  }

  /** An argument that is no tensor, as the first run had it. */
  value(name: string): unknown {
    const value = this.runs(name)?.[0];
    return Array.isArray(value) ? value.map(plain) : (plain(value) ?? null);
  }

  number(name: string): number {
    const value = this.value(name);
    return value === null ? Number.NaN : Number(value);
  }

  /** A list of numbers; one number stands for `length` equal ones. */
  numbers(name: string, length = 0): number[] {
    const value = this.value(name);
    if (value === null) return [];
    const list = Array.isArray(value) ? value.map(Number) : [Number(value)];
    return list.length === 1 && length > 1 ? new Array<number>(length).fill(list[0]) : list;
  }

  /** A list of sizes, which may follow the batch. */
  dims(name: string): Dim[] {
    const runs = this.runs(name)!;
    return (runs[0] as unknown[]).map((_, i) =>
      this.names.dim(
        runs.map((list) => plain((list as unknown[])[i])),
        this.place,
      ),
    );
  }

  /** A number that may not follow the batch. */
  fixed(name: string): number {
    const dim = this.names.dim(this.runs(name)!.map(plain), this.place);
    if (isOpen(dim)) throw new Divergence(`${this.place}: '${name}' follows the batch`);
    return dim;
  }

  /** The tensor of the first run. */
  tensor(name: string): Tensor {
    return this.runs(name)![0] as Tensor;
  }

  has(name: string): boolean {
    return this.runs(name)?.[0] instanceof Tensor;
  }

  isNumber(name: string): boolean {
    const value = this.value(name);
    return typeof value === 'number' || typeof value === 'boolean';
  }

  /** The tensor's name in the model. */
  input(name: string): string {
    return this.named(this.tensor(name));
  }

  /** A list of tensors, of the first run. */
  tensors(name: string): readonly Tensor[] {
    return this.runs(name)![0] as Tensor[];
  }

  inputs(name: string): string[] {
    return this.tensors(name).map((tensor) => this.named(tensor));
  }

  named(tensor: Tensor): string {
    return this.known.get(tensor)!;
  }

  /** The tensor's sizes, which may follow the batch. */
  sizes(name: string): Dim[] {
    const runs = this.runs(name) as readonly Tensor[];
    return runs[0].shape.map((_, i) =>
      this.names.dim(
        runs.map(({ shape }) => shape[i]),
        this.place,
      ),
    );
  }

  rank(name: string): number {
    return this.tensor(name).shape.length;
  }

  /** A dimension counted from the front. */
  axis(dim: number, rank: number): number {
    return dim < 0 ? dim + rank : dim;
  }

  /** A result of the first run. */
  result(i = 0): Tensor {
    return this.step.outputs[i][0] as Tensor;
  }

  resultSizes(i = 0): Dim[] {
    const runs = this.step.outputs[i] as readonly Tensor[];
    return runs[0].shape.map((_, at) =>
      this.names.dim(
        runs.map(({ shape }) => shape[at]),
        this.place,
      ),
    );
  }

  node(type: string, inputs: readonly string[], attributes?: Attributes): string {
    return this.graph.node(type, inputs, attributes, this.wanted);
  }

  /** What the program calls the result. */
  get wanted(): string {
    const [output] = this.step.node.outputs;
    return output?.hasDebugName ? output.debugName : '';
  }

  /** Numbers as a constant of the model. */
  constant(
    values: readonly number[],
    dtype: DType = 'int64',
    shape: readonly number[] = [values.length],
  ): string {
    return this.graph.constant(bytesFrom(values, dtype), shape, dtype);
  }

  scalar(value: number | boolean, dtype: DType): string {
    return this.constant([Number(value)], dtype, []);
  }

  cast(name: string, from: DType, to: DType): string {
    return from === to ? name : this.graph.node('Cast', [name], { to: codeOf(to) });
  }

  reshape(name: string, dims: readonly Dim[]): string {
    const open = dims.filter(isOpen).length;
    // One open size is what is left over.
    if (open === 1 && !dims.includes(0))
      return this.node('Reshape', [name, this.constant(dims.map((dim) => (isOpen(dim) ? -1 : dim)))]);
    return this.node('Reshape', [name, this.names.shape(dims)]);
  }
}

function bytesFrom(values: readonly number[], dtype: DType): Uint8Array {
  switch (dtype) {
    case 'float32':
      return new Uint8Array(Float32Array.from(values).buffer);
    case 'float64':
      return new Uint8Array(Float64Array.from(values).buffer);
    case 'int64':
      return new Uint8Array(BigInt64Array.from(values, (v) => saturated(v)).buffer);
    case 'int32':
      return new Uint8Array(Int32Array.from(values).buffer);
    case 'int16':
      return new Uint8Array(Int16Array.from(values).buffer);
    case 'int8':
      return new Uint8Array(Int8Array.from(values).buffer);
    case 'uint8':
    case 'bool':
      return Uint8Array.from(values);
    default:
      throw new TorchError(`a constant of ${dtype} cannot be written`);
  }
}

const LARGEST = 2n ** 63n - 1n;
const saturated = (value: number): bigint => (value >= 2 ** 63 ? LARGEST : BigInt(Math.trunc(value)));
