/** Loads and stores of variables to static single assignment, in torch::jit's steps and order, so that value numbers agree. */
import { copyNode } from '../ir/copy.ts';
import type { Block, Graph, Node, Value } from '../ir/graph.ts';
import { unify } from '../ir/type-relations.ts';
import { BoolT, type JitType } from '../ir/types.ts';
import { isMeaningful } from './environment.ts';
import { transformExits } from './exits.ts';
import { CompileError } from './source.ts';

/** Rewrites the graph in place: afterwards it has no load, store, return, break or continue. */
export function convertToSsa(graph: Graph): void {
  new ControlFlow(graph).block(graph.block);
  new Continuations(graph, graph.block).run();
  inlineLoopConditions(graph.block);
  eraseLoadsAndStores(graph.block, undefined);
  transformExits(graph);
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
    this.store(name, output).insertAfter(node);
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
      const outer = this.scope!.find(name);
      if (!outer) continue;
      const own = changed.own.get(name)!;
      const type = unify(outer, own, true) ?? outer;
      const initial = this.load(name, outer);
      initial.insertBefore(node);
      node.addInput(initial.output);
      const param = body.paramNode.addOutput(type);
      // Unlike elsewhere, whatever the name is.
      param.setDebugName(name);
      body.prepend(this.store(name, param));
      this.blockOutput(body, own, name);
      this.nodeOutput(node, type, name);
    }
  }
}

/** Step 2: break and continue say what the loop goes on with: whether it does, and its variables. */
class Continuations {
  private readonly stops: Value;
  private loop?: Node;

  constructor(
    private readonly graph: Graph,
    private readonly block: Block,
  ) {
    const node = graph.create('prim::Constant', [], [BoolT]);
    node.constant = { value: false };
    block.prepend(node);
    this.stops = node.output;
  }

  run(): void {
    this.visit(this.block);
  }

  private visit(block: Block): void {
    for (const node of [...block.nodes])
      switch (node.kind) {
        case 'prim::If':
          for (const inner of node.blocks) this.visit(inner);
          break;
        case 'prim::ComprehensionScope':
          this.visit(node.blocks[0]);
          break;
        case 'prim::Closure':
          new Continuations(this.graph, node.blocks[0]).run();
          break;
        case 'prim::Loop': {
          const outer = this.loop;
          this.loop = node;
          this.visit(node.blocks[0]);
          this.loop = outer;
          break;
        }
        case 'prim::BreakStmt':
        case 'prim::ContinueStmt':
          this.leave(node);
          break;
      }
  }

  private leave(node: Node): void {
    const [body, condition] = this.loop!.blocks;
    const leave = this.graph.create('prim::LoopContinuation');
    leave.insertAfter(node);
    if (node.kind === 'prim::BreakStmt') leave.addInput(this.stops);
    else leave.addInput(cloneBefore(condition, leave)[0]);
    for (const output of body.outputs) {
      const load = copyNode(output.node, this.graph, new Map());
      load.insertBefore(leave);
      leave.addInput(load.output);
    }
    node.destroy();
  }
}

/** Step 3: a loop's condition block is copied before the loop, and is itself the end of its body. */
function inlineLoopConditions(block: Block): void {
  for (const node of [...block.nodes]) {
    for (const inner of node.blocks) inlineLoopConditions(inner);
    if (node.kind !== 'prim::Loop') continue;
    const [body, condition] = node.blocks;
    const [first] = cloneBefore(condition, node);
    node.insertInput(1, first);
    for (const inner of [...condition.nodes]) {
      condition.nodes.splice(condition.nodes.indexOf(inner), 1);
      body.append(inner);
    }
    body.returnNode.insertInput(0, condition.outputs[0]);
    condition.returnNode.removeInput(0);
    node.blocks.pop();
  }
}

/** Puts copies of a block's nodes before `at` and returns the copies of its outputs. */
export function cloneBefore(from: Block, at: Node, values: Map<Value, Value> = new Map()): readonly Value[] {
  cloneNodes(from, at.graph, values, (copy) => {
    if (at.kind === 'prim::Return') at.owner!.append(copy);
    else copy.insertBefore(at);
  });
  return from.outputs.map((output) => values.get(output) ?? output);
}

/**
 * torch::jit names the values of a copied block twice: the copy first takes the name, then the one that the original was
 * left with.
 */
function cloneNodes(from: Block, graph: Graph, values: Map<Value, Value>, put: (copy: Node) => void): void {
  for (const node of from.nodes) {
    const copy = copyNode(node, graph, values, (inner, into) => cloneNodes(inner, graph, values, into));
    put(copy);
    node.outputs.forEach((output, i) => {
      if (output.hasDebugName) copy.outputs[i].setDebugName(output.debugName);
    });
  }
}

/** Step 4: every load becomes the value that was last stored. */
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
    } else if (node.kind === 'prim::ComprehensionScope') {
      const [body] = node.blocks;
      eraseLoadsAndStores(body, scope);
      for (const inner of [...body.nodes]) inner.moveBefore(node);
      node.destroy();
    } else for (const inner of node.blocks) eraseLoadsAndStores(inner, scope);
  }
}
