/** Loop unrolling: a loop over a known range becomes its rounds; of one over an unknown range eight rounds become one. */
import { copyNode, insertConstant } from '../ir/copy.ts';
import type { AnyOperator, Block, Graph, Node, Value } from '../ir/graph.ts';
import { IntT } from '../ir/types.ts';
import { operatorsNamed } from '../ops/registry.ts';
import { eliminateDeadCode } from './dead-code.ts';
import { isForLoop } from './effects.ts';

/** torch::jit's measures. */
const ROUNDS_AT_ONCE = 8;
const LARGEST_BODY = 32;
const MOST_ROUNDS = 64;

/** Unrolls every loop whose count is known, and every small innermost one. */
export function unrollLoops(graph: Graph): void {
  if (unrollIn(graph.block, false)) eliminateDeadCode(graph.block);
}

/** Unrolls the loops whose count is known. */
export function unrollConstantLoops(graph: Graph): void {
  if (unrollIn(graph.block, true)) eliminateDeadCode(graph.block);
}

function unrollIn(block: Block, knownOnly: boolean): boolean {
  let changed = false;
  for (const node of [...block.nodes]) {
    for (const inner of node.blocks) if (unrollIn(inner, knownOnly)) changed = true;
    if (!isForLoop(node)) continue;
    const rounds = knownRounds(node);
    const isSmall = sizeOf(node.blocks[0]) <= LARGEST_BODY;
    if (knownOnly ? rounds === undefined : !isSmall) continue;
    countInLoop(node);
    if (rounds !== undefined && rounds < MOST_ROUNDS) unroll(node, rounds);
    else unrollInEights(node);
    changed = true;
  }
  return changed;
}

function knownRounds(loop: Node): number | undefined {
  const count = loop.inputs[0].node.constant?.value;
  return typeof count === 'number' || typeof count === 'bigint' ? Number(count) : undefined;
}

const sizeOf = (block: Block): number =>
  block.nodes.reduce((sum, node) => sum + 1 + node.blocks.reduce((inner, b) => inner + sizeOf(b), 0), 0);

function arithmetic(graph: Graph, name: string, a: Value, b: Value): Node {
  const node = graph.create(`aten::${name}`, [a, b], [IntT]);
  node.operator = operatorsNamed(node.kind).find(({ schema }) => takesInts(schema));
  return node;
}

const takesInts = ({ args }: AnyOperator['schema']): boolean =>
  args.length === 2 && args.every(({ type }) => type.kind === 'int');

/** Lets a loop that asks for its round's number carry one: what it is given means nothing once rounds are copied. */
function countInLoop(loop: Node): void {
  const { graph } = loop;
  const [body] = loop.blocks;
  if (body.inputs[0].uses.length === 0) return;
  loop.insertInput(2, insertConstant(loop, 0, IntT));
  const counter = body.paramNode.addOutput(IntT);
  moveTo(body.paramNode, counter, 1);
  moveTo(loop, loop.addOutput(IntT), 0);
  body.inputs[0].replaceAllUsesWith(counter);
  const one = graph.create('prim::Constant', [], [IntT]);
  one.constant = { value: 1 };
  body.append(one);
  const next = body.append(arithmetic(graph, 'add', counter, one.output));
  body.returnNode.insertInput(1, next.output);
}

function moveTo(node: Node, output: Value, at: number): void {
  node.outputs.splice(node.outputs.indexOf(output), 1);
  node.outputs.splice(at, 0, output);
  node.outputs.forEach((value, i) => {
    value.offset = i;
  });
}

/** Copies one round of the body, given what it carries; returns whether to go on, and what it hands on. */
function copyRound(body: Block, carried: readonly Value[], put: (node: Node) => void): Value[] {
  const values = new Map<Value, Value>();
  carried.forEach((value, i) => {
    values.set(body.inputs[i + 1], value);
  });
  for (const node of body.nodes) put(copyNode(node, body.graph, values));
  return body.outputs.map((value) => values.get(value) ?? value);
}

/** Replaces the loop by its rounds. */
function unroll(loop: Node, rounds: number): void {
  let carried = loop.inputs.slice(2);
  for (let i = 0; i < rounds; i++)
    [, ...carried] = copyRound(loop.blocks[0], carried, (node) => node.insertBefore(loop));
  loop.outputs.forEach((output, i) => {
    output.replaceAllUsesWith(carried[i]);
  });
  loop.destroy();
}

/** Makes eight rounds one, and lets a copy of the loop after it run the rounds that are left over. */
function unrollInEights(loop: Node): void {
  const { graph } = loop;
  const rest = copyNode(loop, graph, new Map());
  rest.insertBefore(loop);
  loop.moveBefore(rest);
  loop.outputs.forEach((output, i) => {
    output.replaceAllUsesWith(rest.outputs[i]);
  });
  while (rest.inputs.length > 2) rest.removeInput(rest.inputs.length - 1);
  for (const output of loop.outputs) rest.addInput(output);

  const [body] = loop.blocks;
  const once = [...body.nodes];
  let results: Value[] = [...body.inputs];
  const all: Node[] = [];
  for (let i = 0; i < ROUNDS_AT_ONCE; i++)
    results = copyRound(body, results.slice(1), (node) => {
      all.push(node);
    });
  while (body.returnNode.inputs.length) body.returnNode.removeInput(body.returnNode.inputs.length - 1);
  for (const node of once.reverse()) node.destroy();
  for (const node of all) body.append(node);
  for (const value of results) body.returnNode.addInput(value);

  const [rounds] = loop.inputs;
  const before = (name: string, a: Value, b: Value): Value => {
    const node = arithmetic(graph, name, a, b);
    node.insertBefore(loop);
    return node.output;
  };
  const eights = before('__round_to_zero_floordiv', rounds, insertConstant(loop, ROUNDS_AT_ONCE, IntT));
  replaceInput(loop, 0, eights);
  const done = before('mul', eights, insertConstant(loop, ROUNDS_AT_ONCE, IntT));
  replaceInput(rest, 0, before('sub', rounds, done));
}

function replaceInput(node: Node, at: number, value: Value): void {
  node.insertInput(at, value);
  node.removeInput(at + 1);
}
