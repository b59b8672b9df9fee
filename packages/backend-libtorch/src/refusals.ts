/** Calls that LibTorch must not get although it would take them, each with its reason; definitions serve for them. */
import { contiguousStrides, type View } from '@sconce/core';

import { isView } from './memory.ts';

/** Whether this call is to be refused. */
export type Refuses = (args: readonly unknown[]) => boolean;

/** Whether no argument is floating point. */
const isIntegral: Refuses = (args) =>
  args.every((arg) =>
    isView(arg) ? !arg.dtype.includes('float') : typeof arg !== 'number' || Number.isInteger(arg),
  );

const isStrided = ({ shape, strides }: View): boolean => {
  const contiguous = contiguousStrides(shape);
  return shape.some((size, d) => size > 1 && strides[d] !== contiguous[d]);
};

const hasStrided: Refuses = (args) => args.some((arg) => isView(arg) && isStrided(arg));

const isZeroDim: Refuses = ([self]) => isView(self) && self.shape.length === 0;

/** Whether what is normalised over is one element. */
const normalisesOne: Refuses = ([, shape]) => Array.isArray(shape) && shape.every((size) => size === 1);

const mixesDTypes: Refuses = (args) => {
  const [first, ...rest] = args.filter(isView);
  return rest.some((view) => view.dtype !== first.dtype);
};

const rankOf = (value: unknown): number => (isView(value) ? value.shape.length : 0);

const refusals: Readonly<Record<string, Refuses>> = {
  // Integer division of the least integer by -1 ends the process with a signal.
  div: isIntegral,
  divide: isIntegral,
  floor_divide: isIntegral,
  fmod: isIntegral,
  remainder: isIntegral,
  // A shift by the width or more is undefined in C++, and LibTorch 1.13 leaves it so.
  __lshift__: isIntegral,
  __rshift__: isIntegral,
  bitwise_left_shift: isIntegral,
  bitwise_right_shift: isIntegral,
  // LibTorch 1.13 reads strided tensors wrongly there.
  _softmax_backward_data: hasStrided,
  _log_softmax_backward_data: hasStrided,
  max_pool3d_with_indices_backward: hasStrided,
  native_group_norm_backward: hasStrided,
  _weight_norm_interface: hasStrided,
  _weight_norm_interface_backward: hasStrided,
  // LibTorch 1.13 scales before it subtracts the mean, and misses the zero that is left of one element.
  layer_norm: normalisesOne,
  native_layer_norm: normalisesOne,
  adaptive_max_pool3d_backward: hasStrided,
  // LibTorch 1.13 gives other bookkeeping beside the bags than 2.6.
  embedding_bag: hasStrided,
  _embedding_bag: hasStrided,
  _embedding_bag_forward_only: hasStrided,
  // LibTorch 1.13 loses NaN.
  softshrink: () => true,
  // LibTorch 1.13 does not keep the order of the strides.
  prelu: hasStrided,
  // Without `sorted` LibTorch 1.13 gives the order of its hash table; PyTorch 2.6 sorts all the same.
  _unique: ([, sorted]) => sorted !== true,
  _unique2: ([, sorted]) => sorted !== true,
  // LibTorch 1.13 gives a scalar's `keepdim` a dim.
  aminmax: isZeroDim,
  // What PyTorch 2.6 calls an error, LibTorch 1.13 computes.
  conv1d: mixesDTypes,
  conv2d: mixesDTypes,
  conv3d: mixesDTypes,
  convolution: mixesDTypes,
  index_add: ([self, , , source]) => rankOf(self) !== rankOf(source),
  masked_scatter: ([, mask]) => (mask as View).dtype !== 'bool',
  masked_fill: ([, , value]) => rankOf(value) > 0,
};

/** LibTorch 1.13 keeps the view's strides in copies of views; 2.6 copies to contiguous ones. */
const isCopyOfView = (base: string): boolean => base.endsWith('_copy') && base !== '_to_copy';

/** When calls of the operator are refused; undefined for never. */
export const refusalOf = (base: string): Refuses | undefined =>
  isCopyOfView(base) ? () => true : Object.hasOwn(refusals, base) ? refusals[base] : undefined;
