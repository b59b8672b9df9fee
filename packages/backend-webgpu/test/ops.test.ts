/** Operators taken over whole, beside softmax and attention worked out in doubles. */
import type { View } from '@sconce/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebGpuBackend } from '../src/index.ts';
import { Softmax } from '../src/kernels/softmax.ts';
import { attention, limits } from '../src/ops/attention.ts';
import { Draws } from './beside.ts';
import { backend } from './device.ts';

let gpu: WebGpuBackend;
beforeAll(async () => {
  gpu = await backend();
});
afterAll(() => gpu.destroy());

const draws = new Draws();
const numel = (shape: readonly number[]): number => shape.reduce((p, n) => p * n, 1);
const random = (shape: readonly number[]): Float32Array =>
  Float32Array.from({ length: numel(shape) }, () => (draws.below(2001) - 1000) / 300);

function put(shape: readonly number[], data: Float32Array | Uint8Array): View {
  const dtype = data instanceof Uint8Array ? 'bool' : 'float32';
  const memory = gpu.allocate(dtype, data.length);
  gpu.write(memory, 0, data);
  return { memory, dtype, shape, strides: shape.map((_, d) => numel(shape.slice(d + 1))), offset: 0 };
}

const read = async (v: View): Promise<Float32Array> =>
  (await gpu.read(v.memory, 0, numel(v.shape))) as Float32Array;

function softmaxOf(row: readonly number[]): number[] {
  const most = Math.max(...row);
  if (most === -Infinity) return row.map(() => 0);
  const exps = row.map((x) => Math.exp(x - most));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
}

describe.each([
  { kind: 'alone', invocations: 1 },
  { kind: 'workgroup', invocations: 64 },
] as const)('softmax of rows, $kind', (sharing) => {
  it.each([false, true])('is right for rows of any length, log: %s', async (log) => {
    const kernel = new Softmax(gpu.gpu, { dtype: 'float32', log, causal: false, safe: false });
    const data = random([3, 5, 77]);
    const x = put([3, 5, 77], data);
    const out = put([3, 5, 77], new Float32Array(data.length));
    kernel.run({ out, x }, sharing);
    const got = await read(out);
    for (let r = 0; r < 15; r++) {
      const want = softmaxOf([...data.subarray(r * 77, (r + 1) * 77)]);
      want.forEach((w, j) => {
        expect(got[r * 77 + j]).toBeCloseTo(log ? Math.log(w) : w, 5);
      });
    }
  });

  it('works in place, scaled and masked, and gives zeros where nothing counts', async () => {
    const kernel = new Softmax(gpu.gpu, {
      dtype: 'float32',
      log: false,
      mask: 'bool',
      causal: false,
      safe: true,
    });
    const data = random([2, 4, 30]);
    const allowed = Uint8Array.from({ length: 4 * 30 }, (_, i) => Number(i >= 30 && draws.below(3) > 0));
    const x = put([2, 4, 30], data);
    const mask = { ...put([4, 30], allowed), shape: [2, 4, 30], strides: [0, 30, 1] };
    kernel.run({ out: x, x, mask, scale: 0.5 }, sharing);
    const got = await read(x);
    for (let r = 0; r < 8; r++) {
      const row = [...data.subarray(r * 30, (r + 1) * 30)];
      const want = softmaxOf(row.map((v, j) => (allowed[(r % 4) * 30 + j] ? v * 0.5 : -Infinity)));
      want.forEach((w, j) => {
        expect(got[r * 30 + j]).toBeCloseTo(w, 5);
      });
    }
  });

  it('gives NaN to a row that has one', async () => {
    const kernel = new Softmax(gpu.gpu, { dtype: 'float32', log: false, causal: false, safe: false });
    const data = random([2, 20]);
    data[27] = Number.NaN;
    const x = put([2, 20], data);
    kernel.run({ out: x, x }, sharing);
    const got = await read(x);
    expect(got.subarray(0, 20).some(Number.isNaN)).toBe(false);
    expect(got.subarray(20).every(Number.isNaN)).toBe(true);
  });
});

describe('scaled_dot_product_attention', () => {
  it.each([
    { causal: false, scores: 1 << 24 },
    { causal: true, scores: 1 << 24 },
    // A few queries at a time.
    { causal: true, scores: 2 * 16 * 50 },
  ])('looks where it may: %o', async ({ causal, scores }) => {
    const [heads, rows, columns, depth, width] = [2, 40, 50, 8, 6];
    const q = random([heads, rows, depth]);
    const k = random([heads, columns, depth]);
    const v = random([heads, columns, width]);
    const before = limits.scores;
    limits.scores = scores;
    const [out] = attention(gpu.gpu)([
      put([heads, rows, depth], q),
      put([heads, columns, depth], k),
      put([heads, columns, width], v),
      null,
      0,
      causal,
      null,
      false,
    ])!;
    limits.scores = before;
    const got = await read(out!);
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < rows; i++) {
        const row = Array.from({ length: columns }, (_, j) => {
          let dot = 0;
          for (let d = 0; d < depth; d++)
            dot += q[(h * rows + i) * depth + d]! * k[(h * columns + j) * depth + d]!;
          return causal && j > i ? -Infinity : dot / Math.sqrt(depth);
        });
        const weights = softmaxOf(row);
        for (let c = 0; c < width; c++) {
          const want = weights.reduce((sum, w, j) => sum + w * v[(h * columns + j) * width + c]!, 0);
          expect(got[(h * rows + i) * width + c]).toBeCloseTo(want, 4);
        }
      }
  });

  it('leaves what it does not do to the definition', () => {
    const t = put([1, 2, 4], random([1, 2, 4]));
    expect(attention(gpu.gpu)([t, t, t, null, 0.5, false, null, false])).toBeUndefined();
    expect(attention(gpu.gpu)([t, t, t, null, 0, false, null, true])).toBeUndefined();
  });
});
