/** A call that is repeated gives what the call itself gives, whatever changed since: layouts, dtypes, modes, who looks on. */
import { reference } from '@sconce/backend-reference';
import {
  type ConvKernel,
  callOperator,
  currentBackend,
  type DType,
  findOperator,
  fromTypedArray,
  intercept,
  kernel_launches,
  library,
  memoryUsage,
  no_grad,
  type Operator,
  observe_launches,
  repeated,
  set_default_dtype,
  set_fusion_enabled,
  setConvolutionPrecision,
  setCurrentBackend,
  type Tensor,
  tolistNow,
} from '@sconce/core';
import { beforeAll, describe, expect, it, vi } from 'vitest';

beforeAll(() => setCurrentBackend(reference()));

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
  offset: t.offset,
  grad: t.requires_grad,
  values: tolistNow(t),
});

/** What can be seen of a result, or the error. */
function outcome(fn: () => unknown): unknown {
  try {
    const result = fn();
    return Array.isArray(result) ? result.map(looks) : looks(result as Tensor);
  } catch (error) {
    return (error as Error).message;
  }
}

/** Operands that come to one place in turn, each layout twice: shapes, orders of dims, windows, dtypes, what does not fit. */
const pairs: readonly (() => readonly [Tensor, Tensor])[] = [
  () => [numbers([3, 4]), numbers([3, 4], 1)],
  () => [numbers([3, 4], 2), numbers([4], 3)],
  () => [numbers([4, 3]).t(), numbers([3, 1], 1)],
  () => [numbers([4, 3]).t(), numbers([4, 3], 1).t()],
  () => [numbers([3, 8]).slice(1, 1, 5), numbers([], 2)],
  () => [numbers([3, 4], 0, 'int64'), numbers([3, 4], 1)],
  () => [numbers([3, 4], 0, 'float64'), numbers([3, 4], 1, 'int32')],
  () => [numbers([3, 4]), numbers([5], 1)],
  () => [numbers([0, 4]), numbers([4], 1)],
  () => [numbers([1]).expand([3, 4]), numbers([3, 4], 2)],
  () => {
    const x = numbers([3, 4]);
    return [x, x];
  },
  () => {
    const x = numbers([12]);
    return [x.slice(0, 0, 8), x.slice(0, 4, 12)];
  },
  () => [numbers([3, 4]).requires_grad_(true), numbers([3, 4], 4)],
] as never;

function check(name: string, rest: readonly unknown[], varying: readonly number[], each = pairs): void {
  const op = operator(name);
  const call = repeated(op, varying);
  for (let round = 0; round < 3; round++)
    for (const make of each)
      for (let i = 0; i < 2; i++) {
        const got = outcome(() => call([...make(), ...rest]));
        expect(got).toEqual(outcome(() => callOperator(op, [...make(), ...rest])));
      }
}

