/** Programs as text, compiled here and by PyTorch: the same graphs, source, signatures and answers (see conformance/models/generate_text.py). */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend, tensor } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { CompilationUnit, CompileError, define, load, output, ScriptFunction, script } from '../src/index.ts';
import { decode, differences, type Json } from './values.ts';

const read = (name: string): Json[] =>
  JSON.parse(readFileSync(new URL(`../../../conformance/models/${name}`, import.meta.url), 'utf8')).cases;

/** Places depend on the frontend that read the text. */
const withoutPlaces = (graph: string): string => graph.replace(/ # [^\n]*:\d+:\d+/g, '');

const units = new Map<string, CompilationUnit>();

/** Each text once: a class that is compiled again gets a name of its own. */
function compile(text: string): CompilationUnit {
  let unit = units.get(text);
  if (!unit) units.set(text, (unit = new CompilationUnit(text, {}, { prefix: '__torch__.' })));
  return unit;
}

beforeAll(() => {
  setCurrentBackend(reference());
  output.warn = () => {};
  output.print = () => {};
});

describe('a text compiles to what PyTorch compiles it to', () => {
  for (const { name, text, functions, schema, calls } of read('text.json')) {
    it(`${name}: graphs and code`, () => {
      const unit = compile(text);
      for (const [path, graph, code] of functions) {
        const func = unit.find_function(path)!;
        expect(withoutPlaces(func.graph)).toBe(graph);
        expect(func.code).toBe(code);
      }
    });
    it(`${name}: answers`, async () => {
      const entry: ScriptFunction = compile(text)[name];
      expect(entry.schema).toBe(schema);
      for (const call of calls) {
        const answer = entry(...call.args.map(decode));
        if ('error' in call) {
          const error: Json = await answer.catch((e: unknown) => e);
          expect(call.error).toContain(error.message);
        } else expect(await differences(await answer, call.result)).toEqual([]);
      }
    });
  }
});

/** Python itself refuses these, before PyTorch sees them. */
const byPython = new Set(['SyntaxError', 'NameError', 'TypeError']);

/** The list of an operator's overloads is the release's own; which calls led to a class, the frontend's. */
const comparable = (message: string): string =>
  message
    .replace(/(The following variants are available:\n)[\s\S]*(?=\nThe original call is)/, '$1')
    .replace(/\n'[^'\n]*' is being compiled since[\s\S]*/, '')
    .trimEnd();

describe('a text that PyTorch refuses is refused with its words', () => {
  for (const { name, text, error, kind } of read('text-refused.json'))
    it(name, () => {
      let message = '';
      try {
        compile(text);
      } catch (thrown) {
        if (!(thrown instanceof CompileError)) throw thrown;
        message = thrown.message;
      }
      if (byPython.has(kind)) expect(message).not.toBe('');
      else expect(comparable(message)).toBe(comparable(error));
    });
});

describe('what a text gives its caller', () => {
  it('is a function where there is one, with its answers and what it shows', async () => {
    const f = script('def f(x, n: int = 2):\n    return x * n\n') as ScriptFunction;
    expect(f).toBeInstanceOf(ScriptFunction);
    expect(f.schema).toBe('f(Tensor x, int n=2) -> Tensor');
    expect(await (await f(tensor([1, 2]), { n: 3 })).tolist()).toEqual([3, 6]);
  });

  it('is a unit of them where there are several, which may be given names and grow', async () => {
    const helper = script('def helper(x):\n    return x + 1\n');
    const unit = new CompilationUnit('def f(x):\n    return helper(x) * ALPHA\n', { helper, ALPHA: 3 });
    unit.define('def g(x):\n    return f(x) - 1\n');
    expect(await (await unit.g(tensor([1]))).tolist()).toEqual([5]);
    expect(unit.get_functions().map((f) => f.name)).toEqual(['f', 'g']);
    expect(unit.find_function('nothing')).toBeNull();
  });

  it('is a class that makes objects', async () => {
    const unit = script(
      'class Counter:\n    def __init__(self, start: int):\n        self.count = start\n\n    def bump(self, by: int = 1) -> int:\n        self.count += by\n        return self.count\n',
    ) as CompilationUnit;
    const counter = await unit.Counter(5);
    expect(await counter.bump()).toBe(6);
    expect(await counter.bump(4)).toBe(10);
    expect(counter.count).toBe(10);
  });

  it('are methods of a module, by define', async () => {
    const module = await load(readFileSync(new URL('archives/language/AttributesSet.pt', import.meta.url)));
    define(module, 'def twice(self, x, k: float = 2.0):\n    return x * k + self.calls\n');
    expect(await (await module.twice(tensor([1, 2]))).tolist()).toEqual([2, 4]);
    expect(module.twice.schema).toContain('float k=2.');
    expect(() => define(module, 'def twice(self): return 1\n')).toThrow(/already defined/);
    expect(() => define(module, 'def other(self): return self.nothing\n')).toThrow(/has no attribute/);
  });

  it('says what a JavaScript function needs before it can be given', () => {
    expect(() => new CompilationUnit('def f(x):\n    return g(x)\n', { g: (x: unknown) => x })).toThrow(
      /compile it first/,
    );
  });
});
