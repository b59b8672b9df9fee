/** The end of a sum: `finish`, and the store. */
import type { ComputeType, DType, Expr } from '@sconce/core';
import { stored, valueType } from '../../lower/element.ts';
import { lower } from '../../lower/lower.ts';
import { inputDtypes, scalarDtypes } from '../../lower/walk.ts';
import type { Operand, Shader } from '../../shader.ts';
import { readScalars } from '../pointwise.ts';
import { type Address, Lines, OUT, REST } from './address.ts';

export interface Ending {
  readonly accumulate: DType;
  /** Of the sum, which is input 0. */
  readonly finish: Expr;
  /** Which of its inputs it reads, but 0; and their dtypes. */
  readonly inputs: readonly number[];
  readonly dtypes: readonly DType[];
  readonly scalars: readonly (ComputeType | undefined)[];
}

/** `finish` of a kernel, or what stands for none: a conversion to `dtype`. */
export function endingOf(kernel: { dtype: DType; accumulate: DType; finish?: Expr }): Ending {
  const { accumulate, dtype } = kernel;
  const sum: Expr = { op: 'input', index: 0, dtype: accumulate };
  const finish = kernel.finish ?? (dtype === accumulate ? sum : { op: 'cast', args: [sum], dtype });
  const found = [...inputDtypes([finish])].filter(([index]) => index !== 0);
  return {
    accumulate,
    finish,
    inputs: found.map(([index]) => index),
    dtypes: found.map(([, d]) => d),
    scalars: scalarDtypes([finish]),
  };
}

export const endingOperands = ({ finish, dtypes }: Ending): [output: Operand, ...rest: Operand[]] => [
  { dtype: finish.dtype, writes: true },
  ...dtypes.map((dtype) => ({ dtype, writes: false })),
];

/**
 * Declares `put(sum, group, row, sample, position…)`, which ends one sum. The numbers of the scalars come next.
 * `rest` is the operand that `finish` reads first.
 */
export function declarePut(
  shader: Shader,
  ending: Ending,
  targets: readonly (readonly string[])[],
  rest = REST,
): void {
  const scalars = readScalars(shader, ending.scalars);
  const dims = targets[0]!.length - 4;
  const positions = Array.from({ length: dims }, (_, d) => `i${d}`);
  const index = (target: number): string => {
    const [offset, group, row, sample, ...steps] = targets[target]!;
    const inDims = positions.map((p, d) => ` + ${p} * ${steps[d]}`).join('');
    return `${offset} + g * ${group} + m * ${row} + s * ${sample}${inDims}`;
  };
  const { statements, values } = lower(shader, [ending.finish], {
    input: (i) =>
      i === 0 ? 'sum' : shader.load(rest + ending.inputs.indexOf(i), index(1 + ending.inputs.indexOf(i))),
    scalar: (i) => scalars[i]!,
    coord: () => '0',
  });
  const parameters = ['g', 'm', 's', ...positions].map((p) => `${p}: i32`).join(', ');
  shader.declare(`fn put(sum: ${valueType(ending.accumulate)}, ${parameters}) {
${statements}
${shader.store(OUT, index(0), stored(ending.finish.dtype, values[0]!))}
}`);
}

/** Statements that put the sums of column `n`, given by `sum(row)`, in rows `first` and on. */
export function putColumn(
  address: Address,
  n: string,
  rows: readonly { readonly m: string; readonly sum: string }[],
  group: string,
): string {
  const lines = new Lines(address.shader);
  const { sample, positions } = address.split(lines, n);
  const at = [sample, ...positions].join(', ');
  const puts = rows.map(
    ({ m, sum }) => `if (${m} < ${address.rows}) { put(${sum}, ${group}, ${m}, ${at}); }`,
  );
  return `if (${n} < ${address.columns}) {\n${lines.text}\n${puts.join('\n')}\n}`;
}
