/** Operators taken over through the boxed call, against PyTorch's answers. */
import { type KernelFault, parseSchema, type View } from '@sconce/core';
import { expect, test } from 'vitest';
import { LibTorchBackend } from '../src/index.ts';
import { describeBuilt } from './built.ts';
import { argumentOf, expectValues, goldens, viewOf } from './goldens.ts';

describeBuilt('operators of LibTorch', () => {
  const backend = new LibTorchBackend();
  const take = (schema: string) => backend.op(parseSchema(schema));
  const float = (data: number[], shape = [data.length]) => viewOf(backend, { dtype: 'float32', shape, data });
  const values = ({ memory, offset, shape }: View) =>
    backend.readNow(
      memory,
      offset,
      shape.reduce((n, size) => n * size, 1),
    );

  test.each(goldens.operators)('$schema gives what PyTorch gives', ({ schema, args, want }) => {
    const results = take(schema)!(args.map((arg) => argumentOf(backend, arg)))!;
    expect(results.map(({ dtype, shape }) => ({ dtype, shape }))).toEqual(
      want.map(({ dtype, shape }) => ({ dtype, shape })),
    );
    results.forEach((result, i) => {
      expectValues(values(result), want[i]);
    });
  });

  const add = 'add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor';

  test('reads views of any strides, zero and negative ones included', () => {
    const x = float([1, 2, 3, 4]);
    const backwards: View = { ...x, strides: [-1], offset: 3 };
    const repeated: View = { ...x, strides: [0] };
    expect(values(take(add)!([backwards, repeated, 10])![0])).toEqual(new Float32Array([14, 13, 12, 11]));
  });

  test('refuses a view that reaches beyond its memory', () => {
    const x = float([1, 2]);
    expect(take(add)!([{ ...x, shape: [3] }, x, 1])).toBeUndefined();
  });

  test('leaves random, view and unknown operators to core', () => {
    expect(take('dropout(Tensor input, float p, bool train) -> Tensor')).toBeUndefined();
    expect(take('rand_like(Tensor self) -> Tensor')).toBeUndefined();
    expect(take('view(Tensor(a) self, SymInt[] size) -> Tensor(a)')).toBeUndefined();
    expect(take('bernoulli_.float(Tensor(a!) self, float p=0.5) -> Tensor(a!)')).toBeUndefined();
    expect(take('made_up(Tensor self) -> Tensor')).toBeUndefined();
  });

  test('writes in place, and returns nothing for core to take', () => {
    const add = take('add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)')!;
    const x = float([-1, 1]);
    expect(add([x, float([2, 3]), 2])).toEqual([]);
    expect(values(x)).toEqual(new Float32Array([3, 7]));
    expect(add([{ ...x, strides: [-1], offset: 1 }, x, 1])).toBeUndefined();
    const wrong = float([1, 2, 3]);
    expect(add([x, wrong, 1])).toBeUndefined();
    expect(values(x)).toEqual(new Float32Array([3, 7]));
  });

  test('drops an argument newer than LibTorch while it has its default, and refuses the call otherwise', () => {
    const schema = parseSchema('aten::relu(Tensor self, *, bool newer=False) -> Tensor');
    const relu = backend.op(schema)!;
    const x = float([-1, 1]);
    expect(values(relu([x, false])![0])).toEqual(new Float32Array([0, 1]));
    expect(relu([x, true])).toBeUndefined();
  });

  test('leaves what LibTorch does not compute to the definition', () => {
    const half: View = {
      memory: backend.allocate('float16', 2),
      dtype: 'float16',
      shape: [2],
      strides: [1],
      offset: 0,
    };
    expect(take(add)!([half, half, 1])).toBeUndefined();
    // A shape error is the definition's to report, in the words of every backend.
    expect(take(add)!([float([1, 2]), float([1, 2, 3]), 1])).toBeUndefined();
  });

  test('a result that shares memory with an argument is left to core', () => {
    const x = float([1, 2]);
    expect(take('type_as(Tensor self, Tensor other) -> Tensor')!([x, x])).toBeUndefined();
  });

  test('an index out of range is a KernelFault that says where', () => {
    const gather = take('gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor')!;
    const index = viewOf(backend, { dtype: 'int64', shape: [1], data: [7] });
    expect(() => gather([float([1, 2, 3]), 0, index, false])).toThrow(
      expect.objectContaining({
        name: 'KernelFault',
        fault: 'index',
        detail: { index: 7, dim: 0, size: 3 },
      } satisfies Partial<KernelFault>),
    );
  });

  test('integers beyond 2^53 arrive whole', () => {
    const full = take('full_like(Tensor self, Scalar fill_value) -> Tensor')!;
    const like = viewOf(backend, { dtype: 'int64', shape: [1], data: [0] });
    expect(values(full([like, 2n ** 62n + 1n])![0])).toEqual(new BigInt64Array([2n ** 62n + 1n]));
  });

  test('a kernel frees what it allocated', () => {
    const x = float([1, 2, 3]);
    const out = float([0, 0, 0]);
    const before = backend.liveMemories;
    const square = backend.compile({
      kind: 'pointwise',
      rank: 1,
      exprs: [
        {
          op: 'mul',
          dtype: 'float32',
          args: [
            { op: 'input', index: 0, dtype: 'float32' },
            { op: 'input', index: 0, dtype: 'float32' },
          ],
        },
      ],
    });
    square([{ ...out, strides: [-1], offset: 2 }], [x]);
    expect(values(out)).toEqual(new Float32Array([9, 4, 1]));
    expect(backend.liveMemories).toBe(before);
  });

  test('freed memory cannot be used', () => {
    const x = float([1]);
    backend.free(x.memory);
    expect(() => backend.free(x.memory)).toThrow(/freed/);
    expect(() => backend.readNow(x.memory, 0, 1)).toThrow(/freed/);
  });

  test('memory beyond the machine is an OutOfMemoryError', () => {
    expect(() => backend.allocate('float64', 2 ** 50)).toThrow(
      expect.objectContaining({ name: 'OutOfMemoryError' }),
    );
  });
});
