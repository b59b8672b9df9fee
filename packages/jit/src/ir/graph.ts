/** TorchScript's IR: graphs of blocks of nodes, whose values are numbered and named as torch::jit does it. */
import type { Operator } from '@sconce/core';
import type { Range } from '../frontend/source.ts';
import type { ScalarOperator } from '../ops/operator.ts';
import { copyGraph } from './copy.ts';
import type { Func } from './function.ts';
import { graphToString } from './print.ts';
import { type JitType, TensorT } from './types.ts';

export type AnyOperator = Operator | ScalarOperator;

export interface Use {
  readonly user: Node;
  readonly index: number;
}

export class Value {
  readonly id: number;
  uses: Use[] = [];
  type: JitType = TensorT;
  private name?: string;

  constructor(
    readonly node: Node,
    public offset: number,
  ) {
    this.id = node.graph.takeId();
  }

  /** What follows the `%`. */
  get debugName(): string {
    return this.name ?? String(this.id);
  }

  get hasDebugName(): boolean {
    return this.name !== undefined;
  }

  /** Gives the value this name; a value that had it is renamed with a suffix, as torch::jit does. */
  setDebugName(wanted: string): this {
    const { names, suffixes } = this.node.graph;
    if (this.name !== undefined) names.delete(this.name);
    this.name = undefined;
    if (wanted === '') return this;
    const owner = names.get(wanted);
    if (owner && owner !== this) {
      let base = wanted;
      let suffix = 1;
      const last = wanted.lastIndexOf('.');
      if (last > 0 && /^\d+$/.test(wanted.slice(last + 1))) {
        base = wanted.slice(0, last);
        suffix = Number(wanted.slice(last + 1));
      }
      let next = suffixes.get(base) ?? suffix;
      let replacement: string;
      do replacement = `${base}.${next++}`;
      while (names.has(replacement));
      suffixes.set(base, next + 1);
      names.set(replacement, owner);
      owner.name = replacement;
    }
    names.set(wanted, this);
    this.name = wanted;
    return this;
  }

  setType(type: JitType): this {
    this.type = type;
    return this;
  }

  replaceAllUsesWith(other: Value): void {
    for (const { user, index } of this.uses) {
      user.inputs[index] = other;
      other.uses.push({ user, index });
    }
    this.uses = [];
  }
}

export class Node {
  readonly inputs: Value[] = [];
  readonly outputs: Value[] = [];
  readonly blocks: Block[] = [];
  /** The attribute that names a slot, method or variable; constants and isinstance carry theirs below. */
  name?: string;
  /** A constant's value in the interpreter's representation. */
  constant?: { readonly value: unknown };
  /** Which `aten::warn` of the process this is: it warns once. */
  warnId?: number;
  /** What isinstance tests for. */
  types?: readonly JitType[];
  /** What a call runs, where that is known at compile time. */
  func?: Func;
  /** The operator that overload resolution chose. */
  operator?: AnyOperator;
  /** What a fused operator stands for. */
  subgraph?: Graph;
  owner?: Block;
  range?: Range;
  /** The modules in whose calls it was recorded: `__module.a/__module.a.b`. */
  scope?: string;

  constructor(
    readonly graph: Graph,
    /** `aten::add`, `prim::If`, … */
    readonly kind: string,
  ) {}

  addInput(value: Value): void {
    value.uses.push({ user: this, index: this.inputs.length });
    this.inputs.push(value);
  }

  insertInput(at: number, value: Value): void {
    const rest = this.inputs.slice(at);
    while (this.inputs.length > at) this.removeInput(this.inputs.length - 1);
    this.addInput(value);
    for (const input of rest) this.addInput(input);
  }

  removeInput(at: number): void {
    const rest = this.inputs.slice(at + 1);
    for (let i = this.inputs.length - 1; i >= at; i--) {
      const value = this.inputs.pop()!;
      const use = value.uses.findIndex((u) => u.user === this && u.index === i);
      value.uses.splice(use, 1);
    }
    for (const input of rest) this.addInput(input);
  }

  addOutput(type?: JitType): Value {
    const value = new Value(this, this.outputs.length);
    if (type) value.type = type;
    this.outputs.push(value);
    return value;
  }

