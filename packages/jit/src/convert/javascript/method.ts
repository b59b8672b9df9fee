/** A method's graph as the body of a JavaScript function: one statement a tensor, expressions for the rest. */
import { functions, TorchError } from '@sconce/core';
import * as exported from '@sconce/core/functions';
import type { Block, Graph, Node, Value } from '../../ir/graph.ts';
import { memoryFormats } from '../../ir/tensor-options.ts';
import type { JitType } from '../../ir/types.ts';
import { Device, dtypeOfCode, Tensor } from '../../ops/core.ts';
import { type JitArgument, jitSchemaOf } from '../../ops/operator.ts';
import { placeOf } from '../recorder.ts';
import { NameTable, property } from './names.ts';
import { isSteady, scalars } from './scalars.ts';

/** What a method is written in: the class around it. */
export interface Surroundings {
  /** The expression of a module or an attribute; undefined for what must be read each time. */
  attribute(node: Node): string;
  /** The call of a submodule's method. */
  call(node: Node, args: readonly string[]): { readonly text: string; readonly isAsync: boolean };
  /** The expression of a tensor among the program's constants. */
  constant(tensor: Tensor): string;
}

export interface Written {
  readonly params: readonly string[];
  readonly body: readonly string[];
  readonly isAsync: boolean;
}

/** Said where it is not the default: the device is the backend's, and there is one layout. */
const unsaid = new Set(['device', 'layout', 'pin_memory']);

/** Operators that may have to look into their operands before they know their result's size. */
const waits = new Set(
  'index nonzero masked_select unique_consecutive unique_dim _unique2 repeat_interleave equal allclose is_nonzero'
    .split(' ')
    .map((name) => `aten::${name}`),
);

class MethodWriter {
  private readonly names = new NameTable();
  private readonly texts = new Map<Value, string>();
  private readonly lines: string[] = [];
  private indent = '';
  isAsync = false;

  constructor(
    private readonly graph: Graph,
    private readonly around: Surroundings,
  ) {}

  write(): Written {
    const params = this.graph.inputs.slice(1).map((input) => this.name(input));
    this.texts.set(this.graph.inputs[0], 'this');
    this.block(this.graph.block);
    const results = this.graph.outputs.map((output) => this.text(output));
    if (this.graph.outputs[0]?.type.kind !== 'None') this.add(`return ${results.join(', ')};`);
    return { params, body: this.lines, isAsync: this.isAsync };
  }

  private add(line: string): void {
    if (line.includes('await ')) this.isAsync = true;
    this.lines.push(`${this.indent}${line}`);
  }

  private name(value: Value): string {
    const name = this.names.unique(value.hasDebugName ? value.debugName : undefined);
    this.texts.set(value, name);
    return name;
  }

  private text(value: Value): string {
    const known = this.texts.get(value);
    if (known !== undefined) return known;
    throw new TorchError(`%${value.debugName} has no expression`);
  }

  private nested(write: () => void): void {
    const outer = this.indent;
    this.indent += '  ';
    write();
    this.indent = outer;
  }

  private block(block: Block): void {
    for (const node of block.nodes) this.node(node);
  }

  private node(node: Node): void {
    switch (node.kind) {
      case 'prim::Constant':
        if (node.constant?.value instanceof Tensor)
          this.texts.set(node.output, this.around.constant(node.constant.value));
        else this.texts.set(node.output, literal(node.constant?.value ?? null));
        return;
      case 'prim::GetAttr':
        this.texts.set(node.output, this.around.attribute(node));
        return;
      case 'prim::SetAttr':
        this.add(`${this.text(node.inputs[0])}${property(node.name!)} = ${this.text(node.inputs[1])};`);
        return;
      case 'prim::If':
        this.branch(node);
        return;
      case 'prim::Loop':
        this.loop(node);
        return;
      case 'prim::RaiseException':
        this.add(`throw new Error(${this.text(node.inputs[0])});`);
        return;
      case 'prim::TupleUnpack':
      case 'prim::ListUnpack': {
        const source = this.text(node.inputs[0]);
        this.add(`const [${node.outputs.map((output) => this.name(output)).join(', ')}] = ${source};`);
        return;
      }
      case 'prim::CallMethod': {
        const args = node.inputs.slice(1).map((input) => this.text(input));
        const { text, isAsync } = this.around.call(node, args);
        this.declare(node, isAsync ? `await ${text}` : text);
        return;
      }
    }
    this.declare(node, this.expression(node));
  }

