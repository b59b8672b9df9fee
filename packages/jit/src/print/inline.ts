/** Which values are printed in the place of their use: those for which reading the text again gives the same order of nodes. */
import type { Block, Node, Value } from '../ir/graph.ts';

const spawns = new Set(['prim::fork', 'rpc::rpc_async', 'rpc::rpc_sync', 'rpc::rpc_remote']);

function mayInline(value: Value): boolean {
  const { node, uses } = value;
  if (node.outputs.length !== 1 || uses.length !== 1) return false;
  const [{ user, index }] = uses;
  // Who gave a value a name wants to see it, unless it is only returned.
  if (value.hasDebugName && user.kind !== 'prim::Return') return false;
  if (node.blocks.length > 0) return false;
  if (user.kind === 'prim::Loop' && index >= 2) return false;
  // The compiler would refine by the test a second time.
  return !spawns.has(user.kind) && node.kind !== 'prim::isinstance';
}

/** Walks a function's nodes backwards, as its text would be evaluated forwards. */
export class Inlining {
  readonly inlined = new Set<Node>();
  private readonly before = new Map<Node, Node | undefined>();

  scan(block: Block): void {
    let previous: Node | undefined;
    for (const node of [...block.nodes, block.returnNode]) {
      this.before.set(node, previous);
      if (node.kind !== 'prim::Constant') previous = node;
    }
    this.scanNode(block.returnNode);
    for (let i = block.nodes.length - 1; i >= 0; i--) this.scanNode(block.nodes[i]);
  }

  /** Returns the node before everything that is printed with this one. */
  private scanNode(node: Node): Node | undefined {
    if (this.inlined.has(node)) return node;
    for (const block of node.blocks) this.scan(block);
    let point = this.before.get(node);
    for (let i = node.inputs.length - 1; i >= 0; i--) {
      const value = node.inputs[i];
      if (value.node.kind === 'prim::Constant') this.inlined.add(value.node);
      else if (value.node === point && mayInline(value)) {
        point = this.scanNode(value.node);
        this.inlined.add(value.node);
      }
    }
    return point;
  }
}
