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

export const compilers: Compilers = {
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
