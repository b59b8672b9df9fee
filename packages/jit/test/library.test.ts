/** `torch.library`: operators of the user's own, in calls, gradients and archives (see generate/custom.py), and taken over by a backend. */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import {
  autograd,
  functions,
  intercept,
  is_grad_enabled,
  library,
  no_grad,
  ops,
  setCurrentBackend,
  type Tensor,
  tensor,
} from '@sconce/core';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  CompilationUnit,
  create_function_from_graph,
  graph_of,
  load,
  passes,
  type ScriptFunction,
  script,
  trace,
} from '../src/index.ts';
import { decode, differences, type Json } from './values.ts';

const archives = new URL('archives/', import.meta.url);
const golden: Json = JSON.parse(readFileSync(new URL('custom.json', archives), 'utf8'));

beforeAll(() => setCurrentBackend(reference()));

const registered: { destroy(): void }[] = [];
afterEach(() => {
  for (const handle of registered.splice(0).reverse()) handle.destroy();
});
const keep = <T extends { destroy(): void }>(handle: T): T => {
  registered.push(handle);
  return handle;
};

/** The operators of generate/custom.py. */
function defineAll(): void {
  const scale = library.define(
    'my::scale(Tensor x, Scalar k=2, *, bool negate=False) -> Tensor',
    (x, k, negate) => {
      const y = x.mul(k) as Tensor;
      return negate ? y.neg() : y;
    },
  );
  const bounds = library.define(
    'my::bounds(Tensor x, int[] dims) -> (Tensor low, Tensor high)',
    (x, dims) => [x.amin(dims as number[]), x.amax(dims as number[])],
  );
  const pieces = library.define('my::pieces(Tensor x, int n) -> Tensor[]', (x, n) =>
    (x.chunk(n) as Tensor[]).map((part) => part.clone() as Tensor),
  );
  const joined = library.define('my::joined(Tensor?[] parts, str how="cat") -> Tensor', (parts, how) =>
    (how === 'cat' ? functions.cat : functions.stack)(parts.filter((p) => p !== null)),
  );
  const count = library.define('my::count(Tensor x, float above=0.) -> int', (x, above) =>
    (x.gt(above).sum() as Tensor).item(),
  );
  const twice = library.define('my::scale.twice(Tensor x, Tensor by) -> Tensor', (x, by) =>
    x.mul(by).mul(by),
  );
  for (const handle of [scale, bounds, pieces, joined, count, twice]) keep(handle);
}

const x = (requires_grad = false) =>
  tensor(
    [
      [1, -2],
      [0.5, 4],
    ],
    { dtype: 'float64', requires_grad },
  );

const total = async (t: unknown): Promise<number> => Number(await ((t as Tensor).sum() as Tensor).item());

