/** One call's way: interceptors, autograd, the backend's own kernel or the operator's definition. */
import { AutogradMeta } from '../autograd/meta.ts';
import { is_grad_enabled, setRecording } from '../autograd/mode.ts';
import type { Node } from '../autograd/node.ts';
import { OperatorNode } from '../autograd/operator_node.ts';
import { pointwiseNode } from '../autograd/pointwise.ts';
import { setHistory } from '../autograd/record.ts';
import { checkInplace, rebaseHistory } from '../autograd/views.ts';
import { type Backend, KernelFault, type OpKernel } from '../backend/backend.ts';
import { explainFault } from '../backend/fault.ts';
import { copyInto } from '../kernel/elementwise.ts';
import { setOperatorInProgress } from '../kernel/progress.ts';
import { leaveRecord, resumeRecord } from '../kernel/record.ts';
import { adopt, alias } from '../tensor/create.ts';
import { isFloat } from '../tensor/dtype.ts';
import type { Layout } from '../tensor/layout.ts';
import { hasQuantizer, integersOf } from '../tensor/quantized.ts';
import { materialise, writable } from '../tensor/storage.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type Operator, scalarsIn, tensorsIn } from './operator.ts';
import { temporarily } from './scope.ts';

/** Sees every operator call, outermost first: the tracer, the profiler. `proceed` runs the call as it would have run. */
export type Interceptor = (
  operator: Operator,
  args: readonly unknown[],
  /** With other arguments where they are given. */
  proceed: (args?: readonly unknown[]) => unknown,
) => unknown;

const interceptors: Interceptor[] = [];

/** Installs an interceptor; returns how to remove it. */
export function intercept(interceptor: Interceptor): () => void {
  interceptors.push(interceptor);
  return () => {
    interceptors.splice(interceptors.indexOf(interceptor), 1);
  };
}

let useOverrides = true;

/** Turns backends' own operators off (or on again), so that definitions run; for checking one against the other. */
export function set_overrides_enabled(value: boolean): boolean {
  const before = useOverrides;
  useOverrides = value;
  return before;
}

/** What an operator does where an argument is quantised; undefined where its definition serves such tensors too. */
export type QuantizedMeaning = (operator: Operator, args: readonly unknown[]) => unknown;

let quantizedMeaning: QuantizedMeaning | null = null;

/** Says what operators do with quantised tensors: once there are any, since until then no call need ask. */
export function setQuantizedMeaning(meaning: QuantizedMeaning): void {
  quantizedMeaning = meaning;
}

/** Whether nobody looks at calls, and backends' own operators are on. */
export const isDirect = (): boolean => interceptors.length === 0 && useOverrides;

/** Calls an operator with its arguments in schema order, all of them present. */
export function callOperator(operator: Operator, args: readonly unknown[]): unknown {
  if (interceptors.length === 0) return run(operator, args);
  let proceed = (given = args): unknown => run(operator, given);
  for (const i of interceptors) {
    const inner = proceed;
    proceed = (given = args) => i(operator, given, (other = given) => inner(other));
  }
  return proceed();
}

function run(operator: Operator, args: readonly unknown[]): unknown {
  const { meaning } = operator;
  switch (meaning.kind) {
    case 'pointwise':
      return runPointwise(operator, args);
    case 'view':
      return runView(operator, args);
    case 'inplace':
      return runInplace(operator, meaning.functional, args);
    case 'mutate':
      if (quantizedMeaning !== null && tensorsIn(operator, args).some(hasQuantizer))
        return quantizedMeaning(operator, args) ?? meaning.define(operator.named(args));
      return meaning.define(operator.named(args));
    default:
      return runDefined(operator, args);
  }
}

const wantsGrad = (tensors: readonly Tensor[]): boolean => {
  for (let i = 0; i < tensors.length; i++) if (tensors[i].requires_grad) return true;
  return false;
};

function runPointwise(operator: Operator, args: readonly unknown[]): Tensor {
  const tensors = tensorsIn(operator, args);
  const record = is_grad_enabled() && operator.isDifferentiable && wantsGrad(tensors);
  const out = below(operator, args, tensors) as Tensor;
  if (record && isFloat(out.dtype)) attach(operator, args, tensors, [out]);
  return out;
}

function attach(
  operator: Operator,
  args: readonly unknown[],
  tensors: readonly Tensor[],
  outputs: readonly Tensor[],
): void {
  if (operator.hasGradient) {
    const node = new OperatorNode(operator, args);
    setHistory(node, outputs, node.takesAllGradients);
    node.saveResults(outputs);
  } else if (operator.meaning.kind === 'pointwise')
    setHistory(
      pointwiseNode(
        operator.gradName,
        operator.meaning.elementwise(args),
        tensors,
        scalarsIn(operator, args),
      ),
      outputs,
    );
}

