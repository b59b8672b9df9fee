/** Freezing and optimising: PyTorch's own nodes and numbers, its refusals, and every saved program as it was before. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { reference } from '@sconce/backend-reference';
import {
  currentBackend,
  functions,
  manual_seed,
  memoryUsage,
  no_grad,
  setCurrentBackend,
  Tensor,
} from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { freeze, load, optimize_for_inference, type ScriptModule } from '../src/index.ts';
import { decode, differences, type Json } from './values.ts';

const archives = new URL('archives/', import.meta.url);
const bytes = (name: string) => readFileSync(new URL(name, archives));
const json = (name: string): Json => JSON.parse(readFileSync(new URL(name, archives), 'utf8'));
const golden = json('freeze.json');

beforeAll(() => setCurrentBackend(reference()));

const evaluated = async (name: string): Promise<ScriptModule> => (await load(bytes(name))).eval();

const kindsOf = (graph: string): string[] =>
  [...graph.matchAll(/ = (\w+::\w+)/g)]
    .map(([, kind]) => kind)
    .filter((kind) => kind !== 'prim::Constant')
    .sort();

describe('a frozen module', () => {
  for (const [name, { input, results, frozen, exact, attributes }] of Object.entries<Json>(golden)) {
    it(`has the nodes and gives the numbers that PyTorch's has: ${name}`, async () => {
      const module = freeze(await evaluated(`freeze/${name}.pt`));
      // PyTorch 1.13 folds into no transposed convolution; later ones do.
      expect(kindsOf(module.graph)).toEqual(
        frozen.filter((kind: string) => name !== 'TransposedNorm' || kind !== 'aten::batch_norm'),
      );
      for (const result of results)
        expect(await differences(await module(decode(input)), result)).toEqual([]);
      const names = ['calls', 'total', 'weight', 'version', 'kind', 'scale'];
      expect(names.filter((n) => Object.hasOwn(module, n)).sort()).toEqual(attributes);
    });

    it(`keeps every number with optimize_numerics off: ${name}`, async () => {
      const plain = await evaluated(`freeze/${name}.pt`);
      const module = freeze(await evaluated(`freeze/${name}.pt`), { optimize_numerics: false });
      expect(kindsOf(module.graph)).toEqual(exact);
      for (let i = 0; i < 2; i++)
        expect(await contents(await module(decode(input)))).toEqual(
          await contents(await plain(decode(input))),
        );
    });

    it(`still gives them with its operators fused: ${name}`, async () => {
      const module = optimize_for_inference(await evaluated(`freeze/${name}.pt`));
      for (const result of results)
        expect(await differences(await module(decode(input)), result)).toEqual([]);
    });
  }

  it('has no parameters, shares their memory, and leaves the module as it was', async () => {
    const module = await evaluated('freeze/ConvNorm.pt');
    const before = module.graph;
    const used = memoryUsage(currentBackend()).allocated;
    const frozen = freeze(module, { optimize_numerics: false });
    expect([...frozen.named_parameters()]).toEqual([]);
    expect(frozen.state_dict().size).toBe(0);
    expect(memoryUsage(currentBackend()).allocated - used).toBeLessThan(64);
    expect(module.graph).toBe(before);
    expect([...module.named_parameters()].length).toBe(5);
  });

  it('keeps what preserved_attrs names, to be read and set', async () => {
    const frozen = freeze(await evaluated('freeze/Counter.pt'), ['version']);
    expect(frozen.version).toBe(7);
    frozen.version = 8;
    expect(frozen.version).toBe(8);
    const norm = freeze(await evaluated('freeze/ConvNorm.pt'), ['linear.weight']);
    expect(norm.linear.weight).toBeInstanceOf(Tensor);
    expect(norm.graph).toContain('prim::GetAttr[name="weight"]');
  });

  it('names its constants by their paths', async () => {
    const { graph } = freeze(await evaluated('freeze/ConvNorm.pt'));
    expect(graph).toContain('%self.conv.weight_fused_bn : Tensor');
    expect(graph).toContain('%self.linear.bias : Tensor');
  });

  it('is refused in the words of PyTorch', async () => {
    const module = await load(bytes('freeze/ConvNorm.pt'));
    module.train();
    expect(() => freeze(module)).toThrow(
      'Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before freezing.',
    );
    expect(() => freeze({} as ScriptModule)).toThrow(
      "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to script your 'nn.Module'.",
    );
    expect(() => optimize_for_inference({} as ScriptModule)).toThrow(
      'optimize_for_inference expects a ScriptModule as input.',
    );
    module.eval();
    expect(() => freeze(module, ['nope'])).toThrow('Unknown name: nope');
  });
});

const contents = async (value: unknown): Promise<unknown> =>
  value instanceof Tensor
    ? { dtype: value.dtype, shape: value.shape, data: await value.tolist() }
    : Array.isArray(value)
      ? Promise.all(value.map(contents))
      : value instanceof Map
        ? Promise.all([...value].map(contents))
        : value;

/** Numbers within 1e-5, everything else equal. */
function expectClose(got: unknown, want: unknown): void {
  if (typeof want === 'number' && typeof got === 'number')
    expect(Math.abs(got - want) <= 1e-5 * Math.max(1, Math.abs(want)) || Object.is(got, want)).toBe(true);
  else if (typeof want === 'object' && want !== null && typeof got === 'object' && got !== null) {
    expect(Object.keys(got)).toEqual(Object.keys(want));
    for (const key of Object.keys(want)) expectClose(got[key as never], want[key as never]);
  } else expect(got).toEqual(want);
}

