/** Every module of nn that scripts: its result beside its own eager one, and its code beside PyTorch's (see generate/nn_code.py). */
import { readFileSync } from 'node:fs';
import { wasm } from '@sconce/backend-wasm';
import { Module, manual_seed, setCurrentBackend, Tensor } from '@sconce/core';
import * as nn from '@sconce/nn';
import { beforeAll, describe, expect, it } from 'vitest';
import { script } from '../src/index.ts';
import { cases } from './javascript/nn.ts';

const codes: Record<string, string | null> = JSON.parse(
  readFileSync(new URL('archives/nn-code.json', import.meta.url), 'utf8'),
);

beforeAll(() => setCurrentBackend(wasm()));

const values = async (value: unknown): Promise<unknown> =>
  value instanceof Tensor
    ? [value.shape, await value.tolist()]
    : Promise.all((value as unknown[]).map(values));

describe('the list of modules', () => {
  it('has a case for every one of nn, but for the class of all', () => {
    const isModule = (value: unknown) => typeof value === 'function' && value.prototype instanceof Module;
    const named = new Set(Object.keys(cases).map((name) => name.split(/\W/)[0]));
    const all = Object.entries(nn).flatMap(([name, value]) => (isModule(value) ? [name] : []));
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter((name) => !named.has(name))).toEqual([]);
  });
});

/** Where the eager module may take a fused operator, which adds in another order. */
const nearly = /^(MultiheadAttention|Transformer)/;

const rounded = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(rounded)
    : typeof value === 'number'
      ? Math.round(value * 1e4) / 1e4 + 0
      : value;

describe('a scripted module of nn gives what the module gives', () => {
  for (const [name, [make, inputs]] of Object.entries(cases))
    for (const training of [false, true])
      it(`${name}${training ? ' in training' : ''}`, async () => {
        manual_seed(0);
        const module = make().train(training);
        const twin = make().train(training);
        twin.load_state_dict(module.state_dict());
        const scripted = script(twin);
        const args = inputs();
        manual_seed(1);
        const want = await values(module(...args));
        manual_seed(1);
        const got = await values(await scripted(...args));
        if (nearly.test(name)) expect(rounded(got)).toEqual(rounded(want));
        else expect(got).toEqual(want);
      });
});

/** Numbers of mangled names depend on what else was compiled before. */
const demangled = (code: string): string => code.replace(/___torch_mangle_\d+\./g, '');

describe("a scripted module of nn prints PyTorch's code", () => {
  for (const [name, code] of Object.entries(codes))
    it(name, () => {
      const scripted = script(cases[name][0]());
      expect(demangled(scripted.code)).toBe(demangled(code ?? ''));
    });
});
