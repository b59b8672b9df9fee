/** Archives that are damaged, tampered with or of another kind: a clear error of ours, in bounded time. */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { encodeUtf8, readZip, setCurrentBackend, TorchError, tensor, writeZip } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { load } from '../src/index.ts';
import { attempt, samples } from './fuzz/archives.ts';
import { decode } from './values.ts';

const archives = new URL('archives/', import.meta.url);
const file = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, archives)));
const original = file('programs/PlainCellTraced.pt');

beforeAll(() => setCurrentBackend(reference()));

/** The archive with some of its records replaced, or left out where null. */
function rebuilt(changes: Record<string, Uint8Array | string | null>, from = original): Uint8Array {
  const zip = readZip(from);
  const [root] = zip.names[0].split('/');
  const records = new Map<string, Uint8Array>();
  for (const name of zip.names) records.set(name.slice(root.length + 1), zip.read(name));
  for (const [name, content] of Object.entries(changes)) {
    if (content === null) records.delete(name);
    else records.set(name, typeof content === 'string' ? encodeUtf8(content) : content);
  }
  return writeZip([...records].map(([name, data]) => ({ name: `${root}/${name}`, data })));
}

const failure = async (bytes: Uint8Array): Promise<Error> => {
  const error = await load(bytes).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(TorchError);
  return error as Error;
};

const text = (record: string): string => {
  const zip = readZip(original);
  const name = zip.names.find((n) => n.endsWith(`/${record}`))!;
  return new TextDecoder().decode(zip.read(name));
};

describe('what is no TorchScript archive', () => {
  it('an empty file, text, and random bytes are refused', async () => {
    expect((await failure(new Uint8Array(0))).message).toContain('the file is empty');
    expect((await failure(encodeUtf8('hello, this is no archive at all'))).message).toContain(
      'central directory',
    );
    let seed = 1;
    const noise = Uint8Array.from({ length: 5000 }, () => (seed = (seed * 48271) % 2147483647) & 255);
    await failure(noise);
  });

  it('a checkpoint of torch.save is named as one', async () => {
    expect((await failure(rebuilt({ 'constants.pkl': null }))).message).toContain('torch.load');
    expect((await failure(Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46))).message).toContain(
      'torch.load',
    );
  });

  it('versions outside of what is known are refused', async () => {
    expect((await failure(rebuilt({ version: '11\n' }))).message).toContain(
      'maximum supported version for reading is 10',
    );
    expect((await failure(rebuilt({ version: '0\n' }))).message).toContain('minimum supported version');
    expect((await failure(rebuilt({ version: 'three' }))).message).toContain('holds no number');
    expect((await failure(rebuilt({ version: null }))).message).toContain('version');
  });
});

describe('damage', () => {
  it('a truncated archive fails wherever it is cut', async () => {
    for (let i = 0; i < 60; i++) await failure(original.subarray(0, Math.floor((original.length * i) / 60)));
  });

  it('any changed byte gives an error of ours or a module, never a crash', async () => {
    let refused = 0;
    for (let at = 0; at < original.length; at += 37) {
      const bytes = original.slice();
      bytes[at] ^= 0x55;
      await load(bytes).catch((error: unknown) => {
        expect(error, `byte ${at}`).toBeInstanceOf(TorchError);
        refused++;
      });
    }
    expect(refused).toBeGreaterThan(50);
  });

  it('any changed byte of the pickles, under a right checksum, gives an error of ours or a module', async () => {
    for (const record of ['data.pkl', 'constants.pkl']) {
      const zip = readZip(original);
      const content = zip.read(zip.names.find((n) => n.endsWith(`/${record}`))!);
      for (let at = 0; at < content.length; at++)
        for (const change of [0x01, 0x20, 0xff]) {
          const bytes = content.slice();
          bytes[at] ^= change;
          const module = await load(rebuilt({ [record]: bytes })).catch((error: unknown) => {
            expect(error, `${record} byte ${at} ^ ${change}`).toBeInstanceOf(TorchError);
            return undefined;
          });
          if (module) module.state_dict();
        }
    }
  });

  it('missing records are named', async () => {
    expect((await failure(rebuilt({ 'data.pkl': null }))).message).toContain('data.pkl');
    expect((await failure(rebuilt({ 'data/0': null }))).message).toContain('data/0');
    expect((await failure(rebuilt({ 'code/__torch__.py': null }))).message).toContain('Unknown type name');
  });

  it('a storage shorter than it claims is refused', async () => {
    expect((await failure(rebuilt({ 'data/0': new Uint8Array(8) }))).message).toContain(
      'has 8 bytes, but 64 are needed',
    );
  });
});

describe('archives changed at random (all of them: fuzz/archives.ts)', () => {
  /** The slowest of 5,000, and those that once ended otherwise than told. */
  const kept = [61, 313, 3625, 3763, 3898, 4141];

  it('end in success or an error of ours', async () => {
    const from = samples();
    const ends = new Set<string>();
    for (const seed of [...Array.from({ length: 240 }, (_, i) => i), ...kept]) {
      const { stranger, ended } = await attempt(from, seed);
      expect(stranger, `seed ${seed}`).toBeUndefined();
      ends.add(ended);
    }
    expect([...ends].sort()).toEqual(['loaded', 'ran', 'refused']);
  });
});

