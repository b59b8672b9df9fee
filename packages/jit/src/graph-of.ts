/** `torch.jit.graph_of`: a program's graph itself, for passes to change. */
import { TorchError } from '@sconce/core';
import type { Graph } from './ir/graph.ts';
import { moduleParts, ScriptModule } from './module.ts';
import { newProgram } from './program.ts';
import { functionParts, ScriptFunction } from './script-function.ts';
import { funcOf, noteConstants } from './trace/fixup.ts';

/**
 * The graph that a module's method or a function runs; `.graph` is its text. What a pass changes in it is what runs from
 * then on; `graph_of(m).copy()` is one to try things on.
 */
export function graph_of(program: ScriptModule | ScriptFunction, method = 'forward'): Graph {
  if (program instanceof ScriptFunction) return functionParts(program).func.graph;
  if (!(program instanceof ScriptModule))
    throw new TorchError('graph_of takes what torch.jit.load, torch.jit.script or torch.jit.trace returned');
  const { type } = moduleParts(program).object;
  const func = type.methods.get(method);
  if (!func) throw new TorchError(`Module '${type.leafName}' has no method '${method}'`);
  return func.graph;
}

/** A function that runs a graph, as PyTorch's `torch._C._create_function_from_graph`. Its parameters have the values' names. */
export function create_function_from_graph(name: string, graph: Graph): ScriptFunction {
  const program = newProgram();
  noteConstants(graph, program);
  return new ScriptFunction(funcOf(name, graph), program);
}
