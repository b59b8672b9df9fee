/**
 * Fusion: pointwise operators that follow one another become one operator, with the convolution or product before them or
 * the reduction after them. Core runs it as one kernel where the backend and the operands allow.
 */
import { marshalArguments } from '../interpreter/marshal.ts';
import { copyNode } from '../ir/copy.ts';
import { type Block, Graph, type Node, type Value } from '../ir/graph.ts';
import { canReadNow, fuse, itemNow, type Operand, type Operator, type Step, Tensor } from '../ops/core.ts';
import { AliasAnalysis } from './alias.ts';

/** As many as one kernel holds; core decides again when it sees the operands. */
const MOST_STEPS = 24;
const MOST_INPUTS = 6;

const operatorOf = ({ operator }: Node): Operator | undefined =>
  operator && !('run' in operator) ? operator : undefined;

const isConstant = (value: Value): boolean => value.node.kind === 'prim::Constant' && !value.node.func;

/** Operators that end a chain: each folds its first operand, the others are numbers. */
const reductions = new Set(
  'sum mean amax amin prod any all argmax argmin'.split(' ').map((name) => `aten::${name}`),
);

/** All that is no tensor is known. */
function hasKnownRest(node: Node, operator: Operator): boolean {
  return operator.schema.args.every((_, i) => {
    const input = node.inputs[i];
    return input !== undefined && (isConstant(input) || operator.tensorArgs.includes(i));
  });
}

class Fuser {
  private readonly at = new Map<Node, number>();
  private readonly taken = new Set<Node>();

  constructor(
    readonly graph: Graph,
    private readonly block: Block,
    private readonly aliases: AliasAnalysis,
  ) {
    block.nodes.forEach((node, i) => {
      this.at.set(node, i);
    });
    this.at.set(block.returnNode, block.nodes.length);
  }

  run(): void {
    const groups: Node[][] = [];
    for (let i = this.block.nodes.length - 1; i >= 0; i--) {
      const group = this.groupEndingAt(this.block.nodes[i]);
      if (!group) continue;
      groups.push(group);
      for (const node of group) this.taken.add(node);
    }
    for (const group of groups.reverse()) this.replace(group);
  }

  /** The operator's formula, where this node is one: its own, or that of what it does in place where nobody else looks. */
  private isPointwise(node: Node): boolean {
    const operator = operatorOf(node);
    if (!operator || this.taken.has(node) || node.outputs.length !== 1 || !hasKnownRest(node, operator))
      return false;
    const { meaning } = operator;
    if (meaning.kind === 'pointwise') return operator.tensorArgs.some((i) => !isConstant(node.inputs[i]));
    if (meaning.kind !== 'inplace' || meaning.functional.meaning.kind !== 'pointwise') return false;
    return this.isPrivate(node);
  }

  /**
   * Whether what is written in place was made in this block, and nobody who had it before looks at it afterwards, so that
   * a new tensor would do as well.
   */
  private isPrivate(node: Node): boolean {
    const { aliases, block } = this;
    const [self] = node.inputs;
    if (!aliases.isLocal(self) || self.node.owner !== block || self.node === block.paramNode) return false;
    if (isConstant(self)) return false;
    const start = this.at.get(node)!;
    const isOld = (value: Value): boolean => {
      if (value === self || value === node.output || value.node === node) return false;
      const made = this.at.get(value.node);
      return made === undefined || made < start || value.node === block.paramNode;
    };
    const looks = (reader: Node): boolean =>
      reader.inputs.some((value) => isOld(value) && aliases.mayAlias(value, self)) ||
      reader.blocks.some((inner) => inner.nodes.some(looks) || looks(inner.returnNode));
    for (let i = start + 1; i < block.nodes.length; i++) if (looks(block.nodes[i])) return false;
    // An operand beside it that is a window of the same memory would be read while it is written.
    if (node.inputs.some((value, i) => i > 0 && value !== self && aliases.mayAlias(value, self)))
      return false;
    return !looks(block.returnNode);
  }

  private isProduct(node: Node): boolean {
    const operator = operatorOf(node);
    if (!operator || this.taken.has(node) || node.outputs.length !== 1) return false;
    const { meaning } = operator;
    return meaning.kind === 'define' && meaning.finish !== undefined && hasKnownRest(node, operator);
  }

  private isReduction(node: Node): boolean {
    const operator = operatorOf(node);
    if (!operator || this.taken.has(node) || !reductions.has(node.kind) || node.outputs.length !== 1)
      return false;
    return hasKnownRest(node, operator) && operator.tensorArgs.length === 1 && operator.tensorArgs[0] === 0;
  }

  /** The widest group whose result is this node's, in program order; undefined where there is nothing to join. */
  private groupEndingAt(last: Node): Node[] | undefined {
    const reduces = this.isReduction(last);
    if (!reduces && !this.isPointwise(last)) return undefined;
    const group = new Set<Node>([last]);
    const inputs = new Set<Value>();
    const tensors = (node: Node): Value[] =>
      operatorOf(node)!
        .tensorArgs.map((i) => node.inputs[i])
        .filter((value) => value.node.constant?.value !== null);
    for (const value of tensors(last)) inputs.add(value);
    let product: Node | undefined;
    const end = this.at.get(last)!;
    for (let i = end - 1; i >= 0 && group.size < MOST_STEPS; i--) {
      const node = this.block.nodes[i];
      if (!node.outputs.some((output) => inputs.has(output))) continue;
      const isHead = !reduces && product === undefined && this.isProduct(node);
      if (!isHead && !this.isPointwise(node)) continue;
      // What a product takes is computed before it.
      if (product?.inputs.includes(node.output)) continue;
      if (!this.staysInside(node, group, end) || !this.isWrittenForGroup(node, group)) continue;
      if (!this.mayMove(node, group, end)) continue;
      const wanted = new Set(inputs);
      wanted.delete(node.output);
      if (!isHead) for (const value of tensors(node)) wanted.add(value);
      if (wanted.size > MOST_INPUTS) continue;
      group.add(node);
      if (isHead) product = node;
      inputs.clear();
      for (const value of wanted) inputs.add(value);
    }
    if (group.size < 2) return undefined;
    const ordered = [...group].sort((a, b) => this.at.get(a)! - this.at.get(b)!);
    return product ? [product, ...ordered.filter((node) => node !== product)] : ordered;
  }

