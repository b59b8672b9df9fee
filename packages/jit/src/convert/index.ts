/** `@sconce/jit/convert`: a TorchScript module in other formats. */

export { type JavaScript, type JavaScriptOptions, to_javascript } from './javascript/index.ts';
export { type OnnxOptions, to_onnx } from './onnx/index.ts';
