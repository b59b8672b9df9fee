/** Reductions: sums, means, extremes, moments, norms. */
import { op } from '../dispatch/operator.ts';
import { IndexError, TorchError } from '../errors.ts';
import type { X } from '../expr/build.ts';
import { foldedCount, Reduction } from '../kernel/reduce.ts';
import { type DType, isFloat } from '../tensor/dtype.ts';
import { numelOf, type Shape, sameShape, wrapDim, wrapDims } from '../tensor/layout.ts';
import { get_default_dtype, type Scalar, scalarValue } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';

type Dims = readonly number[] | null;

const summing = new Reduction({ folds: [{ combine: 'sum', map: (x) => x }] });
const multiplying = new Reduction({ folds: [{ combine: 'prod', map: (x) => x }] });
const averaging = new Reduction({
  folds: [{ combine: 'sum', map: (x) => x }],
  finish: (sum, _x, n) => sum.div(n),
});
const greatest = new Reduction({ folds: [{ combine: 'max', map: (x) => x }] });
const least = new Reduction({ folds: [{ combine: 'min', map: (x) => x }] });
const greatestAt = new Reduction({ folds: [{ combine: 'argmax', map: (x) => x }] });
const leastAt = new Reduction({ folds: [{ combine: 'argmin', map: (x) => x }] });
const greatestAndAt = new Reduction({
  folds: [
    { combine: 'max', map: (x) => x },
    { combine: 'argmax', map: (x) => x },
  ],
});
const leastAndAt = new Reduction({
  folds: [
    { combine: 'min', map: (x) => x },
    { combine: 'argmin', map: (x) => x },
  ],
});
const truth = (x: X): X => (x.isBool ? x : x.ne(0));
const anyOf = new Reduction({ folds: [{ combine: 'any', map: truth }] });
const allOf = new Reduction({ folds: [{ combine: 'all', map: truth }] });
const nansumming = new Reduction({
  folds: [{ combine: 'sum', map: (x) => (x.isFloat ? x.isnan().where(0, x) : x) }],
});
/** Squared distances from a mean that was computed before: two passes, never E[x²] − E[x]². */
const varying = new Reduction({
  folds: [{ combine: 'sum', map: (x, mean) => x.sub(mean).mul(x.sub(mean)) }],
  finish: (sum, _x, _mean, n) => sum.div(n),
});
const deviating = new Reduction({
  folds: varying.formula.folds,
  finish: (sum, _x, _mean, n) => sum.div(n).sqrt(),
});
const expSumming = new Reduction({
  folds: [{ combine: 'sum', map: (x, max) => x.sub(max).exp() }],
  finish: (sum, _x, max) => sum.log().add(max),
});

const sumType = (self: Tensor, dtype: DType | null): DType =>
  dtype ?? (isFloat(self.dtype) ? self.dtype : 'int64');

export function sum(self: Tensor, dim: Dims, keepdim: boolean, dtype: DType | null): Tensor {
  const result = sumType(self, dtype);
  return summing.call('sum', [self], wrapDims(dim, self.shape.length), keepdim, [result], {
    compute: result,
  })[0];
}

function mean(self: Tensor, dim: Dims, keepdim: boolean, dtype: DType | null): Tensor {
  const result = dtype ?? self.dtype;
  if (!isFloat(result))
    throw new TorchError(
      `mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: ${titled(self.dtype)}`,
    );
  const dims = wrapDims(dim, self.shape.length);
  const n = foldedCount(self.shape, dims);
  return averaging.call('mean', [self], dims, keepdim, [result], { compute: result, scalars: [n] })[0];
}

const names: Partial<Record<DType, string>> = {
  bool: 'Bool',
  int64: 'Long',
  int32: 'Int',
  int16: 'Short',
  int8: 'Char',
  uint8: 'Byte',
};
const titled = (dtype: DType): string => names[dtype] ?? dtype;

/** A reduced gradient spread over what was folded. */
export function spread(grad: Tensor, shape: Shape, dim: Dims, keepdim: boolean): Tensor {
  const dims = wrapDims(dim, shape.length).sort((a, b) => a - b);
  let wide = grad;
  if (!keepdim) for (const d of dims) wide = wide.unsqueeze(d);
  return wide.expand(shape);
}

