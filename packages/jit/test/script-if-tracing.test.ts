/** A function that only a trace has compiled. */
import { reference } from '@sconce/backend-reference';
import { setCurrentBackend, type Tensor, tensor } from '@sconce/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { script_if_tracing, trace } from '../src/index.ts';

beforeAll(() => {
  setCurrentBackend(reference());
});

describe('script_if_tracing', () => {
  const clip = script_if_tracing((x: Tensor, n: number) => {
    // biome-ignore lint/suspicious/noExplicitAny: operators on tensors are the compiler's
    let y = x as any;
    for (let i = 0; i < n; i++) y = y * 2;
    return y;
  }, 'clip(Tensor x, int n) -> Tensor');

  it('runs the function itself outside of a trace', () => {
    expect(clip(tensor([1]), 0)).toBeInstanceOf(tensor([1]).constructor);
  });

  it('keeps its loop in a trace', async () => {
    const traced = await trace(async (x: Tensor) => (await clip(x, 3)) as Tensor, [tensor([1, 2])], {
      check_trace: false,
    });
    expect(traced.graph).toContain('prim::CallFunction');
    expect(traced.inlined_graph).toContain('prim::Loop');
    expect(await (await traced(tensor([3, 4]))).tolist()).toEqual([24, 32]);
  });
});
