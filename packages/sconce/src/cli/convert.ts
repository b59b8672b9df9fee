/** `sconce convert`: a model in another format. */
import { basename, dirname, extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  encodeUtf8,
  isParameter,
  readStateDict,
  saveSafetensors,
  save as saveState,
  TorchError,
} from '@sconce/core';
import { load, type ScriptModule } from '@sconce/jit';
import { to_javascript, to_onnx } from '@sconce/jit/convert';
import { writePath } from '../load/files.ts';
import { readInput } from './input.ts';
import { isProgram } from './inspect.ts';
import { chooseBackend, type Output, readModel, UsageError } from './usage.ts';

interface Asked {
  readonly bytes: Uint8Array;
  readonly output: string;
  readonly inputs: readonly string[];
  readonly method: string;
  readonly fixed: boolean;
}

/** Writes the files; gives their names. */
type Conversion = (asked: Asked) => Promise<readonly string[]>;

async function programOf({ bytes }: Asked, format: string): Promise<ScriptModule> {
  if (!isProgram(bytes))
    throw new TorchError(`only a TorchScript archive (torch.jit.save) has a program that could be ${format}`);
  return (await load(bytes)).eval();
}

const conversions: Readonly<Record<string, Conversion>> = {
  async js(asked) {
    const weights = `${asked.output.replace(/\.[cm]?js$/, '')}.safetensors`;
    const made = await to_javascript(await programOf(asked, 'JavaScript'), { weights: basename(weights) });
    await writePath(asked.output, encodeUtf8(made.code));
    await writePath(weights, made.weights);
    return [asked.output, weights];
  },
  async onnx(asked) {
    const module = await programOf(asked, 'ONNX');
    if (asked.inputs.length === 0)
      throw new UsageError(
        'ONNX is recorded from a run: which --input? FILE, or a SHAPE such as 1x3x224x224',
      );
    const inputs: unknown[] = [];
    for (const text of asked.inputs) inputs.push(await readInput(text));
    const options = { method: asked.method, ...(asked.fixed && { dynamic_batch: false }) };
    await writePath(asked.output, await to_onnx(module, inputs, options));
    return [asked.output];
  },
  async safetensors(asked) {
    const state = isProgram(asked.bytes)
      ? (await load(asked.bytes)).state_dict()
      : readStateDict(asked.bytes);
    await writePath(asked.output, await saveSafetensors(state, { format: 'pt' }));
    return [asked.output];
  },
  async pt(asked) {
    const bytes = isProgram(asked.bytes)
      ? await (await load(asked.bytes)).save_to_buffer()
      : await saveState(readStateDict(asked.bytes), { isParameter });
    await writePath(asked.output, bytes);
    return [asked.output];
  },
};

/** Beside the model, under its name; never over the model itself. */
function outputOf(model: string, format: string): string {
  const stem = basename(model.replace(/[?#].*$/, ''), extname(model.replace(/[?#].*$/, '')));
  const folder = /^https?:/.test(model) ? '.' : dirname(model);
  const path = join(folder, `${stem}.${format}`);
  return path === join(folder, basename(model)) ? join(folder, `${stem}.converted.${format}`) : path;
}

export async function convert(args: readonly string[], { print }: Output): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      to: { type: 'string' },
      output: { type: 'string', short: 'o' },
      input: { type: 'string', multiple: true, default: [] },
      method: { type: 'string', default: 'forward' },
      'fixed-batch': { type: 'boolean', default: false },
      backend: { type: 'string' },
    },
  });
  if (positionals.length !== 1) throw new UsageError('convert takes one MODEL');
  const [model] = positionals;
  const conversion = Object.hasOwn(conversions, values.to ?? '') ? conversions[values.to!] : undefined;
  if (!conversion) throw new UsageError(`to what? --to ${Object.keys(conversions).join('|')}`);
  const bytes = await readModel(model);
  await chooseBackend(values.backend);
  const written = await conversion({
    bytes,
    output: values.output ?? outputOf(model, values.to!),
    inputs: values.input,
    method: values.method,
    fixed: values['fixed-batch'],
  });
  for (const path of written) print(path);
  return 0;
}
