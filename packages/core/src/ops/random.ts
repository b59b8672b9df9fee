/** Numbers from PyTorch's generator, in the order in which it draws them, on every backend. */

import { checkInplace } from '../autograd/views.ts';
import { named, op } from '../dispatch/operator.ts';
import { NotSupportedError, TorchError } from '../errors.ts';
import { copyInto } from '../kernel/elementwise.ts';
import {
  bernoulli,
  bernoulli_tensor,
  cauchy,
  default_generator,
  exponential,
  type Generator,
  geometric,
  log_normal,
  multinomial,
  normal,
  random_from_to,
  random_full,
  random_full_64,
  randperm,
  uniform,
} from '../random/index.ts';
import { empty, fromTypedArray } from '../tensor/create.ts';
import { backendOf, type Device } from '../tensor/device.ts';
import { type DType, isFloat, type TypedArray } from '../tensor/dtype.ts';
import { dataNow } from '../tensor/host.ts';
import { isContiguous, numelOf, type Shape } from '../tensor/layout.ts';
import { get_default_dtype } from '../tensor/promotion.ts';
import { writable } from '../tensor/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';

type Draw = (n: number, dtype: DType, generator: Generator, contiguous: boolean) => TypedArray;

/** Overwrites `self` with drawn values, row-major. */
function fill(self: Tensor, generator: Generator | null, draw: Draw): Tensor {
  checkInplace(self, [self]);
  const dense = isContiguous(self.shape, self.strides);
  const data = draw(numelOf(self.shape), self.dtype, generator ?? default_generator, dense);
  if (data.length === 0 || self.backend.name === 'meta') return self;
  if (dense) {
    self.backend.write(writable(self.storage), self.offset, data);
    self.storage.version++;
    return self;
  }
  const values = fromTypedArray(data, self.shape, self.dtype, self.backend);
  copyInto(self, values);
  values.dispose();
  return self;
}

interface Options {
  readonly size: Shape;
  readonly dtype: DType | null;
  readonly device: Device | string | null;
}

function made({ size, dtype, device }: Options, generator: Generator | null, draw: Draw): Tensor {
  const out = empty(size, dtype ?? get_default_dtype(), backendOf(device));
  fill(out, generator, draw);
  out.storage.version = 0;
  return out;
}

const uniformDraw =
  (from: number, to: number): Draw =>
  (n, dtype, g) => {
    if (!isFloat(dtype)) throw new TorchError(`"check_uniform_bounds" not implemented for '${dtype}'`);
    if (!(from <= to))
      throw new TorchError(
        `uniform_ expects to return a [from, to) range, but found from=${from} > to=${to}`,
      );
    return uniform(n, dtype, from, to, g);
  };
const normalDraw =
  (mean: number, std: number): Draw =>
  (n, dtype, g, dense) => {
    if (!isFloat(dtype)) throw new TorchError(`"normal_kernel_cpu" not implemented for '${dtype}'`);
    if (!(std >= 0)) throw new TorchError(`normal expects std >= 0.0, but found std ${std}`);
    return normal(n, dtype, mean, std, g, dense);
  };
const integerDraw =
  (low: number | bigint, high: number | bigint): Draw =>
  (n, dtype, g) =>
    random_from_to(n, dtype, low, high, g);

/** Values on the host, needed before anything can be drawn. */
function probabilities(t: Tensor, name: string): TypedArray {
  if (!t.backend.readNow)
    throw new NotSupportedError(
      `${name}: its probabilities must be read first, and backend '${t.backend.name}' cannot be read at once: move them with \`await p.to('cpu')\``,
    );
  return dataNow(t);
}

const options = '*, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None';
const generated =
  '*, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None';
const integers = options.replace('dtype=None', 'dtype=4') as typeof options;
const integersGenerated = generated.replace('dtype=None', 'dtype=4') as typeof generated;
const likeOptions = `${options}, MemoryFormat? memory_format=None` as const;

const like = (
  self: Tensor,
  args: { dtype: DType | null; device: unknown; memory_format: string | null },
): Tensor =>
  self.new_empty_strided(self.shape, self.clone({ memory_format: args.memory_format }).strides, {
    dtype: args.dtype ?? self.dtype,
  });

/** Keeps each element with probability 1 - p, scaled so that the mean stays. */
function dropout(input: Tensor, p: number, train: boolean): Tensor {
  if (!(p >= 0 && p <= 1))
    throw new TorchError(`dropout probability has to be between 0 and 1, but got ${p}`);
  if (p === 0 || !train || numelOf(input.shape) === 0) return input;
  if (p === 1) return input.mul(input.new_zeros([]));
  return input.mul(noise(input, input.shape, p));
}

function noise(input: Tensor, shape: Shape, p: number): Tensor {
  const kept = input.new_empty(shape);
  fill(kept, null, (n, dtype, g) => bernoulli(n, dtype, 1 - p, g));
  return kept.div_(1 - p);
}

