/** What is compiled means what JavaScript means: programs of numbers, strings and arrays, run compiled and by JavaScript itself. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: texts of functions
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { script } from '../src/index.ts';

beforeAll(() => setCurrentBackend(reference()));

/** A function of this text, as JavaScript runs it; `jit` is there, as it is where it is compiled. */
// biome-ignore lint/suspicious/noExplicitAny: any function
const written = (text: string): any =>
  new Function('jit', `return ${text}`)({ annotate: (_: string, value: unknown) => value });

const ints = [0, 1, 2, 3, 7, -1, -2, -7];
const floats = [0, 0.5, 1.5, 2.5, -0.5, -1.5, 7.25, -7.75];
const pairs = <T>(values: readonly T[]): [T, T][] => values.flatMap((a) => values.map((b): [T, T] => [a, b]));

/** Each with its types, and the arguments that it is run with. */
const programs: readonly [text: string, schema: string, calls: readonly (readonly unknown[])[]][] = [
  ['(a, b) => a % (b * b + 1)', 'f(int a, int b) -> int', pairs(ints)],
  ['(a, b) => a % (b * b + 1)', 'f(float a, float b) -> float', pairs(floats)],
  ['(a, b) => { a %= b * b + 2; return a; }', 'f(int a, int b) -> int', pairs(ints)],
  [
    '($a, lambda) => { const a$ = $a * 2, a_ = lambda; let def = a$ - a_; { const a$ = 5; def += a$; } return def * a$; }',
    'f(int a, int b) -> int',
    pairs(ints),
  ],
  ['(a, b) => a / (b * b + 1)', 'f(int a, int b) -> float', pairs(ints)],
  [
    '(a, b) => a ** b',
    'f(int a, int b) -> float',
    pairs([1, 2, 3]).concat([
      [2, -1],
      [-2, 3],
    ]),
  ],
  ['(a) => Math.round(a)', 'f(float a) -> int', [...floats, 2.4999, -2.5001].map((a) => [a])],
  ['(a) => [Math.floor(a), Math.ceil(a), Math.trunc(a)]', 'f(float a) -> int[]', floats.map((a) => [a])],
  ['(a) => Math.floor(a / 2) * 3 - -a', 'f(int a) -> int', ints.map((a) => [a])],
  ['(a, b) => Math.max(a, b) - Math.min(a, b, 1) + Math.abs(a)', 'f(int a, int b) -> int', pairs(ints)],
  ['(a, b) => a < b ? -1 : a === b ? 0 : 1', 'f(int a, int b) -> int', pairs(ints)],
  ['(a) => { if (a) return 1; return 0; }', 'f(float a) -> int', [...floats, Number.NaN].map((a) => [a])],
  ['(a) => { if (!a) return 1; return 0; }', 'f(int a) -> int', ints.map((a) => [a])],
  ["(s) => { if (s && s !== 'x') return 1; return 0; }", 'f(str s) -> int', [[''], ['x'], ['y']]],
  ['(a, b) => !(a > 1 || b > 1) && a !== b', 'f(int a, int b) -> bool', pairs(ints)],
  [
    '(n) => { let s = 0; for (let i = 0; i < n; i++) s += i % 3; return s; }',
    'f(int n) -> int',
    ints.map((a) => [a]),
  ],
  [
    '(n) => { let s = 0; for (let i = -5; i <= n; i += 2) s = s * 2 + i % 3; return s; }',
    'f(int n) -> int',
    ints.map((a) => [a]),
  ],
  [
    '(n) => { let s = 0; for (let i = n; i >= -3; i -= 3) s = s * 3 + i; return s; }',
    'f(int n) -> int',
    ints.map((a) => [a]),
  ],
  [
    '(n) => { let s = 0; for (let i = 0; i < n; i++) { if (i === 2) i++; s = s * 10 + i; } return s; }',
    'f(int n) -> int',
    ints.map((a) => [a]),
  ],
  [
    '(n) => { let s = 0; for (let i = 0; i < n; i++) { n -= 1; s += i; } return s; }',
    'f(int n) -> int',
    ints.map((a) => [a]),
  ],
  [
    '(n) => { let s = 0; for (let i = 0, k = 5; i < k; i++, k--) { if (i === n) continue; s = s * 10 + i; } return s; }',
    'f(int n) -> int',
    ints.map((a) => [a]),
  ],
  [
    '(n) => { let i = 0; do { i += 3; if (i === n) continue; if (i > 8) break; } while (i < n); return i; }',
    'f(int n) -> int',
    ints.map((a) => [a]),
  ],
  ['(n) => { for (let i = 0; ; i++) { if (i * i > n) return i; } }', 'f(int n) -> int', ints.map((a) => [a])],
  [
    '(n) => { const x = 1; let s = 0; { const x = n; s += x; } if (n > 0) { const x = 10; s += x; } return s + x; }',
    'f(int n) -> int',
    ints.map((a) => [a]),
  ],
  [
    '(n) => { let s = 0; for (let i = 0; i < 3; i++) { let s = i; s += n; } for (const i of [n, 2]) s += i; return s; }',
    'f(int n) -> int',
    ints.map((a) => [a]),
  ],
  ['(n) => { var a = 1; if (n > 0) { var a = 2; } return a; }', 'f(int n) -> int', ints.map((a) => [a])],
  [
    "(n) => { switch (n) { case 0: case 1: return 'few'; case 2: { n = 7; break; } default: n = 9; } return `${n}!`; }",
    'f(int n) -> str',
    ints.map((a) => [a]),
  ],
  [
    '(n) => { let a = 1, b = n; [a, b] = [b, a]; a = b = a + b; return a * 100 + b; }',
    'f(int n) -> int',
    ints.map((a) => [a]),
  ],
  [
    '(xs) => { let s = 0; for (const x of xs) { if (x < 0) continue; s += x; } return s; }',
    'f(int[] xs) -> int',
    [[[]], [[1, -2, 3]]],
  ],
  [
    '(xs) => { const ys = jit.annotate("int[]", []); for (let i = 0; i < xs.length; i++) { ys.push(xs[i]); if (xs.length < 6) xs.push(i); } return ys; }',
    'f(int[] xs) -> int[]',
    [[[1, 2, 3]]],
  ],
  [
    '(xs) => { const ys = xs; for (let i = 0; i < xs.length; i++) { if (i < 3) ys.push(i); } return xs.length; }',
    'f(int[] xs) -> int',
    [[[1, 2]]],
  ],
  [
    '(xs) => { xs.reverse(); xs.unshift(9); const a = xs.shift() + xs.pop(); return [...xs, a].concat([1]); }',
    'f(int[] xs) -> int[]',
    [[[1, 2, 3]]],
  ],
  [
    '(xs) => { xs.sort((a, b) => b - a); return xs.map((x) => x * 2 + 1); }',
    'f(int[] xs) -> int[]',
    [[[3, -1, 2]]],
  ],
  [
    '(xs) => { const n = xs.pop(); return xs.includes(n) && !xs.includes(99); }',
    'f(int[] xs) -> bool',
    [[[1, 2, 1]], [[1, 2]]],
  ],
  ['(xs) => { xs[0] += 2; xs[1] %= 3; xs[2]--; return xs; }', 'f(int[] xs) -> int[]', [[[5, -7, 0]]]],
  [
    '(s) => `${s.toUpperCase()}${s.slice(1, -1)}${s.at(-1)}${s[0]}${s.trim().length}`',
    'f(str s) -> str',
    [['abc '], ['xy']],
  ],
  [
    "(s) => s.split(',').map((t) => t.trim()).join('+').replaceAll('a', 'bb')",
    'f(str s) -> str',
    [['a, ab ,c']],
  ],
  [
    "(s) => s.startsWith('ab') || s.endsWith('c') || s.includes('zz') || s < 'A'",
    'f(str s) -> bool',
    [['abx'], ['xc'], ['x'], ['9']],
  ],
  [
    '(a, b) => { let r = 0; if (a > 0 && b > 0) r = 1; else if (a > 0) r = 2; else r = 3; return r; }',
    'f(int a, int b) -> int',
    pairs(ints),
  ],
  [
    '(a) => { a > 0 && (a = a * 2); a < -3 ? (a = 1) : (a += 1); return a; }',
    'f(int a) -> int',
    ints.map((a) => [a]),
  ],
];

const plain = (value: unknown): unknown =>
  Array.isArray(value) ? value.map(plain) : value === 0 ? 0 : value;

describe('a compiled program answers as JavaScript does', () => {
  for (const [text, schema, calls] of programs)
    it(text, async () => {
      const native = written(text);
      const compiled = script(written(text), schema);
      for (const args of calls) {
        const want = native(...structuredClone(args));
        expect(plain(await compiled(...structuredClone(args))), JSON.stringify(args)).toEqual(plain(want));
      }
    });
});
