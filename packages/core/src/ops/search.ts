/** Places and frequencies of values: searching sorted lists, histograms, quantiles, modes, repeats by count. */
import { callOperator } from '../dispatch/call.ts';
import { findOperator, op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { fromTypedArray, tensor, toTypedArray, toUserArray } from '../tensor/create.ts';
import { backendOf } from '../tensor/device.ts';
import { type DType, isFloat, type TypedArray } from '../tensor/dtype.ts';
import { canReadNow, readRaw, readRawNow } from '../tensor/host.ts';
import { numelOf, type Shape, wrapDim } from '../tensor/layout.ts';
import { get_default_dtype, type Scalar, scalarValue } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { catOf } from './join.ts';

/** The host's copy: at once where that is possible, else a promise. */
function withNumbers<T>(t: Tensor, then: (numbers: (number | bigint)[]) => T): T | Promise<T> {
  const plain = (data: TypedArray): (number | bigint)[] =>
    Array.from(toUserArray(data, t.dtype) as ArrayLike<number | bigint>);
  return canReadNow(t) ? then(plain(readRawNow(t))) : readRaw(t).then((data) => then(plain(data)));
}

const indexOf = (list: readonly number[], like: Tensor): Tensor =>
  fromTypedArray(BigInt64Array.from(list, BigInt), [list.length], 'int64', like.backend);

/** How many elements of each sorted row are less (or, from the right, not more): comparisons of all pairs, summed. */
function searchSorted(
  sorted: Tensor,
  values: Tensor,
  right: boolean,
  int32: boolean,
  sorter: Tensor | null,
): Tensor {
  if (sorted.shape.length !== 1 && sorted.shape.slice(0, -1).join() !== values.shape.slice(0, -1).join())
    throw new TorchError(
      `torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor [${sorted.shape.join(', ')}] and input value tensor [${values.shape.join(', ')}]`,
    );
  if (sorted.shape.length === 0)
    throw new TorchError(
      'torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension',
    );
  const list = (sorter === null ? sorted : sorted.gather(-1, sorter)) as Tensor;
  const rows = (list.shape.length === 1 ? list : list.unsqueeze(-2)) as Tensor;
  const wanted = values.unsqueeze(-1) as Tensor;
  // A NaN is past every number.
  const before = right ? wanted.lt(rows).logical_not() : rows.lt(wanted);
  const nan = isFloat(wanted.dtype)
    ? before.logical_or(
        wanted
          .isnan()
          .logical_and(
            right ? rows.isnan().logical_or(rows.isnan().logical_not()) : rows.isnan().logical_not(),
          ),
      )
    : before;
  const counts = nan.sum([-1]) as Tensor;
  return int32 ? counts.to('int32') : counts;
}

const isRight = (right: boolean, side: string | null): boolean => {
  if (side === null) return right;
  if (side !== 'left' && side !== 'right')
    throw new TorchError(`torch.searchsorted(): side can only be 'left' or 'right' but got ${side}`);
  if (right && side === 'left')
    throw new TorchError(
      "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True",
    );
  return side === 'right';
};

const modesOfInterpolation = ['linear', 'lower', 'higher', 'midpoint', 'nearest'];

function quantile(
  self: Tensor,
  q: Tensor,
  dim: number | null,
  keepdim: boolean,
  interpolation: string,
  ignoreNan: boolean,
): Tensor {
  const name = ignoreNan ? 'nanquantile' : 'quantile';
  if (numelOf(self.shape) === 0) throw new TorchError(`${name}() input tensor must be non-empty`);
  if (q.shape.length > 1) throw new TorchError(`${name}() q must be a scalar or 1D tensor`);
  if (self.dtype !== 'float32' && self.dtype !== 'float64')
    throw new TorchError(`${name}() input tensor must be either float or double dtype`);
  if (self.dtype !== q.dtype)
    throw new TorchError(`${name}() q tensor must be same dtype as the input tensor`);
  if (!modesOfInterpolation.includes(interpolation))
    throw new TorchError(
      `${name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got ${interpolation}`,
    );
  const rank = self.shape.length;
  const x = (
    dim === null ? self.reshape([-1]) : rank === 0 ? self.reshape([1]) : self.movedim(wrapDim(dim, rank), -1)
  ) as Tensor;
  const n = x.shape[x.shape.length - 1];
  const [sorted] = x.sort(-1) as unknown as Tensor[];
  const qs = q.reshape([-1]) as Tensor;
  const counts = (
    ignoreNan
      ? x.isnan().logical_not().sum([-1], true)
      : x.new_full([...x.shape.slice(0, -1), 1], n, { dtype: 'int64' })
  ) as Tensor;
  let ranks = qs.mul(counts.sub(1).to(x.dtype)) as Tensor;
  ranks = ignoreNan ? ranks.masked_fill(ranks.lt(0), 0) : ranks.masked_fill(x.isnan().any(-1, true), n - 1);
  if (interpolation === 'lower') ranks = ranks.floor();
  else if (interpolation === 'higher') ranks = ranks.ceil();
  else if (interpolation === 'nearest') ranks = ranks.round();
  const low = ranks.floor() as Tensor;
  let values = sorted.gather(-1, low.to('int64')) as Tensor;
  if (interpolation === 'linear' || interpolation === 'midpoint') {
    const weight = (interpolation === 'midpoint' ? low.new_full(low.shape, 0.5) : ranks.sub(low)) as Tensor;
    const upper = sorted.gather(-1, ranks.ceil().to('int64')) as Tensor;
    values = callOperator(findOperator('aten::lerp.Tensor')!, [values, upper, weight]) as Tensor;
  }
  let out = (q.shape.length === 0 ? values.squeeze(-1) : values.movedim(-1, 0)) as Tensor;
  if (keepdim) {
    const at = q.shape.length === 0 ? 0 : 1;
    if (dim === null) out = out.reshape([...out.shape.slice(0, at), ...new Array(rank).fill(1)]);
    else out = rank === 0 ? out.reshape(out.shape.slice(0, at)) : out.unsqueeze(wrapDim(dim, rank) + at);
  } else if (rank === 0 && dim !== null) out = out.reshape(q.shape);
  return out;
}

/** The most frequent value (the least of them), and the last place that holds it. */
function mode(self: Tensor, dim: number, keepdim: boolean): Tensor[] {
  if (self.shape.length === 0) return [self.clone(), self.new_zeros([], { dtype: 'int64' })];
  const d = wrapDim(dim, self.shape.length);
  const n = self.shape[d];
  if (n === 0) throw new TorchError(`mode(): Expected reduction dim ${d} to have non-zero size.`);
  const [sorted, places] = self.movedim(d, -1).sort(-1) as unknown as Tensor[];
  const counts = sorted.unsqueeze(-1).eq(sorted.unsqueeze(-2)).sum([-1]) as Tensor;
  const first = counts.argmax(-1, true) as Tensor;
  const last = first
    .add(counts.gather(-1, first))
    .sub(1)
    .clamp(0, n - 1) as Tensor;
  const shaped = (t: Tensor): Tensor => (keepdim ? t.movedim(-1, d) : t.squeeze(-1)).contiguous();
  return [shaped(sorted.gather(-1, first)), shaped(places.gather(-1, last))];
}

/** Equal bins between two bounds; what lies outside is not counted. */
function histogramCounts(self: Tensor, bins: number, low: number, high: number): Tensor {
  const x = self.reshape([-1]) as Tensor;
  const width = (high - low) / bins;
  const within = x.ge(low).logical_and(x.le(high)) as Tensor;
  const bin = x
    .sub(low)
    .div(width)
    .floor()
    .clamp(0, bins - 1)
    .masked_fill(within.logical_not(), 0)
    .nan_to_num()
    .to('int64') as Tensor;
  return x.new_zeros([bins]).scatter_add(0, bin, within.to(x.dtype));
}

function histc(self: Tensor, bins: number, min: Scalar, max: Scalar): Tensor | Promise<Tensor> {
  if (!isFloat(self.dtype)) throw new TorchError(`"histogram_cpu" not implemented for '${self.dtype}'`);
  if (bins <= 0) throw new TorchError('bins must be > 0');
  const [low, high] = [Number(scalarValue(min)), Number(scalarValue(max))];
  if (low > high) throw new TorchError('max must be larger than min');
  const run = (a: number, b: number): Tensor => {
    if (!Number.isFinite(a) || !Number.isFinite(b))
      throw new TorchError(`range of [${a}, ${b}] is not finite`);
    return a === b ? histogramCounts(self, bins, a - 1, b + 1) : histogramCounts(self, bins, a, b);
  };
  if (low !== high || numelOf(self.shape) === 0) return run(low, high);
  return withNumbers(catOf([self.amin().reshape([1]), self.amax().reshape([1])], 0), ([a, b]) =>
    run(Number(a), Number(b)),
  );
}

/** Row r of `self`, `repeats[r]` times. */
function repeatInterleave(self: Tensor, repeats: Tensor, dim: number | null): Tensor | Promise<Tensor> {
  const x = (dim === null ? self.flatten() : self) as Tensor;
  const d = wrapDim(dim ?? 0, x.shape.length);
  if (repeats.shape.length > 1) throw new TorchError('repeats must be 0-dim or 1-dim tensor');
  if (repeats.dtype !== 'int64' && repeats.dtype !== 'int32')
    throw new TorchError('repeats has to be Long or Int tensor');
  const n = x.shape[d] ?? 1;
  if (repeats.shape.length === 1 && repeats.shape[0] !== n && repeats.shape[0] !== 1)
    throw new TorchError(
      `repeats must have the same size as input along dim, but got repeats.size(0) = ${repeats.shape[0]} and input.size(${d}) = ${n}`,
    );
  return withNumbers(repeats, (counts) => {
    const list = places(counts.length === 1 ? new Array(n).fill(counts[0]) : counts);
    return (x.shape.length === 0 ? x.reshape([1]) : x).index_select(d, indexOf(list, self)) as Tensor;
  });
}

function places(counts: readonly (number | bigint)[]): number[] {
  if (counts.some((n) => n < 0)) throw new TorchError('repeats can not be negative');
  return counts.flatMap((n, i) => new Array<number>(Number(n)).fill(i));
}

/** Slices that shrink to `maxnorm` where they are longer. */
function renorm(self: Tensor, p: Scalar, dim: number, maxnorm: Scalar): Tensor {
  const d = wrapDim(dim, self.shape.length);
  if (self.shape.length < 2)
    throw new TorchError(`renorm: input needs at least 2 dimensions, got ${self.shape.length} dimensions`);
  const limit = Number(scalarValue(maxnorm));
  if (limit < 0) throw new TorchError(`renorm: expected maxnorm to be >= 0 but got ${limit}`);
  const norms = self.linalg_vector_norm(
    p,
    [...self.shape.keys()].filter((k) => k !== d),
    true,
  ) as Tensor;
  const factor = norms.add(1e-7).reciprocal().mul(limit) as Tensor;
  return self.mul(factor.where(norms.gt(limit), 1));
}

interface UniqueRows {
  readonly order: number[];
  readonly inverse: number[];
  readonly counts: number[];
}

function uniqueRows(values: readonly (number | bigint)[], rows: number): UniqueRows {
  const width = rows === 0 ? 0 : values.length / rows;
  const compare = (a: number, b: number): number => {
    for (let k = 0; k < width; k++) {
      const [x, y] = [values[a * width + k], values[b * width + k]];
      if (x < y) return -1;
      if (x > y) return 1;
    }
    return 0;
  };
  const sorted = Array.from({ length: rows }, (_, i) => i).sort((a, b) => compare(a, b) || a - b);
  const order: number[] = [];
  const counts: number[] = [];
  const inverse = new Array<number>(rows);
  for (const i of sorted) {
    if (order.length === 0 || compare(order[order.length - 1], i) !== 0) {
      order.push(i);
      counts.push(0);
    }
    counts[counts.length - 1]++;
    inverse[i] = order.length - 1;
  }
  return { order, inverse, counts };
}

function isIn(elements: Tensor, test: Tensor, invert: boolean): Tensor {
  const found = elements
    .unsqueeze(-1)
    .eq(test.reshape([-1]))
    .any(-1) as Tensor;
  return invert ? found.logical_not() : found;
}

/** The median of what is not NaN, along a dim. */
function nanMedian(self: Tensor, dim: number, keepdim: boolean): Tensor[] {
  if (!isFloat(self.dtype)) return self.median(dim, keepdim) as unknown as Tensor[];
  if (self.shape.length === 0) return [self.clone(), self.new_zeros([], { dtype: 'int64' })];
  const d = wrapDim(dim, self.shape.length);
  const [values, indices] = self.sort(d) as unknown as Tensor[];
  const count = self.isnan().logical_not().sum([d], true) as Tensor;
  const at = count.sub(1).clamp_min(0).div(2, { rounding_mode: 'floor' }) as Tensor;
  const shaped = (t: Tensor): Tensor => (keepdim ? t : t.squeeze(d));
  return [shaped(values.gather(d, at)), shaped(indices.gather(d, at))];
}

const triangle = (row: number, col: number, offset: number, upper: boolean): [number[], number[]] => {
  const rows: number[] = [];
  const columns: number[] = [];
  for (let i = 0; i < row; i++)
    for (let j = 0; j < col; j++)
      if (upper ? j - i >= offset : j - i <= offset) {
        rows.push(i);
        columns.push(j);
      }
  return [rows, columns];
};

const indexTensor = (lists: readonly number[][], dtype: DType | null, device: unknown): Tensor =>
  tensor(toTypedArray(lists.flat(), 'int64'), { device: device as null })
    .reshape([lists.length, lists[0].length])
    .to(dtype ?? 'int64') as Tensor;

const options =
  'ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None' as const;
const longOptions =
  'ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None' as const;

/** Powers of `base` at equal steps of the exponent, from both ends. */
function logspace(
  from: number,
  to: number,
  steps: number,
  base: number,
  dtype: DType | null,
  device: unknown,
): Tensor {
  if (steps < 0) throw new TorchError('number of steps must be non-negative');
  const type = dtype ?? get_default_dtype();
  // Exponents are of the result's dtype.
  const [start, end] = isFloat(type) ? [from, to] : [Math.trunc(from), Math.trunc(to)];
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  const values = Array.from(
    { length: steps },
    (_, i) => base ** (i < steps / 2 ? start + i * step : end - (steps - 1 - i) * step),
  );
  // Converted here: not every backend has float64. An infinity is the least integer, as on PyTorch's CPU.
  const finite = values.map((v) => (Number.isFinite(v) || isFloat(type) ? v : -(2 ** 63)));
  return fromTypedArray(toTypedArray(finite, type), [steps], type, backendOf(device as null));
}

const valueOr = <T>(t: Tensor | Scalar, then: (v: number) => T): T | Promise<T> =>
  typeof t === 'object' && 'shape' in t
    ? withNumbers(t, ([v]) => then(Number(v)))
    : then(Number(scalarValue(t)));

const both = <T>(a: Tensor | Scalar, b: Tensor | Scalar, then: (a: number, b: number) => T): unknown => {
  const first = valueOr(a, (x) => valueOr(b, (y) => then(x, y)));
  return first;
};

const linspace = (start: number, end: number, steps: number, dtype: DType | null, device: unknown): unknown =>
  callOperator(findOperator('aten::linspace')!, [start, end, steps, dtype, null, device, null]);

export const searches = [
  op(
    'searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor',
    {
      grad: 'none',
      define: ({ sorted_sequence, self, out_int32, right, side, sorter }) =>
        searchSorted(sorted_sequence, self, isRight(right, side), out_int32, sorter),
    },
  ),
  op(
    'searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor',
    {
      grad: 'none',
      define: ({ sorted_sequence, self, out_int32, right, side, sorter }) =>
        searchSorted(
          sorted_sequence,
          sorted_sequence.new_full([], self),
          isRight(right, side),
          out_int32,
          sorter,
        ),
    },
  ),
  op(
    'bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor',
    {
      grad: 'none',
      define: ({ self, boundaries, out_int32, right }) => {
        if (boundaries.shape.length !== 1)
          throw new TorchError(
            `boundaries tensor must be 1 dimension, but got dim(${boundaries.shape.length})`,
          );
        return searchSorted(boundaries, self, right, out_int32, null);
      },
    },
  ),
  op(
    'quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor',
    {
      define: ({ self, q, dim, keepdim, interpolation }) =>
        quantile(self, q, dim, keepdim, interpolation, false),
    },
  ),
  op(
    'quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor',
    {
      define: ({ self, q, dim, keepdim, interpolation }) => {
        if (!(q >= 0 && q <= 1))
          throw new TorchError(`quantile() q must be in the range [0, 1] but got ${q}`);
        return quantile(self, self.new_full([], q), dim, keepdim, interpolation, false);
      },
    },
  ),
  op(
    'nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor',
    {
      define: ({ self, q, dim, keepdim, interpolation }) =>
        quantile(self, q, dim, keepdim, interpolation, true),
    },
  ),
  op(
    'nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor',
    {
      define: ({ self, q, dim, keepdim, interpolation }) => {
        if (!(q >= 0 && q <= 1))
          throw new TorchError(`quantile() q must be in the range [0, 1] but got ${q}`);
        return quantile(self, self.new_full([], q), dim, keepdim, interpolation, true);
      },
    },
  ),
  op('mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)', {
    define: ({ self, dim, keepdim }) => mode(self, dim, keepdim),
    grad: {
      self: ({ grad, self, dim, keepdim, results }) => {
        if (self.shape.length === 0) return grad;
        const d = wrapDim(dim, self.shape.length);
        const [g, at] = keepdim
          ? [grad, results[1]]
          : ([grad.unsqueeze(d), results[1].unsqueeze(d)] as Tensor[]);
        return grad.new_zeros(self.shape).scatter_add(d, at, g);
      },
    },
  }),
  op('nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)', {
    define: ({ self, dim, keepdim }) => nanMedian(self, dim, keepdim),
  }),
  op('nanmedian(Tensor self) -> Tensor', {
    define: ({ self }) => nanMedian(self.reshape([-1]), 0, false)[0],
  }),
  op('nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor', {
    define: ({ self, dim, keepdim, dtype }) => {
      if (!isFloat(self.dtype))
        throw new TorchError(
          `nanmean(): expected input to have floating point or complex dtype but got ${self.dtype}`,
        );
      const count = self.detach().isnan().logical_not().sum(dim, keepdim) as Tensor;
      return self.nansum(dim, keepdim, { dtype }).div(count);
    },
  }),
  op('histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor', {
    grad: 'none',
    define: ({ self, bins, min, max }) => histc(self, bins, min, max),
  }),
  op(
    'isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor',
    {
      grad: 'none',
      define: ({ elements, test_elements, invert }) => isIn(elements, test_elements, invert),
    },
  ),
  op(
    'isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) -> Tensor',
    {
      grad: 'none',
      define: ({ elements, test_element, invert }) =>
        invert ? elements.ne(test_element) : elements.eq(test_element),
    },
  ),
  op('repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor', {
    grad: 'none',
    define: ({ repeats }) => {
      if (repeats.shape.length !== 1)
        throw new TorchError('repeat_interleave only accept 1D vector as repeat');
      return withNumbers(repeats, (counts) => indexOf(places(counts), repeats).to(repeats.dtype));
    },
  }),
  op(
    'repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor',
    {
      define: ({ self, repeats, dim }) => repeatInterleave(self, repeats, dim),
    },
  ),
  op('renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor', {
    inplace: true,
    define: ({ self, p, dim, maxnorm }) => renorm(self, p, dim, maxnorm),
  }),
  op(
    'unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)',
    {
      grad: 'none',
      define: ({ self, dim }) => {
        const d = wrapDim(dim, self.shape.length);
        const rows = self.movedim(d, 0).contiguous() as Tensor;
        return withNumbers(rows, (values) => {
          const { order, inverse, counts } = uniqueRows(values, rows.shape[0]);
          return [self.index_select(d, indexOf(order, self)), indexOf(inverse, self), indexOf(counts, self)];
        });
      },
    },
  ),
  op('nonzero_static(Tensor self, *, int size, int fill_value=-1) -> Tensor', {
    grad: 'none',
    define: ({ self, size, fill_value }) => {
      const rank = self.shape.length;
      const take = (found: Tensor): Tensor => {
        const some = found.narrow(0, 0, Math.min(size, found.shape[0])) as Tensor;
        return catOf([some, found.new_full([Math.max(size - found.shape[0], 0), rank], fill_value)], 0);
      };
      return (self.nonzero() as unknown as Promise<Tensor>).then(take);
    },
  }),
  op('put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor', {
    inplace: true,
    define: ({ self, index, source, accumulate }) => {
      if (numelOf(index.shape) !== numelOf(source.shape))
        throw new TorchError(
          `put_(): Expected source and index to have the same number of elements, but got source.numel() = ${numelOf(source.shape)}, index.numel() = ${numelOf(index.shape)}`,
        );
      return self
        .reshape([-1])
        .index_put([index.reshape([-1])], source.reshape([-1]), accumulate)
        .reshape(self.shape);
    },
  }),
  op(
    'index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor',
    {
      inplace: true,
      define: ({ self, dim, index, source, reduce, include_self }) => {
        if (!['prod', 'mean', 'amax', 'amin'].includes(reduce))
          throw new TorchError(
            `index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got ${reduce}`,
          );
        if (self.shape.length === 0)
          return self
            .reshape([1])
            .scatter_reduce(0, index.reshape([-1]), source.reshape([-1]), reduce, { include_self })
            .reshape([]);
        const d = wrapDim(dim, self.shape.length);
        const shape: Shape = source.shape.map((_, k) => (k === d ? numelOf(index.shape) : 1));
        return self.scatter_reduce(d, index.to('int64').reshape(shape).expand(source.shape), source, reduce, {
          include_self,
        });
      },
    },
  ),
  op(`tril_indices(int row, int col, int offset=0, *, ${longOptions}) -> Tensor`, {
    define: ({ row, col, offset, dtype, device }) =>
      indexTensor(triangle(row, col, offset, false), dtype, device),
  }),
  op(`triu_indices(int row, int col, int offset=0, *, ${longOptions}) -> Tensor`, {
    define: ({ row, col, offset, dtype, device }) =>
      indexTensor(triangle(row, col, offset, true), dtype, device),
  }),
  op(`logspace(Scalar start, Scalar end, int steps, float base=10., *, ${options}) -> Tensor`, {
    define: ({ start, end, steps, base, dtype, device }) =>
      logspace(Number(scalarValue(start)), Number(scalarValue(end)), steps, base, dtype, device),
  }),
  op(`logspace.Tensor_Tensor(Tensor start, Tensor end, int steps, float base=10., *, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ start, end, steps, base, dtype, device }) =>
      both(start, end, (a, b) => logspace(a, b, steps, base, dtype, device)),
  }),
  op(`logspace.Tensor_Scalar(Tensor start, Scalar end, int steps, float base=10., *, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ start, end, steps, base, dtype, device }) =>
      both(start, end, (a, b) => logspace(a, b, steps, base, dtype, device)),
  }),
  op(`logspace.Scalar_Tensor(Scalar start, Tensor end, int steps, float base=10., *, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ start, end, steps, base, dtype, device }) =>
      both(start, end, (a, b) => logspace(a, b, steps, base, dtype, device)),
  }),
  op(`linspace.Tensor_Tensor(Tensor start, Tensor end, int steps, *, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ start, end, steps, dtype, device }) =>
      both(start, end, (a, b) => linspace(a, b, steps, dtype, device)),
  }),
  op(`linspace.Tensor_Scalar(Tensor start, Scalar end, int steps, *, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ start, end, steps, dtype, device }) =>
      both(start, end, (a, b) => linspace(a, b, steps, dtype, device)),
  }),
  op(`linspace.Scalar_Tensor(Scalar start, Tensor end, int steps, *, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ start, end, steps, dtype, device }) =>
      both(start, end, (a, b) => linspace(a, b, steps, dtype, device)),
  }),
].flat();
