/**
 * Whether memory stays flat: many forward passes of a loaded network on wasm, with what the process, the backend's heap and its
 * tensors take at each tenth. `pnpm bench:soak [WORKLOAD] [FORWARDS] [--inputs]`, the MNIST network and 10,000 unless told otherwise.
 * `--inputs` gives each pass another batch size. Fails where there are more tensors at
 * the end than after the first tenth, or the heap is 2 % larger: threads' scratch may be made late, when they first share a job.
 */
import { parseArgs } from 'node:util';
import type { WasmBackend } from '@sconce/backend-wasm';
import { currentBackend, memoryUsage } from '@sconce/core';
import * as torch from 'sconce';
import { resident } from './resident.ts';
import { modelFile, numbers, workloads } from './workloads.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { inputs: { type: 'boolean', default: false } },
});
const [name = 'startup', forwards = '10000'] = positionals;
const TENTHS = 10;
const BATCHES = 5;

interface Sample {
  readonly rss: number;
  readonly heap: number;
  readonly tensors: number;
}

function look(): Sample {
  const backend = currentBackend() as WasmBackend;
  return { rss: resident(), heap: backend.heap.inUse / 2 ** 20, tensors: memoryUsage(backend).count };
}

async function main(): Promise<void> {
  await torch.use('wasm');
  const model = await torch.jit.optimize_for_inference((await torch.jit.load(modelFile(name, 'pt'))).eval());
  const batches = Array.from({ length: options.inputs ? BATCHES : 1 }, (_, batch) =>
    workloads[name].inputs.map((shape, i) => {
      const [first, ...rest] = shape;
      const sizes = [first * (batch + 1), ...rest];
      return torch.tensor(numbers(sizes, i)).reshape(sizes);
    }),
  );
  const each = Math.ceil(Number(forwards) / TENTHS);
  const samples: Sample[] = [];
  for (let tenth = 1; tenth <= TENTHS; tenth++) {
    for (let i = 0; i < each; i++) {
      const result = await torch.no_grad(() => model(...batches[i % batches.length]));
      for (const t of [result].flat(Infinity)) (t as torch.Tensor).dispose();
    }
    // Finalizers run between macrotasks.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { rss, heap, tensors } = look();
    samples.push({ rss, heap, tensors });
    console.log(
      `${String(tenth * each).padStart(7)} forwards: resident ${rss.toFixed(0)} MiB, heap in use ${heap.toFixed(2)} MiB, ${tensors} tensors' memories`,
    );
  }
  const [first, last] = [samples[0], samples[TENTHS - 1]];
  if (last.heap > 1.02 * first.heap || last.tensors > first.tensors) throw new Error('soak: memory grew');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
