/** IR to TorchScript source: one function at a time, in the statements that torch::jit's printer would choose. */
import { TorchError } from '@sconce/core';
import type { Range } from '../frontend/source.ts';
import type { Func } from '../ir/function.ts';
import { type Block, type Graph, maxTripCount, type Node, type Use, type Value } from '../ir/graph.ts';
import { typesEqual } from '../ir/type-relations.ts';
import { annotation } from '../ir/type-text.ts';
import type { JitType } from '../ir/types.ts';
import type { Dependencies, NameOf } from './dependencies.ts';
import { rightHandSide } from './expression.ts';
import { Inlining } from './inline.ts';
import { type ConstantTable, type LiteralOptions, literal } from './literal.ts';
import { Names } from './names.ts';
import { Tagged } from './tagged.ts';
import { leastVersion } from './version.ts';

/** Expressions whose text is this long get a statement of their own. */
const LONG = 40;

export interface PrintOptions extends LiteralOptions {
  readonly constants: ConstantTable;
  readonly dependencies: Dependencies;
  readonly nameOf?: NameOf;
}

export class Printer {
  readonly body = new Tagged();
  /** The oldest version of the format that gives what was printed its meaning. */
  version = 3;
  readonly options: PrintOptions;
  private readonly names = new Names();
  private level = 0;
  private readonly ranges: (Range | undefined)[] = [undefined];
  /** What a use of a value reads: a variable if it has one, else the whole expression. */
  private readonly variables = new Map<Value, string>();
  private readonly expressions = new Map<Value, Tagged>();
  private inlining = new Inlining();
  private readonly listed = new Set<Node>();
  private readonly annotated = new Set<Value>();
  /** For each node whose operands were given statements: up to which operand. */
  private readonly split = new Map<Node, number>();

  constructor(options: PrintOptions) {
    this.options = options;
  }

  get range(): Range | undefined {
    return this.ranges[this.ranges.length - 1];
  }

  write(text: string): void {
    this.body.add(text, this.range);
  }

  /** Starts a line. */
  indent(): void {
    this.write('  '.repeat(this.level));
  }

  line(text: string): void {
    this.indent();
    this.write(text);
    this.write('\n');
  }

  indented(print: () => void): void {
    this.level++;
    print();
    this.level--;
  }

  typeText(type: JitType): string {
    return annotation(type, this.options.nameOf);
  }

  /** The definition of a function; `name` is the text after `def`. Methods shown outside of their class leave out the type of `self`. */
  function(func: Func, name: string, { showsSelf = true } = {}): void {
    const { graph, signature } = func;
    this.names.startFunction();
    this.indent();
    this.write(`def ${name}(`);
    for (const [i, param] of signature.params.entries()) {
      this.options.dependencies.addType(param.type);
      const variable = this.names.unique(param.name);
      const type = `: ${this.typeText(param.type)}`;
      this.write(i === 0 ? variable + (showsSelf ? type : '') : `,\n    ${variable}${type}`);
      if (param.hasDefault) this.write(`=${literal(param.default, param.type, this.options)}`);
      this.variables.set(graph.inputs[i], variable);
    }
    this.write(`) -> ${this.typeText(signature.returns)}:\n`);
    this.options.dependencies.addType(signature.returns);
    this.functionBody(graph.block);
  }

  /** What stands for a value where it is used. */
  use(value: Value): Tagged {
    const variable = this.variables.get(value);
    if (variable !== undefined) return new Tagged().add(variable, this.range);
    const expression = this.expressions.get(value);
    if (!expression) throw new TorchError(`%${value.debugName} is used before it is printed`);
    return expression;
  }

  uses(values: readonly Value[]): Tagged {
    const text = new Tagged();
    values.forEach((value, i) => {
      if (i > 0) text.add(', ', this.range);
      text.append(this.use(value));
    });
    return text;
  }

  private functionBody(block: Block): void {
    const constants: Node[] = [];
    this.listConstants(block, constants);
    this.inlining.scan(block);
    this.indented(() => {
      // Most are written where they are used; long ones get a line here.
      for (const node of constants) this.node(node, true);
      this.block(block, block.outputs.length > 0);
      this.node(block.returnNode);
    });
  }

  /** Constants in order of their first use. Functions that only a forked body names are that body's own. */
  private listConstants(block: Block, found: Node[], isForked = false): void {
    for (const node of [...block.nodes, block.returnNode]) {
      for (const { node: producer } of node.inputs) {
        if (producer.kind !== 'prim::Constant' || this.listed.has(producer)) continue;
        if (isForked && producer.func) continue;
        this.listed.add(producer);
        found.push(producer);
      }
      for (const inner of node.blocks)
        this.listConstants(inner, found, isForked || node.kind === 'prim::fork');
    }
  }

