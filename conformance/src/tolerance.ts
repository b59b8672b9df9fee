/** The one tolerance policy: what `torch.testing.assert_close` takes per dtype, wider for long folds, and the exceptions. */
import type { DType } from '@sconce/core';
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

/**
 * Where the table does not fit, and why. `factor` widens both numbers. Nothing else in the suite widens a tolerance.
 */
const exceptions: readonly { readonly query: string; readonly factor: number; readonly reason: string }[] =
  [];

const compiled = exceptions.map(({ query, factor }) => ({ matches: parseQuery(query), factor }));

/**
 * The tolerance of an output of `dtype`. `folded` is how many elements went into one: rounding errors of a sum grow
 * with the square root of its length, so the table holds up to 64 and is widened by sqrt(folded / 64) from there on.
 */
export function toleranceOf(id: CaseId, dtype: DType, folded = 1): Tolerance {
  let factor = Math.sqrt(Math.max(folded, 64) / 64);
  for (const exception of compiled) if (exception.matches(id)) factor *= exception.factor;
  const { rtol, atol } = table[dtype];
  return { rtol: rtol * factor, atol: atol * factor };
}
