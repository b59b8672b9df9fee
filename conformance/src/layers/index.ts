/** The layers, in the order in which an implementer meets them. */
import type { Layer } from '../case.ts';
import { autogradLayer } from './autograd.ts';
import { kernels } from './kernels/index.ts';
import { opsLayer } from './ops.ts';
import { aliasingLayer } from './programs.ts';

/** A layer that is loaded when it is run: the first ones need neither `nn` nor `jit`. */
const later = (name: string, load: () => Promise<Layer>): Layer => ({
  name,
  async *cases(context) {
    yield* (await load()).cases(context);
  },
});

export const layers: readonly Layer[] = [
  kernels,
  opsLayer,
  autogradLayer,
  aliasingLayer,
  later('nn', async () => (await import('./nn.ts')).nnLayer),
  later('jit', async () => (await import('./jit.ts')).jit),
  later('models', async () => (await import('./models.ts')).models),
  later('training', async () => (await import('./training.ts')).trainingLayer),
];
