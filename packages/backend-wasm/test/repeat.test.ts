/** A repeated call that the backend takes over gives what the call itself gives, whatever changed since. */
import {
  callOperator,
  type DType,
  findOperator,
  fromTypedArray,
  intercept,
  library,
  memoryUsage,
  no_grad,
  type Operator,
  repeated,
  set_overrides_enabled,
  setCurrentBackend,
  type Tensor,
  tolistNow,
} from '@sconce/core';
import { KernelFault, type OpKernel, type Schema } from '@sconce/core/backend';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { WasmBackend } from '../src/index.ts';

/** Whether its own operators take calls, or meet a fault. */
let mood: 'willing' | 'unwilling' | 'faulty' = 'willing';

class Moody extends WasmBackend {
  override op(schema: Schema): OpKernel | undefined {
    const own = super.op(schema);
    return (
      own &&
      ((args) => {
        if (mood === 'faulty') throw new KernelFault('index', { index: 9, dim: 1, size: 4 });
        return mood === 'willing' ? own(args) : undefined;
      })
    );
  }
}

const backend = new Moody({ threads: 1 });

beforeEach(() => {
  mood = 'willing';
  setCurrentBackend(backend);
});

function numbers(shape: readonly number[], seed = 0, dtype: DType = 'float32'): Tensor {
  const count = shape.reduce((n, d) => n * d, 1);
  const data = Float32Array.from({ length: count }, (_, i) => (((i * 7 + seed * 5) % 17) - 8) / 4);
  return fromTypedArray(data, shape, 'float32').to(dtype) as Tensor;
}

const operator = (name: string): Operator => findOperator(`aten::${name}`)!;

const looks = (t: Tensor): unknown => ({
  dtype: t.dtype,
  shape: [...t.shape],
  strides: [...t.strides],
  grad: t.requires_grad,
  values: tolistNow(t),
});

function outcome(fn: () => unknown): unknown {
  try {
    const result = fn();
    return Array.isArray(result) ? result.map(looks) : looks(result as Tensor);
  } catch (error) {
    return (error as Error).message;
  }
}

type Args = readonly unknown[];

/** Calls with arguments that come in turn, each twice, three times over. */
function check(name: string, varying: readonly number[], each: readonly (() => Args)[]): void {
  const call = repeated(operator(name), varying);
  for (let round = 0; round < 3; round++)
    for (const make of each)
      for (let i = 0; i < 2; i++)
        expect(outcome(() => call(make()))).toEqual(outcome(() => callOperator(operator(name), make())));
}

/** How often the operator's definition ran while `fn` did. */
function definitions(name: string, fn: () => void): number {
  const spy = vi.spyOn(operator(name).meaning as unknown as { define: () => unknown }, 'define');
  try {
    fn();
    return spy.mock.calls.length;
  } finally {
    spy.mockRestore();
  }
}

const softmaxes: readonly (() => Args)[] = [
  () => [numbers([3, 5]), -1, null],
  () => [numbers([3, 5], 2), 1, null],
  () => [numbers([3, 5]), 0, null],
  () => [numbers([5, 3]).t(), 1, null],
  () => [numbers([4, 9]).slice(1, 2, 7), 1, null],
  () => [numbers([2, 3, 4]).transpose(0, 1), 2, null],
  () => [numbers([3, 5], 0, 'float64'), 1, null],
  () => [numbers([3, 5], 0, 'int64'), 1, null],
  () => [numbers([3, 5], 0, 'int64'), 1, 'float32'],
  () => [numbers([3, 5]), 2, null],
  () => [numbers([0, 5]), 1, null],
  () => [numbers([3, 5]).requires_grad_(true), 1, null],
];

const norms: readonly (() => Args)[] = [
  () => [numbers([3, 4]), [4], numbers([4], 1), numbers([4], 2), 1e-5, true],
  () => [numbers([3, 4], 3), [4], numbers([4], 5), null, 1e-5, true],
  () => [numbers([3, 4], 3), [4], null, null, 0.5, true],
  () => [numbers([2, 3, 4]), [3, 4], numbers([3, 4], 1), null, 1e-5, true],
  () => [numbers([4, 3]).t(), [4], numbers([4], 1), numbers([4], 2), 1e-5, true],
  () => [numbers([3, 8]).slice(1, 2, 6), [4], numbers([8], 1).slice(0, 0, 4), null, 1e-5, true],
  () => [numbers([3, 4], 0, 'float64'), [4], null, null, 1e-5, true],
  () => [numbers([3, 4]), [3], null, null, 1e-5, true],
  () => [numbers([3, 4]), [4], numbers([3], 1), null, 1e-5, true],
  () => {
    const w = numbers([4], 1);
    return [numbers([3, 4]), [4], w, w, 1e-5, true];
  },
  () => {
    const all = numbers([16], 1);
    return [all.slice(0, 0, 8).view([2, 4]), [4], all.slice(0, 8, 12), all.slice(0, 12, 16), 1e-5, true];
  },
  () => [numbers([3, 4]), [4], numbers([4], 1).requires_grad_(true), null, 1e-5, true],
];