describe("limits are the loader's to set", () => {
  const largest = Math.max(...readZip(original).names.map((name) => readZip(original).size(name)));

  it('bytes of one record, and of all', async () => {
    await expect(load(original, { limits: { record_bytes: 50 } })).rejects.toThrow(/`record_bytes` is/);
    await expect(load(original, { limits: { archive_bytes: largest } })).rejects.toThrow(
      /`archive_bytes` is/,
    );
    await load(original, { limits: { record_bytes: largest } });
  });

  it('depth of source text', async () => {
    await expect(load(original, { limits: { nesting: 2 } }).then((module) => module.graph)).rejects.toThrow(
      /the limit `nesting`/,
    );
  });

  it('instructions of a call, which are as many as it takes unless limited', async () => {
    const endless = file('language/WhileLoop.pt');
    const { calls } = JSON.parse(readFileSync(new URL('language.json', archives), 'utf8')).WhileLoop;
    const args = calls[0].args.map(decode);
    await (await load(endless))(...args);
    const limited = await load(endless, { limits: { instructions: 1 } });
    await expect(limited(...args)).rejects.toThrow(/used up the limit `instructions`/);
  });
});

describe('a hostile pickle', () => {
  const system = 'os\nsystem\n';

  it('that imports os.system is refused and runs nothing', async () => {
    const pickle = encodeUtf8(`\x02c${system}X\x04\x00\x00\x00true\x85R.`);
    const error = await failure(
      rebuilt({ 'data.pkl': Uint8Array.of(0x80, ...pickle.filter((b) => b !== 0xc2)) }),
    );
    expect(error.message).toContain('os.system');
    expect(error.message).toContain('nothing is ever imported or run');
  });

  it('that claims a huge string or tuple is refused at once', async () => {
    await failure(rebuilt({ 'data.pkl': Uint8Array.of(0x80, 2, 0x58, 0xff, 0xff, 0xff, 0xff, 0x2e) }));
    await failure(rebuilt({ 'data.pkl': Uint8Array.of(0x80, 2, 0x6a, 0xff, 0xff, 0xff, 0x7f, 0x2e) }));
  });
});

describe('hostile code', () => {
  const withBody = (body: string): Uint8Array =>
    rebuilt({
      'code/__torch__.py': text('code/__torch__.py').replace(
        /( {2}def forward\(self: __torch__\.PlainCell,[\s\S]*?:\n)[\s\S]*?(?=\nclass|$)/,
        (_, head: string) => {
          const indented = body
            .split('\n')
            .map((line) => `    ${line}`)
            .join('\n');
          return `${head}${indented}\n`;
        },
      ),
      'code/__torch__.py.debug_pkl': null,
    });

  const failing = async (body: string): Promise<Error> => {
    const x = tensor([[1, 2, 3, 4]], { dtype: 'float32' });
    const error = await load(withBody(body))
      .then((module) => module(x, x))
      .then(
        () => undefined,
        (e: unknown) => e,
      );
    expect(error).toBeInstanceOf(TorchError);
    return error as Error;
  };

  it('an unknown operator is named, with its line', async () => {
    const error = await failing('return (torch.no_such_operator(x), x)');
    expect(error.message).toContain('Unknown builtin op: aten::no_such_operator');
  });

  it('explain lists what is unknown without running', async () => {
    const module = await load(withBody('return (torch.no_such_operator(x), ops.mine.missing(x))'));
    expect(module.explain().unknownOperators).toEqual(['aten::no_such_operator', 'mine::missing']);
    expect(module.explain().runs).toBe(false);
    const whole = await load(original);
    expect(whole.explain()).toMatchObject({ unknownOperators: [], missingDTypes: [], runs: true });
  });

  it('syntax errors, undefined names, wrong types and wrong returns are shown with their place', async () => {
    expect((await failing('return (x,, x)')).message).toContain('<--- HERE');
    expect((await failing('return (y, x)')).message).toContain('undefined value y');
    expect((await failing('return (torch.relu(1), x)')).message).toContain(
      "Expected a value of type 'Tensor'",
    );
    expect((await failing('return 3')).message).toContain(
      'Return value was annotated as having type Tuple[Tensor, Tensor]',
    );
    expect((await failing('pass')).message).toContain('does not return along all paths');
  });

  it('text nested beyond all reason fails without exhausting the stack', async () => {
    expect((await failing(`return ${'('.repeat(20_000)}x${')'.repeat(20_000)}`)).message).toContain('nested');
    expect((await failing(`return (${'-'.repeat(20_000)}x, x)`)).message).toContain('nested');
    expect(
      (await failing(`return (x${'[0]'.repeat(2)}, ${'torch.neg('.repeat(5000)}x${')'.repeat(5000)})`))
        .message,
    ).toContain('nested');
  });

  it('types that double with every line are stopped', async () => {
    const lines = [
      'a0 = (x, x)',
      ...Array.from({ length: 60 }, (_, i) => `a${i + 1} = (a${i}, a${i})`),
      'return (x, x)',
    ];
    expect((await failing(lines.join('\n'))).message).toContain('parts');
  });

  it('a method that calls itself is refused', async () => {
    expect((await failing('return (self).forward(x, h, )')).message).toMatch(/recurs/);
  });
});

describe('wrong calls', () => {
  it('are told as in PyTorch', async () => {
    const module = await load(original);
    const x = tensor([[1, 2, 3, 4]], { dtype: 'float32' });
    await expect(module(x)).rejects.toThrow("forward() is missing value for argument 'h'");
    await expect(module(x, 3)).rejects.toThrow(
      "Expected a value of type 'Tensor' for argument 'h' but instead found type 'int'",
    );
    await expect(module(x, x, x)).rejects.toThrow(
      'forward() expected at most 3 argument(s) but received 4 argument(s)',
    );
    await expect(module(x, { g: x })).rejects.toThrow("Unknown keyword argument 'g'");
    await expect(module(x, tensor([1, 2, 3], { dtype: 'float32' }))).rejects.toBeInstanceOf(TorchError);
    const [, again] = (await module(x, { h: x })) as unknown[];
    expect(again).toBeDefined();
  });
});
