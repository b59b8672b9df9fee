/** Parameters and buffers: what a Module keeps of tensors. */
import { Tensor } from '../tensor/tensor.ts';
import { callable } from './callable.ts';

class ParameterClass extends Tensor {
  /** `nn.Parameter(data, requires_grad=True)`: shares the memory of `data`. */
  constructor(data: Tensor, requires_grad: boolean | { requires_grad?: boolean } = true) {
    super(data.storage, data.dtype, data.shape, data.strides, data.offset);
    const wants = typeof requires_grad === 'boolean' ? requires_grad : (requires_grad.requires_grad ?? true);
    if (wants) this.requires_grad = true;
  }
}

/** A tensor that a Module lists among its parameters. Callable with and without `new`. */
export const Parameter = callable(ParameterClass);
export type Parameter = ParameterClass;

export const isParameter = (value: unknown): value is Parameter => value instanceof ParameterClass;

/** Gives a parameter or buffer other memory in place: its identity stays, as in `Module.to`. */
export function replaceData(tensor: Tensor, data: Tensor): void {
  data.storage.retain();
  tensor.storage.releaseOne();
  const target = tensor as { -readonly [K in keyof Tensor]: Tensor[K] };
  target.storage = data.storage;
  tensor.dtype = data.dtype;
  tensor.shape = data.shape;
  tensor.strides = data.strides;
  tensor.offset = data.offset;
  if (tensor.meta) tensor.meta.accumulator = null;
}
