/** Faults in how a backend walks its views, keeps its executables and moves its bytes. */
import type { Backend, Executable, TypedArray, View } from '@sconce/core';
import { callMutant, type Mutant, plain, withCompile } from './mutant.ts';

const contiguous = (shape: readonly number[]): number[] =>
  shape.map((_, d) => shape.slice(d + 1).reduce((n, size) => n * size, 1));

/** Looks at outputs or inputs through another view. */
const views = (
  name: string,
  query: string,
  which: 'outputs' | 'inputs',
  change: (view: View) => View,
): Mutant =>
  callMutant(name, query, 'any', ({ outputs, inputs, scalars, run }) =>
    which === 'outputs'
      ? run(outputs.map(change), inputs, scalars)
      : run(outputs, inputs.map(change), scalars),
  );

const everywhere = 'kernels:pointwise.layout';

/** A call that a careless vector loop would get wrong. */
const hasTail = ({ shape }: View): boolean => shape.length === 1 && shape[0] > 4 && shape[0] % 4 !== 0;

export const viewMutants: readonly Mutant[] = [
  views('strides of outputs are ignored', everywhere, 'outputs', (v) => ({
    ...v,
    strides: contiguous(v.shape),
  })),
  views('strides of inputs are ignored', everywhere, 'inputs', (v) => ({
    ...v,
    strides: contiguous(v.shape),
  })),
  views('offsets of inputs are ignored', everywhere, 'inputs', (v) => ({ ...v, offset: 0 })),
  views('offsets of outputs are ignored', everywhere, 'outputs', (v) => ({ ...v, offset: 0 })),
  views('a stride of 0 is taken for 1', 'kernels:pointwise.broadcast', 'inputs', (v) => ({
    ...v,
    strides: v.strides.map((s, d) => (s === 0 && v.shape[d] > 1 ? 1 : s)),
  })),
  views('negative strides are taken for positive', everywhere, 'inputs', (v) => ({
    ...v,
    strides: v.strides.map(Math.abs),
  })),
  callMutant(
    'strided outputs of a reduce are ignored',
    'kernels:reduce.*',
    'reduce',
    ({ outputs, inputs, scalars, run }) =>
      run(
        outputs.map((v) => ({ ...v, strides: contiguous(v.shape) })),
        inputs,
        scalars,
      ),
  ),
  callMutant(
    'the tail of a vector loop is not written',
    'kernels:pointwise.size',
    'pointwise',
    ({ outputs, inputs, scalars, run }) => {
      const cut = (v: View): View => (hasTail(v) ? { ...v, shape: [v.shape[0] & ~3] } : v);
      run(outputs.map(cut), inputs.map(cut), scalars);
    },
  ),
  callMutant(
    'a vector loop writes past the end',
    'kernels:pointwise.size',
    'pointwise',
    ({ backend, outputs, inputs, scalars, run }) => {
      run(outputs, inputs, scalars);
      for (const v of outputs)
        if (hasTail(v) && v.strides[0] === 1 && v.dtype === 'float32')
          backend.write(v.memory, v.offset + v.shape[0], Float32Array.of(0));
    },
  ),
  callMutant(
    'an input is written',
    'kernels:pointwise.size',
    'pointwise',
    ({ backend, outputs, inputs, scalars, run }) => {
      run(outputs, inputs, scalars);
      const [first] = inputs;
      if (first?.dtype === 'float32' && !outputs.some((v) => v.memory === first.memory))
        backend.write(first.memory, first.offset, Float32Array.of(99));
    },
  ),
  callMutant(
    'outputs are cleared before inputs are read',
    'kernels:pointwise.alias',
    'pointwise',
    ({ backend, outputs, inputs, scalars, run }) => {
      for (const v of outputs)
        if (v.dtype === 'float32' && v.shape.length > 0 && !v.shape.includes(0))
          backend.write(v.memory, v.offset, Float32Array.of(0));
      run(outputs, inputs, scalars);
    },
  ),
  callMutant(
    'the second output is the first',
    'kernels:pointwise.outputs',
    'pointwise',
    ({ outputs, inputs, scalars, run, backend, kernel }) => {
      const [first] = kernel.exprs;
      if (kernel.exprs.every((e) => e.dtype === first.dtype))
        backend.compile({ ...kernel, exprs: kernel.exprs.map(() => first) })(outputs, inputs, scalars);
      else run(outputs, inputs, scalars);
    },
  ),
  callMutant(
    'true is 255',
    'kernels:pointwise.cast',
    'pointwise',
    ({ backend, outputs, inputs, scalars, run }) => {
      run(outputs, inputs, scalars);
      for (const v of outputs) {
        if (v.dtype !== 'bool' || v.shape.length !== 1 || v.strides[0] !== 1) continue;
        const data = backend.readNow!(v.memory, v.offset, v.shape[0]) as Uint8Array;
        backend.write(
          v.memory,
          v.offset,
          data.map((x) => (x ? 255 : 0)),
        );
      }
    },
  ),
  remembering('scalars of the first call serve for all', 'kernels:pointwise.reuse', (first, call) => [
    call[0],
    call[1],
    first[2],
  ]),
  remembering('shapes of the first call serve for all', 'kernels:pointwise.reuse', (first, call) => [
    call[0].map((v, i) => ({ ...v, shape: first[0][i].shape })),
    call[1].map((v, i) => ({ ...v, shape: first[1][i].shape })),
    call[2],
  ]),
  remembering('strides of the first call serve for all', 'kernels:pointwise.reuse', (first, call) => [
    call[0],
    call[1].map((v, i) => ({ ...v, strides: first[1][i].strides })),
    call[2],
  ]),
  callMutant(
    'int64 scalars pass through double',
    'kernels:pointwise.scalar',
    'any',
    ({ outputs, inputs, scalars, run }) =>
      run(
        outputs,
        inputs,
        scalars.map((s) => (typeof s === 'bigint' ? BigInt(Number(s)) : s)),
      ),
  ),
  memory('write ignores its offset', (backend) => ({ write: (m, _, data) => backend.write(m, 0, data) })),
  memory('read ignores its offset', (backend) => ({ read: (m, _, length) => backend.read(m, 0, length) })),
  memory('read gives the same array again', (backend) => {
    const arrays = new WeakMap<object, TypedArray>();
    return {
      async read(m, offset, length) {
        const fresh = await backend.read(m, offset, length);
        const known = arrays.get(m);
        if (known?.length !== fresh.length) arrays.set(m, fresh);
        else (known as Float64Array).set(fresh as Float64Array);
        return arrays.get(m)!;
      },
    };
  }),
];

type Arguments = readonly [
  outputs: readonly View[],
  inputs: readonly View[],
  scalars: readonly (number | bigint)[],
];

/** An executable that keeps something of its first call. */
function remembering(
  name: string,
  query: string,
  mix: (first: Arguments, call: Arguments) => Arguments,
): Mutant {
  return {
    name,
    query,
    mutate: (backend) =>
      withCompile(backend, (kernel) => {
        const run: Executable = backend.compile(kernel);
        let first: Arguments | undefined;
        return (outputs, inputs, scalars = []) => {
          const call: Arguments = [outputs.map(plain), inputs.map(plain), scalars];
          first ??= call;
          run(...mix(first, call));
        };
      }),
  };
}

function memory(name: string, change: (backend: Backend) => Partial<Backend>): Mutant {
  return {
    name,
    query: 'kernels:memory.*',
    mutate: (backend) =>
      Object.assign(Object.create(backend) as Backend, { name: 'mutant', ...change(backend) }),
  };
}
