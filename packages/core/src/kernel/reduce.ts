/** Reductions over tensors: dims, keepdim, promotion of the formula, allocation. */
import type { Combine, Executable, Fold, View } from '../backend/backend.ts';
import { X } from '../expr/build.ts';
import { computeType } from '../expr/expr.ts';
import { alias, emptyStrided } from '../tensor/create.ts';
import { type DType, dtypes } from '../tensor/dtype.ts';
import { broadcastShapes, numelOf, outputStrides, type Shape } from '../tensor/layout.ts';
import type { Scalar } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { compile } from './compile.ts';
import { expandTo, scalarArguments } from './elementwise.ts';
import { oneBackend, refuseUnrecorded } from './guard.ts';

export interface ReductionFormula {
  /** One or several folds over the operands (tensors, then scalars), which come in their compute types. */
  readonly folds: readonly { readonly combine: Combine; readonly map: (...operands: X[]) => X }[];
  /** From the folds, then the operands again (at index 0 of the reduced dims): one expression per output. */
  readonly finish?: (...values: X[]) => X | readonly X[];
}

interface Plan {
  readonly folds: Fold[];
  readonly finish: X[];
}

/** A reduction whose structure is fixed; dims, sizes and scalars come with the call. */
export class Reduction {
  private readonly plans = new Map<string, Plan>();
  private readonly executables = new WeakMap<object, Map<string, Executable>>();

  constructor(readonly formula: ReductionFormula) {}

  /**
   * Folds `dims` of the first tensor; the other tensors broadcast to it. `compute` is the dtype that all tensors are
   * converted to before the formula; each output gets its dtype from `results`. Records nothing.
   */
  call(
    name: string,
    tensors: readonly Tensor[],
    dims: readonly number[],
    keepdim: boolean,
    results: readonly DType[],
    { compute, scalars = [] }: { compute?: DType; scalars?: readonly Scalar[] } = {},
  ): Tensor[] {
    refuseUnrecorded(name, tensors);
    const backend = oneBackend(name, tensors);
    let full: Shape = tensors[0].shape;
    for (let i = 1; i < tensors.length; i++) full = broadcastShapes(full, tensors[i].shape);
    const rank = full.length;
    const folded = new Array<boolean>(rank).fill(false);
    for (const d of dims) folded[d] = true;
    const kept: number[] = [];
    const reduced: number[] = [];
    for (let d = 0; d < rank; d++) (folded[d] ? reduced : kept).push(d);
    const order = kept.concat(reduced);
    const inputs: View[] = tensors.map((t) => {
      const v = expandTo(t, full);
      return {
        memory: v.memory,
        dtype: v.dtype,
        shape: order.map((d) => v.shape[d]),
        strides: order.map((d) => v.strides[d]),
        offset: v.offset,
      };
    });
    const shape = kept.map((d) => full[d]);
    const first = inputs[0];
    const layout = { shape, strides: first.strides.slice(0, kept.length), offset: 0 };
    const strides = outputStrides(shape, [layout]);
    const outputs = results.map((dtype) => emptyStrided(shape, strides, dtype, backend));

    const key = `${tensors.map((t) => dtypes[t.dtype].code)}|${results}|${compute}|${scalars.length}`;
    let plan = this.plans.get(key);
    if (!plan) this.plans.set(key, (plan = this.makePlan(tensors, results, compute, scalars.length)));
    let byRank = this.executables.get(backend);
    if (!byRank) this.executables.set(backend, (byRank = new Map()));
    const rankKey = `${key}|${kept.length},${reduced.length}`;
    let executable = byRank.get(rankKey);
    if (!executable)
      byRank.set(
        rankKey,
        (executable = compile(backend, {
          kind: 'reduce',
          folds: plan.folds,
          finish: plan.finish.map((x) => x.expr),
          reduced: reduced.length,
          rank: kept.length,
        })),
      );
    const kind = computeType(compute ?? 'float32');
    executable(
      outputs,
      inputs,
      scalars.length
        ? scalarArguments(
            scalars,
            scalars.map(() => kind),
          )
        : undefined,
    );
    if (!keepdim || reduced.length === 0) return outputs;
    return outputs.map((out) => keepDims(out, full, folded));
  }

  private makePlan(
    tensors: readonly Tensor[],
    results: readonly DType[],
    compute: DType | undefined,
    scalarCount: number,
  ): Plan {
    const operand = (offset: number): X[] => [
      ...tensors.map((t, i) => {
        const x = X.input(offset + i, t.dtype);
        return compute ? x.cast(compute).cast(computeType(compute)) : x.cast(computeType(t.dtype));
      }),
      ...Array.from({ length: scalarCount }, (_, i) => X.scalar(i, computeType(compute ?? 'float32'))),
    ];
    const folds = this.formula.folds.map(({ combine, map }) => ({ combine, map: map(...operand(0)).expr }));
    const sums = folds.map(({ combine, map }, i) =>
      X.input(i, combine === 'argmin' || combine === 'argmax' ? 'int64' : map.dtype),
    );
    const finish = this.formula.finish?.(...sums, ...operand(folds.length)) ?? sums;
    return { folds, finish: ([finish].flat() as X[]).map((x, i) => x.cast(results[i])) };
  }
}

/** A reduced tensor with its folded dims put back as ones. */
function keepDims(out: Tensor, full: Shape, folded: readonly boolean[]): Tensor {
  const shape = full.map((n, d) => (folded[d] ? 1 : n));
  let k = 0;
  const strides = new Array<number>(full.length);
  const keptStrides = full.map((_, d) => (folded[d] ? -1 : out.strides[k++]));
  for (let d = full.length - 1; d >= 0; d--)
    strides[d] = folded[d] ? (d + 1 < full.length ? strides[d + 1] * shape[d + 1] : 1) : keptStrides[d];
  const wide = alias(out, { shape, strides, offset: out.offset });
  out.dispose();
  return wide;
}

/** Elements that one output of the reduction folds. */
export const foldedCount = (shape: Shape, dims: readonly number[]): number =>
  numelOf(dims.map((d) => shape[d]));
