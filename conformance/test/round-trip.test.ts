/** What Sconce saves: LibTorch's own torch::jit loads it and computes what PyTorch computed; loaded again here it prints as before. */
import {
  isBuilt,
  ScriptModule as NativeModule,
  Tensor as NativeTensor,
  tensor,
} from '@sconce/backend-libtorch';
import { reference } from '@sconce/backend-reference';
import {
  functions,
  type Module,
  manual_seed,
  no_grad,
  readZip,
  setCurrentBackend,
  type Tensor,
} from '@sconce/core';
import { load, program_text, script, trace } from '@sconce/jit';
import * as nn from '@sconce/nn';
import { beforeAll, describe, expect, it } from 'vitest';
import { folderFiles } from '../src/files.ts';
import { argumentOf, checkValue } from '../src/models/check.ts';
import { type ArchiveCase, type Call, models, programs } from '../src/models/index.ts';
import type { Value } from '../src/models/values.ts';

const randn = (shape: number[]): Tensor => functions.randn(shape) as Tensor;
const backend = reference();
const files = folderFiles();
const allPrograms = await programs(files);
const small = (await models(files)).filter(({ bytes }) => bytes < 12e6);

beforeAll(() => setCurrentBackend(backend));

const saved = async (archive: Uint8Array): Promise<Uint8Array> => (await load(archive)).save_to_buffer();

function toNative(value: Value): unknown {
  switch (value.kind) {
    case 'tensor':
      return tensor(value.data.slice(), value.shape, value.dtype);
    case 'tuple':
    case 'list':
      return value.items.map(toNative);
    case 'dict':
      return new Map(value.entries.map(([key, item]) => [toNative(key), toNative(item)]));
    case 'none':
      return null;
    default:
      return value.value;
  }
}

/** The result with core's tensors in place of the addon's. */
function fromNative(value: unknown): unknown {
  if (value instanceof NativeTensor)
    return argumentOf(
      {
        kind: 'tensor',
        dtype: value.dtype as 'float32',
        shape: value.shape,
        data: value.data() as Float32Array,
      },
      backend,
    );
  if (Array.isArray(value)) return value.map(fromNative);
  if (value instanceof Map) return new Map([...value].map(([k, v]) => [fromNative(k), fromNative(v)]));
  return value;
}

/** LibTorch's module, or why it refuses the archive. */
function opened(archive: Uint8Array): NativeModule | string {
  try {
    return new NativeModule(archive);
  } catch (error) {
    return (error as Error).message.split('\n').find((line) => line.trim() !== '') ?? '';
  }
}

/** What is wrong with a call in LibTorch's interpreter, or undefined. */
async function problemOf(
  module: NativeModule,
  { method, inputs, output, error }: Call,
  name: string,
  absolute?: number,
): Promise<string | undefined> {
  let result: unknown;
  try {
    result = module.call(method, ...(inputs.map(toNative) as never[]));
  } catch (thrown) {
    const message = String(thrown);
    if (!error) return `threw ${message}`;
    const sentence = error.message.replace(/^\w+Error: /, '');
    return message.includes(sentence) ? undefined : `threw '${message}', want '${sentence}'`;
  }
  if (error) return `returned, want ${error.message}`;
  return output && checkValue(fromNative(result), output, { layer: 'jit', name, params: {} }, absolute);
}

