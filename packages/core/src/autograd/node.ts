/** The autograd graph: nodes that turn gradients of outputs into gradients of inputs, and the edges between them. */
import type { Tensor } from '../tensor/tensor.ts';

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

let nextSequence = 0;

export abstract class Node {
  /** Later nodes run first. */
  readonly sequence: number = nextSequence++;
  /** One per output of the forward operation. */
  outputs: GradientMeta[] = [];
  /** Called with the node's results: `(grad_inputs, grad_outputs)`. */
  hooks: ((inputs: Gradients, outputs: Gradients) => Gradients | undefined | void)[] = [];
  /** Called with the gradients that arrive, before the node runs; installed by hooks on the tensors it made. */
  preHooks: { readonly output: number; readonly hook: (grad: Tensor) => Tensor | undefined | void }[] = [];
  /** Tensors (not leaves) that asked to keep their gradient. */
  retained: { readonly output: number; readonly tensor: Tensor }[] = [];

  constructor(
    readonly name: string,
    /** One per input of the forward operation; null where no gradient is wanted. */
    readonly edges: readonly (Edge | null)[],
  ) {}

  /** Gradients of the inputs (one per edge) from those of the outputs. */
  abstract apply(grads: Gradients): Gradients;

  /** Gives up what was saved for `apply`. */
  release(): void {}

  get next_functions(): readonly (readonly [Node | null, number])[] {
    return this.edges.map((e) => [e?.node ?? null, e?.output ?? 0] as const);
  }

  toString(): string {
    return `<${this.name}>`;
  }
}
