/** `sconce convert`: what it writes is read back and run, and gives what PyTorch gave for the model. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { currentBackend, isSafetensors, Tensor } from '@sconce/core';
import { to_onnx } from '@sconce/jit/convert';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderFiles } from '../../../conformance/src/files.ts';
import { argumentOf, checkValue } from '../../../conformance/src/models/check.ts';
import { type ArchiveCase, models, programs } from '../../../conformance/src/models/index.ts';
import { main } from '../src/cli/index.ts';
import * as torch from '../src/index.ts';

/** Inside this package, so that `import 'sconce'` in what is written finds it. */
const folder = mkdtempSync(fileURLToPath(new URL('.convert-', import.meta.url)));
const at = (name: string): string => `${folder}/${name}`;
afterAll(() => rmSync(folder, { recursive: true }));
beforeAll(() => torch.use('wasm'));

async function sconce(...args: string[]): Promise<{ code: number; out: string[]; err: string }> {
  const out: string[] = [];
  let err = '';
  const code = await main(args, {
    print: (text) => out.push(text),
    say: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

const files = folderFiles();
const cases: readonly ArchiveCase[] = [...(await models(files)), ...(await programs(files))];

async function written(name: string): Promise<{ model: ArchiveCase; path: string }> {
  const model = cases.find((each) => each.name === name)!;
  const path = at(`${name.replace('.', '_')}.pt`);
  writeFileSync(path, await model.archive());
  return { model, path };
}

/** Makes the case's calls on something else than the archive. */
async function check(
  model: ArchiveCase,
  // biome-ignore lint/suspicious/noExplicitAny: what was written has the methods that the program had
  made: any,
): Promise<void> {
  const tolerance = 'tolerance' in model ? (model.tolerance as number) : undefined;
  for (const { method, inputs, output } of await model.calls()) {
    if (!output) continue;
    const args = inputs.map((input) => argumentOf(input, currentBackend()));
    const got = await torch.no_grad(() => made[method](...args));
    const id = { layer: 'models' as const, name: model.name, params: {} };
    expect(await checkValue(got, output, id, tolerance), `${model.name} ${method}`).toBeUndefined();
  }
}

describe('sconce convert --to js', () => {
  for (const name of [
    'resnet18.script',
    'mobilenet_v2.trace',
    'shufflenet_v2_x0_5.script',
    'seed_wrap_rnn',
    'seed_my_cell_gate_traced',
    'early_return',
    'loops',
  ])
    it(`writes ${name} as a module that gives the same`, async () => {
      const { model, path } = await written(name);
      const { code, out, err } = await sconce('convert', path, '--to', 'js');
      expect([code, err]).toEqual([0, '']);
      expect(out).toEqual([path.replace('.pt', '.js'), path.replace('.pt', '.safetensors')]);
      const module = await import(/* @vite-ignore */ pathToFileURL(out[0]).href);
      await check(model, await module.load(out[1]));
    });

  it('writes what was scripted here with the functions of nn.functional, which spell sizes in their messages', async () => {
    class Resized extends torch.nn.Module {
      // biome-ignore lint/suspicious/noExplicitAny: compiled code calls it
      override forward(x: any) {
        return torch.nn.functional.interpolate(x, { size: [3, 2], mode: 'bilinear' });
      }
    }
    const scripted = torch.jit.script(new Resized(), () => ({ torch }));
    const path = at('resized.pt');
    await scripted.save(path);
    const { out, err } = await sconce('convert', path, '--to', 'js');
    expect(err).toBe('');
    const module = await import(/* @vite-ignore */ pathToFileURL(out[0]).href);
    const made = await module.load(out[1]);
    const x = torch.arange(16).reshape([1, 1, 4, 4]).to('float32') as Tensor;
    expect(await made(x).tolist()).toEqual(await ((await scripted(x)) as Tensor).tolist());
  });

  it('names the operator that it cannot write, and its place', async () => {
    const { path } = await written('enums');
    const { code, err } = await sconce('convert', path, '--to', 'js');
    expect(code).toBe(1);
    expect(err).toMatch(/prim::Enum\w+.* cannot be converted to JavaScript/);
  });
});

describe('sconce convert --to safetensors and pt', () => {
  it('writes the weights, which load again', async () => {
    const { path } = await written('seed_my_cell_linear_traced');
    const { code, out } = await sconce(
      'convert',
      path,
      '--to',
      'safetensors',
      '--output',
      at('w.safetensors'),
    );
    expect([code, out]).toEqual([0, [at('w.safetensors')]]);
    expect(isSafetensors(readFileSync(out[0]))).toBe(true);
    const module = await torch.jit.load(path);
    const state = (await torch.load(out[0])) as Map<string, Tensor>;
    expect([...state.keys()].sort()).toEqual([...module.state_dict().keys()].sort());
    for (const [name, value] of module.state_dict())
      expect(await state.get(name)!.tolist()).toEqual(await (value as Tensor).tolist());
    const back = await sconce('convert', out[0], '--to', 'pt', '-o', at('state.pt'));
    expect(back.code).toBe(0);
    const again = (await torch.load(at('state.pt'))) as Map<string, unknown>;
    expect(again.get([...state.keys()][0])).toBeInstanceOf(Tensor);
  });

  it('writes an archive again that gives the same', async () => {
    const { model, path } = await written('seed_wrap_rnn');
    const { out } = await sconce('convert', path, '--to', 'pt');
    expect(out).toEqual([path.replace('.pt', '.converted.pt')]);
    await check(model, await torch.jit.load(out[0]));
  });
});

describe('sconce convert --to onnx', () => {
  it('writes a model that begins as one, from a run on the given shape', async () => {
    const { path } = await written('squeezenet1_1.trace');
    const { code, out } = await sconce('convert', path, '--to', 'onnx', '--input', '1x3x64x64');
    expect([code, out]).toEqual([0, [path.replace('.pt', '.onnx')]]);
    expect(readFileSync(out[0]).subarray(0, 10).toString('latin1')).toBe('\b\b\u0012\u0006sconce');
  });

  it('keeps the batch of the example where the program takes no other', async () => {
    const unit = new torch.jit.CompilationUnit('def f(x):\n    return x * torch.tensor([1.0, 2.0, 3.0])\n');
    const bytes = await unit.f.save_to_buffer();
    writeFileSync(at('three.pt'), bytes);
    expect(await sconce('convert', at('three.pt'), '--to', 'onnx', '--input', '3')).toMatchObject({
      code: 0,
    });
    expect(await sconce('convert', at('three.pt'), '--to', 'onnx', '--input', '4')).toMatchObject({
      code: 1,
      err: expect.stringContaining('size of tensor a (4) must match'),
    });
    const open = to_onnx(await torch.jit.load(bytes), [torch.ones([3])], { dynamic_batch: true });
    await expect(open).rejects.toThrow(/aten::mul .* takes no other batch: .*must match/);
  });

  it('says what it lacks', async () => {
    const { path } = await written('squeezenet1_1.trace');
    expect(await sconce('convert', path, '--to', 'onnx')).toMatchObject({ code: 2 });
    expect(await sconce('convert', path, '--to', 'tflite')).toMatchObject({
      code: 2,
      err: expect.stringContaining('--to js|onnx|safetensors|pt'),
    });
  });
});
