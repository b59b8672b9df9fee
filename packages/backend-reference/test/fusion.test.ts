/** Deferred pointwise calls: what runs as one kernel, what must run first, and that nobody can tell but by the count. */
import {
  type Backend,
  functions,
  kernel_launches,
  memoryUsage,
  no_grad,
  operatorInProgress,
  scope,
  set_fusion_enabled,
  setCurrentBackend,
  type Tensor,
  tensor,
} from '@sconce/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { reference } from '../src/index.ts';

let backend: Backend;
beforeEach(() => {
  backend = reference();
  setCurrentBackend(backend);
  set_fusion_enabled(true);
});
afterEach(() => {
  set_fusion_enabled(null);
});

/** How many kernels `fn` ran. */
function launchesOf(fn: () => unknown): number {
  const before = kernel_launches();
  fn();
  return kernel_launches() - before;
}

const look = (t: Tensor): void => void t.memory;
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
/** Two rows of three, in memory. */
function values(): Tensor {
  const x = tensor(
    [
      [1, -2, 3],
      [-4, 5, -6],
    ],
    { dtype: 'float32' },
  );
  look(x);
  return x;
}

describe('one kernel', () => {
  test('a chain and the reduction that ends it', async () => {
    const x = values();
    let sum!: Tensor;
    expect(
      launchesOf(() => {
        sum = x.mul(2).add(1).relu().sum();
      }),
    ).toBe(1);
    expect(await sum.item()).toBe(3 + 7 + 11);
  });

  test('a chain whose end is looked at', async () => {
    const x = values();
    const y = values();
    expect(launchesOf(() => look(x.mul(2).add(y).sub(x).tanh()))).toBe(1);
  });

  test('in-place calls on what nobody has seen', async () => {
    const x = values();
    let y!: Tensor;
    expect(
      launchesOf(() => {
        y = x.mul(2);
        y.add_(1).relu_();
        look(y);
      }),
    ).toBe(1);
    expect(await y.tolist()).toEqual([
      [3, 0, 7],
      [0, 11, 0],
    ]);
  });

  test('an in-place call on memory takes in what it reads', () => {
    const x = values();
    const y = values();
    expect(launchesOf(() => look(x.add_(y.mul(3).neg())))).toBe(1);
  });

  test('in-place calls on memory, one after the other', async () => {
    const x = values();
    expect(launchesOf(() => look(x.mul_(2).add_(1).neg_()))).toBe(1);
    expect(await x.tolist()).toEqual([
      [-3, 3, -7],
      [7, -11, 11],
    ]);
  });

  test('a reduction over several dims of a permuted chain', async () => {
    const x = values();
    let sum!: Tensor;
    expect(
      launchesOf(() => {
        sum = x.t().mul(2).sum(0);
      }),
    ).toBe(1);
    expect(await sum.tolist()).toEqual([4, -10]);
  });

  test('numbers stay arguments: another number needs no other kernel', () => {
    const compiled: unknown[] = [];
    const counting: Backend = Object.create(backend, {
      compile: {
        value: (kernel: Parameters<Backend['compile']>[0]) => {
          compiled.push(kernel);
          return backend.compile(kernel);
        },
      },
    });
    const x = tensor([1, 2, 3], { device: counting, dtype: 'float32' });
    for (let i = 0; i < 5; i++) look(x.mul(i + 0.5).add(i));
    expect(compiled.length).toBe(1);
  });
});

describe('what is never run', () => {
  test('a temporary that was disposed', () => {
    const x = values();
    expect(launchesOf(() => x.mul(2).dispose())).toBe(0);
  });

  test('a temporary that was taken in, at the end of the task', async () => {
    const x = values();
    const before = kernel_launches();
    const kept = x.mul(2).add(1);
    await turn();
    expect(kernel_launches() - before).toBe(1);
    look(kept);
    expect(kernel_launches() - before).toBe(1);
  });

  test('no memory is allocated for them', () => {
    const x = values();
    const { count } = memoryUsage(backend);
    const y = x.mul(2);
    expect(memoryUsage(backend).count).toBe(count);
    y.dispose();
    expect(memoryUsage(backend).count).toBe(count);
  });
});

