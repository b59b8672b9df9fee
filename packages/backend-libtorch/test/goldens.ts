/** PyTorch's answers, which generate.py wrote, and views made of its tensors. */
import { readFileSync } from 'node:fs';
import { type Backend, type DType, dtypes, type TypedArray, type View } from '@sconce/core';
import { expect } from 'vitest';

export interface GoldenTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export interface GoldenCase {
  readonly schema: string;
  readonly args: readonly unknown[];
  readonly want: readonly GoldenTensor[];
}

interface Goldens {
  readonly forward: { readonly x: GoldenTensor; readonly want: GoldenTensor };
  readonly dropped: { readonly seed: number; readonly want: GoldenTensor };
  readonly operators: readonly GoldenCase[];
}

export const fixture = (name: string): URL => new URL(`./fixtures/${name}`, import.meta.url);

export const goldens: Goldens = JSON.parse(readFileSync(fixture('goldens.json'), 'utf8'));

export function arrayOf({ dtype, data }: GoldenTensor): TypedArray {
  const { array: TypedArray } = dtypes[dtype];
  const result = new TypedArray(data.length);
  for (let i = 0; i < data.length; i++) result[i] = (dtype === 'int64' ? BigInt(data[i]) : data[i]) as never;
  return result;
}

/** Checks values against PyTorch's, within torch.testing's tolerance: another LibTorch or processor rounds otherwise. */
export function expectValues(got: TypedArray, golden: GoldenTensor): void {
  const want = arrayOf(golden);
  expect(got.constructor).toBe(want.constructor);
  expect(got.length).toBe(want.length);
  const [rtol, atol] = dtypes[golden.dtype].isFloat ? [1.3e-6, 1e-5] : [0, 0];
  const wrong = Array.from(got as Float64Array, Number).findIndex(
    (value, i) => !(Math.abs(value - Number(want[i])) <= atol + rtol * Math.abs(Number(want[i]))),
  );
  expect(wrong < 0 || `element ${wrong}: got ${got[wrong]}, want ${want[wrong]}`).toBe(true);
}

export const stridesOf = (shape: readonly number[]): number[] =>
  shape.map((_, d) => shape.slice(d + 1).reduce((n, size) => n * size, 1));

export function viewOf(backend: Backend, tensor: GoldenTensor): View {
  const memory = backend.allocate(tensor.dtype, tensor.data.length);
  backend.write(memory, 0, arrayOf(tensor));
  return { memory, dtype: tensor.dtype, shape: tensor.shape, strides: stridesOf(tensor.shape), offset: 0 };
}

const isTensor = (value: unknown): value is GoldenTensor =>
  typeof value === 'object' && value !== null && 'data' in value;

/** Arguments as an OpKernel gets them. */
export const argumentOf = (backend: Backend, value: unknown): unknown =>
  isTensor(value)
    ? viewOf(backend, value)
    : Array.isArray(value)
      ? value.map((item) => argumentOf(backend, item))
      : value;
