/** Where an operator was called: its name and the user's line, for backends that learn of a fault only later. */
import type { KernelFault } from '../backend/backend.ts';
import { explainFault } from '../backend/fault.ts';
import type { TorchError } from '../errors.ts';
import { operatorInProgress } from '../kernel/progress.ts';

/** Taken with `callSite()` when work is issued; handed back with the fault, or given to `calledAt`. */
export interface CallSite {
  /** The innermost operator whose kernels were being issued, such as `index_select`. */
  readonly operator: string;
  /** The stack of the call. Its text is made only when someone reads it. */
  readonly trace: { readonly stack?: string };
}

interface StackTraces {
  stackTraceLimit?: number;
  captureStackTrace?(holder: object, below?: unknown): void;
}

/** Operators call operators, through their definitions and through modules: the user's line may be far down. */
const FRAMES = 64;

/**
 * The operator whose kernels are being issued and the stack that led there, or undefined outside of operators. It costs
 * a few microseconds, so ask for kernels that can fault only; for the name alone `operatorInProgress()` is free.
 */
export function callSite(): CallSite | undefined {
  const operator = operatorInProgress();
  if (operator === undefined) return undefined;
  const traces = Error as StackTraces;
  const before = traces.stackTraceLimit;
  if (before !== undefined) traces.stackTraceLimit = FRAMES;
  const trace = new Error(`${operator} was called here`);
  if (before !== undefined) traces.stackTraceLimit = before;
  return { operator, trace };
}

/** A frame of V8 (`at f (file:1:2)`) or of the others (`f@file:1:2`): its place. */
const PLACE = /((?:[a-z][a-z0-9+.-]*:\/\/|\/|[A-Za-z]:[\\/])[^\s()]*?:\d+:\d+)\)?$/;

const placeOf = (frame: string): string | undefined =>
  /\bnode:internal\//.test(frame) ? undefined : PLACE.exec(frame)?.[1];
const fileOf = (place: string): string => place.replace(/:\d+:\d+$/, '');

/** Frames of Sconce's own files: this very file (a bundle), the package that it is in, and those beside it. */
function isOurs(place: string, own: string): boolean {
  const file = fileOf(place);
  if (file === own || /[\\/]node_modules[\\/](@sconce[\\/]|sconce[\\/])/.test(file)) return true;
  const home = /^(.*[\\/])[^\\/]+[\\/](?:src[\\/]dispatch|dist[\\/](?:dispatch|node))[\\/]/.exec(own)?.[1];
  return (
    home !== undefined && file.startsWith(home) && /[\\/](?:src|dist)[\\/]/.test(file.slice(home.length))
  );
}

/** `app.js:12:3`, the line of the user's that led to the call; undefined where the engine gives no stacks. */
export function userLine({ trace }: CallSite): string | undefined {
  const places = (trace.stack ?? '').split('\n').flatMap((frame) => placeOf(frame.trim()) ?? []);
  if (places.length === 0) return undefined;
  const own = fileOf(places[0]);
  // Where everything is one bundle, the caller of our outermost function cannot be told from it: give no line then.
  return places.find((place) => !isOurs(place, own));
}

function stackHere(): { readonly stack?: string } {
  const traces = Error as StackTraces;
  const before = traces.stackTraceLimit;
  if (before !== undefined) traces.stackTraceLimit = FRAMES;
  const trace = new Error('here');
  if (before !== undefined) traces.stackTraceLimit = before;
  return trace;
}

/** The line of the user's that is being run, where the engine gives stacks: `app.js:12:3`. */
export const callersLine = (): string | undefined => userLine({ operator: '', trace: stackHere() });

/**
 * The user's line, if one is being run: not where code of ours goes on after it awaited something, though the user's waits
 * for it. `waiter` names the function of ours that waits in between, for engines and tools that do not mark such frames.
 */
export function runningLine(waiter: string): string | undefined {
  const frames = (stackHere().stack ?? '').split('\n');
  const end = frames.findIndex((frame) => /^\s*at async |^async\*/.test(frame) || frame.includes(waiter));
  return userLine({
    operator: '',
    trace: { stack: frames.slice(0, end < 0 ? frames.length : end).join('\n') },
  });
}

/** The error, telling where the operator was called: in its message, and by the call's stack in place of the read's. */
export function calledAt<E extends Error>(error: E, site: CallSite): E {
  const line = userLine(site);
  if (line !== undefined) error.message += ` (called at ${line})`;
  const frames = (site.trace.stack ?? '').split('\n').filter((frame) => placeOf(frame.trim()) !== undefined);
  if (frames.length > 0) error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n');
  return error;
}

/** A fault that a read brought, as the error that the call would have thrown on a backend whose memory the host reads. */
export function explainLate(fault: KernelFault): TorchError {
  const { operator: site } = fault;
  if (site === undefined) return explainFault(fault, 'a kernel');
  return typeof site === 'string'
    ? explainFault(fault, site)
    : calledAt(explainFault(fault, site.operator), site);
}
