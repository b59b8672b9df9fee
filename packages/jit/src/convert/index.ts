/** `@sconce/jit/convert`: a TorchScript module in other formats. */
export { type OnnxOptions, to_onnx } from './onnx/index.ts';
