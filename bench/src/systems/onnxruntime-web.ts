// onnxruntime-web on its wasm backend with one thread: `node onnxruntime-web.js WORKLOAD BUDGET_MS`.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { measure, modelFile, numbers, workloads } from '../workloads.ts';

const peers = createRequire(new URL('../../peers/package.json', import.meta.url));

async function main(workload: string, budget: number): Promise<void> {
  const ort = await import(pathToFileURL(peers.resolve('onnxruntime-web')).href);
  const { shapes, inner } = workloads[workload];
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(readFileSync(modelFile(workload, 'onnx')), {
    executionProviders: ['wasm'],
  });
  const feeds = Object.fromEntries(
    shapes.map((shape, i) => [`x${i}`, new ort.Tensor('float32', numbers(shape, i), shape)]),
  );
  let output: Float32Array = new Float32Array();
  const step = async () => {
    output = (Object.values(await session.run(feeds))[0] as { data: Float32Array }).data;
  };
  await measure(step, { inner, budget, check: () => output.subarray(0, 4) });
  process.exit(0);
}

void main(process.argv[2], Number(process.argv[3]));
