/** A graph as a flat list of instructions over numbered slots, with jumps for branches and loops, and what dies after each. */
import type { Func } from '../ir/function.ts';
import type { Block, Graph, Node, Value } from '../ir/graph.ts';
import { bindVariables, substitute } from '../ir/type-variables.ts';
import type { JitType, TupleType } from '../ir/types.ts';
import { type Operator, repeated } from '../ops/core.ts';
import { jitSchemaOf } from '../ops/operator.ts';
import { output, toList } from '../ops/tensor.ts';
import { valueText } from '../ops/text.ts';
import { Future, makeTuple, ScriptObject } from '../ops/value.ts';
import { coercion, labelled } from './coerce.ts';
import {
  type Call,
  type Instruction,
  type Memory,
  numberOf,
  type Operand,
  type Plan,
} from './instruction.ts';
import { isInstance } from './isinstance.ts';
import { isInPlace, original, soleOwned, usesOf } from './lifetime.ts';
import { actualDevice, fromCore, marshalArguments, readsDevice } from './marshal.ts';

const plans = new WeakMap<Graph, Plan>();

/** The plan of a function; compiled once. */
export function planOf(func: Func): Plan {
  const { graph } = func;
  let plan = plans.get(graph);
  if (!plan) plans.set(graph, (plan = new Planner(func.name, func.signature.returns).plan(graph)));
  return plan;
}

/** To be called when a graph has changed: its plan is made anew. */
export function forgetPlan(graph: Graph): void {
  plans.delete(graph);
}

/** Formats what `print` shows. */
const print = (args: unknown[]): null => {
  output.print(args.map((arg) => valueText(arg)).join(' '));
  return null;
};

/** Operators that show or hash a value of any type, and so must know floats and containers. */
const labelling = new Set([
  'aten::str',
  'aten::format',
  'aten::percentFormat',
  'aten::hash',
  'aten::tensor',
  'aten::as_tensor',
]);
/** The jit's own operators that make tensors. */
const freshScalarOperators = new Set([
  'aten::tensor',
  'aten::as_tensor',
  'aten::to',
  'aten::cpu',
  'aten::cuda',
  'prim::NumToTensor',
]);
/** Those that take a device, which an archive's `cpu` only stands for. */
const placing = new Set(['aten::tensor', 'aten::as_tensor', 'aten::to']);

/** What most instructions end: one array for all, since they are many and read once each. */
const none: readonly number[] = [];

class Planner {
  private readonly code: Instruction[] = [];
  private readonly constants: unknown[] = [];
  private readonly constantAt = new Map<Value, Operand>();
  private readonly slotOf = new Map<Value, number>();
  private readonly free: number[] = [];
  private readonly calls = new Map<Operator, Call[]>();
  private sole!: ReadonlySet<Value>;
  private slots = 0;

  constructor(
    private readonly name: string,
    private readonly returns: JitType,
  ) {}

  plan(graph: Graph): Plan {
    this.sole = soleOwned(graph);
    for (const input of graph.inputs) this.define(input);
    // One that goes on into a branch or a loop is borrowed there.
    const lent = graph.inputs.filter((input) =>
      [...usesOf(input)].some(({ user }) => user.kind === 'prim::Return' || user.kind === 'prim::Loop'),
    );
    this.block(graph.block, lent);
    const [result] = graph.outputs;
    this.code.push({
      kind: 'return',
      value: this.operand(result),
      coerce: coercion(result.type, this.returns),
      drops: none,
      ends: none,
    });
    return {
      name: this.name,
      code: this.code,
      kinds: this.code.map(({ kind }) => numberOf[kind]),
      constants: this.constants,
      slots: this.slots,
      inputs: graph.inputs.length,
    };
  }

  private define(value: Value): number {
    const slot = this.free.pop() ?? this.slots++;
    this.slotOf.set(value, slot);
    return slot;
  }

  private operand(name: Value): Operand {
    const value = original(name);
    const slot = this.slotOf.get(value);
    if (slot !== undefined) return slot;
    let constant = this.constantAt.get(value);
    if (constant === undefined) {
      constant = ~this.constants.length;
      this.constants.push(value.node.constant ? value.node.constant.value : null);
      this.constantAt.set(value, constant);
    }
    return constant;
  }

