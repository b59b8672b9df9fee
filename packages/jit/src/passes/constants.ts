/** Constant propagation: what has only constant inputs is computed now, and branches that are decided are taken. */
import { evaluate } from '../interpreter/evaluate.ts';
import { insertConstant } from '../ir/copy.ts';
import { allNodes, type Block, type Graph, type Node } from '../ir/graph.ts';
import { typesEqual } from '../ir/type-relations.ts';
import type { JitType, TupleType } from '../ir/types.ts';
import { type Device, Tensor } from '../ops/core.ts';
import type { ScalarOperator } from '../ops/operator.ts';
import { makeTuple } from '../ops/value.ts';
import { AliasAnalysis } from './alias.ts';
import { hasEffect, isPure, isRandom } from './effects.ts';

const immutable = (type: JitType): boolean =>
  ['int', 'float', 'bool', 'str', 'None', 'Device', 'Enum'].includes(type.kind) ||
  (type.kind === 'Tuple' && type.elements.every(immutable));

/**
 * What the front end does to every graph: arithmetic and tuples of immutable values. What would raise is left to raise when
 * it is run.
 */
function propagateImmutableConstants(block: Block): boolean {
  let changed = false;
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
    } else {
      const results = mayRun(node) ? evaluate(node, null) : undefined;
      if (!results) continue;
      [value] = results;
    }
    const constant = node.graph.create('prim::Constant', [], [node.output.type]);
    constant.constant = { value };
    if (node.kind !== 'prim::TupleConstruct' && node.kind !== 'aten::device') constant.range = node.range;
    constant.insertBefore(node);
    node.output.replaceAllUsesWith(constant.output);
    node.destroy();
    changed = true;
  }
  return changed;
}

/** Any other operator on constants that nobody can change. */
const mayRun = (node: Node): boolean =>
  node.operator !== undefined &&
  !node.operator.schema.isVararg &&
  node.inputs.length > 0 &&
  !isRandom(node) &&
  node.inputs.every(
    (input) => immutable(input.type) || input.type.kind === 'number' || input.node.constant?.value === null,
  ) &&
  !('absent' in node.operator && node.operator.absent) &&
  node.kind !== 'prim::Uninitialized';

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

/** A result larger than its operands together, and than this, is rather computed again each time: `zeros([4096, 4096])`. */
const MOST_ELEMENTS = 1 << 16;

/** Of these only the value counts, so a constant may stand for them. Other containers could be changed by who gets them. */
function mayBecomeConstant(value: unknown, operands: readonly unknown[]): boolean {
  if (typeof value === 'function' || value instanceof Promise) return false;
  if (value instanceof Tensor) {
    const sizes = operands.map((o) => (o instanceof Tensor ? o.elements : 0));
    return !value.requires_grad && value.elements <= Math.max(MOST_ELEMENTS, ...sizes);
  }
  return (
    value === null ||
    typeof value !== 'object' ||
    (Array.isArray(value) && value.every((v) => typeof v !== 'object' || v === null))
  );
}

/**
 * Runs every pure node over constants, tensors included, takes branches whose condition is known, and removes loops that
 * never run. Nothing is computed ahead that is written anywhere, that raises, that must wait for a device, or whose result
 * the caller gets and could write.
 */
export function propagateConstants(
  graph: Graph,
  device: Device | null = null,
  aliases = new AliasAnalysis(graph),
): void {
  for (let changed = true; changed; ) {
    changed = false;
    takeDecidedBranches(graph);
    for (const node of [...allNodes(graph.block)])
      if (node.owner && compute(node, graph, aliases, device)) changed = true;
  }
}

/**
 * Takes branches whose condition is known and removes loops that never run, with the arithmetic that decides them; returns
 * whether anything changed.
 */
export function takeDecidedBranches(graph: Graph): boolean {
  let changedAny = false;
  for (let changed = true; changed; ) {
    changed = propagateImmutableConstants(graph.block);
    for (const node of [...allNodes(graph.block)]) {
      if (!node.owner) continue;
      if (node.kind === 'prim::If') changed = takeBranch(node) || joinEqualOutputs(node) || changed;
      else if (node.kind === 'prim::Loop') changed = skipLoop(node) || dropUnchanged(node) || changed;
    }
    changedAny ||= changed;
  }
  return changedAny;
}

