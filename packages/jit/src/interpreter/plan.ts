/** The plans of functions: each compiled once, and anew when a pass has changed its graph. */
import type { Func } from '../ir/function.ts';
import type { Graph } from '../ir/graph.ts';
import type { Plan } from './instruction.ts';
import { Planner } from './planner.ts';

const plans = new WeakMap<Graph, Plan>();

/** The plan of a function; compiled once. */
export function planOf(func: Func): Plan {
  const { graph } = func;
  let plan = plans.get(graph);
  if (!plan) plans.set(graph, (plan = new Planner(func.name, func.signature.returns).plan(graph)));
  return plan;
}

/** To be called when a graph has changed: its plan is made anew. */
export function forgetPlan(graph: Graph): void {
  plans.delete(graph);
}
