/** Alias analysis: which values of a graph may share memory, and who writes it. Every pass that moves or merges asks. */
import type { Type as SchemaType } from '@sconce/core';
import { allNodes, type Block, type Graph, type Node, type Value } from '../ir/graph.ts';
import type { JitType } from '../ir/types.ts';
import { Tensor } from '../ops/core.ts';
import { ScriptObject } from '../ops/value.ts';
import { writesArguments, writtenInputs } from './effects.ts';

/** A piece of memory by its number: a tensor's storage, a list, an object. */
type Location = number;

/** All that came from outside of the graph or went there; what is there may share memory with anything else there. */
const OUTSIDE: Location = 0;

const NOWHERE: ReadonlySet<Location> = new Set();

const isMutable = (type: JitType): boolean => {
  switch (type.kind) {
    case 'int':
    case 'float':
    case 'complex':
    case 'bool':
    case 'str':
    case 'None':
    case 'Device':
    case 'Enum':
    case 'number':
    case 'Function':
      return false;
    case 'Optional':
      return isMutable(type.element);
    case 'Tuple':
      return type.elements.some(isMutable);
    default:
      return true;
  }
};

/** Whether a tensor may come out of it: none comes out of a list of sizes. */
const mayHoldTensor = (type: JitType): boolean => {
  switch (type.kind) {
    case 'List':
    case 'Optional':
      return mayHoldTensor(type.element);
    case 'Dict':
      return mayHoldTensor(type.key) || mayHoldTensor(type.value);
    case 'Tuple':
      return type.elements.some(mayHoldTensor);
    default:
      return isMutable(type);
  }
};

/** Operators whose definitions always make new memory; another one, not a view by its schema, may hand on an operand. */
const fresh = new Set(
  `conv1d conv2d conv3d convolution _convolution conv_transpose1d conv_transpose2d conv_transpose3d linear addmm mm bmm matmul
  baddbmm batch_norm layer_norm group_norm instance_norm native_layer_norm native_batch_norm max_pool1d max_pool2d max_pool3d
  avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool2d cat stack
  softmax log_softmax mean sum amax amin prod var std embedding scaled_dot_product_attention clone zeros ones full empty
  zeros_like ones_like full_like empty_like arange linspace tensor lstm gru lstm_cell gru_cell gelu cumsum argmax argmin topk
  sort gather index_select index upsample_nearest2d upsample_bilinear2d`
    .split(/\s+/)
    .map((name) => `aten::${name}`),
);

/** Whether the operator's results are tensors that it made, sharing memory with none of its operands. */
export function makesFresh(node: Node): boolean {
  const { operator } = node;
  if (!operator || 'run' in operator) return false;
  if (operator.schema.returns.some((r) => r.alias)) return false;
  const { kind } = operator.meaning;
  if (operator.schema.namespace === 'fused') return true;
  return kind === 'pointwise' || fresh.has(node.kind);
}

export class AliasAnalysis {
  private readonly points = new Map<Value, Set<Location>>();
  /** What is inside a container or object. */
  private readonly contents: Set<Location>[] = [new Set()];
  private readonly outside = new Set<Location>([OUTSIDE]);
  private readonly known = new Map<unknown, Location>();
  private readonly made = new Map<Node, Location>();
  private readonly written = new Set<Location>();
  private readonly nodes: readonly Node[];
  /** Whether something became known that a node before may depend on. */
  private changed = false;
  private loops = 0;

  constructor(
    readonly graph: Graph,
    /** What an attribute holds, where it is known: two of one storage are one memory, and no graph input's. */
    private readonly attribute: (node: Node) => unknown = () => undefined,
  ) {
    this.nodes = [...allNodes(graph.block)];
    for (const input of graph.inputs) this.point(input, [OUTSIDE]);
    // Containers fill up while the program runs, and loops run again: until nothing is new.
    do {
      this.changed = false;
      this.block(graph.block);
    } while (this.changed);
    for (const node of this.nodes)
      if (node.blocks.length === 0) for (const location of this.writtenBy(node)) this.written.add(location);
  }

  /** Whether the two may share memory, what they contain included. */
  mayAlias(a: Value, b: Value): boolean {
    return this.overlap(this.reach(a), this.reach(b));
  }

  /** Whether anything in the graph may write what the value is or contains. */
  isWritten(value: Value): boolean {
    return this.overlap(this.reach(value), this.written);
  }

  /** Whether the node, or one inside it, may write what the value is or contains. */
  writes(node: Node, value: Value): boolean {
    return this.overlap(this.writtenBy(node), this.reach(value));
  }

  /** Whether the value's own memory was made in the graph, and neither comes from outside nor got there. */
  isLocal(value: Value): boolean {
    const points = this.points.get(value);
    if (!points || points.size === 0) return true;
    for (const location of points) if (this.outside.has(location)) return false;
    return true;
  }

