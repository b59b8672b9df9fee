/** The autograd graph: nodes that turn gradients of outputs into gradients of inputs, and the edges between them. */
import type { Tensor } from '../tensor/tensor.ts';
import type { Task } from './task.ts';

export type Gradients = readonly (Tensor | null)[];

/** Leads from a node to the one that made its input. */
export interface Edge {
  readonly node: Node;
  /** Which of that node's outputs the input is. */
  readonly output: number;
}

/** What a gradient must look like to flow along an edge. */
export interface GradientMeta {
  readonly shape: readonly number[];
  readonly dtype: Tensor['dtype'];
}

/** What users hang on a node. */
export class Hooks {
  /** Called with the node's results: `(grad_inputs, grad_outputs)`. */
  readonly after: ((inputs: Gradients, outputs: Gradients) => Gradients | undefined | void)[] = [];
  /** Called with the gradients that arrive, before the node runs; installed by hooks on the tensors it made. */
  readonly before: { readonly output: number; readonly hook: (grad: Tensor) => Tensor | undefined | void }[] =
    [];
  /** Tensors (not leaves) that asked to keep their gradient. */
  readonly retained: { readonly output: number; readonly tensor: Tensor }[] = [];
}

let nextSequence = 0;

export abstract class Node {
  /** Later nodes run first. */
  readonly sequence: number = nextSequence++;
  /** One per output of the forward operation. */
  outputs: readonly GradientMeta[] = [];
  /** Null where there are none, as on nearly all nodes. */
  hooks: Hooks | null = null;
  /** Its part in the backward pass that runs. */
  task: Task | null = null;
  private toFirst: Edge | null = null;

  constructor(
    readonly name: string,
    /** One per input of the forward operation; null where no gradient is wanted. */
    readonly edges: readonly (Edge | null)[],
  ) {}

  /** Gradients of the inputs (one per edge) from those of the outputs. */
  abstract apply(grads: Gradients): Gradients;

  /** Gives up what was saved for `apply`. */
  release(): void {}

  /** The edge that leads to this node's output. */
  edge(output: number): Edge {
    return output === 0 ? (this.toFirst ??= { node: this, output }) : { node: this, output };
  }

  get next_functions(): readonly (readonly [Node | null, number])[] {
    return this.edges.map((e) => [e?.node ?? null, e?.output ?? 0] as const);
  }

  toString(): string {
    return `<${this.name}>`;
  }
}

/** Where hooks on a node go. */
export const hooksOf = (node: Node): Hooks => (node.hooks ??= new Hooks());
