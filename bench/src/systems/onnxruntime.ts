/** onnxruntime on the exported ONNX file: `node onnxruntime.js WORKLOAD THREADS web|node`. */
import { readFileSync } from 'node:fs';
import { run } from '../serve.ts';
import { digest, modelFile, numbers } from '../workloads.ts';
import { peer } from './peers.ts';

const isWeb = process.argv[4] === 'web';

run(async (name, { inputs }, threads) => {
  const ort = await peer(isWeb ? 'onnxruntime-web' : 'onnxruntime-node');
  if (isWeb) ort.env.wasm.numThreads = threads;
  const session = await ort.InferenceSession.create(
    readFileSync(modelFile(name, 'onnx')),
    isWeb ? { executionProviders: ['wasm'] } : { intraOpNumThreads: threads },
  );
  const feeds = Object.fromEntries(
    inputs.map((shape, i) => [`x${i}`, new ort.Tensor('float32', numbers(shape, i), shape)]),
  );
  const [output] = session.outputNames;
  const check = digest((await session.run(feeds))[output].data);
  return { step: () => session.run(feeds), check };
});
