/** Functions inside functions, callbacks, objects, and what may be null: run compiled, and by JavaScript itself. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts of functions
import { reference } from '@sconce/backend-reference';
import { Module, setCurrentBackend, tensor } from '@sconce/core';
import { Linear, ModuleList, ReLU } from '@sconce/nn';
import { beforeAll, describe, expect, it } from 'vitest';
import { script } from '../src/index.ts';

beforeAll(() => setCurrentBackend(reference()));

// biome-ignore lint/suspicious/noExplicitAny: any function
const written = (text: string): any =>
  new Function('jit', `return ${text}`)({ annotate: (_: string, value: unknown) => value });

/** Each with its types, and the arguments that it is run with. */
const programs: readonly [text: string, schema: string, calls: readonly (readonly unknown[])[]][] = [
  ['(xs) => xs.map((x, i) => x * i)', 'f(int[] xs) -> int[]', [[[1, 2, 3]], [[]]]],
  ['(xs) => xs.map((x) => { const y = x * 2; return y + 1; })', 'f(int[] xs) -> int[]', [[[1, 2, 3]]]],
  ['(xs) => xs.filter((x) => x > 1)', 'f(int[] xs) -> int[]', [[[1, 2, 3]]]],
  ['(xs) => xs.filter((x, i) => i % 2 === 0).map((x) => x * 2)', 'f(int[] xs) -> int[]', [[[1, 2, 3]]]],
  ['(xs) => xs.reduce((a, b) => a + b, 0)', 'f(int[] xs) -> int', [[[1, 2, 3]]]],
  ['(xs) => xs.reduce((a, b) => a + b)', 'f(int[] xs) -> int', [[[1, 2, 3]]]],
  ['(xs) => xs.reduce((a, b, i) => a + b * i, 0)', 'f(int[] xs) -> int', [[[1, 2, 3]]]],
  ['(xs) => xs.every((x) => x > 0)', 'f(int[] xs) -> bool', [[[1, 2, 3]], [[0]], [[]]]],
  ['(xs) => xs.some((x) => x > 2)', 'f(int[] xs) -> bool', [[[1, 2, 3]], [[]]]],
  [
    '(xs) => { let s = 0; xs.forEach((x, i) => { s += x * i; }); return s; }',
    'f(int[] xs) -> int',
    [[[1, 2, 3]]],
  ],
  ['(xs) => xs.find((x) => x > 1)', 'f(int[] xs) -> int?', [[[1, 2, 3]]]],
  ['(xs) => xs.findIndex((x) => x > 1)', 'f(int[] xs) -> int', [[[1, 2, 3]], [[]]]],
  ['(xs) => xs.indexOf(2)', 'f(int[] xs) -> int', [[[1, 2, 3]], [[7]]]],
  [
    '(xs) => xs.includes(2) ? xs.slice(1) : xs.slice().reverse()',
    'f(int[] xs) -> int[]',
    [[[1, 2, 3]], [[7, 8]]],
  ],
  ['(xs) => [...xs.toReversed(), ...xs]', 'f(int[] xs) -> int[]', [[[1, 2, 3]]]],
  ['(n) => Array.from({ length: n }, (_, i) => i * i)', 'f(int n) -> int[]', [[4], [0]]],
  ['(n) => new Array(n).fill(0)', 'f(int n) -> int[]', [[4]]],
  ['(n) => Array(n).fill(1.5)', 'f(int n) -> float[]', [[2]]],
  ['(xs) => Array.from(xs)', 'f(int[] xs) -> int[]', [[[1, 2]]]],
  ['(xs) => xs.flatMap((x) => [x, x * 2])', 'f(int[] xs) -> int[]', [[[1, 2]]]],
  ['(xss) => xss.flat()', 'f(int[][] xss) -> int[]', [[[[1], [2, 3]]]]],
  ['(xs) => xs.concat([4, 5])', 'f(int[] xs) -> int[]', [[[1, 2]]]],
  ['(xs) => { const [a, , c] = xs; return a + c; }', 'f(int[] xs) -> int', [[[1, 2, 3]]]],
  ['(n) => { const o = { a: n, b: 2 }; return o.a + o.b; }', 'f(int n) -> int', [[3]]],
  [
    '(n) => { const o = { a: n, b: 2 }; let s = 0; for (const k of Object.keys(o)) s += o[k]; return s; }',
    'f(int n) -> int',
    [[3]],
  ],
  [
    '(n) => { const o = { a: n, b: 2 }; let s = ""; for (const [k, v] of Object.entries(o)) s += `${k}${v}`; return s; }',
    'f(int n) -> str',
    [[3]],
  ],
  [
    '(n) => { const o = { a: n, b: 2 }; let s = 0; for (const v of Object.values(o)) s += v; return s; }',
    'f(int n) -> int',
    [[3]],
  ],
  [
    '(n) => { const m = new Map([["a", n]]); for (const k of m.keys()) m.set(k, 5); return (m.get("a") ?? 0) + m.size + (m.has("q") ? 1 : 0); }',
    'f(int n) -> int',
    [[3]],
  ],
  [
    '(n) => { const m = new Map([["a", n]]); m.forEach((v, k) => { m.set(k, v + 1); }); return m.get("a") ?? 0; }',
    'f(int n) -> int',
    [[3]],
  ],
  ['(n) => { const o = { a: 1 }; o.c = n; o.c += 2; return "c" in o ? o.c : 0; }', 'f(int n) -> int', [[3]]],
  ['(n) => { const g = (y) => y * 2; return g(n) + g(1); }', 'f(int n) -> int', [[3]]],
  ['(n) => { function g(y, k = 2) { return y * k; } return g(n) + g(1, 3); }', 'f(int n) -> int', [[3]]],
  [
    '(n) => { const g = (y) => { if (y > 2) return 1; return 2; }; return g(n) + g(1); }',
    'f(int n) -> int',
    [[3]],
  ],
  ['(n) => { const k = 3; const g = (y) => y * k; return g(n); }', 'f(int n) -> int', [[3]]],
  ['(n) => ((a) => a + 1)(n)', 'f(int n) -> int', [[3]]],
  ['(n) => (() => { let s = 0; for (let i = 0; i < n; i++) s += i; return s; })()', 'f(int n) -> int', [[3]]],
  [
    '(n) => { let s = 0; const add = (y) => { s += y; }; add(n); add(2); return s; }',
    'f(int n) -> int',
    [[3]],
  ],
  ['(s) => `a${s}b${1 + 1}`', 'f(str s) -> str', [['x']]],
  ['(n, x, b) => `${n} ${x} ${b}`', 'f(int n, float x, bool b) -> str', [[1, 1.5, true]]],
  [
    '(n) => { switch (n) { case 1: return 10; case 2: case 3: return 20; default: return 30; } }',
    'f(int n) -> int',
    [[1], [2], [3], [4]],
  ],
  ['(s) => { switch (s) { case "a": return 1; default: return 2; } }', 'f(str s) -> int', [['a'], ['b']]],
  [
    '(n) => { let i = 0; do { i += 2; if (i === 4) continue; } while (i < n); return i; }',
    'f(int n) -> int',
    [[5], [0]],
  ],
  ['(x) => x?.length ?? -1', 'f(str? x) -> int', [['ab'], [null]]],
  ['(x) => x ?? "none"', 'f(str? x) -> str', [['ab'], [null]]],
  ['(x) => { let y = x; y ??= 3; return y; }', 'f(int? x) -> int', [[2], [null]]],
  ['(xs) => xs?.[0] ?? 7', 'f(int[]? xs) -> int', [[[3]], [null]]],
  ['(s) => s?.toUpperCase() ?? "?"', 'f(str? s) -> str', [['a'], [null]]],
  ['(n) => typeof n === "number" ? 1 : 0', 'f(int n) -> int', [[3]]],
  ['(x) => { if (typeof x === "string") return x.length; return 0; }', 'f(str? x) -> int', [['abc'], [null]]],
  ['(x) => typeof x !== "undefined"', 'f(int x) -> bool', [[1]]],
  [
    '(xs) => { let s = 0; for (const [i, x] of xs.entries()) s += i * x; return s; }',
    'f(int[] xs) -> int',
    [[[1, 2, 3]]],
  ],
  ['(s) => s.split(",").map((p) => p.trim()).join("-")', 'f(str s) -> str', [['a, b ,c']]],
  ['(s) => s.indexOf("b") + s.length', 'f(str s) -> int', [['aab']]],
  ['(s) => s.startsWith("a") && s.endsWith("b") && s.includes("ab")', 'f(str s) -> bool', [['aab']]],
  ['(s) => s.repeat(2) + s.concat("x") + s[0] + s.slice(-2)', 'f(str s) -> str', [['aab']]],
  ['(s) => { let n = 0; for (const c of s) if (c === "a") n += 1; return n; }', 'f(str s) -> int', [['aab']]],
  ['(s) => s.charCodeAt(0)', 'f(str s) -> int', [['aab']]],
  ['(x) => parseInt("12") + Number.parseFloat("1.5") + Number("2")', 'f(int x) -> float', [[1]]],
  ['(n) => n.toString() + String(n)', 'f(int n) -> str', [[12]]],
  [
    '(a, b) => a > b ? (a > 5 ? 1 : 2) : 3',
    'f(int a, int b) -> int',
    [
      [6, 1],
      [2, 1],
      [1, 2],
    ],
  ],
  ['(a) => { let x = a, y = x * 2; [x, y] = [y, x]; return x - y; }', 'f(int a) -> int', [[4]]],
  ['(a) => { let b = a > 1; b &&= a > 2; return b; }', 'f(int a) -> bool', [[2], [3]]],
  ['(xs) => Math.max(...xs)', 'f(int[] xs) -> int', [[[1, 5, 2]]]],
  ['(xs) => xs.at(-1)', 'f(int[] xs) -> int', [[[1, 5, 2]]]],
  [
    '(xs) => { xs.unshift(9); const y = xs.shift(); xs.push(y, 4); xs.pop(); return xs; }',
    'f(int[] xs) -> int[]',
    [[[1, 5, 2]]],
  ],
  ['(xs) => { const ys = [...xs].sort((a, b) => b - a); return ys; }', 'f(int[] xs) -> int[]', [[[1, 5, 2]]]],
  ['(xs) => xs.join("")', 'f(str[] xs) -> str', [[['a', 'b']]]],
  ['(n) => { for (let i = 0, j = 10; i < j; i++, j--) { n += j - i; } return n; }', 'f(int n) -> int', [[0]]],
  ['(n) => { var q; if (n > 1) { q = 1; } else { q = 2; } return q; }', 'f(int n) -> int', [[3], [0]]],
  ['(n) => { if (n > 2) { throw new Error(`bad ${n}`); } return n; }', 'f(int n) -> int', [[1]]],
  ['(xs) => xs.pop() % 2', 'f(int[] xs) -> int', [[[1, 2, 5]]]],
  [
    '(xs) => { let n = 0; const next = () => { n += 1; return n; }; return next() % 5 + next() * 10 + n; }',
    'f(int[] xs) -> int',
    [[[1]]],
  ],
  [
    '(n) => { let n2 = 0; const f = (x) => { n2 = x; return x > 1; }; const ok = f(n) && f(n - 1); return ok ? n2 : -n2; }',
    'f(int n) -> int',
    [[3], [1], [2]],
  ],
  [
    '(xs, k) => xs.map((x) => [x, k].map((y) => y * x)).map((ys) => ys.reduce((a, b) => a + b, 0))',
    'f(int[] xs, int k) -> int[]',
    [[[1, 2], 3]],
  ],
  [
    '(xs) => { let i = 0; while (xs.some((x) => x > i)) i += 1; return i; }',
    'f(int[] xs) -> int',
    [[[1, 4]], [[]]],
  ],
  ['(xs) => xs.length > 0 ? xs.map((x, i) => x + i) : [7]', 'f(int[] xs) -> int[]', [[[1, 4]], [[]]]],
  [
    '(a) => { const k = 2; const f = (x) => x * k; { const k = 5; return f(a) + k; } }',
    'f(int a) -> int',
    [[3]],
  ],
  [
    '(a) => { const f = (x) => x + 1; const g = (x) => f(f(x)) * 2; return g(g(a)); }',
    'f(int a) -> int',
    [[3]],
  ],
  [
    '(a) => { const sign = (x) => { if (x > 0) { return 1; } else if (x < 0) { return -1; } return 0; }; return sign(a) * 10 + sign(-a); }',
    'f(int a) -> int',
    [[3], [-3], [0]],
  ],
  [
    '(xs) => { let s = 0; xs.forEach((x) => { if (x < 0) return; s += x; }); return s; }',
    'f(int[] xs) -> int',
    [[[3, -1, 4]]],
  ],
  [
    '(xs) => xs.filter((x) => { if (x > 2) { return true; } return x < 0; }).length',
    'f(int[] xs) -> int',
    [[[3, -1, 1]]],
  ],
  [
    '(xs) => { const big = xs.find((x) => x > 2); return big === null || big === undefined ? -1 : big; }',
    'f(int[] xs) -> int',
    [[[3, -1]], [[1]]],
  ],
  ['(s) => s?.trim().length ?? 0', 'f(str? s) -> int', [[' a '], [null]]],
  ['(n) => { const o = { a: 1 }; o.c = n; o.c += 2; return o.c + o.a; }', 'f(int n) -> int', [[4]]],
  [
    '(xs) => { let s = 0; for (const x of xs.filter((y) => y > 1)) { for (const z of xs) { if (z === x) continue; s += z; } } return s; }',
    'f(int[] xs) -> int',
    [[[1, 2, 3]]],
  ],
  ['(n) => { const f = (x, k = n * 2) => x + k; return f(1) + f(1, 1); }', 'f(int n) -> int', [[4]]],
  [
    '(n) => { const fib = () => { let a = 0; let b = 1; for (let i = 0; i < n; i++) { [a, b] = [b, a + b]; } return a; }; return fib() + fib(); }',
    'f(int n) -> int',
    [[7]],
  ],
];

