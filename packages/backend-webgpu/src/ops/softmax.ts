/** `_softmax` and `_log_softmax` over dims that lie densely: one kernel where their definition has three. */
import { contiguousStrides, numelOf, type OpKernel, type View } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';

import { Softmax } from '../kernels/softmax.ts';

/** On a GPU, a workgroup per row wants longer rows than this; and on a CPU four lanes do. */
const LEAST_COLUMNS = 16;

const dtypes = ['float32', 'float16', 'bfloat16'] as const;

export function softmax(gpu: Gpu, log: boolean): OpKernel {
  const kernels = new Map(
    dtypes.map((dtype) => [dtype as string, new Softmax(gpu, { dtype, log, causal: false, safe: false })]),
  );
  return ([self, dim, half_to_float]) => {
    const x = self as View;
    const rank = x.shape.length;
    const kernel = kernels.get(x.dtype);
    const last = Number(dim) === rank - 1 || Number(dim) === -1;
    if (!kernel || rank === 0 || !last || half_to_float || x.strides[rank - 1] !== 1) return undefined;
    if (x.shape[rank - 1]! < LEAST_COLUMNS || numelOf(x.shape) === 0) return undefined;
    const out = {
      memory: gpu.allocate(x.dtype, numelOf(x.shape)),
      dtype: x.dtype,
      shape: x.shape,
      strides: contiguousStrides(x.shape),
      offset: 0,
    };
    kernel.run({ out, x });
    return [out];
  };
}
