/** What a model takes of the process: resident memory, in MiB, from an empty Node to forwards. `pnpm bench:memory [MODEL.pt SHAPE]` */
import type * as Torch from 'sconce';
import { resident } from './resident.ts';
import { modelFile } from './workloads.ts';

const [, , file = modelFile('resnet18', 'pt'), shape = '1x3x224x224'] = process.argv;

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
