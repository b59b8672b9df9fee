/** What PyTorch itself answered on the same images; train.py wrote it. */
import { readFile } from 'node:fs/promises';

export interface Answers {
  readonly digits: Uint8Array;
  /** How far the largest logit was above the second. */
  readonly margins: Float32Array;
}

export async function readAnswers(): Promise<Answers> {
  const bytes = await readFile(new URL('../predictions.bin', import.meta.url));
  const count = bytes.length / 5;
  return {
    digits: bytes.subarray(0, count),
    margins: Float32Array.from({ length: count }, (_, i) => bytes.readFloatLE(count + 4 * i)),
  };
}
