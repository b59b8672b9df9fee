/**
 * What a definition's call came to, as far as it can be done again on other operands of the same layouts: a view of an operand,
 * a result that kernels filled, or what an operator of the backend's own gave.
 */
import type { Backend, ConvKernel, Executable, Memory, OpKernel, View } from '../../backend/backend.ts';
import { precisionOf } from '../../kernel/precision.ts';
import { type Launch, leaveRecord, type Step, type Takeover } from '../../kernel/record.ts';
import { adopt, allocated } from '../../tensor/create.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Shape } from '../../tensor/layout.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { viewOf } from '../call.ts';

/** The operands of a call, those in lists one by one; null for one that is absent. */
export type Tensors = readonly (Tensor | null)[];

export interface Made {
  /** The operator that the backend ran whole. */
  readonly taken: { readonly base: string } | null;
  /** Of convolutions, how accurate they were to be: that is a setting, and another kernel where it changes. */
  readonly convolves: { readonly precision: ConvKernel['precision'] } | null;
  /** Undefined where it cannot be done after all. */
  again(backend: Backend, tensors: Tensors, args: readonly unknown[]): unknown;
}

/** How a kernel sees a memory. */
type Layout = Pick<View, 'dtype' | 'shape' | 'strides' | 'offset'>;

/** How a kernel sees an operand: the offset is from the operand's own. */
interface Window extends Layout {
  readonly operand: number;
}

/** A memory as a kernel sees it: objects of one shape only, which are read faster. */
const seenAs = (memory: Memory, { dtype, shape, strides }: Layout, offset: number): View => ({
  memory,
  dtype,
  shape,
  strides,
  offset,
});

class Viewed implements Made {
  readonly taken = null;
  readonly convolves = null;

  constructor(private readonly window: Window) {}

  again(_: Backend, tensors: Tensors): Tensor {
    const { operand, shape, strides, offset } = this.window;
    const self = tensors[operand]!;
    return viewOf(self, { shape, strides, offset: self.offset + offset });
  }
}

/** A kernel that reads operands and writes the result, or a part of it. */
interface Filling {
  readonly launch: Executable;
  readonly numbers: readonly (number | bigint)[] | undefined;
  readonly inputs: readonly Window[];
  /** How the kernel sees the result. */
  readonly output: Layout;
}

class Filled implements Made {
  readonly taken = null;

  constructor(
    private readonly dtype: DType,
    private readonly length: number,
    private readonly shape: Shape,
    private readonly strides: Shape,
    private readonly fillings: readonly Filling[],
    readonly convolves: Made['convolves'],
  ) {}

  again(backend: Backend, tensors: Tensors): Tensor {
    const { dtype, length, shape, strides, fillings } = this;
    const out = allocated(backend, dtype, length, shape, strides);
    for (let i = 0; i < fillings.length; i++) {
      const { launch, numbers, inputs, output } = fillings[i];
      const views = new Array<View>(inputs.length);
      for (let k = 0; k < views.length; k++) {
        const window = inputs[k];
        const t = tensors[window.operand]!;
        views[k] = seenAs(t.memory, window, t.offset + window.offset);
      }
      launch([seenAs(out.memory, output, output.offset)], views, numbers);
    }
    return out;
  }
}

/** Every output is the result: that of an operator which returns several, called by itself. */
const ALL = -1;

class TakenOver implements Made {
  readonly convolves = null;

  constructor(
    readonly taken: { readonly base: string; readonly own: OpKernel },
    /** Null where the arguments are those of the call; else the operand at each place, or -1, and what stands at the others. */
    private readonly operands: readonly number[] | null,
    private readonly others: readonly unknown[],
    /** Which output is the result. */
    private readonly result: number,
  ) {}

