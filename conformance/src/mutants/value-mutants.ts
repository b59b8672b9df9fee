/** Faults that depend on values: NaN, ties, indices out of range. They change what a kernel reads, or what it wrote. */
import { type Backend, dtypes, KernelFault, type View } from '@sconce/core';
import { decode, encode, type Num } from '../numbers.ts';
import { callMutant, type Mutant } from './mutant.ts';

const numel = ({ shape }: View): number => shape.reduce((n, size) => n * size, 1);

/** The whole memory as far as the view can reach it: enough for the dense and strided views of the suite. */
const reach = ({ shape, strides, offset }: View): number =>
  shape.reduce((sum, size, d) => sum + Math.max(strides[d], 0) * (size - 1), offset) + 1;

/** The view on a copy of its memory, with each element replaced. */
function replaced(backend: Backend, view: View, change: (value: Num, at: number) => Num): View {
  if (numel(view) === 0) return view;
  const length = reach(view);
  const values = decode(backend.readNow!(view.memory, 0, length), view.dtype).map(change);
  const memory = backend.allocate(view.dtype, length);
  backend.write(memory, 0, encode(values, view.dtype));
  return { ...view, memory };
}

/** Changes the elements that a kernel wrote. */
function rewritten(backend: Backend, view: View, change: (value: Num) => Num): void {
  if (numel(view) === 0) return;
  const coordinates = view.shape.reduce<number[]>(
    (offsets, size, d) =>
      offsets.flatMap((offset) => Array.from({ length: size }, (_, i) => offset + i * view.strides[d])),
    [view.offset],
  );
  for (const at of coordinates) {
    const [value] = decode(backend.readNow!(view.memory, at, 1), view.dtype);
    backend.write(view.memory, at, encode([change(value)], view.dtype));
  }
}

const isNaNValue = (value: Num) => typeof value === 'number' && Number.isNaN(value);
const withoutNaN = (value: Num) => (isNaNValue(value) ? -Infinity : value);

/** The view read backwards along its last dim. */
const backwards = (view: View): View => {
  const d = view.shape.length - 1;
  return {
    ...view,
    offset: view.offset + Math.max(view.shape[d] - 1, 0) * view.strides[d],
    strides: view.strides.map((s, i) => (i === d ? -s : s)),
  };
};

