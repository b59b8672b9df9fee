/** New tensors: filled, counted, like another, from the generator. */
import type { Backend } from '../backend/backend.ts';
import { op } from '../dispatch/operator.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { Elementwise, fillWith } from '../kernel/elementwise.ts';
import { runInto } from '../kernel/generate.ts';
import { empty, emptyStrided } from '../tensor/create.ts';
import { backendOf, type Device } from '../tensor/device.ts';
import { type DType, isFloat } from '../tensor/dtype.ts';
import { type Shape, stridesInOrder } from '../tensor/layout.ts';
import { get_default_dtype, type Scalar, scalarCategory, scalarValue } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { stridesInFormat } from './copy.ts';

/** Fills what was just made: nobody has seen it, so no version is counted. */
function fresh(out: Tensor, value: Scalar): Tensor {
  fillWith(out, value);
  out.storage.version = 0;
  return out;
}

const full = (size: Shape, value: Scalar, dtype: DType | null, device: Device | string | null): Tensor =>
  fresh(empty(size, dtype ?? get_default_dtype(), backendOf(device)), value);

const dtypeOfScalar = (value: Scalar): DType => {
  const category = scalarCategory(value);
  return category === 'bool' ? 'bool' : category === 'int' ? 'int64' : get_default_dtype();
};

interface LikeOptions {
  readonly self: Tensor;
  readonly dtype: DType | null;
  readonly device: Device | string | null;
  readonly memory_format?: string | null;
}

function emptyLike({ self, dtype, device, memory_format = null }: LikeOptions): Tensor {
  return emptyStrided(
    self.shape,
    stridesInFormat(self, memory_format),
    dtype ?? self.dtype,
    device ? backendOf(device) : self.backend,
  );
}

const newBackend = (self: Tensor, device: Device | string | null): Backend =>
  device ? backendOf(device) : self.backend;

const options = '*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None';
const likeOptions = `${options}, MemoryFormat? memory_format=None` as const;

const counting = new Map<string, Elementwise>();

/** start + i * step, in the widest type of the result's kind, as PyTorch computes it. */
function count(start: Scalar, step: Scalar, length: number, dtype: DType, backend: Backend): Tensor {
  const out = empty([length], dtype, backend);
  if (length === 0) return out;
  const compute = isFloat(dtype)
    ? backend.capabilities.dtypes.has('float64')
      ? 'float64'
      : 'float32'
    : 'int64';
  let rule = counting.get(compute);
  if (!rule)
    counting.set(
      compute,
      (rule = new Elementwise((a, b) => a.add(X.coord(0).cast(compute).mul(b)), { promote: compute })),
    );
  runInto(rule, out, [start, step]);
  return out;
}

function arange(
  start: Scalar,
  end: Scalar,
  step: Scalar,
  dtype: DType | null,
  device: Device | string | null,
): Tensor {
  const category = [start, end, step].map(scalarCategory);
  const chosen = dtype ?? (category.includes('float') ? get_default_dtype() : 'int64');
  const [a, b, s] = [start, end, step].map((v) => Number(scalarValue(v)));
  if (s === 0) throw new TorchError('step must be nonzero');
  if (!Number.isFinite(a) || !Number.isFinite(b)) throw new TorchError(`unsupported range: ${a} -> ${b}`);
  if (s > 0 ? a > b : a < b) throw new TorchError('upper bound and larger bound inconsistent with step sign');
  const whole = !isFloat(chosen) && category.includes('float');
  const int = (v: number): number => (chosen === 'int64' ? Math.trunc(v) : v);
  const length = Math.max(Math.ceil((int(b) - int(a)) / int(s)), 0);
  return count(
    whole ? Math.trunc(a) : start,
    whole ? Math.trunc(s) : step,
    length,
    chosen,
    backendOf(device),
  );
}

const line = new Elementwise(
  (start, end, step, half, last) => {
    const i = X.coord(0).cast(start.dtype);
    return i.lt(half).where(start.add(step.mul(i)), end.sub(step.mul(last.sub(i))));
  },
  { promote: 'float64' },
);
const line32 = new Elementwise(line.formula, { promote: 'float32' });

function linspace(
  start: Scalar,
  end: Scalar,
  steps: number,
  dtype: DType | null,
  device: Device | string | null,
): Tensor {
  if (steps < 0) throw new TorchError('number of steps must be non-negative');
  const backend = backendOf(device);
  const out = empty([steps], dtype ?? get_default_dtype(), backend);
  if (steps === 0) return out;
  const [a, b] = [start, end].map((v) => Number(scalarValue(v)));
  if (steps === 1) return fresh(out, isFloat(out.dtype) ? a : Math.trunc(a));
  const wide = out.dtype === 'float64' || !isFloat(out.dtype);
  const step = (b - a) / (steps - 1);
  const rule = wide && backend.capabilities.dtypes.has('float64') ? line : line32;
  runInto(rule, out, [a, b, rule === line32 ? Math.fround(step) : step, Math.trunc(steps / 2), steps - 1]);
  return out;
}

const identity = new Elementwise(() => X.coord(0).eq(X.coord(1)), { promote: 'none' });

