// What is timed on WebGPU: the inputs of each workload, the same numbers in every system.

const conv = [1, 64, 56, 56];

/** `inputs` are shapes, `parameters` those of weights; `training`: onnxruntime-web cannot. */
export const workloads = {
  matmul512: {
    inputs: [
      [512, 512],
      [512, 512],
    ],
  },
  conv: { inputs: [conv], parameters: [[64, 64, 3, 3], [64]] },
  softmax: { inputs: [[1024, 1024]] },
  chain: { inputs: [[1 << 20], [1 << 20]] },
  resnet18: { inputs: [[1, 3, 224, 224]] },
  mnist: {
    training: true,
    inputs: [[64, 1, 28, 28]],
    parameters: [[16, 1, 5, 5], [16], [32, 16, 5, 5], [32], [1568, 10], [10]],
  },
};

const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);

/** Pseudo-random numbers between -0.5 and 0.5; export.py has the same. */
export function numbers(shape, seed) {
  const values = new Float32Array(sizeOf(shape));
  let state = seed + 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 4294967296 - 0.5;
  }
  return values;
}

/** Weights: seeds from 100 on, scaled so that activations neither vanish nor grow. */
export function weights(shape, index) {
  const scale = shape.length > 1 ? 2 / Math.sqrt(sizeOf(shape.slice(1))) : 0.1;
  return numbers(shape, 100 + index).map((x) => x * scale);
}

/** Labels of the training step's images. */
export const labels = (count) => Int32Array.from({ length: count }, (_, i) => i % 10);
export const learningRate = 0.01;
/** Values of a result that are compared. */
export const CHECKED = 8;
