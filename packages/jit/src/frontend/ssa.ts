/** Loads and stores of variables to static single assignment, in torch::jit's steps and order, so that value numbers agree. */
import type { Block, Graph, Node, Value } from '../ir/graph.ts';
import { type JitType, unify } from '../ir/types.ts';
import { isMeaningful } from './environment.ts';
import { CompileError } from './source.ts';

/** Rewrites the graph in place: afterwards it has no `prim::Load` and no `prim::Store`. */
export function convertToSsa(graph: Graph): void {
  new ControlFlow(graph).block(graph.block);
  inlineLoopConditions(graph.block);
  eraseLoadsAndStores(graph.block, undefined);
}

class Scope<T> {
  readonly own = new Map<string, T>();
  constructor(readonly parent: Scope<T> | undefined) {}

  find(name: string): T | undefined {
    return this.own.get(name) ?? this.parent?.find(name);
  }
}

/** Step 1: variables that a branch or loop body changes become outputs, and loop bodies' inputs. */
class ControlFlow {
  private scope: Scope<JitType> | undefined;

  constructor(private readonly graph: Graph) {}

  block(block: Block): Scope<JitType> {
    const scope = new Scope(this.scope);
    this.scope = scope;
    for (let i = 0; i < block.nodes.length; i++) {
      const node = block.nodes[i];
      if (node.kind === 'prim::If') this.branch(node);
      else if (node.kind === 'prim::Loop') {
        this.loop(node);
        i = block.nodes.indexOf(node);
      } else if (node.kind === 'prim::Store') scope.own.set(node.name!, node.inputs[0].type);
      else if (node.blocks.length > 0) for (const inner of node.blocks) this.block(inner);
    }
    this.scope = scope.parent;
    return scope;
  }

  private load(name: string, type: JitType): Node {
    const node = this.graph.create('prim::Load', [], [type]);
    node.name = name;
    return node;
  }

  private store(name: string, value: Value): Node {
    const node = this.graph.create('prim::Store', [value]);
    node.name = name;
    return node;
  }

  private blockOutput(block: Block, type: JitType, name: string): void {
    block.returnNode.addInput(block.append(this.load(name, type)).output);
  }

  private nodeOutput(node: Node, type: JitType, name: string): void {
    const output = node.addOutput(type);
    if (isMeaningful(name)) output.setDebugName(name);
    const nodes = node.owner!.nodes;
    const store = this.store(name, output);
    store.owner = node.owner;
    nodes.splice(nodes.indexOf(node) + 1, 0, store);
  }

  private branch(node: Node): void {
    const [whenTrue, whenFalse] = node.blocks;
    const yes = this.block(whenTrue);
    const no = this.block(whenFalse);
    const mutated = new Set<string>();
    for (const name of yes.own.keys()) if (no.find(name)) mutated.add(name);
    for (const name of no.own.keys()) if (yes.find(name)) mutated.add(name);
    for (const name of [...mutated].sort()) {
      const trueType = yes.find(name)!;
      const falseType = no.find(name)!;
      const type = unify(trueType, falseType, true);
      if (!type) continue;
      this.blockOutput(whenTrue, trueType, name);
      this.blockOutput(whenFalse, falseType, name);
      this.nodeOutput(node, type, name);
    }
  }

  private loop(node: Node): void {
    const [body] = node.blocks;
    const changed = this.block(body);
    for (const name of [...changed.own.keys()].sort()) {
      const type = this.scope!.find(name);
      if (!type) continue;
      const initial = this.load(name, type);
      initial.owner = node.owner;
      node.owner!.nodes.splice(node.owner!.nodes.indexOf(node), 0, initial);
      node.addInput(initial.output);
      const param = body.paramNode.addOutput(type);
      param.setDebugName(name);
      body.prepend(this.store(name, param));
      this.blockOutput(body, type, name);
      this.nodeOutput(node, type, name);
    }
  }
}

/** Step 2: a loop's condition block is computed once before the loop and again at the end of its body. */
function inlineLoopConditions(block: Block): void {
  for (const node of [...block.nodes]) {
    for (const inner of node.blocks) inlineLoopConditions(inner);
    if (node.kind !== 'prim::Loop') continue;
    const [body, condition] = node.blocks;
    const again = cloneInto(condition, body);
    const first = condition.outputs[0];
    for (const inner of [...condition.nodes]) inner.moveBefore(node);
    node.insertInput(1, first);
    const outputs = [again, ...body.returnNode.inputs];
    while (body.returnNode.inputs.length) body.returnNode.removeInput(body.returnNode.inputs.length - 1);
    for (const output of outputs) body.returnNode.addInput(output);
    condition.returnNode.removeInput(0);
    node.blocks.pop();
  }
}

/** Appends copies of a block's nodes to another block and returns the copy of its first output. */
function cloneInto(from: Block, to: Block): Value {
  const copies = new Map<Value, Value>();
  const clone = (node: Node, into: Block): void => {
    const copy = node.graph.create(
      node.kind,
      node.inputs.map((input) => copies.get(input) ?? input),
    );
    copy.name = node.name;
    copy.constant = node.constant;
    copy.types = node.types;
    copy.func = node.func;
    copy.operator = node.operator;
    copy.range = node.range;
    into.append(copy);
    for (const inner of node.blocks) {
      const block = copy.addBlock();
      for (const input of inner.inputs) copies.set(input, block.paramNode.addOutput(input.type));
      for (const child of inner.nodes) clone(child, block);
      for (const output of inner.outputs) block.returnNode.addInput(copies.get(output) ?? output);
    }
    for (const output of node.outputs) {
      const result = copy.addOutput(output.type);
      if (output.hasDebugName) result.setDebugName(output.debugName);
      copies.set(output, result);
    }
  };
  for (const node of from.nodes) clone(node, to);
  return copies.get(from.outputs[0]) ?? from.outputs[0];
}

/** Step 3: every load becomes the value that was last stored. */
function eraseLoadsAndStores(block: Block, parent: Scope<Value> | undefined): void {
  const scope = new Scope<Value>(parent);
  for (const node of [...block.nodes]) {
    if (node.kind === 'prim::Store') {
      scope.own.set(node.name!, node.inputs[0]);
      node.destroy();
    } else if (node.kind === 'prim::Load') {
      const value = scope.find(node.name!);
      if (!value) throw new CompileError(`undefined value ${node.name}`, node.range);
      node.output.replaceAllUsesWith(value);
      node.destroy();
    } else for (const inner of node.blocks) eraseLoadsAndStores(inner, scope);
  }
}
