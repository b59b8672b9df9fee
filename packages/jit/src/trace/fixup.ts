/** From the raw recording to methods: attributes are read where they are used, and each module's call becomes a method of its type. */
import { normalizeOperators } from '../frontend/normalize.ts';
import { copyNode } from '../ir/copy.ts';
import { Func, type Signature } from '../ir/function.ts';
import { allNodes, type Block, Graph, type Node, type Value } from '../ir/graph.ts';
import { leafOf } from '../ir/names.ts';
import { type ClassType, type JitType, NoneT, TensorT, type TupleType, tupleOf } from '../ir/types.ts';
import { Tensor } from '../ops/core.ts';
import { AliasAnalysis } from '../passes/alias.ts';
import { eliminateDeadCode } from '../passes/dead-code.ts';
import type { Program } from '../program.ts';

/** A module's call while it is recorded: its scope is the node's name, its body the node's block. */
export const MODULE_CALL = 'prim::TracedModuleForward';
/** An attribute of the modules by its dotted path, the node's name. */
export const ATTRIBUTE = 'prim::TracedAttr';

/** What runs beside the rest: its block sees the values around it. */
const FORK = 'prim::fork';

/** The type without what a tracer knows of its tensors. */
export function unshaped(type: JitType): JitType {
  switch (type.kind) {
    case 'Tensor':
      return TensorT;
    case 'Tuple':
      return { ...type, elements: type.elements.map(unshaped) };
    case 'List':
    case 'Optional':
    case 'Future':
      return { kind: type.kind, element: unshaped(type.element) };
    case 'Dict':
      return { kind: 'Dict', key: unshaped(type.key), value: unshaped(type.value) };
    default:
      return type;
  }
}

const isIdentifier = (name: string): boolean => /^[A-Za-z_]\w*$/.test(name);

/** The signature of a recorded graph: parameters by their values' names. */
export function signatureOf(name: string, graph: Graph): Signature {
  const params = graph.inputs.map((input, i) => {
    const base = input.debugName.replace(/\.\d+$/, '');
    return {
      name: input.hasDebugName && isIdentifier(base) ? base : `argument_${i}`,
      type: unshaped(input.type),
      hasDefault: false,
      kwargOnly: false,
    };
  });
  return { name, params, returns: unshaped(graph.outputs[0].type) };
}

/** A function of a finished graph. */
export function funcOf(name: string, graph: Graph): Func {
  const signature = signatureOf(leafOf(name), graph);
  return new Func(
    name,
    () => signature,
    () => graph,
    undefined,
    () => [...new Set([...allNodes(graph.block)].filter((n) => n.operator).map((n) => n.kind))],
  );
}

/** Makes a module's recording the method graph that it stands for, and adds the methods of the submodules that it calls. */
export function fixUpScopes(graph: Graph, attributes: ReadonlyMap<string, Value>, program: Program): void {
  new AttributeReads(attributes).run(graph);
  liftUses(graph.block);
  returnTuples(graph.block);
  liftBlocks(graph.block);
  const methods: Graph[] = [];
  makeMethods(graph, methods);
  normalizeOperators(graph);
  for (const one of [...methods, graph]) {
    tidy(one);
    noteConstants(one, program);
  }
}

/** What a function's recording still needs. */
export function tidy(graph: Graph): void {
  lowerTuples(graph.block);
  eliminateDeadCode(graph.block, new AliasAnalysis(graph));
}

/** A program's constants move along with it. */
export function noteConstants(graph: Graph, program: Program): void {
  for (const node of allNodes(graph.block)) {
    const value = node.constant?.value;
    if (value instanceof Tensor && !program.constants.includes(value)) program.constants.push(value);
  }
}

function lowerTuples(block: Block): void {
  for (const node of [...block.nodes]) {
    if (node.kind !== 'prim::TupleUnpack' || node.inputs[0].node.kind !== 'prim::TupleConstruct') continue;
    const parts = [...node.inputs[0].node.inputs];
    node.outputs.forEach((output, i) => {
      output.replaceAllUsesWith(parts[i]);
    });
    node.destroy();
  }
}

const isWithin = (path: string, scope: string): boolean => path === scope || path.startsWith(`${scope}.`);

