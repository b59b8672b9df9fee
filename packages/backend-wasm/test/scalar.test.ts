/** Every scalar function against PyTorch's values, in vectors and one element at a time. */
import { readFileSync } from 'node:fs';
import type { DType, Expr, View } from '@sconce/core';
import { describe, expect, it } from 'vitest';
import { WasmBackend } from '../src/index.ts';

const golden = JSON.parse(readFileSync(new URL('golden/scalar.json', import.meta.url), 'utf8')) as {
  x: string;
  a: string;
  b: string;
  unary: Record<string, string>;
  binary: Record<string, string>;
};
const unpack = (text: string): Float64Array => {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return new Float64Array(bytes.buffer);
};

const backend = new WasmBackend();
const kinds = { float32: Float32Array, float64: Float64Array } as const;
type Float = keyof typeof kinds;

function vector(dtype: Float, values: ArrayLike<number>): View {
  const memory = backend.allocate(dtype, values.length);
  backend.write(memory, 0, new kinds[dtype](values));
  return { memory, dtype, shape: [values.length], strides: [1], offset: 0 };
}

function compute(op: string, dtype: Float, args: readonly Float64Array[], stride: number): number[] {
  const n = args[0]!.length;
  const input = (index: number): Expr => ({ op: 'input', index, dtype });
  const expr = { op, args: args.map((_, i) => input(i)), dtype } as Expr;
  const run = backend.compile({ kind: 'pointwise', exprs: [expr], rank: 1 });
  // With a stride other than 1 no vector code runs.
  const place = (values: ArrayLike<number>): View => {
    const spaced = new Float64Array(n * stride);
    for (let i = 0; i < n; i++) spaced[i * stride] = values[i]!;
    return { ...vector(dtype, spaced), shape: [n], strides: [stride] };
  };
  const out = place(new Float64Array(n));
  run([out], args.map(place));
  const all = backend.readNow(out.memory, 0, n * stride) as Float64Array;
  return Array.from({ length: n }, (_, i) => all[i * stride]!);
}

const tolerance = { float32: [1.3e-6, 1e-5], float64: [1e-7, 1e-7] } as const;

/** Positions where got is not want: within tolerance, and equal where either is zero, infinite or NaN. */
function wrong(got: readonly number[], want: Float64Array, dtype: Float, anyZero = false): number[] {
  const [rtol, atol] = tolerance[dtype];
  const round = dtype === 'float32' ? Math.fround : (v: number) => v;
  return got.flatMap((g, i) => {
    const w = round(want[i]!);
    if (Object.is(g, w)) return [];
    const isClose = Number.isFinite(w) && Math.abs(g - w) <= atol + rtol * Math.abs(w);
    return isClose && (g !== 0 || w !== 0 || anyZero) ? [] : [i];
  });
}

describe.each(['float32', 'float64'] as const)('%s', (dtype: Float & DType) => {
  const x = unpack(golden.x);
  const [a, b] = [unpack(golden.a), unpack(golden.b)];
  for (const [op, text] of Object.entries(golden.unary))
    it(`${op} is PyTorch's, and the same in a vector as alone`, () => {
      const want = unpack(text);
      const dense = compute(op, dtype, [x], 1);
      expect(wrong(dense, want, dtype).map((i) => [x[i], dense[i], want[i]])).toEqual([]);
      expect(compute(op, dtype, [x], 2)).toEqual(dense);
    });
  for (const [op, text] of Object.entries(golden.binary))
    it(`${op} is PyTorch's, and the same in a vector as alone`, () => {
      const want = unpack(text);
      const dense = compute(op, dtype, [a, b], 1);
      // PyTorch's minimum of two zeros is the first of them, ours is -0.
      const anyZero = op === 'min' || op === 'max';
      expect(wrong(dense, want, dtype, anyZero).map((i) => [a[i], b[i], dense[i], want[i]])).toEqual([]);
      expect(compute(op, dtype, [a, b], 2)).toEqual(dense);
    });
});
