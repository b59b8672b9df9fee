/** A backend behind a queue, without `readNow` and float64, passes what its reference passes: nothing needs the host. */
import { readFileSync } from 'node:fs';
import { functions, setCurrentBackend, Tensor, tensor } from '@sconce/core';
import { describe, expect, it } from 'vitest';
import { run } from '../src/index.ts';
import { conformanceTests } from '../src/vitest.ts';
import { remote } from './remote.ts';

/** The reference computes for it, so it fails what the reference fails. */
const expectations = readFileSync(
  new URL('../../packages/backend-reference/conformance.expect', import.meta.url),
  'utf8',
);

conformanceTests({ describe, it }, remote(), ['kernels', 'ops', 'autograd', 'aliasing', 'nn', 'training'], {
  expectations,
});

describe('a backend whose memory the host cannot read', () => {
  it('tells of a bad index at the next read, with the name of the operator', async () => {
    setCurrentBackend(remote());
    const x = tensor([1.5, 2.5, 3.5]);
    const picked = x.index_select(0, tensor([0, 7]));
    const fine = tensor([1, 2]).add(1) as Tensor;
    expect(picked).toBeInstanceOf(Tensor);
    await expect(fine.data()).rejects.toThrow(
      /index 7 is out of bounds for dimension 0 with size 3 \(in index_select\)/,
    );
    expect([...(await fine.data())].map(Number)).toEqual([2, 3]);
  });

  it('says that it lacks a dtype, and the way out', () => {
    setCurrentBackend(remote());
    expect(() => functions.zeros([2], { dtype: 'float64' })).toThrow(
      /float64 is not supported on backend 'remote'.*convert with \.to\(\)/,
    );
  });

  it('is not applicable where a case is of a dtype that it lacks, and says so', async () => {
    const reasons = new Set<string | undefined>();
    for await (const result of run(remote(), { query: 'autograd:add*:dtype=float64' })) {
      expect(result.status).toBe('na');
      reasons.add(result.message);
    }
    expect([...reasons]).toEqual(['dtype float64 is not in capabilities.dtypes']);
  });
});
