/** The backward pass: walks the graph from outputs to leaves, each node once, the latest first. */

import { keep, temporarily } from '../dispatch/scope.ts';
import { TorchError } from '../errors.ts';
import { alias } from '../tensor/create.ts';
import { isNonOverlappingAndDense, sameShape } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { AutogradMeta } from './meta.ts';
import { is_grad_enabled, setRecording } from './mode.ts';
import type { Edge, Node } from './node.ts';
import { AccumulateGrad, edgeOf } from './record.ts';

export interface BackwardOptions {
  /** Keeps what nodes saved, so that the graph can be walked again. */
  retain_graph?: boolean | null;
  /** Records the backward pass itself, for gradients of gradients. */
  create_graph?: boolean;
}

interface Capture {
  readonly output: number;
  readonly position: number;
}

/** A max-heap of nodes by sequence. */
class ReadyQueue {
  private readonly heap: Node[] = [];

  get size(): number {
    return this.heap.length;
  }

  push(node: Node): void {
    const { heap } = this;
    let i = heap.push(node) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent].sequence >= node.sequence) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = node;
  }

  pop(): Node {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop()!;
    const n = heap.length;
    if (n === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && heap[child + 1].sequence > heap[child].sequence) child++;
      if (heap[child].sequence <= last.sequence) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return top;
  }
}

/** How many times each node reachable from the roots will receive a gradient. */
function countDependencies(roots: readonly Node[]): Map<Node, number> {
  const counts = new Map<Node, number>();
  for (const r of roots) counts.set(r, 0);
  const stack = [...counts.keys()];
  while (stack.length > 0) {
    for (const edge of stack.pop()!.edges) {
      if (!edge) continue;
      const known = counts.get(edge.node);
      if (known === undefined) stack.push(edge.node);
      counts.set(edge.node, (known ?? 0) + 1);
    }
  }
  return counts;
}

/** The nodes on a way from a root to one of `targets`. */
function nodesTowards(roots: readonly Node[], targets: ReadonlySet<Node>): Set<Node> {
  const leads = new Map<Node, boolean>();
  const stack: { node: Node; next: number }[] = roots.map((node) => ({ node, next: 0 }));
  const entered = new Set<Node>();
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    if (top.next === 0) {
      if (entered.has(top.node)) {
        stack.pop();
        continue;
      }
      entered.add(top.node);
    }
    if (top.next < top.node.edges.length) {
      const edge = top.node.edges[top.next++];
      if (edge && !entered.has(edge.node)) stack.push({ node: edge.node, next: 0 });
      continue;
    }
    stack.pop();
    leads.set(
      top.node,
      targets.has(top.node) || top.node.edges.some((e) => e !== null && leads.get(e.node) === true),
    );
  }
  return new Set([...leads].filter(([, yes]) => yes).map(([node]) => node));
}

/** Gradients on their way, and which of them the engine itself made and may free. */
class Buffers {
  private readonly grads = new Map<Node, (Tensor | null)[]>();
  private readonly owned = new Set<Tensor>();

  constructor(private readonly mayFree: boolean) {}

  add({ node, output }: Edge, grad: Tensor, owned: boolean): void {
    let list = this.grads.get(node);
    if (!list) this.grads.set(node, (list = new Array(Math.max(node.outputs.length, 1)).fill(null)));
    const before = list[output];
    if (!before) {
      list[output] = grad;
      if (owned && this.mayFree) this.owned.add(grad);
      return;
    }
    const sum = before.add(grad) as Tensor;
    list[output] = sum;
    if (this.mayFree) {
      if (this.owned.delete(before)) before.dispose();
      if (owned) grad.dispose();
      this.owned.add(sum);
    }
  }

  take(node: Node): (Tensor | null)[] {
    const list = this.grads.get(node) ?? [null];
    this.grads.delete(node);
    return list;
  }

  isOwned(grad: Tensor): boolean {
    return this.owned.has(grad);
  }

  /** The gradient stays with somebody: the engine frees it no more. */
  giveAway(grad: Tensor): void {
    this.owned.delete(grad);
  }

  free(grad: Tensor | null): void {
    if (grad && this.owned.delete(grad)) grad.dispose();
  }
}

/**
 * Runs the backward pass from `roots`. With `inputs`, returns their gradients (null where one is not reached) and
 * touches no leaf, unless `accumulate`; without, adds to the `grad` of every leaf.
 */