  /** Emits a block's nodes, and after each the end of the values that nothing later needs. */
  private block(block: Block, keep: readonly Value[] = []): void {
    const last = new Map<Value, Node>();
    const touch = (node: Node, outer: Node): void => {
      for (const input of node.inputs) last.set(original(input), outer);
      for (const inner of node.blocks) {
        for (const child of inner.nodes) touch(child, outer);
        for (const result of inner.outputs) last.set(original(result), outer);
      }
    };
    for (const node of block.nodes) touch(node, node);
    const kept = new Set<Value>([...block.outputs, ...keep].map(original));
    const own = new Set<Value>(block.inputs);
    for (const node of block.nodes) for (const value of node.outputs) own.add(value);
    for (const node of block.nodes) {
      if (node.kind === 'prim::Constant') continue;
      this.node(node);
      const dead: Value[] = [];
      for (const value of new Set([...this.read(node), ...node.outputs].map(original))) {
        const endsHere = last.get(value) === node || (!last.has(value) && node.outputs.includes(value));
        if (own.has(value) && endsHere && !kept.has(value)) dead.push(value);
      }
      this.release(dead);
    }
  }

  private *read(node: Node): Generator<Value> {
    yield* node.inputs;
    for (const inner of node.blocks) {
      for (const child of inner.nodes) yield* this.read(child);
      yield* inner.outputs;
    }
  }

  private release(values: readonly Value[]): void {
    const drops: number[] = [];
    const ends: number[] = [];
    for (const value of values) {
      const slot = this.slotOf.get(value);
      if (slot === undefined) continue;
      if (this.sole.has(value)) ends.push(slot);
      else if (mayHold(value)) drops.push(slot);
      this.free.push(slot);
      this.slotOf.delete(value);
    }
    const last = this.code[this.code.length - 1];
    if (drops.length > 0) last.drops = [...last.drops, ...drops];
    if (ends.length > 0) last.ends = [...last.ends, ...ends];
  }

  private run(
    node: Node,
    memory: Memory,
    run: (args: unknown[]) => unknown,
    inputs: readonly Value[] = node.inputs,
  ): void {
    const args = inputs.map((input) => this.operand(input));
    const outs = node.outputs.map((value) => this.define(value));
    this.code.push({ kind: 'run', run, args, outs, memory, node, drops: none, ends: none });
  }

