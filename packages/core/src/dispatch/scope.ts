/** `torch.scope`: frees what was made inside, but for what is returned or kept. */
import { TorchError } from '../errors.ts';
import { Tensor, tensorsMade, track } from '../tensor/tensor.ts';

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

/** Takes a tensor out of every scope, such as a leaf's gradient and an optimiser's state. */
export function keep<T extends Tensor>(tensor: T): T {
  tensor.isKept = true;
  return tensor;
}

/** Whether `tensor` is part of what a function returned. */
function isPart(tensor: Tensor, result: unknown): boolean {
  if (result instanceof Tensor || result === undefined) return tensor === result;
  let found = false;
  eachTensor(result, (t) => {
    if (t === tensor) found = true;
  });
  return found;
}

/** For more than a few tensors: all of a result, looked up at once. */
const MANY = 32;

function membership(result: unknown, count: number): (tensor: Tensor) => boolean {
  if (count <= MANY) return (tensor) => isPart(tensor, result);
  const parts = new Set<Tensor>();
  eachTensor(result, (t) => parts.add(t));
  return (tensor) => parts.has(tensor);
}

/**
 * Ends a scope that began when `made` had `from` tensors: disposes what was made since, but for what is kept and what is
 * part of `result`, which the scope around it gets.
 */
function close(made: Tensor[], from: number, result: unknown, outer: Tensor[] | null): void {
  const end = made.length;
  if (end === from) return;
  // Most scopes have one result, made last.
  if (end === from + 1 && made[from] === result) {
    if (outer === made) return;
    made.pop();
    if (outer !== null) outer.push(result as Tensor);
    return;
  }
  const survives = membership(result, end - from);
  let to = from;
  for (let i = from; i < end; i++) {
    const tensor = made[i];
    if (tensor.isKept) continue;
    if (!survives(tensor)) tensor.dispose();
    else if (outer === made) made[to++] = tensor;
    else if (outer !== null) outer.push(tensor);
  }
  // One by one: setting the length is slower for the few that there are.
  while (made.length > to) made.pop();
}

/** For what runs outside of any scope. */
const spare: Tensor[] = [];

/**
 * Runs `fn(a, b, c)` and disposes what it made, but for what it returns: what `scope` does, for temporaries of our own. It
 * takes the end of the list of the scope around it, so that it makes nothing itself; `apart` keeps the result out of that.
 */
export function temporarily<A, B, C, R>(fn: (a: A, b: B, c: C) => R, a: A, b: B, c: C, apart = false): R {
  const before = tensorsMade();
  const made = before === null || apart ? spare : before;
  const from = made.length;
  track(made);
  let result: R | undefined;
  try {
    result = fn(a, b, c);
    return result;
  } finally {
    track(before);
    close(made, from, result, apart ? null : before);
  }
}

const asyncScopes: symbol[] = [];

/**
 * Runs `fn` and disposes the tensors made inside, except those it returns (in arrays, plain objects or Maps too),
 * those kept, and gradients of leaves. An async function keeps the scope open across its awaits.
 */
export function scope<T>(fn: (scope: Scope) => T): T {
  const made: Tensor[] = [];
  const handle: Scope = {
    keep: (value) => {
      eachTensor(value, keep);
      return value;
    },
    track: (tensor) => {
      tensor.isKept = false;
      made.push(tensor);
      return tensor;
    },
  };
  const outer = track(made);
  let result: T;
  try {
    result = fn(handle);
  } catch (error) {
    track(outer);
    close(made, 0, undefined, outer);
    throw error;
  }
  const end = (value: unknown): void => {
    track(outer);
    close(made, 0, value, outer);
  };
  if (!(result instanceof Promise)) {
    end(result);
    return result;
  }
  const mine = Symbol();
  const depth = asyncScopes.push(mine);
  return result.then(
    (value) => {
      const nested = asyncScopes.length === depth && asyncScopes[depth - 1] === mine;
      asyncScopes.splice(asyncScopes.indexOf(mine), 1);
      end(value);
      if (!nested)
        throw new TorchError(
          'async scopes must nest: a second one was entered before the first had ended. Await one before you start the other',
        );
      return value;
    },
    (error) => {
      asyncScopes.splice(asyncScopes.indexOf(mine), 1);
      end(undefined);
      throw error;
    },
  ) as T;
}
