/** One compiler per kernel kind: the table that `compile` looks in. */
import type { Executable, Kernel } from '@sconce/core';
import type { Gpu } from '../device/gpu.ts';
import { compileConv } from './conv.ts';
import { compileGather } from './gather.ts';
import { compileMatmul } from './matmul.ts';
import { compilePointwise } from './pointwise.ts';
import { compilePool } from './pool.ts';
import { compileReduce } from './reduce.ts';
import { compileScan } from './scan.ts';
import { compileScatter } from './scatter.ts';
import { compileSort } from './sort.ts';

export type Compilers = {
  readonly [Kind in Kernel['kind']]: (gpu: Gpu, kernel: Extract<Kernel, { kind: Kind }>) => Executable;
};

/** Each kind's line is added by whoever writes its file, `./<kind>.ts`, which exports `compile<Kind>`. */
export const compilers: Partial<Compilers> = {
  conv: compileConv,
  gather: compileGather,
  matmul: compileMatmul,
  pointwise: compilePointwise,
  pool: compilePool,
  reduce: compileReduce,
  scan: compileScan,
  scatter: compileScatter,
  sort: compileSort,
};
