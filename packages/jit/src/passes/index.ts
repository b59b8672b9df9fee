/** `torch.jit.passes`: what may be done to a graph, one function each, under the names that torch._C gives them after `_jit_pass_`. */
import { forgetPlan } from '../interpreter/plan.ts';
import type { Graph } from '../ir/graph.ts';
import { AliasAnalysis } from './alias.ts';
import { eliminateCommonSubexpressions } from './common.ts';
import { propagateConstants } from './constants.ts';
import { eliminateDeadCode } from './dead-code.ts';
import { removeDropout } from './dropout.ts';
import { foldBatchNorm } from './fold-batch-norm.ts';
import { fuseOperators } from './fuse.ts';
import { peephole as rewritePatterns } from './peephole.ts';
import { poolConstants } from './pool.ts';
import { inlineSimplified } from './simplified.ts';
import { lowerSimpleTuples } from './tuples.ts';
import { unrollConstantLoops, unrollLoops } from './unroll.ts';

/** A pass: changes the graph, which is compiled anew at its next run. */
export type Pass = (graph: Graph) => void;

const pass =
  (change: Pass): Pass =>
  (graph) => {
    change(graph);
    forgetPlan(graph);
  };

const removeDead = (graph: Graph): void => eliminateDeadCode(graph.block, new AliasAnalysis(graph));

/** Replaces every call of a function or method by what it calls, simplified. */
export const inline: Pass = pass(inlineSimplified);

/** Removes what nobody reads and nobody sees: a write stays where something alive may read it. */
export const dce: Pass = pass(removeDead);

/** Of nodes that compute the same keeps the first, where nothing is written in between. */
export const cse: Pass = pass((graph) => eliminateCommonSubexpressions(graph));

/** Computes what has only constant operands, takes decided branches, drops loops that never run and what is dead then. */
export const constant_propagation: Pass = pass((graph) => {
  propagateConstants(graph);
  removeDead(graph);
});

/** Moves constants to the front, equal ones as one. */
export const constant_pooling: Pass = pass(poolConstants);

/** Takes tuples apart that were just made, and rewrites small patterns: elements and lengths of lists just made, `n + 0`, `x.t().t()`, `x is None` by type. */
export const peephole: Pass = pass((graph) => {
  lowerSimpleTuples(graph.block);
  rewritePatterns(graph);
  removeDead(graph);
});

/** Writes out loops over a known range, and eight rounds at a time of those over an unknown one. */
export const loop_unrolling: Pass = pass(unrollLoops);

/** Writes out loops over a known range. */
export const constant_loop_unrolling: Pass = pass(unrollConstantLoops);

/** Removes each dropout that is known not to drop. */
export const remove_dropout: Pass = pass(removeDropout);

/** Puts fixed batch normalisation into constant weights of the convolution or linear layer before it. */
export const fold_frozen_conv_bn: Pass = pass((graph) => {
  foldBatchNorm(graph);
  removeDead(graph);
});

/** Groups products, pointwise operators and reductions, each group one kernel where the backend can. */
export const fuse: Pass = pass((graph) => {
  fuseOperators(graph);
  removeDead(graph);
});
