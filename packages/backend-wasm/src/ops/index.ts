/** The operators that this backend takes over whole: those whose definitions go over memory more often than need be. */
import type { OpKernel, Schema } from '@sconce/core/backend';
import type { Products } from '../kernels/matmul.ts';
import { attention } from './attention.ts';
import { groupNorm } from './group_norm.ts';
import { layerNorm, layerNormBackward } from './layer_norm.ts';
import { gru, lstm } from './recurrent.ts';
import { softmax, softmaxBackward } from './softmax.ts';
import { topk } from './topk.ts';

const kernels: Readonly<Record<string, (products: Products) => OpKernel>> = {
  'aten::_softmax': ({ heap }) => softmax(heap, false),
  'aten::_log_softmax': ({ heap }) => softmax(heap, true),
  'aten::_softmax_backward_data': ({ heap }) => softmaxBackward(heap, false),
  'aten::_log_softmax_backward_data': ({ heap }) => softmaxBackward(heap, true),
  'aten::native_layer_norm': ({ heap }) => layerNorm(heap),
  'aten::native_layer_norm_backward': ({ heap }) => layerNormBackward(heap),
  'aten::native_group_norm': ({ heap }) => groupNorm(heap),
  'aten::lstm.input': lstm,
  'aten::gru.input': gru,
  'aten::topk': ({ heap }) => topk(heap),
  'aten::scaled_dot_product_attention': attention,
};

/** The kernel for an operator, or undefined where its definition is as good. */
export function takeover(products: Products, schema: Schema): OpKernel | undefined {
  return kernels[schema.name]?.(products);
}