describe('a call that is repeated', () => {
  const recordings: readonly [string, (fn: () => void) => void][] = [
    ['with gradients', (fn) => fn()],
    ['without gradients', (fn) => no_grad(fn)],
  ];
  for (const [mode, within] of recordings) {
    it(`gives what formulas give, ${mode}`, () => {
      within(() => check('add.Tensor', [2], [0, 1]));
      within(() => check('div.Tensor', [], [0, 1]));
      within(() => check('lt.Tensor', [], [0, 1]));
    });

    it(`writes in place what the call writes, ${mode}`, () => {
      within(() => check('add_.Tensor', [2], [0, 1]));
      within(() => check('mul_.Tensor', [], [0, 1]));
    });

    it(`gives what definitions give, ${mode}`, () => {
      const matrices = [
        () => [numbers([3, 4]), numbers([4, 2], 1)],
        () => [numbers([4, 3]).t(), numbers([2, 4], 1).t()],
        () => [numbers([3, 4], 0, 'float64'), numbers([4, 2], 1, 'float64')],
        () => [numbers([3, 4]), numbers([3, 2], 1)],
        () => [numbers([3, 4]), numbers([4, 2], 1, 'float64')],
      ] as unknown as typeof pairs;
      within(() => check('mm', [], [0, 1], matrices));
      within(() => check('matmul', [], [0, 1], matrices));
      const batches = [
        () => [numbers([2, 3, 4]), numbers([2, 4, 2], 1)],
        () => [numbers([2, 4, 3]).transpose(1, 2), numbers([4, 2], 1)],
        () => [numbers([2, 2, 3, 4]), numbers([2, 1, 2, 4], 1).transpose(2, 3)],
        () => [numbers([3, 4]), numbers([4], 1)],
        () => {
          const x = numbers([3, 3]);
          return [x, x.t()];
        },
      ] as unknown as typeof pairs;
      within(() => check('matmul', [], [0, 1], batches));
      const layers = [
        () => [numbers([3, 4]), numbers([2, 4], 1)],
        () => [numbers([2, 3, 4]), numbers([2, 4], 1)],
        () => [numbers([4]), numbers([2, 4], 1)],
      ] as unknown as typeof pairs;
      within(() => check('linear', [null], [0, 1], layers));
      within(() => check('linear', [numbers([2], 3)], [0, 1], layers));
      const images = [
        () => [numbers([2, 4, 5, 5]), numbers([6, 4, 3, 3], 1)],
        () => [numbers([2, 5, 5, 4]).permute([0, 3, 1, 2]), numbers([6, 4, 3, 3], 1)],
        () => [numbers([4, 7, 6]), numbers([6, 4, 3, 1], 1)],
        () => [numbers([2, 4, 2, 2]), numbers([6, 4, 4, 4], 1)],
        () => [numbers([2, 4, 5, 5]), numbers([4, 4, 3, 3], 1)],
        () => [numbers([2, 4, 5, 5], 0, 'float64'), numbers([6, 4, 3, 3], 1, 'float64')],
      ] as unknown as typeof pairs;
      within(() => check('conv2d', [numbers([6], 3), [1, 1], [0, 1], [1, 1], 1], [0, 1], images));
      within(() => check('conv2d', [null, [2, 1], [1, 1], [1, 2], 1], [0, 1], images));
      within(() => check('conv2d.padding', [null, [1, 1], 'same', [1, 1], 1], [0, 1], images));
      const planes = [
        () => [numbers([2, 3, 6, 6])],
        () => [numbers([2, 6, 6, 3]).permute([0, 3, 1, 2])],
        () => [numbers([3, 7, 5])],
        () => [numbers([1, 1])],
      ] as unknown as typeof pairs;
      within(() => check('max_pool2d', [[3, 3], [2, 2], [1, 1], [1, 1], false], [0], planes));
      within(() => check('avg_pool2d', [[2, 3], [], [0, 1], true, false, null], [0], planes));
      within(() => check('adaptive_avg_pool2d', [[1, 1]], [0], planes));
      within(() => check('adaptive_avg_pool2d', [[2, 3]], [0], planes));
      within(() => check('convolution', [null, [1, 1], [0, 1], [1, 1], false, [0, 0], 1], [0, 1], images));
    });
  }

  it('joins lists of any length, by as many kernels as there are parts', () => {
    const same = numbers([2, 3], 5);
    const images = [numbers([2, 5, 5, 4]), numbers([2, 5, 5, 3], 1)].map((t) => t.permute([0, 3, 1, 2]));
    const lists: readonly (() => readonly Tensor[])[] = [
      () => [numbers([2, 3]), numbers([2, 3], 1)],
      () => [numbers([2, 3], 2), numbers([4, 3], 3)],
      () => [numbers([2, 3]), numbers([2, 3], 1), numbers([2, 3], 2)],
      () => [numbers([3, 2]).t(), numbers([2, 3], 1)],
      () => [numbers([2, 3]), numbers([2, 3], 1, 'float64')],
      () => [numbers([2, 3]), numbers([2, 3], 1, 'int64')],
      () => [numbers([2, 3], 4)],
      () => [numbers([0]), numbers([2, 3], 1)],
      () => [numbers([0, 3]), numbers([2, 3], 1)],
      () => [same, same],
      () => numbers([4, 3]).split(2) as Tensor[],
      () => images as Tensor[],
      () => [numbers([2, 3]), numbers([2, 4], 1)],
      () => [numbers([2, 3]), numbers([3], 1)],
      () => [],
      () => [numbers([2, 3]), numbers([2, 3], 1).requires_grad_(true)],
    ];
    const each = lists.flatMap((list) => [0, 1, -1, 2].map((dim) => () => [list(), dim]));
    for (const [, within] of recordings)
      for (const name of ['cat', 'concat', 'stack'])
        for (let i = 0; i < each.length; i += 8)
          within(() => check(name, [], [0, 1], each.slice(i, i + 8) as unknown as typeof pairs));

    const call = repeated(operator('cat'), [0]);
    const parts = [numbers([2, 3]), numbers([2, 1], 1), numbers([2, 2], 2)];
    no_grad(() => {
      for (let i = 0; i < 3; i++) {
        const before = kernel_launches();
        const joined = call([parts, 1]) as Tensor;
        expect(kernel_launches() - before).toBe(3);
        expect(outcome(() => joined)).toEqual(outcome(() => callOperator(operator('cat'), [parts, 1])));
        // What is read is read anew, and a list that changed is another list.
        parts[1].add_(1);
      }
      parts.pop();
      expect(outcome(() => call([parts, 1]))).toEqual(
        outcome(() => callOperator(operator('cat'), [parts, 1])),
      );
    });
  });

  it('goes on remembering while each layout comes to several nodes, and stops where none comes twice', () => {
    const cat = operator('cat');
    const spy = vi.spyOn(cat.meaning as unknown as { define: () => unknown }, 'define');
    const runs = (call: (args: readonly unknown[]) => unknown, length: number, times: number): number => {
      const before = spy.mock.calls.length;
      for (let i = 0; i < times; i++) no_grad(() => call([[numbers([length, 2]), numbers([1, 2])], 0]));
      return spy.mock.calls.length - before;
    };
    const shared = repeated(cat, [0]);
    for (let length = 1; length <= 200; length++) expect(runs(shared, length, 3)).toBe(1);
    const alone = repeated(cat, [0]);
    for (let length = 1; length <= 200; length++) runs(alone, length, 1);
    expect(runs(alone, 201, 3)).toBe(3);
    spy.mockRestore();
  });

  it('joins without running the definition again', () => {
    const cat = operator('cat');
    const spy = vi.spyOn(cat.meaning as unknown as { define: () => unknown }, 'define');
    const call = repeated(cat, [0]);
    for (let i = 0; i < 4; i++) no_grad(() => call([[numbers([2, 3]), numbers([2, 3], i)], 1]));
    expect(spy.mock.calls.length).toBe(1);
    spy.mockRestore();
  });

  it('views as the operator views, for each layout and each number', () => {
    const transpose = repeated(operator('transpose.int'), [0, 1, 2]);
    const split = repeated(operator('split.Tensor'), [0, 1]);
    const view = repeated(operator('view'), [0, 1]);
    const tensors = [
      numbers([4, 6]),
      numbers([6, 4]).t(),
      numbers([9, 6]).slice(0, 2, 6),
      numbers([4, 6], 0, 'int64'),
    ];
    for (let round = 0; round < 3; round++)
      for (const x of tensors) {
        for (const dims of [
          [0, 1],
          [1, 0],
          [1, 1],
          [0, 5],
        ])
          expect(outcome(() => transpose([x, ...dims]))).toEqual(
            outcome(() => callOperator(operator('transpose.int'), [x, ...dims])),
          );
        for (const size of [1, 2, 3])
          expect(outcome(() => split([x, size, 1]))).toEqual(
            outcome(() => callOperator(operator('split.Tensor'), [x, size, 1])),
          );
        for (const size of [[2, 2, 6], [4, 6], [2, 2, 3, 2], [5]])
          expect(outcome(() => view([x, size]))).toEqual(
            outcome(() => callOperator(operator('view'), [x, size])),
          );
      }
  });

  it('reshapes by a view or by a copy, whichever the layout takes', () => {
    const call = repeated(operator('reshape'), [0, 1]);
    const make = [
      () => numbers([4, 6]),
      () => numbers([6, 4]).t(),
      () => numbers([9, 6]).slice(0, 2, 6),
      () => numbers([24]).expand([2, 24]).select(0, 1).view([4, 6]),
    ] as (() => Tensor)[];
    no_grad(() => {
      for (let round = 0; round < 3; round++)
        for (const x of make)
          for (const size of [[24], [4, 6], [2, -1], [5]]) {
            const [base, other] = [x(), x()];
            expect(outcome(() => call([base, size]))).toEqual(
              outcome(() => callOperator(operator('reshape'), [other, size])),
            );
            if (size[0] === 5) continue;
            // What shares memory with its operand goes on sharing it.
            const result = call([base, size]) as Tensor;
            const wanted = callOperator(operator('reshape'), [other, size]) as Tensor;
            base.zero_();
            other.zero_();
            expect(tolistNow(result)).toEqual(tolistNow(wanted));
            expect(result.base === null).toBe(wanted.base === null || wanted.storage !== other.storage);
          }
    });
  });

  it('runs an implementation that was given to a part of it since', () => {
    const call = repeated(operator('linear'), [0, 1, 2]);
    const [x, w] = [numbers([2, 3, 4]), numbers([2, 4], 1)];
    const wanted = numbers([6, 2], 5);
    no_grad(() => {
      for (let i = 0; i < 2; i++) call([x, w, null]);
      const given = library.impl('aten::mm', currentBackend().name, () => wanted.clone());
      expect(tolistNow(call([x, w, null]) as Tensor)).toEqual(tolistNow(wanted.view([2, 3, 2])));
      given.destroy();
      expect(tolistNow(call([x, w, null]) as Tensor)).toEqual(
        tolistNow(callOperator(operator('linear'), [x, w, null]) as Tensor),
      );
    });
  });

  it('launches one kernel where the call launched one', () => {
    const call = repeated(operator('linear'), [0, 1, 2]);
    const args = [numbers([2, 3, 4]), numbers([2, 4], 1), numbers([2], 3)];
    const launched = (): number => {
      const before = kernel_launches();
      no_grad(() => call(args));
      return kernel_launches() - before;
    };
    expect([launched(), launched(), launched()]).toEqual([1, 1, 1]);
  });

  it('convolves as accurately as is asked for now', () => {
    const call = repeated(operator('conv2d'), [0]);
    const [x, w] = [numbers([1, 2, 6, 6]), numbers([2, 2, 3, 3], 1)];
    const asked: unknown[] = [];
    const before = observe_launches((_, kernel, __, ___, proceed) => {
      asked.push((kernel as ConvKernel).precision);
      proceed();
    });
    const { name } = currentBackend();
    const values = ['fast', 'fast', 'off', 'precise', 'precise', 'fast', 'off', 'off'] as const;
    for (const value of values) {
      setConvolutionPrecision(name, value);
      no_grad(() => call([x, w, null, [1, 1], [1, 1], [1, 1], 1]));
    }
    setConvolutionPrecision(name, 'fast');
    call([x, w, null, [1, 1], [1, 1], [1, 1], 1]);
    observe_launches(before);
    const meaning = { fast: 'fast', precise: undefined, off: 'exact' };
    expect(asked).toEqual([...values.map((value) => meaning[value]), undefined]);
  });

  it('has the gradients of what it computed', () => {
    const call = repeated(operator('mul.Tensor'), [0, 1]);
    const [x, y] = [numbers([3]), numbers([3], 1)];
    for (let i = 0; i < 2; i++) no_grad(() => call([x, y]));
    x.requires_grad_(true);
    (call([x, y]) as Tensor).sum().backward();
    expect(tolistNow(x.grad!)).toEqual(tolistNow(y));
  });

  it('counts what it wrote as a version of the memory', () => {
    const call = repeated(operator('relu_'), [0]);
    const x = numbers([3]);
    for (let i = 1; i <= 3; i++) {
      expect(call([x])).toBe(x);
      expect(x._version).toBe(i);
    }
  });

  it('is seen by whoever looks at calls, and when it may wait', () => {
    const call = repeated(operator('add.Tensor'), [0, 1]);
    const [x, y] = [numbers([3]), numbers([3], 1)];
    for (let i = 0; i < 2; i++) call([x, y, 1]);
    const names: string[] = [];
    const stop = intercept((op, _, proceed) => {
      names.push(op.base);
      return proceed();
    });
    call([x, y, 1]);
    stop();
    expect(names).toEqual(['add']);
    const before = set_fusion_enabled(true);
    const waiting = call([x, y, 1]) as Tensor;
    expect(waiting.storage.pending).not.toBeNull();
    expect(tolistNow(call([waiting, y, 1]) as Tensor)).toEqual(tolistNow(x.add(y).add(y)));
    set_fusion_enabled(before);
  });

  it('follows the default dtype, and what a user gives for a backend', () => {
    const call = repeated(operator('div.Tensor'), [0, 1]);
    const [x, y] = [numbers([3], 0, 'int64'), numbers([3], 1, 'int64').add(9)];
    for (let i = 0; i < 2; i++) expect((call([x, y]) as Tensor).dtype).toBe('float32');
    set_default_dtype('float64');
    expect((call([x, y]) as Tensor).dtype).toBe('float64');
    set_default_dtype('float32');
    const op = operator('div.Tensor');
    op.implementations = new Map([[currentBackend().name, () => x]]);
    expect(call([x, y])).toBe(x);
    op.implementations = null;
  });

  it('keeps no memory of what it saw', () => {
    const calls = ['neg', 't', 'flatten.using_ints'].map((name) => repeated(operator(name), [0]));
    const before = memoryUsage(currentBackend()).count;
    for (let i = 1; i < 20; i++)
      for (const call of calls) {
        const x = numbers([i, 2]);
        no_grad(() => (call([x, 0, -1]) as Tensor).dispose());
        x.dispose();
      }
    expect(memoryUsage(currentBackend()).count).toBe(before);
  });
});
