/** Whether operations are recorded: `no_grad`, `enable_grad`, `inference_mode`. */
import { TorchError } from '../errors.ts';

let enabled = true;
/** Whether it was the user who turned recording off: then no gradient will ever come of what runs. */
let inference = false;
/** Async sections that hold the mode across their awaits, innermost last. */
const held: symbol[] = [];

export const is_grad_enabled = (): boolean => enabled;

/** Whether what runs now is no part of a training step: not recorded, not inside what is recorded, and no gradient. */
export const isInference = (): boolean => inference;

/** Sets the mode for good; prefer the forms that take a function. */
export function set_grad_enabled(value: boolean): void {
  // Off where it is off already: perhaps because something that is recorded turned it off for its inside.
  if (value !== enabled) inference = !value;
  enabled = value;
}

/** Turns recording off, or on again, inside of what records for itself, and while gradients are computed. */
export function setRecording(value: boolean): void {
  enabled = value;
}

/** Runs `fn` with recording on or off. An async `fn` keeps the mode across its awaits, until its promise settles. */
export function withGradMode<T>(value: boolean, fn: () => T): T {
  const before = enabled;
  const beforeInference = inference;
  const depth = held.length;
  set_grad_enabled(value);
  const restore = (): void => {
    enabled = before;
    inference = beforeInference;
  };
  let result: T;
  try {
    result = fn();
  } catch (error) {
    restore();
    throw error;
  }
  if (!(result instanceof Promise)) {
    restore();
    return result;
  }
  const mine = Symbol();
  held.push(mine);
  return result.finally(() => {
    if (held[held.length - 1] !== mine || held.length !== depth + 1) {
      held.splice(held.indexOf(mine), 1);
      throw new TorchError(
        'no_grad and enable_grad with async functions must nest: a second one was entered before the first had ended. Await one before you start the other',
      );
    }
    held.pop();
    restore();
  }) as T;
}

/** Operations in `fn` are not recorded. */
export const no_grad = <T>(fn: () => T): T => withGradMode(false, fn);
/** Operations in `fn` are recorded, also inside `no_grad`. */
export const enable_grad = <T>(fn: () => T): T => withGradMode(true, fn);
/** As `no_grad`; Sconce has no cheaper tensors to make here. */
export const inference_mode = <T>(fn: () => T): T => withGradMode(false, fn);
