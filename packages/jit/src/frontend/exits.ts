/**
 * Early exits: after a return, break or continue that may have happened, the rest of a block is run only where it has not.
 * First the ways out of loops, then those out of the function.
 */
import { allNodes, type Block, type Graph, type Node, type Value } from '../ir/graph.ts';
import { unify } from '../ir/type-relations.ts';
import { BoolT, type JitType } from '../ir/types.ts';
import { cloneBefore } from './ssa.ts';

export function transformExits(graph: Graph): void {
  wrapEntered(graph);
  new ExitTransform(graph, 'prim::LoopContinuation').run();
  new ExitTransform(graph, 'prim::ReturnStmt').run();
  joinConsecutiveBranches(graph.block);
  unwrapEntered(graph);
}

/** Whether a block was left, as a bool of the program, and with which values. */
interface Exit {
  readonly exited: Value;
  readonly values: readonly Value[];
}

type Status = 'will' | 'might' | 'wont' | 'throws';

class ExitTransform {
  private readonly yes: Value;
  private readonly no: Value;
  /** Never read: the block throws before. */
  private readonly throws: Value;
  private readonly units = new Map<JitType | string, Value>();
  private target?: Block;

  constructor(
    private readonly graph: Graph,
    private readonly kind: 'prim::LoopContinuation' | 'prim::ReturnStmt',
  ) {
    const first = graph.block.nodes[0];
    const constant = (value: boolean): Value => {
      const node = graph.create('prim::Constant', [], [BoolT]);
      node.constant = { value };
      if (first) node.insertBefore(first);
      else graph.block.append(node);
      return node.output;
    };
    this.yes = constant(true);
    this.no = constant(false);
    this.throws = this.unit(BoolT);
  }

  run(): void {
    this.block(this.graph.block);
  }

  /** One value of each type stands for all that nobody reads; torch::jit tells types apart that were made apart. */
  private unit(type: JitType): Value {
    const isOne = 'element' in type || 'elements' in type || 'members' in type || 'value' in type;
    const key = isOne || type.kind === 'Tensor' || 'name' in type ? type : type.kind;
    let known = this.units.get(key);
    if (!known) {
      const node = this.graph.create('prim::Uninitialized', [], [type]);
      this.graph.block.prepend(node);
      this.units.set(key, (known = node.output));
    }
    return known;
  }

  private get wont(): Exit {
    return { exited: this.no, values: [] };
  }

  private status({ exited }: Exit): Status {
    if (exited === this.yes) return 'will';
    if (exited === this.no) return 'wont';
    return exited === this.throws ? 'throws' : 'might';
  }

  private isTarget(block: Block): boolean {
    const owner = block.owningNode?.kind;
    return this.kind === 'prim::LoopContinuation'
      ? owner === 'prim::Loop'
      : owner === undefined || owner === 'prim::Closure';
  }

  private block(block: Block): Exit {
    const outer = this.target;
    if (this.isTarget(block)) this.target = block;
    let exit = this.wont;
    for (let i = 0; i < block.nodes.length; i++) {
      const node = block.nodes[i];
      switch (node.kind) {
        case 'prim::RaiseException':
          exit = { exited: this.throws, values: [] };
          break;
        case 'prim::ReturnStmt':
        case 'prim::LoopContinuation':
          if (node.kind !== this.kind) break;
          exit = { exited: this.yes, values: [...node.inputs] };
          node.destroy();
          i--;
          break;
        case 'prim::If':
          exit = this.branch(node);
          break;
        case 'prim::With':
          exit = this.block(node.blocks[0]);
          break;
        case 'prim::Closure':
          this.block(node.blocks[0]);
          break;
        case 'prim::Loop':
          exit = this.loop(node);
          break;
      }
      // Units may have been put in front.
      i = Math.max(i, node.owner === block ? block.nodes.indexOf(node) : i);
      const status = this.status(exit);
      if (status === 'will' || status === 'throws') {
        const rest = this.after(block, node, i);
        for (const dead of rest.reverse()) this.destroyAfterExit(dead);
        break;
      }
      if (status === 'might') {
        const rest = this.after(block, node, i);
        if (rest.length > 0) exit = this.guard(block, exit, rest);
        break;
      }
    }
    if (this.target === block) {
      const status = this.status(exit);
      if (status === 'might') {
        const choose = this.graph.create('prim::If');
        block.append(choose);
        choose.addBlock();
        choose.addBlock();
        choose.addInput(exit.exited);
        this.branchOutputs(choose, exit.values, [...block.outputs]);
        replaceOutputs(block, choose.outputs);
      } else if (status === 'will') replaceOutputs(block, exit.values);
      exit = this.wont;
    }
    this.target = outer;
    return exit;
  }

