/** Reductions over tensors: dims, keepdim, promotion of the formula, allocation. */
import type { Backend, Combine, Executable, Fold, View } from '../backend/backend.ts';
import { X } from '../expr/build.ts';
import { Form } from '../expr/compose.ts';
import { computeType } from '../expr/expr.ts';
import { alias, emptyStrided } from '../tensor/create.ts';
import { type DType, dtypes } from '../tensor/dtype.ts';
import { broadcastShapes, expandedStrides, numelOf, outputStrides, type Shape } from '../tensor/layout.ts';
import type { Scalar } from '../tensor/promotion.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { defersFrom, flat, type Gathering, gather } from './chain.ts';
import { compileReduce } from './compile.ts';
import { expandTo, scalarArguments } from './elementwise.ts';
import { oneBackend, refuseUnrecorded } from './guard.ts';

export interface ReductionFormula {
  /** One or several folds over the operands (tensors, then scalars), which come in their compute types. */
  readonly folds: readonly { readonly combine: Combine; readonly map: (...operands: X[]) => X }[];
  /** From the folds, then the operands again (at index 0 of the reduced dims): one expression per output. */
  readonly finish?: (...values: X[]) => X | readonly X[];
}

/** What a reduction computes, over numbered inputs. Its forms are the folds' maps, then what finishes them. */
interface Plan {
  readonly combines: readonly Combine[];
  readonly form: Form;
  readonly composed: Map<string, Plan>;
  readonly executables: Map<number, Executable>;
  backend: Backend | null;
}

/** A reduction whose structure is fixed; dims, sizes and scalars come with the call. */
export class Reduction {
  private readonly plans = new Map<string, Plan>();

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
    const key = `${tensors.map((t) => dtypes[t.dtype].code)}|${results}|${compute}|${scalars.length}`;
    let plan = this.plans.get(key);
    if (!plan) this.plans.set(key, (plan = this.makePlan(tensors, results, compute, scalars.length)));
    const kind = computeType(compute ?? 'float32');
    const own = scalars.length
      ? scalarArguments(
          scalars,
          scalars.map(() => kind),
        )
      : undefined;
    const operand = tensors[0];
    const strideOf = expandedStrides(operand.shape, operand.strides, full);
    const shape = kept.map((d) => full[d]);
    const layout = { shape, strides: kept.map((d) => strideOf[d]), offset: 0 };
    const outputStride = outputStrides(shape, [layout]);
    const permuted = (strides: Shape): number[] => order.map((d) => strides[d]);
    const innerShape = order.map((d) => full[d]);

    let inputs: View[];
    let numbers: readonly (number | bigint)[] | undefined = own;
    if (defersFrom(backend) !== Infinity && tensors.some((t) => t.storage.pending !== null)) {
      const room = backend.capabilities.maxBindings - results.length;
      const chosen = plan;
      const { gathering, built } = gather(tensors, full, own, room, (g) => composePlan(chosen, g));
      plan = built.plan;
      numbers = flat(gathering.numbers);
      inputs = gathering.leaves.map(({ storage, dtype, strides, offset }) => ({
        memory: storage.held,
        dtype,
        shape: innerShape,
        strides: permuted(strides),
        offset,
      }));
    } else
      inputs = tensors.map((t) => {
        const v = expandTo(t, full);
        return {
          memory: v.memory,
          dtype: v.dtype,
          shape: innerShape,
          strides: permuted(v.strides),
          offset: v.offset,
        };
      });
    const outputs = results.map((dtype) => emptyStrided(shape, outputStride, dtype, backend));
    executableOf(plan, backend, kept.length, reduced.length)(outputs, inputs, numbers);
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
    const maps = this.formula.folds.map(({ map }) => map(...operand(0)));
    const combines = this.formula.folds.map((f) => f.combine);
    const sums = combines.map((combine, i) =>
      X.input(i, combine === 'argmin' || combine === 'argmax' ? 'int64' : maps[i].dtype),
    );
    const finish = [this.formula.finish?.(...sums, ...operand(combines.length)) ?? sums].flat() as X[];
    const exprs = [...maps, ...finish.map((x, i) => x.cast(results[i]))].map((x) => x.expr);
    return planOf(combines, new Form(exprs, tensors.length, scalarCount ? [scalarCount] : []));
  }
}

const planOf = (combines: readonly Combine[], form: Form): Plan => ({
  combines,
  form,
  composed: new Map(),
  executables: new Map(),
  backend: null,
});

/** The reduction over its operands' own expressions: in the folds, and where what finishes them reads an operand. */
function composePlan(plan: Plan, gathering: Gathering): { plan: Plan; size: number; spread: number } {
  let composed = plan.composed.get(gathering.key);
  if (!composed) {
    const { form, combines } = plan;
    const exprs = form.exprs.map((e, i) =>
      gathering.inline(e, form.groups, i < combines.length ? 0 : combines.length),
    );
    composed = planOf(combines, new Form(exprs, gathering.leaves.length, gathering.groupSizes));
    plan.composed.set(gathering.key, composed);
  }
  const { size, spread } = composed.form;
  // Where an element is means another thing to a reduction, whose dims are in another order; and how many it folds it
  // knows from what it reads.
  const isReduction = !gathering.hasCoord && gathering.leaves.length > 0;
  return { plan: composed, size: isReduction ? size : Infinity, spread };
}

function executableOf(plan: Plan, backend: Backend, rank: number, reduced: number): Executable {
  if (plan.backend !== backend) {
    plan.backend = backend;
    plan.executables.clear();
  }
  const key = rank * 128 + reduced;
  let executable = plan.executables.get(key);
  if (!executable) {
    const { combines, form } = plan;
    const folds = combines.map((combine, i): Fold => ({ combine, map: form.exprs[i] }));
    const finish = form.exprs.slice(combines.length);
    plan.executables.set(
      key,
      (executable = compileReduce(backend, { kind: 'reduce', folds, finish, reduced, rank })),
    );
  }
  return executable;
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