describe('what is run first', () => {
  test('a result, at the end of the task', async () => {
    const x = values();
    const before = kernel_launches();
    const y = x.mul(2);
    await turn();
    expect(kernel_launches() - before).toBe(1);
    expect(y.storage.pending).toBeNull();
  });

  test('an expression whose input is written', async () => {
    const x = values();
    const y = x.mul(2);
    x.zero_();
    expect(await y.tolist()).toEqual([
      [2, -4, 6],
      [-8, 10, -12],
    ]);
  });

  test('an expression of an earlier task, taken in since, whose input is written', async () => {
    const x = values();
    const y = x.mul(2);
    const z = y.add(1);
    await turn();
    x.zero_();
    expect(await y.sum().item()).toBe(-6);
    expect(await z.sum().item()).toBe(0);
  });

  test('an expression whose small input is written keeps a copy of it', async () => {
    const x = values();
    const b = tensor([1, 2, 3], { dtype: 'float32' });
    const y = x.add(b);
    const z = y.mul(2);
    look(z);
    expect(launchesOf(() => look(b.zero_()))).toBe(2);
    expect(await y.tolist()).toEqual([
      [2, 0, 6],
      [-3, 7, -3],
    ]);
  });

  test('random numbers do not reach an expression that read the memory before', async () => {
    const x = values();
    const y = x.mul(1);
    x.normal_();
    expect(await y.sum().item()).toBe(-3);
  });

  test('what took in an in-place call that has not run reads the memory as it was', async () => {
    const moment = values();
    const weight = values();
    const gradient = values();
    const launches = launchesOf(() => {
      moment.mul_(0.5).add_(gradient);
      weight.sub_(moment, { alpha: 2 });
      look(moment);
    });
    expect(launches).toBe(2);
    expect(await moment.tolist()).toEqual([
      [1.5, -3, 4.5],
      [-6, 7.5, -9],
    ]);
    expect(await weight.tolist()).toEqual([
      [-2, 4, -6],
      [8, -10, 12],
    ]);
  });

  test('an in-place call that others took in is written at the end of the task, and does not grow', async () => {
    const moment = values();
    const gradient = values();
    for (let step = 0; step < 3; step++) {
      moment.mul_(0.5).add_(gradient);
      const weight = values().sub_(moment);
      await turn();
      expect(moment.storage.pending).toBeNull();
      expect(weight.storage.pending).toBeNull();
    }
    expect(await moment.at(0, 0).item()).toBe(1.875);
  });

  test('a storage that is disposed while an expression reads it lives as long as that, and not longer', async () => {
    const x = values();
    const { count } = memoryUsage(backend);
    const y = x.mul(2);
    x.dispose();
    expect(() => x.add(1)).toThrow('this tensor was disposed');
    await turn();
    expect(memoryUsage(backend).count).toBe(count);
    expect((await y.data()).length).toBe(6);
    y.dispose();
    expect(memoryUsage(backend).count).toBe(count - 1);
  });

  test('an operand that is broadcast, unless computing it for each element costs less than a kernel', () => {
    const b = tensor([1, 2, 3], { dtype: 'float32' });
    look(b);
    const few = functions.zeros([4, 3]) as Tensor;
    look(few);
    expect(launchesOf(() => look(few.add(b.exp())))).toBe(1);
    const many = functions.zeros([4000, 3]) as Tensor;
    look(many);
    expect(launchesOf(() => look(many.add(b.exp())))).toBe(2);
  });

  test('more than 32 operations are more than one kernel', () => {
    const x = values();
    const launches = launchesOf(() => {
      let y = x;
      for (let i = 0; i < 70; i++) y = y.add(i).relu();
      look(y);
    });
    expect(launches).toBeGreaterThan(3);
    expect(launches).toBeLessThan(10);
  });

  test('more than maxBindings inputs are more than one kernel', async () => {
    const narrow: Backend = Object.create(backend, {
      capabilities: { value: { ...backend.capabilities, maxBindings: 4 } },
      compile: {
        value: (kernel: Parameters<Backend['compile']>[0]) => {
          const executable = backend.compile(kernel);
          return (...args: Parameters<typeof executable>) => {
            expect(args[0].length + args[1].length).toBeLessThanOrEqual(4);
            executable(...args);
          };
        },
      },
    });
    const xs = [1, 2, 3, 4, 5, 6, 7].map((n) => tensor([n], { device: narrow, dtype: 'float32' }));
    const sum = xs.reduce((a, b) => a.add(b));
    expect(await sum.item()).toBe(28);
  });
});

