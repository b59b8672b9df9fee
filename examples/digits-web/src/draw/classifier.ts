/** Which digit a drawing is: PyTorch's archive or the net trained here, on the backend in use. */

import type { Tensor } from 'sconce';
import * as torch from 'sconce';
import { digitsFrom } from '../net.ts';
import { trained } from '../trained.ts';
import { SIDE } from './strokes.ts';

/** The archive that PyTorch trained, beside the Node example. */
const ARCHIVE = new URL('../../../digits/digits.pt', import.meta.url);

export type NetName = 'pytorch' | 'trained';
type Net = (images: Tensor) => Tensor | Promise<Tensor>;

export interface Answer {
  /** Of the ten digits; they add up to 1. */
  readonly probabilities: Float32Array;
  readonly milliseconds: number;
}

/**
 * Loads a net onto the backend in use and runs it once, so that the first stroke meets compiled kernels. `onshare` hears
 * how much of a download is here.
 */
export async function loadNet(name: NetName, onshare: (share: number) => void): Promise<Net> {
  const onprogress = ({ loaded, total }: { loaded: number; total: number | null }): void => {
    if (total) onshare(loaded / total);
  };
  const net = name === 'pytorch' ? await torch.jit.load(ARCHIVE, { onprogress }) : await fromTraining();
  net.eval();
  // Off for good: `no_grad` around something asynchronous would reach into a training that runs meanwhile.
  for (const parameter of net.parameters()) parameter.requires_grad_(false);
  const run = (images: Tensor): Tensor | Promise<Tensor> => net(images);
  await classify(run, new Float32Array(SIDE * SIDE));
  return run;
}

async function fromTraining() {
  const weights = trained();
  if (!weights) throw new Error('no net has been trained here yet');
  return digitsFrom(weights.checkpoint);
}

export async function classify(net: Net, ink: Float32Array): Promise<Answer> {
  const start = performance.now();
  const images = torch.tensor(ink).view([1, 1, SIDE, SIDE]);
  const logits = await net(images);
  const shares = logits.softmax(1);
  const probabilities = (await shares.data()) as Float32Array;
  for (const tensor of [images, logits, shares]) tensor.dispose();
  return { probabilities, milliseconds: performance.now() - start };
}
