/** Inlining as torch::jit does it for printing and running: what is put in was simplified for itself before. */
import { copyGraph } from '../ir/copy.ts';
import type { Func } from '../ir/function.ts';
import type { Graph } from '../ir/graph.ts';
import { AliasAnalysis } from './alias.ts';
import { takeDecidedBranches } from './constants.ts';
import { eliminateDeadCode } from './dead-code.ts';
import { inlineCalls } from './inline.ts';
import { peephole } from './peephole.ts';
import { poolConstants } from './pool.ts';

/** By the graph, since a pass may change the function's. */
const simplified = new WeakMap<Graph, Graph>();

/** torch::jit's `optimized_graph` of a function: lists are left as they are, and what was dead before where nothing changes. */
function simplifiedBody(func: Func): Graph {
  let graph = simplified.get(func.graph);
  if (graph) return graph;
  graph = copyGraph(func.graph);
  inlineSimplified(graph);
  if (peephole(graph)) eliminateDeadCode(graph.block);
  if (takeDecidedBranches(graph)) eliminateDeadCode(graph.block, new AliasAnalysis(graph));
  poolConstants(graph);
  simplified.set(func.graph, graph);
  return graph;
}

/** Replaces every call by the simplified body of what it calls. */
export function inlineSimplified(graph: Graph): void {
  inlineCalls(graph.block, (node) => node.func, simplifiedBody);
}
