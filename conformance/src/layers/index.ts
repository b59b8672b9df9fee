/** The layers, in the order in which an implementer meets them. */
import type { Layer } from '../case.ts';
import { autogradLayer } from './autograd.ts';
import { jit } from './jit.ts';
import { kernels } from './kernels/index.ts';
import { models } from './models.ts';
import { nnLayer } from './nn.ts';
import { opsLayer } from './ops.ts';
import { aliasingLayer } from './programs.ts';
import { trainingLayer } from './training.ts';

export const layers: readonly Layer[] = [
  kernels,
  opsLayer,
  autogradLayer,
  aliasingLayer,
  nnLayer,
  jit,
  models,
  trainingLayer,
];
