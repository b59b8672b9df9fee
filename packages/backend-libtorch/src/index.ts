/**
 * LibTorch under Sconce: a backend for core's tensors, and TorchScript modules that LibTorch runs itself.
 * Importing needs no LibTorch; the first use loads the addon that `npx sconce build libtorch` compiled.
 */
export { isBuilt } from './addon.ts';
export { LibTorchBackend, libtorch } from './backend.ts';
export { type BuildOptions, type BuildResult, buildLibtorch } from './build.ts';
export { type Result, ScriptModule, type Value } from './modules/script-module.ts';
export { ones, Tensor, tensor } from './modules/tensor.ts';
