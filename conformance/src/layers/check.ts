/** Comparing tensors and results with the frozen ones. Each check gives what is wrong, or undefined. */
import { numelOf, Tensor } from '@sconce/core';
import { coordinatesOf, firstDifference, showNumber } from '../compare.ts';
import type { Num } from '../numbers.ts';
import type { CaseId } from '../query.ts';
import { toleranceOf } from '../tolerance.ts';
import type { CaseFile, FrozenCase, FrozenTensor, FrozenValue } from './frozen.ts';
import { readTensor, valuesOf } from './tensors.ts';

export interface Wanted {
  readonly id: CaseId;
  readonly file: CaseFile;
  readonly case: FrozenCase;
  readonly inputs: readonly Tensor[];
  readonly compareStrides: boolean;
  /** Widens the tolerance: a second gradient has the rounding errors of three formulas in a row. */
  readonly slack?: number;
}

const sameList = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((v, i) => v === b[i]);

/** Strides count where there is a next element along the dim. */
const sameStrides = (shape: readonly number[], a: readonly number[], b: readonly number[]) =>
  numelOf(shape) < 2 || shape.every((size, d) => size < 2 || a[d] === b[d]);

/** How many elements went into one of the output's, judged by sizes; for the tolerance. */
const foldedIn = ({ in: inputs }: FrozenCase, out: FrozenTensor): number => {
  const largest = Math.max(1, ...inputs.map(({ s }) => numelOf(s)));
  return Math.max(1, largest / Math.max(1, numelOf(out.s)));
};

/** Values, shape, dtype and (where wanted) strides of one tensor. `values` stand in for those that the file lacks. */
export async function checkTensor(
  name: string,
  got: Tensor,
  want: FrozenTensor,
  { id, file, compareStrides, slack = 1, ...wanted }: Wanted,
  values: readonly Num[] = valuesOf(want, file),
): Promise<string | undefined> {
  if (got.dtype !== want.d) return `${name}: dtype is ${got.dtype}, want ${want.d}`;
  if (!sameList(got.shape, want.s)) return `${name}: shape is [${got.shape}], want [${want.s}]`;
  const strides = want.st ?? contiguous(want.s);
  if (compareStrides && !sameStrides(want.s, got.strides, strides))
    return `${name}: strides are [${got.strides}], want [${strides}] (shape [${want.s}])`;
  if (want.any) return undefined;
  const { rtol, atol } = toleranceOf(id, want.d, foldedIn(wanted.case, want), values);
  const tolerance = { rtol: rtol * slack, atol: atol * slack };
  const difference = firstDifference(await readTensor(got), values, tolerance);
  return (
    difference &&
    `${name}: ${difference.wrong} of ${values.length} elements are wrong, first ${coordinatesOf(difference.at, want.s)}: got ${showNumber(difference.got)}, want ${showNumber(difference.want)}`
  );
}

const contiguous = (shape: readonly number[]) =>
  shape.map((_, d) => shape.slice(d + 1).reduce((n, size) => n * Math.max(size, 1), 1));

/** A result against the frozen one: tensors, numbers, lists of them. */
export async function checkResult(
  got: unknown,
  want: FrozenValue,
  wanted: Wanted,
  name = 'result',
): Promise<string | undefined> {
  if (want === null)
    return got === null || got === undefined ? undefined : `${name}: got ${show(got)}, want None`;
  if (typeof want === 'object' && !Array.isArray(want)) {
    if ('t' in want) return checkOutput(got, want.t, wanted, name);
    if ('list' in want) return checkResult(got, want.list, wanted, name);
    if ('f' in want) {
      const number = typeof want.f === 'number' ? want.f : Number(want.f.replace('inf', 'Infinity'));
      const close = firstDifference([Number(got)], [number], toleranceOf(wanted.id, 'float32')) === undefined;
      return close ? undefined : `${name}: got ${show(got)}, want ${number}`;
    }
    if ('i' in want) return String(got) === want.i ? undefined : `${name}: got ${show(got)}, want ${want.i}`;
    if ('dtype' in want)
      return got === want.dtype ? undefined : `${name}: got ${show(got)}, want ${want.dtype}`;
    return undefined;
  }
  if (Array.isArray(want)) {
    const list = got instanceof Tensor || !Array.isArray(got) ? [got] : got;
    if (list.length !== want.length) return `${name}: ${list.length} results, want ${want.length}`;
    for (const [i, item] of want.entries()) {
      const problem = await checkResult(list[i], item, wanted, `${name}[${i}]`);
      if (problem) return problem;
    }
    return undefined;
  }
  const plain = typeof got === 'bigint' ? Number(got) : got;
  return plain === want ? undefined : `${name}: got ${show(got)}, want ${JSON.stringify(want)}`;
}

