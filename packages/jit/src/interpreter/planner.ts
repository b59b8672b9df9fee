/** A graph as a flat list of instructions over numbered slots, with jumps for branches and loops, and what dies after each. */
import type { Block, Graph, Node, Value } from '../ir/graph.ts';
import type { JitType } from '../ir/types.ts';
import { coercion } from './coerce.ts';
import { branch, call, context, fork, loop } from './control-flow.ts';
import { type Instruction, none, numberOf, type Operand, type Plan } from './instruction.ts';
import { isInPlace, isPlain, original, soleOwned, usesOf } from './lifetime.ts';
import { CoreCalls, ownCall } from './operator-calls.ts';
import { type Computation, primitive } from './primitives.ts';

export class Planner {
  /** Values that are their slot's alone. */
  sole!: ReadonlySet<Value>;
  private readonly code: Instruction[] = [];
  private readonly constants: unknown[] = [];
  private readonly constantAt = new Map<Value, Operand>();
  private readonly slotOf = new Map<Value, number>();
  private readonly free: number[] = [];
  private readonly calls = new CoreCalls();
  private slots = 0;

  constructor(
    private readonly name: string,
    private readonly returns: JitType,
  ) {}

  plan(graph: Graph): Plan {
    this.sole = soleOwned(graph);
    for (const input of graph.inputs) this.define(input);
    // One that goes on into a branch or a loop is borrowed there.
    const lent = graph.inputs.filter((input) =>
      [...usesOf(input)].some(({ user }) => user.kind === 'prim::Return' || user.kind === 'prim::Loop'),
    );
    this.block(graph.block, lent);
    const [result] = graph.outputs;
    this.emit({
      kind: 'return',
      value: this.operand(result),
      coerce: coercion(result.type, this.returns),
      drops: none,
      ends: none,
    });
    return {
      name: this.name,
      code: this.code,
      kinds: this.code.map(({ kind }) => numberOf[kind]),
      constants: this.constants,
      slots: this.slots,
      inputs: graph.inputs.length,
    };
  }

  emit(instruction: Instruction): void {
    this.code.push(instruction);
  }

  /** Instructions so far: where the next one will be. */
  get length(): number {
    return this.code.length;
  }

  /** A slot for the value. */
  define(value: Value): number {
    const slot = this.free.pop() ?? this.slots++;
    this.slotOf.set(value, slot);
    return slot;
  }

  /** A slot that no value of the graph has. */
  spare(): number {
    return this.slots++;
  }

  giveBack(slot: number): void {
    this.free.push(slot);
  }

  constant(value: unknown): Operand {
    return ~(this.constants.push(value) - 1);
  }

  operand(name: Value): Operand {
    const value = original(name);
    const slot = this.slotOf.get(value);
    if (slot !== undefined) return slot;
    let constant = this.constantAt.get(value);
    if (constant === undefined) {
      constant = this.constant(value.node.constant ? value.node.constant.value : null);
      this.constantAt.set(value, constant);
    }
    return constant;
  }

  /** Emits a block's nodes, and after each the end of the values that nothing later needs. */
  block(block: Block, keep: readonly Value[] = []): void {
    const last = new Map<Value, Node>();
    const touch = (node: Node, outer: Node): void => {
      for (const input of node.inputs) last.set(original(input), outer);
      for (const inner of node.blocks) {
        for (const child of inner.nodes) touch(child, outer);
        for (const result of inner.outputs) last.set(original(result), outer);
      }
    };
    for (const node of block.nodes) touch(node, node);
    const kept = new Set<Value>([...block.outputs, ...keep].map(original));
    const own = new Set<Value>(block.inputs);
    for (const node of block.nodes) for (const value of node.outputs) own.add(value);
    for (const node of block.nodes) {
      if (node.kind === 'prim::Constant') continue;
      this.node(node);
      const dead: Value[] = [];
      for (const value of new Set([...this.read(node), ...node.outputs].map(original))) {
        const endsHere = last.get(value) === node || (!last.has(value) && node.outputs.includes(value));
        if (own.has(value) && endsHere && !kept.has(value)) dead.push(value);
      }
      this.release(dead);
    }
  }

  private *read(node: Node): Generator<Value> {
    yield* node.inputs;
    for (const inner of node.blocks) {
      for (const child of inner.nodes) yield* this.read(child);
      yield* inner.outputs;
    }
  }

  /** The values are read no more: the last instruction ends them. */
  release(values: readonly Value[]): void {
    const drops: number[] = [];
    const ends: number[] = [];
    for (const value of values) {
      const slot = this.slotOf.get(value);
      if (slot === undefined) continue;
      if (this.sole.has(value)) ends.push(slot);
      else if (mayHold(value)) drops.push(slot);
      this.free.push(slot);
      this.slotOf.delete(value);
    }
    const last = this.code[this.code.length - 1];
    if (drops.length > 0) last.drops = [...last.drops, ...drops];
    if (ends.length > 0) last.ends = [...last.ends, ...ends];
  }

  /** Emits one node; what it returns means nothing. */
  private node(node: Node): unknown {
    switch (node.kind) {
      case 'prim::If':
        return branch(this, node);
      case 'prim::Loop':
        return loop(this, node);
      case 'prim::fork':
        return fork(this, node);
      case 'prim::CallMethod':
      case 'prim::CallFunction':
        return call(this, node);
      case 'prim::Enter':
      case 'prim::Exit':
        return context(this, node);
      default: {
        const computation = primitive(node);
        return computation ? this.compute(node, computation) : this.operator(node);
      }
    }
  }

  private compute(node: Node, { memory, run }: Computation): void {
    const args = node.inputs.map((input) => this.operand(input));
    const outs = node.outputs.map((value) => this.define(value));
    this.emit({ kind: 'run', run, args, outs, memory, node, drops: none, ends: none });
  }

  private operator(node: Node): void {
    const operator = node.operator!;
    if ('run' in operator) {
      this.compute(node, ownCall(node, operator));
      return;
    }
    const { call, taken } = this.calls.of(node, operator, (value) => this.slotOf.get(value) === undefined);
    const from = taken.map((input) => this.operand(input));
    const outs = isInPlace(node) ? [] : node.outputs.map((value) => this.define(value));
    this.emit({
      kind: 'op',
      call,
      from,
      outs,
      sole: isInPlace(node) || (outs.length > 0 && node.outputs.every((value) => this.sole.has(value))),
      memory: 'fresh',
      node,
      drops: none,
      ends: none,
    });
  }
}

/** Whether the value is, or contains, something that is counted. Numbers are not, nor what an attribute holds. */
const mayHold = ({ type, node }: Value): boolean => node.kind !== 'prim::GetAttr' && !isPlain(type);
