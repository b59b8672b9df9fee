/** Whether a trace is being recorded, for those whose calls it records: functions and modules that are TorchScript already. */
import type { Func } from '../ir/function.ts';
import type { ScriptObject } from '../ops/value.ts';

export interface ActiveTrace {
  /** Records a call of a function, and runs it unrecorded. `run` gives the result in the interpreter's form. */
  callFunction(func: Func, args: readonly unknown[], run: () => unknown): unknown;
  /** Records a fork: what `run` calls is its body. Gives what waits for the result. */
  fork(run: () => unknown): PromiseLike<unknown>;
  /** As `callFunction`, for a method; `args` without the object. */
  callMethod(object: ScriptObject, func: Func, args: readonly unknown[], run: () => unknown): unknown;
}

let active: ActiveTrace | undefined;

export const activeTrace = (): ActiveTrace | undefined => active;

/** Makes a recording the active one, or none; returns what was active. */
export function setActiveTrace(next: ActiveTrace | undefined): ActiveTrace | undefined {
  const before = active;
  active = next;
  return before;
}

/** Whether the program is being traced, as PyTorch's `torch.jit.is_tracing()`. */
export const is_tracing = (): boolean => active !== undefined;
