/** Whether two tensors agree, and PyTorch's report where they do not (`torch.testing.assert_close`). */
import { type DType, plainShape, unwatched } from '@sconce/core';
import type { Tensor } from '../ops/core.ts';

export interface Tolerance {
  readonly rtol: number;
  readonly atol: number;
}

const tolerances: Readonly<Record<string, Tolerance>> = {
  float16: { rtol: 1e-3, atol: 1e-5 },
  bfloat16: { rtol: 1.6e-2, atol: 1e-5 },
  float32: { rtol: 1.3e-6, atol: 1e-5 },
  float64: { rtol: 1e-7, atol: 1e-7 },
};

/** What PyTorch allows for a dtype. */
export const toleranceOf = (dtype: DType): Tolerance => tolerances[dtype] ?? { rtol: 0, atol: 0 };

/** A number as Python prints a float. */
const spelled = (value: number): string => {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16))
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  return Number.isInteger(value) ? `${value}.0` : String(value);
};

const size = (shape: readonly number[]): string => `torch.Size([${shape.join(', ')}])`;

function indexOf(flat: number, shape: readonly number[]): string {
  const index: number[] = [];
  for (let d = shape.length - 1, rest = flat; d >= 0; d--) {
    index.unshift(rest % shape[d]);
    rest = Math.floor(rest / shape[d]);
  }
  return `(${index.join(', ')}${index.length === 1 ? ',' : ''})`;
}

/** What differs, in PyTorch's words, or undefined where the tensors agree. NaNs are equal. */
export async function mismatch(
  actual: Tensor,
  expected: Tensor,
  { rtol, atol }: Tolerance,
): Promise<string | undefined> {
  const [shape, other] = [plainShape(actual), plainShape(expected)];
  if (shape.length !== other.length || shape.some((n, d) => n !== other[d]))
    return `The values for attribute 'shape' do not match: ${size(shape)} != ${size(other)}.`;
  const [a, b] = (await unwatched(() => Promise.all([actual.data(), expected.data()]))).map((values) =>
    Array.from(values as ArrayLike<number | bigint>, Number),
  );
  const differing: number[] = [];
  let [absolute, absoluteAt, relative, relativeAt] = [-1, 0, -1, 0];
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue;
    const difference = Math.abs(a[i] - b[i]);
    if (difference <= atol + rtol * Math.abs(b[i])) continue;
    differing.push(i);
    if (!(difference <= absolute)) [absolute, absoluteAt] = [difference, i];
    const ratio = difference / Math.abs(b[i]);
    if (!(ratio <= relative)) [relative, relativeAt] = [ratio, i];
  }
  if (differing.length === 0) return undefined;
  const isExact = atol === 0 && rtol === 0;
  const allowed = [atol, rtol].map((limit) => (isExact ? '' : ` (up to ${spelled(limit)} allowed)`));
  const what = isExact ? 'equal' : 'close';
  const amount = isExact ? String(absolute) : spelled(absolute);
  if (shape.length === 0)
    return `Scalars are not ${what}!\n\nAbsolute difference: ${amount}${allowed[0]}\nRelative difference: ${spelled(relative)}${allowed[1]}`;
  return [
    `Tensor-likes are not ${what}!`,
    '',
    `Mismatched elements: ${differing.length} / ${a.length} (${((100 * differing.length) / a.length).toFixed(1)}%)`,
    `Greatest absolute difference: ${amount} at index ${indexOf(absoluteAt, shape)}${allowed[0]}`,
    `Greatest relative difference: ${spelled(relative)} at index ${indexOf(relativeAt, shape)}${allowed[1]}`,
  ].join('\n');
}
