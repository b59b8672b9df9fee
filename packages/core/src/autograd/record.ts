/** Attaching graph nodes to what operations return. */
import { TorchError } from '../errors.ts';
import { isFloat } from '../tensor/dtype.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { AutogradMeta } from './meta.ts';
import { type Edge, type GradientMeta, type Gradients, Node } from './node.ts';

/** Adds what arrives to a leaf's `grad`. */
export class AccumulateGrad extends Node {
  override readonly sequence = Number.MAX_SAFE_INTEGER;
  constructor(readonly variable: Tensor) {
    super('AccumulateGrad', []);
    this.outputs = [variable];
  }
  apply(): Gradients {
    throw new TorchError('AccumulateGrad is run by the engine');
  }
}

/** Where the gradients of `tensors` go. */
export function edgesOf(tensors: readonly (Tensor | null)[]): readonly (Edge | null)[] {
  const edges = new Array<Edge | null>(tensors.length);
  for (let i = 0; i < edges.length; i++) {
    const t = tensors[i];
    edges[i] = t === null ? null : edgeOf(t);
  }
  return edges;
}

const looksOf = ({ shape, dtype }: Tensor): GradientMeta => ({ shape, dtype });

/** What a gradient that goes along the edge must look like: as the output that it leads to. */
export const looksAlong = ({ node, output }: Edge): GradientMeta => node.outputs[output];

/** Where the gradient of `tensor` goes: the node that made it, its accumulator if it is a leaf, or nowhere. */
export function edgeOf(tensor: Tensor): Edge | null {
  const node = tensor.grad_fn;
  const meta = tensor.meta;
  if (node !== null) return node.edge(meta!.output);
  if (meta === null || !meta.requires_grad) return null;
  meta.accumulator ??= new AccumulateGrad(tensor);
  return meta.accumulator.edge(0);
}

/** Makes `node` the origin of `outputs` (of the first alone unless `all`); those that are not floating point stay without one. */
export function setHistory(node: Node, outputs: readonly Tensor[], all = true): void {
  node.outputs = outputs.length === 1 ? [looksOf(outputs[0])] : outputs.map(looksOf);
  for (let i = 0; i < outputs.length; i++) {
    const tensor = outputs[i];
    if (!isFloat(tensor.dtype) || (i > 0 && !all)) continue;
    const meta = AutogradMeta.of(tensor);
    meta.node = node;
    meta.output = i;
    tensor.viewVersion = tensor.storage.version;
  }
}

/** A tensor kept for backward: its memory stays, and a change in place is noticed. */
export class SavedTensor {
  private readonly version: number;
  private released = false;

  constructor(
    private readonly tensor: Tensor,
    private readonly by: string,
    private readonly isOutput: boolean,
  ) {
    this.version = tensor.storage.version;
    tensor.storage.retain();
  }

  get(): Tensor {
    if (this.released) throw new TorchError(usedTwice);
    const { version } = this.tensor.storage;
    if (version !== this.version) {
      const kind = `${this.tensor.backend.deviceType.toUpperCase()}${this.tensor.dtype} [${this.tensor.shape.join(', ')}]`;
      throw new TorchError(
        `one of the variables needed for gradient computation has been modified by an inplace operation: [${kind}], ${
          this.isOutput
            ? `which is output ${this.tensor.meta?.output ?? 0} of ${this.by}`
            : `saved by ${this.by}`
        }, is at version ${version}; expected version ${this.version} instead. Hint: clone the tensor before changing it in place.`,
      );
    }
    return this.tensor;
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    this.tensor.storage.releaseOne();
  }
}

export const usedTwice =
  'Trying to backward through the graph a second time (or directly access saved tensors after they have already been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors after calling backward.';
