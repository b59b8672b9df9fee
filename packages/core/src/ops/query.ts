/** Questions about a tensor: its sizes and layout, and single values that leave the device. */
import { op } from '../dispatch/operator.ts';
import { IndexError, TorchError } from '../errors.ts';
import type { TypedArray } from '../tensor/dtype.ts';
import { type DType, isFloat } from '../tensor/dtype.ts';
import { decode16 } from '../tensor/float16.ts';
import { canReadNow, type HostNumber, hostNumber, readRaw, readRawNow } from '../tensor/host.ts';
import {
  isChannelsLast,
  isContiguous,
  isNonOverlappingAndDense,
  numelOf,
  sameShape,
  wrapDim,
} from '../tensor/layout.ts';
import { PyFloat, type Scalar } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';

function sizeAt(list: readonly number[], dim: number): number {
  if (list.length === 0) throw new IndexError(`Dimension specified as ${dim} but tensor has no dimensions`);
  return list[wrapDim(dim, list.length)];
}

/** One element as Python has it: an integral value of a float dtype stays a float. */
function asScalar(data: TypedArray, dtype: DType): Scalar {
  const wide = dtype === 'float16' || dtype === 'bfloat16' ? decode16(data as Uint16Array, dtype) : data;
  const value: HostNumber = hostNumber(wide[0], dtype);
  return typeof value === 'number' && isFloat(dtype) && Number.isInteger(value) ? new PyFloat(value) : value;
}

/** The one element: at once where the host can read the memory, else a promise. */
function elementOf<T>(t: Tensor, then: (value: Scalar) => T): T | Promise<T> {
  if (numelOf(t.shape) !== 1)
    throw new TorchError(`a Tensor with ${numelOf(t.shape)} elements cannot be converted to Scalar`);
  return canReadNow(t)
    ? then(asScalar(readRawNow(t), t.dtype))
    : readRaw(t).then((data) => then(asScalar(data, t.dtype)));
}

const isTrue = (t: Tensor): boolean | Promise<boolean> => elementOf(t, (v) => Number(v.valueOf()) !== 0);

function isInFormat(self: Tensor, format: string): boolean {
  const { shape, strides } = self;
  if (format === 'channels_last') return shape.length === 4 && isChannelsLast(shape, strides);
  if (format === 'channels_last_3d') return shape.length === 5 && isChannelsLast(shape, strides);
  return isContiguous(shape, strides);
}

export const queries = [
  op('size(Tensor self) -> int[]', { grad: 'none', define: ({ self }) => [...self.shape] }),
  op('size.int(Tensor self, int dim) -> int', {
    grad: 'none',
    define: ({ self, dim }) => sizeAt(self.shape, dim),
  }),
  op('sym_size(Tensor self) -> SymInt[]', { grad: 'none', define: ({ self }) => [...self.shape] }),
  op('sym_size.int(Tensor self, int dim) -> SymInt', {
    grad: 'none',
    define: ({ self, dim }) => sizeAt(self.shape, dim),
  }),
  op('stride(Tensor self) -> int[]', { grad: 'none', define: ({ self }) => [...self.strides] }),
  op('stride.int(Tensor self, int dim) -> int', {
    grad: 'none',
    define: ({ self, dim }) => sizeAt(self.strides, dim),
  }),
  op('sym_stride(Tensor self) -> SymInt[]', { grad: 'none', define: ({ self }) => [...self.strides] }),
  op('sym_stride.int(Tensor self, int dim) -> SymInt', {
    grad: 'none',
    define: ({ self, dim }) => sizeAt(self.strides, dim),
  }),
  op('storage_offset(Tensor self) -> int', { grad: 'none', define: ({ self }) => self.offset }),
  op('sym_storage_offset(Tensor self) -> SymInt', { grad: 'none', define: ({ self }) => self.offset }),
  op('dim(Tensor self) -> int', { grad: 'none', define: ({ self }) => self.shape.length }),
  op('numel(Tensor self) -> int', { grad: 'none', define: ({ self }) => numelOf(self.shape) }),
  op('sym_numel(Tensor self) -> SymInt', { grad: 'none', define: ({ self }) => numelOf(self.shape) }),
  op('is_floating_point(Tensor self) -> bool', { grad: 'none', define: ({ self }) => isFloat(self.dtype) }),
  op('is_complex(Tensor self) -> bool', { grad: 'none', define: () => false }),
  op('is_conj(Tensor self) -> bool', { grad: 'none', define: () => false }),
  op('is_neg(Tensor self) -> bool', { grad: 'none', define: () => false }),
  op('is_signed(Tensor self) -> bool', {
    grad: 'none',
    define: ({ self }) => self.dtype !== 'uint8' && self.dtype !== 'bool',
  }),
  op('is_contiguous(Tensor self) -> bool', {
    grad: 'none',
    define: ({ self }) => isContiguous(self.shape, self.strides),
  }),
  op('is_contiguous.memory_format(Tensor self, MemoryFormat memory_format) -> bool', {
    grad: 'none',
    define: ({ self, memory_format }) => isInFormat(self, memory_format),
  }),
  op('is_strides_like_format(Tensor self, MemoryFormat memory_format) -> bool', {
    grad: 'none',
    define: ({ self, memory_format }) => isInFormat(self, memory_format),
  }),
  op('is_non_overlapping_and_dense(Tensor self) -> bool', {
    grad: 'none',
    define: ({ self }) => isNonOverlappingAndDense(self.shape, self.strides),
  }),
  op('is_same_size(Tensor self, Tensor other) -> bool', {
    grad: 'none',
    define: ({ self, other }) => sameShape(self.shape, other.shape),
  }),
  op('is_set_to(Tensor self, Tensor tensor) -> bool', {
    grad: 'none',
    define: ({ self, tensor }) =>
      self.storage === tensor.storage &&
      self.offset === tensor.offset &&
      sameShape(self.shape, tensor.shape) &&
      sameShape(self.strides, tensor.strides),
  }),
  op('item(Tensor self) -> Scalar', { grad: 'none', define: ({ self }) => elementOf(self, (v) => v) }),
  op('_local_scalar_dense(Tensor self) -> Scalar', {
    grad: 'none',
    define: ({ self }) => elementOf(self, (v) => v),
  }),
  op('is_nonzero(Tensor self) -> bool', {
    grad: 'none',
    define: ({ self }) => {
      const n = numelOf(self.shape);
      if (n === 0) throw new TorchError('Boolean value of Tensor with no values is ambiguous');
      if (n > 1) throw new TorchError('Boolean value of Tensor with more than one value is ambiguous');
      return isTrue(self);
    },
  }),
  op('equal(Tensor self, Tensor other) -> bool', {
    grad: 'none',
    define: ({ self, other }) => {
      if (self.dtype !== other.dtype)
        throw new TorchError(
          `Expected object of data type ${self.dtype} but got data type ${other.dtype} for argument 'other' in call to equal`,
        );
      return sameShape(self.shape, other.shape) && isTrue(self.eq(other).all());
    },
  }),
  op(
    'allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool',
    {
      grad: 'none',
      define: ({ self, other, rtol, atol, equal_nan }) =>
        isTrue(self.isclose(other, rtol, atol, equal_nan).all()),
    },
  ),
].flat();