/** Attributes are read from `self` in the tightest scope; one from elsewhere comes in as an argument. */
class AttributeReads {
  constructor(private readonly attributes: ReadonlyMap<string, Value>) {}

  run(graph: Graph): void {
    this.addSelves(graph.block);
    this.convert(graph.block, '__module', graph.inputs[0]);
    for (const value of this.attributes.values()) value.node.destroy();
  }

  private addSelves(block: Block): void {
    for (const node of block.nodes) {
      if (node.kind === FORK) this.addSelves(node.blocks[0]);
      if (node.kind !== MODULE_CALL) continue;
      const self = this.attributes.get(node.name!)!;
      node.addInput(self);
      node.blocks[0].paramNode.addOutput(self.type).setDebugName('self');
      this.addSelves(node.blocks[0]);
    }
  }

  /** Gives the attributes that the block uses and that are not below its scope; `outside` are those of a call around a fork. */
  private convert(
    block: Block,
    scope: string,
    self: Value,
    outside?: { readonly block: Block; readonly unresolved: Value[]; readonly known: Map<Value, Value> },
  ): Value[] {
    const unresolved: Value[] = outside?.unresolved ?? [];
    const parameters = outside?.block ?? block;
    const known = outside?.known ?? new Map<Value, Value>();
    const local = new Map<Value, Value>();
    const replace = (node: Node, i: number): void => {
      const input = node.inputs[i];
      if (input.node.kind !== ATTRIBUTE) return;
      let value = local.get(input) ?? known.get(input);
      if (!value) {
        const path = input.node.name!;
        if (isWithin(path, scope)) value = this.read(block, self, scope, path);
        else {
          value = parameters.paramNode.addOutput(input.type);
          if (input.hasDebugName) value.setDebugName(input.debugName);
          unresolved.push(input);
          known.set(input, value);
        }
        local.set(input, value);
      }
      replaceInput(node, i, value);
    };
    for (const node of [...block.nodes]) {
      if (node.kind === MODULE_CALL) {
        const [inner] = node.blocks;
        for (const value of this.convert(inner, node.name!, inner.inputs[0])) node.addInput(value);
      }
      if (node.kind === FORK)
        this.convert(node.blocks[0], scope, self, { block: parameters, unresolved, known });
      for (let i = 0; i < node.inputs.length; i++) replace(node, i);
    }
    for (let i = 0; i < block.returnNode.inputs.length; i++) replace(block.returnNode, i);
    return unresolved;
  }

  /** `self.a.b`, at the top of the block. */
  private read(block: Block, self: Value, scope: string, path: string): Value {
    let value = self;
    const nodes: Node[] = [];
    for (const name of path
      .slice(scope.length + 1)
      .split('.')
      .filter(Boolean)) {
      const type = value.type as ClassType;
      const attribute = type.attributes[type.slotOf(name)!];
      const node = block.graph.create('prim::GetAttr', [value], [attribute.type]);
      node.name = name;
      node.output.setDebugName(/^\d/.test(name) ? `_${name}` : name);
      nodes.push(node);
      value = node.output;
    }
    for (const node of nodes.toReversed()) block.prepend(node);
    return value;
  }
}

function replaceInput(node: Node, i: number, value: Value): void {
  const old = node.inputs[i];
  old.uses.splice(
    old.uses.findIndex(({ user, index }) => user === node && index === i),
    1,
  );
  node.inputs[i] = value;
  value.uses.push({ user: node, index: i });
}

const ancestors = (block: Block): Block[] => {
  const out: Block[] = [];
  for (let b: Block | undefined = block; b; b = b.owningNode?.owner) out.push(b);
  return out;
};

/** A value made in a module's call and used outside of it comes out of the call as a result. */
function liftUses(root: Block): void {
  const lifted = new Map<Value, Value>();
  const visit = (node: Node, block: Block): void => {
    for (let i = 0; i < node.inputs.length; i++) {
      let input = node.inputs[i];
      const known = lifted.get(input);
      if (known) {
        replaceInput(node, i, known);
        input = known;
      }
      if (input.node.owner === block) continue;
      const around = new Set(ancestors(block));
      let value = input;
      let at = input.node.owner!;
      while (!around.has(at)) {
        at.returnNode.addInput(value);
        value = at.owningNode!.addOutput(value.type);
        at = at.owningNode!.owner!;
      }
      lifted.set(input, value);
      replaceInput(node, i, value);
    }
    if (node.kind === MODULE_CALL || node.kind === FORK) run(node.blocks[0]);
  };
  const run = (block: Block): void => {
    for (const node of block.nodes) visit(node, block);
    visit(block.returnNode, block);
  };
  run(root);
}

