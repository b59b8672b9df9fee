/**
 * A place in a program that makes one call again and again. It remembers what calls came to (the kernel, the result's
 * layout) and does just that when operands of the same dtypes and layouts arrive; any other call goes the whole way.
 */
import { is_grad_enabled } from '../autograd/mode.ts';
import type { Backend, Executable, View } from '../backend/backend.ts';
import { defersFrom, mayDefer } from '../kernel/chain.ts';
import { compileForm } from '../kernel/compile.ts';
import { type Elementwise, expandTo, scalarArguments } from '../kernel/elementwise.ts';
import { setOperatorInProgress } from '../kernel/progress.ts';
import { allocated } from '../tensor/create.ts';
import type { DType } from '../tensor/dtype.ts';
import { type Layout, mayOverlapItself, numelOf, type Shape, sameShape } from '../tensor/layout.ts';
import { get_default_dtype } from '../tensor/promotion.ts';
import { isQuantized } from '../tensor/quantized.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { callOperator, explain, isDirect, viewsOf } from './call.ts';
import { type Operator, scalarsIn } from './operator.ts';
import { temporarily } from './scope.ts';

/** Calls the operator with its arguments in schema order, all of them present. */
export type Repeated = (args: readonly unknown[]) => unknown;

/** A call of which only the arguments at `varying` change from time to time. */
export function repeated(operator: Operator, varying: readonly number[]): Repeated {
  const { meaning, tensorArgs, listArgs } = operator;
  const isFixed = varying.every((i) => tensorArgs.includes(i)) && listArgs.length === 0;
  if (isFixed && meaning.kind === 'pointwise') {
    const formulas = new Formulas(operator, meaning.elementwise, false);
    return (args) => formulas.call(args);
  }
  if (isFixed && meaning.kind === 'inplace' && meaning.functional.meaning.kind === 'pointwise') {
    const formulas = new Formulas(operator, meaning.functional.meaning.elementwise, true);
    return (args) => formulas.call(args);
  }
  if (meaning.kind === 'view') {
    const windows = new Windows(operator, meaning.view);
    return (args) => windows.call(args);
  }
  if (meaning.kind === 'define' && tensorArgs.length > 0 && listArgs.length === 0) {
    const definition = new Defined(operator, meaning.define);
    return (args) => definition.call(args);
  }
  return (args) => callOperator(operator, args);
}

/** How many layouts are remembered: nodes that are alike share a call, and see different ones. */
const MOST = 8;

/** The dtype and layout that an operand had. */
class Seen {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly strides: Shape;

  constructor(t: Tensor) {
    this.dtype = t.dtype;
    this.shape = t.shape;
    this.strides = t.strides;
  }

  is(t: Tensor): boolean {
    return t.dtype === this.dtype && sameShape(t.shape, this.shape) && sameShape(t.strides, this.strides);
  }
}

/** What a formula came to for operands of certain dtypes and layouts. */
class Formed {
  constructor(
    readonly backend: Backend,
    readonly operands: readonly Seen[],
    /** What became of whole numbers that were divided. */
    readonly floats: DType,
    /** From how many elements on calls wait: it has fewer. */
    readonly defersFrom: number,
    readonly executable: Executable,
    readonly numbers: readonly (number | bigint)[] | undefined,
    readonly dtype: DType,
    readonly length: number,
    readonly shape: Shape,
    readonly strides: Shape,
    /** Whether an operand is broadcast. */
    readonly expands: boolean,
  ) {}

  serves(tensors: readonly Tensor[]): boolean {
    const { operands, backend } = this;
    if (operands.length !== tensors.length || this.floats !== get_default_dtype()) return false;
    if (this.defersFrom !== defersFrom(backend)) return false;
    for (let i = 0; i < tensors.length; i++)
      if (tensors[i].storage.backend !== backend || !operands[i].is(tensors[i])) return false;
    return true;
  }
}

/** A pointwise operator, or one in place that writes what such a one gives. */
class Formulas {
  private readonly formed: Formed[] = [];
  private last = 0;
  /** As errors name it. */
  private readonly name: string;

  constructor(
    private readonly operator: Operator,
    private readonly elementwise: (args: readonly unknown[]) => Elementwise,
    private readonly isInPlace: boolean,
  ) {
    const { meaning } = operator;
    this.name = meaning.kind === 'inplace' ? meaning.functional.base : operator.base;
  }

