/** The `kernels` layer: the nine kernels called directly, without core's tensors. An implementer's first day. */
import type { Case, Layer, LayerContext } from '../../case.ts';
import { convCases } from './conv.ts';
import { gatherCases, scatterCases } from './gather.ts';
import { matmulCases } from './matmul.ts';
import { memoryCases } from './memory.ts';
import { pointwiseCases } from './pointwise.ts';
import { poolCases } from './pool.ts';
import { reduceCases } from './reduce.ts';
import { scalarOpCases } from './scalar-ops.ts';
import { scanCases, sortCases } from './sort.ts';

const families = [
  memoryCases,
  scalarOpCases,
  pointwiseCases,
  reduceCases,
  matmulCases,
  convCases,
  poolCases,
  gatherCases,
  scatterCases,
  sortCases,
  scanCases,
] as const;

async function* cases(context: LayerContext): AsyncGenerator<Case> {
  for (const family of families) for await (const item of family(context)) yield item;
}

export const kernels: Layer = { name: 'kernels', cases };
