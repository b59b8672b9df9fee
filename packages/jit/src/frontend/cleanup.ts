/** What torch::jit does to every freshly compiled graph: simple tuples lowered, dead values dropped, constants pooled at the top. */
import { Device, Tensor } from '@sconce/core';
import { allNodes, type Block, type Graph, type Node, type Value } from '../ir/graph.ts';
import { EnumValue, graphText, type JitType, type TupleType } from '../ir/types.ts';
import type { ScalarOperator } from '../ops/operator.ts';
import { makeTuple } from '../ops/value.ts';

export function cleanUp(graph: Graph): void {
  eraseListLiterals(graph.block);
  lowerSimpleTuples(graph.block);
  removeDeadCode(graph.block);
  propagateConstants(graph.block);
  removeDeadCode(graph.block);
  poolConstants(graph);
  canonicalizeOutputs(graph.block);
}

/** An empty list that nothing gave another type is a list of tensors. */
function eraseListLiterals(block: Block): void {
  for (const node of allNodes(block)) {
    if (node.kind !== 'prim::EmptyListLiteral') continue;
    if (node.output.uses.length > 0) {
      const list = node.graph.create('prim::ListConstruct', [], [node.output.type]);
      list.owner = node.owner;
      node.owner!.nodes.splice(node.owner!.nodes.indexOf(node), 0, list);
      node.output.replaceAllUsesWith(list.output);
    }
    node.destroy();
  }
}

function lowerSimpleTuples(block: Block): void {
  for (const node of allNodes(block)) {
    if (node.kind === 'prim::TupleUnpack' && node.inputs[0].node.kind === 'prim::TupleConstruct') {
      const parts = node.inputs[0].node.inputs;
      node.outputs.forEach((output, i) => {
        output.replaceAllUsesWith(parts[i]);
      });
    } else if (node.kind === 'prim::TupleIndex' && node.inputs[0].node.kind === 'prim::TupleConstruct') {
      const index = node.inputs[1].node.constant?.value;
      const parts = node.inputs[0].node.inputs;
      if (typeof index === 'number')
        node.output.replaceAllUsesWith(parts[index < 0 ? index + parts.length : index]);
    }
  }
}

const immutable = (type: JitType): boolean =>
  ['int', 'float', 'bool', 'str', 'None', 'Device', 'Enum'].includes(type.kind) ||
  (type.kind === 'Tuple' && type.elements.every(immutable));

/** Runs what has only constant inputs and gives an immutable value. What would raise is left to raise when it is run. */
function propagateConstants(block: Block): void {
  for (const node of allNodes(block)) {
    if (
      node.kind === 'prim::Constant' ||
      node.outputs.length !== 1 ||
      node.blocks.length > 0 ||
      hasEffect(node)
    )
      continue;
    if (!immutable(node.output.type) || !node.inputs.every((input) => input.node.constant)) continue;
    const values = node.inputs.map((input) => input.node.constant!.value);
    let value: unknown;
    if (node.kind === 'prim::TupleConstruct') value = makeTuple(values, node.output.type as TupleType);
    else if (foldable(node)) {
      try {
        value = (node.operator as ScalarOperator).run(...(values as never[]));
      } catch {
        continue;
      }
    } else continue;
    const constant = node.graph.create('prim::Constant', [], [node.output.type]);
    constant.constant = { value };
    if (node.kind !== 'prim::TupleConstruct' && node.kind !== 'aten::device') constant.range = node.range;
    constant.owner = node.owner;
    node.owner!.nodes.splice(node.owner!.nodes.indexOf(node), 0, constant);
    node.output.replaceAllUsesWith(constant.output);
    node.destroy();
  }
}

/** Arithmetic on values whose static types are known exactly, so that no float needs its box. */
function foldable(node: Node): boolean {
  if (!node.operator || !('run' in node.operator) || node.operator.absent) return false;
  const exact = ['int', 'float', 'bool', 'str'];
  return (
    node.operator.schema.args.length === node.inputs.length &&
    node.inputs.length > 0 &&
    node.operator.schema.args.every(
      (arg, i) => exact.includes(arg.type.kind) && arg.type.kind === node.inputs[i].type.kind,
    )
  );
}

const effects = new Set([
  'prim::SetAttr',
  'prim::RaiseException',
  'prim::Print',
  'prim::CallMethod',
  'prim::CallFunction',
  'prim::Enter',
  'prim::Exit',
  'prim::fork',
  'aten::warn',
  'aten::wait',
  'aten::manual_seed',
  'aten::set_grad_enabled',
  'aten::save',
]); // prettier-ignore

/** Whether running the node can be seen other than through its outputs. */
function hasEffect(node: Node): boolean {
  if (effects.has(node.kind)) return true;
  if (node.kind === 'prim::If') return node.blocks.some((block) => block.nodes.some(hasEffect));
  if (node.kind === 'prim::Loop') return true;
  const schema = node.operator?.schema;
  if (!schema) return false;
  if (schema.args.some((arg) => arg.alias?.write)) return true;
  return random.has(node.kind);
}

/** A generator's next number is an effect: what follows draws from where this left it. */
const random = new Set(
  'rand rand_like randn randn_like randint randint_like randperm bernoulli multinomial normal poisson dropout'
    .split(' ')
    .map((name) => `aten::${name}`),
);

