/** Copies, conversions, fills: values as they are in memory of another kind. */

import { is_grad_enabled } from '../autograd/mode.ts';
import { OperatorNode } from '../autograd/operator_node.ts';
import { checkInplace, rebaseHistory } from '../autograd/views.ts';
import { findOperator, op, view } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { copyInto, copyOf, fillWith, refuseOverlap } from '../kernel/elementwise.ts';
import { alias, empty } from '../tensor/create.ts';
import { backendOf, type Device } from '../tensor/device.ts';
import { type DType, isFloat } from '../tensor/dtype.ts';
import {
  channelsLastOrder,
  contiguousStrides,
  isChannelsLast,
  isContiguous,
  isNonOverlappingAndDense,
  outputStrides,
  type Shape,
  sameShape,
  stridesInOrder,
} from '../tensor/layout.ts';
import type { Scalar } from '../tensor/promotion.ts';
import type { Storage } from '../tensor/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Strides of a new tensor like `self` in this memory format; null means `preserve_format`. */
export function stridesInFormat(self: Tensor, format: string | null): Shape {
  switch (format ?? 'preserve_format') {
    case 'contiguous_format':
      return contiguousStrides(self.shape);
    case 'channels_last':
    case 'channels_last_3d': {
      const rank = format === 'channels_last' ? 4 : 5;
      if (self.shape.length !== rank)
        throw new TorchError(`required rank ${rank} tensor to use ${format} format`);
      return stridesInOrder(self.shape, channelsLastOrder(rank));
    }
    default:
      return isNonOverlappingAndDense(self.shape, self.strides)
        ? self.strides
        : outputStrides(self.shape, [self]);
  }
}

const isInFormat = (self: Tensor, format: string): boolean =>
  format === 'contiguous_format'
    ? isContiguous(self.shape, self.strides)
    : format === 'preserve_format'
      ? true
      : isChannelsLast(self.shape, self.strides);

function checkSameDevice(self: Tensor, device: Device | string | null): void {
  if (device !== null && backendOf(device) !== self.backend)
    throw new TorchError(
      `to(): moving to '${device}' waits for the values: use \`await x.to('${device}')\` with the device alone`,
    );
}

/** `to`: the tensor itself where nothing changes, else a copy. */
function convert(self: Tensor, dtype: DType | null, copy: boolean, format: string | null): Tensor {
  if (!copy && (dtype === null || dtype === self.dtype) && isInFormat(self, format ?? 'preserve_format'))
    return self;
  return self._to_copy({ dtype: dtype ?? self.dtype, memory_format: format });
}

/** In-place operators that are not the functional form of another: copy_, fill_, zero_. Recorded as `node` says. */
function recordWrite(
  self: Tensor,
  name: string,
  args: readonly unknown[],
  inputs: readonly Tensor[],
  write: () => void,
): Tensor {
  checkInplace(self, inputs);
  const record = is_grad_enabled() && isFloat(self.dtype) && inputs.some((t) => t.requires_grad);
  const node = record ? new OperatorNode(findOperator(name)!, args) : null;
  write();
  if (node) rebaseHistory(self, node);
  return self;
}

