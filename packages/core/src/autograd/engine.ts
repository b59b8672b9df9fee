/** The backward pass: walks the graph from outputs to leaves, each node once, the latest first. */

import { keep, temporarily } from '../dispatch/scope.ts';
import { TorchError } from '../errors.ts';
import { copyOf, fillWith } from '../kernel/elementwise.ts';
import { alias, empty } from '../tensor/create.ts';
import { isNonOverlappingAndDense, numelOf, sameShape } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { AutogradMeta } from './meta.ts';
import { is_grad_enabled, setRecording } from './mode.ts';
import type { Node } from './node.ts';
import { AccumulateGrad, edgeOf } from './record.ts';
import { Pass, ReadyQueue, type Task } from './task.ts';

export interface BackwardOptions {
  /** Keeps what nodes saved, so that the graph can be walked again. */
  retain_graph?: boolean | null;
  /** Records the backward pass itself, for gradients of gradients. */
  create_graph?: boolean;
}

function ones({ shape, dtype, backend }: Tensor): Tensor {
  const filled = empty(shape, dtype, backend);
  fillWith(filled, 1);
  return filled;
}

/** The gradient that a root starts with: the given one, or 1 for a scalar. */
function startOf(out: Tensor, given: Tensor | null, i: number): Tensor {
  if (given !== null) {
    if (!sameShape(given.shape, out.shape))
      throw new TorchError(
        `Mismatch in shape: grad_output[${i}] has a shape of torch.Size([${given.shape.join(', ')}]) and output[${i}] has a shape of torch.Size([${out.shape.join(', ')}]).`,
      );
    return given;
  }
  if (!out.requires_grad)
    throw new TorchError(`element ${i} of tensors does not require grad and does not have a grad_fn`);
  if (numelOf(out.shape) !== 1)
    throw new TorchError('grad can be implicitly created only for scalar outputs');
  return ones(out);
}

const noTensors: readonly Tensor[] = [];

/**
 * Runs the backward pass from `roots`, whose gradients are `given` or, where null, 1. With `inputs`, returns their
 * gradients (null where one is not reached) and touches no leaf, unless `accumulate`; without, adds to the `grad` of
 * every leaf.
 */
export function runBackward(
  roots: readonly Tensor[],
  given: readonly (Tensor | null)[],
  { retain_graph, create_graph = false }: BackwardOptions,
  inputs: readonly Tensor[] | null = null,
  accumulate = false,
): (Tensor | null)[] {
  const starts = roots.map((t, i) => startOf(t, given[i] ?? null, i));
  const rootEdges = roots.map((t) => {
    const edge = edgeOf(t);
    if (!edge) throw new TorchError('element 0 of tensors does not require grad and does not have a grad_fn');
    return edge;
  });
  const targets = (inputs ?? noTensors).map((t) => {
    const edge = edgeOf(t);
    if (!edge) throw new TorchError('One of the differentiated Tensors does not require grad');
    return edge;
  });
  const captured = targets.map((): Tensor | null => null);
  const pass = new Pass(!create_graph);
  const queue = new ReadyQueue();
  const keepsGraph = retain_graph ?? create_graph;

  const before = is_grad_enabled();
  setRecording(create_graph);
  try {
    pass.plan(rootEdges);
    if (inputs !== null) {
      targets.forEach(({ node, output }, position) => {
        (pass.taskOf(node).captures ??= []).push({ output, position });
      });
      pass.narrow();
    }
    for (let i = 0; i < rootEdges.length; i++) {
      const { node, output } = rootEdges[i];
      const task = pass.taskOf(node);
      if (task.missing === 0 && !task.hasGradient()) queue.push(task);
      task.add(output, starts[i], starts[i] !== given[i]);
    }
    while (queue.size > 0) {
      const task = queue.pop();
      const { node, grads, owned } = task;
      if (node.hooks !== null || node instanceof AccumulateGrad) runHooks(task);
      if (task.captures !== null)
        for (const { output, position } of task.captures) {
          const grad = grads[output];
          if (!grad) continue;
          task.giveAway(output);
          if (accumulate) accumulateInto(inputs![position], grad, create_graph, false);
          else captured[position] = grad;
        }
      if (node instanceof AccumulateGrad) {
        const [grad] = grads;
        if (grad !== null && inputs === null) accumulateInto(node.variable, grad, create_graph, owned[0]);
        else task.free();
        continue;
      }
      const runs = task.hasGradient() && (inputs === null || leadsOn(node));
      const results = runs ? applyNode(node, grads, create_graph) : null;
      if (runs && !keepsGraph) node.release();
      const { edges } = node;
      for (let i = 0; i < edges.length; i++) {
        const edge = edges[i];
        if (edge === null) continue;
        const next = edge.node.task!;
        const grad = results === null ? null : results[i];
        if (grad && next.isNeeded) next.add(edge.output, grad, isOwn(task, results!, i));
        if (--next.missing === 0) queue.push(next);
      }
      task.free();
    }
  } finally {
    setRecording(before);
    pass.end();
  }
  return captured;
}

const leadsOn = ({ edges }: Node): boolean => edges.some((e) => e !== null && e.node.task!.isNeeded);

/**
 * Whether result `i` is the engine's alone: it is on one edge only, and was made by the node or, passed on from above, was
 * the engine's there (and now is the next task's). One with several owners is the garbage collector's.
 */
function isOwn(task: Task, results: readonly (Tensor | null)[], i: number): boolean {
  const grad = results[i]!;
  let isShared = false;
  for (let k = 0; k < results.length; k++) if (k !== i && results[k] === grad) isShared = true;
  const from = task.grads.indexOf(grad);
  if (from < 0) return !isShared;
  const wasOwned = task.owned[from];
  task.giveAway(from);
  return wasOwned && !isShared;
}

function runHooks(task: Task): void {
  const { node, grads } = task;
  const { hooks } = node;
  if (hooks !== null)
    for (const { output, hook } of hooks.before) {
      const grad = grads[output];
      if (!grad) continue;
      task.giveAway(output); // the hook may keep it
      grads[output] = hook(grad) || grad;
    }
  const ofLeaf = node instanceof AccumulateGrad ? node.variable.meta!.hooks : null;
  if (ofLeaf !== null && grads[0] !== null)
    for (const hook of ofLeaf) {
      task.giveAway(0);
      grads[0] = hook(grads[0]) || grads[0];
    }
  if (hooks !== null)
    for (const { output, tensor } of hooks.retained) {
      const grad = grads[output];
      if (!grad) continue;
      task.giveAway(output);
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
  if (node.hooks !== null) for (const hook of node.hooks.after) results = hook(results, grads) || results;
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
    meta.grad = keep(create ? withSameHistory(grad) : alone ? grad : copyFor(variable, grad));
    if (mine && !alone && !create) grad.dispose();
  } else if (create) meta.grad = keep(meta.grad.add(grad) as Tensor);
  else {
    meta.grad.add_(grad);
    if (mine) grad.dispose();
  }
}

/** As PyTorch's contract has it: laid out as the variable is, where that is dense. */
function copyFor({ shape, strides }: Tensor, grad: Tensor): Tensor {
  return copyOf(grad, grad.dtype, isNonOverlappingAndDense(shape, strides) ? strides : undefined);
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
