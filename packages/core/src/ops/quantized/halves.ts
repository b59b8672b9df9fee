/** Integers of four bits, two to a byte where they are stored: the first in the lower half. */
import type { Tensor } from '../../tensor/tensor.ts';
import { call } from './quantize.ts';

/** One integer to a byte, of this shape, from the bytes that hold two each. */
export function unpackHalves(bytes: Tensor, shape: readonly number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  const low = bytes.bitwise_and(15);
  const high = bytes.bitwise_right_shift(4);
  const all = call('aten::stack', [low, high], 1).view([-1]) as Tensor;
  return all.narrow(0, 0, count).view(shape) as Tensor;
}

/** The bytes that hold two integers each, in row-major order; what is left of the last is 0. */
export function packHalves(integers: Tensor): Tensor {
  const flat = integers.reshape([-1]) as Tensor;
  const even = call('aten::constant_pad_nd', flat, [0, flat.shape[0] % 2], 0).view([-1, 2]) as Tensor;
  return even.select(1, 0).bitwise_or((even.select(1, 1) as Tensor).bitwise_left_shift(4)) as Tensor;
}
