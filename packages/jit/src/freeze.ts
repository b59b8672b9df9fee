/** `torch.jit.freeze` and `torch.jit.optimize_for_inference`: a module's methods as graphs over constants, made faster. */
import { ArgumentError, TorchError } from '@sconce/core';
import { copyGraph } from './ir/copy.ts';
import { Func, type Signature } from './ir/function.ts';
import type { Graph, Node } from './ir/graph.ts';
import { allNodes } from './ir/graph.ts';
import { moduleParts, type Program, ScriptModule, wrapModule } from './module.ts';
import { type Device, Tensor } from './ops/core.ts';
import type { ScriptObject } from './ops/value.ts';
import { AliasAnalysis } from './passes/alias.ts';
import { freezeAttributes, objectsIn, placeNamed } from './passes/attributes.ts';
import { eliminateCommonSubexpressions } from './passes/common.ts';
import { propagateConstants, takeDecidedBranches } from './passes/constants.ts';
import { foldConvolutionDims } from './passes/conv-dims.ts';
import { eliminateDeadCode } from './passes/dead-code.ts';
import { removeDropout } from './passes/dropout.ts';
import { foldBatchNorm } from './passes/fold-batch-norm.ts';
import { fuseOperators } from './passes/fuse.ts';
import { inlineCalls } from './passes/inline.ts';
import { peephole } from './passes/peephole.ts';
import { poolConstants } from './passes/pool.ts';
import { lowerSimpleTuples } from './passes/tuples.ts';

/** What `freeze` may be told, as PyTorch names it. */
export interface FreezeOptions {
  /** Attributes and methods to keep beside `forward`; `sub.attr` names a submodule's. */
  readonly preserved_attrs?: readonly string[] | null;
  /** Whether numbers may change in their last places: batch normalisation goes into the weights before it. */
  readonly optimize_numerics?: boolean;
}

/**
 * A copy of the module whose parameters and attributes are constants of its graphs, its submodules gone. Attributes that a
 * method changes stay, as do those that `preserved_attrs` names. The constants share memory with the module's parameters.
 * Takes modules in eval mode only, as PyTorch does.
 */
export function freeze(
  module: ScriptModule,
  preserved_attrs?: readonly string[] | FreezeOptions | null,
  optimize_numerics = true,
): ScriptModule {
  if (!(module instanceof ScriptModule))
    throw new TorchError(
      "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to script your 'nn.Module'.",
    );
  if (module.training)
    throw new TorchError(
      'Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before freezing.',
    );
  const options: FreezeOptions =
    preserved_attrs && !Array.isArray(preserved_attrs)
      ? (preserved_attrs as FreezeOptions)
      : { preserved_attrs: preserved_attrs as readonly string[], optimize_numerics };
  const { object, program } = moduleParts(module);
  const names = [...new Set(['forward', ...(options.preserved_attrs ?? [])])];
  const methods = names.filter((name) => object.type.methods.has(name));
  if (!methods.includes('forward') && methods.length === 0)
    throw new TorchError(`Module '${object.type.leafName}' has no method 'forward'`);
  const preserved = names
    .filter((name) => name !== 'forward' && !methods.includes(name))
    .map((name) => {
      const place = placeNamed(object, name);
      if (!place) throw new ArgumentError(`Unknown name: ${name}`);
      return place;
    });
  const graphs = methods.map((name) => inlined(object, name));
  const { root: own, constants } = freezeAttributes(object, graphs, preserved, (graph) => {
    takeDecidedBranches(graph);
    lowerSimpleTuples(graph.block);
    peephole(graph);
    takeDecidedBranches(graph);
    eliminateDeadCode(graph.block);
  });
  methods.forEach((name, i) => {
    const { params, returns } = object.type.methods.get(name)!.signature;
    const [self, ...rest] = params;
    const signature = { name, params: [{ ...self, type: own.type }, ...rest], returns };
    own.type.methods.set(name, methodOf(name, signature, graphs[i]));
  });
  for (const graph of graphs) {
    foldConvolutionDims(graph);
    removeDropout(graph);
    simplify(graph, program.device);
  }
  if (options.optimize_numerics ?? true) for (const graph of graphs) optimizeFrozen(graph, program.device);
  const frozen = wrapped(own, graphs, program);
  // What went into other constants is not kept from being freed with the module that it was of.
  const used = new Set(moduleParts(frozen).program.constants);
  for (const constant of constants) if (!used.has(constant)) constant.dispose();
  return frozen;
}