  /** Emits one node; what it returns means nothing. */
  private node(node: Node): unknown {
    switch (node.kind) {
      case 'prim::If':
        return this.branch(node);
      case 'prim::Loop':
        return this.loop(node);
      case 'prim::fork':
        return this.fork(node);
      case 'prim::CallMethod':
      case 'prim::CallFunction':
        return this.call(node);
      case 'prim::Enter':
      case 'prim::Exit':
        return this.context(node);
      case 'prim::GetAttr': {
        const slot = slotOf(node);
        return this.run(node, 'plain', ([object]) => (object as ScriptObject).slots[slot]);
      }
      case 'prim::SetAttr': {
        const slot = slotOf(node);
        const type = node.inputs[0].type as { attributes?: readonly { type: JitType }[] };
        const coerce = coercion(node.inputs[1].type, type.attributes![slot].type);
        return this.run(node, 'escapes', ([object, value]) => {
          (object as ScriptObject).slots[slot] = coerce ? coerce(value) : value;
        });
      }
      case 'prim::ListConstruct': {
        const { element } = node.output.type as { element: JitType };
        return this.run(
          node,
          'holds',
          this.coerced(
            node.inputs,
            () => element,
            (args) => args,
          ),
        );
      }
      case 'prim::TupleConstruct': {
        const type = node.output.type as TupleType;
        return this.run(
          node,
          'holds',
          this.coerced(
            node.inputs,
            (i) => type.elements[i],
            (args) => makeTuple(args, type),
          ),
        );
      }
      case 'prim::DictConstruct': {
        const { key, value } = node.output.type as { key: JitType; value: JitType };
        return this.run(
          node,
          'holds',
          this.coerced(
            node.inputs,
            (i) => (i % 2 ? value : key),
            (args) => {
              const dict = new Map<unknown, unknown>();
              for (let i = 0; i < args.length; i += 2) dict.set(args[i], args[i + 1]);
              return dict;
            },
          ),
        );
      }
      case 'prim::TupleUnpack':
        return this.run(node, 'plain', ([tuple]) =>
          node.outputs.length === 1 ? (tuple as unknown[])[0] : tuple,
        );
      case 'prim::ListUnpack': {
        const count = node.outputs.length;
        return this.run(node, 'plain', ([list]) => {
          const items = list as unknown[];
          if (items.length !== count)
            throw new Error(`Expected ${count} elements in a list but found ${items.length}`);
          return count === 1 ? items[0] : items;
        });
      }
      case 'prim::TupleIndex':
        return this.run(node, 'plain', ([tuple, index]) => {
          const items = tuple as unknown[];
          const at = Number(index) < 0 ? Number(index) + items.length : Number(index);
          if (at < 0 || at >= items.length) throw new Error('Tuple index out of range');
          return items[at];
        });
      case 'prim::CreateObject':
        return this.run(
          node,
          'plain',
          () => new ScriptObject(node.output.type as ConstructorParameters<typeof ScriptObject>[0]),
        );
      case 'prim::Uninitialized':
        return this.run(node, 'plain', () => null);
      case 'prim::unchecked_cast': {
        const coerce = coercion(node.inputs[0].type, node.output.type);
        return this.run(node, 'plain', ([value]) => (coerce ? coerce(value) : value));
      }
      case 'prim::isinstance': {
        const { type } = node.inputs[0];
        const types = node.types!;
        return this.run(node, 'plain', ([value]) => types.some((wanted) => isInstance(value, wanted, type)));
      }
      case 'prim::EnumName':
        return this.run(node, 'plain', ([member]) => (member as { name: string }).name);
      case 'prim::EnumValue':
        return this.run(node, 'plain', ([member]) => (member as { value: unknown }).value);
      case 'prim::ModuleContainerIndex':
        return this.run(node, 'plain', ([object, key]) => (object as ScriptObject).get(String(key)));
      case 'prim::Print': {
        const labels = node.inputs.map((input) => labelled(input.type));
        return this.run(node, 'plain', (args) => print(args.map((arg, i) => labels[i]?.(arg) ?? arg)));
      }
      case 'prim::tolist': {
        return this.run(node, 'plain', ([tensor, dims, element]) =>
          toList(tensor as never, dims as never, element as never),
        );
      }
      default:
        return this.operator(node);
    }
  }

  private coerced(
    inputs: readonly Value[],
    to: (i: number) => JitType,
    make: (args: unknown[]) => unknown,
  ): (args: unknown[]) => unknown {
    const coercions = inputs.map((input, i) => coercion(input.type, to(i)));
    if (coercions.every((coerce) => coerce === undefined)) return make;
    return (args) => make(args.map((arg, i) => (coercions[i] ? coercions[i](arg) : arg)));
  }

  private operator(node: Node): void {
    const operator = node.operator!;
    const { schema } = operator;
    if (!('run' in operator)) {
      this.coreOperator(node, operator);
      return;
    }
    const formals = concreteTypes(node);
    const labels = labelling.has(node.kind);
    const convert = node.inputs.map((input, i) =>
      labels ? labelled(input.type) : formals[i] && coercion(input.type, formals[i]),
    );
    const isDevice = schema.args.map(
      (arg) =>
        arg.type.kind === 'Device' || (arg.type.kind === 'Optional' && arg.type.element.kind === 'Device'),
    );
    const anyDevice = placing.has(node.kind) && isDevice.includes(true);
    const writes = schema.args.some((arg) => arg.alias?.write);
    const memory: Memory = freshScalarOperators.has(node.kind)
      ? 'fresh'
      : writes
        ? 'stores'
        : givesContainer(node)
          ? 'shares'
          : 'plain';
    const fn = operator.run as (...args: unknown[]) => unknown;
    const plain = convert.every((coerce) => coerce === undefined) && !anyDevice;
    this.run(
      node,
      memory,
      plain
        ? (args) => fn(...args)
        : (args) =>
            fn(
              ...args.map((arg, i) =>
                convert[i] ? convert[i](arg) : anyDevice && isDevice[i] ? actualDevice(arg) : arg,
              ),
            ),
    );
  }