  /** The nodes behind the one just handled, which may be gone. */
  private after(block: Block, node: Node, i: number): Node[] {
    const at = node.owner === block ? block.nodes.indexOf(node) : i;
    return block.nodes.slice(at + 1);
  }

  private destroyAfterExit(node: Node): void {
    for (const output of node.outputs)
      if (output.uses.length > 0) output.replaceAllUsesWith(this.unit(output.type));
    node.destroy();
  }

  private branch(node: Node): Exit {
    let yes = this.block(node.blocks[0]);
    let no = this.block(node.blocks[1]);
    const [yesStatus, noStatus] = [this.status(yes), this.status(no)];
    const status = joined(yesStatus, noStatus);
    if (status === 'throws') return { exited: this.throws, values: [] };
    if (status === 'wont') return this.wont;
    const units = ({ values }: Exit) => values.map((value) => this.unit(value.type));
    if (yesStatus === 'wont' || yesStatus === 'throws') yes = { exited: yes.exited, values: units(no) };
    else if (noStatus === 'wont' || noStatus === 'throws') no = { exited: no.exited, values: units(yes) };
    let exited = this.yes;
    if (status !== 'will') {
      this.branchOutputs(node, [yes.exited], [no.exited]);
      exited = node.outputs[node.outputs.length - 1];
    }
    this.branchOutputs(node, yes.values, no.values);
    return { exited, values: node.outputs.slice(node.outputs.length - yes.values.length) };
  }

  private branchOutputs(node: Node, yes: readonly Value[], no: readonly Value[]): void {
    for (const value of yes) node.blocks[0].returnNode.addInput(value);
    for (const value of no) node.blocks[1].returnNode.addInput(value);
    yes.forEach((value, i) => {
      node.addOutput(unify(value.type, no[i].type, true));
    });
  }

  private loop(node: Node): Exit {
    const [body] = node.blocks;
    const exit = this.block(body);
    const status = this.status(exit);
    // A loop that throws may not have been entered.
    if (status === 'wont' || status === 'throws') return this.wont;
    const goOn = this.graph.create('prim::If', [exit.exited]);
    body.append(goOn);
    goOn.addBlock().returnNode.addInput(this.no);
    goOn.addBlock().returnNode.addInput(body.outputs[0]);
    const condition = goOn.addOutput(BoolT);
    body.returnNode.removeInput(0);
    body.returnNode.insertInput(0, condition);
    node.addInput(this.no);
    body.paramNode.addOutput(BoolT);
    body.returnNode.addInput(exit.exited);
    const exited = node.addOutput(BoolT);
    for (const value of exit.values) {
      node.addInput(this.unit(value.type));
      node.addOutput(value.type);
      body.paramNode.addOutput(value.type);
      body.returnNode.addInput(value);
    }
    return { exited, values: node.outputs.slice(node.outputs.length - exit.values.length) };
  }

