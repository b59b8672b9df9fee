/** Loops that count and may stop before become `while` loops with a counter of their own, the one form that prints. */
import { type Block, type Graph, maxTripCount, type Node } from '../ir/graph.ts';
import { BoolT, IntT, type JitType } from '../ir/types.ts';
import { operatorsNamed } from '../ops/registry.ts';

export function canonicalizeModifiedLoops(graph: Graph): void {
  visit(graph.block);
}

function visit(block: Block): void {
  for (const node of [...block.nodes]) {
    for (const inner of node.blocks) visit(inner);
    if (node.kind === 'prim::Loop' && isModified(node)) canonicalize(node);
  }
}

const constantOf = (node: Node, i: number): unknown =>
  node.inputs[i].node.kind === 'prim::Constant' ? node.inputs[i].node.constant?.value : undefined;

/** Whether both the count and a condition may end the loop. */
function isModified(node: Node): boolean {
  const trips = constantOf(node, 0);
  const isCounted = BigInt((trips as number | bigint | undefined) ?? 0) !== maxTripCount;
  const next = node.blocks[0].outputs[0].node;
  const goesOn = next.kind === 'prim::Constant' && next.constant?.value === true;
  return isCounted && !(constantOf(node, 1) === true && goesOn);
}

function canonicalize(loop: Node): void {
  const { graph } = loop;
  const [body] = loop.blocks;
  const make = (kind: string, inputs: Node['inputs'], type: JitType, into?: Block): Node => {
    const node = graph.create(kind, inputs, [type]);
    if (kind !== 'prim::Constant') node.operator = scalarOperator(kind, inputs);
    if (into) into.append(node);
    else node.insertBefore(loop);
    return node;
  };
  const constant = (value: unknown) => {
    const node = make('prim::Constant', [], IntT);
    node.constant = { value };
    return node.output;
  };
  const zero = constant(0);
  const one = constant(1);
  const [trips, goes] = loop.inputs;
  let condition = make('aten::gt', [trips, zero], BoolT).output;
  const endless = constant(maxTripCount);
  if (constantOf(loop, 1) !== true) condition = make('aten::__and__', [condition, goes], BoolT).output;
  const rest = loop.inputs.slice(2);
  while (loop.inputs.length > 0) loop.removeInput(loop.inputs.length - 1);
  for (const input of [endless, condition, ...rest]) loop.addInput(input);
  loop.addOutput(IntT);
  loop.addInput(zero);
  const counter = body.paramNode.addOutput(IntT);
  body.paramNode.outputs[0].setDebugName('').replaceAllUsesWith(counter);
  const next = make('aten::add', [counter, one], IntT, body).output;
  body.returnNode.addInput(next);
  const isLess = make('aten::lt', [next, trips], BoolT, body).output;
  const goesOn = make('aten::__and__', [isLess, body.outputs[0]], BoolT, body).output;
  body.returnNode.removeInput(0);
  body.returnNode.insertInput(0, goesOn);
}

/** The overload for ints or bools. */
function scalarOperator(kind: string, inputs: Node['inputs']): Node['operator'] {
  return operatorsNamed(kind).find(
    ({ schema }) =>
      schema.args.length === inputs.length &&
      schema.args.every((arg, i) => arg.type.kind === inputs[i].type.kind),
  );
}
