/** Comparing what a backend computed with what is right. */
import type { Num } from './numbers.ts';
import type { Tolerance } from './tolerance.ts';

export interface Difference {
  /** The first wrong element, as its row-major index. */
  readonly at: number;
  readonly got: Num;
  readonly want: Num;
  /** How many are wrong. */
  readonly wrong: number;
}

/** |got - want| <= atol + rtol |want|; NaN equals NaN, an infinity only itself. `signedZero`: tells -0 from 0. */
export function firstDifference(
  got: readonly Num[],
  want: readonly Num[],
  { rtol, atol }: Tolerance,
  signedZero = false,
): Difference | undefined {
  let at = -1;
  let wrong = 0;
  for (let i = 0; i < want.length; i++) {
    if (isClose(got[i], want[i], rtol, atol, signedZero)) continue;
    if (at < 0) at = i;
    wrong++;
  }
  return at < 0 ? undefined : { at, got: got[at], want: want[at], wrong };
}

function isClose(got: Num, want: Num, rtol: number, atol: number, signedZero: boolean): boolean {
  if (typeof want === 'bigint' || typeof got === 'bigint') return got === want;
  if (Object.is(got, want)) return true;
  if (got === want) return !signedZero;
  return Math.abs(want) !== Infinity && Math.abs(got - want) <= atol + rtol * Math.abs(want);
}

/** `[1, 2]`: the coordinates of a row-major index. */
export function coordinatesOf(index: number, shape: readonly number[]): string {
  const list: number[] = [];
  for (let d = shape.length - 1; d >= 0; d--) {
    list.unshift(index % shape[d]);
    index = Math.floor(index / shape[d]);
  }
  return `[${list.join(', ')}]`;
}

export const showNumber = (value: Num): string =>
  typeof value === 'bigint' ? `${value}` : Object.is(value, -0) ? '-0' : String(value);
