/** Pointwise kernels over tensors: broadcast, promote, allocate and run, in one place. */
import type { Backend, Executable, View } from '../backend/backend.ts';
import { TorchError } from '../errors.ts';
import { X } from '../expr/build.ts';
import { Form } from '../expr/compose.ts';
import { type ComputeType, computeType, type Expr } from '../expr/expr.ts';
import { emptyStrided } from '../tensor/create.ts';
import { type DType, dtypes, isFloat } from '../tensor/dtype.ts';
import {
  broadcastShapes,
  expandedStrides,
  extent,
  isContiguous,
  mayOverlapItself,
  numelOf,
  outputStrides,
  type Shape,
  sameShape,
} from '../tensor/layout.ts';
import {
  type Category,
  can_cast,
  get_default_dtype,
  resultType,
  type Scalar,
  scalarCategory,
  scalarValue,
} from '../tensor/promotion.ts';
import { defer, materialise, writable } from '../tensor/storage.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  type Chain,
  chainOf,
  coversStorage,
  deferred,
  defersFrom,
  isPendingWhole,
  mayDefer,
} from './chain.ts';
import { compileForm } from './compile.ts';
import { oneBackend } from './guard.ts';

export interface ElementwiseOptions {
  /**
   * What the formula computes in: `common`, the promoted dtype of the operands; `float`, the same with integers made
   * the default dtype; a dtype; or `none`: each operand in its own.
   */
  readonly promote?: 'common' | 'float' | 'none' | DType;
  /**
   * Operands (tensors, then scalars) that take part in promotion; all when left out. Other tensors keep their own
   * dtype; a number becomes what the formula computes in, unless that would cut it off.
   */
  readonly promotes?: readonly number[];
  /** The result's dtype; the promoted one when left out (bool for a bool formula). */
  readonly result?: DType;
}

/** Tensors first, then scalars, in the order of the call. */
export type Formula = (...operands: X[]) => X | readonly X[];

interface Plan {
  /** What it was made for: the operands' dtypes and which of them have no dims, the numbers' categories, the output's dtype. */
  readonly operands: readonly DType[];
  readonly isZeroDim: readonly boolean[];
  readonly categories: readonly Category[];
  readonly out: DType | undefined;
  readonly floats: DType;

  readonly exprs: readonly Expr[];
  readonly form: Form;
  readonly dtypes: readonly DType[];
  readonly common: DType;
  readonly kinds: readonly ComputeType[];
  /** The first result's dtype where no output says otherwise. */
  readonly natural: DType;
  backend: object | null;
  executables: (Executable | undefined)[];
}

/** Whether a plan is for operands of these dtypes. */
function serves(
  plan: Plan,
  tensors: readonly Tensor[],
  scalars: readonly Scalar[],
  out: DType | undefined,
): boolean {
  if (plan.out !== out || plan.floats !== get_default_dtype()) return false;
  const { operands, isZeroDim, categories } = plan;
  if (operands.length !== tensors.length || categories.length !== scalars.length) return false;
  for (let i = 0; i < tensors.length; i++) {
    const t = tensors[i];
    if (t.dtype !== operands[i] || (t.shape.length === 0) !== isZeroDim[i]) return false;
  }
  for (let i = 0; i < scalars.length; i++) if (scalarCategory(scalars[i]) !== categories[i]) return false;
  return true;
}

const dtypeIndex = Object.fromEntries(Object.keys(dtypes).map((d, i) => [d, i])) as Record<DType, number>;
const categoryIndex = { bool: 0, int: 1, float: 2 } as const;

export class Elementwise {
  private readonly plans = new Map<number, Plan>();
  /** The last plans, for new outputs and for given ones: programs repeat themselves. */
  private lastNew: Plan | null = null;
  private lastInto: Plan | null = null;

  constructor(
    readonly formula: Formula,
    readonly options: ElementwiseOptions = {},
  ) {}

  /** The typed expressions for operands of these dtypes. */
  plan(tensors: readonly Tensor[], scalars: readonly Scalar[], out: DType | undefined): Plan {
    const last = out === undefined ? this.lastNew : this.lastInto;
    if (last !== null && serves(last, tensors, scalars, out)) return last;
    let key = get_default_dtype() === 'float64' ? 2 : 1;
    for (let i = 0; i < tensors.length; i++)
      key = key * 32 + dtypeIndex[tensors[i].dtype] * 2 + (tensors[i].shape.length === 0 ? 1 : 0);
    for (let i = 0; i < scalars.length; i++) key = key * 4 + categoryIndex[scalarCategory(scalars[i])];
    key = key * 16 + (out === undefined ? 15 : dtypeIndex[out]);
    let plan = this.plans.get(key);
    if (plan === undefined) this.plans.set(key, (plan = this.makePlan(tensors, scalars, out)));
    if (out === undefined) this.lastNew = plan;
    else this.lastInto = plan;
    return plan;
  }

