/** The `models` layer: torchvision's classifiers, detection and segmentation, an LSTM and a transformer encoder, weights from a seed, outputs from PyTorch; as saved, and optimised. */

import { optimize_for_inference } from '@sconce/jit';
import { type Case, fail, type Layer, type LayerContext, pass } from '../case.ts';
import { models as readModels } from '../models/index.ts';
import { formatId, hashOf } from '../query.ts';
import { checkCall, loadOn } from './jit.ts';

const WRITERS = ['1.13', '2.6'] as const;

/** Above this many bytes of weights a model is for the full tier. */
const QUICK_BYTES = 16e6;

async function* cases({ backend, files, wantsName }: LayerContext): AsyncGenerator<Case> {
  for (const writer of WRITERS)
    for (const model of await readModels(files, writer)) {
      const [name, from] = model.name.replace(`${writer}/`, '').split('.');
      // The largest need gigabytes: only for a query that names them.
      if (!wantsName(name) || (model.large && wantsName('every other model'))) continue;
      for (const graph of ['saved', 'optimized']) {
        const id = {
          layer: 'models',
          name,
          params: { from, saved: writer, ...(graph === 'optimized' && { graph }) },
        };
        yield {
          id,
          fullOnly: (model.bytes > QUICK_BYTES && !model.large) || hashOf(formatId(id)) % 2 === 1,
          async run() {
            const loaded = await loadOn(backend, await model.archive());
            const module = graph === 'optimized' ? optimize_for_inference(loaded) : loaded;
            for (const [i, call] of (await model.calls()).entries()) {
              const problem = await checkCall(module, call, backend, id, model.tolerance);
              if (problem) return fail(`input ${'ab'[i]}: ${problem}`);
            }
            return pass;
          },
        };
      }
    }
}

export const models: Layer = { name: 'models', cases };
