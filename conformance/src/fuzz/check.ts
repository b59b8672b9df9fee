/** Whether a backend computes what the reference computes, all results and gradients of a program. */
import {
  type Backend,
  type DType,
  dataNow,
  isFloat,
  NotSupportedError,
  scope,
  type Tensor,
  type TypedArray,
} from '@sconce/core';
import { isTame } from './generate.ts';
import { type Outcome, type Program, run } from './program.ts';

/** A backend and a way of running it. */
export interface Target {
  readonly name: string;
  readonly backend: Backend;
  /** Sets the way, and gives back how to leave it. */
  readonly enter?: () => () => void;
}

interface Values {
  readonly label: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Of the largest number of a result: a chain of calls carries its roundings along. */
const tolerances: Partial<Record<DType, number>> = {
  float16: 5e-2,
  bfloat16: 5e-2,
  float32: 2e-4,
  float64: 1e-8,
};

const read = (label: string, tensor: Tensor): Values => ({
  label,
  dtype: tensor.dtype,
  shape: [...tensor.shape],
  data: dataNow(tensor.detach() as Tensor),
});

function valuesOf({ results, gradients }: Outcome): Values[] {
  const all = results.flatMap((t, i) => (t ? [read(`v${i}`, t)] : []));
  for (const [i, grad] of gradients) all.push(read(`v${i}.grad`, grad));
  return all;
}

/** A float64 that was a float32 before is no better than that. */
const precisionOf = (all: readonly Values[]): DType =>
  (['float16', 'bfloat16', 'float32'] as const).find((dtype) => all.some((v) => v.dtype === dtype)) ??
  'float64';

function differ(got: Values, expected: Values, precision: DType): string | undefined {
  const { label, dtype, shape, data } = expected;
  const type = (v: Values): string => `${v.dtype}[${v.shape.join(', ')}]`;
  if (type(got) !== type(expected)) return `${label} is ${type(got)}, expected ${type(expected)}`;
  let largest = 1;
  if (isFloat(dtype)) for (const x of data) largest = Math.max(largest, Math.abs(Number(x)));
  const allowed = isFloat(dtype) ? tolerances[precision]! * largest : 0;
  for (let i = 0; i < data.length; i++) {
    const [a, b] = [got.data[i], data[i]];
    if (a === b || Math.abs(Number(a) - Number(b)) <= allowed) continue;
    return `${label} (${type(expected)}) at ${positionOf(i, shape)}: ${a}, expected ${b}`;
  }
  return undefined;
}

function positionOf(index: number, shape: readonly number[]): string {
  const position: number[] = [];
  let rest = index;
  for (const size of shape.toReversed()) {
    position.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return `[${position.join(', ')}]`;
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? `${error.constructor.name}: ${error.message.split('\n')[0]}` : String(error);

/** What the reference says; undefined where the program does not run there, or its numbers are no measure. */
export const expectedOf = (program: Program, reference: Backend): Values[] | undefined =>
  scope(() => {
    try {
      const outcome = run(program, reference);
      const tensors = [...outcome.results, ...outcome.gradients.values()];
      return tensors.every((t) => t === null || isTame(t)) ? valuesOf(outcome) : undefined;
    } catch {
      return undefined;
    }
  });

/** What is wrong on a target, in a line; `skipped` where it lacks what the program needs. */
export function check(
  program: Program,
  target: Target,
  expected: readonly Values[],
): string | 'skipped' | undefined {
  const leave = target.enter?.();
  try {
    return scope(() => {
      const got = valuesOf(run(program, target.backend));
      if (got.length !== expected.length)
        return `${got.length} results and gradients, expected ${expected.length}`;
      const precision = precisionOf(expected);
      for (let i = 0; i < got.length; i++) {
        const found = differ(got[i], expected[i], precision);
        if (found) return found;
      }
      return undefined;
    });
  } catch (error) {
    return error instanceof NotSupportedError ? 'skipped' : messageOf(error);
  } finally {
    leave?.();
  }
}
