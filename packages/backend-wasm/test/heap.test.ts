/** The allocator: alignment, reuse, coalescing, growth, and the error at the limit. */
import { OutOfMemoryError } from '@sconce/core';
import { describe, expect, it } from 'vitest';
import { Heap } from '../src/memory/heap.ts';

describe('Heap', () => {
  it('aligns every block to 64 bytes and overlaps none', () => {
    const heap = new Heap();
    const blocks = [0, 1, 7, 64, 1000, 40000, 1 << 20].map((n) => heap.allocate('float32', n));
    for (const b of blocks) expect(b.pointer % 64).toBe(0);
    const sorted = [...blocks].sort((a, b) => a.pointer - b.pointer);
    for (let i = 1; i < sorted.length; i++)
      expect(sorted[i]!.pointer).toBeGreaterThanOrEqual(sorted[i - 1]!.pointer + sorted[i - 1]!.bytes);
  });

  it('gives a freed block to the next request of its size', () => {
    const heap = new Heap();
    for (const n of [10, 5000, 300000]) {
      const first = heap.allocate('float32', n);
      heap.free(first);
      expect(heap.allocate('float32', n).pointer).toBe(first.pointer);
    }
  });

  it('merges neighbours that are free into one block', () => {
    const heap = new Heap();
    const parts = Array.from({ length: 4 }, () => heap.allocate('uint8', 1 << 20));
    const size = heap.memory.buffer.byteLength;
    for (const i of [0, 2, 1, 3]) heap.free(parts[i]!);
    expect(heap.inUse).toBe(0);
    heap.allocate('uint8', 4 << 20);
    expect(heap.memory.buffer.byteLength).toBe(size);
  });

  it('keeps contents when the memory grows', () => {
    const heap = new Heap();
    const block = heap.allocate('float64', 3);
    heap.f64.set([1, 2, 3], block.pointer >> 3);
    heap.allocate('float64', 1 << 22);
    expect([...heap.f64.subarray(block.pointer >> 3, (block.pointer >> 3) + 3)]).toEqual([1, 2, 3]);
  });

  it('says what was wanted and what is in use when there is no more, and goes on working', () => {
    const heap = new Heap(4 << 20);
    const block = heap.allocate('uint8', 1 << 20);
    expect(() => heap.allocate('float32', 1 << 22)).toThrow(OutOfMemoryError);
    expect(() => heap.allocate('float32', 1 << 22)).toThrow(
      new RegExp(`cannot allocate ${1 << 24} bytes: ${heap.inUse} bytes are in use`),
    );
    heap.free(block);
    heap.allocate('uint8', 1 << 20);
  });
});