/**
 * The backend's own kernel for the call, where it has one and wants it; else the meaning. Records nothing itself. No
 * backend is offered a quantised tensor, which it would take for plain integers; an implementation that a user gave is.
 */
function below(operator: Operator, args: readonly unknown[], tensors: readonly Tensor[]): unknown {
  const backend = backendOfCall(tensors);
  const isQuantized = quantizedMeaning !== null && tensors.some(hasQuantizer);
  const override = useOverrides && backend && !isQuantized ? operator.overrideOn(backend) : undefined;
  const { base } = operator;
  const outer = setOperatorInProgress(base);
  try {
    if (operator.implementations !== null && backend && useOverrides) {
      leaveRecord();
      const result = implementationOn(operator, backend)?.(...(args as never[]));
      if (result !== undefined) return result;
    }
    if (isQuantized) {
      const result = quantizedMeaning!(operator, args);
      if (result !== undefined) return result;
    }
    if (override) {
      const steps = leaveRecord();
      for (const t of tensors) if (t.storage.pending !== null) materialise(t.storage);
      const views = override(args);
      if (views) {
        const outputs = views.map((v) => adopt(v, backend!));
        if (steps !== null) resumeRecord(steps, { base, own: override, args, outputs });
        const { returns } = operator.schema;
        return returns.length === 1 && returns[0].type.kind !== 'List' ? outputs[0] : outputs;
      }
    }
    const { meaning } = operator;
    return meaning.kind === 'pointwise'
      ? meaning.elementwise(args).call(base, tensors, scalarsIn(operator, args))[0]
      : (meaning as { define: (args: Record<string, unknown>) => unknown }).define(operator.named(args));
  } catch (error) {
    throw explain(operator, error);
  } finally {
    setOperatorInProgress(outer);
  }
}

const implementationOn = ({ implementations }: Operator, { name, deviceType }: Backend) =>
  implementations!.get(name) ?? implementations!.get(deviceType);

function backendOfCall(tensors: readonly Tensor[]): Backend | undefined {
  if (tensors.length === 0) return undefined;
  const { backend } = tensors[0].storage;
  for (let i = 1; i < tensors.length; i++) if (tensors[i].storage.backend !== backend) return undefined;
  return backend;
}

/** A kernel's fault as the error that PyTorch raises, with the operator's name. */
export const explain = ({ base }: { readonly base: string }, error: unknown): unknown =>
  error instanceof KernelFault ? explainFault(error, base) : error;

const tensorsOf = (result: unknown): readonly Tensor[] =>
  result instanceof Tensor
    ? [result]
    : Array.isArray(result)
      ? result.flat().filter((r) => r instanceof Tensor)
      : [];

function runDefined(operator: Operator, args: readonly unknown[]): unknown {
  const tensors = tensorsIn(operator, args);
  const record = is_grad_enabled() && wantsGrad(tensors);
  if (!record) return temporarily(below, operator, args, tensors);
  if (!operator.isDifferentiable) return unrecorded(operator, args, tensors);
  if (!operator.hasGradient) {
    try {
      return (operator.meaning as { define: (args: Record<string, unknown>) => unknown }).define(
        operator.named(args),
      );
    } catch (error) {
      throw explain(operator, error);
    }
  }
  const result = unrecorded(operator, args, tensors);
  // A definition that returns its input says that nothing happened: the result must still be a tensor of its own.
  const outputs = tensorsOf(result);
  for (let i = 0; i < outputs.length; i++)
    if (tensors.includes(outputs[i])) {
      const own = outputs.map((o) => (tensors.includes(o) ? alias(o) : o));
      attach(operator, args, tensors, own);
      return Array.isArray(result) ? own : own[0];
    }
  for (const output of outputs) if (output.base !== null) ownIfTemporary(output, tensors);
  attach(operator, args, tensors, outputs);
  return result;
}

/** A view of what a definition made on its way is no view to its caller: nobody else can reach the memory. */
function ownIfTemporary(output: Tensor, inputs: readonly Tensor[]): void {
  if (!inputs.some((t) => t.storage === output.storage)) output.base = null;
}

/** How deep we are in operators that record for themselves: views made there are not the user's. */
let depth = 0;

export function withoutGrad<T>(fn: () => T): T {
  const before = is_grad_enabled();
  depth++;
  if (before) setRecording(false);
  try {
    return fn();
  } finally {
    depth--;
    if (before) setRecording(true);
  }
}

/** Runs an operator that records for itself, with recording off, and frees what it made on the way. */
function unrecorded(operator: Operator, args: readonly unknown[], tensors: readonly Tensor[]): unknown {
  const before = is_grad_enabled();
  depth++;
  if (before) setRecording(false);
  try {
    return temporarily(below, operator, args, tensors);
  } finally {
    depth--;
    if (before) setRecording(true);
  }
}

