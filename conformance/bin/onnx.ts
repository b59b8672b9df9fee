/**
 * Converts the suite's models to ONNX and runs them with onnxruntime, against PyTorch's outputs:
 * `npx tsx --conditions=sconce-source conformance/bin/onnx.ts [NAME ...]`; all but the largest unless named.
 * onnxruntime-web is the one that `npm test` installs (`node scripts/onnxruntime.mjs`).
 */
import { wasm } from '@sconce/backend-wasm';
import { setCurrentBackend } from '@sconce/core';
import { folderFiles } from '../src/files.ts';
import { loadOn } from '../src/layers/jit.ts';
import { models } from '../src/models/index.ts';
import { compareOnnx, onnxRuntime } from '../test/onnx.ts';

const [, , ...wanted] = process.argv;
const backend = await wasm();
setCurrentBackend(backend);
const runtime = onnxRuntime();
if (!runtime) throw new Error('onnxruntime-web is not installed: node scripts/onnxruntime.mjs');
let good = 0;
let open = 0;
let all = 0;
let refused = 0;
for (const writer of ['1.13', '2.6'] as const)
  for (const model of await models(folderFiles(), writer)) {
    const isWanted = wanted.length === 0 ? !model.large : wanted.some((name) => model.name.includes(name));
    if (!isWanted) continue;
    all++;
    const start = performance.now();
    try {
      const module = await loadOn(backend, await model.archive());
      const { problem, isOpen, bytes } = await compareOnnx(
        module,
        await model.calls(),
        model.tolerance,
        runtime,
        backend,
      );
      if (!problem) good++;
      if (!problem && isOpen) open++;
      const how = problem ?? `equal, ${isOpen ? 'any batch' : 'fixed batch'}, ${(bytes / 1e6).toFixed(1)} MB`;
      console.log(`${model.name}: ${how} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
      for (const tensor of [...module.parameters(), ...module.buffers()]) tensor.dispose();
    } catch (error) {
      const { message } = error as Error;
      // Detection takes a list of images, which no ONNX model does.
      if (message.includes('is a list of tensors')) refused++;
      console.log(`${model.name}: ${message}`);
    }
  }
console.log(
  `${good} of ${all} equal to PyTorch in onnxruntime, ${open} of them for any batch; ${refused} refused, which take lists of tensors`,
);
process.exitCode = good + refused === all ? 0 : 1;