async function checkOutput(
  got: unknown,
  k: number,
  wanted: Wanted,
  name: string,
): Promise<string | undefined> {
  const want = wanted.case.out?.[k];
  if (!want) return got === null || got === undefined ? undefined : `${name}: got ${show(got)}, want None`;
  if (!(got instanceof Tensor)) return `${name}: got ${show(got)}, want a Tensor`;
  const input = want.a === undefined ? undefined : wanted.inputs[want.a];
  if (want.is && wanted.case.mutated)
    return got === input ? undefined : `${name} is not the very tensor that was argument ${want.a}`;
  if (input) {
    if (got.storage !== input.storage) return `${name} does not share memory with input ${want.a}`;
    const frozen = wanted.case.mutated?.[want.a!] ?? wanted.case.in[want.a!];
    if (want.is) return checkTensor(name, got, frozen, wanted);
    if (want.b === undefined) {
      // The values are those of the input's storage, seen through the output's shape, strides and offset.
      const seen = { ...frozen, s: want.s, st: want.st ?? contiguous(want.s), o: want.o ?? 0 };
      if (numelOf(want.s) > 0 && got.offset !== (want.o ?? 0))
        return `${name}: offset is ${got.offset}, want ${want.o ?? 0}`;
      return checkTensor(name, got, { ...want, d: want.d ?? frozen.d }, wanted, valuesOf(seen, wanted.file));
    }
  } else if (
    numelOf(got.shape) > 0 &&
    wanted.inputs.some((x) => x?.storage === got.storage && x.storage.length > 0)
  )
    return `${name} shares memory with input ${wanted.inputs.findIndex((x) => x?.storage === got.storage)}, and must not`;
  const problem = await checkTensor(name, got, want, wanted);
  return problem && k === 1 && (await namesEqualValues(got, want, wanted)) ? undefined : problem;
}

/** Operators that may give the index of any of several equals, and the position of their `dim`. */
const choosers: Readonly<Record<string, number>> = {
  'aten::sort': 1,
  'aten::topk': 2,
  'aten::kthvalue': 2,
  'aten::median.dim': 1,
  'aten::nanmedian.dim': 1,
  'aten::mode': 1,
};

/** Whether the indices name elements equal to those that PyTorch's name. */
async function namesEqualValues(
  got: Tensor,
  want: FrozenTensor,
  { case: c, file }: Wanted,
): Promise<boolean> {
  const position = choosers[c.op];
  if (position === undefined || want.d !== 'int64' || `${got.shape}` !== `${want.s}`) return false;
  const [x] = c.in;
  const rank = x.s.length;
  const given = c.args[position] ?? -1;
  if (rank === 0 || typeof given !== 'number') return false;
  const dim = (given + rank) % rank;
  const values = valuesOf(x, file);
  const inner = numelOf(x.s.slice(dim + 1));
  // The output has the input's dims, but for this one: some of it, or none.
  const kept = want.s.length === rank ? want.s[dim] : 1;
  const [indices, wanted] = [await readTensor(got), valuesOf(want, file)];
  return indices.every((index, i) => {
    const base = Math.floor(i / (inner * kept)) * x.s[dim] * inner + (i % inner);
    return Object.is(values[base + Number(index) * inner], values[base + Number(wanted[i]) * inner]);
  });
}

/** The inputs after the call: those in `mutated` have its values, the others their own. */
export async function checkInputs({ inputs, ...wanted }: Wanted): Promise<string | undefined> {
  // They update the running statistics that they are given, which their schemas do not say.
  if (/(batch|instance)_norm/.test(wanted.case.op) && !wanted.case.mutated) return undefined;
  for (const [k, frozen] of wanted.case.in.entries()) {
    const after = wanted.case.mutated?.[k];
    const problem = await checkTensor(
      after ? `input ${k} after the call` : `input ${k}, which the call must not change,`,
      inputs[k],
      after ?? frozen,
      {
        ...wanted,
        inputs,
        compareStrides: false,
      },
    );
    if (problem) return problem;
  }
  return undefined;
}

function show(value: unknown): string {
  if (value instanceof Tensor) return `a ${value.dtype} Tensor of shape [${value.shape}]`;
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'object' && value !== null ? value.constructor?.name : String(value);
}

/** The operator, its arguments and layouts, for a person. */
export function describeCase({ case: c, file, inputs }: Wanted): string {
  const tensor = (k: number) => {
    const frozen = c.in[k];
    const values = valuesOf(frozen, file);
    const strides = inputs[k]?.strides ?? frozen.st ?? contiguous(frozen.s);
    return `${frozen.d}[${frozen.s}] strides [${strides}]: ${values.slice(0, 10).map(showNumber).join(', ')}${values.length > 10 ? ', …' : ''}`;
  };
  return [
    `  operator ${c.op} (from ${c.from})`,
    `  args     ${JSON.stringify(c.args)}${c.kwargs ? ` ${JSON.stringify(c.kwargs)}` : ''}`,
    ...c.in.map((_, k) => `  t${k}       ${tensor(k)}`),
  ].join('\n');
}