  /** Puts the rest of a block behind a branch on whether it was left already. */
  private guard(block: Block, exit: Exit, rest: readonly Node[]): Exit {
    const choose = this.graph.create('prim::If');
    choose.insertBefore(rest[0]);
    choose.addInput(exit.exited);
    const left = choose.addBlock();
    const stayed = choose.addBlock();
    for (const node of rest) {
      block.nodes.splice(block.nodes.indexOf(node), 1);
      stayed.append(node);
    }
    const units = block.outputs.map((output) => this.unit(output.type));
    [...block.outputs].forEach((output, i) => {
      left.returnNode.addInput(units[i]);
      stayed.returnNode.addInput(output);
      choose.addOutput(output.type);
    });
    replaceOutputs(block, choose.outputs);
    left.append(this.graph.create(this.kind, exit.values));
    return this.branch(choose);
  }
}

const joined = (yes: Status, no: Status): Status => {
  if (yes === 'throws') return no;
  if (no === 'throws' || yes === no) return yes;
  return 'might';
};

function replaceOutputs(block: Block, values: readonly Value[]): void {
  const outputs = [...values];
  while (block.outputs.length > 0) block.returnNode.removeInput(block.outputs.length - 1);
  for (const value of outputs) block.returnNode.addInput(value);
}

/** `if x: return 1` and `return 2` after it become one branch. */
function joinConsecutiveBranches(block: Block): void {
  for (let i = 0; i < block.nodes.length; ) {
    const node = block.nodes[i];
    for (const inner of node.blocks) joinConsecutiveBranches(inner);
    if (!joinWithNext(node, block.nodes[i + 1])) i++;
  }
}

function joinWithNext(first: Node, second: Node | undefined): boolean {
  if (first.kind !== 'prim::If' || second?.kind !== 'prim::If' || second.inputs[0].node !== first)
    return false;
  const at = second.inputs[0].offset;
  const decided = first.blocks.map((block) => {
    const { node } = block.outputs[at];
    return node.kind === 'prim::Constant' ? node.constant?.value : undefined;
  });
  if (decided.some((value) => typeof value !== 'boolean') || decided[0] === decided[1]) return false;
  first.blocks.forEach((block, i) => {
    const values = new Map<Value, Value>();
    first.outputs.forEach((output, j) => {
      values.set(output, block.outputs[j]);
    });
    const taken = second.blocks[decided[i] ? 0 : 1];
    for (const value of cloneBefore(taken, block.returnNode, values)) block.returnNode.addInput(value);
  });
  for (const output of second.outputs) {
    const joined = first.addOutput(output.type);
    const name = output.hasDebugName ? output.debugName : undefined;
    if (name !== undefined) joined.setDebugName(name);
    output.replaceAllUsesWith(joined);
  }
  second.destroy();
  return true;
}

/** What stands between an Enter and its Exit goes into a block, so that an exit from it still runs the Exit. */
function wrapEntered(graph: Graph): void {
  const pairs: [enter: Node, exit: Node][] = [];
  const open: Node[] = [];
  for (const node of allNodes(graph.block)) {
    if (node.kind === 'prim::Enter') open.push(node);
    else if (node.kind === 'prim::Exit' && open.length > 0) pairs.push([open.pop()!, node]);
  }
  for (const [enter, exit] of pairs) {
    const { owner } = enter;
    if (!owner || exit.owner !== owner) continue;
    const node = graph.create('prim::With');
    const [body, last] = [node.addBlock(), node.addBlock()];
    const from = owner.nodes.indexOf(enter) + 1;
    for (const inner of owner.nodes.splice(from, owner.nodes.indexOf(exit) - from)) body.append(inner);
    owner.nodes.splice(owner.nodes.indexOf(exit), 1);
    last.append(exit);
    node.insertAfter(enter);
  }
}

function unwrapEntered(graph: Graph): void {
  for (const node of [...allNodes(graph.block)]) {
    if (node.kind !== 'prim::With') continue;
    for (const block of node.blocks) for (const inner of [...block.nodes]) inner.moveBefore(node);
    node.destroy();
  }
}