  /** What is known of the arguments is converted now; a device is what it means when the program runs. */
  private coreOperator(node: Node, operator: Operator): void {
    const { schema } = operator;
    const convert = marshalArguments(
      schema,
      node.inputs.map((input) => input.type),
    );
    const known: unknown[] = [];
    const positions: number[] = [];
    node.inputs.map(original).forEach((input, i) => {
      const isFixed = this.slotOf.get(input) === undefined && !readsDevice(schema, i);
      if (!isFixed) positions.push(i);
      const value = isFixed && input.node.constant ? input.node.constant.value : null;
      known.push(isFixed && convert[i] ? convert[i](value) : value);
    });
    const from = positions.map((i) => this.operand(node.inputs[i]));
    const outs = isInPlace(node) ? [] : node.outputs.map((value) => this.define(value));
    this.code.push({
      kind: 'op',
      call: this.shared({
        operator,
        run: repeated(operator, positions),
        known,
        positions,
        convert: positions.some((i) => convert[i]) ? positions.map((i) => convert[i]) : null,
        result: outs.length === 1 ? fromCore(schema.returns[0].type) : undefined,
        mayWait: operator.meaning.kind === 'define' || operator.meaning.kind === 'mutate',
      }),
      from,
      outs,
      sole: isInPlace(node) || (outs.length > 0 && node.outputs.every((value) => this.sole.has(value))),
      memory: 'fresh',
      node,
      drops: none,
      ends: none,
    });
  }

  /** The same call where an earlier node makes it. */
  private shared(call: Call): Call {
    if (call.convert || call.result) return call;
    const calls = this.calls.get(call.operator) ?? [];
    const known = calls.find(
      (other) => isSame(other.positions, call.positions) && isSame(other.known, call.known),
    );
    if (known) return known;
    this.calls.set(call.operator, [...calls, call]);
    return call;
  }

  private branch(node: Node): void {
    const test = this.operand(node.inputs[0]);
    const outs = node.outputs.map((value) => this.define(value));
    const [whenTrue, whenFalse] = node.blocks;
    const skip: Instruction = { kind: 'jumpUnless', test, target: 0, drops: none, ends: none, node };
    this.code.push(skip);
    this.branchBody(whenTrue, node, outs);
    const leave: Instruction = { kind: 'jump', target: 0, drops: none, ends: none };
    this.code.push(leave);
    skip.target = this.code.length;
    this.branchBody(whenFalse, node, outs);
    leave.target = this.code.length;
    // A landing place that both ways reach, so that what ends here is dropped on both.
    this.code.push({ kind: 'move', from: [], to: [], coerce: [], sole: [], drops: none, ends: none });
  }

  private branchBody(block: Block, node: Node, outs: readonly number[]): void {
    this.block(block);
    const own = this.ownOutputs(block);
    this.code.push({
      kind: 'move',
      from: block.outputs.map((value) => this.operand(value)),
      to: outs,
      coerce: block.outputs.map((value, i) => coercion(value.type, node.outputs[i].type)),
      sole: node.outputs.map((value) => this.sole.has(value)),
      drops: none,
      ends: none,
    });
    this.release(own);
  }

  /** The outputs that the block itself makes: they end with it. */
  private ownOutputs(block: Block): Value[] {
    return [...new Set(block.outputs.map(original))].filter(
      (value) => value.node.owner === block && value.node.kind !== 'prim::Constant',
    );
  }

