/** The operators that this backend takes over whole: those where speed is decided. */
import type { OpKernel, Schema } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';

/** The kernel for an operator, or undefined where its definition is as good. */
export function takeover(_gpu: Gpu, _schema: Schema): OpKernel | undefined {
  return undefined;
}