function removeDeadCode(block: Block): void {
  for (let i = block.nodes.length - 1; i >= 0; i--) {
    const node = block.nodes[i];
    if (node.kind === 'prim::If') removeUnusedBranchOutputs(node);
    if (node.kind === 'prim::Loop') removeUnusedCarried(node);
    for (const inner of node.blocks) removeDeadCode(inner);
    if (node.outputs.every((output) => output.uses.length === 0) && !hasEffect(node)) node.destroy();
  }
}

function removeUnusedBranchOutputs(node: Node): void {
  for (let i = node.outputs.length - 1; i >= 0; i--) {
    const output = node.outputs[i];
    if (output.uses.length > 0) continue;
    output.setDebugName('');
    node.outputs.splice(i, 1);
    for (const block of node.blocks) block.returnNode.removeInput(i);
  }
  node.outputs.forEach((output, i) => {
    output.offset = i;
  });
}

/** Drops carried values that nothing reads, within the loop or after it. */
function removeUnusedCarried(node: Node): void {
  const [body] = node.blocks;
  for (let i = node.outputs.length - 1; i >= 0; i--) {
    const output = node.outputs[i];
    const param = body.paramNode.outputs[i + 1];
    const onlyItself = param.uses.every(({ user, index }) => user === body.returnNode && index === i + 1);
    if (output.uses.length > 0 || !onlyItself) continue;
    body.returnNode.removeInput(i + 1);
    node.removeInput(i + 2);
    output.setDebugName('');
    param.setDebugName('');
    node.outputs.splice(i, 1);
    body.paramNode.outputs.splice(i + 1, 1);
  }
  node.outputs.forEach((output, i) => {
    output.offset = i;
  });
}

const objectIds = new WeakMap<object, number>();
let nextObjectId = 0;

function constantKey(node: Node): string | undefined {
  if (node.func) return `function ${node.func.name}`;
  // torch::jit tells enum constants apart, even equal ones.
  if (node.constant?.value instanceof EnumValue) return undefined;
  const text = (value: unknown): string => {
    if (
      value instanceof Tensor ||
      value instanceof EnumValue ||
      value instanceof Map ||
      (typeof value === 'object' && value !== null && !Array.isArray(value))
    ) {
      if (value instanceof Device) return `device ${value}`;
      let id = objectIds.get(value as object);
      if (id === undefined) objectIds.set(value as object, (id = nextObjectId++));
      return `object ${id}`;
    }
    if (Array.isArray(value)) return `[${value.map(text).join()}]`;
    if (typeof value === 'string') return JSON.stringify(value);
    return Object.is(value, -0) ? '-0' : String(value);
  };
  return `${graphText(node.output.type)} ${text(node.constant?.value)}`;
}

/** Equal constants become one; all move to the front, which reverses their order as it does in torch::jit. */
function poolConstants(graph: Graph): void {
  const pool = new Map<string, Value>();
  for (const node of [...allNodes(graph.block)]) {
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
    node.owner!.nodes.splice(node.owner!.nodes.indexOf(node), 1);
    graph.block.prepend(node);
  }
}

/** Orders the outputs of branches by their first use and drops the unused. */
function canonicalizeOutputs(block: Block): void {
  const position = new Map<Node, number>();
  let count = 0;
  const number = (inner: Block) => {
    for (const node of inner.nodes) {
      position.set(node, count++);
      for (const child of node.blocks) number(child);
    }
    position.set(inner.returnNode, count++);
  };
  number(block);
  const firstUse = (value: Value): [number, number] => {
    let best: [number, number] = [Number.POSITIVE_INFINITY, 0];
    for (const use of value.uses) {
      const at = position.get(use.user) ?? 0;
      if (at < best[0] || (at === best[0] && use.index < best[1])) best = [at, use.index];
    }
    return best;
  };
  for (const node of allNodes(block)) {
    if (node.kind !== 'prim::If' && node.kind !== 'prim::Loop') continue;
    if (node.outputs.length < 2) continue;
    const order = node.outputs.map((value, i) => ({ i, use: firstUse(value) }));
    order.sort((a, b) => a.use[0] - b.use[0] || a.use[1] - b.use[1] || a.i - b.i);
    if (order.every(({ i }, at) => i === at)) continue;
    const permute = <T>(list: readonly T[], skip: number): T[] => [
      ...list.slice(0, skip),
      ...order.map(({ i }) => list[skip + i]),
    ];
    const reinput = (target: Node, skip: number) => {
      const inputs = permute(target.inputs, skip);
      while (target.inputs.length) target.removeInput(target.inputs.length - 1);
      for (const input of inputs) target.addInput(input);
    };
    const reoutput = (target: Node, skip: number) => {
      const outputs = permute(target.outputs, skip);
      target.outputs.splice(0, target.outputs.length, ...outputs);
      outputs.forEach((output, i) => {
        output.offset = i;
      });
    };
    reoutput(node, 0);
    if (node.kind === 'prim::If') for (const inner of node.blocks) reinput(inner.returnNode, 0);
    else {
      reinput(node, 2);
      reoutput(node.blocks[0].paramNode, 1);
      reinput(node.blocks[0].returnNode, 1);
    }
  }
}
