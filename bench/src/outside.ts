/**
 * How much of a network's forward pass on wasm is not its kernels: `pnpm bench:outside [WORKLOAD] [THREADS]`, ResNet-18 on one
 * thread unless told otherwise. By `torch.profiler`, whose own cost counts as time outside.
 */
import * as torch from 'sconce';
import { modelFile, numbers, workloads } from './workloads.ts';

const [, , name = 'resnet18', threads = '1'] = process.argv;

async function main(): Promise<void> {
  await torch.use('wasm');
  torch.set_num_threads(Number(threads));
  const model = await torch.jit.optimize_for_inference((await torch.jit.load(modelFile(name, 'pt'))).eval());
  const xs = workloads[name].inputs.map((shape, i) => torch.tensor(numbers(shape, i)).reshape([...shape]));
  const forward = () =>
    torch.no_grad(async () => {
      for (const t of [await model(...xs)].flat(Infinity)) (t as torch.Tensor).dispose();
    });
  for (let i = 0; i < 20; i++) await forward();
  const shares: number[] = [];
  for (let i = 0; i < 30; i++) {
    const began = performance.now();
    const prof = await torch.profiler.profile(forward);
    const whole = performance.now() - began;
    const kernels = prof.events().filter((e) => e.kind === 'kernel');
    shares.push(1 - kernels.reduce((sum, e) => sum + e.cpu_time_total, 0) / 1000 / whole);
    if (i === 29) console.log(prof.key_averages().table({ sort_by: 'self_cpu_time_total', row_limit: 15 }));
  }
  const sorted = shares.toSorted((a, b) => a - b);
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  console.log(
    `${name}, ${threads} thread(s): outside kernels ${percent(sorted[15])} of the time (median), ${percent(sorted[0])} (least)`,
  );
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
