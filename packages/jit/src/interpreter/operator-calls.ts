/** What operators' nodes call: the jit's own operators, which take the interpreter's values, and those of core. */
import type { Node, Value } from '../ir/graph.ts';
import { bindVariables, substitute } from '../ir/type-variables.ts';
import type { JitType } from '../ir/types.ts';
import { type Operator, repeated } from '../ops/core.ts';
import { jitSchemaOf } from '../ops/operator.ts';
import { coercion, labelled } from './coerce.ts';
import type { Call, Memory } from './instruction.ts';
import { isPlain, original } from './lifetime.ts';
import { actualDevice, fromCore, marshalArguments, readsDevice } from './marshal.ts';
import { numberCall } from './number-constants.ts';
import type { Computation } from './primitives.ts';

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

type OwnOperator = Exclude<NonNullable<Node['operator']>, Operator>;

/** A call of one of the jit's own operators. */
export function ownCall(node: Node, operator: OwnOperator): Computation {
  const { schema } = operator;
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
  const run = plain
    ? (args: unknown[]): unknown => fn(...args)
    : (args: unknown[]): unknown =>
        fn(
          ...args.map((arg, i) =>
            convert[i] ? convert[i](arg) : anyDevice && isDevice[i] ? actualDevice(arg) : arg,
          ),
        );
  return { memory, run };
}

const givesContainer = (node: Node): boolean =>
  node.outputs.some(({ type }) => ['List', 'Dict', 'Tuple', 'Future'].includes(type.kind) && !isPlain(type));

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

/** The calls of core's operators in one program; nodes that are alike share one, and with it what it remembers. */
export class CoreCalls {
  private readonly calls = new Map<Operator, Call[]>();

  /**
   * The call, and which of the node's inputs it takes. What is known is converted now; a device is what it
   * means when the program runs.
   */
  of(
    node: Node,
    called: Operator,
    isKnown: (value: Value) => boolean,
  ): { call: Call; taken: readonly Value[] } {
    const asNumber = numberCall(node, called);
    const operator = asNumber?.operator ?? called;
    const { schema } = operator;
    const convert = marshalArguments(
      schema,
      node.inputs.map((input) => input.type),
    );
    const known: unknown[] = [];
    const positions: number[] = [];
    node.inputs.map(original).forEach((input, i) => {
      if (asNumber && i === 1) {
        known.push(asNumber.number);
        return;
      }
      const isFixed = isKnown(input) && !readsDevice(schema, i);
      if (!isFixed) positions.push(i);
      const value = isFixed && input.node.constant ? input.node.constant.value : null;
      known.push(isFixed && convert[i] ? convert[i](value) : value);
    });
    const changes = operator.meaning.kind === 'inplace';
    const call = this.shared({
      operator,
      run: repeated(operator, positions),
      known,
      positions,
      convert: positions.some((i) => convert[i]) ? positions.map((i) => convert[i]) : null,
      result: node.outputs.length === 1 && !changes ? fromCore(schema.returns[0].type) : undefined,
      mayWait: operator.meaning.kind === 'define' || operator.meaning.kind === 'mutate',
    });
    return { call, taken: positions.map((i) => node.inputs[i]) };
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
}

/** Whether two arguments are the same numbers, strings or objects, or lists of such. */
const isSame = (a: unknown, b: unknown): boolean =>
  Array.isArray(a) && Array.isArray(b)
    ? a.length === b.length && a.every((item, i) => isSame(item, b[i]))
    : Object.is(a, b);
