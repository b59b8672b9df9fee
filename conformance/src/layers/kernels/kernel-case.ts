/** A case of the kernels layer: a kernel, operands in a layout, and what must stand in the outputs afterwards. */
import type { Backend, DType, Expr, Kernel, KernelFault, ScalarOp, View } from '@sconce/core';
import { type Case, fail, flushed, notApplicable, pass, type Verdict } from '../../case.ts';
import { coordinatesOf, firstDifference, showNumber } from '../../compare.ts';
import { decode, encode, isFloatDType, type Num } from '../../numbers.ts';
import { type CaseId, formatId } from '../../query.ts';
import { exact, toleranceOf } from '../../tolerance.ts';
import { type LayoutName, type Place, place, placesOf } from './place.ts';

export interface Operand {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Row-major; dims in `repeated` repeat their values. */
  readonly values: readonly Num[];
  readonly layout?: LayoutName;
  readonly repeated?: readonly number[];
}

export interface Result {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly layout?: LayoutName;
  /** What must stand there; null for what no one may rely on. */
  readonly want: readonly (Num | null)[];
  /** What stands there before (scatter). */
  readonly base?: readonly Num[];
  /** The output is this input's view. */
  readonly sameAs?: number;
}

export interface Trial {
  readonly kernel: Kernel;
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Result[];
  readonly scalars?: readonly Num[];
  /** The kernel must throw this fault and write nothing; `want` is then not looked at. */
  readonly fault?: KernelFault['fault'];
  /** `close`: within the dtype's tolerance. `exact` (for integers always): bit for bit. `signed`: and -0 is not 0. */
  readonly accuracy?: 'close' | 'exact' | 'signed';
  /** How many elements were folded into one. */
  readonly folded?: number;
  /** It is about float32 numbers below 2^-126, which a backend may declare to take for 0. */
  readonly subnormal?: boolean;
}

/** The case; `build` is called only when the case runs. */
export const kernelCase = (
  backend: Backend,
  name: string,
  params: Readonly<Record<string, string | number>>,
  build: () => Trial,
  fullOnly = false,
): Case => {
  const texts = Object.fromEntries(Object.entries(params).map(([key, value]) => [key, String(value)]));
  const id: CaseId = { layer: 'kernels', name, params: texts };
  return { id, fullOnly, run: () => attempt(backend, id, build()) };
};

/** By its name: a backend may bring a copy of core of its own. */
const isKernelFault = (error: unknown): error is KernelFault =>
  error instanceof Error && error.name === 'KernelFault';

/** Stands where nothing may be written. */
const sentinel = 77;

interface Placed {
  readonly view: View;
  readonly before: readonly Num[];
}

/** A view as core lends it: its parts are no properties of its own (a spread copies nothing), and none may be changed. */
class LentView implements View {
  readonly #parts: View;

  constructor(memory: object, dtype: DType, shape: readonly number[], { strides, offset }: Place) {
    this.#parts = {
      memory,
      dtype,
      shape: Object.freeze([...shape]),
      strides: Object.freeze([...strides]),
      offset,
    };
  }
  get memory(): object {
    return this.#parts.memory;
  }
  get dtype(): DType {
    return this.#parts.dtype;
  }
  get shape(): readonly number[] {
    return this.#parts.shape;
  }
  get strides(): readonly number[] {
    return this.#parts.strides;
  }
  get offset(): number {
    return this.#parts.offset;
  }
}

async function attempt(backend: Backend, id: CaseId, trial: Trial): Promise<Verdict> {
  const lacking = missing(backend, trial);
  if (lacking) return notApplicable(lacking);
  const memories: object[] = [];
  const put = ({ dtype, shape }: Operand | Result, at: Place, values: readonly Num[] | undefined): Placed => {
    const before: Num[] = new Array(at.length).fill(
      dtype === 'bool' ? 1 : dtype === 'int64' ? BigInt(sentinel) : sentinel,
    );
    if (values) {
      let i = 0;
      for (const offset of placesOf(shape, at)) before[offset] = values[i++];
    }
    const memory = backend.allocate(dtype, at.length);
    memories.push(memory);
    const data = encode(before, dtype);
    backend.write(memory, 0, data);
    const view = new LentView(memory, dtype, shape, at);
    return { view, before: decode(data, dtype) };
  };
  try {
    const inputs = trial.inputs.map((x) =>
      put(x, place(x.shape, x.layout ?? 'contiguous', x.repeated), x.values),
    );
    const outputs = trial.outputs.map((out) =>
      out.sameAs === undefined
        ? put(out, place(out.shape, out.layout ?? 'contiguous'), out.base)
        : inputs[out.sameAs],
    );
    let fault: KernelFault | undefined;
    try {
      backend.compile(trial.kernel)(
        outputs.map(({ view }) => view),
        inputs.map(({ view }) => view),
        trial.scalars,
      );
      // Backends whose memory the host cannot read report a fault here.
      for (const { view, before } of outputs) await backend.read(view.memory, 0, before.length);
    } catch (error) {
      if (!isKernelFault(error)) throw error;
      fault = error;
    }
    const problem = await check(backend, id, trial, inputs, outputs, fault);
    return problem ? fail(`${problem}\n${describe(id, trial, backend)}`) : pass;
  } finally {
    for (const memory of memories) backend.free(memory);
  }
}

