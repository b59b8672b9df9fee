/** Programs that a careless pass would change the meaning of, after each pass, against PyTorch (see generate/meaning.py). */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { fromTypedArray, manual_seed, no_grad, setCurrentBackend, type Tensor } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { CompilationUnit, type Graph, graph_of, passes } from '../src/index.ts';
import { differences, type Json } from './values.ts';

const cases: Record<string, Json> = JSON.parse(
  readFileSync(new URL('archives/meaning.json', import.meta.url), 'utf8'),
);

beforeAll(() => setCurrentBackend(reference()));

const { inline, dce, cse, constant_propagation, constant_pooling, peephole, fuse } = passes;
const { loop_unrolling, constant_loop_unrolling } = passes;

/** Passes as they are run one after another. */
const runs: Readonly<Record<string, readonly passes.Pass[]>> = {
  'no pass': [],
  ...Object.fromEntries(Object.entries(passes).map(([name, pass]) => [name, [pass]])),
  'those of a run': [
    inline,
    constant_propagation,
    loop_unrolling,
    constant_propagation,
    peephole,
    cse,
    constant_pooling,
    dce,
    fuse,
  ],
  'another order': [
    inline,
    peephole,
    cse,
    constant_loop_unrolling,
    dce,
    peephole,
    constant_propagation,
    fuse,
  ],
};

const matrix = (value: (i: number) => number): Tensor =>
  fromTypedArray(
    Float32Array.from({ length: 12 }, (_, i) => value(i)),
    [3, 4],
    'float32',
  );

/** What differs from PyTorch's answer, its error, or what it does to its arguments. */
async function wrong(source: string, { result, error, arguments: given }: Json, run: readonly passes.Pass[]) {
  const unit = new CompilationUnit(source);
  const graph: Graph = graph_of(unit.f);
  for (const pass of run) pass(graph);
  const x = matrix((i) => i / 4 - 1);
  const y = matrix((i) => (8 - 4 * Math.floor(i / 4) + (i % 4)) / 8 - 0.5);
  manual_seed(0);
  try {
    const got = await no_grad(() => unit.f(x, y, 3));
    if (error !== undefined) return [`no error, but ${got}`];
    const found = await differences(got, result);
    if (given)
      for (const [i, argument] of [x, y].entries()) found.push(...(await differences(argument, given[i])));
    return found;
  } catch (thrown) {
    if (error !== undefined && (thrown as Error).message.includes(error)) return [];
    return [String(thrown)];
  }
}

describe('after each pass a program answers as PyTorch does', () => {
  for (const [program, golden] of Object.entries(cases))
    it(program, async () => {
      for (const [name, run] of Object.entries(runs))
        expect(await wrong(golden.source, golden, run), name).toEqual([]);
    });
});
