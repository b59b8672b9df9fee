/** `gather` and `scatter`: elements moved along one dim, from or to a position that an index gives. */
import {
  contiguousStrides,
  type Executable,
  type GatherKernel,
  KernelFault,
  numelOf,
  type ScatterKernel,
  type View,
} from '@sconce/core';
import { convert } from '../convert.ts';
import { allocateSums, load, offsets, pick, store } from '../values.ts';
import { combiner } from './combine.ts';

export const gather =
  ({ dim }: GatherKernel): Executable =>
  ([output], [x, index]) => {
    // Picked where they lie: x may be a large table of which few rows are wanted.
    store(output, pick(x, positions(x.shape, x.strides, x.offset, index, dim)));
  };

export const scatter =
  ({ dim, combine, dtype }: ScatterKernel): Executable =>
  ([output], [x, index]) => {
    const at = positions(output.shape, contiguousStrides(output.shape), 0, index, dim);
    const values = load(x);
    const result = allocateSums(dtype, numelOf(output.shape));
    (result as Float64Array).set(load(output) as Float64Array);
    if (combine === 'set') for (let i = 0; i < at.length; i++) result[at[i]] = values[i];
    else {
      const f = combiner(combine, dtype);
      for (let i = 0; i < at.length; i++) result[at[i]] = f(result[at[i]] as never, values[i] as never);
    }
    store(output, convert(result, dtype, dtype));
  };

/** For each element of the index, the offset of the element that it names. Faults before anything is read there. */
function positions(
  shape: readonly number[],
  strides: readonly number[],
  offset: number,
  index: View,
  dim: number,
): Int32Array {
  const names = load(index);
  const size = shape[dim];
  for (const name of names)
    if (name < 0 || name >= size) throw new KernelFault('index', { index: Number(name), dim, size });
  const result = offsets(
    index.shape,
    strides.map((stride, d) => (d === dim ? 0 : stride)),
    offset,
  );
  for (let i = 0; i < result.length; i++) result[i] += Number(names[i]) * strides[dim];
  return result;
}
