/** `torch.nn.init`: fills tensors in place, drawing from the generator in PyTorch's order. */
import { ArgumentError, no_grad, type Tensor } from '@sconce/core';

const quietly = (fn: () => Tensor): Tensor => no_grad(fn);

export const uniform_ = (tensor: Tensor, a = 0, b = 1): Tensor => quietly(() => tensor.uniform_(a, b));
export const normal_ = (tensor: Tensor, mean = 0, std = 1): Tensor =>
  quietly(() => tensor.normal_(mean, std));
export const constant_ = (tensor: Tensor, value: number): Tensor => quietly(() => tensor.fill_(value));
export const ones_ = (tensor: Tensor): Tensor => constant_(tensor, 1);
export const zeros_ = (tensor: Tensor): Tensor => constant_(tensor, 0);

/** Inputs and outputs of a unit, counting the window of a convolution. */
export function calculate_fan(tensor: Tensor): { fan_in: number; fan_out: number } {
  if (tensor.shape.length < 2)
    throw new ArgumentError('Fan in and fan out can not be computed for tensor with fewer than 2 dimensions');
  const [out, into, ...window] = tensor.shape;
  const field = window.reduce((a, b) => a * b, 1);
  return { fan_in: into * field, fan_out: out * field };
}

/** The recommended scale for a nonlinearity. */
export function calculate_gain(nonlinearity: string, param?: number): number {
  switch (nonlinearity) {
    case 'linear':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'sigmoid':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2));
    case 'selu':
      return 0.75;
    default:
      throw new ArgumentError(`Unsupported nonlinearity ${nonlinearity}`);
  }
}

interface Kaiming {
  readonly a?: number;
  readonly mode?: 'fan_in' | 'fan_out';
  readonly nonlinearity?: string;
}

const kaimingStd = (
  tensor: Tensor,
  { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu' }: Kaiming,
): number => calculate_gain(nonlinearity, a) / Math.sqrt(calculate_fan(tensor)[mode]);

/** He et al. 2015, from U(-bound, bound). */
export function kaiming_uniform_(tensor: Tensor, options: Kaiming = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(tensor, options);
  return uniform_(tensor, -bound, bound);
}

/** He et al. 2015, from N(0, std²). */
export const kaiming_normal_ = (tensor: Tensor, options: Kaiming = {}): Tensor =>
  normal_(tensor, 0, kaimingStd(tensor, options));

const xavierStd = (tensor: Tensor, gain: number): number => {
  const { fan_in, fan_out } = calculate_fan(tensor);
  return gain * Math.sqrt(2 / (fan_in + fan_out));
};

/** Glorot and Bengio 2010, from U(-bound, bound). */
export function xavier_uniform_(tensor: Tensor, gain = 1): Tensor {
  const bound = Math.sqrt(3) * xavierStd(tensor, gain);
  return uniform_(tensor, -bound, bound);
}

/** Glorot and Bengio 2010, from N(0, std²). */
export const xavier_normal_ = (tensor: Tensor, gain = 1): Tensor =>
  normal_(tensor, 0, xavierStd(tensor, gain));

/** The bias of linear and convolution layers: U(-1 / √fan_in, 1 / √fan_in) of the weight beside it. */
export function uniform_fan_in_(bias: Tensor, weight: Tensor): Tensor {
  const { fan_in } = calculate_fan(weight);
  const bound = fan_in > 0 ? 1 / Math.sqrt(fan_in) : 0;
  return fan_in > 0 ? uniform_(bias, -bound, bound) : bias;
}
