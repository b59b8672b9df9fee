/** Reductions over tensors: dims, keepdim, promotion of the formula, allocation. */
import type { Backend, Combine, Executable, Fold, View } from '../backend/backend.ts';
import { X } from '../expr/build.ts';
import { Form } from '../expr/compose.ts';
import { type ComputeType, computeType } from '../expr/expr.ts';
import { alias, emptyStrided } from '../tensor/create.ts';
import { type DType, dtypes } from '../tensor/dtype.ts';
import {
  broadcastShapes,
  contiguousStrides,
  expandedStrides,
  numelOf,
  outputStrides,
  type Shape,
  sameShape,
} from '../tensor/layout.ts';
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
  private readonly plans = new Map<number, Plan>();

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
    for (let i = 0; i < dims.length; i++) folded[dims[i]] = true;
    const kept: number[] = [];
    const reduced: number[] = [];
    for (let d = 0; d < rank; d++) (folded[d] ? reduced : kept).push(d);
    const order = kept.concat(reduced);
    // Nearly always: the last dims are folded, or all.
    const inOrder = kept.length === 0 || kept[kept.length - 1] === kept.length - 1;
    let plan = this.planOf(tensors, results, compute, scalars.length);
    const own = scalars.length === 0 ? undefined : numbersOf(scalars, computeType(compute ?? 'float32'));
    const operand = tensors[0];
    const strideOf = sameShape(operand.shape, full)
      ? operand.strides
      : expandedStrides(operand.shape, operand.strides, full);
    const shape = pick(full, kept);
    const outputStride =
      kept.length < 2
        ? contiguousStrides(shape)
        : outputStrides(shape, [{ shape, strides: pick(strideOf, kept), offset: 0 }]);
    const permuted = (strides: Shape): Shape => (inOrder ? strides : pick(strides, order));
    const innerShape = inOrder ? full : pick(full, order);

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
    } else {
      inputs = new Array<View>(tensors.length);
      for (let i = 0; i < inputs.length; i++) {
        const { memory, dtype, strides, offset } = expandTo(tensors[i], full);
        inputs[i] = { memory, dtype, shape: innerShape, strides: permuted(strides), offset };
      }
    }
    const outputs = new Array<Tensor>(results.length);
    for (let i = 0; i < outputs.length; i++)
      outputs[i] = emptyStrided(shape, outputStride, results[i], backend);
    executableOf(plan, backend, kept.length, reduced.length)(outputs, inputs, numbers);
    if (!keepdim || reduced.length === 0) return outputs;
    return outputs.map((out) => keepDims(out, full, folded));
  }

  private planOf(
    tensors: readonly Tensor[],
    results: readonly DType[],
    compute: DType | undefined,
    scalars: number,
  ): Plan {
    let key = 32 + (compute === undefined ? 0 : dtypes[compute].code + 1);
    key = key * 32 + scalars;
    for (let i = 0; i < results.length; i++) key = key * 32 + dtypes[results[i]].code;
    for (let i = 0; i < tensors.length; i++) key = key * 32 + dtypes[tensors[i].dtype].code;
    let plan = this.plans.get(key);
    if (!plan) this.plans.set(key, (plan = this.makePlan(tensors, results, compute, scalars)));
    return plan;
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
    return planFor(combines, new Form(exprs, tensors.length, scalarCount ? [scalarCount] : []));
  }
}

const pick = (list: Shape, dims: readonly number[]): number[] => {
  const out = new Array<number>(dims.length);
  for (let i = 0; i < out.length; i++) out[i] = list[dims[i]];
  return out;
};

const numbersOf = (scalars: readonly Scalar[], kind: ComputeType): readonly (number | bigint)[] =>
  scalarArguments(
    scalars,
    scalars.map(() => kind),
  );

const planFor = (combines: readonly Combine[], form: Form): Plan => ({
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
    composed = planFor(combines, new Form(exprs, gathering.leaves.length, gathering.groupSizes));
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
