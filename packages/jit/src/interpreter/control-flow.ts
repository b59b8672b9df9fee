/** Branches, loops, forks and calls: where a program goes on, and what goes with it. */
import type { Block, Node, Value } from '../ir/graph.ts';
import { Future } from '../ops/value.ts';
import { coercion } from './coerce.ts';
import { type Instruction, none } from './instruction.ts';
import { original } from './lifetime.ts';
import type { Planner } from './planner.ts';

/** A jump over each block, and a landing place. */
export function branch(p: Planner, node: Node): void {
  const test = p.operand(node.inputs[0]);
  const outs = node.outputs.map((value) => p.define(value));
  const [whenTrue, whenFalse] = node.blocks;
  const skip: Instruction = { kind: 'jumpUnless', test, target: 0, drops: none, ends: none, node };
  p.emit(skip);
  branchBody(p, whenTrue, node, outs);
  const leave: Instruction = { kind: 'jump', target: 0, drops: none, ends: none };
  p.emit(leave);
  skip.target = p.length;
  branchBody(p, whenFalse, node, outs);
  leave.target = p.length;
  // A landing place that both ways reach, so that what ends here is dropped on both.
  p.emit({ kind: 'move', from: [], to: [], coerce: [], sole: [], drops: none, ends: none });
}

function branchBody(p: Planner, block: Block, node: Node, outs: readonly number[]): void {
  p.block(block);
  const own = ownOutputs(block);
  p.emit({
    kind: 'move',
    from: block.outputs.map((value) => p.operand(value)),
    to: outs,
    coerce: block.outputs.map((value, i) => coercion(value.type, node.outputs[i].type)),
    sole: node.outputs.map((value) => p.sole.has(value)),
    drops: none,
    ends: none,
  });
  p.release(own);
}

/** The outputs that the block itself makes: they end with it. */
function ownOutputs(block: Block): Value[] {
  return [...new Set(block.outputs.map(original))].filter(
    (value) => value.node.owner === block && value.node.kind !== 'prim::Constant',
  );
}

export function loop(p: Planner, node: Node): void {
  const [body] = node.blocks;
  const [limit, initial, ...carried] = node.inputs;
  const [trip, ...params] = body.inputs;
  const [again, ...results] = body.outputs;
  const coerceIn = carried.map((value, i) => coercion(value.type, params[i].type));
  const paramSlots = params.map((param) => p.define(param));
  const counter = p.define(trip);
  // The condition is kept apart: the parameters that it may be one of get their next values first.
  const test = p.spare();
  p.emit({
    kind: 'move',
    from: carried.map((value) => p.operand(value)),
    to: paramSlots,
    coerce: coerceIn,
    sole: params.map((param) => p.sole.has(param)),
    drops: none,
    ends: none,
  });
  const begin: Instruction = {
    kind: 'loop',
    limit: p.operand(limit),
    counter,
    test: p.operand(initial),
    end: 0,
    drops: none,
    ends: none,
    node,
  };
  p.emit(begin);
  const start = p.length;
  p.block(body, body.inputs);
  const own = ownOutputs(body).filter((value) => !body.inputs.includes(value));
  // A loop that only counts needs no condition of its own.
  const isCounted = again.node.constant?.value === true;
  const tests = isCounted ? [] : [test];
  p.emit({
    kind: 'move',
    from: [...tests.map(() => p.operand(again)), ...results.map((value) => p.operand(value))],
    to: [...tests, ...paramSlots],
    coerce: [
      ...tests.map(() => undefined),
      ...results.map((value, i) => coercion(value.type, params[i].type)),
    ],
    sole: [...tests.map(() => false), ...params.map((param) => p.sole.has(param))],
    drops: none,
    ends: none,
  });
  p.emit({
    kind: 'next',
    limit: p.operand(limit),
    counter,
    test: isCounted ? p.operand(again) : test,
    start,
    drops: none,
    ends: none,
  });
  p.release(own);
  begin.end = p.length;
  const outs = node.outputs.map((value) => p.define(value));
  p.emit({
    kind: 'move',
    from: paramSlots,
    to: outs,
    coerce: params.map((param, i) => coercion(param.type, node.outputs[i].type)),
    sole: node.outputs.map((value) => p.sole.has(value)),
    drops: none,
    ends: none,
  });
  p.release([trip, ...params]);
  p.giveBack(test);
}

/** A forked block runs at once: its future is there when it is. */
export function fork(p: Planner, node: Node): void {
  const [block] = node.blocks;
  p.block(block);
  const [result] = block.outputs;
  const own = ownOutputs(block);
  p.emit({
    kind: 'run',
    run: ([value]) => new Future(value),
    args: [p.operand(result)],
    outs: [p.define(node.output)],
    memory: 'escapes',
    node,
    drops: none,
    ends: none,
  });
  p.release(own);
}

export function call(p: Planner, node: Node): void {
  const inputs = node.kind === 'prim::CallFunction' ? node.inputs.slice(1) : node.inputs;
  const { func } = node;
  const args = inputs.map((input) => p.operand(input));
  const params = func?.signature.params;
  const coerce = inputs.map((input, i) => params?.[i] && coercion(input.type, params[i].type));
  p.emit({
    kind: 'call',
    func,
    method: node.name ?? '',
    args,
    coerce,
    out: p.define(node.output),
    node,
    drops: none,
    ends: none,
  });
}

/** `__enter__` or `__exit__`. */
export function context(p: Planner, node: Node): void {
  const args = [p.operand(node.inputs[0])];
  // __exit__(self, type, value, traceback): no exception gets here, one ends the whole call.
  if (node.kind === 'prim::Exit')
    for (let i = 1; i < node.func!.signature.params.length; i++) {
      args.push(p.constant(null));
    }
  p.emit({
    kind: 'call',
    func: node.func,
    method: '',
    args,
    coerce: [],
    out: p.define(node.output),
    node,
    drops: none,
    ends: none,
  });
}
