/** Sampling of indices by weight, as `torch.multinomial` does it on each of its ways. */
import { TorchError } from '../errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { exponential } from './distributions.ts';
import type { Generator } from './generator.ts';

/**
 * `samples` indices for each row of `weights` (row-major, `rows` × `columns`), float32 or float64.
 * Without replacement: the largest of weights over exponential noise. Otherwise: a search in the
 * cumulative distribution. Throws, as PyTorch, where a row cannot be sampled from.
 */
export function multinomial(
  weights: Float32Array | Float64Array,
  rows: number,
  columns: number,
  samples: number,
  replacement: boolean,
  generator: Generator,
): BigInt64Array {
  if (samples <= 0) throw new TorchError(`cannot sample n_sample <= 0 samples`);
  if (!replacement && samples > columns)
    throw new TorchError('cannot sample n_sample > prob_dist.size(-1) samples without replacement');
  return replacement
    ? bySearch(weights, rows, columns, samples, generator)
    : byNoise(weights, rows, columns, samples, generator);
}

function byNoise(
  weights: Float32Array | Float64Array,
  rows: number,
  columns: number,
  samples: number,
  generator: Generator,
): BigInt64Array {
  if (weights.some((w) => !(w >= 0 && w < Number.POSITIVE_INFINITY)))
    throw new TorchError('probability tensor contains either `inf`, `nan` or element < 0');
  for (let row = 0; row < rows; row++)
    if (weights.subarray(row * columns, (row + 1) * columns).every((w) => w === 0))
      throw new TorchError('invalid multinomial distribution (sum of probabilities <= 0)');
  const dtype: DType = weights instanceof Float32Array ? 'float32' : 'float64';
  const ratio = exponential(weights.length, dtype, 1, generator) as Float32Array | Float64Array;
  for (let i = 0; i < ratio.length; i++) ratio[i] = weights[i] / ratio[i];
  const out = new BigInt64Array(rows * samples);
  for (let row = 0; row < rows; row++) {
    const values = ratio.subarray(row * columns, (row + 1) * columns);
    const order = Array.from(values.keys()).sort((a, b) => compare(values[b], values[a]));
    for (let s = 0; s < samples; s++) out[row * samples + s] = BigInt(order[s]);
  }
  return out;
}

/** NaN (zero weight over zero noise) counts as the largest, as in PyTorch's topk. */
const compare = (a: number, b: number): number =>
  Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a < b ? -1 : a > b ? 1 : 0;

function bySearch(
  weights: Float32Array | Float64Array,
  rows: number,
  columns: number,
  samples: number,
  generator: Generator,
): BigInt64Array {
  const out = new BigInt64Array(rows * samples);
  // A single-precision row is summed and normalised in single precision.
  const cumulative = weights instanceof Float32Array ? new Float32Array(columns) : new Float64Array(columns);
  for (let row = 0; row < rows; row++) {
    for (let j = 0; j < columns; j++) {
      const weight = weights[row * columns + j];
      if (!(weight >= 0))
        throw new TorchError('invalid multinomial distribution (encountering probability entry < 0)');
      if (weight === Number.POSITIVE_INFINITY)
        throw new TorchError(
          'invalid multinomial distribution (encountering probability entry = infinity or NaN)',
        );
      cumulative[j] = (j === 0 ? 0 : cumulative[j - 1]) + weight;
    }
    const sum = cumulative[columns - 1];
    if (!(sum > 0)) throw new TorchError('invalid multinomial distribution (sum of probabilities <= 0)');
    for (let j = 0; j < columns; j++) cumulative[j] /= sum;
    for (let s = 0; s < samples; s++) {
      const u = generator.uniform53();
      let left = 0;
      let right = columns;
      while (right > left) {
        const middle = left + Math.floor((right - left) / 2);
        if (cumulative[middle] < u) left = middle + 1;
        else right = middle;
      }
      out[row * samples + s] = BigInt(left);
    }
  }
  return out;
}
