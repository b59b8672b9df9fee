import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as R from '../../src/random/index.ts';
import { setCurrentBackend } from '../../src/tensor/device.ts';
import type { DType, TypedArray } from '../../src/tensor/dtype.ts';
import { encode16, round16 } from '../../src/tensor/float16.ts';
import { memoryBackend } from '../serialization/memory-backend.ts';

const goldens = JSON.parse(readFileSync(new URL('goldens.json', import.meta.url), 'utf8'));
const seeded = (seed: number | bigint = goldens.seed) => new R.Generator().manual_seed(seed);
const sha256 = (data: ArrayBufferView) =>
  createHash('sha256')
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest('hex');

type Draw = (dtype: DType, args: never, generator: R.Generator) => TypedArray;
/** One entry for each function that generate.py names. */
const draws: Record<string, Draw> = {
  uniform: (d, [n, from, to]: number[], g) => R.uniform(n, d, from, to, g),
  normal: (d, [n, mean, std, contiguous]: [number, number, number, boolean], g) =>
    R.normal(n, d, mean, std, g, contiguous),
  exponential: (d, [n, lambd]: number[], g) => R.exponential(n, d, lambd, g),
  cauchy: (d, [n, median, sigma]: number[], g) => R.cauchy(n, d, median, sigma, g),
  log_normal: (d, [n, mean, std]: number[], g) => R.log_normal(n, d, mean, std, g),
  geometric: (d, [n, p]: number[], g) => R.geometric(n, d, p, g),
  bernoulli: (d, [n, p]: number[], g) => R.bernoulli(n, d, p, g),
  bernoulli_tensor: (d, [n]: number[], g) => {
    const round = (x: number) => (d === 'float16' || d === 'bfloat16' ? round16(x, d) : x);
    const p = Array.from({ length: n }, (_, i) => round(i / n));
    return R.bernoulli_tensor(d, p, d, g);
  },
  random_full: (d, [n]: number[], g) => R.random_full(n, d, g),
  random_full_64: (d, [n]: number[], g) => R.random_full_64(n, d, g),
  random_from_to: (d, [n, from, to]: [number, string, string], g) =>
    R.random_from_to(n, d, BigInt(from), BigInt(to), g),
  randperm: (d, [n]: number[], g) => R.randperm(n, d, g),
  multinomial: (d, [rows, columns, samples, replacement]: [number, number, number, boolean], g) => {
    const values = Array.from({ length: 60 }, (_, i) => (i + 1) / 64);
    const weights = d === 'float32' ? Float32Array.from(values) : Float64Array.from(values);
    return R.multinomial(weights, rows, columns, samples, replacement, g);
  },
  'rand(3, 4)': (d, _, g) => R.uniform(12, d, 0, 1, g),
  'randn(100)': (d, _, g) => R.normal(100, d, 0, 1, g),
  'Linear weight': (d, _, g) => R.uniform(16, d, -0.5, 0.5, g),
  'Linear bias': (d, _, g) => {
    R.uniform(16, d, -0.5, 0.5, g);
    return R.uniform(4, d, -0.5, 0.5, g);
  },
  dropout: (d, _, g) =>
    (R.bernoulli(500, d, 1 - 0.3, g) as Float32Array).map((x) => x / Math.fround(1 - 0.3)),
};

describe('the same seed draws the same bits as PyTorch:', () => {
  const names = new Set((goldens.cases as Case[]).map((c) => c.f));
  for (const name of names)
    test(name, () => {
      for (const { dtype, args, sha256: digest, head, seed } of (goldens.cases as Case[]).filter(
        (c) => c.f === name,
      )) {
        const data = draws[name](dtype, args as never, seeded(seed === undefined ? undefined : BigInt(seed)));
        const start = Buffer.from(data.buffer, data.byteOffset, Math.min(32, data.byteLength)).toString(
          'hex',
        );
        expect([dtype, args, start, sha256(data)]).toEqual([dtype, args, head, digest]);
      }
    });
});

interface Case {
  f: string;
  dtype: DType;
  args: unknown[];
  sha256: string;
  head: string;
  seed?: string;
}

