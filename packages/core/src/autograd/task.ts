/** A node's part in one backward pass: the gradients that have arrived, and whom they belong to. */
import { isNonOverlappingAndDense, sameShape } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Edge, Node } from './node.ts';

/** Where a gradient goes that the caller asked for. */
export interface Capture {
  readonly output: number;
  readonly position: number;
}

export class Task {
  /** How many gradients have yet to arrive. */
  missing = 0;
  /** One per output of the node; null where none has arrived. */
  readonly grads: (Tensor | null)[];
  /** Which of them the engine made itself, and alone knows of: it may change and free them. */
  readonly owned: boolean[];
  /** Whether the node is on the way to a tensor whose gradient is asked for. */
  isNeeded = true;
  captures: Capture[] | null = null;

  constructor(
    readonly node: Node,
    readonly pass: Pass,
    /** The node's part in the pass around this one, which started it from a hook. */
    readonly outer: Task | null,
  ) {
    const n = node.outputs.length;
    if (n <= 1) {
      this.grads = [null];
      this.owned = [false];
    } else {
      this.grads = new Array<Tensor | null>(n).fill(null);
      this.owned = new Array<boolean>(n).fill(false);
    }
  }

  add(output: number, grad: Tensor, owned: boolean): void {
    const before = this.grads[output];
    if (before === null) {
      this.grads[output] = grad;
      this.owned[output] = owned && this.pass.mayFree;
      return;
    }
    if (this.owned[output] && mayChange(before, grad)) before.add_(grad);
    else {
      this.grads[output] = before.add(grad) as Tensor;
      if (this.owned[output]) before.dispose();
      this.owned[output] = this.pass.mayFree;
    }
    if (owned && this.pass.mayFree) grad.dispose();
  }

  /** The gradient stays with somebody: the engine frees it no more. */
  giveAway(output: number): void {
    this.owned[output] = false;
  }

  hasGradient(): boolean {
    for (let i = 0; i < this.grads.length; i++) if (this.grads[i] !== null) return true;
    return false;
  }

  /** Frees what the engine owns, once the node has run. */
  free(): void {
    for (let i = 0; i < this.grads.length; i++) if (this.owned[i]) this.grads[i]!.dispose();
  }
}

/** One backward pass: a task for each node that its roots lead to. Nodes point at their tasks while it runs. */
export class Pass {
  readonly tasks: Task[] = [];

  /** Where the pass is recorded itself, its gradients may be part of a graph and are not the engine's to free. */
  constructor(readonly mayFree: boolean) {}

  taskOf(node: Node): Task {
    const { task } = node;
    if (task !== null && task.pass === this) return task;
    node.task = new Task(node, this, task);
    this.tasks.push(node.task);
    return node.task;
  }

  /** Makes the tasks, and counts the gradients that each will get. */
  plan(roots: readonly Edge[]): void {
    const { tasks } = this;
    for (let i = 0; i < roots.length; i++) this.taskOf(roots[i].node);
    // What is found is appended, and so visited in its turn.
    for (let k = 0; k < tasks.length; k++) {
      const { edges } = tasks[k].node;
      for (let i = 0; i < edges.length; i++) {
        const edge = edges[i];
        if (edge !== null) this.taskOf(edge.node).missing++;
      }
    }
  }

  /** Leaves out what is not on the way to a captured gradient. */
  narrow(): void {
    // A node is made after those that its edges lead to; accumulators alone count as the latest, and lead nowhere.
    const byAge = this.tasks.filter((t) => t.node.edges.length > 0);
    byAge.sort((a, b) => a.node.sequence - b.node.sequence);
    for (const t of this.tasks) t.isNeeded = t.captures !== null;
    for (const t of byAge)
      t.isNeeded ||= t.node.edges.some((e) => e !== null && this.taskOf(e.node).isNeeded);
  }

  end(): void {
    const { tasks } = this;
    for (let i = 0; i < tasks.length; i++) tasks[i].node.task = tasks[i].outer;
  }
}

/** Whether `sum` can be added to in place: nothing else looks at its memory, and the sum is of its kind. */
const mayChange = (sum: Tensor, more: Tensor): boolean =>
  sum.storage.references === 1 &&
  sum.dtype === more.dtype &&
  sameShape(sum.shape, more.shape) &&
  isNonOverlappingAndDense(sum.shape, sum.strides);

/** A max-heap by the nodes' sequence: the latest runs first. */
export class ReadyQueue {
  private readonly heap: Task[] = [];

  get size(): number {
    return this.heap.length;
  }

  push(task: Task): void {
    const { heap } = this;
    const { sequence } = task.node;
    let i = heap.push(task) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent].node.sequence >= sequence) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = task;
  }

  pop(): Task {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop()!;
    const n = heap.length;
    if (n === 0) return top;
    const { sequence } = last.node;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      if (child + 1 < n && heap[child + 1].node.sequence > heap[child].node.sequence) child++;
      if (heap[child].node.sequence <= sequence) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
