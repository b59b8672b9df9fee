/** What Sconce saves: LibTorch's own torch::jit loads it and computes what PyTorch computed; loaded again here it prints as before. */
import {
  isBuilt,
  libtorch,
  ScriptModule as NativeModule,
  Tensor as NativeTensor,
  tensor,
} from '@sconce/backend-libtorch';
import { reference } from '@sconce/backend-reference';
import { readZip, setCurrentBackend, toTypedArray } from '@sconce/core';
import { load, output, program_text, tracerWarnings } from '@sconce/jit';
import { beforeAll, describe, expect, it } from 'vitest';
import { differences, type Json } from '../../packages/jit/test/values.ts';
import { folderFiles } from '../src/files.ts';
import { argumentOf, checkValue } from '../src/models/check.ts';
import { type ArchiveCase, type Call, models, programs } from '../src/models/index.ts';
import type { Value } from '../src/models/values.ts';
import { makings } from './made.ts';

const backend = reference();
const files = folderFiles();
const allPrograms = await programs(files);
const small = (await models(files)).filter(({ bytes }) => bytes < 12e6);

beforeAll(() => {
  setCurrentBackend(backend);
  output.warn = () => {};
  output.print = () => {};
  tracerWarnings.show = () => {};
});

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

/** An argument in the form of packages/jit/test/values.ts, as the addon takes it. */
function given(stored: Json): unknown {
  if (stored?.tensor)
    return tensor(toTypedArray(stored.tensor.map(Number), stored.dtype), stored.shape, stored.dtype);
  const items = stored?.tuple ?? stored?.list;
  if (items) return items.map(given);
  if (stored?.dict) return new Map(stored.dict.map((entry: Json[]) => entry.map(given)));
  return stored?.float ?? stored?.int ?? stored;
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
    const { message, cause } = error as Error;
    // A call's error keeps what it says for the trace of the program.
    const said = `${message}\n${(cause as { traceback?: string } | undefined)?.traceback ?? ''}`;
    return said.split('\n').find((line) => line.trim() !== '') ?? '';
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
    'is made here, and LibTorch computes what it computes',
    () => {
      /** Whole models, which the others' parts cover; and what the addon does not pass: a whole float where an int would do as well, gradients. */
      const isElsewhere = /^(ResNet18|MobileNetV2|isinstance_else_union|device_and_grad)/;
      for (const [kind, making] of Object.entries(makings))
        describe(kind, () => {
          const native = isBuilt() ? libtorch() : undefined;
          it.each(making().filter(({ name }) => !isElsewhere.test(name)))('$name', async ({ make }) => {
            const { name, saved, calls, seed } = await make();
            const module = opened(saved);
            if (typeof module === 'string') {
              // PyTorch has it since 2.4, and Debian 12's LibTorch is 1.13.
              expect(name).toMatch(/^RMSNorm/);
              expect(module).toContain('Unknown builtin op: aten::rms_norm');
              return;
            }
            for (const { args, result, error } of calls) {
              native?.manual_seed(seed);
              const call = () => module.forward(...(args.map(given) as never[]));
              if (error) expect(call).toThrow();
              else expect(await differences(fromNative(call()), result)).toEqual([]);
            }
          });
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

const demangled = (text: string): string => text.replace(/___torch_mangle_\d+\./g, '');

/** Names and contents, without the debug records: those tell of where each text was read. */
const contents = (bytes: Uint8Array): [string, string][] => {
  const zip = readZip(bytes);
  return zip.names
    .filter((name) => !name.endsWith('.debug_pkl'))
    .map((name) => [name, Buffer.from(zip.read(name)).toString('latin1')]);
};
