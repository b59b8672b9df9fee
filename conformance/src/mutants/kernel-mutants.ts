/** Faults in what a kernel is: another combine, another window, a part left out. */
import type { Expr } from '@sconce/core';
import { callMutant, kernelMutant, type Mutant } from './mutant.ts';

const reversed = (list: readonly number[]) => [...list].reverse();
const ones = (list: readonly number[]) => list.map(() => 1);
const isEmpty = (shape: readonly number[]) => shape.includes(0);

export const kernelMutants: readonly Mutant[] = [
  kernelMutant('all is any', 'kernels:reduce.all', 'reduce', (k) => ({
    ...k,
    folds: k.folds.map((f) => (f.combine === 'all' ? { ...f, combine: 'any' } : f)),
  })),
  kernelMutant('the second fold is the first', 'kernels:reduce.folds', 'reduce', (k) => ({
    ...k,
    folds: k.folds.map((f, i) => (i > 0 && f.map.dtype === k.folds[0].map.dtype ? k.folds[0] : f)),
  })),
  kernelMutant('a finish reads the fold for every input', 'kernels:reduce.finish', 'reduce', (k) => {
    const replace = (e: Expr): Expr =>
      e.op === 'input' ? { ...e, index: 0 } : 'args' in e ? ({ ...e, args: e.args.map(replace) } as Expr) : e;
    return k.folds.length === 1 ? { ...k, finish: k.finish.map(replace) } : k;
  }),
  callMutant(
    'a reduce over nothing writes nothing',
    'kernels:reduce.*:size=0',
    'reduce',
    ({ kernel, outputs, inputs, scalars, run }) => {
      if (!isEmpty(inputs[0].shape.slice(kernel.rank))) run(outputs, inputs, scalars);
    },
  ),
  kernelMutant('matmul forgets its finish', 'kernels:matmul', 'matmul', ({ finish: _, ...k }) => k),
  kernelMutant('matmul of int64 through double', 'kernels:matmul', 'matmul', (k) =>
    k.dtype === 'int64' ? { ...k, accumulate: 'float64' } : k,
  ),
  callMutant(
    'matmul over no columns writes nothing',
    'kernels:matmul',
    'matmul',
    ({ outputs, inputs, scalars, run }) => {
      if (inputs[0].shape[2] !== 0) run(outputs, inputs, scalars);
    },
  ),
  callMutant(
    'matmul drops the tail of k',
    'kernels:matmul',
    'matmul',
    ({ outputs, inputs: [a, b, ...rest], scalars, run }) => {
      const k = a.shape[2] > 4 ? a.shape[2] & ~3 : a.shape[2];
      const [x, y] = [
        { ...a, shape: [a.shape[0], a.shape[1], k] },
        { ...b, shape: [b.shape[0], k, b.shape[2]] },
      ];
      run(outputs, [x, y, ...rest], scalars);
    },
  ),
  callMutant(
    'matmul reads one matrix for the whole batch',
    'kernels:matmul',
    'matmul',
    ({ outputs, inputs: [a, ...rest], scalars, run }) =>
      run(outputs, [{ ...a, strides: [0, ...a.strides.slice(1)] }, ...rest], scalars),
  ),
  callMutant(
    'matmul reads a square b transposed',
    'kernels:matmul',
    'matmul',
    ({ outputs, inputs: [a, b, ...rest], scalars, run }) => {
      const [batch, row, column] = b.strides;
      run(
        outputs,
        [a, b.shape[1] === b.shape[2] ? { ...b, strides: [batch, column, row] } : b, ...rest],
        scalars,
      );
    },
  ),
  kernelMutant('conv forgets its finish', 'kernels:conv', 'conv', ({ finish: _, ...k }) => k),
  kernelMutant('conv swaps its strides', 'kernels:conv', 'conv', (k) => ({
    ...k,
    stride: reversed(k.stride),
  })),
  kernelMutant('conv swaps its paddings', 'kernels:conv', 'conv', (k) => ({
    ...k,
    padding: reversed(k.padding),
  })),
  kernelMutant('conv ignores dilation', 'kernels:conv', 'conv', (k) => ({
    ...k,
    dilation: ones(k.dilation),
  })),
  callMutant(
    'conv turns its filters around',
    'kernels:conv',
    'conv',
    ({ outputs, inputs: [x, w, ...rest], scalars, run }) => {
      const strides = w.strides.map((s, d) => (d < 2 ? s : -s));
      const offset = w.strides.reduce(
        (sum, s, d) => (d < 2 ? sum : sum + s * Math.max(w.shape[d] - 1, 0)),
        w.offset,
      );
      run(outputs, [x, { ...w, strides, offset }, ...rest], scalars);
    },
  ),
  callMutant(
    'conv pads at most a window',
    'kernels:conv',
    'conv',
    ({ backend, kernel, outputs, inputs, scalars }) => {
      const padding = kernel.padding.map((p, d) =>
        Math.min(p, inputs[1].shape[2 + d] * kernel.dilation[d] - 1),
      );
      backend.compile({ ...kernel, padding })(outputs, inputs, scalars);
    },
  ),
  kernelMutant('a transposed conv is a conv', 'kernels:conv.transposed:case=2d-1x1', 'conv', (k) => ({
    ...k,
    groups: 1,
    transposed: false,
  })),
  kernelMutant('pool ignores dilation', 'kernels:pool.*', 'pool', (k) => ({
    ...k,
    dilation: ones(k.dilation),
  })),
  kernelMutant('pool swaps its paddings', 'kernels:pool.*', 'pool', (k) => ({
    ...k,
    padding: reversed(k.padding),
  })),
  kernelMutant('scatter with sum overwrites', 'kernels:scatter.sum', 'scatter', (k) =>
    k.combine === 'sum' ? { ...k, combine: 'set' } : k,
  ),
  kernelMutant('scatter with min takes the largest', 'kernels:scatter.min', 'scatter', (k) =>
    k.combine === 'min' ? { ...k, combine: 'max' } : k,
  ),
  kernelMutant('sort sorts upwards always', 'kernels:sort.descending', 'sort', (k) => ({
    ...k,
    descending: false,
  })),
  kernelMutant('cumulative logaddexp is max', 'kernels:scan.logaddexp', 'scan', (k) =>
    k.combine === 'logaddexp' ? { ...k, combine: 'max' } : k,
  ),
  callMutant(
    'scan runs along the first dim',
    'kernels:scan.*',
    'scan',
    ({ outputs, inputs, scalars, run }) => {
      const flip = <V extends (typeof inputs)[number]>(v: V): V => ({
        ...v,
        shape: reversed(v.shape),
        strides: reversed(v.strides),
      });
      run(outputs.map(flip), inputs.map(flip), scalars);
    },
  ),
  callMutant(
    'scan does not start anew in each row',
    'kernels:scan.*',
    'scan',
    ({ outputs, inputs, scalars, run }) => {
      const flat = <V extends (typeof inputs)[number]>(v: V): V => {
        const count = v.shape.reduce((n, size) => n * size, 1);
        return v.strides[v.strides.length - 1] === 1 && count > 0
          ? { ...v, shape: [1, count], strides: [count, 1] }
          : v;
      };
      run(outputs.map(flat), inputs.map(flat), scalars);
    },
  ),
];
