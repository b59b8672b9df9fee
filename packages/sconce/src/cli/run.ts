/** `sconce run`: calls a model's method once and prints what it returns. */
import { parseArgs } from 'node:util';
import { no_grad, Tensor, TorchError } from '@sconce/core';
import { load, optimize_for_inference, type ScriptModule } from '@sconce/jit';
import { readInput } from './input.ts';
import { chooseBackend, type Output, readModel, UsageError } from './usage.ts';

export async function run(args: readonly string[], { print }: Output): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      input: { type: 'string', multiple: true, default: [] },
      method: { type: 'string', default: 'forward' },
      backend: { type: 'string' },
      unoptimized: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  if (positionals.length !== 1)
    throw new UsageError('run takes one MODEL; inputs come as --input FILE|SHAPE');
  const bytes = await readModel(positionals[0]);
  const backend = await chooseBackend(values.backend);
  const loaded = await load(bytes);
  loaded.eval();
  const module = values.unoptimized ? loaded : optimized(loaded, values.method);
  const inputs: unknown[] = [];
  for (const text of values.input) inputs.push(await readInput(text));
  const start = performance.now();
  const result = await no_grad(() => module.run_method(values.method, ...inputs));
  const readable = await plain(result);
  const milliseconds = performance.now() - start;
  if (values.json) print(JSON.stringify({ backend, milliseconds, output: readable }));
  else print(await show(result));
  return 0;
}

/** The module made for running; what only the loaded one had of its weights is freed. */
function optimized(loaded: ScriptModule, method: string): ScriptModule {
  const module = optimize_for_inference(loaded, [method]);
  const kept = new Set([...module.parameters(), ...module.buffers()]);
  for (const tensor of [...loaded.parameters(), ...loaded.buffers()]) if (!kept.has(tensor)) tensor.dispose();
  return module;
}

/** As JSON has it: a tensor by dtype, shape and nested numbers; what JSON lacks as text. */
async function plain(value: unknown): Promise<unknown> {
  if (value instanceof Tensor)
    return { dtype: value.dtype, shape: value.shape, data: finite(await value.tolist()) };
  if (Array.isArray(value)) return Promise.all(value.map(plain));
  if (value instanceof Map) {
    const entries = await Promise.all(
      [...value].map(async ([key, item]) => [String(key), await plain(item)]),
    );
    return Object.fromEntries(entries);
  }
  if (value === undefined || typeof value === 'function')
    throw new TorchError('the method returned no value');
  return finite(value);
}

function finite(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(finite);
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value)))
    return String(value);
  return value;
}

/** As Python prints it, on backends whose memory the host cannot read too. */
async function show(value: unknown): Promise<string> {
  if (value === null || value === undefined) return 'None';
  if (value === true) return 'True';
  if (value === false) return 'False';
  if (value instanceof Map) {
    const items = await Promise.all([...value].map(async ([k, v]) => `${await show(k)}: ${await show(v)}`));
    return `{${items.join(', ')}}`;
  }
  if (Array.isArray(value)) {
    const items = await Promise.all(value.map(show));
    const isTuple = value.constructor !== Array;
    if (!isTuple) return `[${items.join(', ')}]`;
    return `(${items.join(', ')}${items.length === 1 ? ',' : ''})`;
  }
  return typeof value === 'string' ? `'${value}'` : String(value);
}
