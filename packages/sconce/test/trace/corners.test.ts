/** Tracing's corners: PyTorch's graphs and code, and on inputs of other shapes the numbers that PyTorch's own trace gives. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../../src/index.ts';
import { functionRecord, inputs, moduleRecord, type Record_, type Shapes } from './canonical.ts';
import { models } from './corner-modules.ts';
import { functions } from './corners.ts';
import type { Any } from './programs.ts';

const { jit } = torch;

type Flat = [shape: number[], dtype: string, numbers: number[]];
interface Corner {
  shapes: Shapes;
  second: Shapes;
  outputs: Flat[];
}
const { corners } = JSON.parse(
  gunzipSync(
    readFileSync(new URL('../../../../conformance/models/trace.json.gz', import.meta.url)),
  ).toString(),
) as {
  corners: {
    functions: Record<string, Corner & { record: Record_ }>;
    models: Record<string, Corner & { methods: Record<string, Record_> }>;
  };
};

beforeAll(async () => {
  await torch.use('wasm');
  jit.tracerWarnings.show = () => {};
});

const seeded = <T>(seed: number, make: () => T): T => {
  torch.manual_seed(seed);
  return make();
};

async function flat(result: unknown): Promise<Flat[]> {
  if (result instanceof torch.Tensor) {
    const numbers = Array.from((await (result.detach().to('float64') as Any).data()) as Float64Array);
    return [[[...result.shape], result.dtype, numbers]];
  }
  const items =
    result instanceof Map
      ? [...result.values()]
      : Array.isArray(result)
        ? result
        : Object.values(result as object);
  return (await Promise.all(items.map(flat))).flat();
}

/** The trace, run on the second inputs under PyTorch's seed, gives PyTorch's numbers. */
async function expectOutputs(traced: (...args: unknown[]) => unknown, corner: Corner): Promise<void> {
  const given = seeded(1, () => inputs(corner.second));
  const got = await flat(await traced(...given));
  const form = ([shape, dtype]: Flat) => `${dtype}[${shape}]`;
  expect(got.map(form)).toEqual(corner.outputs.map(form));
  for (const [i, [, , numbers]] of got.entries()) {
    const wanted = corner.outputs[i][2];
    const off = numbers.findIndex(
      (n, at) =>
        !Object.is(n, wanted[at]) && !(Math.abs(n - wanted[at]) <= 2e-5 + 2e-5 * Math.abs(wanted[at])),
    );
    expect(off < 0 ? '' : `output ${i} at ${off}: ${numbers[off]} for ${wanted[off]}`).toBe('');
  }
}

const unchecked = { check_trace: false };

describe('a traced function has PyTorch’s graph, and its results where the shapes are others', () => {
  for (const [name, corner] of Object.entries(corners.functions))
    it(name, async () => {
      const examples = seeded(0, () => inputs(corner.shapes));
      const traced = await jit.trace(functions[name], examples, unchecked);
      expect(functionRecord(traced)).toEqual(corner.record);
      await expectOutputs(traced, corner);
    });
});

describe('a traced module has PyTorch’s graphs, and its results where the shapes are others', () => {
  for (const [name, corner] of Object.entries(corners.models))
    it(name, async () => {
      const module = seeded(0, models[name]);
      const examples = seeded(0, () => inputs(corner.shapes));
      const traced = await jit.trace(module, examples, unchecked);
      expect(moduleRecord(traced, ['forward'])).toEqual(corner.methods);
      await expectOutputs(traced, corner);
    });
});