const withDims = (x: Tensor, shape: Shape, dim: Dims, keepdim: boolean): Tensor => {
  if (keepdim) return x;
  let wide = x;
  for (const d of wrapDims(dim, shape.length).sort((a, b) => a - b)) wide = wide.unsqueeze(d);
  return wide;
};

function refuseEmpty(self: Tensor, dims: readonly number[], name: string): void {
  for (const d of dims)
    if (self.shape[d] === 0)
      throw new IndexError(`${name}(): Expected reduction dim ${d} to have non-zero size.`);
}

function extreme(which: Reduction, name: string, self: Tensor, dim: Dims, keepdim: boolean): Tensor {
  const dims = wrapDims(dim, self.shape.length);
  if (numelOf(self.shape) === 0) {
    if (dim === null || dim.length === 0)
      throw new TorchError(
        `${name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.`,
      );
    refuseEmpty(self, dims, name);
  }
  return which.call(name, [self], dims, keepdim, [self.dtype])[0];
}

function position(
  which: Reduction,
  name: string,
  self: Tensor,
  dim: number | null,
  keepdim: boolean,
): Tensor {
  const dims = wrapDims(dim === null ? null : [dim], self.shape.length);
  if (numelOf(self.shape) === 0) {
    if (dim === null)
      throw new IndexError(
        `${name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument.`,
      );
    refuseEmpty(self, dims, name);
  }
  if (dim === null && keepdim) return which.call(name, [self], dims, true, ['int64'])[0];
  return which.call(name, [self], dims, keepdim, ['int64'])[0];
}

/** Values and their positions along one dim. */
function extremeAt(which: Reduction, name: string, self: Tensor, dim: number, keepdim: boolean): Tensor[] {
  const dims = wrapDims([dim], self.shape.length);
  if (self.shape.length > 0) refuseEmpty(self, dims, name);
  return which.call(name, [self], dims, keepdim, [self.dtype, 'int64']);
}

/** The gradient goes to the elements that equal the extreme, in equal parts. */
function evenly(grad: Tensor, self: Tensor, result: Tensor, dim: Dims, keepdim: boolean): Tensor {
  const mask = self.eq(withDims(result, self.shape, dim, keepdim));
  const share = withDims(grad, self.shape, dim, keepdim);
  const dims = wrapDims(dim, self.shape.length);
  return mask.mul(share).div(dims.length > 0 ? mask.sum(dims, true) : mask);
}

/** The gradient of values picked along one dim goes where they came from. */
const pickedFrom = (grad: Tensor, shape: Shape, dim: number, indices: Tensor, keepdim: boolean): Tensor => {
  if (shape.length === 0) return grad;
  const g = keepdim ? grad : grad.unsqueeze(dim);
  const at = keepdim ? indices : indices.unsqueeze(dim);
  return grad.new_zeros(shape).scatter(dim, at, g);
};

const countOf = (shape: Shape, dim: Dims, correction: number): number =>
  Math.max(foldedCount(shape, wrapDims(dim, shape.length)) - correction, 0);

function moment(
  which: Reduction,
  name: string,
  self: Tensor,
  dim: Dims,
  correction: Scalar | null,
  keepdim: boolean,
): Tensor {
  if (!isFloat(self.dtype)) throw new TorchError(`${name}: only support floating point and complex dtypes`);
  const c = correction === null ? 1 : Number(scalarValue(correction));
  const dims = wrapDims(dim, self.shape.length);
  const n = countOf(self.shape, dim, c);
  const compute = self.dtype === 'float64' ? 'float64' : 'float32';
  const center = averaging.call('mean', [self], dims, true, [compute], {
    compute,
    scalars: [foldedCount(self.shape, dims)],
  })[0];
  return which.call(name, [self, center], dims, keepdim, [self.dtype], { compute, scalars: [n] })[0];
}