  call(args: readonly unknown[]): unknown {
    const { operator, isInPlace } = this;
    const tensors = operandsOf(operator, args);
    const isPlain = tensors !== undefined && operator.implementations === null && isDirect();
    if (!isPlain || !isSimple(tensors, isInPlace)) return callOperator(operator, args);
    const formed = this.find(tensors);
    if (formed === undefined) {
      const result = callOperator(operator, args);
      this.remember(args, tensors, result as Tensor);
      return result;
    }
    return isInPlace ? this.overwrite(formed, tensors) : this.make(formed, tensors);
  }

  private find(tensors: readonly Tensor[]): Formed | undefined {
    const { formed, last } = this;
    if (formed.length === 0) return undefined;
    if (formed[last].serves(tensors)) return formed[last];
    for (let i = 0; i < formed.length; i++)
      if (formed[i].serves(tensors)) {
        this.last = i;
        return formed[i];
      }
    return undefined;
  }

  private make(formed: Formed, tensors: readonly Tensor[]): Tensor {
    const { backend, dtype, length, shape, strides } = formed;
    const outer = setOperatorInProgress(this.name);
    try {
      const out = allocated(backend, dtype, length, shape, strides);
      run(formed, out, tensors);
      return out;
    } catch (error) {
      throw explain(this.operator, error);
    } finally {
      setOperatorInProgress(outer);
    }
  }

  private overwrite(formed: Formed, tensors: readonly Tensor[]): Tensor {
    const [self] = tensors;
    const outer = setOperatorInProgress(this.name);
    try {
      run(formed, self, tensors);
      self.storage.version++;
      return self;
    } catch (error) {
      throw explain(this.operator, error);
    } finally {
      setOperatorInProgress(outer);
    }
  }

  /** The call was made, so its operands fit each other. */
  private remember(args: readonly unknown[], tensors: readonly Tensor[], result: Tensor): void {
    const { operator, isInPlace } = this;
    const { backend } = result.storage;
    if (operator.overrideOn(backend) !== undefined) return;
    if (tensors.some((t) => isQuantized(t.dtype) || t.storage.backend !== backend)) return;
    if (isInPlace && mayOverlapItself(result.shape, result.strides)) return;
    const scalars = scalarsIn(operator, args);
    const plan = this.elementwise(args).plan(tensors, scalars, isInPlace ? result.dtype : undefined);
    const { shape, strides } = result;
    if (plan.dtypes.length !== 1 || mayDefer(plan.form, backend, numelOf(shape))) return;
    if (this.formed.length === MOST) this.formed.shift();
    this.formed.push(
      new Formed(
        backend,
        tensors.map((t) => new Seen(t)),
        get_default_dtype(),
        defersFrom(backend),
        compileForm(backend, plan.form, shape.length),
        scalars.length === 0 ? undefined : scalarArguments(scalars, plan.kinds),
        plan.dtypes[0],
        result.storage.length,
        shape,
        strides,
        tensors.some((t) => !sameShape(t.shape, shape)),
      ),
    );
    this.last = this.formed.length - 1;
  }
}

function run({ executable, expands, shape, numbers }: Formed, out: Tensor, tensors: readonly Tensor[]): void {
  const inputs: readonly View[] = expands ? tensors.map((t) => expandTo(t, shape)) : tensors;
  executable([out], inputs, numbers);
}

/** All of the operator's tensors; undefined where one is absent. */
function operandsOf({ tensorArgs }: Operator, args: readonly unknown[]): readonly Tensor[] | undefined {
  const first = args[tensorArgs[0]] as Tensor | null;
  if (first === null) return undefined;
  if (tensorArgs.length === 1) return [first];
  const second = args[tensorArgs[1]] as Tensor | null;
  if (second === null) return undefined;
  if (tensorArgs.length === 2) return [first, second];
  const all = tensorArgs.map((i) => args[i] as Tensor | null);
  return all.includes(null) ? undefined : (all as Tensor[]);
}

/** Whether nothing is recorded, nothing waits to be computed, and nothing but the result is written. */
function isSimple(tensors: readonly Tensor[], isInPlace: boolean): boolean {
  const records = is_grad_enabled();
  const [self] = tensors;
  for (let i = 0; i < tensors.length; i++) {
    const t = tensors[i];
    const { storage } = t;
    if (storage.pending !== null || (records && t.requires_grad)) return false;
    if (isInPlace && t !== self && storage === self.storage) return false;
  }
  return !isInPlace || self.storage.readers === 0;
}

