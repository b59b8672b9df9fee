/** Python source compiled here and run on the backend: functions and modules that PyTorch compiled and ran first. */
import { type Backend, backendOf, type DType, deviceOf, manual_seed, setCurrentBackend } from '@sconce/core';
import { CompilationUnit, output } from '@sconce/jit';
import { type Case, fail, type LayerContext, notApplicable, pass, type Verdict } from '../case.ts';
import { readJson } from '../files.ts';
import { argumentOf, checkValue } from '../models/check.ts';
import type { Value } from '../models/values.ts';
import type { CaseId } from '../query.ts';

/** A value as generate_text.py writes it. */
type Written =
  | null
  | boolean
  | string
  | { readonly int: number | string }
  | { readonly float: number | string }
  | {
      readonly tensor: readonly (number | string | boolean)[];
      readonly dtype: DType;
      readonly shape: readonly number[];
    }
  | { readonly tuple: readonly Written[] }
  | { readonly list: readonly Written[] }
  | { readonly dict: readonly (readonly [Written, Written])[] };

interface Program {
  readonly name: string;
  readonly text: string;
  readonly calls: readonly {
    readonly args: readonly Written[];
    readonly result?: Written;
    readonly error?: string;
  }[];
  /** Of a module: what its `__init__` is given. */
  readonly given?: readonly Written[];
  readonly named?: Readonly<Record<string, Written>>;
}

const numberOf = (value: number | string | boolean): number =>
  typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : Number(value);

const arrays: Readonly<Record<string, (values: number[]) => Extract<Value, { kind: 'tensor' }>['data']>> = {
  float32: (values) => Float32Array.from(values),
  float64: (values) => Float64Array.from(values),
  int64: (values) => BigInt64Array.from(values.map(BigInt)),
  int32: (values) => Int32Array.from(values),
  bool: (values) => Uint8Array.from(values),
};

function plainOf(written: Written): Value {
  if (written === null) return { kind: 'none' };
  if (typeof written === 'boolean') return { kind: 'bool', value: written };
  if (typeof written === 'string') return { kind: 'str', value: written };
  if ('int' in written) return { kind: 'int', value: BigInt(written.int) };
  if ('float' in written) return { kind: 'float', value: numberOf(written.float) };
  if ('tuple' in written) return { kind: 'tuple', items: written.tuple.map(plainOf) };
  if ('list' in written) return { kind: 'list', items: written.list.map(plainOf) };
  if ('dict' in written)
    return {
      kind: 'dict',
      entries: written.dict.map(([key, item]) => [plainOf(key), plainOf(item)] as const),
    };
  const { dtype, shape } = written;
  const data = arrays[dtype](written.tensor.map(numberOf));
  return { kind: 'tensor', dtype: dtype as 'float32', shape, data };
}

/** dtypes that a program makes, by its text and its answers. */
const dtypesOf = ({ text, calls }: Program): string[] => {
  const found = [...JSON.stringify(calls).matchAll(/"dtype": ?"(\w+)"/g)].map(([, dtype]) => dtype);
  for (const [, name] of text.matchAll(
    /\b(?:torch\.)?(float64|double|float16|half|int32|int|int16|uint8|int8)\b\(?/g,
  ))
    if (name === 'double') found.push('float64');
    else if (name === 'half') found.push('float16');
    else if (name !== 'int') found.push(name);
  return found;
};

/** The cases of texts: what their functions answer, and what modules made of text do. */
export async function* texts(
  backend: Backend,
  files: LayerContext['files'],
  wantsName: LayerContext['wantsName'],
): AsyncGenerator<Case> {
  for (const from of ['text', 'text-modules']) {
    const { cases } = await readJson<{ cases: Program[] }>(files, `models/${from}.json`);
    for (const program of cases) {
      if (!wantsName(program.name) || program.calls.length === 0) continue;
      const id: CaseId = { layer: 'jit', name: program.name, params: { check: 'compiled', from } };
      yield { id, run: () => answers(program, backend, id) };
    }
  }
}

async function answers(program: Program, backend: Backend, id: CaseId): Promise<Verdict> {
  const lacking = dtypesOf(program).find((dtype) => !backend.capabilities.dtypes.has(dtype as DType));
  if (lacking) return notApplicable(`dtype ${lacking} is not in capabilities.dtypes`);
  setCurrentBackend(backend);
  const { print } = output;
  output.print = () => {};
  try {
    const read = (value: Written): unknown => argumentOf(plainOf(value), backendOf(backend));
    const unit = new CompilationUnit(program.text);
    manual_seed(0);
    const options = Object.fromEntries(
      Object.entries(program.named ?? {}).map(([name, value]) => [name, read(value)]),
    );
    const made = unit[program.name];
    const callee = program.given ? made(...program.given.map(read), options) : made;
    for (const [i, call] of program.calls.entries()) {
      const problem = await checked(() => callee(...call.args.map(read)), call, backend, id);
      if (problem !== undefined) return fail(`call ${i}: ${problem}`);
    }
    return pass;
  } finally {
    output.print = print;
  }
}

async function checked(
  run: () => Promise<unknown>,
  call: Program['calls'][number],
  backend: Backend,
  id: CaseId,
): Promise<string | undefined> {
  let got: unknown;
  try {
    got = await run();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (call.error === undefined) return `threw ${error instanceof Error ? error.stack : message}`;
    return call.error.includes(message) ? undefined : `threw '${message}', want '${call.error}'`;
  }
  if (call.error !== undefined) return `returned, want ${call.error}`;
  return checkValue(placed(got, backend), plainOf(call.result ?? null), id);
}

/** Where PyTorch says cpu, a program says the device that it is on. */
function placed(got: unknown, backend: Backend): unknown {
  if (Array.isArray(got)) return got.map((item) => placed(item, backend));
  return got === deviceOf(backend).type ? 'cpu' : got;
}