const varianceGradient = (
  grad: Tensor,
  self: Tensor,
  dim: Dims,
  correction: Scalar | null,
  keepdim: boolean,
): Tensor => {
  const c = correction === null ? 1 : Number(scalarValue(correction));
  const n = countOf(self.shape, dim, c);
  const dims = wrapDims(dim, self.shape.length);
  const centered = self.sub(dims.length > 0 ? self.mean(dims, true) : self);
  return withDims(grad, self.shape, dim, keepdim)
    .mul(centered)
    .mul(2 / n);
};

const deviationGradient = (
  grad: Tensor,
  self: Tensor,
  result: Tensor,
  dim: Dims,
  correction: Scalar | null,
  keepdim: boolean,
): Tensor =>
  varianceGradient(grad.div(result.mul(2)).masked_fill(result.eq(0), 0), self, dim, correction, keepdim);

function quantified(which: Reduction, name: string, self: Tensor, dim: Dims, keepdim: boolean): Tensor {
  const result: DType = self.dtype === 'uint8' ? 'uint8' : 'bool';
  return which.call(name, [self], wrapDims(dim, self.shape.length), keepdim, [result])[0];
}

/** The product of all but each element, without dividing: what is before times what is after. */
function prodGradient(grad: Tensor, self: Tensor, dim: number): Tensor {
  if (self.shape.length === 0) return grad;
  const d = wrapDim(dim, self.shape.length);
  const n = self.shape[d];
  if (n === 0) return self.new_zeros(self.shape);
  const ones = self.new_ones(self.shape.map((s, k) => (k === d ? 1 : s)));
  const before = n === 1 ? ones : join([ones, self.narrow(d, 0, n - 1)], d).cumprod(d);
  const after =
    n === 1
      ? ones
      : join([ones, self.narrow(d, 1, n - 1).flip([d])], d)
          .cumprod(d)
          .flip([d]);
  return grad.mul(before.mul(after));
}

const join = (tensors: Tensor[], d: number): Tensor => {
  const [a, b] = tensors;
  const shape = a.shape.map((s, k) => (k === d ? s + b.shape[k] : s));
  const out = a.new_zeros(shape);
  return out.slice_scatter(a, d, 0, a.shape[d]).slice_scatter(b, d, a.shape[d], shape[d]);
};

function norm(self: Tensor, p: Scalar | null, dim: Dims, keepdim: boolean, dtype: DType | null): Tensor {
  const x = dtype ? self.to(dtype) : self;
  if (!isFloat(x.dtype))
    throw new TorchError(
      `norm(): input dtype should be either floating point or complex. Got ${titled(x.dtype)} instead.`,
    );
  const order = p === null ? 2 : Number(scalarValue(p));
  const dims = wrapDims(dim, x.shape.length);
  if (dims.length === 0) return order === 0 ? x.ne(0).to(x.dtype) : x.abs();
  if (order === 2) return euclidean.call('norm', [x], dims, keepdim, [x.dtype])[0];
  if (order === Infinity) return x.abs().amax(dims, keepdim);
  if (order === -Infinity) return x.abs().amin(dims, keepdim);
  if (order === 0) return x.ne(0).sum(dims, keepdim).to(x.dtype);
  if (order === 1) return x.abs().sum(dims, keepdim);
  return x
    .abs()
    .pow(order)
    .sum(dims, keepdim)
    .pow(1 / order);
}

const euclidean = new Reduction({
  folds: [{ combine: 'sum', map: (x) => x.mul(x) }],
  finish: (s) => s.sqrt(),
});

