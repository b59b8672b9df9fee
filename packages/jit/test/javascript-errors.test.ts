/** What JavaScript cannot be compiled, and names that cannot be known: each an error with the line, the reason and the way out. */
import { reference } from '@sconce/backend-reference';
import { functions, setCurrentBackend } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { CompileError, script } from '../src/index.ts';

beforeAll(() => setCurrentBackend(reference()));

/** A function of this text, which no bundler has seen. */
// biome-ignore lint/suspicious/noExplicitAny: any function
const written = (text: string): any => new Function(`return ${text}`)();

const messageOf = (compile: () => unknown): string => {
  try {
    compile();
  } catch (error) {
    expect(error).toBeInstanceOf(CompileError);
    return (error as Error).message;
  }
  throw new Error('it compiled');
};

describe('an error shows the line and what is wrong in it', () => {
  it('with the text around and the place underlined', () => {
    const f = written(`function f(x) {
  const y = x + 1;
  try { return y; } catch { return x; }
}`);
    expect(messageOf(() => script(f))).toBe(`try is not supported: TorchScript cannot catch an error:
  File "<javascript>", line 3
function f(x) {
  const y = x + 1;
  try { return y; } catch { return x; }
  ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~ <--- HERE
}`);
  });

  it('in a one-line arrow and in a method too', () => {
    expect(messageOf(() => script(written('(x) => x[0, 1]')))).toContain(
      '(x) => x[0, 1]\n         ~~~~ <--- HERE',
    );
    const { forward } = written('({ forward(x) { return x.y(1)`a`; } })');
    expect(messageOf(() => script(forward))).toContain('a tagged template is not supported');
  });
});

/** What is written, and what the error says. */
const refused: readonly [text: string, message: string, schema?: string][] = [
  ['(x) => { for (const k in x) {} return x; }', 'write `for (const key of d.keys())`'],
  ['(x) => { a: for (;;) break a; return x; }', 'labels are not supported'],
  ['(x) => { const y = 1; y = 2; return x; }', "Assignment to constant variable 'y'"],
  ['(x) => { let y = (x = 1); return y; }', 'make it a statement of its own'],
  ['(x) => { let i = 0; return x[i++]; }', '++ inside an expression is not supported'],
  [
    'function f(n) { return f(n - 1); }',
    "function 'f' is called recursively. Recursive calls are not supported",
  ],
  ['({ forward(x) { return this.fc(x); } }).forward', 'script the module, jit.script(module)'],
  ['class Net {}', "'Net' is a class: script an object of it, jit.script(new Net())"],
  ['(x) => torch.no_such(x)', 'object has no attribute no_such:\n  File "<javascript>", line 1'],
  ['(x) => typeof x', "write jit.isinstance(x, 'int')"],
  ['(x) => x instanceof Tensor', 'undefined value Tensor'],
  ['(x) => /a/.test(x)', 'a regular expression is not supported'],
  ['(x) => { class G {} return x; }', 'a class inside a function is not supported'],
  ['(...xs) => xs', 'variable number of arguments'],
  ['({ x }, y) => x', 'a parameter must have a name'],
  ['function* f(x) { yield x; }', 'generators are not supported'],
  ['(x) => { throw x; }', 'throw new Error(message)'],
  ['(x) => { throw new URIError("a"); }', 'only Error, TypeError and RangeError'],
  ['(x) => x.length', 'a tensor has no length: write x.size(0)'],
  ['(xs) => xs[-1]', 'JavaScript has no index -1: write xs.at(-1)', 'f(int[] xs) -> int'],
  ['(xs, ys) => xs + ys', 'write [...a, ...b] or a.concat(b)', 'f(int[] xs, int[] ys) -> int[]'],
  ['(xs, ys) => xs === ys', 'by identity in JavaScript', 'f(int[] xs, int[] ys) -> bool'],
  ['(n, s) => s + n', 'write a template string', 'f(int n, str s) -> str'],
  ['(n) => n & 1', 'works on 32 bits in JavaScript', 'f(int n) -> int'],
  ['(xs) => { if (xs) return 1; return 0; }', 'write xs.length > 0', 'f(int[] xs) -> int'],
  ['(d) => { if (d) return 1; return 0; }', 'write d.size > 0', 'f(Dict(str, int) d) -> int'],
  ['(x) => { if (x) return 1; return 0; }', 'compare it with null', 'f(Tensor? x) -> int'],
  ['(n) => n || 3', '|| as a value takes booleans', 'f(int n) -> int'],
  ['(xs) => xs.splice(1)', 'an array has no splice here', 'f(int[] xs) -> int[]'],
  ['(xs) => xs.sort()', 'sorts by text in JavaScript', 'f(int[] xs) -> int[]'],
  ['(x) => Math.floor(x)', 'Math.floor is for numbers, and this is Tensor: write x.floor()'],
  ['(x) => Math.imul(x, 2)', 'Math.imul is not compiled: there are floor, ceil'],
  [
    '(x, n) => x',
    "'number' does not say which: write int, float, or Scalar",
    'f(Tensor x, number n) -> Tensor',
  ],
  ['(x) => x', 'has 2 parameter(s) and the function has 1', 'f(Tensor x, int n) -> Tensor'],
  ['(x) => x', "cannot read the schema 'f(Tensor x -> Tensor'", 'f(Tensor x -> Tensor'],
  ['(x) => { let y = 1; if (x.sum() > 0) y = "a"; return y; }', "Variable 'y' previously had type int"],
  ['(x) => { if (x.sum() > 0) { var z = 1; } return z; }', 'z is not defined in the false branch'],
];