export const copy = [
  op('clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor', {
    define: ({ self, memory_format }) => copyOf(self, self.dtype, stridesInFormat(self, memory_format)),
    grad: { self: ({ grad }) => grad },
  }),
  op('contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)', {
    define: ({ self, memory_format }) => {
      if (memory_format === 'preserve_format')
        throw new TorchError('preserve memory format is unsupported by the contiguous operator');
      return isInFormat(self, memory_format) ? self : self.clone({ memory_format });
    },
  }),
  op(
    '_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor',
    {
      define: ({ self, dtype, device, memory_format }) => {
        checkSameDevice(self, device);
        return copyOf(self, dtype ?? self.dtype, stridesInFormat(self, memory_format));
      },
      grad: { self: ({ grad }) => grad },
      gradName: 'ToCopyBackward0',
    },
  ),
  op(
    'to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)',
    {
      define: ({ self, dtype, copy, memory_format }) => convert(self, dtype, copy, memory_format),
    },
  ),
  op(
    'to.device(Tensor(a) self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)',
    {
      define: ({ self, device, dtype, copy, memory_format }) => {
        checkSameDevice(self, device);
        return convert(self, dtype, copy, memory_format);
      },
    },
  ),
  op(
    'to.dtype_layout(Tensor(a) self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)',
    {
      define: ({ self, dtype, device, copy, memory_format }) => {
        checkSameDevice(self, device);
        return convert(self, dtype, copy, memory_format);
      },
    },
  ),
  op(
    'to.other(Tensor(a) self, Tensor other, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)',
    {
      define: ({ self, other, copy, memory_format }) => convert(self, other.dtype, copy, memory_format),
    },
  ),
  op('type_as(Tensor self, Tensor other) -> Tensor', { define: ({ self, other }) => self.to(other.dtype) }),
  op('copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor', {
    define: ({ self, src }) => {
      const out = copyOf(src.expand(self.shape), self.dtype, stridesInFormat(self, null));
      return out;
    },
    grad: { self: ({ grad }) => grad.new_zeros(grad.shape), src: ({ grad }) => grad },
    gradName: 'CopyBackwards',
  }),
  op('copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)', {
    define: ({ self, src }) =>
      recordWrite(self, 'aten::copy', [self, src, false], [self, src], () => {
        refuseOverlap(self, [src]);
        copyInto(self, src);
      }),
  }),
  op('fill.Scalar(Tensor self, Scalar value) -> Tensor', {
    define: ({ self, value }) => filled(self, value),
    grad: { self: ({ grad }) => grad.new_zeros(grad.shape) },
  }),
  op('fill.Tensor(Tensor self, Tensor value) -> Tensor', {
    define: ({ self, value }) =>
      copyOf(zeroDim(value).expand(self.shape), self.dtype, stridesInFormat(self, null)),
    grad: { self: ({ grad }) => grad.new_zeros(grad.shape), value: ({ grad }) => grad.sum() },
    gradName: 'FillBackward1',
  }),
  op('fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)', {
    define: ({ self, value }) =>
      recordWrite(self, 'aten::fill.Scalar', [self, value], [self], () => fillWith(self, value)),
  }),
  op('fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)', {
    define: ({ self, value }) =>
      recordWrite(self, 'aten::fill.Tensor', [self, value], [self, value], () =>
        copyInto(self, zeroDim(value)),
      ),
  }),
  op('zero_(Tensor(a!) self) -> Tensor(a!)', {
    define: ({ self }) => recordWrite(self, 'aten::fill.Scalar', [self, 0], [self], () => fillWith(self, 0)),
  }),
  view('alias(Tensor(a) self) -> Tensor(a)', {
    view: ({ self }) => self,
    grad: { self: ({ grad }) => grad },
  }),
  op('detach(Tensor(a) self) -> Tensor(a)', { define: ({ self }) => alias(self), grad: 'none' }),
  op('detach_(Tensor(a!) self) -> Tensor(a!)', {
    define: ({ self }) => {
      if (self.base) throw new TorchError("Can't detach views in-place. Use detach() instead.");
      if (self.meta) {
        self.meta.node = null;
        self.meta.requires_grad = false;
      }
      return self;
    },
  }),
  op('lift(Tensor self) -> Tensor', { define: ({ self }) => self }),
  op('lift_fresh(Tensor(a) self) -> Tensor(a)', { define: ({ self }) => self }),
  op('resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)', {
    define: ({ self, size }) => resize(self, size),
  }),
  op('resize_as_(Tensor(a!) self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor(a!)', {
    define: ({ self, the_template }) => resize(self, the_template.shape),
  }),
].flat();

function zeroDim(value: Tensor): Tensor {
  if (value.shape.length !== 0)
    throw new TorchError(
      `fill_ only supports 0-dimension value tensor but got tensor with ${value.shape.length} dimensions.`,
    );
  return value;
}

function filled(self: Tensor, value: Scalar): Tensor {
  const out = self.new_empty_strided(self.shape, stridesInFormat(self, null));
  fillWith(out, value);
  out.storage.version = 0;
  return out;
}

/** Gives the tensor another shape in place; memory that is too small is replaced, its values kept. */
function resize(self: Tensor, size: Shape): Tensor {
  if (self.requires_grad) throw new TorchError('cannot resize variables that require grad');
  if (sameShape(self.shape, size)) return self;
  const wanted = size.reduce((a, b) => a * b, 1);
  const strides = contiguousStrides(size);
  if (self.offset + wanted > self.storage.length) {
    const grown = empty([self.offset + wanted], self.dtype, self.backend);
    const kept = alias(self, { shape: [self.storage.length], strides: [1], offset: 0 });
    if (self.storage.length > 0)
      copyInto(alias(grown, { shape: [self.storage.length], strides: [1], offset: 0 }), kept);
    kept.dispose();
    grown.storage.retain();
    self.storage.releaseOne();
    (self as { storage: Storage }).storage = grown.storage;
    grown.dispose();
  }
  self.shape = [...size];
  self.strides = strides;
  self.storage.version++;
  return self;
}