export const valueMutants: readonly Mutant[] = [
  callMutant(
    'a reduction to the largest drops NaN',
    'kernels:reduce.max',
    'reduce',
    ({ backend, kernel, outputs, inputs, scalars, run }) =>
      run(
        outputs,
        kernel.folds.some((f) => f.combine === 'max')
          ? inputs.map((v) => (dtypes[v.dtype].isFloat ? replaced(backend, v, withoutNaN) : v))
          : inputs,
        scalars,
      ),
  ),
  callMutant(
    'argmax takes the last of equals',
    'kernels:reduce.argmax',
    'reduce',
    ({ backend, kernel, outputs, inputs, scalars, run }) => {
      const isPlain =
        kernel.folds.length === 1 && kernel.folds[0].combine === 'argmax' && kernel.reduced === 1;
      if (!isPlain) return run(outputs, inputs, scalars);
      run(outputs, inputs.map(backwards), scalars);
      const last = BigInt(inputs[0].shape[inputs[0].shape.length - 1] - 1);
      rewritten(backend, outputs[0], (at) => last - BigInt(at));
    },
  ),
  callMutant(
    'a float32 sum adds one after another',
    'kernels:reduce.sum',
    'reduce',
    ({ backend, kernel, outputs, inputs, scalars, run }) => {
      run(outputs, inputs, scalars);
      const [x] = inputs;
      const length = x.shape[x.shape.length - 1];
      if (
        kernel.folds.length > 1 ||
        kernel.folds[0].combine !== 'sum' ||
        x.dtype !== 'float32' ||
        x.shape.length !== 2 ||
        length < 1000
      )
        return;
      let row = 0;
      rewritten(backend, outputs[0], () => {
        let sum = 0;
        for (const v of backend.readNow!(x.memory, x.offset + row * x.strides[0], length) as Float32Array)
          sum = Math.fround(sum + v);
        row++;
        return sum;
      });
    },
  ),
  callMutant('pool drops NaN', 'kernels:pool.max', 'pool', ({ backend, outputs, inputs, scalars, run }) =>
    run(
      outputs,
      inputs.map((v) => (dtypes[v.dtype].isFloat ? replaced(backend, v, withoutNaN) : v)),
      scalars,
    ),
  ),
  callMutant(
    'pool takes its padding for zeros',
    'kernels:pool.max',
    'pool',
    ({ backend, kernel, outputs, inputs, scalars, run }) => {
      run(outputs, inputs, scalars);
      if (kernel.reduce === 'max' && kernel.padding.some((p) => p > 0) && outputs[0].dtype === 'float32')
        rewritten(backend, outputs[0], (v) => (Number(v) < 0 ? 0 : v));
    },
  ),
  callMutant(
    'pool counts positions with the padding',
    'kernels:pool.max',
    'pool',
    ({ backend, kernel, outputs, inputs, scalars, run }) => {
      run(outputs, inputs, scalars);
      if (outputs[1])
        rewritten(
          backend,
          outputs[1],
          (at) => BigInt(at) + BigInt(kernel.padding[kernel.padding.length - 1]),
        );
    },
  ),
  callMutant(
    'pool takes the last of equals',
    'kernels:pool.max',
    'pool',
    ({ backend, outputs, inputs, scalars, run }) => {
      const [x] = inputs;
      run(outputs, inputs, scalars);
      if (!outputs[1] || x.dtype !== 'float32') return;
      // Each element a little larger than its equals before it: the positions change, the values do not.
      const nudged = replaced(backend, x, (v, at) =>
        Number.isFinite(v) ? Number(v) + (at + 1) * 2 ** -14 : v,
      );
      const scratch = backend.allocate('float32', reach(outputs[0]));
      run([{ ...outputs[0], memory: scratch }, outputs[1]], [nudged], scalars);
    },
  ),
  callMutant(
    'gather wraps negative indices',
    'kernels:gather',
    'gather',
    ({ backend, kernel, outputs, inputs: [x, index], run }) => {
      const size = BigInt(x.shape[kernel.dim]);
      run(outputs, [
        x,
        replaced(backend, index, (i) => (BigInt(i) < 0n && BigInt(i) >= -size ? BigInt(i) + size : i)),
      ]);
    },
  ),
  callMutant(
    'gather clamps indices',
    'kernels:gather',
    'gather',
    ({ backend, kernel, outputs, inputs: [x, index], run }) => {
      const size = BigInt(x.shape[kernel.dim]);
      run(outputs, [
        x,
        replaced(backend, index, (i) =>
          BigInt(i) < 0n ? 0n : BigInt(i) >= size && size > 0n ? size - 1n : i,
        ),
      ]);
    },
  ),
  callMutant(
    'gather takes the low 32 bits of an index',
    'kernels:gather',
    'gather',
    ({ backend, outputs, inputs: [x, index], run }) =>
      run(outputs, [x, replaced(backend, index, (i) => BigInt.asIntN(32, BigInt(i)))]),
  ),
  callMutant(
    'gather ignores the strides of its index',
    'kernels:gather',
    'gather',
    ({ outputs, inputs: [x, index], run }) =>
      run(outputs, [
        x,
        { ...index, strides: index.shape.map((_, d) => index.shape.slice(d + 1).reduce((n, s) => n * s, 1)) },
      ]),
  ),
  callMutant(
    'scatter forgets what was there',
    'kernels:scatter.sum',
    'scatter',
    ({ backend, outputs, inputs, run }) => {
      rewritten(backend, outputs[0], (v) => (typeof v === 'bigint' ? 0n : 0));
      run(outputs, inputs);
    },
  ),
  callMutant(
    'scatter writes before it faults',
    'kernels:scatter.set',
    'scatter',
    ({ backend, outputs, inputs, run }) => {
      try {
        run(outputs, inputs);
      } catch (error) {
        if (error instanceof KernelFault)
          rewritten(backend, outputs[0], (v) => (typeof v === 'bigint' ? v + 1n : v + 1));
        throw error;
      }
    },
  ),
  callMutant(
    'scatter does not look at its indices',
    'kernels:scatter.sum',
    'scatter',
    ({ outputs, inputs, run }) => {
      try {
        run(outputs, inputs);
      } catch (error) {
        if (!(error instanceof KernelFault)) throw error;
      }
    },
  ),
  callMutant(
    'scatter with max drops NaN',
    'kernels:scatter.max',
    'scatter',
    ({ backend, kernel, outputs, inputs: [x, index], run }) =>
      run(outputs, [
        kernel.combine === 'max' && dtypes[x.dtype].isFloat ? replaced(backend, x, withoutNaN) : x,
        index,
      ]),
  ),
  callMutant('sort is not stable', 'kernels:sort', 'sort', ({ backend, outputs, inputs, run }) => {
    run(outputs, inputs.map(backwards));
    const length = inputs[0].shape[inputs[0].shape.length - 1];
    if (outputs[1]) rewritten(backend, outputs[1], (at) => BigInt(length - 1) - BigInt(at));
  }),
  callMutant('sort takes NaN for the least', 'kernels:sort', 'sort', ({ backend, outputs, inputs, run }) => {
    const [x] = inputs;
    if (!dtypes[x.dtype].isFloat || !outputs[1]) return run(outputs, inputs);
    const scratch = { ...outputs[0], memory: backend.allocate(x.dtype, reach(outputs[0])) };
    run(outputs, inputs);
    run([scratch, outputs[1]], [replaced(backend, x, withoutNaN)]);
  }),
  callMutant(
    'a running maximum forgets NaN',
    'kernels:scan.max',
    'scan',
    ({ backend, kernel, outputs, inputs, run }) =>
      run(
        outputs,
        kernel.combine === 'max'
          ? inputs.map((v) => (dtypes[v.dtype].isFloat ? replaced(backend, v, withoutNaN) : v))
          : inputs,
      ),
  ),
  callMutant(
    'scan leaves each element out of its own fold',
    'kernels:scan.sum',
    'scan',
    ({ backend, kernel, outputs, inputs, run }) => {
      run(outputs, inputs);
      if (kernel.combine !== 'sum' || outputs[0].dtype !== 'float32' || outputs[0].shape.length !== 1) return;
      const values = decode(
        backend.readNow!(outputs[0].memory, outputs[0].offset, outputs[0].shape[0]),
        'float32',
      ) as number[];
      backend.write(outputs[0].memory, outputs[0].offset, Float32Array.from([0, ...values.slice(0, -1)]));
    },
  ),
];
