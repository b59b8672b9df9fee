/** Runs the model over every image on one backend. */
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import * as torch from 'sconce';
import { batchOf, type Digits, SIDE } from './mnist.ts';

const MODEL = fileURLToPath(new URL('../digits.pt', import.meta.url));
const BATCH = 250;

export interface Outcome {
  readonly backend: string;
  readonly digits: Uint8Array;
  /** Ten a picture. */
  readonly probabilities: Float32Array;
  readonly seconds: number;
}

/** Classifies all images on the backend, which must be present. `progress` hears how many are done. */
export async function classify(
  backend: string,
  images: Digits,
  progress: (done: number) => void,
): Promise<Outcome> {
  await torch.use(backend);
  const model = await torch.jit.load(MODEL);
  model.eval();
  const digits = new Uint8Array(images.count);
  const probabilities = new Float32Array(images.count * 10);
  const start = performance.now();
  await torch.no_grad(async () => {
    for (let from = 0; from < images.count; from += BATCH) {
      const to = Math.min(from + BATCH, images.count);
      const input = torch.tensor(batchOf(images, from, to)).view([to - from, 1, SIDE, SIDE]);
      const logits = await model(input);
      const shares = logits.softmax(1);
      const best = logits.argmax(1);
      probabilities.set((await shares.data()) as Float32Array, from * 10);
      digits.set(Array.from((await best.data()) as BigInt64Array, Number), from);
      for (const tensor of [input, logits, shares, best]) tensor.dispose();
      progress(to);
    }
  });
  return { backend, digits, probabilities, seconds: (performance.now() - start) / 1000 };
}
