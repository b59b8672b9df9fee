/** What the two sides of the worker say to each other: batches of commands as one array of numbers, and answers. */
import { type DType, dtypes, type Kernel, type TypedArray, type View } from '@sconce/core/backend';

/** Commands, each followed by its numbers. Memories, executables and reads go by numbers that the client gave. */
export const ALLOCATE = 1; // memory, dtype, length
export const FREE = 2; // memory
export const WRITE = 3; // memory, offset, payload
export const COMPILE = 4; // executable, payload
export const RUN = 5; // executable, outputs, inputs, scalars; the views; the scalars
export const READ = 6; // read, memory, offset, length

/** Where a scalar is a number, and where it is a bigint in two halves. */
export const NUMBER = 0;
export const BIGINT = 1;

export interface Batch {
  readonly kind: 'batch';
  readonly batch: number;
  readonly commands: Float64Array<ArrayBuffer>;
  /** Data to write, and kernels to compile. */
  readonly payloads: readonly (TypedArray | Kernel)[];
}

export interface Start {
  readonly kind: 'start';
  readonly maximumBytes?: number;
  readonly threads?: number;
}

/** How many threads the worker's backend may use from now on. */
export interface Resize {
  readonly kind: 'resize';
  readonly threads: number;
}

/** A fault of the kernel's data, the end of the memory, or anything else that a kernel threw. */
export interface Failure {
  readonly kind: 'index' | 'division' | 'memory' | 'error';
  readonly detail?: { readonly index?: number; readonly dim?: number; readonly size?: number };
  readonly name: string;
  readonly message: string;
}

export type Answer =
  /** The worker is ready, or never will be. */
  | { readonly kind: 'started'; readonly failure?: Failure }
  /** Threads that its kernels may use: said at first, and when it changes. */
  | { readonly kind: 'threads'; readonly threads: number }
  /** The command at `at` (a count of ALLOCATE, COMPILE and RUN) in this batch failed; the first since a read. */
  | { readonly kind: 'failed'; readonly batch: number; readonly at: number; readonly failure: Failure }
  | { readonly kind: 'read'; readonly read: number; readonly data: TypedArray }
  /** A read of a memory that was never there. */
  | { readonly kind: 'unread'; readonly read: number; readonly failure: Failure }
  | { readonly kind: 'done'; readonly batch: number };

export const codeOf = (dtype: DType): number => dtypes[dtype].code;

/** A view as the client writes it, by the number of its memory. */
export function pushView(to: number[], view: View, memory: number): void {
  const { shape, strides } = view;
  to.push(memory, dtypes[view.dtype].code, view.offset, shape.length);
  for (let i = 0; i < shape.length; i++) to.push(shape[i]!);
  for (let i = 0; i < shape.length; i++) to.push(strides[i]!);
}

const HALF = 0x1_0000_0000;

export function pushScalar(to: number[], scalar: number | bigint): void {
  if (typeof scalar === 'number') to.push(NUMBER, scalar, 0);
  else to.push(BIGINT, Number(scalar >> 32n), Number(scalar & 0xffff_ffffn));
}

export const scalarOf = (tag: number, value: number, low: number): number | bigint =>
  tag === NUMBER ? value : BigInt(value) * BigInt(HALF) + BigInt(low);
