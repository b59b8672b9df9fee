/** Whether operations are recorded: `no_grad`, `enable_grad`, `inference_mode`. */
import { TorchError } from '../errors.ts';

let enabled = true;
/** Async sections that hold the mode across their awaits, innermost last. */
const held: symbol[] = [];

export const is_grad_enabled = (): boolean => enabled;

/** Sets the mode for good; prefer the forms that take a function. */
export function set_grad_enabled(value: boolean): void {
  enabled = value;
}

/** Runs `fn` with recording on or off. An async `fn` keeps the mode across its awaits, until its promise settles. */
export function withGradMode<T>(value: boolean, fn: () => T): T {
  const before = enabled;
  const depth = held.length;
  enabled = value;
  let result: T;
  try {
    result = fn();
  } catch (error) {
    enabled = before;
    throw error;
  }
  if (!(result instanceof Promise)) {
    enabled = before;
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
    enabled = before;
  }) as T;
}

/** Operations in `fn` are not recorded. */
export const no_grad = <T>(fn: () => T): T => withGradMode(false, fn);
/** Operations in `fn` are recorded, also inside `no_grad`. */
export const enable_grad = <T>(fn: () => T): T => withGradMode(true, fn);
/** As `no_grad`; Sconce has no cheaper tensors to make here. */
export const inference_mode = <T>(fn: () => T): T => withGradMode(false, fn);