export const randoms = [
  op(`rand(SymInt[] size, ${options}) -> Tensor`, { define: (a) => made(a, null, uniformDraw(0, 1)) }),
  op(`rand.generator(SymInt[] size, ${generated}) -> Tensor`, {
    define: (a) => made(a, a.generator, uniformDraw(0, 1)),
  }),
  op(`randn(SymInt[] size, ${options}) -> Tensor`, { define: (a) => made(a, null, normalDraw(0, 1)) }),
  op(`randn.generator(SymInt[] size, ${generated}) -> Tensor`, {
    define: (a) => made(a, a.generator, normalDraw(0, 1)),
  }),
  op(`randint(SymInt high, SymInt[] size, ${integers}) -> Tensor`, {
    define: (a) => made({ ...a, dtype: a.dtype ?? 'int64' }, null, integerDraw(0, a.high)),
  }),
  op(`randint.low(SymInt low, SymInt high, SymInt[] size, ${integers}) -> Tensor`, {
    define: (a) => made({ ...a, dtype: a.dtype ?? 'int64' }, null, integerDraw(a.low, a.high)),
  }),
  op(`randint.generator(SymInt high, SymInt[] size, ${integersGenerated}) -> Tensor`, {
    define: (a) => made({ ...a, dtype: a.dtype ?? 'int64' }, a.generator, integerDraw(0, a.high)),
  }),
  op(`randint.low_generator(SymInt low, SymInt high, SymInt[] size, ${integersGenerated}) -> Tensor`, {
    define: (a) => made({ ...a, dtype: a.dtype ?? 'int64' }, a.generator, integerDraw(a.low, a.high)),
  }),
  op(`randperm(SymInt n, ${integers}) -> Tensor`, {
    define: ({ n, dtype, device }) =>
      made({ size: [n], dtype: dtype ?? 'int64', device }, null, (_, d, g) => randperm(n, d, g)),
  }),
  op(`randperm.generator(SymInt n, ${integersGenerated}) -> Tensor`, {
    define: ({ n, generator, dtype, device }) =>
      made({ size: [n], dtype: dtype ?? 'int64', device }, generator, (_, d, g) => randperm(n, d, g)),
  }),
  op(`rand_like(Tensor self, ${likeOptions}) -> Tensor`, {
    grad: 'none',
    define: (a) => fill(like(a.self, a), null, uniformDraw(0, 1)),
  }),
  op(`randn_like(Tensor self, ${likeOptions}) -> Tensor`, {
    grad: 'none',
    define: (a) => fill(like(a.self, a), null, normalDraw(0, 1)),
  }),
  op(`randint_like(Tensor self, SymInt high, ${likeOptions}) -> Tensor`, {
    grad: 'none',
    define: (a) => fill(like(a.self, a), null, integerDraw(0, a.high)),
  }),
  op(`randint_like.low_dtype(Tensor self, SymInt low, SymInt high, ${likeOptions}) -> Tensor`, {
    grad: 'none',
    define: (a) => fill(like(a.self, a), null, integerDraw(a.low, a.high)),
  }),
  op('uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)', {
    define: ({ self, from, to, generator }) => fill(self, generator, uniformDraw(from, to)),
  }),
  op('normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)', {
    define: ({ self, mean, std, generator }) => fill(self, generator, normalDraw(mean, std)),
  }),
  op(
    'normal.float_float(float mean, float std, SymInt[] size, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor',
    {
      define: (a) => made(a, a.generator, normalDraw(a.mean, a.std)),
    },
  ),
  op('normal.Tensor_float(Tensor mean, float std=1., *, Generator? generator=None) -> Tensor', {
    grad: 'none',
    define: ({ mean, std, generator }) =>
      fill(mean.new_empty(mean.shape), generator, normalDraw(0, 1)).mul_(std).add_(mean),
  }),
  op('normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor', {
    grad: 'none',
    define: ({ mean, std, generator }) =>
      fill(std.new_empty(std.shape), generator, normalDraw(0, 1)).mul_(std).add_(mean),
  }),
  op('normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor', {
    grad: 'none',
    define: ({ mean, std, generator }) => {
      const shape = mean.add(std).shape;
      return fill(mean.new_empty(shape), generator, normalDraw(0, 1)).mul_(std).add_(mean);
    },
  }),
  op('bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)', {
    define: ({ self, p, generator }) => fill(self, generator, (n, d, g) => bernoulli(n, d, p, g)),
  }),
  op('bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, Generator? generator=None) -> Tensor(a!)', {
    define: ({ self, p, generator }) => {
      const values = probabilities(p.expand(self.shape), 'bernoulli_') as Float32Array;
      return fill(self, generator, (_, d, g) => bernoulli_tensor(d, values, p.dtype, g));
    },
  }),
  op('bernoulli(Tensor self, *, Generator? generator=None) -> Tensor', {
    grad: 'none',
    define: ({ self, generator }) => {
      const values = probabilities(self, 'bernoulli') as Float32Array;
      return fill(self.new_empty(self.shape), generator, (_, d, g) =>
        bernoulli_tensor(d, values, self.dtype, g),
      );
    },
  }),
  op('bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor', {
    grad: 'none',
    define: ({ self, p, generator }) =>
      fill(self.new_empty(self.shape), generator, (n, d, g) => bernoulli(n, d, p, g)),
  }),
  op('exponential_(Tensor(a!) self, float lambd=1., *, Generator? generator=None) -> Tensor(a!)', {
    define: ({ self, lambd, generator }) => fill(self, generator, (n, d, g) => exponential(n, d, lambd, g)),
  }),
  op('geometric_(Tensor(a!) self, float p, *, Generator? generator=None) -> Tensor(a!)', {
    define: ({ self, p, generator }) => fill(self, generator, (n, d, g) => geometric(n, d, p, g)),
  }),
  op(
    'cauchy_(Tensor(a!) self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor(a!)',
    {
      define: ({ self, median, sigma, generator }) =>
        fill(self, generator, (n, d, g) => cauchy(n, d, median, sigma, g)),
    },
  ),
  op(
    'log_normal_(Tensor(a!) self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor(a!)',
    {
      define: ({ self, mean, std, generator }) =>
        fill(self, generator, (n, d, g) => log_normal(n, d, mean, std, g)),
    },
  ),
  op('random_(Tensor(a!) self, *, Generator? generator=None) -> Tensor(a!)', {
    define: ({ self, generator }) => fill(self, generator, random_full),
  }),
  op('random_.to(Tensor(a!) self, int to, *, Generator? generator=None) -> Tensor(a!)', {
    define: ({ self, to, generator }) => fill(self, generator, integerDraw(0, to)),
  }),
  op('random_.from(Tensor(a!) self, int from, int? to, *, Generator? generator=None) -> Tensor(a!)', {
    define: ({ self, from, to, generator }) =>
      to === null ? fill(self, generator, random_full_64) : fill(self, generator, integerDraw(from, to)),
  }),
  op(
    'multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor',
    {
      grad: 'none',
      define: ({ self, num_samples, replacement, generator }) => {
        if (!isFloat(self.dtype))
          throw new TorchError(
            `multinomial only supports floating-point dtypes for input, got: ${self.dtype}`,
          );
        if (self.shape.length !== 1 && self.shape.length !== 2)
          throw new TorchError('prob_dist must be 1 or 2 dim');
        const columns = self.shape[self.shape.length - 1];
        const rows = self.shape.length === 2 ? self.shape[0] : 1;
        const weights = probabilities(self, 'multinomial') as Float32Array;
        const drawn = multinomial(
          weights,
          rows,
          columns,
          num_samples,
          replacement,
          generator ?? default_generator,
        );
        const shape = self.shape.length === 2 ? [rows, num_samples] : [num_samples];
        return fromTypedArray(drawn, shape, 'int64', self.backend);
      },
    },
  ),
  op('dropout(Tensor input, float p, bool train) -> Tensor', {
    define: ({ input, p, train }) => dropout(input, p, train),
  }),
  op('dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)', {
    define: ({ self, p, train }) => {
      if (!(p >= 0 && p <= 1))
        throw new TorchError(`dropout probability has to be between 0 and 1, but got ${p}`);
      if (p === 0 || !train || numelOf(self.shape) === 0) return self;
      if (p === 1) return self.zero_();
      return self.mul_(noise(self, self.shape, p));
    },
  }),
  op('native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)', {
    define: ({ input, p, train }) => {
      if (train === false || numelOf(input.shape) === 0)
        return [input.clone(), input.new_ones(input.shape, { dtype: 'bool' })];
      const mask = input.new_empty(input.shape, { dtype: 'bool' });
      fill(mask, null, (n, d, g) => bernoulli(n, d, 1 - p, g));
      return [input.mul(mask).mul(p === 1 ? 0 : 1 / (1 - p)), mask];
    },
    grad: { input: ({ grad, results, p }) => grad.mul(results[1]).mul(p === 1 ? 0 : 1 / (1 - p)) },
  }),
  ...['feature_dropout'].flatMap((name) =>
    op(named(name, '(Tensor input, float p, bool train) -> Tensor'), {
      define: ({ input, p, train }) => {
        if (!(p >= 0 && p <= 1))
          throw new TorchError(`dropout probability has to be between 0 and 1, but got ${p}`);
        if (p === 0 || !train || numelOf(input.shape) === 0) return input;
        if (p === 1) return input.mul(0);
        if (input.shape.length < 2)
          throw new TorchError('Feature dropout requires at least 2 dimensions in the input');
        const shape = input.shape.map((n, d) => (d < 2 ? n : 1));
        return input.mul(noise(input, shape, p));
      },
    }),
  ),
].flat();
