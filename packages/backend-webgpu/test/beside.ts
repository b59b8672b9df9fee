/** Kernels run on WebGPU and on the reference backend, on the same operands. */
import {
  type Backend,
  type ComputeType,
  type DType,
  dtypes,
  type Expr,
  type Kernel,
  type ScalarOp,
  type TypedArray,
  type View,
} from '@sconce/core';
import { reference } from '../../backend-reference/src/index.ts';

export interface Place {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset?: number;
  /** Elements of the memory. */
  readonly length: number;
}

export const line = (n: number, stride = 1): Place => ({ shape: [n], strides: [stride], length: n * stride });

export interface Operand extends Place {
  readonly dtype: DType;
  /** What its memory holds. */
  readonly data: TypedArray;
}

/** What the memories of all outputs hold afterwards, on both. */
export async function runBoth(
  webgpu: Backend,
  kernel: Kernel,
  outputs: readonly Operand[],
  inputs: readonly Operand[],
  scalars: readonly (number | bigint)[] = [],
): Promise<{ got: TypedArray; want: TypedArray }[]> {
  const on = async (b: Backend): Promise<TypedArray[]> => {
    const memories: object[] = [];
    const put = ({ dtype, data, shape, strides, offset = 0, length }: Operand): View => {
      const memory = b.allocate(dtype, length);
      memories.push(memory);
      b.write(memory, 0, data);
      return { memory, dtype, shape, strides, offset };
    };
    const outs = outputs.map(put);
    b.compile(kernel)(outs, inputs.map(put), scalars);
    const results: TypedArray[] = [];
    for (const [i, { memory }] of outs.entries()) results.push(await b.read(memory, 0, outputs[i]!.length));
    for (const memory of memories) b.free(memory);
    return results;
  };
  const [got, want] = [await on(webgpu), await on(reference())];
  return got.map((g, i) => ({ got: g, want: want[i]! }));
}

export const input = (index: number, dtype: DType): Expr => ({ op: 'input', index, dtype });
export const constant = (value: number | bigint, dtype: ComputeType): Expr => ({ op: 'const', value, dtype });
export const cast = (e: Expr, dtype: DType): Expr =>
  e.dtype === dtype ? e : { op: 'cast', args: [e], dtype };
export const apply = (op: ScalarOp, dtype: ComputeType, ...args: Expr[]): Expr => ({ op, args, dtype });
export const pointwise = (...exprs: Expr[]): Kernel => ({ kind: 'pointwise', exprs, rank: 1 });

/** Numbers that look random and are always the same. */
export class Draws {
  constructor(private state = 20240607) {}

  /** 32 random bits. */
  bits(): number {
    // xorshift32
    let s = this.state;
    s ^= s << 13;
    s ^= s >>> 17;
    s ^= s << 5;
    this.state = s;
    return s >>> 0;
  }

  below(n: number): number {
    return this.bits() % n;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}

export const asArray = (dtype: DType, values: readonly (number | bigint)[]): TypedArray =>
  (dtypes[dtype].array as unknown as { from(v: readonly (number | bigint)[]): TypedArray }).from(values);
