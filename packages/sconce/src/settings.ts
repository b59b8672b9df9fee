/** `torch.backends`: what a backend may be told while it runs. */
import { type ConvolutionPrecision, convolutionPrecision, setConvolutionPrecision } from '@sconce/core';

export {
  type CompareOptions,
  Comparison,
  compare,
  type Divergence,
  type TensorLayout,
} from './compare/index.ts';

export const wasm = {
  /**
   * How 3 x 3 convolutions may be computed. `'fast'`, the default: under `no_grad` by tiles of 4 x 4, with errors up to 2e-5
   * of the largest output; else as `'precise'`. `'precise'`: by tiles of 2 x 2, as accurate as the definition, which `'off'` is.
   */
  get winograd(): ConvolutionPrecision {
    return convolutionPrecision('wasm');
  },
  set winograd(value: ConvolutionPrecision) {
    setConvolutionPrecision('wasm', value);
  },
};