  private block(block: Block, hasMore: boolean): void {
    if (!hasMore && block.nodes.length === 0) this.line('pass');
    for (const node of block.nodes) this.node(node);
  }

  private node(node: Node, withConstants = false): void {
    this.ranges.push(originOf(node));
    this.noteTypes(node);
    this.version = Math.max(this.version, leastVersion(node));
    if (withConstants || node.kind !== 'prim::Constant') this.statement(node);
    this.ranges.pop();
  }

  private noteTypes(node: Node): void {
    const { dependencies } = this.options;
    for (const input of node.inputs) dependencies.addType(input.type);
    for (const output of node.outputs) dependencies.addType(output.type);
    for (const type of node.types ?? []) dependencies.addType(type);
  }

  private statement(node: Node): void {
    switch (node.kind) {
      case 'prim::Return':
        if (node.inputs.length > 0) this.put('return ', this.uses(node.inputs), '');
        return;
      case 'prim::If':
        this.branch(node);
        return;
      case 'prim::Loop':
        this.loop(node);
        return;
      case 'prim::TupleUnpack':
      case 'prim::ListUnpack': {
        this.name(node.outputs);
        // The comma at the end makes an unpacking of it even with one name.
        const targets = node.outputs.map((output) => this.variables.get(output)!).join(', ');
        this.put(targets && `${targets}, = `, this.use(node.inputs[0]), '');
        return;
      }
      case 'prim::SetAttr': {
        const [object, value] = node.inputs;
        this.indent();
        this.body.append(this.use(object));
        this.write(`.${node.name} = `);
        this.body.append(this.use(value));
        this.write('\n');
        return;
      }
      case 'prim::fork':
        this.fork(node);
        return;
      case 'prim::Closure':
        this.closure(node);
        return;
      case 'prim::Enter': {
        this.indent();
        this.write('with ');
        this.body.append(this.use(node.inputs[0]));
        if (node.output.uses.length > 0) {
          this.name(node.outputs);
          this.write(` as ${this.variables.get(node.output)}`);
        }
        this.write(':\n');
        this.level++;
        return;
      }
      case 'prim::Exit': {
        const { nodes } = node.owner!;
        if (nodes[nodes.indexOf(node) - 1]?.kind === 'prim::Enter') this.line('pass');
        this.level--;
        return;
      }
      case 'prim::ModuleContainerIndex': {
        const [container, key] = node.inputs;
        this.name(node.outputs);
        const target = `${this.variables.get(node.output)} : ${this.typeText(node.output.type)} = `;
        this.put(
          target,
          new Tagged().append(this.use(container)).add('[', this.range).append(this.use(key)),
          ']',
        );
        return;
      }
      default:
        this.expression(node);
    }
  }

  private expression(node: Node): void {
    const text = rightHandSide(node, this);
    const isLong = this.isLong(text);
    const isConstant = node.kind === 'prim::Constant';
    if (!this.inlining.inlined.has(node) || (isConstant && isLong)) {
      this.define(node, text);
      return;
    }
    this.expressions.set(node.output, text);
    if (isLong) this.splitUpTo(node.output);
  }

  private isLong({ text }: Tagged): boolean {
    return text.length + 2 * this.level >= LONG;
  }

  /**
   * Gives a long inlined expression a statement, and with it all inlined ones that are evaluated before: else its statement
   * would run ahead of them.
   */
  private splitUpTo(value: Value): void {
    const backwards: Value[] = [];
    const collect = (user: Node, index: number): void => {
      const done = this.split.get(user);
      for (let i = index; i > (done ?? -1); i--) {
        const operand = user.inputs[i];
        if (operand.node.kind !== 'prim::Constant' && this.inlining.inlined.has(operand.node))
          backwards.push(operand);
      }
      this.split.set(user, index);
      if (done !== undefined || !this.inlining.inlined.has(user)) return;
      const outer: Use = user.output.uses[0];
      // The operand itself is still being written.
      collect(outer.user, outer.index - 1);
    };
    const [use] = value.uses;
    collect(use.user, use.index);
    for (const operand of backwards.reverse()) this.define(operand.node, this.use(operand));
  }

  /** `a, b = …`, or the bare expression where it has no results. */
  private define(node: Node, text: Tagged): void {
    this.name(node.outputs);
    const targets = node.outputs.map((output) => this.variables.get(output)!).join(', ');
    this.put(targets && `${targets} = `, text, '');
  }

