/** What a call comes to while somebody records it: kernels that are launched, and operators that a backend runs whole. */
import type { Executable, Kernel, OpKernel, View } from '../backend/backend.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A kernel as it was launched, with what it was given. */
export interface Launch {
  readonly launch: Executable;
  readonly kind: Kernel['kind'];
  readonly outputs: readonly View[];
  readonly inputs: readonly View[];
  readonly numbers: readonly (number | bigint)[] | undefined;
}

/** An operator that the backend ran itself, with what it was given and what it gave. */
export interface Takeover {
  /** The operator's name, without its overload. */
  readonly base: string;
  readonly own: OpKernel;
  readonly args: readonly unknown[];
  readonly outputs: readonly Tensor[];
}

export type Step = Launch | Takeover;

let recorded: Step[] | null = null;

/** Runs `fn` and gives what it came to, in order; null where that cannot be told, and where a recording is on already. */
export function recordSteps<T>(fn: () => T): { result: T; steps: readonly Step[] | null } {
  if (recorded !== null) return { result: fn(), steps: null };
  recorded = [];
  try {
    return { result: fn(), steps: recorded };
  } finally {
    recorded = null;
  }
}

/** To be called before something runs that nobody sees into; gives what was recorded so far, if anything was to be. */
export function leaveRecord(): Step[] | null {
  const before = recorded;
  recorded = null;
  return before;
}

/** Goes on with what was left: what ran since was this. */
export function resumeRecord(steps: Step[], takeover: Takeover): void {
  steps.push(takeover);
  recorded = steps;
}

/** Notes a kernel that is about to run. */
export function recordLaunch(
  launch: Executable,
  kind: Kernel['kind'],
  outputs: readonly View[],
  inputs: readonly View[],
  numbers: readonly (number | bigint)[] | undefined,
): void {
  if (recorded === null) return;
  recorded.push({ launch, kind, outputs: outputs.map(asSeen), inputs: inputs.map(asSeen), numbers });
}

/** The view as it is now: the tensor that it may be is perhaps a temporary. */
const asSeen = ({ memory, dtype, shape, strides, offset }: View): View => ({
  memory,
  dtype,
  shape,
  strides,
  offset,
});