function eye(n: number, m: number, dtype: DType | null, device: Device | string | null): Tensor {
  if (n < 0) throw new TorchError(`n must be greater or equal to 0, got ${n}`);
  if (m < 0) throw new TorchError(`m must be greater or equal to 0, got ${m}`);
  const out = empty([n, m], dtype ?? get_default_dtype(), backendOf(device));
  runInto(identity, out, []);
  return out;
}

export const creation = [
  op(`empty.memory_format(SymInt[] size, ${options}, MemoryFormat? memory_format=None) -> Tensor`, {
    define: ({ size, dtype, device, memory_format }) => {
      const out = empty(size, dtype ?? get_default_dtype(), backendOf(device));
      return memory_format === null || memory_format === 'contiguous_format'
        ? out
        : emptyStrided(size, stridesInFormat(out, memory_format), out.dtype, out.backend);
    },
  }),
  op(`empty_strided(SymInt[] size, SymInt[] stride, ${options}) -> Tensor`, {
    define: ({ size, stride, dtype, device }) =>
      emptyStrided(size, stride, dtype ?? get_default_dtype(), backendOf(device)),
  }),
  op(`empty_permuted(SymInt[] size, int[] physical_layout, ${options}) -> Tensor`, {
    define: ({ size, physical_layout, dtype, device }) =>
      emptyStrided(
        size,
        stridesInOrder(size, physical_layout),
        dtype ?? get_default_dtype(),
        backendOf(device),
      ),
  }),
  op(`empty_like(Tensor self, ${likeOptions}) -> Tensor`, { grad: 'none', define: emptyLike }),
  op(`zeros(SymInt[] size, ${options}) -> Tensor`, {
    define: ({ size, dtype, device }) => full(size, 0, dtype, device),
  }),
  op(`ones(SymInt[] size, ${options}) -> Tensor`, {
    define: ({ size, dtype, device }) => full(size, 1, dtype, device),
  }),
  op(`full(SymInt[] size, Scalar fill_value, ${options}) -> Tensor`, {
    define: ({ size, fill_value, dtype, device }) =>
      full(size, fill_value, dtype ?? dtypeOfScalar(fill_value), device),
  }),
  op(`scalar_tensor(Scalar s, ${options}) -> Tensor`, {
    define: ({ s, dtype, device }) => full([], s, dtype, device),
  }),
  op(`zeros_like(Tensor self, ${likeOptions}) -> Tensor`, {
    grad: 'none',
    define: (args) => fresh(emptyLike(args), 0),
  }),
  op(`ones_like(Tensor self, ${likeOptions}) -> Tensor`, {
    grad: 'none',
    define: (args) => fresh(emptyLike(args), 1),
  }),
  op(`full_like(Tensor self, Scalar fill_value, ${likeOptions}) -> Tensor`, {
    grad: 'none',
    define: (args) => fresh(emptyLike(args), args.fill_value),
  }),
  op(`new_empty(Tensor self, SymInt[] size, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ self, size, dtype, device }) => empty(size, dtype ?? self.dtype, newBackend(self, device)),
  }),
  op(`new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ self, size, stride, dtype, device }) =>
      emptyStrided(size, stride, dtype ?? self.dtype, newBackend(self, device)),
  }),
  op(`new_zeros(Tensor self, SymInt[] size, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ self, size, dtype, device }) =>
      fresh(empty(size, dtype ?? self.dtype, newBackend(self, device)), 0),
  }),
  op(`new_ones(Tensor self, SymInt[] size, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ self, size, dtype, device }) =>
      fresh(empty(size, dtype ?? self.dtype, newBackend(self, device)), 1),
  }),
  op(`new_full(Tensor self, SymInt[] size, Scalar fill_value, ${options}) -> Tensor`, {
    grad: 'none',
    define: ({ self, size, fill_value, dtype, device }) =>
      fresh(empty(size, dtype ?? self.dtype, newBackend(self, device)), fill_value),
  }),
  op(`arange(Scalar end, ${options}) -> Tensor`, {
    define: ({ end, dtype, device }) => arange(0, end, 1, dtype, device),
  }),
  op(`arange.start(Scalar start, Scalar end, ${options}) -> Tensor`, {
    define: ({ start, end, dtype, device }) => arange(start, end, 1, dtype, device),
  }),
  op(`arange.start_step(Scalar start, Scalar end, Scalar step=1, ${options}) -> Tensor`, {
    define: ({ start, end, step, dtype, device }) => arange(start, end, step, dtype, device),
  }),
  op(`linspace(Scalar start, Scalar end, int steps, ${options}) -> Tensor`, {
    define: ({ start, end, steps, dtype, device }) => linspace(start, end, steps, dtype, device),
  }),
  op(`eye(SymInt n, ${options}) -> Tensor`, { define: ({ n, dtype, device }) => eye(n, n, dtype, device) }),
  op(`eye.m(SymInt n, SymInt m, ${options}) -> Tensor`, {
    define: ({ n, m, dtype, device }) => eye(n, m, dtype, device),
  }),
].flat();
