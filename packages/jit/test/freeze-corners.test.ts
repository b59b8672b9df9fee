/** Modules on which freezing, folding and fusing are easily wrong, against PyTorch (see generate/freeze_corners.py). */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { reference } from '@sconce/backend-reference';
import { no_grad, setCurrentBackend } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { freeze, load, optimize_for_inference, type ScriptModule } from '../src/index.ts';
import { decode, differences, type Json } from './values.ts';

const golden: Record<string, Json> = JSON.parse(
  gunzipSync(readFileSync(new URL('archives/freeze-corners.json.gz', import.meta.url))).toString(),
);

beforeAll(() => setCurrentBackend(reference()));

const loaded = async (archive: string): Promise<ScriptModule> =>
  (await load(Buffer.from(archive, 'base64'))).eval();

/** Two calls, for what the first one leaves behind; of folded weights the last places differ. */
async function expectResults(module: ScriptModule, { arguments: args, results }: Json): Promise<void> {
  for (const want of results)
    expect(await differences(await no_grad(() => module(...args.map(decode))), want, 'result', 2e-5)).toEqual(
      [],
    );
}

/**
 * Where the nodes are others: PyTorch 1.13 unrolls short loops, folds dicts and views that nothing changes, and takes an instance
 * norm in eval mode, but no norm in training, for one that writes its statistics.
 */
const nodesDiffer = new Set([
  'Mutated',
  'Containers',
  'Returned',
  'Conditional',
  'TrainingNorm',
  'ConvInstance',
]);

describe('a module gives what PyTorch gives', () => {
  for (const [name, corner] of Object.entries(golden)) {
    const options = { preserved_attrs: corner.preserved };
    it(`as it is: ${name}`, async () => expectResults(await loaded(corner.archive), corner));

    it(`frozen: ${name}`, async () => {
      const frozen = freeze(await loaded(corner.archive), options);
      if (!nodesDiffer.has(name))
        expect(
          [...frozen.graph.matchAll(/= (\w+::\w+)/g)]
            .map(([, kind]) => kind)
            .filter((kind) => kind !== 'prim::Constant')
            .sort(),
        ).toEqual(corner.nodes);
      const bytes = await frozen.save_to_buffer();
      await expectResults(frozen, corner);
      await expectResults(await load(bytes), corner);
    });

    it(`optimised: ${name}`, async () => {
      const methods = corner.preserved.filter((attribute: string) => attribute === 'other');
      await expectResults(optimize_for_inference(await loaded(corner.archive), methods), corner);
    });
  }
});
