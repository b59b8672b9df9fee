/** `torch.scope`: frees what was made inside, but for what is returned or kept. */
import { TorchError } from '../errors.ts';
import { Tensor, track } from '../tensor/tensor.ts';

/** What `scope` hands to its function. */
export interface Scope {
  /** Takes a tensor (or several) out of the scope: it outlives it. */
  keep<T>(value: T): T;
  /** Puts a tensor into the scope: it is freed with it. */
  track<T extends Tensor>(tensor: T): T;
}

/** Calls `fn` for each tensor in a value: nested arrays, plain objects, Maps. */
export function eachTensor(value: unknown, fn: (tensor: Tensor) => void, depth = 0): void {
  if (value instanceof Tensor) fn(value);
  else if (depth > 32 || value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return;
  else if (Array.isArray(value)) for (const v of value) eachTensor(v, fn, depth + 1);
  else if (value instanceof Map) for (const v of value.values()) eachTensor(v, fn, depth + 1);
  else if (Object.getPrototypeOf(value) === Object.prototype)
    for (const v of Object.values(value)) eachTensor(v, fn, depth + 1);
}

const kept = new WeakSet<Tensor>();

/** Takes a tensor out of every scope, such as a leaf's gradient and an optimiser's state. */
export function keep<T extends Tensor>(tensor: T): T {
  kept.add(tensor);
  return tensor;
}

/** Disposes the tensors of `made` that nothing in `result` aliases through. */
export function disposeAllBut(made: Iterable<Tensor>, result: unknown): void {
  const survivors = new Set<Tensor>();
  eachTensor(result, (t) => survivors.add(t));
  for (const t of made) if (!survivors.has(t) && !kept.has(t)) t.dispose();
}

const asyncScopes: symbol[] = [];

/**
 * Runs `fn` and disposes the tensors made inside, except those it returns (in arrays, plain objects or Maps too),
 * those kept, and gradients of leaves. An async function keeps the scope open across its awaits.
 */
export function scope<T>(fn: (scope: Scope) => T): T {
  const made = new Set<Tensor>();
  const handle: Scope = {
    keep: (value) => {
      eachTensor(value, (t) => made.delete(t));
      return value;
    },
    track: (tensor) => {
      made.add(tensor);
      return tensor;
    },
  };
  const outer = track(made);
  let result: T;
  try {
    result = fn(handle);
  } catch (error) {
    track(outer);
    disposeAllBut(made, undefined);
    throw error;
  }
  const close = (value: unknown): void => {
    track(outer);
    disposeAllBut(made, value);
    if (outer) eachTensor(value, (t) => outer.add(t));
  };
  if (!(result instanceof Promise)) {
    close(result);
    return result;
  }
  const mine = Symbol();
  const depth = asyncScopes.push(mine);
  return result.then(
    (value) => {
      const nested = asyncScopes.length === depth && asyncScopes[depth - 1] === mine;
      asyncScopes.splice(asyncScopes.indexOf(mine), 1);
      close(value);
      if (!nested)
        throw new TorchError(
          'async scopes must nest: a second one was entered before the first had ended. Await one before you start the other',
        );
      return value;
    },
    (error) => {
      asyncScopes.splice(asyncScopes.indexOf(mine), 1);
      close(undefined);
      throw error;
    },
  ) as T;
}
