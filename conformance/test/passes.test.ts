/** Every program of the `jit` layer after each pass: PyTorch's answers still. */
import { reference } from '@sconce/backend-reference';
import { graph_of, passes, type ScriptModule } from '@sconce/jit';
import { beforeAll, describe, expect, it } from 'vitest';
import { folderFiles } from '../src/files.ts';
import { checkCall, loadOn } from '../src/layers/jit.ts';
import { programs } from '../src/models/index.ts';

const backend = reference();
const files = folderFiles();
const cases = await programs(files);

type Pass = (graph: ReturnType<typeof graph_of>) => void;

const all: Record<string, Pass> = {
  ...(Object.fromEntries(Object.entries(passes).filter(([, value]) => typeof value === 'function')) as Record<
    string,
    Pass
  >),
  'one after the other': (graph) => {
    for (const pass of [
      passes.inline,
      passes.constant_propagation,
      passes.loop_unrolling,
      passes.constant_propagation,
      passes.peephole,
      passes.cse,
      passes.remove_dropout,
      passes.fold_frozen_conv_bn,
      passes.constant_pooling,
      passes.fuse,
      passes.dce,
    ])
      pass(graph);
  },
};

/** Programs of PyTorch's compiler have nothing dead, and these neither dropout nor a norm after a convolution. */
const idle = new Set(['dce', 'remove_dropout', 'fold_frozen_conv_bn']);

/** Every method of every module in the program. */
function* graphsIn(module: ScriptModule): Generator<ReturnType<typeof graph_of>> {
  for (const inner of module.modules())
    for (const name of (inner as ScriptModule).method_names) yield graph_of(inner as ScriptModule, name);
}

/** What is wrong with each of the program's answers; nothing, unless the `jit` layer says so too. */
async function problemsOf(
  module: ScriptModule,
  program: (typeof cases)[number],
): Promise<(string | undefined)[]> {
  const problems: (string | undefined)[] = [];
  const id = { layer: 'jit' as const, name: program.name, params: { check: 'calls' } };
  for (const call of await program.calls()) problems.push(await checkCall(module, call, backend, id));
  return problems;
}

const unchanged = new Map<string, (string | undefined)[]>();
beforeAll(async () => {
  for (const program of cases)
    unchanged.set(program.name, await problemsOf(await loadOn(backend, await program.archive()), program));
});

describe(`after a pass each of ${cases.length} programs answers as in PyTorch`, () => {
  for (const [name, pass] of Object.entries(all))
    it(name, async () => {
      let changed = 0;
      for (const program of cases) {
        const module = await loadOn(backend, await program.archive());
        for (const graph of graphsIn(module)) {
          const before = String(graph);
          pass(graph);
          if (String(graph) !== before) changed++;
        }
        expect(await problemsOf(module, program), `${program.name} after ${name}`).toEqual(
          unchanged.get(program.name),
        );
      }
      // Archives hold what PyTorch's compiler made of a program: some of the passes ran there already.
      expect(changed).toBeGreaterThanOrEqual(idle.has(name) ? 0 : 1);
    });
});