function normGradient(
  grad: Tensor,
  self: Tensor,
  p: Scalar | null,
  result: Tensor,
  dim: Dims,
  keepdim: boolean,
): Tensor {
  const order = p === null ? 2 : Number(scalarValue(p));
  const g = withDims(grad, self.shape, dim, keepdim);
  const norm = withDims(result, self.shape, dim, keepdim);
  // Where the norm is 0 the subgradient is 0, and nothing is divided by it, so that second derivatives stay finite.
  const isZero = norm.eq(0);
  const y = norm.masked_fill(isZero, 1);
  if (order === 0) return self.new_zeros(self.shape);
  if (order === 1) return self.sign().mul(g);
  if (order === 2) return self.mul(g.div(y)).masked_fill(isZero, 0);
  if (order === Infinity || order === -Infinity) {
    const at = self.abs().eq(norm);
    return self.sign().mul(at.mul(g.div(at.sum(wrapDims(dim, self.shape.length), true))));
  }
  if (order < 2)
    return self
      .sign()
      .mul(self.abs().pow(order - 1))
      .mul(g)
      .div(y.pow(order - 1))
      .masked_fill(isZero, 0)
      .masked_fill(self.eq(0), 0);
  return self.mul(self.abs().pow(order - 2)).mul(g.div(y.pow(order - 1)).masked_fill(isZero, 0));
}

