/**
 * The WebAssembly backend of Sconce: kernels are assembled to bytes at run time (no .wasm file), with SIMD, over one
 * growing memory. Exact int64, float64, and all dtypes; runs in Node and in browsers, on several threads
 * where the memory can be shared with workers.
 *
 * `memory/` holds the heap, and what turns views into loops; `threads/` the team of workers that kernels' calls are dealt to; `asm/` writes modules (`Val` is a typed value of generated
 * code); `math/` has the functions, generic over the float lanes; `lower/` turns scalar expressions into instructions,
 * one element or one vector at a time; `kernels/` has the nine kinds; `ops/` takes over operators that would go over memory
 * more often than need be (softmax, norms, attention, LSTM and GRU). An executable keeps a compiled variant per way in
 * which its operands step through memory, and a plan per layout that it met.
 */
export { create, create as default, WasmBackend, type WasmOptions, wasm } from './backend.ts';
