/** Operators that the suite's cases do not hold, against PyTorch's and torchvision's answers; `generate.py` writes those. */
import { readFileSync } from 'node:fs';
import { reference } from '@sconce/backend-reference';
import {
  autograd,
  callOperator,
  type DType,
  defaultsOf,
  findOperator,
  py_float,
  setCurrentBackend,
  type Tensor,
  tensor,
} from '@sconce/core';
import { beforeAll, expect, test } from 'vitest';

interface Golden {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: readonly (number | boolean)[];
}
interface Case {
  readonly name: string;
  readonly operator: string;
  readonly args: readonly unknown[];
  readonly out: readonly Golden[];
  readonly wrt?: readonly number[];
  readonly grad?: readonly Golden[];
}

const cases: Case[] = JSON.parse(readFileSync(new URL('goldens.json', import.meta.url), 'utf8'));

const isGolden = (value: unknown): value is Golden =>
  typeof value === 'object' && value !== null && 'dtype' in value;
const tensorOf = ({ data, shape, dtype }: Golden): Tensor =>
  tensor(dtype.startsWith('float') ? data.map((n) => py_float(Number(n))) : data, { dtype }).reshape(
    shape,
  ) as Tensor;

async function expectClose(got: Tensor, want: Golden): Promise<void> {
  expect(got.shape).toEqual(want.shape);
  expect(got.dtype).toBe(want.dtype);
  const values = Array.from((await got.data()) as ArrayLike<number | bigint>, Number);
  values.forEach((value, i) => {
    const expected = Number(want.data[i]);
    const allowed = (want.dtype === 'float64' ? 1e-9 : 2e-5) * (1 + Math.abs(expected));
    expect(Math.abs(value - expected), `element ${i}: ${value}, not ${expected}`).toBeLessThanOrEqual(
      allowed,
    );
  });
}

beforeAll(() => setCurrentBackend(reference()));

test.each(cases)('$operator: $name', async ({ operator: name, args, out, wrt, grad }) => {
  const operator = findOperator(name)!;
  const made = new Map<string, Tensor>();
  // Arguments that are equal are one tensor, as they were for PyTorch.
  const values = args.map((a) => {
    if (!isGolden(a)) return a;
    const key = JSON.stringify(a);
    const known = made.get(key) ?? tensorOf(a);
    made.set(key, known);
    return known;
  });
  for (const i of wrt ?? []) (values[i] as Tensor).requires_grad = true;
  const result = await callOperator(operator, [...values, ...defaultsOf(operator).slice(values.length)]);
  const outputs = (Array.isArray(result) ? result : [result]) as Tensor[];
  expect(outputs.length).toBe(out.length);
  for (const [i, want] of out.entries()) await expectClose(outputs[i], want);
  if (!wrt) return;
  const leaves = wrt.map((i) => values[i] as Tensor);
  const gradients = autograd.grad([outputs[0].pow(2).sum()], leaves) as Tensor[];
  for (const [i, want] of grad!.entries()) await expectClose(gradients[i], want);
});
