/** Compiles a kernel once per backend, and makes sure that what it touches is there. */
import type { Backend, Executable, Kernel, PointwiseKernel, ReduceKernel, View } from '../backend/backend.ts';
import { NotSupportedError } from '../errors.ts';
import { type Form, numberOf } from '../expr/compose.ts';
import type { Expr } from '../expr/expr.ts';
import { rewrite } from '../expr/rewrite.ts';
import type { DType } from '../tensor/dtype.ts';
import { isQuantized } from '../tensor/quantized.ts';
import { materialise, writable } from '../tensor/storage.ts';
import { Tensor } from '../tensor/tensor.ts';
import { operatorInProgress } from './progress.ts';
import { recordLaunch } from './record.ts';

const caches = new WeakMap<Backend, Map<string, Executable>>();

let launches = 0;

/** How many kernels have been run so far, on all backends. What a backend's own operators do is not seen. */
export const kernel_launches = (): number => launches;

/** Sees a kernel being run: `proceed` runs it. Operators that a backend runs itself are not seen, see `intercept`. */
export type LaunchObserver = (
  backend: Backend,
  kernel: Kernel,
  outputs: readonly View[],
  inputs: readonly View[],
  proceed: () => void,
) => void;

let observer: LaunchObserver | null = null;

/** Lets `next` see every launch, on all backends, or nobody (null); returns who did until now. */
export function observe_launches(next: LaunchObserver | null): LaunchObserver | null {
  const before = observer;
  observer = next;
  return before;
}

/**
 * A backend may be in the middle of a kernel when it asks a view for its memory: what is deferred is run before. A
 * tensor among the outputs may be one that pending expressions read.
 */
function launching(backend: Backend, kernel: Kernel): Executable {
  refuseQuantized(kernel);
  const executable = backend.compile(kernel);
  const launch: Executable = (outputs, inputs, scalars) => {
    for (let i = 0; i < inputs.length; i++) settled(inputs[i]);
    for (let i = 0; i < outputs.length; i++) {
      const out = outputs[i];
      if (out instanceof Tensor && (out.storage.readers > 0 || out.storage.pending !== null))
        writable(out.storage);
    }
    launches++;
    recordLaunch(launch, kernel.kind, outputs, inputs, scalars);
    if (observer === null) executable(outputs, inputs, scalars);
    else observer(backend, kernel, outputs, inputs, () => executable(outputs, inputs, scalars));
  };
  return launch;
}

function settled(view: View): void {
  if (view instanceof Tensor && view.storage.pending !== null) materialise(view.storage);
}

/** No backend sees a quantised dtype: an operator that has no meaning of its own for such tensors ends here. */
function refuseQuantized(kernel: Kernel): void {
  const dtype = 'dtype' in kernel ? kernel.dtype : dtypesIn(kernel).find(isQuantized);
  if (dtype !== undefined && isQuantized(dtype))
    throw new NotSupportedError(
      `${operatorInProgress()}: there is no such operator for quantized tensors (${dtype}); call dequantize() first`,
    );
}

/** The dtypes of what a kernel's expressions read; each expression is looked at once, however often it is used. */
function dtypesIn(kernel: PointwiseKernel | ReduceKernel): DType[] {
  const seen = new Set<Expr>();
  const found = new Set<DType>();
  const visit = (expr: Expr): void => {
    if (seen.has(expr)) return;
    seen.add(expr);
    if ('args' in expr) expr.args.forEach(visit);
    else if (expr.op === 'input') found.add(expr.dtype);
  };
  const roots = kernel.kind === 'pointwise' ? kernel.exprs : kernel.folds.map(({ map }) => map);
  roots.forEach(visit);
  return [...found];
}

const spell = (_: string, value: unknown): unknown =>
  typeof value === 'bigint'
    ? `${value}n`
    : typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))
      ? Object.is(value, -0)
        ? '-0'
        : String(value)
      : value;

function cached(backend: Backend, key: string, kernel: () => Kernel): Executable {
  let cache = caches.get(backend);
  if (!cache) caches.set(backend, (cache = new Map()));
  let executable = cache.get(key);
  if (!executable) cache.set(key, (executable = launching(backend, inOperationsOf(backend, kernel()))));
  return executable;
}

/** The executable of `kernel` on `backend`; equal kernels share one. */
export const compile = (backend: Backend, kernel: Kernel): Executable =>
  cached(backend, JSON.stringify(kernel, spell), () => kernel);

const pointwise = new WeakMap<Backend, Map<number, Executable>>();
let lastBackend: Backend | undefined;
let lastByForm: Map<number, Executable>;

/** The same for a pointwise kernel whose expressions are a form: found by its number. */
export function compileForm(backend: Backend, form: Form, rank: number): Executable {
  if (backend !== lastBackend) {
    let byForm = pointwise.get(backend);
    if (!byForm) pointwise.set(backend, (byForm = new Map()));
    lastBackend = backend;
    lastByForm = byForm;
  }
  const key = form.id * 128 + rank;
  let executable = lastByForm.get(key);
  if (!executable) {
    const { exprs } = form;
    executable = cached(backend, `pointwise ${rank} ${exprs.map(numberOf)}`, () => ({
      kind: 'pointwise',
      exprs,
      rank,
    }));
    lastByForm.set(key, executable);
  }
  return executable;
}

/** The same for a reduction over interned expressions. */
export const compileReduce = (backend: Backend, kernel: Extract<Kernel, { kind: 'reduce' }>): Executable => {
  const folds = kernel.folds.map((f) => `${f.combine} ${numberOf(f.map)}`);
  const key = `reduce ${kernel.rank} ${kernel.reduced} ${folds} ${kernel.finish.map(numberOf)}`;
  return cached(backend, key, () => kernel);
};

/** A kernel that its owner keeps, and what it was compiled to last: nothing is spelled out to find that again. */
export class Compiled {
  private backend: Backend | null = null;
  private executable: Executable | null = null;

  constructor(private readonly kernel: Kernel) {}

  on(backend: Backend): Executable {
    if (this.backend !== backend) {
      this.executable = compile(backend, this.kernel);
      this.backend = backend;
    }
    return this.executable!;
  }
}

/** The same for a matmul or a convolution whose `finish` is interned. */
export const compileProduct = (
  backend: Backend,
  kernel: Extract<Kernel, { kind: 'matmul' | 'conv' }>,
): Executable => {
  const { kind, dtype, accumulate, finish } = kernel;
  const window =
    kind === 'conv'
      ? `${kernel.transposed} ${kernel.groups} ${kernel.stride} ${kernel.padding} ${kernel.dilation} ${kernel.precision}`
      : '';
  return cached(
    backend,
    `${kind} ${window} ${dtype} ${accumulate} ${finish && numberOf(finish)}`,
    () => kernel,
  );
};

function inOperationsOf(backend: Backend, kernel: Kernel): Kernel {
  const { scalarOps } = backend.capabilities;
  switch (kernel.kind) {
    case 'pointwise':
      return { ...kernel, exprs: kernel.exprs.map((e) => rewrite(e, scalarOps, backend.name)) };
    case 'reduce':
      return {
        ...kernel,
        folds: kernel.folds.map((f) => ({ ...f, map: rewrite(f.map, scalarOps, backend.name) })),
        finish: kernel.finish.map((e) => rewrite(e, scalarOps, backend.name)),
      };
    case 'matmul':
    case 'conv':
      return kernel.finish ? { ...kernel, finish: rewrite(kernel.finish, scalarOps, backend.name) } : kernel;
    default:
      return kernel;
  }
}
