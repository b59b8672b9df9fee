/** The operators that this backend takes over whole: those where fewer dispatches decide. */
import type { OpKernel, Schema } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { attention } from './attention.ts';
import { softmax } from './softmax.ts';

const kernels: Readonly<Record<string, (gpu: Gpu) => OpKernel>> = {
  'aten::_softmax': (gpu) => softmax(gpu, false),
  'aten::_log_softmax': (gpu) => softmax(gpu, true),
  'aten::scaled_dot_product_attention': attention,
};

/** The kernel for an operator, or undefined where its definition is as good. */
export function takeover(gpu: Gpu, schema: Schema): OpKernel | undefined {
  return kernels[schema.name]?.(gpu);
}
