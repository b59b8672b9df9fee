/** The WebAssembly backend: memory from a heap, kernels written as bytes at run time. */
import {
  type Backend,
  type DType,
  dtypes,
  type Executable,
  type Kernel,
  type Memory,
  type OpKernel,
  type Schema,
  type TypedArray,
} from '@sconce/core/backend';
import { capabilities } from './capabilities.ts';
import { compileConv } from './kernels/conv.ts';
import { compileGather, compileScatter } from './kernels/gather.ts';

import { compileMatmul, Products } from './kernels/matmul.ts';
import { compilePointwise } from './kernels/pointwise.ts';
import { compilePool } from './kernels/pool.ts';
import { compileReduce } from './kernels/reduce.ts';
import { compileScan } from './kernels/scan.ts';
import { compileSort } from './kernels/sort.ts';
import { type Block, Heap } from './memory/heap.ts';
import { Scratch } from './memory/scratch.ts';
import { takeover } from './ops/index.ts';
import { defaultThreads, whyNotShared } from './threads/platform.ts';
import type { TeamOptions } from './threads/team.ts';

export interface WasmOptions extends TeamOptions {
  /** Most bytes that the backend's memory may grow to; the engine's own limit is 4 GiB. */
  readonly maximumBytes?: number;
  /**
   * Threads to compute on, the calling one included; half of the cores, but all of four or fewer, when not given. With 1
   * the memory is not shared, and there can be no more later. In a page that is not cross-origin isolated there is one.
   */
  readonly threads?: number;
}

export class WasmBackend implements Backend {
  readonly name = 'wasm';
  readonly deviceType = 'cpu';
  readonly capabilities = capabilities;
  /** The memory and its allocator; `heap.inUse` counts the bytes handed out. */
  readonly heap: Heap;
  private readonly products: Products;

  constructor({ maximumBytes, threads = defaultThreads(), ...options }: WasmOptions = {}) {
    this.heap = new Heap(maximumBytes, threads > 1 && whyNotShared() === undefined);
    this.heap.team.resize(threads, options);
    this.products = new Products(this.heap, new Scratch(this.heap));
  }

  /** Stays 1 where the memory is not shared. */
  get threads(): number {
    return this.heap.team.size;
  }

  set threads(threads: number) {
    this.heap.team.resize(threads);
  }

  allocate(dtype: DType, length: number): Memory {
    try {
      return this.heap.allocate(dtype, length);
    } catch (error) {
      if (!this.products.forms.clear()) throw error;
      return this.heap.allocate(dtype, length);
    }
  }

  free(memory: Memory): void {
    const block = memory as Block;
    if (block.forms !== undefined) this.products.forms.release(block);
    this.heap.free(block);
  }

  write(memory: Memory, offset: number, data: TypedArray): void {
    const block = memory as Block;
    block.generation++;
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    this.heap.u8.set(bytes, block.pointer + offset * dtypes[block.dtype].bytes);
  }

  async read(memory: Memory, offset: number, length: number): Promise<TypedArray> {
    return this.readNow(memory, offset, length);
  }

  readNow(memory: Memory, offset: number, length: number): TypedArray {
    const block = memory as Block;
    const { array, bytes } = dtypes[block.dtype];
    const start = block.pointer + offset * bytes;
    return new array(this.heap.u8.slice(start, start + length * bytes).buffer);
  }

  compile(kernel: Kernel): Executable {
    const run = this.executable(kernel);
    return (outputs, inputs, scalars) => {
      for (let i = 0; i < outputs.length; i++) (outputs[i]!.memory as Block).generation++;
      run(outputs, inputs, scalars);
    };
  }

  private executable(kernel: Kernel): Executable {
    switch (kernel.kind) {
      case 'pointwise':
        return compilePointwise(this.heap, kernel);
      case 'reduce':
        return compileReduce(this.heap, kernel);
      case 'matmul':
        return compileMatmul(this.products, kernel);
      case 'pool':
        return compilePool(this.heap, this.products.scratch, kernel);
      case 'gather':
        return compileGather(this.heap, kernel);
      case 'scatter':
        return compileScatter(this.heap, kernel);
      case 'sort':
        return compileSort(this.heap, this.products.scratch, kernel);
      case 'scan':
        return compileScan(this.heap, kernel);
      case 'conv':
        return compileConv(this.products, kernel);
    }
  }

  op(schema: Schema): OpKernel | undefined {
    return takeover(this.products, schema);
  }
}

/** A backend of its own memory. */
export const wasm = (options?: WasmOptions): Backend => new WasmBackend(options);

/** What `torch.use('wasm')` calls. */
export const create = (options?: WasmOptions): Backend => wasm(options);
