/** Calls and the backward pass where they meet the user: hooks, passes inside passes, whose a gradient is, who writes in place. */
import {
  autograd,
  memoryUsage,
  type OpKernel,
  type Schema,
  setCurrentBackend,
  type Tensor,
  tensor,
  type View,
} from '@sconce/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { ReferenceBackend, reference } from '../src/index.ts';

beforeEach(() => setCurrentBackend(reference()));

const leaf = (...values: number[]): Tensor => tensor(values, { dtype: 'float32', requires_grad: true });
const plain = (...values: number[]): Tensor => tensor(values, { dtype: 'float32' });
const valuesOf = async (t: Tensor | null): Promise<number[]> => [...((await t!.data()) as Float32Array)];

describe('a backward pass', () => {
  it('may be run by a hook over the graph that is being walked', async () => {
    const x = leaf(2);
    const y = x.mul(x);
    const z = y.mul(3);
    let inner: Tensor | null = null;
    y.register_hook(() => {
      if (inner !== null) return;
      inner = x; // the pass below comes here again
      [inner] = autograd.grad(z, [x], { retain_graph: true });
    });
    z.backward(null, { retain_graph: true });
    expect(await valuesOf(inner)).toEqual([12]);
    expect(await valuesOf(x.grad)).toEqual([12]);
    z.backward();
    expect(await valuesOf(x.grad)).toEqual([24]);
  });

  it('leaves a gradient alone that a hook kept, and adds up the others', async () => {
    const x = leaf(1, 2);
    const kept: Tensor[] = [];
    const [a, b, c] = [x.mul(2), x.mul(3), x.mul(4)];
    a.register_hook((g) => {
      kept.push(g);
    });
    a.mul(a).add(b.mul(b)).add(c).add(a).sum().backward();
    expect(await valuesOf(kept[0])).toEqual([5, 9]);
    // d/dx of 4x² + 9x² + 4x + 2x
    expect(await valuesOf(x.grad)).toEqual([32, 58]);
    expect(await valuesOf(kept[0])).toEqual([5, 9]);
  });

  it('gives a leaf a gradient of its own, also where the one that came is passed on as it is', async () => {
    const [x, y, given] = [leaf(1), leaf(2), plain(3)];
    x.add(y).backward(given);
    x.grad!.add_(1);
    expect(await valuesOf(x.grad)).toEqual([4]);
    expect(await valuesOf(y.grad)).toEqual([3]);
    expect(await valuesOf(given)).toEqual([3]);
    const alone = leaf(1);
    alone.add(5).backward();
    alone.add(5).backward();
    expect(await valuesOf(alone.grad)).toEqual([2]);
  });

  it('frees nothing that a Function gave it and the user still has', async () => {
    const constant = plain(7);
    class Constant extends autograd.Function {
      static forward(_: autograd.FunctionContext, x: Tensor): Tensor {
        return x.mul(1);
      }
      static backward(): Tensor {
        return constant;
      }
    }
    const x = leaf(1);
    (Constant.apply(x) as Tensor).add(Constant.apply(x)).backward();
    expect(await valuesOf(x.grad)).toEqual([14]);
    expect(await valuesOf(constant)).toEqual([7]);
  });
});

describe('small memories', () => {
  it('are counted and freed one by one, though they share their registration', () => {
    const backend = reference();
    setCurrentBackend(backend);
    const all = Array.from({ length: 100 }, () => plain(1));
    expect(memoryUsage(backend).count).toBe(100);
    for (const t of all.filter((_, i) => i % 2 === 0)) t.dispose();
    expect(memoryUsage(backend)).toMatchObject({ count: 50, allocated: 200 });
    const more = Array.from({ length: 20 }, () => plain(1));
    for (const t of [...all, ...more]) t.dispose();
    expect(memoryUsage(backend)).toMatchObject({ count: 0, allocated: 0 });
  });
});

describe("a backend's own in-place operator", () => {
  class Writes extends ReferenceBackend {
    calls = 0;
    op(schema: Schema): OpKernel | undefined {
      if (schema.name !== 'aten::add_.Tensor') return undefined;
      return ([self, other]) => {
        const [a, b] = [self, other] as [View, View];
        if (b.shape.length !== a.shape.length) return undefined;
        this.calls++;
        const sum = (this.readNow(a.memory, 0, 2) as Float32Array).map(
          (v, i) => v + Number(this.readNow(b.memory, 0, 2)[i]),
        );
        this.write(a.memory, 0, sum);
        return [];
      };
    }
  }

  it('writes where it wants the call, after the checks, and is counted as a change', async () => {
    const backend = new Writes();
    setCurrentBackend(backend);
    const a = plain(1, 2);
    expect(a.add_(plain(10, 20))).toBe(a);
    expect([backend.calls, a._version]).toEqual([1, 1]);
    a.add_(tensor(1, { dtype: 'float32' }));
    expect([backend.calls, a._version]).toEqual([1, 2]);
    expect(await valuesOf(a)).toEqual([12, 23]);
    expect(() => a.add_(plain(1, 2, 3))).toThrow(
      'The size of tensor a (2) must match the size of tensor b (3)',
    );
    expect(() => tensor([1]).add_(plain(1))).toThrow(
      "result type Float can't be cast to the desired output type Long",
    );
    expect(backend.calls).toBe(1);
  });

  it('is recorded as any other', async () => {
    const backend = new Writes();
    setCurrentBackend(backend);
    const x = leaf(1, 2);
    x.mul(2).add_(x).sum().backward();
    expect(backend.calls).toBe(1);
    expect(await valuesOf(x.grad)).toEqual([3, 3]);
  });
});
