/** The backend's memory: one buffer per storage, and how elements of each dtype lie in it. */
import type { DType, Memory } from '@sconce/core';
import type { Slot } from './device/pool.ts';

/** One storage's buffer. Buffers come from a pool: `buffer` may be longer than `length` elements, and holds anything at first. */
export class GpuMemory {
  /** Whether a command or a write has touched it: until then its buffer may be exchanged for another. */
  isUsed = false;

  constructor(
    readonly dtype: DType,
    readonly length: number,
    /** The buffer; the pool's from `free` on. */
    public slot: Slot,
  ) {}

  get buffer(): GPUBuffer {
    return this.slot.buffer;
  }
}

/** The one place where an opaque `Memory` becomes ours. */
export const gpuMemory = (memory: Memory): GpuMemory => memory as GpuMemory;

/**
 * What an element is in a buffer. A word of WGSL's memory cannot be written in parts without a race, so each dtype
 * narrower than 32 bits has a word of its own: strided and in-place writes need no care, and only int64 is wider.
 * float16 and bfloat16 are held as the float32 of their value.
 */
export const storageType: Readonly<Partial<Record<DType, 'f32' | 'i32' | 'u32' | 'vec2<u32>'>>> = {
  float32: 'f32',
  float16: 'f32',
  bfloat16: 'f32',
  int32: 'i32',
  int16: 'i32',
  int8: 'i32',
  uint8: 'i32',
  bool: 'u32',
  int64: 'vec2<u32>',
};

/** Bytes of one element in a buffer. */
export const elementBytes = (dtype: DType): number => (dtype === 'int64' ? 8 : 4);