/** A method has one result: several are a tuple, none is None. */
function returnTuples(block: Block): void {
  for (const node of [...block.nodes]) {
    if (node.kind === FORK) returnTuples(node.blocks[0]);
    if (node.kind !== MODULE_CALL) continue;
    const [body] = node.blocks;
    returnTuples(body);
    const { graph } = block;
    const results = [...body.outputs];
    if (results.length === 1) continue;
    while (body.returnNode.inputs.length > 0) body.returnNode.removeInput(body.returnNode.inputs.length - 1);
    if (results.length === 0) {
      const none = body.append(graph.create('prim::Constant', [], [NoneT]));
      none.constant = { value: null };
      body.returnNode.addInput(none.output);
      node.addOutput(NoneT);
      continue;
    }
    const tuple = body.append(
      graph.create('prim::TupleConstruct', results, [tupleOf(results.map((result) => result.type))]),
    );
    body.returnNode.addInput(tuple.output);
    const old = node.outputs.splice(0);
    const type: TupleType = tupleOf(old.map((output) => output.type));
    const unpack = graph.create('prim::TupleUnpack', [node.addOutput(type)], type.elements);
    const at = block.nodes.indexOf(node);
    unpack.owner = block;
    block.nodes.splice(at + 1, 0, unpack);
    old.forEach((output, i) => {
      output.replaceAllUsesWith(unpack.outputs[i]);
      output.setDebugName('');
    });
  }
}

/** Each module's call gets a graph of its own, whose inputs are its self, then all that it uses from outside. */
function liftBlocks(block: Block): void {
  for (const node of block.nodes) {
    if (node.kind === FORK) liftBlocks(node.blocks[0]);
    if (node.kind !== MODULE_CALL) continue;
    const [body] = node.blocks;
    liftBlocks(body);
    const graph = new Graph();
    const values = new Map<Value, Value>();
    const addInput = (from: Value): void => {
      const input = graph.block.paramNode.addOutput(from.type);
      if (from.hasDebugName) input.setDebugName(from.debugName);
      values.set(from, input);
    };
    for (const input of body.inputs) addInput(input);
    const own = new Set([...allNodes(body)].flatMap((inner) => inner.outputs));
    const capture = (inner: Node): void => {
      for (const input of inner.inputs) {
        if (values.has(input) || own.has(input)) continue;
        addInput(input);
        node.addInput(input);
      }
      for (const forked of inner.blocks) {
        for (const deeper of forked.nodes) capture(deeper);
        capture(forked.returnNode);
      }
    };
    for (const inner of body.nodes) {
      capture(inner);
      graph.block.append(copyNode(inner, graph, values));
    }
    capture(body.returnNode);
    for (const output of body.outputs) graph.block.returnNode.addInput(values.get(output)!);
    node.subgraph = graph;
    body.destroy();
    node.blocks.length = 0;
  }
}

/** Adds a method for each recorded call, innermost first, and calls it: `forward`, at the second call `forward1`, … */
function makeMethods(graph: Graph, made: Graph[], block: Block = graph.block): void {
  for (const node of [...block.nodes]) {
    if (node.kind === FORK) makeMethods(graph, made, node.blocks[0]);
    if (node.kind !== MODULE_CALL) continue;
    const type = node.inputs[0].type as ClassType;
    const body = node.subgraph!;
    makeMethods(body, made);
    let name = 'forward';
    for (let i = 1; type.methods.has(name); i++) name = `forward${i}`;
    const func = funcOf(name, body);
    type.methods.set(name, func);
    made.push(body);
    const call = graph.create('prim::CallMethod', node.inputs, [func.signature.returns]);
    call.name = name;
    call.func = func;
    call.insertBefore(node);
    node.output.replaceAllUsesWith(call.output);
    node.destroy();
  }
}
