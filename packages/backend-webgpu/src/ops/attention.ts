/**
 * `scaled_dot_product_attention` of float32, without gradients: scores, their softmax in place, and what it weighs, for as
 * many queries at a time as keep the scores small. The whole matrix of scores is never there where it is large.
 */
import { contiguousStrides, numelOf, type OpKernel, type View, withRank } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { compileMatmul } from '../kernels/matmul.ts';
import { withScratch } from '../kernels/scratch.ts';
import { Softmax, type SoftmaxForm } from '../kernels/softmax.ts';

/** Scores at a time; tests take fewer. */
export const limits = { scores: 1 << 24 };
/** Batches whose heads do not follow on from each other are taken one by one: with more, the definition runs. */
const MOST_BATCHES = 32;

/** Batch, heads, rows, columns. */
const fourDims = (v: View): View => withRank(v, 4);

const isDense = (v: View): boolean => v.shape[0] === 1 || v.strides[0] === v.shape[1]! * v.strides[1]!;

/** Batches and heads as one dim. */
const joined = (v: View): View => ({
  ...v,
  shape: [1, v.shape[0]! * v.shape[1]!, ...v.shape.slice(2)],
  strides: [0, ...v.strides.slice(1)],
});

/** One batch, as [heads, rows, columns]. */
const batch = (v: View, b: number): View => ({
  ...v,
  shape: v.shape.slice(1),
  strides: v.strides.slice(1),
  offset: v.offset + b * v.strides[0]!,
});

/** Rows `from` to `to`. */
const rowsOf = (v: View, from: number, to: number): View => ({
  ...v,
  shape: [v.shape[0]!, to - from, v.shape[2]!],
  offset: v.offset + from * v.strides[1]!,
});

const transposed = (v: View): View => ({
  ...v,
  shape: [v.shape[0]!, v.shape[2]!, v.shape[1]!],
  strides: [v.strides[0]!, v.strides[2]!, v.strides[1]!],
});

/** The mask broadcast to [batches, heads, rows, columns]; undefined where it does not fit. */
function expand(mask: View, shape: readonly number[]): View | undefined {
  const m = fourDims(mask);
  if (m.shape.some((n, d) => n !== 1 && n !== shape[d])) return undefined;
  return { ...m, shape, strides: m.strides.map((s, d) => (m.shape[d] === 1 ? 0 : s)) };
}

export function attention(gpu: Gpu): OpKernel {
  const multiply = compileMatmul(gpu, { kind: 'matmul', dtype: 'float32', accumulate: 'float32' });
  const kernels = new Map<string, Softmax>();
  const softmaxOf = (mask: SoftmaxForm['mask'], causal: boolean): Softmax => {
    const key = `${mask} ${causal}`;
    let kernel = kernels.get(key);
    if (!kernel)
      kernels.set(
        key,
        (kernel = new Softmax(gpu, { dtype: 'float32', log: false, mask, causal, safe: true })),
      );
    return kernel;
  };

  return ([query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa]) => {
    const given = [query, key, value] as View[];
    const causal = is_causal === true;
    if (dropout_p !== 0 || enable_gqa || (causal && attn_mask)) return undefined;
    if (given.some((v) => v.dtype !== 'float32' || v.shape.length !== given[0]!.shape.length))
      return undefined;
    if (given[0]!.shape.length < 2 || given[0]!.shape.length > 4) return undefined;
    const [q, k, v] = given.map(fourDims) as [View, View, View];
    const [batches, heads, rows, depth] = q.shape as [number, number, number, number];
    const [columns, width] = [k.shape[2]!, v.shape[3]!];
    const fits =
      k.shape[3] === depth &&
      v.shape[2] === columns &&
      [k, v].every((t) => t.shape[0] === batches && t.shape[1] === heads);
    if (!fits || [q, k, v].some((t) => numelOf(t.shape) === 0)) return undefined;
    const mask = attn_mask ? expand(attn_mask as View, [batches, heads, rows, columns]) : undefined;
    if (attn_mask && (!mask || (mask.dtype !== 'bool' && mask.dtype !== 'float32'))) return undefined;

    const shape = [batches, heads, rows, width];
    const memory = gpu.allocate('float32', numelOf(shape));
    const out: View = { memory, dtype: 'float32', shape, strides: contiguousStrides(shape), offset: 0 };
    const all = mask ? [out, q, k, v, mask] : [out, q, k, v];
    const whole = all.every(isDense) ? all.map(joined) : all;
    if (whole[0]!.shape[0]! > MOST_BATCHES) {
      gpu.free(memory);
      return undefined;
    }
    const softmax = softmaxOf(mask?.dtype as SoftmaxForm['mask'], causal);
    const factor = scale === null ? 1 / Math.sqrt(depth) : Number(scale);
    for (let b = 0; b < whole[0]!.shape[0]!; b++) {
      const [o, x, y, z, m] = whole.map((t) => batch(t, b)) as [View, View, View, View, View?];
      const count = o.shape[0]!;
      const most = Math.max(16, Math.floor(limits.scores / (count * columns)));
      for (let from = 0; from < rows; from += most) {
        const to = Math.min(rows, from + most);
        withScratch(gpu, 'float32', [count, to - from, columns], (scores) => {
          multiply([scores], [rowsOf(x, from, to), transposed(y)]);
          const masked = m && rowsOf(m, from, to);
          softmax.run({ out: scores, x: scores, mask: masked, scale: factor, firstRow: from });
          multiply([rowsOf(o, from, to)], [scores, z]);
        });
      }
    }
    const missing = 4 - given[0]!.shape.length;
    return [{ ...out, shape: shape.slice(missing), strides: out.strides.slice(missing) }];
  };
}
