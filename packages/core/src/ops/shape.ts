/** NumPy's splits and ranks, changes of shape in place, and what real tensors make of complex operators. */
import { AutogradMeta } from '../autograd/meta.ts';
import { is_grad_enabled } from '../autograd/mode.ts';
import { callOperator } from '../dispatch/call.ts';
import { findOperator, named, op, pointwise, view } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { typeName } from '../kernel/elementwise.ts';
import { fromTypedArray } from '../tensor/create.ts';
import { canReadNow, readRaw, readRawNow } from '../tensor/host.ts';
import { numelOf, type Shape, wrapDim } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { catOf } from './join.ts';

/** A view that takes the tensor's own place: layout, and in the graph. */
function become(self: Tensor, seenAs: (t: Tensor) => Tensor): Tensor {
  const isRecorded = is_grad_enabled() && self.requires_grad;
  if (isRecorded && self.is_leaf)
    throw new TorchError('a leaf Variable that requires grad is being used in an in-place operation.');
  const seen = seenAs(self);
  if (isRecorded && seen.meta !== null && seen.meta.node !== null) {
    const meta = AutogradMeta.of(self);
    meta.node = seen.meta.node;
    meta.output = seen.meta.output;
  }
  self.shape = seen.shape;
  self.strides = seen.strides;
  self.offset = seen.offset;
  self.storage.version++;
  self.viewVersion = self.storage.version;
  seen.dispose();
  return self;
}

const numbersOf = <T>(t: Tensor, then: (list: number[]) => T): T | Promise<T> => {
  const plain = (data: ArrayLike<number | bigint>): number[] => Array.from(data, Number);
  return canReadNow(t)
    ? then(plain(readRawNow(t) as ArrayLike<number | bigint>))
    : readRaw(t).then((data) => then(plain(data as ArrayLike<number | bigint>)));
};

function atLeast3d(t: Tensor): Tensor {
  switch (t.shape.length) {
    case 0:
      return t.reshape([1, 1, 1]);
    case 1:
      return t.unsqueeze(0).unsqueeze(-1);
    case 2:
      return t.unsqueeze(-1);
    default:
      return t;
  }
}

const splitters = [
  { name: 'hsplit', rank: 1, dim: (rank: number) => (rank === 1 ? 0 : 1) },
  { name: 'vsplit', rank: 2, dim: () => 0 },
  { name: 'dsplit', rank: 3, dim: () => 2 },
] as const;

const splits = splitters.flatMap(({ name, rank, dim }) => {
  const check = (self: Tensor): number => {
    if (self.shape.length < rank)
      throw new TorchError(
        `torch.${name} requires a tensor with at least ${rank} dimension${rank > 1 ? 's' : ''}, but got a tensor with ${self.shape.length} dimensions!`,
      );
    return dim(self.shape.length);
  };
  return [
    ...op(named(`${name}.int`, '(Tensor(a -> *) self, int sections) -> Tensor(a)[]'), {
      define: ({ self, sections }) => {
        const d = check(self);
        if (sections === 0 || self.shape[d] % sections !== 0)
          throw new TorchError(
            `torch.${name} attempted to split along dimension ${d}, but the size of the dimension ${self.shape[d]} is not divisible by the split_size ${sections}!`,
          );
        return self.tensor_split(sections, d);
      },
    }),
    ...op(named(`${name}.array`, '(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]'), {
      define: ({ self, indices }) => self.tensor_split(indices, check(self)),
    }),
  ];
});

const sequence = (name: string) =>
  op(named(`${name}.Sequence`, '(Tensor[] tensors) -> Tensor[]'), {
    define: ({ tensors }) => tensors.map((t) => callOperator(findOperator(`aten::${name}`)!, [t])),
  });

/** Real tensors are their own conjugates. */
const itself = ['real', 'resolve_conj', 'resolve_neg', 'conj'].flatMap((name) =>
  op(named(name, '(Tensor(a) self) -> Tensor(a)'), { define: ({ self }) => self }),
);