  /** The dtype that the formula computes in, before 16-bit and narrow dtypes are widened. */
  commonDType(tensors: readonly Tensor[], scalars: readonly Scalar[]): DType {
    const { promote = 'common', promotes } = this.options;
    if (promote !== 'common' && promote !== 'float') return promote === 'none' ? 'float32' : promote;
    const takes = (i: number): boolean => !promotes || promotes.includes(i);
    const common = resultType(
      tensors.filter((_, i) => takes(i)),
      scalars.filter((_, i) => takes(tensors.length + i)),
    );
    return promote === 'float' && !isFloat(common) ? get_default_dtype() : common;
  }

  private makePlan(tensors: readonly Tensor[], scalars: readonly Scalar[], out: DType | undefined): Plan {
    const { promote, promotes, result } = this.options;
    const common = this.commonDType(tensors, scalars);
    const takes = (i: number): boolean => promote !== 'none' && (!promotes || promotes.includes(i));
    const compute = computeType(common);
    const operands = tensors.map((t, i) => {
      const x = X.input(i, t.dtype);
      return takes(i) ? x.cast(common).cast(compute) : x.cast(computeType(t.dtype));
    });
    const own = { bool: 'bool', int: 'int64', float: 'float32' } as const;
    // One that takes no part in the promotion still arrives as what is computed in, unless that would cut it off.
    const isCut = (s: Scalar): boolean =>
      compute === 'bool' ? scalarCategory(s) !== 'bool' : !isFloat(compute) && scalarCategory(s) === 'float';
    const kinds = scalars.map((s, i) =>
      takes(tensors.length + i) || (promote !== 'none' && !isCut(s)) ? compute : own[scalarCategory(s)],
    );
    // A number is converted to the operands' own dtype, wrapping where it is narrow.
    const isNarrow = common === 'uint8' || common === 'int8' || common === 'int16';
    for (let i = 0; i < scalars.length; i++) {
      const scalar = X.scalar(i, kinds[i]);
      operands.push(isNarrow && kinds[i] === compute ? scalar.cast(common).cast(compute) : scalar);
    }
    const results = [this.formula(...operands)].flat() as X[];
    const outDTypes = results.map(
      (r) => out ?? result ?? (r.isBool || promote === 'none' ? r.dtype : common),
    );
    const exprs = results.map((r, i) => {
      const rounded = r.isBool || result || promote === 'none' ? r : r.cast(common);
      return rounded.cast(outDTypes[i]).expr;
    });
    const natural = result ?? (results[0].isBool ? 'bool' : common);
    const form = new Form(exprs, tensors.length, scalars.length === 0 ? [] : [scalars.length]);
    return {
      operands: tensors.map((t) => t.dtype),
      isZeroDim: tensors.map((t) => t.shape.length === 0),
      categories: scalars.map(scalarCategory),
      out,
      floats: get_default_dtype(),
      exprs: form.exprs,
      form,
      dtypes: outDTypes,
      common,
      natural,
      kinds,
      backend: null,
      executables: [],
    };
  }

  /** New tensors, one per expression. Records nothing. */
  call(name: string, tensors: readonly Tensor[], scalars: readonly Scalar[] = []): Tensor[] {
    const plan = this.plan(tensors, scalars, undefined);
    const backend = oneBackend(name, tensors);
    let shape = tensors[0].shape;
    for (let i = 1; i < tensors.length; i++) shape = broadcastShapes(shape, tensors[i].shape);
    const strides = outputStrides(shape, tensors);
    if (plan.dtypes.length === 1 && mayDefer(plan.form, backend, numelOf(shape)))
      return [
        deferred(chainOfPlan(plan, tensors, shape, scalars, backend, strides), plan.dtypes[0], backend),
      ];
    const outputs = new Array<Tensor>(plan.dtypes.length);
    for (let i = 0; i < outputs.length; i++)
      outputs[i] = emptyStrided(shape, strides, plan.dtypes[i], backend);
    runPlan(plan, outputs, tensors, scalars);
    return outputs;
  }

  /**
   * Writes the one result into `out`, whose dtype must be able to hold it. Records nothing; counts one version. `write`
   * may do the writing instead; false where it has not.
   */
  into(
    name: string,
    out: Tensor,
    tensors: readonly Tensor[],
    scalars: readonly Scalar[] = [],
    write?: () => boolean,
  ): void {
    const plan = this.plan(tensors, scalars, out.dtype);
    const common = plan.natural;
    if (!can_cast(common, out.dtype) && this.options.promote !== 'none')
      throw new TorchError(
        `result type ${typeName(common)} can't be cast to the desired output type ${typeName(out.dtype)}`,
      );
    oneBackend(name, tensors, out);
    let shape: Shape = out.shape;
    for (let i = 0; i < tensors.length; i++) shape = broadcastShapes(shape, tensors[i].shape);
    if (!sameShape(shape, out.shape))
      throw new TorchError(
        `output with shape [${out.shape.join(', ')}] doesn't match the broadcast shape [${shape.join(', ')}]`,
      );
    refuseOverlap(out, tensors);
    if (write === undefined || !write()) overwrite(plan, out, tensors, scalars);
    out.storage.version++;
  }
}

