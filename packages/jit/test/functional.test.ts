/** `torch.nn.functional` and `torch.*` in scripts, as users call them: PyTorch's code, values and refusals (see generate/functional.py). */
import { readFileSync } from 'node:fs';
import { wasm } from '@sconce/backend-wasm';
import { type DType, setCurrentBackend, Tensor, tensor } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ScriptFunction, script } from '../src/index.ts';

interface Encoded {
  readonly values: unknown;
  readonly dtype: string;
}
interface Golden {
  readonly inputs: Readonly<Record<string, Encoded>>;
  readonly calls: Readonly<Record<string, { readonly code: string; readonly value: unknown }>>;
  readonly refused: Readonly<Record<string, string>>;
  readonly raised: Readonly<Record<string, string>>;
}
const golden: Golden = JSON.parse(readFileSync(new URL('archives/functional.json', import.meta.url), 'utf8'));

beforeAll(() => setCurrentBackend(wasm()));

const compiled = (call: string): ScriptFunction => {
  const parameters = Object.keys(golden.inputs).map((name) => `${name}: Tensor`);
  return script(`def f(${parameters.join(', ')}):\n    return ${call}\n`) as ScriptFunction;
};
const inputs = (): Tensor[] =>
  Object.values(golden.inputs).map(({ values, dtype }) =>
    tensor(values as number[], { dtype: dtype as DType }),
  );

const encoded = async (value: unknown): Promise<unknown> => {
  if (value instanceof Tensor) return { values: plain(await value.tolist()), dtype: String(value.dtype) };
  return Array.isArray(value) ? Promise.all(value.map(encoded)) : plain(value);
};
/** Numbers as the golden has them. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number' && !Number.isFinite(value))
    return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  return value;
};

/** Where two encoded values part, the last digits of floats aside. */
const difference = (got: unknown, want: unknown, path = ''): string | undefined => {
  if (typeof got === 'number' && typeof want === 'number')
    return Math.abs(got - want) <= 2e-5 * (1 + Math.abs(want)) ? undefined : `${path}: ${got}, not ${want}`;
  if (typeof got !== 'object' || typeof want !== 'object' || got === null || want === null)
    return got === want ? undefined : `${path}: ${got}, not ${want}`;
  const [a, b] = [Object.entries(got), want as Record<string, unknown>];
  if (a.length !== Object.keys(b).length) return `${path}: ${a.length} parts`;
  for (const [key, part] of a) {
    const found = difference(part, b[key], `${path}.${key}`);
    if (found) return found;
  }
  return undefined;
};

/** Numbers of mangled names depend on what else was compiled before. */
const demangled = (code: string): string => code.replace(/___torch_mangle_\d+\./g, '');

describe("a call prints PyTorch's code and gives its value", () => {
  for (const [call, { code, value }] of Object.entries(golden.calls))
    it(call, async () => {
      const f = compiled(call);
      expect(demangled(f.code.slice(f.code.indexOf(' -> ') + 4))).toBe(demangled(code));
      expect(difference(await encoded(await f(...inputs())), value)).toBeUndefined();
    });
});

describe("a call that no function takes is refused in PyTorch's words", () => {
  for (const [call, message] of Object.entries(golden.refused))
    it(call, () => {
      expect(() => compiled(call)).toThrow(message.replace(/\s*:$/, ''));
    });
});

describe("what a function cannot do with its inputs it raises in PyTorch's words", () => {
  for (const [call, message] of Object.entries(golden.raised))
    it(call, async () => {
      await expect(compiled(call)(...inputs())).rejects.toThrow(message);
    });
});

const written = (text: string): ((...args: never[]) => unknown) => new Function(`return ${text}`)();

/** Calls as JavaScript and as Python write them. */
const same: readonly (readonly [javascript: string, python: string])[] = [
  ['F.dropout(x, 0, true)', 'F.dropout(x, 0., True)'],
  ['F.normalize(x, { p: 1 })', 'F.normalize(x, p=1.)'],
  ['torch.dropout(x, 1, false)', 'torch.dropout(x, 1., False)'],
  ['F.interpolate(x, { scale_factor: 2 })', 'F.interpolate(x, scale_factor=2.)'],
  ['F.interpolate(x, { scale_factor: [2, 1.5] })', 'F.interpolate(x, scale_factor=[2., 1.5])'],
  ['F.interpolate(x, { size: [4, 4] })', 'F.interpolate(x, size=[4, 4])'],
  ['F.max_pool2d(x, 2, { return_indices: true })', 'F.max_pool2d(x, 2, return_indices=True)'],
  ['torch.norm(x, { dim: 1 })', 'torch.norm(x, dim=1)'],
  ['x * 2 + 1', 'x * 2 + 1'],
  ["torch.zeros([2], { dtype: 'float64' })", 'torch.zeros([2], dtype=torch.float64)'],
  ["x.to('int64')", 'x.to(torch.int64)'],
  ["x.to('cpu')", 'x.to("cpu")'],
];

describe('what JavaScript cannot tell apart is read as the argument wants it', () => {
  for (const [javascript, python] of same)
    it(`${javascript} is ${python}`, () => {
      const wanted = script(`def f(x):\n    return ${python}\n`) as ScriptFunction;
      const got = script(written(`(x) => ${javascript}`), 'f(Tensor x)');
      expect(demangled(got.code)).toBe(demangled(wanted.code));
    });
});