  again(backend: Backend, tensors: Tensors, args: readonly unknown[]): unknown {
    const { operands, others, result } = this;
    let given = args;
    if (operands !== null) {
      const all = [...others];
      for (let i = 0; i < all.length; i++) if (operands[i] >= 0) all[i] = tensors[operands[i]];
      given = all;
    }
    leaveRecord();
    const views = this.taken.own(given);
    if (views === undefined) return undefined;
    if (result === ALL) return views.map((v) => adopt(v, backend));
    for (let i = 0; i < views.length; i++) if (i !== result) backend.free(views[i].memory);
    return adopt(views[result], backend);
  }
}

/** What the call did, step by step, where it can be done again. */
export function madeOf(
  result: unknown,
  tensors: Tensors,
  args: readonly unknown[],
  steps: readonly Step[],
): Made | undefined {
  if (steps.length === 1 && 'own' in steps[0]) return takenOver(result, tensors, args, steps[0]);
  const launches = steps.filter((step): step is Launch => 'launch' in step);
  if (launches.length < steps.length || !(result instanceof Tensor) || result.storage.pending !== null)
    return undefined;
  return filled(result, tensors, launches);
}

function takenOver(
  result: unknown,
  tensors: Tensors,
  args: readonly unknown[],
  takeover: Takeover,
): Made | undefined {
  const { base, own, outputs } = takeover;
  const which = result === outputs ? ALL : outputs.indexOf(result as Tensor);
  if (result !== outputs && (which < 0 || outputs[which].storage.pending !== null)) return undefined;
  // Not the record itself: it holds tensors.
  const taken = { base, own };
  if (takeover.args === args) return new TakenOver(taken, null, [], which);
  const operands: number[] = [];
  const others: unknown[] = [];
  for (const arg of takeover.args) {
    const place = arg instanceof Tensor ? tensors.indexOf(arg) : -1;
    if (arg instanceof Tensor) {
      // Of one tensor that is two operands it cannot be told which was meant.
      if (place < 0 || tensors.lastIndexOf(arg) !== place) return undefined;
    } else if (Array.isArray(arg) && arg.some((item) => item instanceof Tensor)) return undefined;
    operands.push(place);
    others.push(place >= 0 ? null : Array.isArray(arg) ? [...arg] : arg);
  }
  return new TakenOver(taken, operands, others, which);
}

function filled(result: Tensor, tensors: Tensors, launches: readonly Launch[]): Made | undefined {
  const places = new Map<unknown, number>();
  for (const [i, t] of tensors.entries()) {
    if (t === null) continue;
    // Of two operands in one memory it cannot be told which one a kernel read.
    if (places.has(t.memory)) return undefined;
    places.set(t.memory, i);
  }
  const windowOf = ({ memory, dtype, shape, strides, offset }: View): Window | undefined => {
    const operand = places.get(memory);
    if (operand === undefined) return undefined;
    const from = offset - tensors[operand]!.offset;
    return { operand, dtype, shape: [...shape], strides: [...strides], offset: from };
  };
  const { storage, dtype, shape, strides, memory, offset } = result;
  if (launches.length === 0) {
    const window = windowOf(result);
    // An operand itself is no view of it.
    return window && result.base !== null && !tensors.includes(result) ? new Viewed(window) : undefined;
  }
  if (offset !== 0 || places.has(memory)) return undefined;
  const fillings: Filling[] = [];
  for (const { launch, numbers, inputs, outputs } of launches) {
    const windows = inputs.map(windowOf);
    if (outputs.length !== 1 || outputs[0].memory !== memory || windows.includes(undefined)) return undefined;
    const [to] = outputs;
    const output = { dtype: to.dtype, shape: [...to.shape], strides: [...to.strides], offset: to.offset };
    fillings.push({ launch, numbers, inputs: windows as Window[], output });
  }
  const convolves = launches.some(({ kind }) => kind === 'conv')
    ? { precision: precisionOf(storage.backend) }
    : null;
  return new Filled(dtype, storage.length, shape, strides, fillings, convolves);
}