export function runBackward(
  roots: readonly Tensor[],
  rootGrads: readonly Tensor[],
  { retain_graph, create_graph = false }: BackwardOptions,
  inputs?: readonly Tensor[],
  accumulate = false,
): (Tensor | null)[] {
  const keepGraph = retain_graph ?? create_graph;
  const rootEdges = roots.map((t) => {
    const edge = edgeOf(t);
    if (!edge) throw new TorchError('element 0 of tensors does not require grad and does not have a grad_fn');
    return edge;
  });
  const captures = new Map<Node, Capture[]>();
  inputs?.forEach((t, position) => {
    const edge = edgeOf(t);
    if (!edge) throw new TorchError('One of the differentiated Tensors does not require grad');
    const list = captures.get(edge.node) ?? [];
    captures.set(edge.node, [...list, { output: edge.output, position }]);
  });
  const rootNodes = rootEdges.map((e) => e.node);
  const counts = countDependencies(rootNodes);
  const needed = inputs && nodesTowards(rootNodes, new Set(captures.keys()));
  const captured: (Tensor | null)[] = (inputs ?? []).map(() => null);
  const buffers = new Buffers(!create_graph);
  const queue = new ReadyQueue();

  const before = is_grad_enabled();
  setRecording(create_graph);
  try {
    rootEdges.forEach((edge, i) => {
      buffers.add(edge, rootGrads[i], false);
    });
    for (const node of new Set(rootNodes)) if (counts.get(node) === 0) queue.push(node);
    while (queue.size > 0) {
      const node = queue.pop();
      const grads = buffers.take(node);
      runPreHooks(node, grads, buffers);
      for (const { output, position } of captures.get(node) ?? []) {
        const grad = grads[output];
        if (!grad) continue;
        buffers.giveAway(grad);
        if (accumulate && inputs) accumulateInto(inputs[position], grad, create_graph, false);
        else captured[position] = grad;
      }
      if (node instanceof AccumulateGrad) {
        const [grad] = grads;
        if (grad && !inputs) {
          const mine = buffers.isOwned(grad);
          buffers.giveAway(grad);
          accumulateInto(node.variable, grad, create_graph, mine);
        } else buffers.free(grad);
        continue;
      }
      const runs = grads.some(Boolean) && (!needed || node.edges.some((e) => e && needed.has(e.node)));
      const results = runs ? applyNode(node, grads, create_graph) : node.edges.map(() => null);
      if (!keepGraph && runs) node.release();
      node.edges.forEach((edge, i) => {
        if (!edge) return;
        const grad = results[i];
        if (grad && (!needed || needed.has(edge.node))) {
          // The same tensor on two edges, or passed on from above, has two owners: the finalizer frees it.
          const shared = grads.includes(grad) || results.indexOf(grad) !== results.lastIndexOf(grad);
          if (shared) buffers.giveAway(grad);
          buffers.add(edge, grad, !shared);
        }
        const left = counts.get(edge.node)! - 1;
        counts.set(edge.node, left);
        if (left === 0) queue.push(edge.node);
      });
      for (const g of grads) if (g && !results.includes(g)) buffers.free(g);
    }
  } finally {
    setRecording(before);
  }
  return captured;
}

function runPreHooks(node: Node, grads: (Tensor | null)[], buffers: Buffers): void {
  for (const { output, hook } of node.preHooks) {
    const grad = grads[output];
    if (!grad) continue;
    buffers.giveAway(grad); // the hook may keep it
    grads[output] = hook(grad) || grad;
  }
  if (node instanceof AccumulateGrad && grads[0]) {
    for (const hook of node.variable.meta?.hooks ?? []) {
      buffers.giveAway(grads[0]);
      grads[0] = hook(grads[0]) || grads[0];
    }
  }
  for (const { output, tensor } of node.retained) {
    const grad = grads[output];
    if (!grad) continue;
    buffers.giveAway(grad);
    const meta = AutogradMeta.of(tensor);
    meta.grad = keep(meta.grad ? (meta.grad.add(grad) as Tensor) : grad);
  }
}

function applyNode(
  node: Node,
  grads: readonly (Tensor | null)[],
  create: boolean,
): readonly (Tensor | null)[] {
  const results = create ? gradientsOf(node, grads) : temporarily(gradientsOf, node, grads, undefined, true);
  if (results.length !== node.edges.length)
    throw new TorchError(
      `Function ${node.name} returned an incorrect number of gradients (expected ${node.edges.length}, got ${results.length})`,
    );
  return results;
}

function gradientsOf(node: Node, grads: readonly (Tensor | null)[]): readonly (Tensor | null)[] {
  let results = node.apply(grads);
  for (const hook of node.hooks) results = hook(results, grads) || results;
  return results;
}

function accumulateInto(variable: Tensor, grad: Tensor, create: boolean, mine: boolean): void {
  const meta = AutogradMeta.of(variable);
  if (!sameShape(grad.shape, variable.shape))
    throw new TorchError(
      `the gradient's shape [${grad.shape.join(', ')}] is not the variable's, [${variable.shape.join(', ')}]`,
    );
  if (meta.grad === null) {
    const alone = mine && grad.storage.references === 1 && isNonOverlappingAndDense(grad.shape, grad.strides);
    meta.grad = keep(create ? withSameHistory(grad) : alone ? grad : (grad.clone() as Tensor));
    if (mine && !alone && !create) grad.dispose();
  } else if (create) meta.grad = keep(meta.grad.add(grad) as Tensor);
  else {
    meta.grad.add_(grad);
    if (mine) grad.dispose();
  }
}

/** A leaf's gradient that is itself part of a graph: another handle with the same history. */
function withSameHistory(grad: Tensor): Tensor {
  const copy = alias(grad);
  if (grad.requires_grad) {
    const meta = AutogradMeta.of(copy);
    const edge = edgeOf(grad);
    if (edge && !(edge.node instanceof AccumulateGrad)) {
      meta.node = edge.node;
      meta.output = edge.output;
      copy.viewVersion = copy.storage.version;
    }
  }
  return copy;
}