  /** Whether what the node writes may be seen: from outside, in the results, or by another node. */
  isSeen(node: Node): boolean {
    const mine = this.writtenBy(node);
    if (this.touchesOutside(mine)) return true;
    for (const output of this.graph.outputs) if (this.overlap(mine, this.reach(output))) return true;
    for (const other of this.nodes) {
      if (other === node || !other.owner || other.kind === 'prim::Constant') continue;
      for (const value of other.inputs)
        if (value.node !== node && this.overlap(mine, this.reach(value))) return true;
      for (const inner of other.blocks)
        for (const value of inner.outputs)
          if (value.node !== node && this.overlap(mine, this.reach(value))) return true;
    }
    return false;
  }

  private overlap(a: ReadonlySet<Location>, b: ReadonlySet<Location>): boolean {
    for (const location of a) if (b.has(location)) return true;
    return this.touchesOutside(a) && this.touchesOutside(b);
  }

  private touchesOutside(locations: ReadonlySet<Location>): boolean {
    for (const location of locations) if (this.outside.has(location)) return true;
    return false;
  }

  private reach(value: Value): ReadonlySet<Location> {
    const points = this.points.get(value);
    if (!points) return NOWHERE;
    const all = new Set(points);
    // What is added while going through is gone through as well.
    for (const location of all) for (const inner of this.contents[location]) all.add(inner);
    return all;
  }

  /** What the node may write, those inside it included. */
  private writtenBy(node: Node): ReadonlySet<Location> {
    if (node.blocks.length === 0 && !isUnknownCall(node) && !writesArguments(node)) return NOWHERE;
    const out = new Set<Location>();
    this.addWritten(node, out);
    return out;
  }

  private addWritten(node: Node, out: Set<Location>): void {
    if (isUnknownCall(node)) {
      out.add(OUTSIDE);
      for (const input of node.inputs) for (const location of this.reach(input)) out.add(location);
    } else
      for (const i of writtenInputs(node)) {
        const input = node.inputs[i];
        if (!input) continue;
        const isListOfTensors = takesListOfTensors(node.operator!.schema.args[i].type);
        for (const location of (isListOfTensors ? this.reach(input) : this.points.get(input)) ?? [])
          out.add(location);
      }
    for (const block of node.blocks) for (const inner of block.nodes) this.addWritten(inner, out);
  }

  private location(): Location {
    this.contents.push(new Set());
    return this.contents.length - 1;
  }

  private point(value: Value, locations: Iterable<Location>): void {
    let set = this.points.get(value);
    if (!set) this.points.set(value, (set = new Set()));
    const { size } = set;
    for (const location of locations) set.add(this.outside.has(location) ? OUTSIDE : location);
    if (set.size !== size && this.loops > 0) this.changed = true;
  }

  private same(value: Value, other: Value): void {
    this.point(value, this.points.get(other) ?? []);
  }

  private put(container: Value, item: Value): void {
    for (const location of this.points.get(container) ?? [])
      this.contain(location, this.points.get(item) ?? []);
  }

  /** What is put outside is outside. */
  private contain(location: Location, items: Iterable<Location>, isOld = false): void {
    const isOutside = this.outside.has(location);
    const contents = this.contents[location];
    for (const item of items)
      if (isOutside) this.escape(item);
      else if (!contents.has(item)) {
        contents.add(item);
        if (this.loops > 0 || isOld) this.changed = true;
      }
  }

  private take(value: Value, container: Value): void {
    for (const location of this.points.get(container) ?? []) {
      this.point(value, this.contents[location]);
      if (this.outside.has(location)) this.point(value, [OUTSIDE]);
    }
  }

  private escape(location: Location): void {
    if (this.outside.has(location)) return;
    this.outside.add(location);
    this.changed = true;
    const contents = this.contents[location];
    this.contents[location] = new Set();
    for (const inner of contents) this.escape(inner);
  }

  private escapes(value: Value): void {
    for (const location of this.points.get(value) ?? []) this.escape(location);
  }

  /** The memory of a value that exists already: by its storage, object or container. */
  private of(held: unknown): Location {
    const key = held instanceof Tensor ? held.storage : held;
    let location = this.known.get(key);
    if (location === undefined) {
      this.known.set(key, (location = this.location()));
      const items = Array.isArray(held)
        ? held
        : held instanceof Map
          ? [...held.keys(), ...held.values()]
          : [];
      for (const item of items)
        if (typeof item === 'object' && item !== null) this.contents[location].add(this.of(item));
    }
    return location;
  }

  private own(node: Node): Location {
    let location = this.made.get(node);
    if (location === undefined) this.made.set(node, (location = this.location()));
    return location;
  }

  private block(block: Block): void {
    for (const node of block.nodes) this.node(node);
  }

