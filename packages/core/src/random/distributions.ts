/** The distributions that PyTorch draws element by element from uniform doubles, without MKL. */
import { TorchError } from '../errors.ts';
import { type DType, dtypes, type TypedArray } from '../tensor/dtype.ts';
import { encode16 } from '../tensor/float16.ts';
import { fma64 } from './fma.ts';
import type { Generator } from './generator.ts';
import { nextNormal } from './normal.ts';
import { exp, log, tan } from './precise.ts';

/** Draws in turn, rounded (or truncated) to the dtype. */
function collect(n: number, dtype: DType, draw: (i: number) => number): TypedArray {
  if (dtype === 'int64') {
    const out = new BigInt64Array(n);
    for (let i = 0; i < n; i++) out[i] = BigInt(Math.trunc(draw(i)));
    return out;
  }
  const sixteen = dtype === 'float16' || dtype === 'bfloat16';
  const out = new (sixteen ? Float32Array : dtypes[dtype].array)(n) as Float64Array;
  for (let i = 0; i < n; i++) out[i] = draw(i);
  return sixteen ? encode16(out, dtype) : out;
}

const checkProbability = (p: number): void => {
  if (!(p >= 0 && p <= 1)) throw new TorchError(`bernoulli_ expects p to be in [0, 1], but got p=${p}`);
};

/** Ones with probability `p`, as `bernoulli_(p)`. Dropout's noise is `bernoulli(n, dtype, 1 - p, g)`, then divided by 1 - p. */
export function bernoulli(n: number, dtype: DType, p: number, generator: Generator): TypedArray {
  checkProbability(p);
  return collect(n, dtype, () => (generator.uniform53() < p ? 1 : 0));
}

/** Ones with a probability for each, as `bernoulli(input)` and `bernoulli_(p)` with a tensor: 24 bits a draw unless `p` is double. */
export function bernoulli_tensor(
  dtype: DType,
  p: ArrayLike<number>,
  pDType: DType,
  generator: Generator,
): TypedArray {
  return collect(p.length, dtype, (i) => {
    if (!(p[i] >= 0 && p[i] <= 1))
      throw new TorchError('Expected p_in >= 0 && p_in <= 1 to be true, but got false.');
    return (pDType === 'float64' ? generator.uniform53() : generator.uniform24()) < p[i] ? 1 : 0;
  });
}

/** As `exponential_(lambd)`. */
export function exponential(n: number, dtype: DType, lambd: number, generator: Generator): TypedArray {
  if (!(lambd > 0)) throw new TorchError(`exponential_ expects lambda > 0.0, but found lambda=${lambd}`);
  return collect(n, dtype, () => (-1 / lambd) * log(1 - generator.uniform53()));
}

/** As `geometric_(p)`. */
export function geometric(n: number, dtype: DType, p: number, generator: Generator): TypedArray {
  if (!(p > 0 && p < 1)) throw new TorchError(`geometric_ expects p to be in (0, 1), but got p=${p}`);
  return collect(n, dtype, () => Math.ceil(Math.log(generator.uniform53()) / Math.log(1 - p)));
}

/** As `cauchy_(median, sigma)`. */
export function cauchy(
  n: number,
  dtype: DType,
  median: number,
  sigma: number,
  generator: Generator,
): TypedArray {
  return collect(n, dtype, () => fma64(sigma, tan(Math.PI * (generator.uniform53() - 0.5)), median));
}

/** As `log_normal_(mean, std)`. */
export function log_normal(
  n: number,
  dtype: DType,
  mean: number,
  std: number,
  generator: Generator,
): TypedArray {
  if (!(std > 0)) throw new TorchError(`log_normal_ expects std > 0.0, but found std=${std}`);
  return collect(n, dtype, () => exp(nextNormal(generator, mean, std)));
}
