/** Constant pooling: equal constants become one, at the top of the graph. */
import type { Block, Graph, Node, Value } from '../ir/graph.ts';
import { graphText } from '../ir/type-text.ts';
import { EnumValue } from '../ir/types.ts';
import { Device, Tensor } from '../ops/core.ts';

const objectIds = new WeakMap<object, number>();
let nextObjectId = 0;

/** Equal keys, equal constants; undefined for one that stays alone. Tensors are equal where they are the same window of one memory. */
export function constantKey(node: Node): string | undefined {
  if (node.func) return `function ${node.func.name}`;
  // torch::jit tells enum constants apart, even equal ones.
  if (node.constant?.value instanceof EnumValue) return undefined;
  const idOf = (value: object): number => {
    let id = objectIds.get(value);
    if (id === undefined) objectIds.set(value, (id = nextObjectId++));
    return id;
  };
  const text = (value: unknown): string => {
    if (value instanceof Tensor) {
      const { storage, dtype, shape, strides, offset, requires_grad } = value;
      return `tensor ${idOf(storage)} ${dtype} ${shape} ${strides} ${offset} ${requires_grad}`;
    }
    if (Array.isArray(value)) return `[${value.map(text).join()}]`;
    if (value instanceof Device) return `device ${value}`;
    if (typeof value === 'object' && value !== null) return `object ${idOf(value)}`;
    if (typeof value === 'string') return JSON.stringify(value);
    return Object.is(value, -0) ? '-0' : String(value);
  };
  return `${graphText(node.output.type)} ${text(node.constant?.value)}`;
}

/** All constants move to the front, which reverses their order as it does in torch::jit; a forked body keeps its own. */
export function poolConstants(graph: Graph): void {
  poolInto(graph.block, graph.block, new Map());
}

function poolInto(front: Block, block: Block, pool: Map<string, Value>): void {
  for (const node of [...block.nodes]) {
    for (const inner of node.blocks)
      if (node.kind === 'prim::fork') poolInto(inner, inner, new Map());
      else poolInto(front, inner, pool);
    if (node.kind !== 'prim::Constant') continue;
    const key = constantKey(node);
    if (key !== undefined) {
      const known = pool.get(key);
      if (known) {
        node.output.replaceAllUsesWith(known);
        node.destroy();
        continue;
      }
      pool.set(key, node.output);
    }
    block.nodes.splice(block.nodes.indexOf(node), 1);
    front.prepend(node);
  }
}