  private put(before: string, text: Tagged, after: string): void {
    this.indent();
    this.write(before);
    this.body.append(text);
    this.write(`${after}\n`);
  }

  private name(values: readonly Value[]): void {
    for (const value of values) this.variables.set(value, this.names.uniqueFor(value));
  }

  private assign(targets: readonly Value[], values: readonly Value[]): void {
    if (targets.length === 0) return;
    const [first] = targets;
    const isMarked = targets.length === 1 && mayBeSeveral(first.type) && this.marksFirst(first);
    const type = isMarked ? ` : ${this.typeText(first.type)}` : '';
    this.put('', this.uses(targets).add(`${type} = `, this.range).append(this.uses(values)), '');
  }

  /** Whether this is the first assignment to the variable, which says its type. */
  private marksFirst(value: Value): boolean {
    if (this.annotated.has(value)) return false;
    this.annotated.add(value);
    return true;
  }

  private branch(node: Node): void {
    this.name(node.outputs);
    this.put('if ', this.use(node.inputs[0]), ':');
    for (const [i, block] of node.blocks.entries()) {
      if (i > 0) this.line('else:');
      this.indented(() => {
        this.block(block, node.outputs.length > 0);
        this.assign(node.outputs, block.outputs);
      });
    }
  }

  private loop(node: Node): void {
    const [trips, condition, ...initial] = node.inputs;
    const [body] = node.blocks;
    const [trip, ...carried] = body.inputs;
    const isFor = loopKind(node) === 'for';
    this.name(node.outputs);
    carried.forEach((input, i) => {
      this.variables.set(input, this.variables.get(node.outputs[i])!);
      this.annotated.add(input);
    });
    node.outputs.forEach((output, i) => {
      const isMarked = mayBeSeveral(output.type)
        ? this.marksFirst(output)
        : !typesEqual(output.type, initial[i].type);
      const type = isMarked ? `: ${this.typeText(output.type)}` : '';
      this.put(`${this.variables.get(output)}${type} = `, this.use(initial[i]), '');
    });
    // A while has no use for the trip's number: its name serves for the condition.
    this.name([trip]);
    if (isFor) this.put(`for ${this.variables.get(trip)} in range(`, this.use(trips), '):');
    else {
      this.assign([trip], [condition]);
      this.line(`while ${this.variables.get(trip)}:`);
    }
    const first = isFor ? 1 : 0;
    const targets = body.inputs.slice(first);
    this.indented(() => {
      this.block(body, targets.length > 0);
      this.assign(targets, body.outputs.slice(first));
    });
  }

  private fork(node: Node): void {
    const name = this.names.unique('__forked_function');
    this.line(`def ${name}():`);
    if (node.subgraph)
      node.subgraph.inputs.forEach((input, i) => {
        this.alias(input, node.inputs[i]);
      });
    this.functionBody(node.subgraph?.block ?? node.blocks[0]);
    this.define(node, new Tagged().add(`fork(${name})`, this.range));
  }

  private alias(inner: Value, outer: Value): void {
    const variable = this.variables.get(outer);
    if (variable !== undefined) this.variables.set(inner, variable);
    else this.expressions.set(inner, this.use(outer));
  }

  private closure(node: Node): void {
    const graph = node.subgraph as Graph;
    this.name(node.outputs);
    this.name(graph.inputs);
    const params = graph.inputs.map((input) => `${this.variables.get(input)}: ${this.typeText(input.type)}`);
    this.line(`def ${this.variables.get(node.output)}(${params.join(', ')}):`);
    this.functionBody(graph.block);
  }
}

const mayBeSeveral = ({ kind }: JitType): boolean => kind === 'Optional' || kind === 'Union';

const originOf = ({ range }: Node): Range | undefined => {
  const origin = range?.source.original?.(range.start);
  return origin ? { source: origin.source, start: origin.offset, end: origin.end ?? origin.offset } : range;
};

function loopKind(node: Node): 'for' | 'while' {
  const [body] = node.blocks;
  const [trips, condition] = node.inputs;
  const isTrue = (value: Value) =>
    value.node.kind === 'prim::Constant' && value.node.constant?.value === true;
  const limit = trips.node.kind === 'prim::Constant' ? trips.node.constant?.value : undefined;
  const isCounted =
    limit === undefined || BigInt(limit as number) !== maxTripCount || body.inputs[0].uses.length > 0;
  if (isTrue(condition) && isTrue(body.outputs[0])) return isCounted ? 'for' : 'while';
  if (isCounted)
    throw new TorchError(
      'loop cannot be printed as python because it has gone through an optimization that combined while and for loops. File a bug',
    );
  return 'while';
}
