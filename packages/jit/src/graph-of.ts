/** `torch.jit.graph_of`: a program's graph itself, for passes to change. */
import { TorchError } from '@sconce/core';
import type { Graph } from './ir/graph.ts';
import { moduleParts, ScriptModule } from './module.ts';
import { functionParts, ScriptFunction } from './script-function.ts';

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
