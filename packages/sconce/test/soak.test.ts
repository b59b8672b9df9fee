/** Ten thousand forwards of a small model on wasm: the memory is flat, the garbage collector aside. */
import { readFileSync } from 'node:fs';
import { WasmBackend } from '@sconce/backend-wasm';
import { functions, no_grad, setCurrentBackend, type Tensor } from '@sconce/core';
import { freeze, load, optimize_for_inference } from '@sconce/jit';
import { describe, expect, it } from 'vitest';

const model = readFileSync(new URL('../../jit/test/archives/freeze/ConvNorm.pt', import.meta.url));

describe('ten thousand forwards', () => {
  for (const [name, make] of Object.entries({ freeze, optimize_for_inference }))
    it(`of a small model allocate nothing that is left, after ${name}`, async () => {
      const backend = new WasmBackend();
      setCurrentBackend(backend);
      const module = make((await load(model)).eval());
      const x = functions.ones([2, 3, 5, 5]) as Tensor;
      const run = async () => ((await no_grad(() => module(x))) as Tensor).dispose();
      for (let i = 0; i < 10; i++) await run();
      const { inUse, memory } = backend.heap;
      const bytes = memory.buffer.byteLength;
      for (let i = 0; i < 5000; i++) await run();
      expect(backend.heap.inUse).toBe(inUse);
      expect(memory.buffer.byteLength).toBe(bytes);
    });
});