/** What both branches give alike needs no branch. */
function joinEqualOutputs(node: Node): boolean {
  const [yes, no] = node.blocks;
  const before = node.outputs.length;
  for (let i = 0; i < node.outputs.length; ) {
    const [a, b] = [yes.outputs[i], no.outputs[i]];
    let same = a === b ? a : undefined;
    if (!same && equalConstants(a.node, b.node)) {
      const constant = node.graph.create('prim::Constant', [], [a.type]);
      constant.constant = a.node.constant!;
      constant.insertBefore(node);
      same = constant.output;
    }
    if (!same) {
      i++;
      continue;
    }
    const [output] = node.outputs.splice(i, 1);
    output.replaceAllUsesWith(same);
    output.setDebugName('');
    for (const block of node.blocks) block.returnNode.removeInput(i);
    node.outputs.forEach((other, at) => {
      other.offset = at;
    });
  }
  return node.outputs.length < before;
}

const equalConstants = (a: Node, b: Node): boolean =>
  a.kind === 'prim::Constant' &&
  b.kind === 'prim::Constant' &&
  a.constant !== undefined &&
  b.constant !== undefined &&
  (typeof a.constant.value !== 'object' || a.constant.value === null) &&
  Object.is(a.constant.value, b.constant.value) &&
  typesEqual(a.output.type, b.output.type);

/** What a loop carries along without changing it needs no carrying. */
function dropUnchanged(node: Node): boolean {
  const [body] = node.blocks;
  let isChanged = false;
  for (let i = node.outputs.length - 1; i >= 0; i--) {
    const param = body.paramNode.outputs[i + 1];
    if (body.outputs[i + 1] !== param) continue;
    const initial = node.inputs[i + 2];
    body.returnNode.removeInput(i + 1);
    const [output] = node.outputs.splice(i, 1);
    output.replaceAllUsesWith(initial);
    output.setDebugName('');
    param.replaceAllUsesWith(initial);
    param.setDebugName('');
    body.paramNode.outputs.splice(i + 1, 1);
    node.removeInput(i + 2);
    isChanged = true;
  }
  for (const list of [node.outputs, body.paramNode.outputs])
    list.forEach((value, at) => {
      value.offset = at;
    });
  return isChanged;
}

const constantOf = (node: Node, i: number): unknown => node.inputs[i].node.constant?.value;

function takeBranch(node: Node): boolean {
  const test = constantOf(node, 0);
  if (typeof test !== 'boolean') return false;
  const taken = node.blocks[test ? 0 : 1];
  for (const child of [...taken.nodes]) child.moveBefore(node);
  node.outputs.forEach((output, i) => {
    output.replaceAllUsesWith(taken.outputs[i]);
  });
  node.destroy();
  return true;
}

function skipLoop(node: Node): boolean {
  const never = constantOf(node, 1) === false || Number(constantOf(node, 0) ?? 1) <= 0;
  if (!never) return false;
  node.outputs.forEach((output, i) => {
    output.replaceAllUsesWith(node.inputs[i + 2]);
  });
  node.destroy();
  return true;
}

function compute(node: Node, graph: Graph, aliases: AliasAnalysis, device: Device | null): boolean {
  if (node.kind === 'prim::Constant' || node.outputs.length === 0 || !isPure(node)) return false;
  if (!node.inputs.every((input) => input.node.kind === 'prim::Constant' && input.node.constant))
    return false;
  if (node.kind.startsWith('prim::') && !folded.has(node.kind)) return false;
  const seen = [...node.inputs, ...node.outputs];
  if (seen.some((value) => aliases.isWritten(value))) return false;
  if (
    node.outputs.some(
      (output) =>
        !immutable(output.type) &&
        (!aliases.isLocal(output) || graph.outputs.some((result) => aliases.mayAlias(result, output))),
    )
  )
    return false;
  const operands = node.inputs.map((input) => input.node.constant!.value);
  const results = evaluate(node, device);
  if (!results) return false;
  if (!results.every((value) => mayBecomeConstant(value, operands))) return false;
  node.outputs.forEach((output, i) => {
    const name = output.hasDebugName ? output.debugName : undefined;
    output.setDebugName('');
    output.replaceAllUsesWith(insertConstant(node, results[i], output.type, name));
  });
  node.destroy();
  return true;
}

/** Forms of the language that are computed ahead; operators all are. */
const folded = new Set([
  'prim::ListConstruct',
  'prim::TupleConstruct',
  'prim::ListUnpack',
  'prim::TupleUnpack',
  'prim::TupleIndex',
  'prim::unchecked_cast',
  'prim::NumToTensor',
  'prim::dtype',
  'prim::device',
  'prim::layout',
  'prim::min',
  'prim::max',
]);
