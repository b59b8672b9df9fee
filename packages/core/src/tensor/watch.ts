/** What a tracer sees of a program besides its operators: values that leave tensors, and sizes that become numbers. */
import { TorchError } from '../errors.ts';
import type { Shape } from './layout.ts';
import type { Tensor } from './tensor.ts';

/** How a program looked into a tensor, what it called, or what JavaScript made it do; or that it made a constant, or filled an `out`. */
export type Look = 'item' | 'number' | 'data' | 'tolist' | 'len' | 'iterate' | 'constant' | 'out';

/** `source` is what an `out` argument took the value of. */
export type Watcher = (look: Look, tensor: Tensor, source?: Tensor) => void;

let watcher: Watcher | undefined;
let pauses = 0;

/** Installs what hears of looks into tensors, or removes it; returns what was there. */
export function watch(next: Watcher | undefined): Watcher | undefined {
  const before = watcher;
  watcher = next;
  return before;
}

/** Whether a tracer is there, and this is the program's own code, not ours. */
export const isWatched = (): boolean => watcher !== undefined && pauses === 0;

export function look(how: Look, tensor: Tensor, source?: Tensor): void {
  if (watcher !== undefined && pauses === 0) watcher(how, tensor, source);
}

/** Runs code of ours of which a tracer shall see nothing. */
export function unwatched<T>(fn: () => T): T {
  pauses++;
  try {
    return fn();
  } finally {
    pauses--;
  }
}

/**
 * A number that a tracer follows: a size, or what was computed from sizes. It stands wherever an operator takes a number;
 * as a plain number (`n * 2`, `n < 3`) it is a constant of the trace.
 */
export abstract class TracedNumber {
  abstract valueOf(): number;
  /** What an operator gets: itself while its trace is being recorded, else the plain number. */
  abstract argument(): TracedNumber | number;
  /** As the zero-dim tensor that it is in the trace. */
  abstract tensor(): Tensor;
  /** The product, which the trace follows too. */
  abstract mul(other: TracedNumber | number): TracedNumber;
  /** The quotient rounded towards zero. */
  abstract truncdiv(other: TracedNumber | number): TracedNumber;
}

/** Shapes that are read through a tracer. */
const real = new WeakMap<Tensor, Shape>();

/** Lets the program read a tensor's `shape` through `read`; our own code goes on seeing numbers. */
export function watchShape(tensor: Tensor, read: (tensor: Tensor, shape: Shape) => Shape): void {
  if (real.has(tensor)) return;
  real.set(tensor, tensor.shape);
  Object.defineProperty(tensor, 'shape', {
    configurable: true,
    enumerable: true,
    get: () => {
      const shape = real.get(tensor)!;
      return isWatched() ? read(tensor, shape) : shape;
    },
    set: (shape: Shape) => {
      real.set(tensor, shape);
    },
  });
}

/** The shape in plain numbers, whoever asks. */
export const plainShape = (tensor: Tensor): Shape => real.get(tensor) ?? tensor.shape;

/** A tensor where JavaScript wants a number: `x > 0`, `Number(x)`. Only one element, and only where the host reads the memory. */
export function asNumber(tensor: Tensor, value: () => number | bigint | boolean): number | bigint | boolean {
  look('number', tensor);
  if (tensor.backend.readNow === undefined)
    throw new TorchError(
      `a Tensor on backend '${tensor.backend.name}' cannot be converted to a number at once: write \`await x.item()\``,
    );
  return unwatched(value);
}
