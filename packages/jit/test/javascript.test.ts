/** JavaScript functions and modules to script, against the same programs in Python (see generate/javascript.py). */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import { wasm } from '@sconce/backend-wasm';
import { functions, Module, setCurrentBackend, type Tensor, tensor } from '@sconce/core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as jit from '../src/index.ts';
import { graph_of, script, trace } from '../src/index.ts';
import { modules, twins } from './javascript/programs.ts';
import { decode, differences, type Json } from './values.ts';

const goldens: Json = JSON.parse(readFileSync(new URL('archives/javascript.json', import.meta.url), 'utf8'));

const backends = { reference: reference(), wasm: wasm() };

beforeAll(() => setCurrentBackend(backends.reference));
afterEach(() => setCurrentBackend(backends.reference));

/** A graph without the places in its source. */
const bare = (graph: string): string => graph.replace(/ +# \S+:\d+:\d+$/gm, '');

/** Values by the order in which they come: their numbers count what a compiler looked at, which no program can see. */
function numbered(graph: string): string {
  const names = new Map<string, number>();
  const demangled = bare(graph).replace(/___torch_mangle_\d+\./g, '');
  return demangled.replace(/%[\w.]+/g, (name) => {
    if (!names.has(name)) names.set(name, names.size);
    return `%${names.get(name)}`;
  });
}

/** Programs whose Python text, too, shows its fork as a block here, and as a graph of its own in PyTorch. */
const elsewhere = new Set(['forked']);

describe('a JavaScript function compiles to the graph of the same function in Python', () => {
  for (const [name, { f, schema, given = {} }] of Object.entries(twins))
    it(name, () => {
      const { graph } = goldens[name];
      const scripted = schema ? script(f as never, schema, given) : script(f as never, given);
      if (!elsewhere.has(name)) expect(numbered(scripted.graph)).toBe(numbered(graph));
    });

  for (const [backend, instance] of Object.entries(backends))
    it(`which gives PyTorch's results on ${backend}`, async () => {
      setCurrentBackend(instance);
      let count = 0;
      for (const [name, { f, schema, given = {} }] of Object.entries(twins)) {
        const scripted = schema ? script(f as never, schema, given) : script(f as never, given);
        for (const { args, result, error } of goldens[name].calls) {
          const answer = scripted(...args.map(decode));
          if (error)
            await expect(answer).rejects.toThrow(error.replace(/^(RuntimeError|builtins\.\w+): /, ''));
          else expect(await differences(await answer, result), name).toEqual([]);
          count++;
        }
      }
      expect(count).toBeGreaterThan(40);
    });
});

describe('a JavaScript module compiles to the graphs of the same module in Python', () => {
  for (const [name, make] of Object.entries(modules))
    it(name, () => {
      const { graphs, text } = goldens[name];
      const scripted = script(make());
      expect(scripted.toString()).toBe(text);
      for (const [path, graph] of Object.entries<string>(graphs)) {
        const dot = path.lastIndexOf('.');
        const owner = scripted.get_submodule(path.slice(0, Math.max(0, dot)));
        expect(numbered(String(graph_of(owner as never, path.slice(dot + 1)))), path).toBe(numbered(graph));
      }
    });
});

describe('a scripted module', () => {
  // biome-ignore lint/suspicious/noExplicitAny: operators on tensors
  type Any = any;
  class Scaled extends Module {
    override forward(x: Any): Any {
      return scale(x) + K;
    }
  }
  const one = () => tensor([1]);

  it('means the names that it was given, whichever the same class was given before', async () => {
    const twice = script(new Scaled(), { scale: (x: Any) => x * 2, K: 1 });
    const thrice = script(new Scaled(), { scale: (x: Any) => x * 3, K: 1 });
    expect(await (await twice(one())).tolist()).toEqual([3]);
    expect(await (await thrice(one())).tolist()).toEqual([4]);
  });

  it('calls what was traced or scripted before, and holds it as a submodule', async () => {
    const scale = await trace((x: Any) => x.mul(x.add(1)), one());
    const gate = script(new Scaled(), { scale, K: 2 });
    class Outer extends Module {
      inner: Any = gate;
      override forward(x: Any): Any {
        for (let i = 0; i < 2; i++) x = this.inner(x);
        return x;
      }
    }
    const outer = script(new Outer());
    expect(await (await outer(one())).tolist()).toEqual([22]);
    expect(outer.code).toContain('(inner).forward(');
    expect(gate.graph).toContain('prim::CallFunction');
  });

  it('compiles what is exported, and leaves out what is unused', async () => {
    class Codec extends Module {
      static readonly __export__ = ['decode'];
      static readonly __unused__ = ['log'];
      static readonly __schemas__ = {
        decode: 'decode(Tensor x, int n=3) -> Tensor',
        log: 'log(Tensor x) -> Tensor',
      };
      override forward(x: Any): Any {
        if (x.dim() > 5) x = this.log(x);
        return x - 1;
      }
      decode(x: Any, n: Any): Any {
        return x * n;
      }
      log(x: Any): Any {
        try {
          return x;
        } finally {
        }
      }
    }
    const codec = script(new Codec());
    expect(codec.method_names).toEqual(['forward', 'decode', 'log']);
    expect(await (await codec.decode(one())).tolist()).toEqual([3]);
    expect(await (await codec(one())).tolist()).toEqual([0]);
    await expect(codec.run_method('log', one())).rejects.toThrow('log is unused');
  });

  it('reads a property, and the fields of what an operator gives', async () => {
    class Pooled extends Module {
      scale = 3;
      override forward(x: Any): Any {
        const { values, indices } = x.max({ dim: 0 });
        if (is_training()) return values;
        return values * this.twice + indices;
      }
      get twice(): Any {
        return this.scale * 2;
      }
    }
    const pooled = script(new Pooled(), { is_training: () => false });
    expect(await (await pooled(tensor([1, 5, 2]))).item()).toBe(31);
  });

  it('says which attribute has no type where it is used, and keeps no half of a class', async () => {
    class Odd extends Module {
      table: Any = [];
      seen: Any = new Set();
      override forward(x: Any): Any {
        return x + this.seen.size;
      }
    }
    for (let i = 0; i < 2; i++)
      expect(() => script(new Odd())).toThrow("Module 'Odd' has no attribute 'seen' (This attribute exists");
  });
});

declare const scale: (x: unknown) => never;
declare const K: number;
declare const is_training: () => boolean;

describe('what only the compiler understands', () => {
  it('is nothing where the function runs uncompiled', async () => {
    expect(jit.annotate('int[]', [1])).toEqual([1]);
    expect([
      jit.isinstance(1, 'int'),
      jit.isinstance(1, 'float'),
      jit.isinstance('a', ['int', 'str']),
    ]).toEqual([true, false, true]);
    expect(await jit.wait(jit.fork((x: number) => x + 1, 1))).toBe(2);
    expect(jit.is_scripting()).toBe(false);
  });

  it('decides branches where it is compiled', async () => {
    const f = script(
      (x: unknown) => {
        if (jit.is_scripting()) return 'compiled';
        return jit.isinstance(x, 'int') ? 'int' : 'eager';
      },
      () => ({ jit }),
    );
    expect(await f(tensor([1]))).toBe('compiled');
    const g = script(
      (x: unknown) => (jit.isinstance(x, 'int') ? 'int' : 'none'),
      'g(int? x) -> str',
      () => ({ jit }),
    );
    expect([await g(1), await g(null)]).toEqual(['int', 'none']);
  });
});

describe('an attribute that is a function', () => {
  class Active extends Module {
    // biome-ignore lint/suspicious/noExplicitAny: any function
    declare act: any;
    constructor(act: unknown) {
      super();
      this.act = act;
    }
    // biome-ignore lint/suspicious/noExplicitAny: compiled code calls it
    override forward(x: any) {
      return this.act(x);
    }
  }
  // biome-ignore lint/suspicious/noExplicitAny: a compiled operator
  const shifted = (x: any) => x.relu() + 1;

  it('is the operator that it is, or is compiled, and tells modules apart', async () => {
    expect(script(new Active(functions.relu)).code).toContain('return torch.relu(x)');
    expect(script(new Active(functions.tanh)).code).toContain('return torch.tanh(x)');
    const saved = await jit.load(await script(new Active(shifted)).save_to_buffer());
    expect(await ((await saved(tensor([-1, 2]))) as Tensor).tolist()).toEqual([1, 3]);
    const twice = script((x: number) => x * 2);
    expect(await ((await script(new Active(twice))(tensor([3]))) as Tensor).tolist()).toEqual([6]);
  });

  it('is refused where it is called and cannot be compiled, and an array of modules with the way out', () => {
    const tries = new Function('return (x) => { try { return x; } catch { return x; } }')();
    expect(() => script(new Active(tries))).toThrow(
      /'act' is a function that cannot be compiled: try is not/,
    );
    class Stack extends Module {
      layers = [new Active(functions.relu)];
      // biome-ignore lint/suspicious/noExplicitAny: compiled code calls it
      override forward(x: any) {
        for (const layer of this.layers) x = layer(x);
        return x;
      }
    }
    expect(() => script(new Stack())).toThrow(/write nn\.ModuleList/);
  });
});
