/** The seam: what a backend is. Everything that an implementer must know stands in these comments. */
import type { CallSite } from '../dispatch/site.ts';
import type { Expr, ScalarOp } from '../expr/expr.ts';
import type { Schema } from '../schema/schema.ts';
import type { DType, TypedArray } from '../tensor/dtype.ts';

/** A backend's memory. Opaque to core: only the backend that made it looks inside. */
export type Memory = object;

/**
 * A strided window on a memory. Strides and offset count elements, not bytes; a stride may be 0 or negative.
 * Element `[i, j]` is at `offset + i * strides[0] + j * strides[1]`. A rank of 0 is one element; a size of 0 is none.
 * A view is only lent for the call: keep none, change none (core's Tensors are passed as views).
 */
export interface View {
  readonly memory: Memory;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** How a reduction folds. `argmin` and `argmax` give the int64 position of the first extreme, in row-major order of the reduced dims. */
export type Combine = 'sum' | 'prod' | 'min' | 'max' | 'any' | 'all' | 'argmin' | 'argmax';
export type ScanCombine = 'sum' | 'prod' | 'min' | 'max' | 'logaddexp';
export type ScatterCombine = 'set' | 'sum' | 'prod' | 'min' | 'max';

/**
 * One fold of a reduce: `map` gives each element's value, in a compute type that is also the accumulator's
 * (bool for any and all). The fold of nothing is the identity: 0, 1, +-inf or the integer extreme, false, true;
 * core never asks for an empty min, max, argmin or argmax. In min and max a NaN wins, and its first position in
 * argmin and argmax. A float32 sum must be as accurate as pairwise summation.
 */
export interface Fold {
  readonly map: Expr;
  readonly combine: Combine;
}

export interface PointwiseKernel {
  readonly kind: 'pointwise';
  /** `exprs[j]` writes output j; all views have the same shape, inputs broadcast by stride 0. Its dtype is the output's. */
  readonly exprs: readonly Expr[];
  readonly rank: number;
}

export interface ReduceKernel {
  readonly kind: 'reduce';
  readonly folds: readonly Fold[];
  /** How many dims are folded: the last `reduced` dims of the inputs, which have rank `rank + reduced`. */
  readonly reduced: number;
  /**
   * `finish[j]` writes output j. Its input i is fold i for i < folds.length (dtype: the fold's; int64 for argmin and
   * argmax), and after those come the kernel's inputs again, at index 0 of the reduced dims.
   */
  readonly finish: readonly Expr[];
  /** The outputs' rank. */
  readonly rank: number;
}

/** out[b, m, n] = sum over k of a[b, m, k] * b[b, k, n]; every view has rank 3, a batch may have stride 0. */
export interface MatmulKernel {
  readonly kind: 'matmul';
  readonly dtype: DType;
  /** The dtype to multiply and add in: float32 for 16-bit floats, int32 for narrow integers, else `dtype`. */
  readonly accumulate: DType;
  /** Applied to each sum: input 0 is the sum (dtype `accumulate`), then inputs[2], inputs[3], … broadcast to the output. */
  readonly finish?: Expr;
}

/**
 * N-d convolution (a cross-correlation, as in PyTorch). x: [N, Cin, ...], w: [Cout, Cin / groups, ...window] and
 * out: [N, Cout, ...]. `transposed` is the adjoint in x: w is [Cin, Cout / groups, ...window], and x at p adds to
 * out at p * stride - padding + k * dilation. Sizes come with the views; a padding may be larger than the window.
 */
export interface ConvKernel {
  readonly kind: 'conv';
  readonly dims: 1 | 2 | 3;
  readonly transposed: boolean;
  readonly groups: number;
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly dtype: DType;
  readonly accumulate: DType;
  /** As in matmul: input 0 is the sum, then inputs[2], … broadcast to the output. */
  readonly finish?: Expr;
  /**
   * How the sums may be formed. Without it, by any algorithm as accurate as summing in `accumulate`; 'fast' where nothing
   * is learned from the result: with errors up to 2e-5 of the largest output; 'exact' by products of x and w alone.
   */
  readonly precision?: 'fast' | 'exact';
}

/**
 * A sliding window over the last `dims` dims; x and outputs are [N, C, ...]. Positions outside x are left out.
 * 'max' writes values, and int64 positions in x's flattened window dims when a second output is given; the first
 * of equals, and the first NaN, wins. 'sum' writes sums. Float sums accumulate in float32 or better.
 */
export interface PoolKernel {
  readonly kind: 'pool';
  readonly dims: 1 | 2 | 3;
  readonly reduce: 'max' | 'sum';
  readonly window: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly dtype: DType;
}

/**
 * out[i, j, k] = x[i, index[i, j, k], k] for dim 1. `index` is int64 and has out's shape; x may be larger or
 * broadcast in the other dims. An index outside [0, size) is a `KernelFault`; nothing is accessed there.
 */
export interface GatherKernel {
  readonly kind: 'gather';
  readonly dim: number;
  readonly rank: number;
  readonly dtype: DType;
}

/**
 * out[i, index[i, j, k], k] (combine)= x[i, j, k] for dim 1; inputs are x and index (int64), of one shape. The
 * output holds its base values already. `set` with equal indices: any one wins. Faults as in gather.
 */
export interface ScatterKernel {
  readonly kind: 'scatter';
  readonly dim: number;
  readonly combine: ScatterCombine;
  readonly rank: number;
  readonly dtype: DType;
}

/** Stable sort along the last dim; writes values, and int64 indices. NaN is greater than everything. */
export interface SortKernel {
  readonly kind: 'sort';
  readonly descending: boolean;
  readonly rank: number;
  readonly dtype: DType;
}

/** Inclusive prefix fold along the last dim, in `dtype` (16-bit floats accumulate in float32). A NaN sticks. */
export interface ScanKernel {
  readonly kind: 'scan';
  readonly combine: ScanCombine;
  readonly rank: number;
  readonly dtype: DType;
}

/** What a backend must be able to run. Plain data: two kernels with equal JSON are the same kernel, and core compiles it once. */
export type Kernel =
  | PointwiseKernel
  | ReduceKernel
  | MatmulKernel
  | ConvKernel
  | PoolKernel
  | GatherKernel
  | ScatterKernel
  | SortKernel
  | ScanKernel;

/**
 * A compiled kernel. Structure is compiled; sizes, strides and scalars arrive with the call, so one executable serves
 * every shape. An output may be the same view as an input (same offset and strides), and never overlaps one in part.
 * Sizes may be 0: then nothing is written, but a reduce over nothing writes `finish` of the identities.
 */
export type Executable = (
  outputs: readonly View[],
  inputs: readonly View[],
  scalars?: readonly (number | bigint)[],
) => void;

/**
 * Takes over a whole ATen operator. `args` are the operator's arguments in schema order, defaults filled in; a
 * tensor is a `View`, a list of tensors an array of them, `null` is None, an int is a number, a dtype its name.
 * Returns views on memories that it allocated, one per returned tensor, whose ownership passes to core; or undefined
 * for a call that it does not want (dtype, layout, size), and then the operator's definition runs.
 * An in-place operator is asked for by its own schema, `add_.Tensor`: its kernel overwrites `args[0]`, which core has
 * found fit to hold the result, and returns no views. Never called for `out=` and view operators: those are core's.
 */
export type OpKernel = (args: readonly unknown[]) => readonly View[] | undefined;

export interface Capabilities {
  readonly dtypes: ReadonlySet<DType>;
  /** Scalar operations with code of their own; core rewrites the others before `compile` sees them. */
  readonly scalarOps: ReadonlySet<ScalarOp>;
  /** Most views that one kernel may touch; core splits wider kernels. */
  readonly maxBindings: number;
  /** Whether arithmetic may take float32 numbers below 2^-126 for 0, as GPUs do. Loads, stores and selections keep them. */
  readonly flushesSubnormals?: boolean;
  /**
   * From how many elements on a pointwise call waits for the calls that read its result, so that they run as one
   * kernel. A backend declares it where that was measured to be faster; without it every call runs at once.
   */
  readonly defersFrom?: number;
}

/** A device: five verbs and the facts about it. Work runs in the order in which it was issued, and `read` waits for it. */
export interface Backend {
  /** Also the name that `torch.use` takes. */
  readonly name: string;
  /** `cpu` for a backend whose memory is the host's, else a device type of its own, such as `webgpu`. */
  readonly deviceType: string;
  readonly capabilities: Capabilities;
  /** Whether its memories are JavaScript's own, which the garbage collector already counts. */
  readonly collectsMemory?: boolean;
  /** How many threads one kernel may use, where there can be more than one; setting it asks for so many. */
  threads?: number;
  /** Set when its device is gone for good: every call throws, and `torch.use` makes a new backend. */
  readonly isLost?: boolean;
  /** Memory for `length` elements (may be 0), contents undefined. Throws `OutOfMemoryError` when there is no more. */
  allocate(dtype: DType, length: number): Memory;
  /** Core calls it once per memory, when no tensor can reach it. */
  free(memory: Memory): void;
  /** Copies `data` to element `offset` on. 16-bit floats travel as their bits in a Uint16Array, bool as a Uint8Array of 0 and 1. */
  write(memory: Memory, offset: number, data: TypedArray): void;
  /** The elements, in a fresh array of the dtype's own kind; waits for the work issued before. */
  read(memory: Memory, offset: number, length: number): Promise<TypedArray>;
  /** The same at once, where the host can read the memory; for printing and checks on values. */
  readNow?(memory: Memory, offset: number, length: number): TypedArray;
  compile(kernel: Kernel): Executable;
  /**
   * Compiles all that `run` will need, where that takes long, without computing: nothing is written, and what `run` makes
   * holds nothing. It goes as far as `run` goes without reading a value.
   */
  warmup?(run: () => unknown): Promise<void>;
  /** For a backend with a generator of its own, which its native modules draw from; core's own draws never reach it. */
  manual_seed?(seed: number | bigint): void;
  /** Asked once per operator, at its first call. */
  op?(schema: Schema): OpKernel | undefined;
}

/**
 * For data that PyTorch refuses: thrown by the kernel where the host reads the memory, else (the first one, once) what
 * the next `read` of anything rejects with. Core makes it the error that PyTorch raises, with the operator's name.
 */
export class KernelFault extends Error {
  override name = 'KernelFault';
  constructor(
    readonly fault: 'index' | 'division',
    /** For `index`: the index, the dim and its size. */
    readonly detail: { readonly index?: number; readonly dim?: number; readonly size?: number } = {},
    /**
     * Where it is reported by a later `read`: what `callSite()` was when the kernel was issued, or, cheaper and without
     * the user's line, `operatorInProgress()`.
     */
    readonly operator?: string | CallSite,
  ) {
    super(
      fault === 'division'
        ? 'ZeroDivisionError'
        : `index ${detail.index} is out of bounds for dimension ${detail.dim} with size ${detail.size}`,
    );
  }
}

/** Thrown by `allocate`. */
export class OutOfMemoryError extends Error {
  override name = 'OutOfMemoryError';
}