describe('what TorchScript cannot say, or would say otherwise than JavaScript, is refused', () => {
  for (const [text, message, schema] of refused)
    it(`${text}`, () => {
      const f = written(text);
      expect(messageOf(() => (schema ? script(f, schema) : script(f)))).toContain(message);
    });
});

describe('names', () => {
  it('that are unknown come with the way to pass them', () => {
    expect(messageOf(() => script(written('(x) => helper(x)')))).toContain(
      'undefined value helper: a compiled function sees only its own names, torch, nn, F, jit and Math. Pass it by name: jit.script(f, { helper })',
    );
  });

  it("that Vite's and esbuild's rewriting moved are recognised when they are given, else refused", () => {
    for (const text of ['(x) => (0, __vi_import_0__.helper)(x)', '(x) => (0, import_helper.helper)(x)']) {
      expect(messageOf(() => script(written(text)))).toContain('Pass it by name: jit.script(f, { helper })');
      const helper = written('(y) => y + 1');
      expect(script(written(text), { helper }).graph).toContain('prim::CallFunction');
    }
    expect(script(written('(x) => __vi_import_0__.nn.functional.relu(x)')).graph).toContain(
      'prim::CallFunction',
    );
  });

  it('of imports that could be anything are not guessed', () => {
    expect(messageOf(() => script(written('(x) => (0, __vi_import_0__.relu)(x)')))).toContain(
      "undefined value relu: a compiled function cannot see what its file imports (a bundler has made it '__vi_import_0__.relu')",
    );
    expect(messageOf(() => script(written('(x) => torch2.relu(x)')))).toContain(
      "a bundler seems to have renamed 'torch'. Pass the names so that they are renamed along: jit.script(f, () => ({ torch }))",
    );
  });

  it('that a minifier changed are found through an arrow that returns them', () => {
    const e = written('(y) => y * t.e');
    const given = new Function('e', 't', 'return () => ({ helper: e, torch: t, ALPHA: t.e })')(e, { e: 0.5 });
    const f = script(written('(x) => t.relu(e(x))'), given as never);
    expect(f.graph).toContain('aten::relu');
    expect(f.graph).toContain('prim::CallFunction');
  });

  it('of operators that a bundler took out of torch are known by what they are', () => {
    const given = new Function('q', 'return () => ({ tanh: q })')(functions.tanh);
    expect(script(written('(x) => q(x)'), given as never).graph).toContain('aten::tanh');
  });

  it('that keep functions their names do not stand in the way', () => {
    const f = written('(xs) => xs.map(__name((x) => x * 2, "double"))');
    expect(script(f, 'f(Tensor[] xs) -> Tensor[]').graph).toContain('aten::mul');
  });

  it('of tensors and modules are refused', () => {
    expect(messageOf(() => script(written('(x) => x + table'), { table: class {} }))).toContain(
      "'table' is a class",
    );
  });
});

describe('sources', () => {
  it('of built-in and bound functions cannot be had', () => {
    expect(messageOf(() => script(Math.max as never))).toContain("Can't get source for 'max'");
    expect(messageOf(() => script(written('(x) => x').bind(null)))).toContain(
      'Pass the function itself, before `bind`',
    );
  });
});