/** Made out here, since closures made in `freeze` would keep the module that it was given. */
const methodOf = (name: string, signature: Signature, graph: Graph): Func =>
  new Func(
    name,
    () => signature,
    () => graph,
  );

/**
 * The module as fast as it gets: frozen, if it is not yet, and its operators fused. `other_methods` are kept and optimised
 * beside `forward`. What comes of it is for running here; it is not for saving.
 */
export function optimize_for_inference(
  module: ScriptModule,
  other_methods: readonly string[] | null = null,
): ScriptModule {
  if (!(module instanceof ScriptModule))
    throw new TorchError(
      "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to script your 'nn.Module'.",
    );
  // One that still knows whether it trains is not frozen; PyTorch puts it in eval mode as well.
  const isFrozen = moduleParts(module).object.type.slotOf('training') === undefined;
  const frozen = freeze(isFrozen ? module : module.eval(), { preserved_attrs: other_methods ?? [] });
  const { object, program } = moduleParts(frozen);
  const graphs = [...object.type.methods.values()].map((func) => func.graph);
  for (const graph of graphs) optimizeForInference(graph);
  return wrapped(object, graphs, program);
}

/** A copy of the method's graph without calls; methods of interfaces are found by the objects that stand there. */
function inlined(object: ScriptObject, name: string): Graph {
  const graph = copyGraph(object.type.methods.get(name)!.graph);
  const callee = (node: Node): Func | undefined =>
    node.func ??
    objectsIn(graph, object)
      .get(node.inputs[0])
      ?.type.methods.get(node.name ?? '');
  inlineCalls(graph.block, callee);
  eliminateDeadCode(graph.block);
  return graph;
}

/** What keeps every number as it is. */
export function simplify(graph: Graph, device: Device | null = null): void {
  for (let round = 0; round < 3; round++) {
    const before = sizeOf(graph);
    // What these four put in place of a value shares no more memory than the value did.
    const aliases = new AliasAnalysis(graph);
    propagateConstants(graph, device, aliases);
    lowerSimpleTuples(graph.block);
    peephole(graph, aliases);
    eliminateDeadCode(graph.block, aliases);
    eliminateCommonSubexpressions(graph);
    if (sizeOf(graph) === before) break;
  }
  poolConstants(graph);
  eliminateDeadCode(graph.block);
}

const sizeOf = (graph: Graph): number => [...allNodes(graph.block)].length;

/** PyTorch's `optimize_frozen_graph` with `optimize_numerics`: what changes numbers in their last places only. */
function optimizeFrozen(graph: Graph, device: Device | null = null): void {
  foldBatchNorm(graph);
  simplify(graph, device);
}

/** Fewer and larger kernels, for running. */
function optimizeForInference(graph: Graph): void {
  fuseOperators(graph);
  eliminateDeadCode(graph.block);
}

function wrapped(object: ScriptObject, graphs: readonly Graph[], program: Program): ScriptModule {
  const constants = new Set<Tensor>();
  const collect = (value: unknown): void => {
    if (value instanceof Tensor) constants.add(value);
    else if (Array.isArray(value)) value.forEach(collect);
  };
  const collectIn = (graph: Graph): void => {
    for (const node of allNodes(graph.block)) {
      collect(node.constant?.value);
      if (node.subgraph) collectIn(node.subgraph);
    }
  };
  graphs.forEach(collectIn);
  const module = wrapModule(object, { ...program, constants: [...constants] });
  if (object.type.slotOf('training') === undefined) module.training = false;
  return module;
}
