/**
 * How much of a network's forward pass on wasm is not its kernels: `pnpm bench:outside [WORKLOAD] [THREADS]`, ResNet-18 on one
 * thread unless told otherwise. A kernel is from its launch to its end. Operators that the backend runs itself (softmax,
 * layer_norm) are launched by nobody, and so are counted as outside: the figure is one for networks without them.
 */
import { observe_launches } from '@sconce/core';
import * as torch from 'sconce';
import { modelFile, numbers, workloads } from './workloads.ts';

const [, , name = 'resnet18', threads = '1'] = process.argv;
const WARM = 20;
const FORWARDS = 60;

async function main(): Promise<void> {
  await torch.use('wasm');
  torch.set_num_threads(Number(threads));
  const model = await torch.jit.optimize_for_inference((await torch.jit.load(modelFile(name, 'pt'))).eval());
  const xs = workloads[name].inputs.map((shape, i) => torch.tensor(numbers(shape, i)).reshape([...shape]));
  const forward = () =>
    torch.no_grad(async () => {
      for (const t of [await model(...xs)].flat(Infinity)) (t as torch.Tensor).dispose();
    });
  for (let i = 0; i < WARM; i++) await forward();
  let inKernels = 0;
  observe_launches((_backend, _kernel, _outputs, _inputs, proceed) => {
    const began = performance.now();
    proceed();
    inKernels += performance.now() - began;
  });
  const shares: number[] = [];
  const times: number[] = [];
  for (let i = 0; i < FORWARDS; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    inKernels = 0;
    const began = performance.now();
    await forward();
    const whole = performance.now() - began;
    shares.push(1 - inKernels / whole);
    times.push(whole - inKernels);
  }
  const quantile = (list: number[], q: number): number =>
    list.toSorted((a, b) => a - b)[Math.floor(q * (list.length - 1))];
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  console.log(
    `${name}, ${threads} thread(s): outside kernels ${percent(quantile(shares, 0.5))} of the time (median; ${percent(quantile(shares, 0.1))} in the best tenth), ${quantile(times, 0.5).toFixed(2)} ms`,
  );
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