  private loop(node: Node): void {
    const [body] = node.blocks;
    const [limit, initial, ...carried] = node.inputs;
    const [trip, ...params] = body.inputs;
    const [again, ...results] = body.outputs;
    const coerceIn = carried.map((value, i) => coercion(value.type, params[i].type));
    const paramSlots = params.map((param) => this.define(param));
    const counter = this.define(trip);
    // The condition is kept apart: the parameters that it may be one of get their next values first.
    const test = this.slots++;
    this.code.push({
      kind: 'move',
      from: carried.map((value) => this.operand(value)),
      to: paramSlots,
      coerce: coerceIn,
      sole: params.map((param) => this.sole.has(param)),
      drops: none,
      ends: none,
    });
    const begin: Instruction = {
      kind: 'loop',
      limit: this.operand(limit),
      counter,
      test: this.operand(initial),
      end: 0,
      drops: none,
      ends: none,
      node,
    };
    this.code.push(begin);
    const start = this.code.length;
    this.block(body, body.inputs);
    const own = this.ownOutputs(body).filter((value) => !body.inputs.includes(value));
    // A loop that only counts needs no condition of its own.
    const isCounted = again.node.constant?.value === true;
    const tests = isCounted ? [] : [test];
    this.code.push({
      kind: 'move',
      from: [...tests.map(() => this.operand(again)), ...results.map((value) => this.operand(value))],
      to: [...tests, ...paramSlots],
      coerce: [
        ...tests.map(() => undefined),
        ...results.map((value, i) => coercion(value.type, params[i].type)),
      ],
      sole: [...tests.map(() => false), ...params.map((param) => this.sole.has(param))],
      drops: none,
      ends: none,
    });
    this.code.push({
      kind: 'next',
      limit: this.operand(limit),
      counter,
      test: isCounted ? this.operand(again) : test,
      start,
      drops: none,
      ends: none,
    });
    this.release(own);
    begin.end = this.code.length;
    const outs = node.outputs.map((value) => this.define(value));
    this.code.push({
      kind: 'move',
      from: paramSlots,
      to: outs,
      coerce: params.map((param, i) => coercion(param.type, node.outputs[i].type)),
      sole: node.outputs.map((value) => this.sole.has(value)),
      drops: none,
      ends: none,
    });
    this.release([trip, ...params]);
    this.free.push(test);
  }

  private fork(node: Node): void {
    const [block] = node.blocks;
    this.block(block);
    const [result] = block.outputs;
    const own = this.ownOutputs(block);
    this.code.push({
      kind: 'run',
      run: ([value]) => new Future(value),
      args: [this.operand(result)],
      outs: [this.define(node.output)],
      memory: 'escapes',
      node,
      drops: none,
      ends: none,
    });
    this.release(own);
  }

  private call(node: Node): void {
    const inputs = node.kind === 'prim::CallFunction' ? node.inputs.slice(1) : node.inputs;
    const { func } = node;
    const args = inputs.map((input) => this.operand(input));
    const params = func?.signature.params;
    const coerce = inputs.map((input, i) => params?.[i] && coercion(input.type, params[i].type));
    this.code.push({
      kind: 'call',
      func,
      method: node.name ?? '',
      args,
      coerce,
      out: this.define(node.output),
      node,
      drops: none,
      ends: none,
    });
  }

  private context(node: Node): void {
    const args = [this.operand(node.inputs[0])];
    // __exit__(self, type, value, traceback): no exception gets here, one ends the whole call.
    if (node.kind === 'prim::Exit')
      for (let i = 1; i < node.func!.signature.params.length; i++) {
        args.push(~this.constants.length);
        this.constants.push(null);
      }
    this.code.push({
      kind: 'call',
      func: node.func,
      method: '',
      args,
      coerce: [],
      out: this.define(node.output),
      node,
      drops: none,
      ends: none,
    });
  }
}

/** Whether two arguments are the same numbers, strings or objects, or lists of such. */
const isSame = (a: unknown, b: unknown): boolean =>
  Array.isArray(a) && Array.isArray(b)
    ? a.length === b.length && a.every((item, i) => isSame(item, b[i]))
    : Object.is(a, b);

/** Whether the value is, or contains, something that is counted. Numbers are not, nor what an attribute holds. */
const mayHold = ({ type, node }: Value): boolean =>
  node.kind !== 'prim::GetAttr' && !['int', 'float', 'bool', 'str', 'None', 'Device'].includes(type.kind);

const slotOf = (node: Node): number => {
  const { type } = node.inputs[0];
  const slot = type.kind === 'Class' ? type.slotOf(node.name!) : undefined;
  if (slot === undefined) throw new Error(`${node.kind}: no attribute '${node.name}'`);
  return slot;
};

const givesContainer = (node: Node): boolean =>
  node.outputs.some(({ type }) => ['List', 'Dict', 'Tuple', 'Future'].includes(type.kind));

/** The formal types of a call with their variables bound as overload resolution bound them. */
function concreteTypes(node: Node): readonly (JitType | undefined)[] {
  const schema = jitSchemaOf(node.operator!.schema);
  const env = new Map<string, JitType>();
  return schema.args.map((arg, i) => {
    const input = node.inputs[i];
    if (!input || bindVariables(arg.type, input.type, env) !== undefined) return undefined;
    return substitute(arg.type, env);
  });
}
