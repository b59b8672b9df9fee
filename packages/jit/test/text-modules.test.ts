/** Modules as text: made by running `__init__`, compiled, and run: as Python and PyTorch have it (see conformance/models/modules_text.py). */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { manual_seed, setCurrentBackend, tensor } from '@sconce/core';
import * as nn from '@sconce/nn';
import { beforeAll, describe, expect, it } from 'vitest';
import { CompilationUnit, CompileError, output, type ScriptModule } from '../src/index.ts';
import { decode, differences, type Json } from './values.ts';

const { cases }: { cases: Json[] } = JSON.parse(
  readFileSync(new URL('../../../conformance/models/text-modules.json', import.meta.url), 'utf8'),
);

/** Other classes of this process have names too, and places depend on the frontend. */
const plain = (text: string): string =>
  text.replace(/ # [^\n]*:\d+:\d+/g, '').replace(/___torch_mangle_\d+\./g, '');

/** Made once, since a class that is compiled again gets a name of its own, which is longer. */
const made = new Map<string, ScriptModule>();
function once(one: Json): ScriptModule {
  const known = made.get(one.name) ?? make(one);
  made.set(one.name, known);
  return known;
}

function make({ name, text, given, named }: Json): ScriptModule {
  manual_seed(0);
  const options = Object.fromEntries(Object.entries(named as Json).map(([k, v]) => [k, decode(v)]));
  return new CompilationUnit(text)[name](...given.map(decode), options);
}

beforeAll(() => {
  setCurrentBackend(reference());
  output.warn = () => {};
});

describe('a module that is text', () => {
  for (const one of cases) {
    it(`${one.name} is made as Python makes it, weights and all`, async () => {
      const module = once(one);
      expect(String(module)).toBe(one.printed);
      const state = module.state_dict();
      expect([...state.keys()]).toEqual(Object.keys(one.state));
      for (const [key, value] of state) expect(await differences(value, one.state[key]), key).toEqual([]);
    });
    it(`${one.name} compiles to PyTorch's graphs and code`, () => {
      const module = once(one);
      for (const [path, method, graph, code] of one.methods) {
        const part = module.get_submodule(path) as ScriptModule;
        const compiled = method === 'forward' ? part : part[method];
        expect(plain(compiled.graph), `${path}.${method}`).toBe(graph);
        expect(plain(compiled.code), `${path}.${method}`).toBe(code);
      }
      expect(one.methods.length).toBeGreaterThan(0);
    });
    it(`${one.name} answers as PyTorch does`, async () => {
      const module = make(one);
      for (const call of one.calls)
        expect(await differences(await module(...call.args.map(decode)), call.result)).toEqual([]);
    });
  }
});

describe('making a module of a text', () => {
  const net = (body: string): string =>
    `class Net(nn.Module):\n    def __init__(self, n=1):\n        super().__init__()\n${body.replace(/^/gm, '        ')}\n\n    def forward(self, x):\n        return x\n`;
  const problem = (body: string, ...args: unknown[]): string => {
    try {
      new CompilationUnit(net(body)).Net(...args);
    } catch (error) {
      if (error instanceof CompileError) return error.message;
      throw error;
    }
    return '';
  };

  it('may use what is given: modules of JavaScript and numbers', async () => {
    const unit = new CompilationUnit(
      net('self.inner = Inner(WIDTH)').replace('return x', 'return self.inner(x)'),
      {
        Inner: nn.Linear,
        WIDTH: 2,
      },
    );
    expect(() => unit.Net()).toThrow(/Inner\(WIDTH\)\n\s+~+ <--- HERE/);
    const given = new CompilationUnit(
      net('self.inner = Inner()').replace('return x', 'return self.inner(x)'),
      {
        Inner: nn.ReLU,
      },
    );
    expect(await (await given.Net()(tensor([-1, 2]))).tolist()).toEqual([0, 2]);
  });

  it.each([
    ['self.x = nothing', /name 'nothing' is not defined[\s\S]*~~~~~~~ <--- HERE/],
    ['self.x = nn.Nothing(3)', /'torch.nn' has no attribute 'Nothing'/],
    ['self.x = torch.ones(2).item()', /__init__ does not/],
    ['self.x = 1 // 0', /division by zero[\s\S]*<--- HERE/],
    ['assert n == 2, f"n is {n}"', /n is 1/],
    ['raise ValueError("no {}".format(n))', /ValueError: no 1/],
    ['self.x = [1, 2][5]', /out of range/],
    ['while True:\n    pass', /./],
  ])('%j is an error that shows the place', (body, message) => {
    const unit = new CompilationUnit(net(body), {}, { limits: { instructions: 1000 } });
    expect(() => unit.Net()).toThrow(message);
  });

  it('refuses in compiled methods what Python alone runs', () => {
    const text =
      'class Net(nn.Module):\n    def forward(self, xs: List[int]):\n        return [x for x in xs if x > 0]\n';
    expect(() => new CompilationUnit(text).Net()).toThrow(/Comprehension ifs are not supported yet/);
    expect(problem('self.x = [i for i in range(3) if i > 0]')).toBe('');
  });
});