type Define = (args: Record<string, unknown>) => unknown;

/** An operator that is its definition, on a backend that has none of its own and for dtypes that are not quantised. */
class Defined {
  private backend: Backend | null = null;
  private dtypes: readonly (DType | null)[] = [];

  constructor(
    private readonly operator: Operator,
    private readonly define: Define,
  ) {}

  call(args: readonly unknown[]): unknown {
    const { operator } = this;
    if (is_grad_enabled() || operator.implementations !== null || !isDirect())
      return callOperator(operator, args);
    if (this.serves(args)) return temporarily(runDefinition, operator, args, this.define);
    this.remember(args);
    return callOperator(operator, args);
  }

  private serves(args: readonly unknown[]): boolean {
    const { backend, dtypes } = this;
    if (backend === null) return false;
    const { tensorArgs } = this.operator;
    for (let i = 0; i < dtypes.length; i++) {
      const t = args[tensorArgs[i]] as Tensor | null;
      if (t === null ? dtypes[i] !== null : t.dtype !== dtypes[i] || t.storage.backend !== backend)
        return false;
    }
    return true;
  }

  private remember(args: readonly unknown[]): void {
    const { operator } = this;
    const given = operator.tensorArgs.map((i) => args[i] as Tensor | null);
    const backend = given.find((t) => t !== null)?.storage.backend;
    const isPlain = given.every(
      (t) => t === null || (t.storage.backend === backend && !isQuantized(t.dtype)),
    );
    this.backend = isPlain && backend && operator.overrideOn(backend) === undefined ? backend : null;
    this.dtypes = given.map((t) => (t === null ? null : t.dtype));
  }
}

function runDefinition(operator: Operator, args: readonly unknown[], define: Define): unknown {
  const outer = setOperatorInProgress(operator.base);
  try {
    return define(operator.named(args));
  } catch (error) {
    throw explain(operator, error);
  } finally {
    setOperatorInProgress(outer);
  }
}

type ViewOf = (args: Record<string, unknown>) => Layout | readonly Layout[];

/** What a view operator came to for a tensor of a certain layout and certain numbers. */
interface Window {
  readonly self: Seen;
  readonly offset: number;
  readonly rest: readonly unknown[];
  readonly layouts: Layout | readonly Layout[];
}

/** A view operator: its result follows from its first argument's layout and from numbers. */
class Windows {
  private readonly windows: Window[] = [];
  private last = 0;

  constructor(
    private readonly operator: Operator,
    private readonly view: ViewOf,
  ) {}

  call(args: readonly unknown[]): unknown {
    const { operator } = this;
    if (!isDirect()) return callOperator(operator, args);
    const self = args[0] as Tensor;
    return viewsOf(operator, self, this.find(self, args) ?? this.remember(self, args), args);
  }

  private find(self: Tensor, args: readonly unknown[]): Window['layouts'] | undefined {
    const { windows, last } = this;
    if (windows.length === 0) return undefined;
    if (serves(windows[last], self, args)) return windows[last].layouts;
    for (let i = 0; i < windows.length; i++)
      if (serves(windows[i], self, args)) {
        this.last = i;
        return windows[i].layouts;
      }
    return undefined;
  }

  private remember(self: Tensor, args: readonly unknown[]): Window['layouts'] {
    const { operator, windows } = this;
    const layouts = this.view(operator.named(args));
    const rest = args.map((arg, i) => (i === 0 ? null : Array.isArray(arg) ? [...arg] : arg));
    // The layout of a tensor may be handed on as it is, tensor and all: what is remembered keeps no memory.
    const own = Array.isArray(layouts) ? layouts.map(layoutOnly) : layoutOnly(layouts as Layout);
    if (windows.length === MOST) windows.shift();
    windows.push({ self: new Seen(self), offset: self.offset, rest, layouts: own });
    this.last = windows.length - 1;
    return layouts;
  }
}

const layoutOnly = ({ shape, strides, offset }: Layout): Layout => ({ shape, strides, offset });

function serves(window: Window, self: Tensor, args: readonly unknown[]): boolean {
  if (self.offset !== window.offset || !window.self.is(self)) return false;
  const { rest } = window;
  for (let i = 1; i < rest.length; i++) if (rest[i] !== args[i] && !sameList(rest[i], args[i])) return false;
  return true;
}

function sameList(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
