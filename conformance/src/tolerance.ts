/** The one tolerance policy: what `torch.testing.assert_close` takes per dtype, wider for long folds, and the exceptions. */
import type { DType } from '@sconce/core';
import type { Num } from './numbers.ts';
import { type CaseId, parseQuery } from './query.ts';

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

export const exact: Tolerance = { rtol: 0, atol: 0 };

const table: Record<DType, Tolerance> = {
  float16: { rtol: 1e-3, atol: 1e-5 },
  bfloat16: { rtol: 1.6e-2, atol: 1e-5 },
  float32: { rtol: 1.3e-6, atol: 1e-5 },
  float64: { rtol: 1e-7, atol: 1e-7 },
  bool: exact,
  uint8: exact,
  int8: exact,
  int16: exact,
  int32: exact,
  int64: exact,
};

interface Exception {
  readonly query: string;
  /** Widens everything. */
  readonly factor?: number;
  /** Added to the absolute part. */
  readonly atol?: number;
  readonly reason: string;
}

/** Where the table does not fit, and why. Nothing else in the suite widens a tolerance. */
const exceptions: readonly Exception[] = [
  {
    query: 'ops:_*softmax_backward_data:dtype=*16',
    atol: 0.04,
    reason: 'PyTorch rounds the sum of a row, about 9 in the samples, to 16 bits and then subtracts it',
  },
  {
    query: 'ops:native_layer_norm:dtype=*16',
    atol: 3e-5,
    reason: 'a row of one element is 0; PyTorch has the rounding error of its mean instead',
  },
  {
    query: '*:*scaled_dot_product*:dtype=*16',
    factor: 8,
    atol: 1e-2,
    reason:
      'PyTorch rounds the scores and the weights to 16 bits on the way; the logsumexp in float32 has their error',
  },
  ...['rnn', 'lstm', 'gru'].map((cell) => ({
    query: `*:*${cell}*:dtype=*16`,
    factor: 8,
    reason: 'PyTorch rounds every gate of every step to 16 bits',
  })),
  {
    query: 'autograd:*lgamma:dtype=float32',
    factor: 16,
    reason: "PyTorch's polygamma in float32 is good to 2e-5; in float64 its values and ours agree",
  },
  {
    query: '*:*ndtr:dtype=*16',
    atol: 3e-4,
    reason: 'PyTorch rounds erf to 16 bits and then adds 1',
  },
  {
    query: '*:addbmm*:dtype=float32',
    atol: 3e-5,
    reason:
      "sums of products up to 80 cancel to 1 or less; PyTorch's own LibTorch 1.13 and 2.6 differ by 2.3e-5",
  },
  {
    query: 'autograd:special_log_ndtr:dtype=float32',
    atol: 6e-4,
    reason:
      "the formula, PyTorch's too, is exp of a difference of numbers near 36, whose rounding it multiplies",
  },
];

const compiled = exceptions.map(({ query, ...exception }) => ({ matches: parseQuery(query), ...exception }));

/** One step of the 16-bit floats at 1. */
const steps: Partial<Record<DType, number>> = { float16: 2 ** -10, bfloat16: 2 ** -7 };

/**
 * The tolerance of an output of `dtype`. `folded` is how many elements went into one: rounding errors of a sum grow
 * with the square root of its length, so the table holds up to 64 and is widened by sqrt(folded / 64) from there on.
 * `want` is given where PyTorch may have rounded intermediate results to 16 bits, as the suite's operators must not:
 * then half a step of the largest value is allowed everywhere, since that is what cancellation leaves of it. Sums of
 * products are judged by the largest value in any dtype, for the same reason.
 */
export function toleranceOf(id: CaseId, dtype: DType, folded = 1, want: readonly Num[] = []): Tolerance {
  let factor = Math.sqrt(Math.max(folded, 64) / 64);
  let extra = 0;
  for (const exception of compiled) {
    if (!exception.matches(id)) continue;
    factor *= exception.factor ?? 1;
    extra += isExactDType(dtype) ? 0 : (exception.atol ?? 0);
  }
  const { rtol, atol } = table[dtype];
  const step = steps[dtype];
  if (!step && contraction.test(id.name)) extra += rtol * largest(want);
  return { rtol: rtol * factor, atol: extra + factor * (atol + (step ? (step / 2) * largest(want) : 0)) };
}

/** Operators that add up products: what cancels in a sum leaves an error relative to its terms, not to itself. */
const contraction = /conv|mm$|mm\.|matmul|linear$|bmm|addmv|mv$|dot|einsum|attention|multi_dot|bilinear/;

const isExactDType = (dtype: DType): boolean => table[dtype] === exact;

/** The largest finite magnitude. */
const largest = (values: readonly Num[]): number =>
  values.reduce<number>(
    (most, v) => (Number.isFinite(Number(v)) ? Math.max(most, Math.abs(Number(v))) : most),
    0,
  );