describe('a compiled function answers as the function itself', () => {
  it.each(programs)('%s', async (text, schema, calls) => {
    const compiled = script(written(text), schema);
    for (const args of calls) {
      const own: unknown = written(text)(...structuredClone(args));
      expect(await compiled(...(structuredClone(args) as never[]))).toEqual(own ?? null);
    }
  });
});

describe('a function inside a function', () => {
  it('sees tensors, and its operators on them', async () => {
    const f = script(
      written(
        '(x, y) => { const mix = (a, k) => a * k + y; return mix(x, 2) - [x, y].map((t, i) => t * i).reduce((a, b) => a + b); }',
      ),
    );
    expect(await (await f(tensor([1, 2]), tensor([10, 20]))).tolist()).toEqual([2, 4]);
  });

  it("sees a module's this", async () => {
    const text = written(
      'class Net { forward(x) { const scaled = (t) => t * this.scale; for (const layer of this.layers) x = layer(x); return scaled(x); } }',
    );
    class Made extends Module {
      layers = ModuleList([Linear(2, 2), ReLU()]);
      scale = 2;
    }
    Object.defineProperty(Made.prototype, 'forward', { value: text.prototype.forward });
    const module = script(new Made());
    expect((await module(tensor([[0.5, -1]]))).shape).toEqual([1, 2]);
  });

  it.each([
    ['(n) => { const f = (x) => f(x - 1); return f(n); }', /cannot call itself/],
    [
      '(n) => { const f = (x) => { for (const i of [1, 2]) { if (i === x) return i; } return 0; }; return f(n); }',
      /return inside a loop/,
    ],
    ['(n) => { const f = (x) => x; return f; }', /called|value/],
    ['(n) => { const f = (x) => x; return f(1, 2); }', /more arguments/],
    ['(n) => { const f = (x) => x; return f(); }', /no value/],
    ['(n) => { const f = (x) => { if (x > 1) return 1; }; return f(n); }', /every path/],
  ])('%s is refused where it cannot be put in place', (text, message) => {
    expect(() => script(written(text), 'f(int n) -> int')).toThrow(message);
  });
});
