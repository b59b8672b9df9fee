/** `sconce info`, `code` and `graph`: what a model file holds. */
import { parseArgs } from 'node:util';
import {
  currentBackend,
  isSafetensors,
  isZip,
  load as loadCheckpoint,
  readSafetensors,
  readZip,
  Tensor,
  TorchError,
} from '@sconce/core';
import { load, type ScriptModule } from '@sconce/jit';
import { chooseBackend, type Output, readModel } from './usage.ts';

interface Described {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

const described = (name: string, { dtype, shape }: Tensor): Described => ({ name, dtype, shape });

const elements = (list: readonly Described[]): number =>
  list.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);

async function loadProgram(source: string | undefined): Promise<ScriptModule> {
  const bytes = await readModel(source);
  await chooseBackend(undefined);
  return load(bytes);
}

export async function code(args: readonly string[], { print }: Output): Promise<number> {
  const { positionals } = parseArgs({ args: [...args], allowPositionals: true });
  print((await loadProgram(positionals[0])).code.trimEnd());
  return 0;
}

export async function graph(args: readonly string[], { print }: Output): Promise<number> {
  const { positionals } = parseArgs({ args: [...args], allowPositionals: true });
  print((await loadProgram(positionals[0])).graph.trimEnd());
  return 0;
}

export async function info(args: readonly string[], { print }: Output): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { backend: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
  const bytes = await readModel(positionals[0]);
  await chooseBackend(values.backend);
  const found = isProgram(bytes) ? await program(bytes) : tensors(bytes);
  if (values.json) print(JSON.stringify({ file: positionals[0], bytes: bytes.length, ...found.json }));
  else print([`${positionals[0]}: ${found.kind}, ${count(bytes.length)} bytes`, ...found.lines].join('\n'));
  return 0;
}

interface Found {
  readonly kind: string;
  readonly lines: readonly string[];
  readonly json: object;
}

const count = (n: number) => n.toLocaleString('en-US');

/** A zip with code is TorchScript; any other zip is a checkpoint. */
export const isProgram = (bytes: Uint8Array): boolean =>
  isZip(bytes) && readZip(bytes).names.some((name) => name.endsWith('/constants.pkl'));

async function program(bytes: Uint8Array): Promise<Found> {
  const module = await load(bytes);
  const parameters = [...module.named_parameters()].map(([name, tensor]) => described(name, tensor));
  const buffers = [...module.named_buffers()].map(([name, tensor]) => described(name, tensor));
  const { unknownOperators, missingDTypes, operators, runs } = module.explain();
  const backend = currentBackend().name;
  const modules = [...module.modules()].length;
  const native = operators.filter((operator) => operator.native).length;
  const lacks = [...unknownOperators, ...missingDTypes];
  return {
    kind: 'TorchScript',
    json: {
      kind: 'torchscript',
      class: module.original_name,
      methods: module.method_names,
      modules,
      parameters,
      buffers,
      operators: operators.map(({ name }) => name),
      backend,
      runs,
      unknownOperators,
      missingDTypes,
    },
    lines: [
      `  class       ${module.original_name}, ${modules} modules`,
      `  methods     ${module.method_names.join(', ')}`,
      `  parameters  ${count(elements(parameters))} in ${parameters.length} tensors${dtypesOf(parameters)}`,
      `  buffers     ${count(elements(buffers))} in ${buffers.length} tensors${dtypesOf(buffers)}`,
      `  operators   ${operators.length}, of which ${backend} takes over ${native}: ${operators.map(({ name }) => name).join(', ')}`,
      runs
        ? `  runs        on ${backend}`
        : `  runs        not on ${backend}, which lacks ${lacks.join(', ')}`,
    ],
  };
}

function dtypesOf(list: readonly Described[]): string {
  const kinds = [...new Set(list.map(({ dtype }) => dtype))];
  return kinds.length > 0 ? ` (${kinds.join(', ')})` : '';
}

/** A checkpoint or safetensors file: every tensor in it, by its path. */
function tensors(bytes: Uint8Array): Found {
  const safe = isSafetensors(bytes);
  const list: Described[] = safe
    ? [...readSafetensors(bytes).tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
    : [...tensorsIn(loadCheckpoint(bytes), '')];
  if (list.length === 0) throw new TorchError('the file holds no tensors');
  return {
    kind: safe ? 'safetensors' : 'a checkpoint of torch.save',
    json: { kind: safe ? 'safetensors' : 'checkpoint', tensors: list },
    lines: [
      `  ${count(elements(list))} numbers in ${list.length} tensors`,
      ...list.map(({ name, dtype, shape }) => `  ${name}  ${dtype}[${shape.join(', ')}]`),
    ],
  };
}

function* tensorsIn(value: unknown, path: string): Generator<Described> {
  if (value instanceof Tensor) yield described(path, value);
  else if (value instanceof Map)
    for (const [key, item] of value) yield* tensorsIn(item, path ? `${path}.${String(key)}` : String(key));
  else if (Array.isArray(value))
    for (const [i, item] of value.entries()) yield* tensorsIn(item, path ? `${path}.${i}` : `${i}`);
}
