/** Runs a graph node by node on example inputs, twice with different batches, and shows each call of an operator to a listener. */
import { TorchError } from '@sconce/core';
import { location } from '../frontend/source.ts';
import { execute } from '../interpreter/run.ts';
import { copyNode } from '../ir/copy.ts';
import { Func } from '../ir/function.ts';
import { type Block, Graph, type Node, type Value } from '../ir/graph.ts';
import { tupleOf } from '../ir/types.ts';
import { type Device, no_grad, Tensor } from '../ops/core.ts';

/** A value in each of the runs that go side by side. */
export type Runs = readonly unknown[];

/** A node of the graph as it ran: what each of its inputs and outputs was, in every run. */
export interface Step {
  readonly node: Node;
  readonly inputs: readonly Runs[];
  readonly outputs: readonly Runs[];
}

/** The runs do not do the same, so that no one graph stands for both. */
export class Divergence extends TorchError {
  override name = 'Divergence';
}

/** Where the node stands in the program's source, for messages. */
export const placeOf = ({ kind, range }: Node): string => {
  const place = range && location(range);
  return place ? `${kind} (${place})` : kind;
};

/** Runs one node over values of any kind. */
function single(node: Node): Func {
  const graph = new Graph();
  const values = new Map<Value, Value>();
  for (const input of new Set(node.inputs))
    values.set(input, graph.block.paramNode.addOutput().setType(input.type));
  const distinct = [...values.keys()];
  const copy = graph.block.append(copyNode(node, graph, values));
  const type = tupleOf(node.outputs.map((output) => output.type));
  graph.block.returnNode.addInput(
    graph.block.append(graph.create('prim::TupleConstruct', copy.outputs, [type])).output,
  );
  const params = distinct.map((value, i) => ({
    name: `p${i}`,
    type: value.type,
    hasDefault: false,
    kwargOnly: false,
  }));
  return new Func(
    node.kind,
    () => ({ name: node.kind, params, returns: type }),
    () => graph,
  );
}

export class Recorder {
  private readonly values = new Map<Value, Runs>();
  private readonly funcs = new Map<Node, Func>();
  /** Every tensor that a run made. */
  readonly made = new Set<Tensor>();

  constructor(
    private readonly graph: Graph,
    private readonly device: Device | null,
    /** Hears of each node that computes something, in the order in which they run. */
    private readonly heard: (step: Step) => void | Promise<void>,
  ) {}

  /** `args` has the graph's inputs for every run. Gives what the graph returns. */
  async run(args: readonly Runs[]): Promise<readonly Runs[]> {
    this.graph.inputs.forEach((input, i) => {
      this.values.set(input, args[i]);
    });
    await this.block(this.graph.block);
    return this.graph.outputs.map((output) => this.of(output));
  }

  private of(value: Value): Runs {
    return this.values.get(value)!;
  }

  /** What every run agrees on. */
  private agreed(value: Value, node: Node): unknown {
    const [first, ...others] = this.of(value);
    if (others.some((other) => other !== first))
      throw new Divergence(`${placeOf(node)} goes another way with another batch`);
    return first;
  }

  private async block(block: Block): Promise<void> {
    for (const node of block.nodes) await this.node(node);
  }

  private async node(node: Node): Promise<void> {
    switch (node.kind) {
      case 'prim::If': {
        const taken = node.blocks[this.agreed(node.inputs[0], node) ? 0 : 1];
        await this.block(taken);
        node.outputs.forEach((output, i) => {
          this.values.set(output, this.of(taken.outputs[i]));
        });
        return;
      }
      case 'prim::Loop':
        await this.loop(node);
        return;
      case 'prim::SetAttr':
        throw new TorchError(
          `${placeOf(node)} keeps '${node.name}' from call to call: what is converted cannot`,
        );
      case 'prim::Print':
      case 'aten::warn':
        return;
    }
    const inputs = node.inputs.map((input) => this.of(input));
    const count = inputs[0]?.length ?? this.runs;
    const results: (readonly unknown[])[] = [];
    for (let run = 0; run < count; run++) results.push(await this.compute(node, inputs, run));
    const outputs = node.outputs.map((_, i) => results.map((result) => result[i]));
    node.outputs.forEach((output, i) => {
      this.values.set(output, outputs[i]);
    });
    if (node.kind !== 'prim::Constant' && node.kind !== 'prim::GetAttr')
      for (const result of results) collect(result, this.made);
    await this.heard({ node, inputs, outputs });
  }

  private get runs(): number {
    return this.of(this.graph.inputs[0]).length;
  }

  private async compute(node: Node, inputs: readonly Runs[], run: number): Promise<readonly unknown[]> {
    if (node.kind === 'prim::Constant') return [node.func ?? node.constant?.value ?? null];
    let func = this.funcs.get(node);
    if (!func) this.funcs.set(node, (func = single(node)));
    const args = [...new Map(node.inputs.map((input, i) => [input, inputs[i][run]])).values()];
    try {
      return (await no_grad(() => execute(func, args, this.device))) as readonly unknown[];
    } catch (error) {
      // The first run came through here: what is wrong is the other batch.
      if (run === 0 || !(error instanceof TorchError)) throw error;
      throw new Divergence(`${placeOf(node)} takes no other batch: ${error.message}`);
    }
  }

  private async loop(node: Node): Promise<void> {
    const [body] = node.blocks;
    const runs = this.runs;
    let carried = node.inputs.slice(2).map((input) => this.of(input));
    const rounds = Number(this.agreed(node.inputs[0], node));
    let goOn = this.agreed(node.inputs[1], node);
    for (let round = 0; goOn && round < rounds; round++) {
      this.values.set(body.inputs[0], new Array(runs).fill(round));
      carried.forEach((value, i) => {
        this.values.set(body.inputs[i + 1], value);
      });
      await this.block(body);
      goOn = this.agreed(body.outputs[0], node);
      carried = body.outputs.slice(1).map((output) => this.of(output));
    }
    node.outputs.forEach((output, i) => {
      this.values.set(output, carried[i]);
    });
  }
}

/** The tensors in a value. */
export function collect(value: unknown, into: Set<Tensor>): void {
  if (value instanceof Tensor) into.add(value);
  else if (Array.isArray(value)) for (const item of value) collect(item, into);
  else if (value instanceof Map) for (const item of value.values()) collect(item, into);
}