  private node(node: Node): void {
    const { inputs, outputs } = node;
    switch (node.kind) {
      case 'prim::Constant':
      case 'prim::GetAttr': {
        const held = node.kind === 'prim::Constant' ? node.constant?.value : this.attribute(node);
        if (!isMutable(node.output.type)) return;
        // What an object holds is asked for by GetAttr, which no pass moves.
        if (typeof held === 'object' && held !== null && !(held instanceof ScriptObject))
          this.point(node.output, [this.of(held)]);
        else if (node.kind === 'prim::GetAttr' || held instanceof ScriptObject)
          this.point(node.output, [OUTSIDE]);
        return;
      }
      case 'prim::SetAttr':
        this.escapes(inputs[1]);
        return;
      case 'prim::If':
        for (const inner of node.blocks) {
          this.block(inner);
          outputs.forEach((output, i) => {
            this.same(output, inner.outputs[i]);
          });
        }
        return;
      case 'prim::Loop': {
        const [body] = node.blocks;
        this.loops++;
        outputs.forEach((output, i) => {
          this.same(body.inputs[i + 1], inputs[i + 2]);
          this.same(output, inputs[i + 2]);
        });
        this.block(body);
        outputs.forEach((output, i) => {
          this.same(body.inputs[i + 1], body.outputs[i + 1]);
          this.same(output, body.outputs[i + 1]);
        });
        this.loops--;
        return;
      }
      case 'prim::ListConstruct':
      case 'prim::TupleConstruct':
      case 'prim::DictConstruct':
        this.point(node.output, [this.own(node)]);
        for (const input of inputs) this.put(node.output, input);
        return;
      case 'prim::TupleUnpack':
      case 'prim::ListUnpack':
      case 'prim::TupleIndex':
        for (const output of outputs) this.take(output, inputs[0]);
        return;
      case 'prim::unchecked_cast':
        this.same(node.output, inputs[0]);
        return;
      case 'prim::CreateObject':
        this.point(node.output, [OUTSIDE]);
        return;
      case 'prim::Uninitialized':
        return;
    }
    if (isUnknownCall(node)) {
      for (const inner of node.blocks) this.block(inner);
      for (const input of inputs) this.escapes(input);
      for (const output of outputs) if (isMutable(output.type)) this.point(output, [OUTSIDE]);
      return;
    }
    this.operator(node);
  }

  private operator(node: Node): void {
    const { inputs, outputs, operator } = node;
    if (!outputs.some((output) => isMutable(output.type)) && !writesArguments(node)) return;
    if (makesFresh(node)) {
      for (const output of outputs) {
        this.point(output, [this.own(node)]);
        if (output.type.kind === 'List' || output.type.kind === 'Tuple')
          this.contents[this.own(node)].add(this.own(node));
      }
      return;
    }
    // What is put into a container: `append(t[](a!) self, t(c -> *) el)`, `extend(t[](a!) self, t[] other)`.
    const target = operator?.schema.args.findIndex((arg) => arg.alias?.write) ?? -1;
    if (target >= 0 && inputs[target] && inputs[target].type.kind !== 'Tensor')
      inputs.forEach((input, i) => {
        if (i === target || !isMutable(input.type)) return;
        for (const location of this.points.get(inputs[target]) ?? []) {
          this.contain(location, this.points.get(input) ?? [], true);
          for (const inner of this.points.get(input) ?? [])
            this.contain(location, this.contents[inner], true);
        }
      });
    const mutable = inputs.filter((input) => isMutable(input.type));
    for (const output of outputs) {
      if (!isMutable(output.type)) continue;
      const own = this.own(node);
      this.point(output, [own]);
      // Sizes and the like: a list of numbers that no container gave.
      const { type } = output;
      const isPlain = type.kind === 'List' && !isMutable(type.element);
      if (isPlain && mutable.every((input) => input.type.kind === 'Tensor')) continue;
      // Anything that an operand is or contains, or new memory that holds it.
      for (const input of mutable) {
        if (type.kind === 'Tensor' && !mayHoldTensor(input.type)) continue;
        this.same(output, input);
        this.take(output, input);
        if (type.kind === 'Tensor') continue;
        this.contain(own, this.points.get(input) ?? []);
        for (const inner of this.points.get(input) ?? []) this.contain(own, this.contents[inner]);
      }
    }
  }
}

const takesListOfTensors = (type: SchemaType): boolean =>
  type.kind === 'List' && type.element.kind === 'Tensor';

/** A call whose body is not looked into, or one that runs it at another time. */
const isUnknownCall = (node: Node): boolean =>
  node.kind === 'prim::CallMethod' ||
  node.kind === 'prim::CallFunction' ||
  node.kind === 'prim::fork' ||
  node.kind === 'prim::Enter' ||
  node.kind === 'prim::Exit' ||
  node.kind === 'aten::wait' ||
  node.kind === 'prim::ModuleContainerIndex';