  /** Whether only the group reads the result, as it is when nothing of the group has written it. */
  private staysInside(node: Node, group: ReadonlySet<Node>, end: number): boolean {
    return node.output.uses.every(({ user }) => {
      if (!group.has(user)) return false;
      return this.at.get(user)! <= end;
    });
  }

  /** Whether only the group reads what the node writes in place: in the group it is a value on the way. */
  private isWrittenForGroup(node: Node, group: ReadonlySet<Node>): boolean {
    if (operatorOf(node)!.meaning.kind !== 'inplace') return true;
    return node.inputs[0].uses.every(
      ({ user }) => user === node || group.has(user) || !this.isAfter(user, node),
    );
  }

  /** Whether the node can run where the group ends: nothing between writes what it reads. */
  private mayMove(node: Node, group: ReadonlySet<Node>, end: number): boolean {
    for (let i = this.at.get(node)! + 1; i < end; i++) {
      const between = this.block.nodes[i];
      if (group.has(between)) continue;
      if (node.inputs.some((input) => this.aliases.writes(between, input))) return false;
    }
    return true;
  }

  private replace(group: readonly Node[]): void {
    const last = group.reduce((a, b) => (this.at.get(a)! > this.at.get(b)! ? a : b));
    const inputs: Value[] = [];
    const inputOf = (value: Value): number => {
      const known = inputs.indexOf(value);
      return known >= 0 ? known : inputs.push(value) - 1;
    };
    /** What was written in place is the result of the writing from then on. */
    const current = new Map<Value, number>();
    const steps = group.map((node, at): Step => {
      const operator = operatorOf(node)!;
      const convert = marshalArguments(
        operator.schema,
        node.inputs.map((input) => input.type),
      );
      const args = node.inputs.map((input, i): Operand => {
        const known = current.get(input);
        if (known !== undefined) return { step: known };
        if (isConstant(input)) {
          const { value } = input.node.constant!;
          if (!(value instanceof Tensor)) return { literal: convert[i] ? convert[i](value) : value };
          const isPlain = operator.meaning.kind === 'pointwise' || operator.meaning.kind === 'inplace';
          if (isPlain && value.shape.length === 0 && canReadNow(value)) {
            const number = itemNow(value);
            return { constant: value, value: typeof number === 'boolean' ? Number(number) : number };
          }
        }
        return { input: inputOf(input) };
      });
      current.set(node.output, at);
      if (operator.meaning.kind === 'inplace') current.set(node.inputs[0], at);
      return { operator, args };
    });
    const result = last.output;
    const fused = this.graph.create('prim::FusionGroup', inputs, [result.type]);
    fused.operator = fuse(nameOf(group), inputs.length, steps);
    fused.subgraph = subgraphOf(group, inputs, last);
    fused.range = last.range;
    fused.insertBefore(last);
    const name = result.hasDebugName ? result.debugName : undefined;
    // Later readers of what the last one wrote in place read what came of it.
    if (operatorOf(last)!.meaning.kind === 'inplace')
      for (const { user, index } of [...last.inputs[0].uses])
        if (!group.includes(user) && this.isAfter(user, last)) {
          user.removeInput(index);
          user.insertInput(index, fused.output);
        }
    result.replaceAllUsesWith(fused.output);
    for (const node of [...group].sort((a, b) => this.at.get(b)! - this.at.get(a)!)) node.destroy();
    if (name !== undefined) fused.output.setDebugName(name);
    this.at.set(fused, this.at.get(last)!);
  }

  private isAfter(user: Node, node: Node): boolean {
    let outer = user;
    while (outer.owner !== this.block) outer = outer.owner!.owningNode!;
    return this.at.get(outer)! > this.at.get(node)!;
  }
}

/** `conv2d_add_relu`: as the profiler shows it. */
const nameOf = (group: readonly Node[]): string =>
  group.map(({ kind }) => kind.slice(kind.indexOf('::') + 2).replace(/^_+|_+$/g, '')).join('_');

/** The group as a graph of its own, for whoever prints it. */
function subgraphOf(group: readonly Node[], inputs: readonly Value[], last: Node): Graph {
  const graph = new Graph();
  const values = new Map<Value, Value>();
  for (const input of inputs) {
    const param = graph.block.paramNode.addOutput(input.type);
    if (input.hasDebugName) param.setDebugName(input.debugName);
    values.set(input, param);
  }
  for (const node of group) {
    for (const input of node.inputs)
      if (!values.has(input)) graph.block.append(copyNode(input.node, graph, values));
    graph.block.append(copyNode(node, graph, values));
  }
  graph.block.returnNode.addInput(values.get(last.output)!);
  return graph;
}

/** Fuses in every block of the graph. */
export function fuseOperators(graph: Graph): void {
  // What is fused in a block inside is a value of that block only, and writes nothing.
  const aliases = new AliasAnalysis(graph);
  const visit = (block: Block): void => {
    for (const node of block.nodes) node.blocks.forEach(visit);
    new Fuser(graph, block, aliases).run();
  };
  visit(graph.block);
}