const chainOfPlan = (
  plan: Plan,
  tensors: readonly Tensor[],
  shape: Shape,
  scalars: readonly Scalar[],
  backend: Backend,
  strides?: Shape,
): Chain =>
  chainOf(
    plan.form,
    tensors,
    shape,
    strides,
    scalars.length === 0 ? undefined : scalarArguments(scalars, plan.kinds),
    backend.capabilities.maxBindings - plan.dtypes.length,
  );

/** Writes the one result into `out`, which others may have seen. Counts no version. */
function overwrite(plan: Plan, out: Tensor, tensors: readonly Tensor[], scalars: readonly Scalar[]): void {
  const { shape, strides, backend, storage } = out;
  const waits = mayDefer(plan.form, backend, numelOf(shape));
  if (waits && isPendingWhole(out)) {
    const chain = chainOfPlan(plan, tensors, shape, scalars, backend, strides);
    // Where `out` is an operand whose own expression would not fit in, it has been run.
    if (storage.pending !== null) {
      defer(storage, chain);
      return;
    }
  }
  // Before operands are taken in: those that read `out` have it as it is now.
  writable(storage);
  if (waits && coversStorage(out)) {
    defer(storage, chainOfPlan(plan, tensors, shape, scalars, backend, strides));
    return;
  }
  runPlan(plan, [out], tensors, scalars);
}

export function runPlan(
  plan: Plan,
  outputs: readonly Tensor[],
  tensors: readonly Tensor[],
  scalars: readonly Scalar[],
): void {
  const { shape, backend } = outputs[0];
  for (let i = 0; i < tensors.length; i++)
    if (tensors[i].storage.pending !== null && defersFrom(backend) !== Infinity) {
      chainOfPlan(plan, tensors, shape, scalars, backend).runInto(backend, outputs);
      return;
    }
  if (plan.backend !== backend) {
    plan.backend = backend;
    plan.executables = [];
  }
  const rank = shape.length;
  let executable = plan.executables[rank];
  if (executable === undefined) plan.executables[rank] = executable = compileForm(backend, plan.form, rank);
  let inputs: readonly View[] = tensors;
  for (let i = 0; i < tensors.length; i++)
    if (!sameShape(tensors[i].shape, shape)) {
      inputs = tensors.map((t) => expandTo(t, shape));
      break;
    }
  executable(outputs, inputs, scalars.length === 0 ? undefined : scalarArguments(scalars, plan.kinds));
}

/** Whether they can travel as they are: numbers, for formulas of floats. */
function areArguments(
  scalars: readonly Scalar[],
  kinds: readonly ComputeType[],
): scalars is readonly number[] {
  for (let i = 0; i < scalars.length; i++)
    if (typeof scalars[i] !== 'number' || (kinds[i] !== 'float32' && kinds[i] !== 'float64')) return false;
  return true;
}

/** The numbers that travel with a call, each of the kind that the expression computes in. */
export const scalarArguments = (
  scalars: readonly Scalar[],
  kinds: readonly ComputeType[],
): readonly (number | bigint)[] => {
  if (areArguments(scalars, kinds)) return scalars;
  const out = new Array<number | bigint>(scalars.length);
  for (let i = 0; i < scalars.length; i++) {
    const s = scalars[i];
    const v = typeof s === 'number' ? s : scalarValue(s);
    switch (kinds[i]) {
      case 'float32':
      case 'float64':
        out[i] = Number(v);
        break;
      case 'bool':
        out[i] = Number(v) !== 0 ? 1 : 0;
        break;
      case 'int32':
        out[i] = typeof v === 'bigint' ? Number(BigInt.asIntN(32, v)) : Math.trunc(v) | 0;
        break;
      default:
        out[i] = typeof v === 'bigint' || Number.isSafeInteger(v) ? v : BigInt(Math.trunc(v));
    }
  }
  return out;
};

/** The tensor as a view of the larger `shape`. */
export const expandTo = (t: Tensor, shape: Shape): View =>
  sameShape(t.shape, shape)
    ? t
    : {
        memory: materialise(t.storage),
        dtype: t.dtype,
        shape,
        strides: expandedStrides(t.shape, t.strides, shape),
        offset: t.offset,
      };

