/** What is timed: each workload's inputs, and what its numbers are called when they are compared. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '.cache', 'bench');

export type Shape = readonly number[];

export interface Workload {
  readonly title: string;
  readonly inputs: readonly Shape[];
  /** Steps that make one sample, where one is too short to time. */
  readonly inner: number;
  /** `forward` is a network without gradients; `train` has them, so that the web peers sit it out; `call` times one call of the library. */
  /** Floating-point operations of a step as PyTorch counts them, or bytes that it has to read and write: what the share of the machine's limit is taken of. */
  readonly flops?: number;
  readonly bytes?: number;
  readonly kind: 'forward' | 'train' | 'call' | 'startup';
}

const layers = 6;
const cache: Shape = [1, 6, 128, 64];
const square = (n: number): Shape => [n, n];
const MiB = 2 ** 20;
type Amount = Pick<Workload, 'flops' | 'bytes'>;
const forward = (title: string, inputs: readonly Shape[], amount: Amount): Workload => ({
  title,
  inputs,
  inner: 1,
  kind: 'forward',
  ...amount,
});
const matmul = (n: number): Workload => forward(`matmul ${n}`, [square(n), square(n)], { flops: 2 * n ** 3 });
const call = (title: string, inputs: readonly Shape[]): Workload => ({
  title,
  inputs,
  inner: 1000,
  kind: 'call',
});

export const workloads: Readonly<Record<string, Workload>> = {
  matmul256: matmul(256),
  matmul512: matmul(512),
  matmul1024: matmul(1024),
  resnet18: forward('ResNet-18, one image', [[1, 3, 224, 224]], { flops: 3.63e9 }),
  mobilenetv2: forward('MobileNetV2, one image', [[1, 3, 224, 224]], { flops: 0.602e9 }),
  prefill: forward('transformer of 6 layers, 128 tokens', [[1, 128, 384]], { flops: 2.87e9 }),
  // Every weight is read for one token.
  decode: forward('the same, one token after 128', [[1, 1, 384], ...Array(2 * layers).fill(cache)], {
    bytes: 42.6e6,
  }),
  lstm: forward('LSTM, 100 steps of 128', [[100, 1, 128]], { flops: 52.4e6 }),
  mnist_train: {
    ...forward('MNIST CNN, training step of 64', [[64, 1, 28, 28]], { flops: 1.05e9 }),
    kind: 'train',
  },
  chain: forward('four pointwise operators on 1M', [[1 << 20], [1 << 20]], { bytes: 12 * MiB }),
  softmax: forward('softmax 1024×1024', [square(1024)], { bytes: 8 * MiB }),
  layer_norm: forward('layer_norm 1024×1024', [square(1024)], { bytes: 8 * MiB }),
  add: call('add of two one-element tensors', [[1], [1]]),
  add_grad: { ...call('the same, recorded for backward', [[1], [1]]), kind: 'train' },
  add_backward: { ...call('add and backward', [[1], [1]]), kind: 'train' },
  linear: { ...call('nn.Linear(4, 4)', [[1, 4]]), kind: 'train' },
  startup: {
    ...forward('import to first result (MNIST CNN, one image)', [[1, 1, 28, 28]], {}),
    kind: 'startup',
  },
};

/** The network of a workload, as export.py wrote it. */
export const modelFile = (workload: string, extension: 'onnx' | 'pt' | 'safetensors'): string =>
  join(folder, `${workload === 'mnist_train' ? 'startup' : workload}.${extension}`);

export interface Weight {
  readonly shape: Shape;
  readonly values: Float32Array;
}

/** The network's weights by PyTorch's names, for systems whose networks are written by hand. */
export function weightsOf(workload: string): Record<string, Weight> {
  const bytes = readFileSync(modelFile(workload, 'safetensors'));
  const size = Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    bytes.toString('utf8', 8, 8 + size),
  );
  const start = bytes.byteOffset + 8 + size;
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          shape,
          data_offsets: [from, to],
        },
      ]) => [name, { shape, values: new Float32Array(bytes.buffer.slice(start + from, start + to)) }],
    ),
  );
}

export const sizeOf = (shape: Shape): number => shape.reduce((product, size) => product * size, 1);

/** The same pseudo-random numbers in every system, between -0.5 and 0.5. */
export function numbers(shape: Shape, seed: number): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  let state = seed + 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 4294967296 - 0.5;
  }
  return values;
}

/** Labels of the training step's images. */
export const labels = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i % 10);
export const learningRate = 0.01;

/** Sixteen of a result's numbers and the mean of their sizes: what two systems must agree on. */
export function digest(values: ArrayLike<number | bigint>): number[] {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += Math.abs(Number(values[i]));
  const step = Math.max(1, Math.floor(values.length / 16));
  const some = Array.from({ length: Math.min(16, values.length) }, (_, i) => Number(values[i * step]));
  return [total / values.length, ...some];
}