async function check(
  backend: Backend,
  id: CaseId,
  trial: Trial,
  inputs: readonly Placed[],
  outputs: readonly Placed[],
  fault: KernelFault | undefined,
): Promise<string | undefined> {
  if (fault?.fault !== trial.fault)
    return trial.fault ? `no '${trial.fault}' fault was thrown` : `threw ${fault?.name}: ${fault?.message}`;
  for (const [j, { view, before }] of outputs.entries()) {
    const after = decode(await backend.read(view.memory, 0, before.length), view.dtype);
    const { want, dtype, shape } = trial.outputs[j];
    if (after.length !== before.length)
      return `output ${j}: read ${after.length} elements, asked for ${before.length}`;
    const places = [
      ...placesOf(shape, { strides: view.strides, offset: view.offset, length: before.length }),
    ];
    if (!trial.fault) {
      if (want.length !== places.length)
        throw new Error(`the case wants ${want.length} of ${places.length} elements`);
      const got = places.map((offset, i) => (want[i] === null ? 0 : after[offset]));
      const close = trial.accuracy === 'close' && isFloatDType(dtype);
      const difference = firstDifference(
        got,
        want.map((value) => value ?? 0),
        close ? toleranceOf(id, dtype, trial.folded) : exact,
        trial.accuracy === 'signed',
      );
      if (difference)
        return `output ${j}: ${difference.wrong} of ${want.length} elements are wrong, first ${coordinatesOf(difference.at, shape)}: got ${showNumber(difference.got)}, want ${showNumber(difference.want)}`;
    }
    // Where the fault is known only afterwards, elements that are not at fault may have been written.
    const written = new Set(trial.fault && backend.readNow ? [] : places);
    for (const [i, value] of after.entries())
      if (!written.has(i) && !Object.is(value, before[i]))
        return `output ${j}: element ${i} of its memory, outside the view, was ${showNumber(before[i])} and is ${showNumber(value)}`;
  }
  const aliased = new Set(trial.outputs.map(({ sameAs }) => sameAs));
  for (const [i, { view, before }] of inputs.entries()) {
    if (aliased.has(i)) continue;
    const after = decode(await backend.read(view.memory, 0, before.length), view.dtype);
    const changed = after.findIndex((value, k) => !Object.is(value, before[k]));
    if (changed >= 0) return `input ${i} was written, at element ${changed} of its memory`;
  }
  return undefined;
}

/** Why a backend need not pass the case, by its own declaration. */
function missing(
  { capabilities }: Backend,
  { kernel, inputs, outputs, subnormal }: Trial,
): string | undefined {
  if (subnormal && capabilities.flushesSubnormals) return flushed;
  for (const { dtype } of [...inputs, ...outputs])
    if (!capabilities.dtypes.has(dtype)) return `dtype ${dtype} is not in capabilities.dtypes`;
  if (inputs.length + outputs.length > capabilities.maxBindings)
    return `needs ${inputs.length + outputs.length} views (capabilities.maxBindings is ${capabilities.maxBindings})`;
  for (const expr of expressionsOf(kernel))
    if (isScalarOp(expr) && !capabilities.scalarOps.has(expr.op))
      return `${expr.op} is not in capabilities.scalarOps`;
    else if (!capabilities.dtypes.has(expr.dtype)) return `dtype ${expr.dtype} is not in capabilities.dtypes`;
  return undefined;
}

const isScalarOp = (expr: Expr): expr is Extract<Expr, { op: ScalarOp }> =>
  !['input', 'const', 'scalar', 'coord', 'cast'].includes(expr.op);

function* expressionsOf(kernel: Kernel): Generator<Expr> {
  const roots: Expr[] = [];
  if (kernel.kind === 'pointwise') roots.push(...kernel.exprs);
  if (kernel.kind === 'reduce') roots.push(...kernel.folds.map(({ map }) => map), ...kernel.finish);
  if ((kernel.kind === 'matmul' || kernel.kind === 'conv') && kernel.finish) roots.push(kernel.finish);
  while (roots.length > 0) {
    const expr = roots.pop()!;
    yield expr;
    if ('args' in expr) roots.push(...expr.args);
  }
}

/** The operator, its arguments and layouts, and the line that reruns it. */
function describe(id: CaseId, { kernel, inputs, outputs, scalars }: Trial, backend: Backend): string {
  const view = ({
    dtype,
    shape,
    layout = 'contiguous',
    repeated,
    values,
    want,
  }: Partial<Operand & Result>) => {
    const at = place(shape!, layout, repeated);
    const shown = (values ?? want ?? [])
      .slice(0, 12)
      .map((value) => (value === null ? 'any' : showNumber(value)));
    return `${dtype}[${shape}] ${layout}${repeated ? ` (repeated along ${repeated})` : ''}, strides [${at.strides}], offset ${at.offset}: ${shown.join(', ')}${(values ?? want ?? []).length > 12 ? ', …' : ''}`;
  };
  return [
    `  kernel   ${JSON.stringify(kernel, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))}`,
    ...inputs.map((x, i) => `  input ${i}  ${view(x)}`),
    ...outputs.map((x, i) => `  output ${i} ${x.sameAs === undefined ? view(x) : `is input ${x.sameAs}`}`),
    ...(scalars ? [`  scalars  ${scalars.map(showNumber).join(', ')}`] : []),
    `  backend  ${backend.name}`,
    `  rerun    sconce-conformance BACKEND '${formatId(id)}'`,
  ].join('\n');
}