describe('nobody can tell', () => {
  test('16-bit results are rounded between the parts of a kernel', async () => {
    const x = tensor([0.1, 1000.7, 65000, 3e-7], { dtype: 'float16' });
    const run = (): Promise<unknown> => x.mul(3).div(7).add(0.01).sub(x).tolist();
    const fused = await run();
    set_fusion_enabled(false);
    expect(fused).toEqual(await run());
  });

  test('narrow integers wrap between the parts of a kernel', async () => {
    const x = tensor([100, -100, 127], { dtype: 'int8' });
    expect(await x.add(x).mul(2).to('int32').tolist()).toEqual([-112, 112, -4]);
  });

  test('a faulting division throws at its own call, with its own name', () => {
    const x = tensor([1, 2], { dtype: 'int64' });
    expect(() => x.mul(2).add(1).div(x.sub(1), { rounding_mode: 'floor' })).toThrow(
      'ZeroDivisionError: integer division by zero in div',
    );
  });

  test('a kernel that runs later bears the name of the operator that was called', () => {
    const names: (string | undefined)[] = [];
    const watching: Backend = Object.create(backend, {
      compile: {
        value: (kernel: Parameters<Backend['compile']>[0]) => {
          const executable = backend.compile(kernel);
          return (...args: Parameters<typeof executable>) => {
            names.push(operatorInProgress());
            executable(...args);
          };
        },
      },
    });
    look(tensor([1, 2], { device: watching, dtype: 'float32' }).mul(2).tanh());
    expect(names).toEqual(['tanh']);
  });

  test('a dtype that has no such operation throws at the call', () => {
    const x = tensor([1, 2], { dtype: 'float32' });
    expect(() => x.bitwise_and(x)).toThrow('not implemented for');
  });

  test('shapes that do not broadcast throw at the call', () => {
    const x = values().mul(2);
    expect(() => x.add(functions.ones([2, 2]) as Tensor)).toThrow('must match');
  });

  test('gradients flow through pending values', async () => {
    const x = values().requires_grad_();
    const loss = x.mul(2).add(1).relu().mul(x).sum();
    loss.backward();
    const want = (await x.tolist()) as number[][];
    expect(await x.grad!.tolist()).toEqual(
      want.map((row) => row.map((v) => (2 * v + 1 > 0 ? 4 * v + 1 : 0))),
    );
  });

  test('backward notices that a saved pending value was changed in place', () => {
    const x = values().requires_grad_();
    const y = x.mul(2);
    const z = y.mul(y);
    no_grad(() => y.add_(1));
    expect(() => z.sum().backward()).toThrow('modified by an inplace operation');
  });

  test('a scope frees what was pending in it and keeps what it returns', async () => {
    const x = values();
    const { count } = memoryUsage(backend);
    const y = scope(() => x.mul(2).add(1).mul(x.neg()));
    await turn();
    expect(memoryUsage(backend).count).toBe(count + 1);
    expect(await y.at(0, 0).item()).toBe(-3);
  });

  test('an allocation that fails at the end of the task fails again where somebody looks', async () => {
    const x = values();
    let full = false;
    const small: Backend = Object.create(backend, {
      allocate: {
        value: (...args: Parameters<Backend['allocate']>) => {
          if (full) throw new Error('no more memory');
          return backend.allocate(...args);
        },
      },
    });
    const y = await x.to(small);
    const z = y.mul(2);
    full = true;
    await turn();
    expect(() => z.sum()).toThrow('no more memory');
    full = false;
    expect(await z.sum().item()).toBe(-6);
  });
});