const groups: readonly (() => Args)[] = [
  () => [numbers([2, 4, 3]), 2, numbers([4], 1), numbers([4], 2), 1e-5, true],
  () => [numbers([2, 4, 3], 4), 4, numbers([4], 1), null, 1e-5, true],
  () => [numbers([2, 3, 4]).transpose(1, 2), 2, null, null, 1e-5, true],
  () => [numbers([2, 4, 2, 2]), 1, null, null, 1e-5, true],
  () => [numbers([2, 4, 3]), 3, null, null, 1e-5, true],
  () => [numbers([2, 4, 3]).requires_grad_(true), 2, numbers([4], 1), numbers([4], 2), 1e-5, true],
];

const norm = (x: Tensor): Args => [x, [4], numbers([4], 1), numbers([4], 2), 1e-5, true];

describe('a repeated call that the backend takes over', () => {
  for (const [mode, within] of [
    ['with gradients', (fn: () => void) => fn()],
    ['without gradients', (fn: () => void) => no_grad(fn)],
  ] as const)
    it(`gives what the call gives, ${mode}`, () => {
      within(() => {
        check('softmax.int', [0, 1, 2], softmaxes);
        check('log_softmax.int', [0, 1, 2], softmaxes);
        const inner = softmaxes.map((make) => (): Args => [...make().slice(0, 2), false]);
        check('_softmax', [0, 1], inner);
        check('_log_softmax', [0, 1], inner);
        check('layer_norm', [0, 1, 2, 3, 4], norms);
        const native = norms.map((make) => (): Args => make().slice(0, 5));
        check('native_layer_norm', [0, 1, 2, 3, 4], native);
        check('group_norm', [0, 1, 2, 3], groups);
      });
    });

  it('runs no definition again', () => {
    const call = repeated(operator('layer_norm'), [0]);
    const args = norm(numbers([3, 4]));
    const ran = definitions('layer_norm', () => {
      for (let i = 0; i < 5; i++) no_grad(() => call(args));
    });
    expect(ran).toBe(1);
  });

  it('reads its operands anew', () => {
    const call = repeated(operator('layer_norm'), [0]);
    const args = norm(numbers([3, 4]));
    const wanted = (): unknown => outcome(() => callOperator(operator('layer_norm'), args));
    no_grad(() => {
      for (let i = 0; i < 3; i++) {
        expect(outcome(() => call(args))).toEqual(wanted());
        for (const t of [args[0], args[2], args[3]] as Tensor[]) t.mul_(t.add(i));
      }
    });
  });

  it('frees what the operator gives besides, and keeps none of its operands', () => {
    const calls = ['layer_norm', 'native_layer_norm'].map((name) => repeated(operator(name), [0, 2, 3]));
    const round = (): void => {
      for (const [k, call] of calls.entries())
        no_grad(() => {
          const args = norm(numbers([3, 4])).slice(0, k === 0 ? 6 : 5);
          for (const t of [call(args), ...args].flat())
            if (t !== null && typeof t === 'object') (t as Tensor).dispose();
        });
    };
    round();
    const before = [memoryUsage(backend).count, backend.heap.inUse];
    for (let i = 0; i < 5; i++) round();
    expect([memoryUsage(backend).count, backend.heap.inUse]).toEqual(before);
  });

  it('records once gradients are wanted', () => {
    const call = repeated(operator('softmax.int'), [0]);
    const x = numbers([2, 4]);
    for (let i = 0; i < 2; i++) no_grad(() => call([x, 1, null]));
    x.requires_grad_(true);
    const other = numbers([2, 4]).requires_grad_(true);
    const weights = numbers([2, 4], 3);
    (call([x, 1, null]) as Tensor).mul(weights).sum().backward();
    (callOperator(operator('softmax.int'), [other, 1, null]) as Tensor).mul(weights).sum().backward();
    expect(tolistNow(x.grad!)).toEqual(tolistNow(other.grad!));
  });

  it('goes by what a user gave since, to it or to a part of it, and by its definition where asked to', () => {
    const call = repeated(operator('softmax.int'), [0]);
    const x = numbers([2, 4]);
    const fixed = numbers([2, 4], 6);
    no_grad(() => {
      const wanted = outcome(() => call([x, 1, null]));
      expect(outcome(() => call([x, 1, null]))).toEqual(wanted);
      for (const name of ['aten::softmax.int', 'aten::_softmax']) {
        const given = library.impl(name, backend.name, () => fixed.clone());
        expect(tolistNow(call([x, 1, null]) as Tensor)).toEqual(tolistNow(fixed));
        given.destroy();
        for (let i = 0; i < 2; i++) expect(outcome(() => call([x, 1, null]))).toEqual(wanted);
      }
      const before = set_overrides_enabled(false);
      expect(definitions('_softmax', () => call([x, 1, null]))).toBe(1);
      set_overrides_enabled(before);
      const seen: string[] = [];
      const stop = intercept((op, _, proceed) => {
        seen.push(op.base);
        return proceed();
      });
      call([x, 1, null]);
      stop();
      expect(seen).toEqual(['softmax', '_softmax']);
    });
  });

  it('runs the definition where the backend is unwilling, and names faults as the call does', () => {
    const call = repeated(operator('layer_norm'), [0]);
    const args = norm(numbers([3, 4]));
    no_grad(() => {
      for (let i = 0; i < 2; i++) call(args);
      for (const now of ['unwilling', 'faulty', 'willing'] as const) {
        mood = now;
        const got = outcome(() => call(args));
        expect(got).toEqual(outcome(() => callOperator(operator('layer_norm'), args)));
        if (now === 'faulty') expect(got).toMatch(/index 9 .*native_layer_norm/);
      }
    });
  });
});