describe('an operator that was defined', () => {
  it('is called by name, with keywords and defaults, and by its overload', async () => {
    defineAll();
    const { scale } = ops.my;
    expect(await (scale(x()) as Tensor).data()).toEqual(Float64Array.of(2, -4, 1, 8));
    expect(await (scale(x(), 3, { negate: true }) as Tensor).data()).toEqual(
      Float64Array.of(-3, 6, -1.5, -12),
    );
    expect(await (scale.twice(x(), tensor(2)) as Tensor).data()).toEqual(Float64Array.of(4, -8, 2, 16));
    expect(ops.my.pieces(x(), 2)).toHaveLength(2);
    expect(() => scale('a')).toThrow('scale() received an invalid combination of arguments');
  });

  it('has the derivative of its parts, or the one that is given', async () => {
    defineAll();
    const cube = 'my::cube(Tensor x, *, Scalar by=1) -> Tensor';
    keep(
      library.define(cube, (x, by) => x.mul(x).mul(x).mul(by), {
        x: ({ grad, x, by }) => grad.mul(x).mul(x).mul(3).mul(by),
      }),
    );
    const input = x(true);
    const y = ops.my.cube(input, { by: 2 }) as Tensor;
    expect(String(y.grad_fn)).toContain('CubeBackward0');
    expect(await autograd.gradcheck((t: Tensor) => ops.my.cube(t, { by: 2 }) as Tensor, [input])).toBe(true);
    expect(await autograd.gradgradcheck((t: Tensor) => ops.my.cube(t) as Tensor, [input])).toBe(true);
    expect(await autograd.gradcheck((t: Tensor) => ops.my.scale(t, 3) as Tensor, [input])).toBe(true);
    keep(library.define('my::fixed(Tensor x) -> Tensor', (x) => x.mul(2), 'none'));
    expect((ops.my.fixed(input) as Tensor).requires_grad).toBe(false);
  });

  it('runs in an archive that PyTorch saved with one of its own, and prints the same', async () => {
    defineAll();
    const module = await load(readFileSync(new URL('custom/operators.pt', archives)));
    expect(module.code).toBe(golden.code);
    expect(module.graph).toContain('my::scale(%x.1');
    for (const { input, result } of golden.calls)
      expect(await differences(await module(decode(input)), result)).toEqual([]);
  });

  it('is seen as one call', () => {
    defineAll();
    const seen: string[] = [];
    const stop = intercept((operator, _, proceed) => {
      seen.push(String(operator));
      return proceed();
    });
    ops.my.scale(x());
    stop();
    expect(seen[0]).toBe('my::scale');
  });

  it('is forgotten, and may then be defined anew, for archives too', async () => {
    defineAll();
    const bytes = readFileSync(new URL('custom/operators.pt', archives));
    const [{ input }] = golden.calls;
    const before = (await (await load(bytes))(decode(input))) as Tensor[];
    registered.shift()!.destroy();
    expect(ops.my.scale.default).toBeUndefined();
    keep(
      library.define('my::scale(Tensor x, Scalar k=2, *, bool negate=False) -> Tensor', (t) => t.add(1000)),
    );
    const after = (await (await load(bytes))(decode(input))) as Tensor[];
    expect(await total(after[0])).toBe((await total(before[0])) / 2 + 4000);
  });
});

