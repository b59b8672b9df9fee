/** Calling a loaded module with a case's values, and comparing what it returns with what PyTorch returned. */
import { type Backend, fromTypedArray, py_float, Tensor } from '@sconce/core';
import { coordinatesOf, firstDifference, showNumber } from '../compare.ts';
import type { Num } from '../numbers.ts';
import type { CaseId } from '../query.ts';
import { type Tolerance, toleranceOf } from '../tolerance.ts';
import type { Value } from './values.ts';

/** A value as a user hands it to a module: tuples and lists are arrays, a dict is a Map. */
export function argumentOf(value: Value, backend: Backend): unknown {
  switch (value.kind) {
    case 'none':
      return null;
    case 'int':
      return Number.isSafeInteger(Number(value.value)) ? Number(value.value) : value.value;
    case 'float':
      return Number.isInteger(value.value) ? py_float(value.value) : value.value;
    case 'tensor':
      return fromTypedArray(value.data.slice(), value.shape, value.dtype, backend);
    case 'tuple':
    case 'list':
      return value.items.map((item) => argumentOf(item, backend));
    case 'dict':
      return new Map(
        value.entries.map(([key, item]) => [argumentOf(key, backend), argumentOf(item, backend)]),
      );
    default:
      return value.value;
  }
}

/** An absolute tolerance, or one from the largest element of what is expected. */
export type Bound = number | ((largest: number) => number);

/** What is wrong with a result, or undefined. `absolute` replaces the dtype's own tolerance. */
export async function checkValue(
  got: unknown,
  want: Value,
  id: CaseId,
  absolute?: Bound,
  name = 'result',
): Promise<string | undefined> {
  const differs = (text: string) => `${name}: got ${show(got)}, want ${text}`;
  switch (want.kind) {
    case 'none':
      return got === null || got === undefined ? undefined : differs('None');
    case 'bool':
    case 'str':
      return got === want.value ? undefined : differs(JSON.stringify(want.value));
    case 'int':
      return (typeof got === 'number' || typeof got === 'bigint') && String(got) === String(want.value)
        ? undefined
        : differs(`the int ${want.value}`);
    case 'float': {
      const close =
        typeof got === 'number' && !firstDifference([got], [want.value], toleranceOf(id, 'float64'));
      return close ? undefined : differs(`the float ${want.value}`);
    }
    case 'tensor':
      return got instanceof Tensor
        ? checkTensor(got, want, toleranceFor(want, id, absolute), name)
        : differs(`a tensor of shape [${want.shape}]`);
    case 'tuple':
    case 'list': {
      if (!Array.isArray(got) || got.length !== want.items.length)
        return differs(`a ${want.kind} of ${want.items.length}`);
      for (const [i, item] of want.items.entries()) {
        const problem = await checkValue(got[i], item, id, absolute, `${name}[${i}]`);
        if (problem) return problem;
      }
      return undefined;
    }
    case 'dict': {
      if (!(got instanceof Map) || got.size !== want.entries.length)
        return differs(`a dict of ${want.entries.length}`);
      for (const [i, [key, item]] of [...got].entries()) {
        const [wantKey, wantItem] = want.entries[i];
        const problem =
          (await checkValue(key, wantKey, id, absolute, `${name}: key ${i}`)) ??
          (await checkValue(item, wantItem, id, absolute, `${name}[${String(key)}]`));
        if (problem) return problem;
      }
      return undefined;
    }
  }
}

/** A half that is rounded the other way (a GPU multiplies and adds at once) is multiplied by the layers after it. */
const STEPS_THROUGH_A_MODEL = 2;

/** A quantised number may be its neighbour, where both were about as near to what was rounded. */
function toleranceFor(want: Value & { kind: 'tensor' }, id: CaseId, absolute: Bound | undefined): Tolerance {
  if (want.quantum !== undefined)
    return { rtol: 1e-6, atol: want.quantum * (absolute === undefined ? 1 : STEPS_THROUGH_A_MODEL) };
  return absolute === undefined ? toleranceOf(id, want.dtype) : { rtol: 0, atol: boundOf(absolute, want) };
}

function boundOf(bound: Bound, { data }: Value & { kind: 'tensor' }): number {
  if (typeof bound === 'number') return bound;
  let largest = 0;
  for (const x of data) largest = Math.max(largest, Math.abs(Number(x)));
  return bound(largest);
}

async function checkTensor(
  got: Tensor,
  want: Value & { kind: 'tensor' },
  tolerance: Tolerance,
  name: string,
): Promise<string | undefined> {
  if (got.dtype !== want.dtype) return `${name}: dtype is ${got.dtype}, want ${want.dtype}`;
  if (String(got.shape) !== String(want.shape))
    return `${name}: shape is [${got.shape}], want [${want.shape}]`;
  const values: Num[] = Array.from(want.data as ArrayLike<Num>);
  const found: Num[] = Array.from((await got.data()) as ArrayLike<Num>);
  const wrong = firstDifference(found, values, tolerance);
  return (
    wrong &&
    `${name}: ${wrong.wrong} of ${values.length} elements are wrong, first ${coordinatesOf(wrong.at, want.shape)}: ` +
      `got ${showNumber(wrong.got)}, want ${showNumber(wrong.want)} (atol ${tolerance.atol.toPrecision(3)})`
  );
}

function show(value: unknown): string {
  if (value instanceof Tensor) return `a ${value.dtype} Tensor of shape [${value.shape}]`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'object' && value !== null) return `a ${value.constructor?.name}`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