  private declare(node: Node, text: string): void {
    const { outputs } = node;
    const [output] = outputs;
    if (outputs.every(({ uses }) => uses.length === 0)) this.add(`${text};`);
    else if (outputs.length > 1)
      this.add(`const [${outputs.map((each) => this.name(each)).join(', ')}] = ${text};`);
    else if (this.standsWhereUsed(node)) this.texts.set(output, text);
    else this.add(`const ${this.name(output)} = ${text};`);
  }

  /** Whether the expression is put where its one use is. */
  private standsWhereUsed(node: Node): boolean {
    const { uses } = node.output;
    if (uses.length !== 1) return false;
    const [{ user }] = uses;
    if (user.owner !== node.owner && !isSteady(node)) return false;
    if (isSteady(node))
      return !scalars[node.kind]?.(
        node.inputs.map(() => ''),
        node,
      )?.includes('await');
    // A list or tuple that goes into the next call or out as it is.
    const isLiteral = node.kind === 'prim::ListConstruct' || node.kind === 'prim::TupleConstruct';
    if (!isLiteral) return false;
    if (user.kind === 'prim::Return' || user.kind === 'prim::TupleConstruct')
      return user.owner?.owningNode === undefined;
    return user.operator !== undefined && !('run' in user.operator);
  }

  private expression(node: Node): string {
    const args = node.inputs.map((input) => this.text(input));
    const isTensors = node.operator && !('run' in node.operator);
    const own = scalars[node.kind]?.(args, node);
    if (own !== undefined && (!isTensors || !hasTensorResult(node))) return own;
    if (!isTensors && node.kind !== 'aten::tensor')
      throw new TorchError(`${placeOf(node)} cannot be converted to JavaScript`);
    return this.operator(node, args);
  }

  /** A call of a tensor operator, waited for where its result's size is in the data. */
  private operator(node: Node, args: readonly string[]): string {
    const call = this.callOf(node, args);
    return waits.has(node.kind) ? `await ${call}` : call;
  }

  /** `torch.conv2d(x, weight)`, or `x.view([2, 3])` where it is a method only. */
  private callOf(node: Node, args: readonly string[]): string {
    const schema = jitSchemaOf(node.operator!.schema);
    const own = node.operator!.schema.args;
    const shown = schema.args.map((arg, i) => argument(node.inputs[i], args[i], own[i].type, arg));
    const positional: string[] = [];
    const named: string[] = [];
    let last = -1;
    schema.args.forEach((arg, i) => {
      if (!arg.kwargOnly && i < shown.length && !isDefault(arg, node.inputs[i])) last = i;
    });
    schema.args.forEach((arg, i) => {
      if (arg.kwargOnly) {
        if (!isDefault(arg, node.inputs[i]) && !unsaid.has(arg.name)) named.push(`${arg.name}: ${shown[i]}`);
      } else if (i <= last) positional.push(shown[i]);
    });
    const all = named.length > 0 ? [...positional, `{ ${named.join(', ')} }`] : positional;
    const name = node.kind.replace(/^aten::/, '');
    if (node.kind === 'aten::tensor' || Object.hasOwn(exported, name))
      return `torch.${name}(${all.join(', ')})`;
    if (schema.args[0]?.name === 'self' && name in Tensor.prototype)
      return `${all[0]}.${name}(${all.slice(1).join(', ')})`;
    const [space, leaf] = node.kind.split('::');
    if (space === 'aten' && !Object.hasOwn(functions, name))
      throw new TorchError(`${placeOf(node)} cannot be converted to JavaScript`);
    return `torch.ops.${space}.${leaf}(${all.join(', ')})`;
  }

  private branch(node: Node): void {
    const test = this.text(node.inputs[0]);
    const names = node.outputs.map((output) => this.name(output));
    if (names.length > 0) this.add(`let ${names.join(', ')};`);
    const [yes, no] = node.blocks;
    const side = (block: Block): void =>
      this.nested(() => {
        this.block(block);
        block.outputs.forEach((output, i) => {
          if (output.node.kind !== 'prim::Uninitialized') this.add(`${names[i]} = ${this.text(output)};`);
        });
      });
    const isEmpty = (block: Block): boolean =>
      block.nodes.every(({ kind }) => kind === 'prim::Constant') && names.length === 0;
    if (isEmpty(yes)) {
      this.add(`if (!${test}) {`);
      side(no);
    } else {
      this.add(`if (${test}) {`);
      side(yes);
      if (!isEmpty(no)) {
        this.add('} else {');
        side(no);
      }
    }
    this.add('}');
  }

