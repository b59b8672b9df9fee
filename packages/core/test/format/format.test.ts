import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import type { DType } from '../../src/tensor/dtype.ts';
import {
  formatTensor,
  get_printoptions,
  type Printable,
  type PrintedQuantizer,
  type PrintOptions,
  set_printoptions,
} from '../../src/tensor/format.ts';

interface Case {
  dtype: DType;
  shape: number[];
  values: (number | string | boolean)[] | 'arange' | 'arange/8';
  text: string;
  options?: PrintOptions;
  grad_fn?: string;
  requires_grad?: boolean;
  default_dtype?: DType;
}
const cases: Case[] = JSON.parse(readFileSync(new URL('goldens.json', import.meta.url), 'utf8'));

const special: Record<string, number> = { inf: Infinity, '-inf': -Infinity, nan: NaN, '-0': -0 };

function valuesOf({ values, shape }: Case): Printable {
  const numel = shape.reduce((a, b) => a * b, 1);
  if (typeof values === 'string')
    return Float64Array.from({ length: numel }, (_, i) => (values === 'arange' ? i : i / 8));
  return values.map((v) => (typeof v === 'string' ? (special[v] ?? BigInt(v)) : v));
}

afterEach(() => set_printoptions({ profile: 'default' }));

test(`tensors print as PyTorch prints them: ${cases.length} of many dtypes, shapes, magnitudes and options`, () => {
  for (const c of cases) {
    set_printoptions({ profile: 'default' });
    if (c.options) set_printoptions(c.options);
    const text = formatTensor(valuesOf(c), c.shape, c.dtype, c);
    expect(text, JSON.stringify({ ...c, text: undefined })).toBe(c.text);
  }
});

test('quantised tensors print as PyTorch prints them: numbers, then the scheme', () => {
  const quantised: (Case & { quantizer: PrintedQuantizer })[] = JSON.parse(
    readFileSync(new URL('quantised.json', import.meta.url), 'utf8'),
  );
  for (const c of quantised) expect(formatTensor(valuesOf(c), c.shape, c.dtype, c), c.text).toBe(c.text);
});

test('what the host cannot read prints its size, dtype and device', () => {
  expect(formatTensor(null, [1, 5], 'float32', { device: 'webgpu' })).toBe(
    "tensor(..., size=[1, 5], dtype=float32, device='webgpu')",
  );
  expect(formatTensor(null, [2, 3], 'float32', { device: 'meta' })).toBe(
    "tensor(..., device='meta', size=(2, 3))",
  );
});

test('print options stay until they are changed, but for sci_mode', () => {
  set_printoptions({ precision: 2, sci_mode: true });
  set_printoptions({ linewidth: 100 });
  expect(get_printoptions()).toEqual({
    precision: 2,
    threshold: 1000,
    edgeitems: 3,
    linewidth: 100,
    sci_mode: null,
  });
});
