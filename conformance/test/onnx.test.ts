/** Models converted to ONNX, run by onnxruntime: PyTorch's outputs. All of them: `conformance/bin/onnx.ts`. */
import { reference } from '@sconce/backend-reference';
import { wasm } from '@sconce/backend-wasm';
import { currentBackend, setCurrentBackend, tensor } from '@sconce/core';
import { load, type ScriptModule } from '@sconce/jit';
import { to_onnx } from '@sconce/jit/convert';
import { beforeAll, describe, expect, it } from 'vitest';
import { folderFiles } from '../src/files.ts';
import { models, programs } from '../src/models/index.ts';
import { compareOnnx, onnxRuntime } from './onnx.ts';

const runtime = onnxRuntime();
const files = folderFiles();
const small = /^(squeezenet1_1|shufflenet_v2_x0_5|lstm|transformer_encoder)\./;

beforeAll(async () => {
  setCurrentBackend(await wasm());
});

describe.skipIf(!runtime)('onnxruntime gives what PyTorch gives, for any batch', () => {
  for (const name of ['script', 'trace'])
    it(`of small models that PyTorch saved by ${name}`, async () => {
      let count = 0;
      for (const model of await models(files)) {
        if (!small.test(model.name) || !model.name.endsWith(name)) continue;
        const module = await load(await model.archive());
        const found = await compareOnnx(
          module,
          await model.calls(),
          model.tolerance,
          runtime!,
          currentBackend(),
        );
        expect([found.problem, found.isOpen], model.name).toEqual([undefined, true]);
        count++;
      }
      expect(count).toBe(4);
    });
});

describe('what cannot be converted is told with its operator and place', () => {
  const named = async (name: string): Promise<ScriptModule> => {
    setCurrentBackend(reference());
    const program = (await programs(files)).find((each) => each.name === name);
    return load(await program!.archive());
  };

  it('a branch on a number in a tensor', async () => {
    const x = tensor([[1, 2, 3, 4]], { dtype: 'float32' });
    await expect(to_onnx(await named('seed_my_decision_gate'), [x])).rejects.toThrow(
      /aten::Bool \(.*programs_seeds\.py.*\) cannot be converted to ONNX: the program goes by a number/s,
    );
  });
});