export const reductions = [
  op('sum(Tensor self, *, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dtype }) => sum(self, null, false, dtype),
    grad: { self: ({ grad, self }) => grad.expand(self.shape) },
  }),
  op('sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dim, keepdim, dtype }) => sum(self, dim, keepdim, dtype),
    grad: { self: ({ grad, self, dim, keepdim }) => spread(grad, self.shape, dim, keepdim) },
    gradName: 'SumBackward1',
  }),
  op('nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dim, keepdim, dtype }) => {
      const result = sumType(self, dtype);
      return nansumming.call('nansum', [self], wrapDims(dim, self.shape.length), keepdim, [result], {
        compute: result,
      })[0];
    },
    grad: {
      self: ({ grad, self, dim, keepdim }) =>
        spread(grad, self.shape, dim, keepdim).mul(self.isnan().logical_not()),
    },
  }),
  op('sum_to_size(Tensor self, SymInt[] size) -> Tensor', {
    define: ({ self, size }) => {
      if (size.length === 0) return self.sum();
      if (sameShape(self.shape, size)) return self;
      const lead = self.shape.length - size.length;
      if (lead < 0 || size.some((n, i) => n !== 1 && n !== self.shape[lead + i]))
        throw new TorchError(
          `size {[${size.join(', ')}]} is not expandable to size {[${self.shape.join(', ')}]}.`,
        );
      const dims = [...self.shape.keys()].filter(
        (d) => d < lead || (size[d - lead] === 1 && self.shape[d] !== 1),
      );
      const summed = dims.length > 0 ? self.sum(dims, true) : self;
      return lead > 0 ? summed.view(size) : summed;
    },
  }),
  op('mean(Tensor self, *, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dtype }) => mean(self, null, false, dtype),
    grad: { self: ({ grad, self }) => grad.expand(self.shape).div(numelOf(self.shape)) },
  }),
  op('mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dim, keepdim, dtype }) => mean(self, dim, keepdim, dtype),
    grad: {
      self: ({ grad, self, dim, keepdim }) =>
        spread(grad, self.shape, dim, keepdim).div(countOf(self.shape, dim, 0)),
    },
    gradName: 'MeanBackward1',
  }),
  op('prod(Tensor self, *, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dtype }) => {
      const result = sumType(self, dtype);
      return multiplying.call('prod', [self], wrapDims(null, self.shape.length), false, [result], {
        compute: result,
      })[0];
    },
    grad: { self: ({ grad, self }) => prodGradient(grad, self.reshape([-1]), 0).reshape(self.shape) },
  }),
  op('prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dim, keepdim, dtype }) => {
      const result = sumType(self, dtype);
      return multiplying.call('prod', [self], wrapDims([dim], self.shape.length), keepdim, [result], {
        compute: result,
      })[0];
    },
    grad: {
      self: ({ grad, self, dim, keepdim }) =>
        prodGradient(withDims(grad, self.shape, [dim], keepdim), self, dim),
    },
    gradName: 'ProdBackward1',
  }),
  op('amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor', {
    define: ({ self, dim, keepdim }) => extreme(greatest, 'amax', self, dim, keepdim),
    grad: { self: ({ grad, self, result, dim, keepdim }) => evenly(grad, self, result, dim, keepdim) },
  }),
  op('amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor', {
    define: ({ self, dim, keepdim }) => extreme(least, 'amin', self, dim, keepdim),
    grad: { self: ({ grad, self, result, dim, keepdim }) => evenly(grad, self, result, dim, keepdim) },
  }),
  op('aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)', {
    define: ({ self, dim, keepdim }) => {
      const dims = dim === null ? [] : [dim];
      return [self.amin(dims, keepdim), self.amax(dims, keepdim)];
    },
  }),
  op('max(Tensor self) -> Tensor', {
    define: ({ self }) => extreme(greatest, 'max', self, null, false),
    grad: { self: ({ grad, self, result }) => evenly(grad, self, result, null, false) },
    gradName: 'MaxBackward1',
  }),
  op('min(Tensor self) -> Tensor', {
    define: ({ self }) => extreme(least, 'min', self, null, false),
    grad: { self: ({ grad, self, result }) => evenly(grad, self, result, null, false) },
    gradName: 'MinBackward1',
  }),
  op('max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)', {
    define: ({ self, dim, keepdim }) => extremeAt(greatestAndAt, 'max', self, dim, keepdim),
    grad: {
      self: ({ grad, self, dim, results, keepdim }) => pickedFrom(grad, self.shape, dim, results[1], keepdim),
    },
  }),
  op('min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)', {
    define: ({ self, dim, keepdim }) => extremeAt(leastAndAt, 'min', self, dim, keepdim),
    grad: {
      self: ({ grad, self, dim, results, keepdim }) => pickedFrom(grad, self.shape, dim, results[1], keepdim),
    },
  }),
  op('max.other(Tensor self, Tensor other) -> Tensor', { define: ({ self, other }) => self.maximum(other) }),
  op('min.other(Tensor self, Tensor other) -> Tensor', { define: ({ self, other }) => self.minimum(other) }),
  op('argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor', {
    grad: 'none',
    define: ({ self, dim, keepdim }) => position(greatestAt, 'argmax', self, dim, keepdim),
  }),
  op('argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor', {
    grad: 'none',
    define: ({ self, dim, keepdim }) => position(leastAt, 'argmin', self, dim, keepdim),
  }),
  op('any(Tensor self) -> Tensor', {
    grad: 'none',
    define: ({ self }) => quantified(anyOf, 'any', self, null, false),
  }),
  op('any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor', {
    grad: 'none',
    define: ({ self, dim, keepdim }) => quantified(anyOf, 'any', self, [dim], keepdim),
  }),
  op('any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor', {
    grad: 'none',
    define: ({ self, dim, keepdim }) => quantified(anyOf, 'any', self, dim, keepdim),
  }),
  op('all(Tensor self) -> Tensor', {
    grad: 'none',
    define: ({ self }) => quantified(allOf, 'all', self, null, false),
  }),
  op('all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor', {
    grad: 'none',
    define: ({ self, dim, keepdim }) => quantified(allOf, 'all', self, [dim], keepdim),
  }),
  op('all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor', {
    grad: 'none',
    define: ({ self, dim, keepdim }) => quantified(allOf, 'all', self, dim, keepdim),
  }),
  op('count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor', {
    grad: 'none',
    define: ({ self, dim }) => self.ne(0).sum(dim),
  }),
  op('count_nonzero(Tensor self, int? dim=None) -> Tensor', {
    grad: 'none',
    define: ({ self, dim }) => self.ne(0).sum(dim === null ? [] : [dim]),
  }),
  op(
    'var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor',
    {
      define: ({ self, dim, correction, keepdim }) => moment(varying, 'var', self, dim, correction, keepdim),
      grad: {
        self: ({ grad, self, dim, correction, keepdim }) =>
          varianceGradient(grad, self, dim, correction, keepdim),
      },
    },
  ),
  op('var(Tensor self, bool unbiased=True) -> Tensor', {
    define: ({ self, unbiased }) => self.var(null, { correction: unbiased ? 1 : 0 }),
  }),
  op('var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor', {
    define: ({ self, dim, unbiased, keepdim }) => self.var(dim, { correction: unbiased ? 1 : 0, keepdim }),
  }),
  op(
    'std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor',
    {
      define: ({ self, dim, correction, keepdim }) =>
        moment(deviating, 'std', self, dim, correction, keepdim),
      grad: {
        self: ({ grad, self, result, dim, correction, keepdim }) =>
          deviationGradient(grad, self, result, dim, correction, keepdim),
      },
    },
  ),
  op('std(Tensor self, bool unbiased=True) -> Tensor', {
    define: ({ self, unbiased }) => self.std(null, { correction: unbiased ? 1 : 0 }),
  }),
  op('std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor', {
    define: ({ self, dim, unbiased, keepdim }) => self.std(dim, { correction: unbiased ? 1 : 0, keepdim }),
  }),
  op(
    'var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)',
    {
      define: ({ self, dim, correction, keepdim }) => [
        self.var(dim, { correction, keepdim }),
        self.mean(dim, keepdim),
      ],
    },
  ),
  op('var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)', {
    define: ({ self, unbiased }) => [self.var(unbiased), self.mean()],
  }),
  op('var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)', {
    define: ({ self, dim, unbiased, keepdim }) => [self.var(dim, unbiased, keepdim), self.mean(dim, keepdim)],
  }),
  op(
    'std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)',
    {
      define: ({ self, dim, correction, keepdim }) => [
        self.std(dim, { correction, keepdim }),
        self.mean(dim, keepdim),
      ],
    },
  ),
  op('std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)', {
    define: ({ self, unbiased }) => [self.std(unbiased), self.mean()],
  }),
  op('std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)', {
    define: ({ self, dim, unbiased, keepdim }) => [self.std(dim, unbiased, keepdim), self.mean(dim, keepdim)],
  }),
  op('logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor', {
    define: ({ self, dim, keepdim }) => {
      const x = isFloat(self.dtype) ? self : self.to(get_default_dtype());
      const dims = wrapDims(dim, x.shape.length);
      if (numelOf(x.shape) === 0) return x.exp().sum(dims, keepdim).log();
      const max = greatest.call('amax', [x], dims, true, [x.dtype])[0];
      const finite = max.masked_fill(max.isinf(), 0);
      return expSumming.call('logsumexp', [x, finite], dims, keepdim, [x.dtype])[0];
    },
    grad: {
      self: ({ grad, self, result, dim, keepdim }) =>
        withDims(grad, self.shape, dim, keepdim).mul(
          self.sub(withDims(result, self.shape, dim, keepdim)).exp(),
        ),
    },
  }),
  op('norm.Scalar(Tensor self, Scalar p=2) -> Tensor', {
    define: ({ self, p }) => norm(self, p, null, false, null),
    grad: { self: ({ grad, self, p, result }) => normGradient(grad, self, p, result, null, false) },
  }),
  op('norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor', {
    define: ({ self, p, dim, keepdim }) => norm(self, p, dim, keepdim, null),
    grad: {
      self: ({ grad, self, p, result, dim, keepdim }) => normGradient(grad, self, p, result, dim, keepdim),
    },
    gradName: 'NormBackward1',
  }),
  op('norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor', {
    define: ({ self, p, dtype }) => norm(self, p, null, false, dtype),
    grad: {
      self: ({ grad, self, p, result }) => normGradient(grad, self.to(result.dtype), p, result, null, false),
    },
    gradName: 'NormBackward2',
  }),
  op(
    'norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor',
    {
      define: ({ self, p, dim, keepdim, dtype }) => norm(self, p, dim, keepdim, dtype),
      grad: {
        self: ({ grad, self, p, result, dim, keepdim }) =>
          normGradient(grad, self.to(result.dtype), p, result, dim, keepdim),
      },
      gradName: 'NormBackward3',
    },
  ),
  op(
    'linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor',
    {
      define: ({ self, ord, dim, keepdim, dtype }) => norm(self, ord, dim, keepdim, dtype),
      grad: {
        self: ({ grad, self, ord, result, dim, keepdim }) =>
          normGradient(grad, self.to(result.dtype), ord, result, dim, keepdim),
      },
    },
  ),
].flat();
