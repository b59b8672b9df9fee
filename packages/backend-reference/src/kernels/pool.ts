/** `pool`: the maximum or the sum of a sliding window; positions outside the input are left out. */
import type { Executable, PoolKernel } from '@sconce/core';
import { convert } from '../convert.ts';
import { allocateSums, contiguousStrides, load, numel, offsets, store } from '../values.ts';
import { combiner, identity } from './combine.ts';

export const pool =
  ({ dims, reduce, window, stride, padding, dilation, dtype }: PoolKernel): Executable =>
  ([output, indices], [x]) => {
    const values = load(x);
    const lead = x.shape.length - dims;
    const planes = numel(x.shape.slice(0, lead));
    const size = x.shape.slice(lead);
    const planeSize = numel(size);
    const positions = coordinates(output.shape.slice(lead));
    const taps = coordinates(window);
    const strides = contiguousStrides(size);

    const results = allocateSums(dtype, planes * positions.length);
    const where = new BigInt64Array(results.length);
    const add = combiner('sum', dtype);
    for (let plane = 0; plane < planes; plane++)
      positions.forEach((position, o) => {
        let best = identity(reduce, dtype);
        let bestAt = -1;
        for (const tap of taps) {
          let at = 0;
          for (let d = 0; d < dims && at >= 0; d++) {
            const p = position[d] * stride[d] - padding[d] + tap[d] * dilation[d];
            at = p < 0 || p >= size[d] ? -1 : at + p * strides[d];
          }
          if (at < 0) continue;
          const value = values[plane * planeSize + at];
          if (reduce === 'sum') best = add(best as never, value as never);
          else if (bestAt < 0 || (!Number.isNaN(best) && (value > best || Number.isNaN(value)))) {
            best = value;
            bestAt = at;
          }
        }
        results[plane * positions.length + o] = best;
        where[plane * positions.length + o] = BigInt(bestAt);
      });
    store(output, convert(results, dtype, dtype));
    if (indices) store(indices, where);
  };

/** All coordinates of a shape, in row-major order. */
function coordinates(shape: readonly number[]): number[][] {
  const perDim = shape.map((_, d) =>
    offsets(
      shape,
      shape.map((__, e) => +(d === e)),
      0,
    ),
  );
  return Array.from({ length: numel(shape) }, (_, i) => perDim.map((list) => list[i]));
}
