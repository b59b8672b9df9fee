/**
 * The WebAssembly backend of Sconce: kernels are assembled to bytes at run time (no .wasm file), with SIMD, over one
 * growing memory. Exact int64, float64, and all dtypes; runs in Node and in browsers.
 */
export { create, create as default, WasmBackend, type WasmOptions, wasm } from './backend.ts';
