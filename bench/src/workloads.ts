// What is timed: the inputs of each workload, and how one system's process measures and reports.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '.cache', 'bench');

/** The model file of a workload, as `setup` wrote it. */
export const modelFile = (workload: string, extension: 'onnx' | 'pt'): string =>
  join(folder, `${workload}.${extension}`);

/** Input shapes; `inner` steps make one sample where a single step is too short to time. */
export const workloads: Readonly<Record<string, { shapes: readonly number[][]; inner: number }>> = {
  matmul512: {
    shapes: [
      [512, 512],
      [512, 512],
    ],
    inner: 1,
  },
  resnet18: { shapes: [[1, 3, 224, 224]], inner: 1 },
  add: { shapes: [[1], [1]], inner: 1000 },
  'add requires_grad': { shapes: [[1], [1]], inner: 1000 },
};

/** The same pseudo-random numbers in every system, between 0 and 1. */
export function numbers(shape: readonly number[], seed: number): Float32Array {
  const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
  let state = seed + 1;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state / 4294967296;
  }
  return values;
}

/**
 * Warms up, then samples for `budget` ms, and prints `{ samples, check }`: milliseconds per step, and a few of the
 * output's numbers so that the driver can see that all systems computed the same thing.
 */
export async function measure(
  step: () => unknown,
  { inner, budget, check }: { inner: number; budget: number; check: () => ArrayLike<number | bigint> },
): Promise<void> {
  const repeat = async () => {
    for (let i = 0; i < inner; i++) {
      const done = step();
      if (done instanceof Promise) await done;
    }
    // Lets finalizers run, as in any program that does something between two steps.
    await new Promise((resolve) => setImmediate(resolve));
  };
  const warm = performance.now();
  for (let i = 0; i < 3 || performance.now() - warm < budget * 0.4; i++) await repeat();
  const samples = [];
  const began = performance.now();
  while (samples.length < 5 || (performance.now() - began < budget && samples.length < 2000)) {
    const at = performance.now();
    await repeat();
    samples.push((performance.now() - at) / inner);
  }
  console.log(JSON.stringify({ samples, check: Array.from(check(), (x) => Number(x)) }));
}