/** PyTorch's checks before a write: no two elements of `out` in one place, and inputs are `out` itself or apart from it. */
export function refuseOverlap(out: Tensor, inputs: readonly Tensor[]): void {
  if (mayOverlapItself(out.shape, out.strides))
    throw new TorchError(
      'unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please clone() the tensor before performing the operation.',
    );
  for (let i = 0; i < inputs.length; i++)
    if (overlapsInPart(out, inputs[i]))
      throw new TorchError(
        'unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. Please clone() the tensor before performing the operation.',
      );
}

/** Whether two tensors share some elements without being the same view. */
export function overlapsInPart(a: Tensor, b: Tensor): boolean {
  if (a.storage !== b.storage || numelOf(a.shape) === 0 || numelOf(b.shape) === 0) return false;
  if (a.offset === b.offset && sameShape(a.shape, b.shape) && sameShape(a.strides, b.strides)) return false;
  const x = extent(a);
  const y = extent(b);
  if (x.last < y.first || y.last < x.first) return false;
  if (isContiguous(a.shape, a.strides) || isContiguous(b.shape, b.strides)) return true;
  return !interleaved(a, b);
}

/** Columns beside columns: same strides, and offsets that differ by less than the smallest stride. */
function interleaved(a: Tensor, b: Tensor): boolean {
  if (a.shape.length !== b.shape.length || !sameShape(a.strides, b.strides)) return false;
  let distance = Math.abs(a.offset - b.offset);
  const dims = [...a.shape.keys()].sort((i, j) => Math.abs(a.strides[j]) - Math.abs(a.strides[i]));
  for (const d of dims) {
    const step = Math.abs(a.strides[d]);
    if (step === 0) continue;
    const quotient = Math.floor(distance / step);
    if (quotient >= Math.max(a.shape[d], b.shape[d])) return true;
    distance -= quotient * step;
  }
  return distance !== 0;
}

const typeNames: Record<DType, string> = {
  bool: 'Bool',
  uint8: 'Byte',
  int8: 'Char',
  int16: 'Short',
  int32: 'Int',
  int64: 'Long',
  float16: 'Half',
  bfloat16: 'BFloat16',
  float32: 'Float',
  float64: 'Double',
};

/** The name that PyTorch's C++ messages use for a dtype: `Float`, `Long`. */
export const typeName = (dtype: DType): string => typeNames[dtype];

const copying = new Elementwise((x) => x, { promote: 'none' });

/** Copies elements with conversion, broadcasting `source`. Records nothing, counts one version of `out`. */
export function copyInto(out: Tensor, source: Tensor): void {
  const apart = overlapsInPart(out, source) ? copyOf(source) : source;
  const plan = copying.plan([apart], [], out.dtype);
  if (!sameShape(broadcastShapes(out.shape, apart.shape), out.shape))
    throw new TorchError(
      `output with shape [${out.shape.join(', ')}] doesn't match the broadcast shape [${apart.shape.join(', ')}]`,
    );
  oneBackend('copy_', [apart], out);
  overwrite(plan, out, [apart], []);
  out.storage.version++;
  if (apart !== source) apart.dispose();
}

/** A dense copy with these strides (contiguous when left out), converted to `dtype`. Records nothing. */
export function copyOf(source: Tensor, dtype: DType = source.dtype, strides?: Shape): Tensor {
  const { shape, backend } = source;
  const own = strides ?? outputStrides(shape, []);
  const plan = copying.plan([source], [], dtype);
  if (mayDefer(plan.form, backend, numelOf(shape)))
    return deferred(chainOfPlan(plan, [source], shape, [], backend, own), dtype, backend);
  const out = emptyStrided(shape, own, dtype, backend);
  runPlan(plan, [out], [source], []);
  return out;
}

/** The tensor itself where it is contiguous, else a contiguous copy, which the caller disposes. Records nothing. */
export const contiguousOf = (t: Tensor): Tensor => (isContiguous(t.shape, t.strides) ? t : copyOf(t));

const fillers = new Map<string, Elementwise>();

/** Writes one number everywhere. Records nothing, counts one version. */
export function fillWith(out: Tensor, value: Scalar): void {
  const category = scalarCategory(value);
  const dtype = computeType(out.dtype);
  const key = `${dtype}`;
  let filler = fillers.get(key);
  if (!filler) fillers.set(key, (filler = new Elementwise((s) => s, { promote: dtype })));
  const plain = category === 'float' && !isFloat(out.dtype) ? Math.trunc(Number(scalarValue(value))) : value;
  if (mayOverlapItself(out.shape, out.strides)) refuseOverlap(out, []);
  const scalar = out.dtype === 'bool' ? Number(scalarValue(value)) !== 0 : plain;
  overwrite(filler.plan([], [scalar], out.dtype), out, [], [scalar]);
  out.storage.version++;
}