  addBlock(): Block {
    const block = new Block(this.graph, this);
    this.blocks.push(block);
    return block;
  }

  get output(): Value {
    return this.outputs[0];
  }

  /** Removes the node and what it uses; its outputs must be unused. */
  destroy(): void {
    while (this.inputs.length) this.removeInput(this.inputs.length - 1);
    for (const block of this.blocks) block.destroy();
    for (const output of this.outputs) output.setDebugName('');
    if (this.owner) {
      this.owner.nodes.splice(this.owner.nodes.indexOf(this), 1);
      this.owner = undefined;
    }
  }

  /** Takes the node out of its block and puts it before another one. */
  moveBefore(other: Node): void {
    if (this.owner) this.owner.nodes.splice(this.owner.nodes.indexOf(this), 1);
    this.insertBefore(other);
  }

  /** Puts a node that is in no block yet before another one. */
  insertBefore(other: Node): void {
    this.owner = other.owner;
    other.owner!.nodes.splice(other.owner!.nodes.indexOf(other), 0, this);
  }

  /** Puts a node that is in no block yet behind another one. */
  insertAfter(other: Node): void {
    this.owner = other.owner;
    other.owner!.nodes.splice(other.owner!.nodes.indexOf(other) + 1, 0, this);
  }
}

export class Block {
  readonly nodes: Node[] = [];
  private owner?: Node;
  /** Its outputs are the block's inputs. */
  readonly paramNode: Node;
  /** Its inputs are the block's outputs. */
  readonly returnNode: Node;

  constructor(
    readonly graph: Graph,
    owner?: Node,
  ) {
    this.owner = owner;
    this.paramNode = new Node(graph, 'prim::Param');
    this.returnNode = new Node(graph, 'prim::Return');
    this.paramNode.owner = this;
    this.returnNode.owner = this;
  }

  /** The node that the block belongs to; undefined for a graph's own. */
  get owningNode(): Node | undefined {
    return this.owner;
  }

  /** Hands the block to another node, whose `blocks` it must be put in. */
  ownedBy(node: Node): this {
    this.owner = node;
    return this;
  }

  get inputs(): readonly Value[] {
    return this.paramNode.outputs;
  }

  get outputs(): readonly Value[] {
    return this.returnNode.inputs;
  }

  append(node: Node): Node {
    node.owner = this;
    this.nodes.push(node);
    return node;
  }

  prepend(node: Node): Node {
    node.owner = this;
    this.nodes.unshift(node);
    return node;
  }

  destroy(): void {
    while (this.returnNode.inputs.length) this.returnNode.removeInput(this.returnNode.inputs.length - 1);
    for (let i = this.nodes.length - 1; i >= 0; i--) this.nodes[i].destroy();
    for (const input of this.inputs) input.setDebugName('');
  }
}

/** A function's program. `torch.jit.graph_of` gives it, `torch.jit.passes` change it; as text it is what PyTorch prints. */
export class Graph {
  private nextId = 0;
  readonly names = new Map<string, Value>();
  readonly suffixes = new Map<string, number>();
  readonly block: Block;

  constructor() {
    this.block = new Block(this);
  }

  takeId(): number {
    return this.nextId++;
  }

  get inputs(): readonly Value[] {
    return this.block.inputs;
  }

  get outputs(): readonly Value[] {
    return this.block.outputs;
  }

  /** A graph of its own with the same nodes, numbered from 0. */
  copy(): Graph {
    return copyGraph(this);
  }

  toString(): string {
    return graphToString(this);
  }

  /** A node that is in no block yet. */
  create(kind: string, inputs: readonly Value[] = [], outputs: readonly JitType[] = []): Node {
    const node = new Node(this, kind);
    for (const input of inputs) node.addInput(input);
    for (const type of outputs) node.addOutput(type);
    return node;
  }
}

// What Node's console shows of it.
Object.defineProperty(Graph.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Graph) {
    return this.toString();
  },
});

/** The trip count of a loop that only its condition ends. */
export const maxTripCount = 9223372036854775807n;

/** Every node of a block and of the blocks inside, in program order. */
export function* allNodes(block: Block): Generator<Node> {
  for (const node of [...block.nodes]) {
    yield node;
    for (const inner of node.blocks) yield* allNodes(inner);
  }
}
