// onnxruntime-web's webgpu execution provider, on the models that export.py wrote.
import { numbers, workloads } from '../workloads.mjs';

// Loaded as it is published: it finds its .wasm file beside itself.
const folder = '/peers/onnxruntime-web/dist/';

export async function prepare(name) {
  const { inputs, training } = workloads[name];
  if (training) throw new Error('onnxruntime-web does not train on WebGPU');
  const ort = await import(/* @vite-ignore */ `${folder}ort.webgpu.min.mjs`);
  ort.env.wasm.wasmPaths = folder;
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(`/models/${name}.onnx`, {
    executionProviders: ['webgpu'],
  });
  const feeds = Object.fromEntries(
    inputs.map((shape, i) => [`x${i}`, new ort.Tensor('float32', numbers(shape, i), shape)]),
  );
  return async () => Object.values(await session.run(feeds))[0].data;
}
