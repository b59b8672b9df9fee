/** Products of every kind of adapter, on the adapter that is here, beside the reference backend. */
import type { ConvKernel, DType, MatmulKernel } from '@sconce/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { WebGpuBackend } from '../src/index.ts';
import { forced } from '../src/kernels/product/product.ts';
import { apply, asArray, cast, Draws, input, type Operand, runBoth } from './beside.ts';
import { backend } from './device.ts';

let gpu: WebGpuBackend;
beforeAll(async () => {
  gpu = await backend();
});
afterAll(() => gpu.destroy());
afterEach(() => {
  for (const key of Object.keys(forced) as (keyof typeof forced)[]) delete forced[key];
});

const draws = new Draws();
const numel = (shape: readonly number[]): number => shape.reduce((p, n) => p * n, 1);

/** `order` lists the dims from the outermost to the innermost in memory. */
function operand(
  shape: readonly number[],
  dtype: DType = 'float32',
  order = shape.map((_, d) => d),
): Operand {
  const strides: number[] = [];
  let stride = 1;
  for (const d of order.toReversed()) {
    strides[d] = stride;
    stride *= shape[d]!;
  }
  const small = (): number => (draws.below(2001) - 1000) / 500;
  const value = (): number | bigint =>
    dtype === 'int64' ? BigInt(draws.bits()) * 12345n : dtype === 'float32' ? small() : draws.bits() | 0;
  const data = asArray(dtype, Array.from({ length: numel(shape) }, value));
  return { dtype, shape, strides, length: numel(shape), data };
}

const repeated = (o: Operand, shape: readonly number[], strides: readonly number[]): Operand => ({
  ...o,
  shape,
  strides,
});

/** The largest error, in parts of the largest value; for integers, how many differ. */
async function error(
  kernel: MatmulKernel | ConvKernel,
  outShape: readonly number[],
  inputs: readonly Operand[],
): Promise<number> {
  const [{ got, want }] = (await runBoth(gpu, kernel, [operand(outShape, inputs[0]!.dtype)], inputs)) as [
    Awaited<ReturnType<typeof runBoth>>[0],
  ];
  let worst = 0;
  let most = 0;
  for (let i = 0; i < want.length; i++) {
    if (typeof want[i] === 'bigint' || inputs[0]!.dtype !== 'float32') worst += Number(got[i] !== want[i]);
    else {
      worst = Math.max(worst, Math.abs((got[i] as number) - (want[i] as number)));
      most = Math.max(most, Math.abs(want[i] as number));
    }
  }
  return most === 0 ? worst : worst / most;
}

const matmul = (dtype: DType = 'float32', more: Partial<MatmulKernel> = {}): MatmulKernel => ({
  kind: 'matmul',
  dtype,
  accumulate: dtype,
  ...more,
});

const conv = (more: Partial<ConvKernel>): ConvKernel => {
  const dims = more.dims ?? 2;
  const all = (n: number): number[] => new Array<number>(dims).fill(n);
  return {
    kind: 'conv',
    dims,
    transposed: false,
    groups: 1,
    stride: all(1),
    padding: all(0),
    dilation: all(1),
    dtype: 'float32',
    accumulate: 'float32',
    ...more,
  };
};

const variants: Record<string, () => void> = {
  'registers shared by a subgroup': () => {
    forced.kind = 'registers';
  },
  'registers without subgroups': () => {
    forced.kind = 'registers';
    forced.subgroups = false;
  },
  'tiles of 32 x 32': () => {
    forced.kind = 'tiles';
  },
};

