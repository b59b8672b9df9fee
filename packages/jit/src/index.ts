export { JitError } from './errors.ts';
export type { Explanation } from './explain.ts';
export { type FreezeOptions, freeze, optimize_for_inference } from './freeze.ts';
export { UnknownOperatorError } from './frontend/builder.ts';
export { CompileError } from './frontend/source.ts';
export { type ArchiveSource, type JitLoadOptions, load } from './load.ts';
export { ScriptModule } from './module.ts';
export { output } from './ops/tensor.ts';
export { ScriptFunction } from './script-function.ts';
