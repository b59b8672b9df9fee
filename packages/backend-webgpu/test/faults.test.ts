/** Data that PyTorch refuses, as the user of an operator meets it: the operator's name and the user's own line. */
import { IndexError, setCurrentBackend, type Tensor, TorchError, tensor } from '@sconce/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebGpuBackend } from '../src/index.ts';
import { backend } from './device.ts';

let b: WebGpuBackend;
beforeAll(async () => {
  b = await backend();
  setCurrentBackend(b);
});
afterAll(() => b.destroy());

const ints = (...values: number[]): Tensor => tensor(values, { dtype: 'int32' });

describe('integer division by zero', () => {
  it.each(['remainder', 'fmod', 'floor_divide'] as const)(
    'is an error of %s at the next read',
    async (name) => {
      const result = ints(1, 2, 3)[name](ints(1, 0, 3));
      await expect(result.tolist()).rejects.toThrow(
        new RegExp(`ZeroDivisionError.* in ${name} \\(called at .*faults\\.test\\.ts:\\d+:\\d+\\)`),
      );
      expect(await ints(7).add(1).tolist()).toEqual([8]);
    },
  );

  it('reaches a read of something computed from it', async () => {
    const sum = ints(4, 5).remainder(ints(0, 2)).mul(2).sum();
    await expect(sum.item()).rejects.toBeInstanceOf(TorchError);
  });
});

describe('an index out of range', () => {
  it('is an IndexError that names the index, the dim, the size and the operator', async () => {
    const picked = tensor([1.5, 2.5]).gather(0, tensor([0, 9]));
    const read = picked.tolist();
    await expect(read).rejects.toBeInstanceOf(IndexError);
    await expect(read).rejects.toThrow(
      /index 9 is out of bounds for dimension 0 with size 2 \(in gather\) \(called at .*faults\.test\.ts/,
    );
  });

  it('leaves alone what lies outside when something is written', async () => {
    const target = tensor([1, 2, 3], { dtype: 'float32' });
    target.scatter_(0, tensor([1, 3]), tensor([8, 9], { dtype: 'float32' }));
    await expect(target.tolist()).rejects.toThrow(/index 3 is out of bounds.* \(in scatter\)/);
    expect(await target.tolist()).toEqual([1, 8, 3]);
  });

  it('is forgotten once it was told, and the first of several is what is told', async () => {
    const t = tensor([1, 2, 3]);
    t.index_select(0, tensor([5]));
    t.index_select(0, tensor([7]));
    await expect(t.tolist()).rejects.toThrow(/index 5 /);
    expect(await t.tolist()).toEqual([1, 2, 3]);
  });
});