test("float64 distributions are PyTorch's, but for the last bit in the few cases where libm rounds the other way", () => {
  for (const [key, want] of Object.entries<number[]>(goldens.close)) {
    const [name, ...args] = key.split(' ');
    const numbers = args.map(Number);
    const got = draws[name]('float64', [...numbers, true] as never, seeded()) as Float64Array;
    let different = 0;
    want.forEach((w, i) => {
      if (!Object.is(got[i], w)) different++;
      expect(Math.abs(got[i] - w), `${key}, element ${i}`).toBeLessThanOrEqual(
        2 ** -51 * Math.max(1, Math.abs(w)),
      );
    });
    expect(different, key).toBeLessThanOrEqual(want.length / 200);
  }
});

describe('Generator', () => {
  test("saves PyTorch's own bytes and goes on from them", () => {
    const draw: Record<string, (g: R.Generator) => unknown> = {
      fresh: () => 0,
      '700 words': (g) => R.uniform(700, 'float32', 0, 1, g),
      'an even number of normals': (g) => R.normal(8, 'float32', 0, 1, g),
      odd: (g) => R.normal(7, 'float16', 0, 1, g),
    };
    for (const [name, digest] of Object.entries(goldens.states)) {
      const g = seeded();
      draw[name](g);
      const state = g.getStateBytes();
      if (name !== 'odd') expect([name, sha256(state)]).toEqual([name, digest]);
      const again = new R.Generator().setStateBytes(state);
      expect(again.getStateBytes()).toEqual(state);
      expect(R.normal(5, 'float64', 0, 1, again)).toEqual(R.normal(5, 'float64', 0, 1, g));
    }
  });

  test('gives its state as a tensor and takes it back', () => {
    setCurrentBackend(memoryBackend());
    const g = seeded();
    R.normal(3, 'float32', 0, 1, g);
    const state = g.get_state();
    expect([state.dtype, state.shape]).toEqual(['uint8', [5056]]);
    expect(R.uniform(5, 'float32', 0, 1, new R.Generator().set_state(state))).toEqual(
      R.uniform(5, 'float32', 0, 1, g),
    );
    R.set_rng_state(state);
    expect(R.get_rng_state().shape).toEqual([5056]);
    expect(R.default_generator.nextNormal).toBe(new R.Generator().set_state(state).nextNormal);
  });

  test('takes seeds of 64 bits, negative ones as PyTorch does', () => {
    for (const [seed, initial] of goldens.seeds)
      expect(BigInt(seeded(BigInt(seed)).initial_seed())).toBe(BigInt(initial));
    expect(String(new R.Generator().initial_seed())).toBe(goldens.default);
    expect(() => seeded(2n ** 64n)).toThrow('Overflow when unpacking long');
    expect(() => seeded(Number.NaN)).toThrow('manual_seed expected a long');
  });

  test('refuses a state of another size or content', () => {
    expect(() => new R.Generator().setStateBytes(new Uint8Array(100))).toThrow('RNG state size to be 100');
    expect(() => new R.Generator().setStateBytes(new Uint8Array(5056))).toThrow('Invalid mt19937 state');
  });
});

test('what cannot be drawn is refused in PyTorch’s words', () => {
  const g = seeded();
  expect(() => R.random_from_to(1, 'int64', 5, 5, g)).toThrow(
    "'from' to be less than 'to', but got from=5 >= to=5",
  );
  expect(() => R.random_from_to(1, 'uint8', -1, 5, g)).toThrow('from is out of bounds for unsigned char');
  expect(() => R.random_from_to(1, 'uint8', 0, 257, g)).toThrow('to - 1 is out of bounds for unsigned char');
  expect(() => R.bernoulli(1, 'float32', 1.5, g)).toThrow(
    'bernoulli_ expects p to be in [0, 1], but got p=1.5',
  );
  expect(() => R.multinomial(new Float32Array([0, 0]), 1, 2, 2, true, g)).toThrow(
    'sum of probabilities <= 0',
  );
  expect(() => R.multinomial(new Float32Array([1, -1]), 1, 2, 2, true, g)).toThrow('probability entry < 0');
  expect(() => R.multinomial(new Float32Array([1, 1]), 1, 2, 3, false, g)).toThrow('without replacement');
  expect(() => R.randperm(300, 'uint8', g)).toThrow('n is too large for result tensor type');
});

test('16-bit floats round half to even', () => {
  expect(
    Array.from(encode16([1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, 2 ** -25, 2 ** -24], 'float16')),
  ).toEqual([0x3c00, 0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 1]);
  expect(Array.from(encode16([1 + 2 ** -8, 1 + 3 * 2 ** -8], 'bfloat16'))).toEqual([0x3f80, 0x3f82]);
});
