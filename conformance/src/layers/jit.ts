/** The `jit` layer: TorchScript archives that PyTorch saved, what they print as, and what their methods return; and what is compiled here. */
import { type Backend, backendOf, type DType, no_grad, setCurrentBackend } from '@sconce/core';
import { load, type ScriptModule } from '@sconce/jit';
import {
  type Case,
  fail,
  type Layer,
  type LayerContext,
  notApplicable,
  pass,
  type Verdict,
} from '../case.ts';
import { argumentOf, type Bound, checkValue } from '../models/check.ts';
import { type Call, code, type ProgramCase, programs, tampered } from '../models/index.ts';
import type { Value } from '../models/values.ts';
import type { CaseId } from '../query.ts';
import { texts } from './text.ts';
import { traced } from './traced.ts';

const WRITERS = ['1.13', '2.6'] as const;

/** Nothing that refuses a bad archive takes this long. */
const BOUND_MS = 20_000;

async function* cases({ backend, files, wantsName }: LayerContext): AsyncGenerator<Case> {
  for (const writer of WRITERS)
    for (const program of await programs(files, writer)) {
      const name = program.name.replace(`${writer}/`, '');
      if (!wantsName(name)) continue;
      for (const [what, check] of Object.entries(checks)) {
        const id: CaseId = { layer: 'jit', name, params: { check: what, saved: writer } };
        yield {
          id,
          async run() {
            const lacking = await missingIn(program, what, backend);
            if (lacking) return notApplicable(lacking);
            const module = await loadOn(backend, await program.archive());
            const problem = await check(module, program, backend, id);
            return problem === undefined ? pass : fail(problem);
          },
        };
      }
    }
  yield* compiled(backend, files, wantsName);
  yield* traced(backend, wantsName);
  yield* texts(backend, files, wantsName);
  if (!wantsName('tampered')) return;
  const good = (await programs(files)).find(({ name }) => name === 'seed_my_cell_linear_traced');
  for (const { name, archive } of await tampered(await good!.archive()))
    yield {
      id: { layer: 'jit', name: 'tampered', params: { with: name.replace(/[^\w.]+/g, '_') } },
      run: () => refuses(backend, archive),
    };
}

/** Why the backend need not pass: a dtype that it declares to lack, or values that are printed without a wait. */
async function missingIn(program: ProgramCase, what: string, backend: Backend): Promise<string | undefined> {
  const used = [...Object.values(program.state).map(([dtype]) => dtype), ...(program.storages ?? [])];
  if (what === 'calls') for (const { output } of await program.calls()) used.push(...dtypesIn(output));
  for (const dtype of used)
    if (!backend.capabilities.dtypes.has(dtype as DType))
      return `dtype ${dtype} is not in capabilities.dtypes`;
  if (what === 'graph' && !backend.readNow && /Type\{/.test(program.graph))
    return '`.graph` prints small constants, which a backend without readNow cannot give at once';
  return undefined;
}

function dtypesIn(value: Value | undefined): DType[] {
  switch (value?.kind) {
    case 'tensor':
      return [value.dtype];
    case 'tuple':
    case 'list':
      return value.items.flatMap(dtypesIn);
    case 'dict':
      return value.entries.flatMap(([, item]) => dtypesIn(item));
    default:
      return [];
  }
}

/** Programs without answers: every operator that they call must be known, and every method compile. */
async function* compiled(
  backend: Backend,
  files: LayerContext['files'],
  wantsName: LayerContext['wantsName'],
): AsyncGenerator<Case> {
  for (const program of await code(files)) {
    const [name, from] = program.name.split('.');
    if (!wantsName(name)) continue;
    yield {
      id: { layer: 'jit', name, params: { check: 'compiles', from } },
      fullOnly: true,
      async run() {
        const module = await loadOn(backend, await program.archive());
        const { unknownOperators } = module.explain(backend);
        return unknownOperators.length === 0
          ? pass
          : fail(`unknown operators: ${unknownOperators.join(', ')}`);
      },
    };
  }
}

type Check = (
  module: ScriptModule,
  program: ProgramCase,
  backend: Backend,
  id: CaseId,
) => Promise<string | undefined>;

const same = (name: string, got: string, want: string): string | undefined =>
  got === want ? undefined : `${name} differs from PyTorch's\n--- got\n${got}\n--- want\n${want}`;

/** Warnings are counted through the whole process. */
const numbered = (graph: string): string => graph.replace(/warn_id=\d+/g, 'warn_id=0');

const checks: Record<string, Check> = {
  text: async (module, { text }) => same('str(module)', String(module), text),
  code: async (module, { code }) => same('.code', module.code, code),
  graph: async (module, { graph }) => same('.graph', numbered(module.graph), numbered(graph)),
  state: async (module, { state }) => {
    const got = [...module.state_dict()].map(([name, { dtype, shape }]) => [name, [dtype, shape]]);
    return same('state_dict()', JSON.stringify(got), JSON.stringify(Object.entries(state)));
  },
  calls: async (module, program, backend, id) => {
    for (const [i, call] of (await program.calls()).entries()) {
      const problem = await checkCall(module, call, backend, id);
      if (problem) return `call ${i}, ${call.method}: ${problem}`;
    }
    return undefined;
  },
};

export async function loadOn(backend: Backend, archive: Uint8Array): Promise<ScriptModule> {
  setCurrentBackend(backend);
  const module = await load(archive, { map_location: backendOf(backend) });
  return module;
}

/** Makes one call, and says what is wrong with what came of it. */
export async function checkCall(
  module: ScriptModule,
  { method, inputs, output, error }: Call,
  backend: Backend,
  id: CaseId,
  absolute?: Bound,
): Promise<string | undefined> {
  const args = inputs.map((input) => argumentOf(input, backend));
  let result: unknown;
  try {
    result = await no_grad(() => module.run_method(method, ...args));
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (!error) return `threw ${thrown instanceof Error ? (thrown.stack ?? message) : message}`;
    const sentence = error.message.replace(/^\w+Error: /, '');
    return message.includes(sentence) ? undefined : `threw '${message}', want '${sentence}'`;
  }
  if (error) return `returned, want ${error.type}: ${error.message}`;
  return output && checkValue(result, output, id, absolute);
}

/** Loading, or at the latest calling, must reject with an Error, and soon. */
async function refuses(backend: Backend, archive: Uint8Array): Promise<Verdict> {
  const start = performance.now();
  const x = argumentOf(
    { kind: 'tensor', dtype: 'float32', shape: [3, 4], data: new Float32Array(12) },
    backend,
  );
  try {
    const module = await loadOn(backend, archive);
    const result = await module(x, x);
    return fail(`was loaded and returned ${String(result)}`);
  } catch (error) {
    if (error instanceof RangeError || !(error instanceof Error))
      return fail(`threw ${String(error)}, want a TorchError`);
    if (
      !/Error$/.test(error.name) ||
      error.name === 'TypeError' ||
      error.name === 'ReferenceError' ||
      error.name === 'Error'
    )
      return fail(`threw ${error.stack}, want a TorchError`);
    const took = performance.now() - start;
    return took < BOUND_MS ? pass : fail(`took ${Math.round(took)} ms to refuse`);
  }
}

export const jit: Layer = { name: 'jit', cases };
