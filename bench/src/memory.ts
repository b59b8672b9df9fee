/** What a model takes of the process: resident memory, in MiB, from an empty Node to forwards. `pnpm bench:memory [MODEL.pt SHAPE]` */
import { readFileSync } from 'node:fs';
import type * as Torch from 'sconce';
import { modelFile } from './workloads.ts';

const [, , file = modelFile('resnet18', 'pt'), shape = '1x3x224x224'] = process.argv;

/** Linux tells how much of it is files' pages, which processes share; elsewhere all of it counts. */
function resident(): number {
  try {
    return Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) / 1024;
  } catch {
    return process.memoryUsage.rss() / 2 ** 20;
  }
}

let before = 0;
async function show(after: string): Promise<void> {
  // Finalizers run between macrotasks, after a collection.
  for (let i = 0; i < 2; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const now = resident();
  console.log(
    `${after.padEnd(34)}${now.toFixed(0).padStart(6)}${`+${(now - before).toFixed(0)}`.padStart(7)}`,
  );
  before = now;
}

await show('Node');
const torch = await import('sconce');
await torch.use('wasm');
await show("import 'sconce', torch.use('wasm')");
const model = (await torch.jit.load(file)).eval();
await show('torch.jit.load');
const loaded = torch.memory_summary();
const x = torch.ones(shape.split('x').map(Number));
for (let i = 0; i < 5; i++) ((await torch.no_grad(() => model(x))) as Torch.Tensor).dispose();
await show('five forwards');
console.log(`\nloaded:\n${loaded}`);