function runView(operator: Operator, args: readonly unknown[]): unknown {
  const { view } = operator.meaning as {
    view: (args: Record<string, unknown>) => Layout | readonly Layout[];
  };
  return viewsOf(operator, args[0] as Tensor, view(operator.named(args)), args);
}

/** What a view operator gives: views of `self` of these layouts. */
export function viewsOf(
  operator: Operator,
  self: Tensor,
  layouts: Layout | readonly Layout[],
  args: readonly unknown[],
): unknown {
  const record = is_grad_enabled();
  const attaches = record && operator.isDifferentiable && isFloat(self.dtype) && self.requires_grad;
  if (!Array.isArray(layouts)) {
    const one = viewOf(self, layouts as Layout);
    if (attaches) attach(operator, args, [self], [one]);
    return one;
  }
  const views = (layouts as readonly Layout[]).map((l) => viewOf(self, l));
  if (record) for (const v of views) v.viewOrigin = operator.gradName;
  if (attaches) attach(operator, args, [self], views);
  return views;
}

/** A tensor that shares memory with `self` and knows it. */
export function viewOf(self: Tensor, layout: Layout): Tensor {
  const view = alias(self, layout);
  view.base = self.base ?? self;
  view.viewVersion = self.storage.version;
  if (!is_grad_enabled() && depth === 0) view.viewOrigin = 'no_grad';
  return view;
}

function runInplace(operator: Operator, functional: Operator, args: readonly unknown[]): Tensor {
  const self = args[0] as Tensor;
  const tensors = tensorsIn(operator, args);
  checkInplace(self, tensors);
  const record =
    is_grad_enabled() && functional.isDifferentiable && isFloat(self.dtype) && wantsGrad(tensors);
  let node: Node | null = null;
  if (record) {
    if (functional.hasGradient) {
      const own = new OperatorNode(functional, args);
      if (own.saves(functional.argNames[0])) own.replaceSaved(functional.argNames[0], withHistoryOf(self));
      node = own;
    } else if (functional.meaning.kind === 'pointwise') {
      const before = withHistoryOf(self);
      node = pointwiseNode(
        functional.gradName,
        functional.meaning.elementwise(args),
        tensors.map((t) => (t === self ? before : t)),
        scalarsIn(functional, args),
      );
    } else {
      // Composed of other operators: they record the new value, which then replaces the old.
      const value = run(functional, args) as Tensor;
      return self.copy_(value);
    }
  }
  writeResult(self, operator, functional, args, tensors);
  if (node) {
    rebaseHistory(self, node);
    if (node instanceof OperatorNode) node.saveResults([self]);
  }
  return self;
}

/** A copy of a tensor as it is now, standing in the same place of the graph. */
function withHistoryOf(tensor: Tensor): Tensor {
  const copy = withoutGrad(() => tensor.clone() as Tensor);
  const node = tensor.grad_fn;
  if (node || tensor.requires_grad) {
    const meta = AutogradMeta.of(copy);
    meta.node = node;
    meta.output = tensor.meta!.output;
    meta.requires_grad = node === null;
    meta.accumulator = tensor.meta!.accumulator;
  }
  return copy;
}

function writeResult(
  self: Tensor,
  operator: Operator,
  functional: Operator,
  args: readonly unknown[],
  tensors: readonly Tensor[],
): void {
  if (quantizedMeaning !== null && tensors.some(hasQuantizer)) {
    const value = unrecorded(functional, args, tensors) as Tensor;
    copyInto(integersOf(self), integersOf(value));
    return;
  }
  const { meaning } = functional;
  const own = useOverrides ? operator.overrideOn(self.storage.backend) : undefined;
  const write = own && ((): boolean => writesItself(own, self, args, tensors));
  const outer = setOperatorInProgress(functional.base);
  try {
    if (meaning.kind === 'pointwise')
      meaning.elementwise(args).into(functional.base, self, tensors, scalarsIn(functional, args), write);
    else {
      const value = unrecorded(functional, args, tensors) as Tensor;
      copyInto(self, value);
      if (value !== self) value.dispose();
    }
  } catch (error) {
    throw explain(functional, error);
  } finally {
    setOperatorInProgress(outer);
  }
}

/** Lets the backend's own in-place operator write; false where it does not want this call. */
function writesItself(
  own: OpKernel,
  self: Tensor,
  args: readonly unknown[],
  tensors: readonly Tensor[],
): boolean {
  leaveRecord();
  writable(self.storage);
  for (let i = 0; i < tensors.length; i++) materialise(tensors[i].storage);
  return own(args) !== undefined;
}