describe.each(Object.entries(variants))('%s', (_, force) => {
  it('multiplies matrices whose sizes fit nothing', async () => {
    force();
    expect(await error(matmul(), [2, 37, 53], [operand([2, 37, 41]), operand([2, 41, 53])])).toBeLessThan(
      1e-6,
    );
  });

  it('multiplies transposed matrices, and one matrix by a batch of them', async () => {
    force();
    const a = operand([1, 20, 35], 'float32', [0, 2, 1]);
    const b = operand([3, 35, 18], 'float32', [0, 2, 1]);
    const one = repeated(a, [3, 20, 35], [0, ...a.strides.slice(1)]);
    expect(await error(matmul(), [3, 20, 18], [one, b])).toBeLessThan(1e-6);
  });

  it.each([
    [1, 70, 33],
    [33, 70, 1],
    [1, 600, 1],
    [5, 300, 3],
  ])('multiplies %i x %i by a matrix of %i columns', async (m, k, n) => {
    force();
    expect(await error(matmul(), [1, m, n], [operand([1, m, k]), operand([1, k, n])])).toBeLessThan(2e-6);
  });

  it('ends a product that is cut into parts with finish, and what it reads', async () => {
    force();
    const finish = apply(
      'mul',
      'float32',
      apply('add', 'float32', input(0, 'float32'), input(1, 'float32')),
      input(2, 'float32'),
    );
    const bias = repeated(operand([9]), [1, 17, 9], [0, 0, 1]);
    const scale = repeated(operand([17]), [1, 17, 9], [0, 1, 0]);
    const inputs = [operand([1, 17, 1500]), operand([1, 1500, 9]), bias, scale];
    expect(await error(matmul('float32', { finish }), [1, 17, 9], inputs)).toBeLessThan(2e-6);
  });

  it('wraps sums of integers', async () => {
    force();
    const inputs = [operand([1, 19, 23], 'int32'), operand([1, 23, 21], 'int32')];
    expect(await error(matmul('int32'), [1, 19, 21], inputs)).toBe(0);
    const narrow = matmul('int8', { accumulate: 'int32' });
    expect(await error(narrow, [1, 9, 9], [operand([1, 9, 23], 'int8'), operand([1, 23, 9], 'int8')])).toBe(
      0,
    );
  });

  it('lets nothing of infinities reach other sums', async () => {
    force();
    const [a, b] = [operand([1, 5, 7]), operand([1, 7, 18])];
    (b.data as Float32Array)[6 * 18 + 4] = Infinity;
    (a.data as Float32Array)[3 * 7 + 2] = Number.NaN;
    const [{ got, want }] = (await runBoth(gpu, matmul(), [operand([1, 5, 18])], [a, b])) as [
      Awaited<ReturnType<typeof runBoth>>[0],
    ];
    const kinds = (values: typeof got): string[] =>
      Array.from(values as Float32Array, (v) => (Number.isFinite(v) ? 'number' : String(v)));
    expect(kinds(got)).toEqual(kinds(want));
  });

  it('convolves with stride, padding, dilation, groups and a bias', async () => {
    force();
    const finish = apply('add', 'float32', input(0, 'float32'), input(1, 'float32'));
    const bias = repeated(operand([6]), [2, 6, 5, 7], [0, 1, 0, 0]);
    const kernel = conv({ stride: [2, 1], padding: [1, 3], dilation: [1, 2], groups: 2, finish });
    const inputs = [operand([2, 4, 9, 5]), operand([6, 2, 3, 3]), bias];
    expect(await error(kernel, [2, 6, 5, 7], inputs)).toBeLessThan(1e-6);
  });

  it('convolves channels last, as gradients of weights do, and with windows of one', async () => {
    force();
    const last = operand([2, 20, 6, 7], 'float32', [0, 2, 3, 1]);
    expect(await error(conv({}), [2, 33, 6, 7], [last, operand([33, 20, 1, 1])])).toBeLessThan(1e-6);
    const swapped = operand([3, 8, 12, 12], 'float32', [1, 0, 2, 3]);
    const gradient = operand([5, 8, 10, 10], 'float32', [1, 0, 2, 3]);
    expect(await error(conv({}), [3, 5, 3, 3], [swapped, gradient])).toBeLessThan(2e-6);
  });

  it('convolves each channel for itself', async () => {
    force();
    const kernel = conv({ groups: 6, padding: [1, 1], stride: [2, 2] });
    expect(await error(kernel, [1, 6, 5, 5], [operand([1, 6, 9, 9]), operand([6, 1, 3, 3])])).toBeLessThan(
      1e-6,
    );
  });

  it('convolves over one dim and over three', async () => {
    force();
    const one = conv({ dims: 1, padding: [2], stride: [3] });
    expect(await error(one, [2, 4, 9], [operand([2, 3, 25]), operand([4, 3, 5])])).toBeLessThan(1e-6);
    const three = conv({ dims: 3, padding: [1, 0, 1] });
    const inputs = [operand([1, 2, 4, 5, 6]), operand([3, 2, 3, 2, 3])];
    expect(await error(three, [1, 3, 4, 4, 6], inputs)).toBeLessThan(1e-6);
  });

  it.each([
    { stride: [2, 3], padding: [1, 0], dilation: [1, 1], size: [10, 18] },
    { stride: [1, 1], padding: [2, 1], dilation: [2, 1], size: [5, 6] },
    { stride: [4, 2], padding: [0, 1], dilation: [2, 3], size: [21, 16] },
  ])('spreads the input where it is transposed: %o', async ({ size, ...window }) => {
    force();
    const kernel = conv({ transposed: true, groups: 2, ...window });
    const inputs = [operand([2, 4, 5, 6]), operand([4, 3, 3, 3])];
    expect(await error(kernel, [2, 6, ...size], inputs)).toBeLessThan(1e-6);
  });
});