describe('in a program', () => {
  const torch = { ops };
  const answer = async (value: unknown) => (await value) as Tensor;

  it('is named in TorchScript text, and found by its arguments', async () => {
    defineAll();
    const { f } = new CompilationUnit(`
def f(x: Tensor) -> Tensor:
    y = torch.ops.my.scale(x, 3, negate=True)
    if torch.ops.my.count(y) > 1:
        y = torch.ops.my.scale(y, y)
    return y
`) as unknown as Record<string, ScriptFunction>;
    expect(f.code).toContain('ops.my.scale(x, 3, negate=True)');
    expect(f.graph.toString()).toContain('my::count(');
    expect(await total(await answer(f(x())))).toBe(-10.5);
  });

  it('that must be waited for stays in the program, and leaves the mode of gradients as it was', async () => {
    keep(
      library.define(
        'my::later(Tensor x) -> Tensor',
        (x) => new Promise((resolve) => setTimeout(() => resolve(x.mul(2)))) as never,
      ),
    );
    const graph = graph_of(
      script('def f(x):\n    return x + torch.ops.my.later(torch.ones([2]))\n') as ScriptFunction,
    );
    passes.constant_propagation(graph);
    expect(is_grad_enabled()).toBe(true);
    expect(String(graph)).toContain('my::later');
    const f = create_function_from_graph('f', graph);
    expect(await (await answer(f(tensor([1, 2])))).tolist()).toEqual([3, 4]);
    expect(is_grad_enabled()).toBe(true);
  });

  it('is named in a JavaScript function that is scripted', async () => {
    defineAll();
    const f = script((t: Tensor) => torch.ops.my.scale(t, 5), 'f(Tensor t) -> Tensor');
    expect(f.code).toBe('def f(t: Tensor) -> Tensor:\n  return ops.my.scale(t, 5)\n');
    expect(await total(await answer(f(x())))).toBe(17.5);
  });

  it('is one node of a trace, whatever its parts', async () => {
    defineAll();
    const f = await trace((t: Tensor) => ops.my.scale(t, 4, { negate: true }) as Tensor, [x()]);
    expect(
      String(f.graph)
        .match(/\w+::\w+\(/g)
        ?.filter((node) => !node.startsWith('prim::')),
    ).toEqual(['my::scale(']);
    expect(await total(await answer(f(x())))).toBe(-14);
  });
});

describe('an implementation for one backend', () => {
  it('takes the calls that it wants, where no gradient is recorded or the operator has a derivative', async () => {
    defineAll();
    const asked: unknown[] = [];
    keep(
      library.impl('my::scale', 'reference', (t: Tensor, k: number, negate: boolean) => {
        asked.push([k, negate]);
        return negate ? undefined : t.mul(k).add(100);
      }),
    );
    expect(await (ops.my.scale(x(), 1) as Tensor).data()).toEqual(Float64Array.of(101, 98, 100.5, 104));
    expect(await (ops.my.scale(x(), 1, { negate: true }) as Tensor).data()).toEqual(
      Float64Array.of(-1, 2, -0.5, -4),
    );
    expect(asked).toEqual([
      [1, false],
      [1, true],
    ]);
    expect(await (ops.my.scale(x(true), 1) as Tensor).data()).toEqual(Float64Array.of(1, -2, 0.5, 4));
    expect(await total(no_grad(() => ops.my.scale(x(true), 1)))).toBe(403.5);
  });

  it('may take over an operator of PyTorch, and gives it back', async () => {
    const before = await (functions.gelu(x()) as Tensor).data();
    const handle = library.impl('aten::gelu', 'cpu', (t: Tensor) => t.mul(0));
    expect(await (functions.gelu(x()) as Tensor).data()).toEqual(Float64Array.of(0, -0, 0, 0));
    handle.destroy();
    expect(await (functions.gelu(x()) as Tensor).data()).toEqual(before);
  });

  it('is all there is where the operator was defined without one', async () => {
    keep(library.define('my::bare(Tensor x) -> Tensor'));
    expect(() => ops.my.bare(x())).toThrow("Could not run 'my::bare' with arguments from");
    keep(library.impl('my::bare', 'default', (t: Tensor) => t.add(1)));
    expect(await total(ops.my.bare(x()))).toBe(7.5);
    expect(() => library.impl('my::bare', 'default', (t: Tensor) => t)).toThrow(
      "This is not allowed since there's already a kernel registered",
    );
  });
});

describe('a Library', () => {
  it('holds the definitions of one namespace, and takes them back together', async () => {
    const mine = new library.Library('lib', 'DEF');
    expect(mine.define('op(Tensor x) -> Tensor')).toBe('op');
    expect(mine.define('op.two(Tensor x, Tensor y) -> Tensor', (a, b) => a.add(b))).toBe('op.two');
    mine.impl('op', (t: Tensor) => t.add(1));
    expect(await total(ops.lib.op(x()))).toBe(7.5);
    expect(() => new library.Library('lib', 'DEF')).toThrow(
      'Only a single TORCH_LIBRARY can be used to register the namespace lib',
    );
    expect(() => mine.define('other::op(Tensor x) -> Tensor')).toThrow(
      'Explicitly provided namespace (other) in schema string does not match namespace of enclosing TORCH_LIBRARY block (lib).',
    );
    const more = new library.Library('lib', 'FRAGMENT');
    more.define('more(Tensor x) -> Tensor', (t) => t);
    more._destroy();
    expect(ops.lib.more).toBeUndefined();
    mine._destroy();
    expect(ops.lib).toBeUndefined();
    new library.Library('lib', 'DEF')._destroy();
  });
});

describe('a definition that cannot be', () => {
  it.each([
    [
      'my::op(Tensor x, int k=1 -> Tensor',
      "expected ) but found 'arrow' here:\nmy::op(Tensor x, int k=1 -> Tensor\n                         ~~ <--- HERE\n",
    ],
    [
      'my::op(Tensr x) -> Tensor',
      'unknown type specifier:\nmy::op(Tensr x) -> Tensor\n       ~~~~~ <--- HERE\n',
    ],
    ['my::op(Tensor x)', "expected arrow but found 'eof' here:\nmy::op(Tensor x)"],
    ['', "expected ident but found 'eof' here:\n"],
    ['op(Tensor x) -> Tensor', 'Expected `qualname` to be of the form "namespace::name", but got op.'],
  ])('%s', (text, message) => {
    expect(() => library.define(text, () => null)).toThrow(message);
  });

  it('is a second one of the same name, or an implementation of none', () => {
    keep(library.define('my::op(Tensor x, int k=1) -> Tensor', (t) => t));
    expect(() => library.define('my::op(Tensor x, int k=1) -> Tensor', (t) => t)).toThrow(
      "Tried to register an operator (my::op(Tensor x, int k=1) -> Tensor) with the same name and overload name multiple times. Each overload's schema should only be registered with a single call to def().",
    );
    expect(() => library.impl('my::nothing', 'wasm', () => undefined)).toThrow(
      'there is no operator my::nothing',
    );
    expect(() => library.impl('op', 'wasm', () => undefined)).toThrow(
      'Expected `qualname` to be of the form',
    );
  });
});

describe('an implementation that does not keep to its schema', () => {
  const one = () => tensor([1, 2]);
  it.each<[schema: string, implementation: (x: Tensor) => unknown, message: string]>([
    [
      'broken::count(Tensor x) -> (Tensor, Tensor)',
      (x) => [x.mul(2)],
      'Expected 2 outputs, as an array of (Tensor, Tensor)',
    ],
    [
      'broken::type(Tensor x) -> Tensor',
      () => 3,
      "Expected a value of type 'Tensor' for output 0 but instead found number 3",
    ],
    ['broken::nothing(Tensor x) -> Tensor', () => undefined, 'but instead found nothing'],
    ['broken::none(Tensor x) -> ()', (x) => x.mul(2), 'to return None but it returned a Tensor'],
    [
      'broken::alias(Tensor x) -> Tensor',
      (x) => x.view([2, 1]),
      'Argument x is not defined to alias output but was aliasing',
    ],
    [
      'broken::write(Tensor x) -> Tensor',
      (x) => x.add_(1).mul(2),
      'Argument x is not defined as mutable but was mutated',
    ],
    ['broken::other_(Tensor(a!) x) -> Tensor(a!)', (x) => x.mul(2), 'Return x itself'],
  ])('%s is told so', (schema, implementation, message) => {
    const name = schema.slice('broken::'.length, schema.indexOf('('));
    const handle = library.define(schema, implementation as never);
    expect(() =>
      (ops as never as Record<string, Record<string, (x: Tensor) => unknown>>).broken[name](one()),
    ).toThrow(message);
    handle.destroy();
  });

  it('is told so when its promise is kept, too', async () => {
    const handle = library.define('broken::late(Tensor x) -> Tensor', (async () => 5) as never);
    await expect(
      (ops as never as Record<string, Record<string, (x: Tensor) => Promise<Tensor>>>).broken.late(one()),
    ).rejects.toThrow("Expected a value of type 'Tensor' for output 0 but instead found number 5");
    handle.destroy();
  });

  it('may name in its derivative arguments only', () => {
    expect(() =>
      library.define(
        'broken::formula(Tensor x) -> Tensor',
        ((x: Tensor) => x.mul(2)) as never,
        { z: () => null } as never,
      ),
    ).toThrow("the derivative has a formula for 'z', but the arguments of broken::formula are x");
  });
});
