/** Order and running folds: sort and what follows from it, cumulative sums and extremes, unique values. */
import type { ScanCombine } from '../backend/backend.ts';
import { op } from '../dispatch/operator.ts';
import { IndexError, TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { compile } from '../kernel/compile.ts';
import { Elementwise } from '../kernel/elementwise.ts';
import { refuseUnrecorded } from '../kernel/guard.ts';
import { alias, emptyStrided, fromTypedArray, toTypedArray } from '../tensor/create.ts';
import { type DType, isFloat, type TypedArray } from '../tensor/dtype.ts';
import { decode16, encode16 } from '../tensor/float16.ts';
import { readRaw } from '../tensor/host.ts';
import { contiguousStrides, numelOf, wrapDim } from '../tensor/layout.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { stridesInFormat } from './copy.ts';

/** The same elements with `dim` last. */
const lastDim = (t: Tensor, d: number): Tensor => {
  const order = [...t.shape.keys()].filter((k) => k !== d).concat(d);
  return alias(t, {
    shape: order.map((k) => t.shape[k]),
    strides: order.map((k) => t.strides[k]),
    offset: t.offset,
  });
};

function sort(self: Tensor, dim: number, descending: boolean): Tensor[] {
  refuseUnrecorded('sort', [self]);
  const d = wrapDim(dim, self.shape.length);
  if (self.shape.length === 0) return [self.clone(), self.new_zeros([], { dtype: 'int64' })];
  const strides = stridesInFormat(self, null);
  const values = emptyStrided(self.shape, strides, self.dtype, self.backend);
  const indices = emptyStrided(self.shape, strides, 'int64', self.backend);
  if (numelOf(self.shape) > 0)
    compile(self.backend, { kind: 'sort', descending, rank: self.shape.length, dtype: self.dtype })(
      [lastDim(values, d), lastDim(indices, d)],
      [lastDim(self, d)],
    );
  return [values, indices];
}

/** The gradient of values taken along a dim goes where they came from. */
const takenFrom = (grad: Tensor, self: Tensor, dim: number, indices: Tensor): Tensor =>
  self.shape.length === 0 ? grad : grad.new_zeros(self.shape).scatter_add(dim, indices, grad);

function scan(name: string, self: Tensor, dim: number, combine: ScanCombine, dtype: DType): Tensor {
  refuseUnrecorded(name, [self]);
  const d = wrapDim(dim, self.shape.length);
  const x = self.dtype === dtype ? self : self.to(dtype);
  if (self.shape.length === 0) return x.clone();
  const out = emptyStrided(x.shape, contiguousStrides(x.shape), dtype, x.backend);
  if (numelOf(x.shape) > 0)
    compile(x.backend, { kind: 'scan', combine, rank: x.shape.length, dtype })(
      [lastDim(out, d)],
      [lastDim(x, d)],
    );
  return out;
}

const sumType = (self: Tensor, dtype: DType | null): DType =>
  dtype ?? (isFloat(self.dtype) ? self.dtype : 'int64');

const positionRules = new Map<number, Elementwise>();

/** Running extremes with positions: a place holds its own position where it equals the running value, which then runs on. */
function runningExtreme(name: string, self: Tensor, dim: number, combine: 'min' | 'max'): Tensor[] {
  const d = wrapDim(dim, self.shape.length);
  if (self.shape.length === 0) return [self.clone(), self.new_zeros([], { dtype: 'int64' })];
  const values = scan(name, self, dim, combine, self.dtype);
  let rule = positionRules.get(d);
  if (!rule)
    positionRules.set(
      d,
      (rule = new Elementwise(
        (x, running) => {
          const hit = x.isFloat ? x.eq(running).or(x.isnan()) : x.eq(running);
          return hit.where(X.coord(d), X.const(0, 'int64'));
        },
        { promote: 'none', result: 'int64' },
      )),
    );
  const [own] = rule.call(name, [self, values]);
  return [values, scan(name, own, dim, 'max', 'int64')];
}

/** Sum from each place to the end. */
const reversedSum = (t: Tensor, dim: number): Tensor =>
  t.shape.length === 0 ? t : t.flip([dim]).cumsum(dim).flip([dim]);

/**
 * Gradient of cumprod. Where no element is 0 it is the reversed sum of grad * result, over the element; an element
 * that is 0 needs the products without it, so the sum is written out over pairs: O(n²), and right with zeros.
 */
function cumprodGradient(grad: Tensor, self: Tensor, dim: number): Tensor {
  if (self.shape.length === 0) return grad;
  const d = wrapDim(dim, self.shape.length);
  const n = self.shape[d];
  if (n === 0) return grad;
  const x = self.transpose(d, -1);
  const g = grad.transpose(d, -1);
  // products[i, k]: the product of elements 0..k without element i, for k >= i.
  const parts: Tensor[] = [];
  for (let i = 0; i < n; i++) {
    const without = x.narrow(-1, i, n - i).slice_scatter(x.new_ones([...x.shape.slice(0, -1), 1]), -1, 0, 1);
    const before = i === 0 ? null : x.narrow(-1, 0, i).prod(-1, true);
    const tail = without.cumprod(-1);
    const products = before ? tail.mul(before) : tail;
    parts.push(
      g
        .narrow(-1, i, n - i)
        .mul(products)
        .sum([-1], true),
    );
  }
  let out = x.new_zeros(x.shape);
  parts.forEach((p, i) => {
    out = out.slice_scatter(p, -1, i, i + 1);
  });
  return out.transpose(d, -1);
}

function kth(self: Tensor, k: number, dim: number, keepdim: boolean): Tensor[] {
  const d = wrapDim(dim, self.shape.length);
  const n = self.shape.length === 0 ? 1 : self.shape[d];
  if (k < 1 || k > n) throw new TorchError(`kthvalue(): selected number k out of range for dimension ${d}`);
  const [values, indices] = self.sort(dim) as unknown as Tensor[];
  if (self.shape.length === 0) return [values, indices];
  const cut = (t: Tensor): Tensor => (keepdim ? t.narrow(d, k - 1, 1).clone() : t.select(d, k - 1).clone());
  return [cut(values), cut(indices)];
}

/** The lower of the two middles; a NaN is the median of what holds one. */
function medianAlong(self: Tensor, dim: number, keepdim: boolean): Tensor[] {
  const d = wrapDim(dim, self.shape.length);
  if (self.shape.length === 0) return [self.clone(), self.new_zeros([], { dtype: 'int64' })];
  const n = self.shape[d];
  if (n === 0) throw new IndexError(`median(): Expected reduction dim ${d} to have non-zero size.`);
  const [values, indices] = self.sort(d) as unknown as Tensor[];
  const pick = (t: Tensor, k: number): Tensor => t.narrow(d, k, 1);
  let value = pick(values, Math.floor((n - 1) / 2));
  let at = pick(indices, Math.floor((n - 1) / 2));
  if (isFloat(self.dtype)) {
    const isNan = self.isnan();
    const has = isNan.any(d, true);
    value = value.masked_fill(has, NaN);
    at = isNan.to('int64').argmax(d, true).where(has, at);
  }
  return keepdim ? [value.clone(), at.clone()] : [value.squeeze(d).clone(), at.squeeze(d).clone()];
}

interface Uniques {
  readonly values: Tensor;
  readonly inverse: Tensor;
  readonly counts: Tensor;
}

const hostValues = (data: TypedArray, dtype: DType): ArrayLike<number | bigint> =>
  dtype === 'float16' || dtype === 'bfloat16' ? decode16(data as Uint16Array, dtype) : data;

const sameArray = (values: (number | bigint)[], dtype: DType): TypedArray =>
  dtype === 'float16' || dtype === 'bfloat16'
    ? encode16(values as number[], dtype)
    : toTypedArray(values as number[], dtype);

/** Distinct values in ascending order (or, consecutive, in the order they come), on the host. */
async function unique(self: Tensor, consecutive: boolean): Promise<Uniques> {
  const data = hostValues(await readRaw(self), self.dtype);
  const n = data.length;
  const order = Array.from({ length: n }, (_, i) => i);
  if (!consecutive)
    order.sort((a, b) => {
      const [x, y] = [data[a], data[b]];
      return x < y ? -1 : x > y ? 1 : Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
    });
  const values: (number | bigint)[] = [];
  const counts: number[] = [];
  const inverse = new BigInt64Array(n);
  for (const i of order) {
    const last = values.length - 1;
    if (last < 0 || values[last] !== data[i]) {
      values.push(data[i]);
      counts.push(0);
    }
    counts[values.length - 1]++;
    inverse[i] = BigInt(values.length - 1);
  }
  const make = (list: (number | bigint)[], dtype: DType): Tensor =>
    fromTypedArray(sameArray(list, dtype), [list.length], dtype, self.backend);
  return {
    values: make(values, self.dtype),
    inverse: fromTypedArray(inverse, self.shape, 'int64', self.backend),
    counts: make(counts, 'int64'),
  };
}

/** Slices along `dim`, each once where equal ones follow each other. */
async function uniqueRows(self: Tensor, dim: number): Promise<Uniques> {
  const rows = self.transpose(0, dim);
  const data = hostValues(await readRaw(rows), self.dtype);
  const n = rows.shape[0];
  const width = n === 0 ? 0 : data.length / n;
  const kept: number[] = [];
  const counts: number[] = [];
  const inverse = new BigInt64Array(n);
  for (let i = 0; i < n; i++) {
    let same = i > 0;
    for (let k = 0; same && k < width; k++) same = data[i * width + k] === data[(i - 1) * width + k];
    if (!same) {
      kept.push(i);
      counts.push(0);
    }
    counts[counts.length - 1]++;
    inverse[i] = BigInt(kept.length - 1);
  }
  const index = (list: number[]): Tensor =>
    fromTypedArray(BigInt64Array.from(list, BigInt), [list.length], 'int64', self.backend);
  return {
    values: self.index_select(dim, index(kept)),
    inverse: fromTypedArray(inverse, [n], 'int64', self.backend),
    counts: index(counts),
  };
}

const emptyIndices = (self: Tensor): Tensor => self.new_empty([0], { dtype: 'int64' });

export const orders = [
  op(
    'sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)',
    {
      define: ({ self, dim, descending }) => sort(self, dim, descending),
      grad: { self: ({ grad, self, dim, results }) => takenFrom(grad, self, dim, results[1]) },
    },
  ),
  op('sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)', {
    define: ({ self, dim, descending }) => sort(self, dim, descending),
    grad: { self: ({ grad, self, dim, results }) => takenFrom(grad, self, dim, results[1]) },
  }),
  op('argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor', {
    grad: 'none',
    define: ({ self, dim, descending }) => sort(self, dim, descending)[1],
  }),
  op('argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor', {
    grad: 'none',
    define: ({ self, dim, descending }) => sort(self, dim, descending)[1],
  }),
  op('msort(Tensor self) -> Tensor', { define: ({ self }) => (self.sort(0) as unknown as Tensor[])[0] }),
  op(
    'topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)',
    {
      define: ({ self, k, dim, largest }) => {
        const d = wrapDim(dim, self.shape.length);
        const n = self.shape.length === 0 ? 1 : self.shape[d];
        if (k < 0 || k > n) throw new TorchError('selected index k out of range');
        const both = sort(self, dim, largest);
        if (self.shape.length === 0) return both;
        return both.map((t) => t.narrow(d, 0, k).contiguous());
      },
      grad: { self: ({ grad, self, dim, results }) => takenFrom(grad, self, dim, results[1]) },
    },
  ),
  op('kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)', {
    define: ({ self, k, dim, keepdim }) => kth(self, k, dim, keepdim),
    grad: {
      self: ({ grad, self, dim, keepdim, results }) =>
        keepdim || self.shape.length === 0
          ? takenFrom(grad, self, dim, results[1])
          : takenFrom(grad.unsqueeze(dim), self, dim, results[1].unsqueeze(dim)),
    },
  }),
  op('median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)', {
    define: ({ self, dim, keepdim }) => medianAlong(self, dim, keepdim),
    grad: {
      self: ({ grad, self, dim, keepdim, results }) =>
        keepdim || self.shape.length === 0
          ? takenFrom(grad, self, dim, results[1])
          : takenFrom(grad.unsqueeze(dim), self, dim, results[1].unsqueeze(dim)),
    },
    gradName: 'MedianBackward1',
  }),
  op('median(Tensor self) -> Tensor', {
    define: ({ self }) => {
      if (numelOf(self.shape) === 0) return self.new_full([], isFloat(self.dtype) ? NaN : 0);
      return medianAlong(self.reshape([-1]), 0, false)[0];
    },
    grad: {
      self: ({ grad, self, result }) => {
        const hit = self.eq(result).logical_or(self.isnan().logical_and(result.isnan()));
        return hit.mul(grad).div(hit.sum());
      },
    },
  }),
  op('cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor', {
    inplace: true,
    define: ({ self, dim, dtype }) => scan('cumsum', self, dim, 'sum', sumType(self, dtype)),
    grad: { self: ({ grad, dim }) => reversedSum(grad, dim) },
  }),
  op('cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor', {
    inplace: true,
    define: ({ self, dim, dtype }) => scan('cumprod', self, dim, 'prod', sumType(self, dtype)),
    grad: { self: ({ grad, self, dim }) => cumprodGradient(grad, self.to(grad.dtype), dim) },
  }),
  op('cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)', {
    define: ({ self, dim }) => runningExtreme('cummax', self, dim, 'max'),
    grad: { self: ({ grad, self, dim, results }) => takenFrom(grad, self, dim, results[1]) },
  }),
  op('cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)', {
    define: ({ self, dim }) => runningExtreme('cummin', self, dim, 'min'),
    grad: { self: ({ grad, self, dim, results }) => takenFrom(grad, self, dim, results[1]) },
  }),
  op('logcumsumexp(Tensor self, int dim) -> Tensor', {
    define: ({ self, dim }) => {
      if (!isFloat(self.dtype))
        throw new TorchError(`"logcumsumexp_out_cpu" not implemented for '${self.dtype}'`);
      return scan('logcumsumexp', self, dim, 'logaddexp', self.dtype);
    },
    grad: {
      self: ({ grad, self, result, dim }) => {
        if (self.shape.length === 0) return grad;
        // In logarithms, the positive and the negative parts of the gradient apart.
        const part = (g: Tensor): Tensor => reversedLogSum(g.log().sub(result), dim).add(self).exp();
        const zero = grad.new_zeros([]);
        return part(grad.maximum(zero)).sub(part(grad.neg().maximum(zero)));
      },
    },
  }),
  op(
    '_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)',
    {
      grad: 'none',
      define: async ({ self, return_inverse, return_counts }) => {
        const u = await unique(self, false);
        return [
          u.values,
          return_inverse || return_counts ? u.inverse : emptyIndices(self),
          return_counts ? u.counts : emptyIndices(self),
        ];
      },
    },
  ),
  op('_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)', {
    grad: 'none',
    define: async ({ self, return_inverse }) => {
      const u = await unique(self, false);
      return [u.values, return_inverse ? u.inverse : emptyIndices(self)];
    },
  }),
  op(
    'unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)',
    {
      grad: 'none',
      define: async ({ self, return_inverse, return_counts, dim }) => {
        // Slices along a dim: PyTorch always gives all three.
        if (dim !== null && !(dim === 0 && self.shape.length === 1)) {
          const u = await uniqueRows(self, wrapDim(dim, self.shape.length));
          return [u.values, u.inverse, u.counts];
        }
        const u = await unique(self, true);
        return [
          u.values,
          return_inverse ? u.inverse : emptyIndices(self),
          return_counts ? u.counts : emptyIndices(self),
        ];
      },
    },
  ),
  op('bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor', {
    grad: 'none',
    define: async ({ self, weights, minlength }) => {
      if (self.shape.length !== 1 || isFloat(self.dtype))
        throw new TorchError('bincount only supports 1-d non-negative integral inputs.');
      const data = await readRaw(self);
      let size = minlength;
      for (let i = 0; i < data.length; i++) {
        if (data[i] < 0) throw new TorchError('bincount only supports 1-d non-negative integral inputs.');
        size = Math.max(size, Number(data[i]) + 1);
      }
      const index = self.to('int64');
      if (weights) {
        const w = weights.dtype === 'float32' ? weights : weights.to('float64');
        return w.new_zeros([size]).scatter_add(0, index, w);
      }
      const ones = index.new_ones(self.shape);
      return index.new_zeros([size]).scatter_add(0, index, ones);
    },
  }),
].flat();

const reversedLogSum = (t: Tensor, dim: number): Tensor => t.flip([dim]).logcumsumexp(dim).flip([dim]);