/** One number for each tensor (or channel, with `feature`): what alpha dropout puts where it drops. */
function alphaDropout(input: Tensor, p: number, train: boolean, feature: boolean): Tensor {
  if (p < 0 || p > 1) throw new TorchError(`dropout probability has to be between 0 and 1, but got ${p}`);
  if (p === 0 || !train || numelOf(input.shape) === 0) return input;
  if (p === 1) return input.mul(0);
  if (feature && input.shape.length < 2)
    throw new TorchError('Feature dropout requires at least 2 dimensions in the input');
  const alpha = 1.7580993408473766;
  const shape: Shape = feature ? input.shape.map((n, d) => (d < 2 ? n : 1)) : input.shape;
  const kept = input.new_empty(shape).bernoulli_(1 - p) as Tensor;
  const a = 1 / Math.sqrt((alpha * alpha * p + 1) * (1 - p));
  const shift = kept
    .sub(1)
    .mul(alpha * a)
    .add(alpha * a * p) as Tensor;
  return input.mul(kept.mul(a)).add(shift);
}

export const shapes = [
  ...splits,
  op(
    'tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]',
    {
      define: ({ self, tensor_indices_or_sections: t, dim }) => {
        if (t.dtype !== 'int64')
          throw new TorchError(
            `tensor_split expected tensor_indices_or_sections to have dtype of long, but got ${typeName(t.dtype)}`,
          );
        if (t.shape.length > 1)
          throw new TorchError(
            `tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got a tensor with ${t.shape.length} dims`,
          );
        return numbersOf(t, (list) =>
          t.shape.length === 0 ? self.tensor_split(list[0], dim) : self.tensor_split(list, dim),
        );
      },
    },
  ),
  op('narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)', {
    define: ({ self, dim, start, length }) => {
      if (start.shape.length !== 0 || start.dtype.startsWith('float') || start.dtype === 'bool')
        throw new TorchError('start must be an 0-dim integral Tensor.');
      return numbersOf(start, ([at]) => self.narrow(dim, at, length));
    },
  }),
  op('atleast_3d(Tensor self) -> Tensor', { define: ({ self }) => atLeast3d(self) }),
  ...['atleast_1d', 'atleast_2d', 'atleast_3d'].flatMap(sequence),
  op('diagflat(Tensor self, int offset=0) -> Tensor', {
    define: ({ self, offset }) => self.contiguous().view([-1]).diag(offset),
  }),
  op('_chunk_cat(Tensor[] tensors, int dim, int num_chunks) -> Tensor', {
    define: ({ tensors, dim: given, num_chunks }) => {
      if (tensors.length === 0) throw new TorchError('_chunk_cat expects a non-empty input tensor list');
      const dim = wrapDim(given, tensors[0].shape.length);
      const rows = tensors.map((t) => {
        const lead = t.shape.slice(0, dim);
        const n = t.shape[dim];
        const each = Math.ceil(n / num_chunks);
        const rest = numelOf(t.shape.slice(dim + 1));
        const filled = catOf(
          [t, t.new_zeros([...lead, each * num_chunks - n, ...t.shape.slice(dim + 1)])],
          dim,
        );
        return filled.reshape([...lead, num_chunks, each * rest]) as Tensor;
      });
      return catOf(rows, -1);
    },
  }),
  op('squeeze_(Tensor(a!) self) -> Tensor(a!)', { define: ({ self }) => become(self, (t) => t.squeeze()) }),
  op('squeeze_.dim(Tensor(a!) self, int dim) -> Tensor(a!)', {
    define: ({ self, dim }) => become(self, (t) => t.squeeze(dim)),
  }),
  op('squeeze_.dims(Tensor(a!) self, int[] dim) -> Tensor(a!)', {
    define: ({ self, dim }) => become(self, (t) => t.squeeze(dim)),
  }),
  op('unsqueeze_(Tensor(a!) self, int dim) -> Tensor(a!)', {
    define: ({ self, dim }) => become(self, (t) => t.unsqueeze(dim)),
  }),
  op('t_(Tensor(a!) self) -> Tensor(a!)', { define: ({ self }) => become(self, (t) => t.t()) }),
  op('transpose_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)', {
    define: ({ self, dim0, dim1 }) => become(self, (t) => t.transpose(dim0, dim1)),
  }),
  op('swapaxes_(Tensor(a!) self, int axis0, int axis1) -> Tensor(a!)', {
    define: ({ self, axis0, axis1 }) => become(self, (t) => t.transpose(axis0, axis1)),
  }),
  op('swapdims_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)', {
    define: ({ self, dim0, dim1 }) => become(self, (t) => t.transpose(dim0, dim1)),
  }),
  op(
    'as_strided_(Tensor(a!) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a!)',
    {
      define: ({ self, size, stride, storage_offset }) =>
        become(self, (t) => t.as_strided(size, stride, storage_offset)),
    },
  ),
  view('_reshape_alias(Tensor(a) self, SymInt[] size, SymInt[] stride) -> Tensor(a)', {
    view: ({ self, size, stride }) => ({ shape: size, strides: stride, offset: self.offset }),
    grad: { self: ({ grad, self }) => grad.reshape(self.shape) },
  }),
  op('positive(Tensor(a) self) -> Tensor(a)', {
    define: ({ self }) => {
      if (self.dtype === 'bool') throw new TorchError('The `+` operator, on a bool tensor is not supported.');
      return self;
    },
  }),
  ...itself,
  op('mH(Tensor(a) self) -> Tensor(a)', { define: ({ self }) => self.mT() }),
  op('conj_physical(Tensor self) -> Tensor', { define: ({ self }) => self }),
  op('conj_physical_(Tensor(a!) self) -> Tensor(a!)', { define: ({ self }) => self }),
  pointwise('isreal(Tensor self) -> Tensor', {
    grad: 'none',
    promote: 'none',
    math: ({ self }) => self.eq(self).or(self.ne(self)),
  }),
  pointwise('angle(Tensor self) -> Tensor', {
    promote: 'float',
    math: ({ self }) =>
      self.isnan().where(self, self.lt(0).where(X.const(Math.PI, self.dtype), X.const(0, self.dtype))),
    grad: { self: ({ grad }) => grad.new_zeros(grad.shape) },
  }),
  op('zero(Tensor self) -> Tensor', {
    define: ({ self }) => self.new_zeros(self.shape),
    grad: { self: ({ grad }) => grad.new_zeros(grad.shape) },
  }),
  op('heaviside_(Tensor(a!) self, Tensor values) -> Tensor(a!)', {
    define: ({ self, values }) => self.copy_(self.heaviside(values)),
  }),
  ...(['and', 'or', 'xor'] as const).flatMap((name) => [
    ...op(named(`__i${name}__.Tensor`, '(Tensor(a!) self, Tensor other) -> Tensor(a!)'), {
      define: ({ self, other }) =>
        self.copy_(callOperator(findOperator(`aten::bitwise_${name}.Tensor`)!, [self, other]) as Tensor),
    }),
    ...op(named(`__i${name}__.Scalar`, '(Tensor(a!) self, Scalar other) -> Tensor(a!)'), {
      define: ({ self, other }) =>
        self.copy_(callOperator(findOperator(`aten::bitwise_${name}.Scalar`)!, [self, other]) as Tensor),
    }),
  ]),
  ...[false, true].flatMap((feature) => {
    const name = `${feature ? 'feature_' : ''}alpha_dropout`;
    return [
      ...op(named(name, '(Tensor input, float p, bool train) -> Tensor'), {
        define: ({ input, p, train }) => alphaDropout(input, p, train, feature),
      }),
      ...op(named(`${name}_`, '(Tensor(a!) self, float p, bool train) -> Tensor(a!)'), {
        define: ({ self, p, train }) => self.copy_(alphaDropout(self, p, train, feature)),
      }),
    ];
  }),
  op('_shape_as_tensor(Tensor self) -> Tensor', {
    grad: 'none',
    define: ({ self }) =>
      fromTypedArray(BigInt64Array.from(self.shape, BigInt), [self.shape.length], 'int64', self.backend),
  }),
  op('_dim_arange(Tensor like, int dim) -> Tensor', {
    grad: 'none',
    define: ({ like, dim }) => {
      const n = like.shape[wrapDim(dim, like.shape.length)];
      return fromTypedArray(
        BigInt64Array.from({ length: n }, (_, i) => BigInt(i)),
        [n],
        'int64',
        like.backend,
      );
    },
  }),
  op('fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)', {
    define: ({ self, fill_value, wrap }) => {
      const rank = self.shape.length;
      if (rank < 2) throw new TorchError('dimensions must larger than 1');
      const [rows, columns] = self.shape;
      if (rank > 2 && self.shape.some((n) => n !== rows))
        throw new TorchError('all dimensions of input must be of equal length');
      const step = self.strides.reduce((a, b) => a + b, 0);
      const n = Math.min(rows, columns);
      (self.as_strided([n], [step], self.offset) as Tensor).fill_(fill_value);
      // In a tall matrix the diagonal may begin again, one row below the last.
      if (wrap && rank === 2)
        for (let from = columns + 1; from < rows; from += columns + 1) {
          const length = Math.min(columns, rows - from);
          (self.as_strided([length], [step], self.offset + from * self.strides[0]) as Tensor).fill_(
            fill_value,
          );
        }
      return self;
    },
  }),
].flat();
