/** `pool`: the maximum or the sum of a sliding window; positions outside the input are left out. */
import { type Executable, numelOf, type PoolKernel } from '@sconce/core';
import { convert } from '../convert.ts';
import { allocateSums, load, store } from '../values.ts';
import { identity } from './combine.ts';
import { LINE, windowLines } from './window.ts';

export const pool =
  (kernel: PoolKernel): Executable =>
  ([output, indices], [x]) => {
    const { dims, reduce, dtype, window, stride } = kernel;
    const lead = x.shape.length - dims;
    const [size, outSize] = [x.shape.slice(lead), output.shape.slice(lead)];
    const [planes, xPlane, outPlane] = [x.shape.slice(0, lead), size, outSize].map(numelOf);
    const lines = windowLines(kernel, window, outSize, size);
    const step = stride[dims - 1];

    const values = load(x);
    const results = allocateSums(dtype, planes * outPlane);
    results.fill(identity(reduce, dtype) as never);
    const where = new Int32Array(results.length).fill(-1);
    const addLine = reduce === 'sum' ? sumLine : maxLine;
    for (let plane = 0; plane < planes; plane++)
      for (let l = 0; l < lines.length; l += LINE)
        addLine(plane * outPlane + lines[l + 1], plane * xPlane, lines[l + 2], lines[l + 3]);
    store(output, convert(results, dtype, dtype));
    if (indices) store(indices, convert(where, 'int32', 'int64'));

    /** Adds `count` values, from `at` in the plane on, to the results from `o` on. */
    function sumLine(o: number, plane: number, at: number, count: number): void {
      for (let i = 0; i < count; i++)
        (results as Float64Array)[o + i] += values[plane + at + i * step] as number;
    }

    function maxLine(o: number, plane: number, at: number, count: number): void {
      for (let i = 0; i < count; i++, o++, at += step) {
        const value = values[plane + at];
        const best = results[o];
        if (where[o] >= 0 && (Number.isNaN(best) || !(value > best || Number.isNaN(value)))) continue;
        results[o] = value;
        where[o] = at;
      }
    }
  };