describe('a saved program gives the same when it is optimised, and frees the same memory', () => {
  for (const folder of ['programs', 'language'])
    for (const [name, { calls }] of Object.entries<Json>(
      folder === 'programs' ? json('programs.json').programs : json('language.json'),
    ))
      it(`${folder}/${name}`, async () => {
        const plain = await evaluated(`${folder}/${name}.pt`);
        const methods = [...new Set<string>((calls as Json[]).map((c) => c.method ?? 'forward'))];
        const optimized = optimize_for_inference(
          await evaluated(`${folder}/${name}.pt`),
          methods.filter((m) => m !== 'forward'),
        );
        for (const { method = 'forward', args } of calls) {
          const outcomes: unknown[] = [];
          for (const module of [plain, optimized]) {
            manual_seed(1);
            const given = args.map(decode);
            try {
              outcomes.push(await contents(await no_grad(() => module.run_method(method, ...given))));
            } catch (error) {
              outcomes.push(String(error));
            }
          }
          expectClose(outcomes[1], outcomes[0]);
        }
      });
});

describe('a loaded module', () => {
  it('keeps nothing of its file but the code', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const loaded = async (): Promise<[WeakRef<ArrayBufferLike>, ScriptModule]> => {
      const file = bytes('freeze/ConvNorm.pt');
      return [new WeakRef(file.buffer), await load(file)];
    };
    const [file, module] = await loaded();
    for (let i = 0; i < 20 && file.deref(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      collect();
    }
    expect(file.deref()).toBeUndefined();
    expect(freeze(module.eval()).graph).toContain('aten::conv2d');
  });
});

describe('an optimised module', () => {
  it('does not keep the one that it was made of', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const made = async (): Promise<[WeakRef<ScriptModule>, ScriptModule]> => {
      const module = await evaluated('freeze/ConvNorm.pt');
      return [new WeakRef(module), optimize_for_inference(module)];
    };
    const [original, optimized] = await made();
    for (let i = 0; i < 20 && original.deref(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      collect();
    }
    expect(original.deref()).toBeUndefined();
    expect(
      await differences(await optimized(decode(golden.ConvNorm.input)), golden.ConvNorm.results[0]),
    ).toEqual([]);
  });
});

describe('a module that runs often', () => {
  it('holds its memory flat: two thousand forwards of a frozen and of an optimised one', async () => {
    const x = functions.ones([1, 3, 8, 8]) as Tensor;
    for (const make of [freeze, optimize_for_inference]) {
      const module = make(await evaluated('freeze/ConvNorm.pt'));
      const run = async () => ((await no_grad(() => module(x))) as Tensor).dispose();
      await run();
      const before = memoryUsage(currentBackend());
      for (let i = 0; i < 2000; i++) await run();
      const after = memoryUsage(currentBackend());
      expect(after.allocated).toBe(before.allocated);
      expect(after.count).toBe(before.count);
      expect(after.peak).toBe(before.peak);
    }
    x.dispose();
  });
});