describe('an archive that was loaded and saved', () => {
  it.each(allPrograms)('prints what it printed: $name', async ({ archive }) => {
    const before = await load(await archive());
    const bytes = await before.save_to_buffer();
    const after = await load(bytes);
    const textsOf = (module: typeof before) =>
      [...program_text(module)].map(([name, { code }]) => [demangled(name), demangled(code)]).sort();
    expect(textsOf(after)).toEqual(textsOf(before));
    expect(String(after)).toBe(String(before));
    // And so on: from the second time on nothing changes at all.
    expect(contents(await after.save_to_buffer())).toEqual(contents(bytes));
  });

  describe.skipIf(!isBuilt() && !process.env.CI)('means to LibTorch what the original means', () => {
    const both: readonly (ArchiveCase & { tolerance?: unknown })[] = [...allPrograms, ...small];
    it.each(both)('$name', async ({ name, archive, calls, tolerance }) => {
      const original = await archive();
      const bytes = await saved(original);
      const absolute = typeof tolerance === 'number' ? tolerance : undefined;
      const module = opened(bytes);
      if (typeof module === 'string') {
        // LibTorch alone has not torchvision's operators.
        expect(module).toBe(opened(original));
        return;
      }
      for (const call of await calls()) {
        const problem = await problemOf(module, call, name, absolute);
        // What the addon cannot pass, a float into a union, it cannot pass to the original either.
        if (problem) expect(problem).toBe(await problemOf(new NativeModule(original), call, name, absolute));
      }
    });
  });

  describe.skipIf(!isBuilt() && !process.env.CI)(
    'is one of our own modules, and LibTorch computes what it computes',
    () => {
      const ways = {
        traced: (module: Module, x: Tensor) => trace(module, [x]),
        scripted: (module: Module) => script(module),
      };
      for (const [name, make] of Object.entries(ours))
        it.each(Object.entries(ways))(`${name}, %s`, async (_, way) => {
          manual_seed(3);
          const [module, x] = make();
          module.eval();
          const program = await way(module, x);
          const native = new NativeModule(await program.save_to_buffer());
          const first = (value: unknown): unknown => (Array.isArray(value) ? first(value[0]) : value);
          const want = first(await no_grad(() => program(x))) as Tensor;
          const got = first(native.forward(tensor(await x.data(), x.shape, x.dtype))) as NativeTensor;
          expect(got.shape).toEqual(want.shape);
          const [a, b] = [Array.from(got.data(), Number), Array.from(await want.data(), Number)];
          expect(Math.max(...a.map((value, i) => Math.abs(value - b[i])))).toBeLessThan(1e-5);
        });
    },
  );

  it('keeps every record at a multiple of 64 bytes, and extra files', async () => {
    const module = await load(await allPrograms[0].archive());
    const bytes = await module.save_to_buffer({
      _extra_files: { 'labels.txt': 'a\nb', 'deep/raw': Uint8Array.of(1, 2) },
    });
    const zip = readZip(bytes);
    for (const name of zip.names) {
      const data = zip.read(name);
      if (data.buffer === bytes.buffer) expect(data.byteOffset % 64).toBe(0);
    }
    const extra: Record<string, string> = { 'labels.txt': '' };
    await load(bytes, { _extra_files: extra });
    expect(extra['labels.txt']).toBe('a\nb');
    expect([...zip.read('archive/extra/deep/raw')]).toEqual([1, 2]);
  });
});

/** Modules with an input each. */
const ours: Readonly<Record<string, () => [Module, Tensor]>> = {
  'a linear layer': () => [new nn.Linear(4, 3), randn([2, 4])],
  'a convolution with its norm': () => [
    new nn.Sequential(
      new nn.Conv2d(3, 8, 3, { padding: 1 }),
      new nn.BatchNorm2d(8),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(128, 5),
    ),
    randn([2, 3, 8, 8]),
  ],
  'an LSTM': () => [new nn.LSTM(4, 6, { batch_first: true }), randn([2, 5, 4])],
  'a GRU': () => [new nn.GRU(4, 6), randn([5, 2, 4])],
  'a layer norm before a GELU': () => [
    new nn.Sequential(new nn.LayerNorm([4]), new nn.GELU()),
    randn([2, 4]),
  ],
};

const demangled = (text: string): string => text.replace(/___torch_mangle_\d+\./g, '');

/** Names and contents, without the debug records: those tell of where each text was read. */
const contents = (bytes: Uint8Array): [string, string][] => {
  const zip = readZip(bytes);
  return zip.names
    .filter((name) => !name.endsWith('.debug_pkl'))
    .map((name) => [name, Buffer.from(zip.read(name)).toString('latin1')]);
};
