/** Tracing: the same graphs and code as PyTorch's tracer makes of the same layers, functions and models. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../../src/index.ts';
import { functionRecord, inputs, moduleRecord, type Record_, type Shapes } from './canonical.ts';
import { functions, models } from './programs.ts';

const { jit, nn } = torch;

interface Goldens {
  layers: { make: string; shapes: Shapes; training: boolean; methods: Record<string, Record_> }[];
  functions: Record<string, { shapes: Shapes; record: Record_ }>;
  models: Record<string, { shapes: Shapes; methods: Record<string, Record_> }>;
}
const goldens = JSON.parse(
  gunzipSync(
    readFileSync(new URL('../../../../conformance/models/trace.json.gz', import.meta.url)),
  ).toString(),
) as Goldens;

beforeAll(async () => {
  await torch.use('wasm');
  jit.tracerWarnings.show = () => {};
});

const unchecked = { check_trace: false };

/** The layer that Python's text makes. */
const layer = (make: string): InstanceType<typeof nn.Module> =>
  new Function('nn', 'True', 'False', `return ${make}`)(nn, true, false);

describe('a traced layer has the graph and code that PyTorch gives it', () => {
  for (const { make, shapes, training, methods } of goldens.layers)
    it(`${make}${training ? ' in training' : ''}`, async () => {
      const traced = await jit.trace(layer(make).train(training), inputs(shapes), unchecked);
      expect(moduleRecord(traced, ['forward'])).toEqual(methods);
    });
});

describe('a traced function has the graph and code that PyTorch gives it', () => {
  for (const [name, { shapes, record }] of Object.entries(goldens.functions))
    it(name, async () => {
      const traced = await jit.trace(functions[name], inputs(shapes), {
        ...unchecked,
        strict: name !== 'to_dict',
      });
      expect(functionRecord(traced)).toEqual(record);
    });
});

describe('a traced model has the graphs and code that PyTorch gives it', () => {
  for (const [name, { shapes, methods }] of Object.entries(goldens.models))
    it(name, async () => {
      const module = models[name]();
      const traced =
        name === 'Methods'
          ? await jit.trace_module(module, { forward: inputs(shapes), weighted: inputs(shapes) }, unchecked)
          : await jit.trace(module, inputs(shapes), unchecked);
      expect(moduleRecord(traced, name === 'Methods' ? ['forward', 'weighted'] : ['forward'])).toEqual(
        methods,
      );
    });
});