  private loop(node: Node): void {
    const [body] = node.blocks;
    const [count, start, ...initial] = node.inputs;
    const names = node.outputs.map((output, i) => {
      const from = this.text(initial[i]);
      const name = this.name(output);
      this.texts.set(body.inputs[i + 1], name);
      this.add(`let ${name} = ${from};`);
      return name;
    });
    const isTrue = (value: Value): boolean => value.node.constant?.value === true;
    const isEndless = Number(count.node.constant?.value ?? 0) >= 2 ** 62;
    const goesOn = isTrue(start) && isTrue(body.outputs[0]);
    const go = goesOn ? undefined : this.names.unique('more');
    if (go) this.add(`let ${go} = ${this.text(start)};`);
    const i = this.names.unique(body.inputs[0].hasDebugName ? body.inputs[0].debugName : 'i');
    this.texts.set(body.inputs[0], i);
    const counts = body.inputs[0].uses.length > 0 || !isEndless;
    const limit = this.text(count);
    if (counts) {
      const tests = [...(go ? [go] : []), ...(isEndless ? [] : [`${i} < ${limit}`])];
      this.add(`for (let ${i} = 0; ${tests.join(' && ')}; ${i}++) {`);
    } else this.add(`while (${go ?? 'true'}) {`);
    this.nested(() => {
      this.block(body);
      // Whether to go on may be asked of what this round began with.
      if (go) this.add(`${go} = ${this.text(body.outputs[0])};`);
      const values = body.outputs.slice(1).map((output) => this.text(output));
      const changed = names.flatMap((name, at) => (values[at] === name ? [] : [[name, values[at]]]));
      if (changed.length === 1) this.add(`${changed[0][0]} = ${changed[0][1]};`);
      else if (changed.length > 1)
        this.add(
          `[${changed.map(([name]) => name).join(', ')}] = [${changed.map(([, value]) => value).join(', ')}];`,
        );
    });
    this.add('}');
  }
}

/** The body of a function that does what the graph does. */
export const writeMethod = (graph: Graph, around: Surroundings): Written =>
  new MethodWriter(graph, around).write();

const hasTensorResult = ({ outputs }: Node): boolean =>
  outputs.some(
    ({ type }) => type.kind === 'Tensor' || (type.kind === 'List' && type.element.kind === 'Tensor'),
  );

/** A constant as it is written. */
export function literal(value: unknown): string {
  // The end of what has no end.
  if (value === 2n ** 63n - 1n) return 'Number.MAX_SAFE_INTEGER';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (value instanceof Map)
    return `new Map([${[...value].map(([k, v]) => `[${literal(k)}, ${literal(v)}]`).join(', ')}])`;
  if (value instanceof Device || value === null || value === undefined) return 'null';
  return typeof value === 'object' && 'value' in value ? `torch.py_float(${Number(value.value)})` : 'null';
}

/** A default of the schema, which need not be said. */
function isDefault(arg: JitArgument, value: Value | undefined): boolean {
  if (!value) return true;
  if (!arg.hasDefault) return false;
  const given = constantOf(value);
  if (given?.value instanceof Tensor) return false;
  return given !== undefined && JSON.stringify(plain(given.value)) === JSON.stringify(plain(arg.default));
}

/** What JSON tells apart, numbers without end included. */
const plain = (value: unknown): unknown =>
  typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))
    ? String(value)
    : (value ?? null);

/** The value of a constant, or of a list of constants. */
function constantOf(value: Value): { readonly value: unknown } | undefined {
  const { node } = value;
  if (node.kind === 'prim::Constant') return { value: node.constant?.value ?? null };
  if (node.kind !== 'prim::ListConstruct' || value.uses.length !== 1) return undefined;
  const items = node.inputs.map((input) => input.node.constant?.value);
  return items.some((item) => item === undefined || typeof item === 'object') ? undefined : { value: items };
}

/** An argument as core takes it: names for dtypes and memory formats, floats marked where an int would mean another. */
function argument(
  value: Value | undefined,
  text: string,
  type: { readonly kind: string; readonly element?: { readonly kind: string } },
  arg: JitArgument,
): string {
  if (!value) return literal(arg.default);
  const kind = type.kind === 'Optional' ? type.element!.kind : type.kind;
  const given = value.node.constant?.value;
  if (kind === 'ScalarType' && typeof given === 'number') return JSON.stringify(dtypeOfCode(given));
  if (kind === 'MemoryFormat' && typeof given === 'number') return JSON.stringify(memoryFormats[given]);
  if (kind === 'Scalar' && isFloat(value.type) && (typeof given !== 'number' || Number.isInteger(given)))
    return `torch.py_float(${text})`;
  return text;
}

const isFloat = (type: JitType): boolean => type.kind === 'float';
