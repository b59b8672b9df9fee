/** Definitions that are called again: those that come to one kernel over their operands launch it without being run. */
import { is_grad_enabled } from '../../autograd/mode.ts';
import type { ConvKernel, Executable, View } from '../../backend/backend.ts';
import { type Launch, recordLaunches } from '../../kernel/compile.ts';
import { precisionOf } from '../../kernel/precision.ts';
import { setOperatorInProgress } from '../../kernel/progress.ts';
import { allocated } from '../../tensor/create.ts';
import type { DType } from '../../tensor/dtype.ts';
import type { Shape } from '../../tensor/layout.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { callOperator, explain, isDirect, viewOf } from '../call.ts';
import type { Operator } from '../operator.ts';
import { areEqual, arePlain, Circumstances, Outcomes } from './seen.ts';

type Tensors = readonly (Tensor | null)[];

/** How a kernel sees an operand: the offset is from the operand's own. */
interface Window {
  readonly operand: number;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly strides: Shape;
  readonly offset: number;
}

/** A result of its own memory, filled by one kernel. */
interface Filled {
  readonly launch: Executable;
  readonly numbers: readonly (number | bigint)[] | undefined;
  readonly inputs: readonly Window[];
  /** Of a convolution, how accurate it was to be: that is a setting, and another kernel where it changes. */
  readonly convolves: { readonly precision: ConvKernel['precision'] } | null;
  /** How the kernel sees the result. */
  readonly output: Pick<View, 'dtype' | 'shape' | 'strides' | 'offset'>;
  readonly dtype: DType;
  readonly length: number;
  readonly shape: Shape;
  readonly strides: Shape;
}

/** What a call came to: a kernel, or a view of an operand. */
class Outcome {
  private readonly rest: readonly unknown[];

  constructor(
    private readonly when: Circumstances,
    private readonly varying: readonly number[],
    args: readonly unknown[],
    private readonly made: Filled | Window,
  ) {
    this.rest = varying.map((i) => (Array.isArray(args[i]) ? [...(args[i] as unknown[])] : args[i]));
  }

  serves(tensors: Tensors, args: readonly unknown[]): boolean {
    const { varying, rest, made, when } = this;
    if ('launch' in made && made.convolves && made.convolves.precision !== precisionOf(when.backend))
      return false;
    for (let i = 0; i < varying.length; i++) if (!areEqual(rest[i], args[varying[i]])) return false;
    return when.areThose(tensors);
  }

  again(tensors: Tensors): Tensor {
    const { made } = this;
    if ('operand' in made) {
      const self = tensors[made.operand]!;
      return viewOf(self, { shape: made.shape, strides: made.strides, offset: self.offset + made.offset });
    }
    const { dtype, length, shape, strides, output } = made;
    const out = allocated(this.when.backend, dtype, length, shape, strides);
    const inputs = made.inputs.map((window) => seenThrough(window, tensors[window.operand]!));
    made.launch([{ memory: out.memory, ...output }], inputs, made.numbers);
    return out;
  }
}

const seenThrough = ({ dtype, shape, strides, offset }: Window, t: Tensor): View => ({
  memory: t.memory,
  dtype,
  shape,
  strides,
  offset: t.offset + offset,
});

export class Launches {
  private readonly outcomes = new Outcomes<Outcome>();
  /** What changes beside tensors. */
  private readonly varying: readonly number[];

  constructor(
    private readonly operator: Operator,
    varying: readonly number[],
  ) {
    this.varying = varying.filter((i) => !operator.tensorArgs.includes(i));
  }

  call(args: readonly unknown[]): unknown {
    const { operator, outcomes } = this;
    if (is_grad_enabled() || operator.implementations !== null || !isDirect())
      return callOperator(operator, args);
    const tensors = tensorsOf(operator, args);
    if (waits(tensors)) return callOperator(operator, args);
    const known = outcomes.find(tensors, args);
    if (known === null) return outcomes.areKept ? this.learn(tensors, args) : callOperator(operator, args);
    const outer = setOperatorInProgress(operator.base);
    try {
      return known.again(tensors);
    } catch (error) {
      throw explain(operator, error);
    } finally {
      setOperatorInProgress(outer);
    }
  }

  private learn(tensors: Tensors, args: readonly unknown[]): unknown {
    const { operator, varying, outcomes } = this;
    const { result, launches } = recordLaunches(() => callOperator(operator, args));
    const backend = tensors.find((t) => t !== null)?.storage.backend;
    const isPlain = backend && result instanceof Tensor && arePlain([...tensors, result], backend);
    const made = isPlain && launches ? madeOf(result, tensors, launches) : undefined;
    outcomes.keep(made && new Outcome(new Circumstances(tensors, backend!), varying, args, made));
    return result;
  }
}

const tensorsOf = ({ tensorArgs }: Operator, args: readonly unknown[]): Tensors => {
  const tensors = new Array<Tensor | null>(tensorArgs.length);
  for (let i = 0; i < tensors.length; i++) tensors[i] = args[tensorArgs[i]] as Tensor | null;
  return tensors;
};

const waits = (tensors: Tensors): boolean => {
  for (let i = 0; i < tensors.length; i++) {
    const t = tensors[i];
    if (t !== null && t.storage.pending !== null) return true;
  }
  return false;
};

/** What the call did, where it can be done again. */
function madeOf(result: Tensor, tensors: Tensors, launches: readonly Launch[]): Filled | Window | undefined {
  const places = new Map<unknown, number>();
  for (const [i, t] of tensors.entries()) {
    if (t === null) continue;
    // Of two operands in one memory it cannot be told which one a kernel read.
    if (places.has(t.memory)) return undefined;
    places.set(t.memory, i);
  }
  const windowOf = ({ memory, dtype, shape, strides, offset }: View): Window | undefined => {
    const operand = places.get(memory);
    return operand === undefined
      ? undefined
      : {
          operand,
          dtype,
          shape: [...shape],
          strides: [...strides],
          offset: offset - tensors[operand]!.offset,
        };
  };
  const { storage, dtype, shape, strides } = result;
  if (storage.pending !== null) return undefined;
  if (launches.length === 0) {
    const window = windowOf(result);
    // An operand itself is no view of it.
    return window && result.base !== null && !tensors.includes(result) ? window : undefined;
  }
  const [{ launch, kind, outputs, inputs, numbers }] = launches;
  if (launches.length > 1 || outputs.length !== 1 || result.offset !== 0) return undefined;
  const [to] = outputs;
  if (to.memory !== result.memory || places.has(result.memory)) return undefined;
  const windows = inputs.map(windowOf);
  if (windows.includes(undefined)) return undefined;
  return {
    launch,
    numbers,
    inputs: windows as Window[],
    convolves: kind === 'conv' ? { precision: precisionOf(storage.backend) } : null,
    output: { dtype: to.dtype, shape: [...to.shape], strides: [...to.strides], offset: to.offset },
    dtype,
    length: storage.length,
    shape,
    strides,
  };
}