describe('tiles of 64 x 32 in blocks of 8 x 8', () => {
  it('multiply matrices whose sizes fit nothing', async () => {
    forced.kind = 'tiles';
    forced.tile = [64, 32, 8, 8];
    expect(await error(matmul(), [1, 70, 53], [operand([1, 70, 41]), operand([1, 41, 53])])).toBeLessThan(
      1e-6,
    );
  });
});

describe('int64', () => {
  it('is exact over its full range', async () => {
    const inputs = [operand([1, 9, 200], 'int64'), operand([1, 200, 5], 'int64')];
    expect(await error(matmul('int64'), [1, 9, 5], inputs)).toBe(0);
  });
});

describe('float16 and bfloat16', () => {
  it.each(['float16', 'bfloat16'] as const)('%s adds in float32, and rounds once', async (dtype) => {
    const bits = (shape: number[]): Operand => {
      const o = operand(shape);
      // 1 to 2 in steps that both formats have.
      const base = dtype === 'float16' ? 0x3c00 : 0x3f80;
      const step = dtype === 'float16' ? 8 : 1;
      return {
        ...o,
        dtype,
        data: Uint16Array.from({ length: o.length }, () => base + step * draws.below(128)),
      };
    };
    const kernel = matmul(dtype, { accumulate: 'float32' });
    const [{ got, want }] = (await runBoth(
      gpu,
      kernel,
      [{ ...bits([1, 20, 20]) }],
      [bits([1, 20, 64]), bits([1, 64, 20])],
    )) as [Awaited<ReturnType<typeof runBoth>>[0]];
    expect(got).toEqual(want);
  });
});

describe('Winograd', () => {
  it.each([
    { shape: [2, 5, 13, 18], filters: 7, padding: [1, 1] },
    { shape: [1, 3, 9, 6], filters: 4, padding: [0, 2] },
  ])(
    'convolves %o as a direct one does, to 2e-5 of the largest value',
    async ({ shape, filters, padding }) => {
      forced.winograd = true;
      const [n, channels, height, width] = shape as [number, number, number, number];
      const out = [n, filters, height + 2 * padding[0]! - 2, width + 2 * padding[1]! - 2];
      const bias = repeated(operand([filters]), out, [0, 1, 0, 0]);
      const finish = cast(apply('add', 'float32', input(0, 'float32'), input(1, 'float32')), 'float32');
      const inputs = [operand(shape), operand([filters, channels, 3, 3]), bias];
      const worst = await error(conv({ padding, finish }), out, inputs);
      expect(worst).toBeLessThan(2e-5);
      // Else it was not Winograd's.
      expect(worst).toBeGreaterThan(0);
    },
  );
});
