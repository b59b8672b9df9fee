/** Lifetimes: which values of a graph are tensors that one slot alone owns, so that they are freed without being counted. */
import type { Block, Graph, Node, Use, Value } from '../ir/graph.ts';
import type { JitType } from '../ir/types.ts';
import { makesFresh } from '../passes/alias.ts';
import { writesArguments } from '../passes/effects.ts';
import { coercion } from './coerce.ts';

/** Whether values of this type hold no tensor, and nothing that might. */
export const isPlain = (type: JitType): boolean =>
  ['int', 'float', 'bool', 'str', 'None', 'Device', 'number', 'Enum', 'Function'].includes(type.kind) ||
  (type.kind === 'List' && isPlain(type.element));

/** Whether the node's result is its first operand, changed. */
export const isInPlace = ({ operator }: Node): boolean =>
  operator !== undefined && !('run' in operator) && operator.meaning.kind === 'inplace';

/** What an in-place operator gives is its first operand under another name; the value that had it first. */
export function original(value: Value): Value {
  let first = value;
  while (isInPlace(first.node)) first = first.node.inputs[0];
  return first;
}

/** The uses of a value under all its names. */
export function* usesOf(value: Value): Generator<Use> {
  for (const use of value.uses) {
    yield use;
    if (use.index === 0 && isInPlace(use.user)) yield* usesOf(use.user.output);
  }
}

/** Whether the node's results are tensors of their own, never an operand itself handed on. */
function makesOwn(node: Node): boolean {
  const { operator } = node;
  if (!operator || 'run' in operator || !node.outputs.every((output) => output.type.kind === 'Tensor'))
    return false;
  return makesFresh(node) || (operator.meaning.kind === 'view' && node.outputs.length === 1);
}

/** Whether nobody has the operands any more once the node has run. */
function keepsNothing(node: Node): boolean {
  const { operator } = node;
  if (!operator) return false;
  if ('run' in operator)
    return !writesArguments(node) && node.outputs.every((output) => isPlain(output.type));
  return isInPlace(node) || makesOwn(node);
}

/** Where a value goes on under another name: into a loop, round it, out of it, or out of a branch. */
interface Passing {
  readonly from: Value;
  readonly to: Value;
}

/** All the ways on that values take through branches and loops. */
function passings(block: Block, all: Passing[] = []): Passing[] {
  for (const node of block.nodes) {
    for (const inner of node.blocks) passings(inner, all);
    if (node.kind === 'prim::If')
      for (const inner of node.blocks)
        inner.outputs.forEach((from, i) => {
          all.push({ from: original(from), to: node.outputs[i] });
        });
    if (node.kind !== 'prim::Loop') continue;
    const [body] = node.blocks;
    node.outputs.forEach((output, i) => {
      const param = body.inputs[i + 1];
      for (const from of [node.inputs[i + 2], body.outputs[i + 1]])
        all.push({ from: original(from), to: param });
      all.push({ from: param, to: output });
    });
  }
  return all;
}

/** Never the run's to free: arguments, constants and attributes belong to someone else. */
const isBorrowed = ({ node }: Value, graph: Graph): boolean =>
  node === graph.block.paramNode || node.kind === 'prim::Constant' || node.kind === 'prim::GetAttr';

/**
 * Tensors that are made by an operator, read by operators that keep nothing, and go on at most once, as the last thing that
 * is done with them: the slot that has one frees it, or hands it to the next.
 */
export function soleOwned(graph: Graph): Set<Value> {
  const ways = passings(graph.block);
  const into = new Map<Value, Value[]>();
  const onward = new Map<Value, Value[]>();
  for (const { from, to } of ways) {
    into.set(to, [...(into.get(to) ?? []), from]);
    onward.set(from, [...(onward.get(from) ?? []), to]);
  }
  const sole = new Set<Value>();
  const consider = (block: Block): void => {
    for (const value of block.inputs) if (into.has(value) && isReadOnly(value)) sole.add(value);
    for (const node of block.nodes) {
      for (const value of node.outputs)
        if ((makesOwn(node) || into.has(value)) && isReadOnly(value)) sole.add(value);
      node.blocks.forEach(consider);
    }
  };
  consider(graph.block);
  const mayGoOn = ({ from, to }: Passing): boolean =>
    (sole.has(from) || isBorrowed(from, graph)) && coercion(from.type, to.type) === undefined;
  for (let size = -1; size !== sole.size; ) {
    size = sole.size;
    for (const value of sole) {
      const comesWell = (into.get(value) ?? []).every((from) => mayGoOn({ from, to: value }));
      const goesWell = (onward.get(value) ?? []).every((to) => sole.has(to));
      const together = into.has(value) || value.node.outputs.every((output) => sole.has(output));
      if (!comesWell || !goesWell || !together) sole.delete(value);
    }
  }
  return sole;
}

/** Whether all readers keep nothing, but for one at the most that takes the value on at the end of its life. */
function isReadOnly(value: Value): boolean {
  if (value.type.kind !== 'Tensor') return false;
  const home = value.node.owner!;
  let goesOn: Node | undefined;
  for (const { user, index } of usesOf(value)) {
    if (user.kind === 'prim::Return' || (user.kind === 'prim::Loop' && index >= 2)) {
      if (goesOn || user.owner !== home || isForked(user)) return false;
      goesOn = user;
    } else if (!keepsNothing(user)) return false;
  }
  if (!goesOn || goesOn.kind === 'prim::Return') return true;
  // A loop takes it in: nothing reads it inside or after.
  const at = home.nodes.indexOf(goesOn);
  for (const { user } of usesOf(value)) if (user !== goesOn && positionIn(user, home) >= at) return false;
  return true;
}

/** Whether the block's result goes into a future, which keeps it. */
function isForked(result: Node): boolean {
  const outer = result.kind === 'prim::Return' ? result.owner!.owningNode : undefined;
  return outer !== undefined && outer.kind !== 'prim::If' && outer.kind !== 'prim::Loop';
}

function positionIn(node: Node, block: Block): number {
  let n = node;
  while (n.owner !== block) n = n.owner!.owningNode!;
  return block.nodes.indexOf(n);
}
