/** What only says something to the compiler, as it is where a function runs uncompiled: annotate, isinstance, fork, wait. */
import { Source } from './frontend/source.ts';
import { typeOfExpression } from './frontend/type-expression.ts';
import type { JitType } from './ir/types.ts';
import { readType } from './javascript/types.ts';
import { tagType } from './ops/value.ts';
import { sharedUnit } from './program.ts';
import { coerceValue } from './recursive/values.ts';
import { activeTrace } from './trace/state.ts';

const typeOf = (text: string): JitType => {
  const source = new Source(text, '<type>');
  return typeOfExpression(readType(text, { source, start: 0, end: text.length }), sharedUnit);
};

/** Gives a value a type in compiled code, `jit.annotate('int[]', [])`; the value itself elsewhere, where a tracer takes an array for a list. */
export function annotate<T>(type: string, value: T): T {
  return Array.isArray(value) ? tagType(value, typeOf(type)) : value;
}

/** Whether a value has one of these types; in compiled code it has them in the branch that this decides. */
export function isinstance(value: unknown, type: string | readonly string[]): boolean {
  const types = typeof type === 'string' ? [type] : type;
  return types.some((text) => {
    const wanted = typeOf(text);
    // Every whole number is a float's value, too; as an int it is none.
    if (wanted.kind === 'float' && typeof value === 'number' && Number.isInteger(value)) return false;
    return coerceValue(value, wanted) !== undefined;
  });
}

/** Starts a call whose result `await` or `jit.wait` gives. Compiled code may run it at the same time. */
export function fork<A extends unknown[], R>(f: (...args: A) => R, ...args: A): Promise<Awaited<R>> {
  const trace = activeTrace();
  if (trace) return trace.fork(() => f(...args)) as Promise<Awaited<R>>;
  return Promise.resolve(f(...args)) as Promise<Awaited<R>>;
}

/** The result of a fork. */
export function wait<T>(future: Promise<T>): Promise<T> {
  return future;
}

/** True in compiled code only, which leaves out the branch that is for elsewhere. */
export function is_scripting(): boolean {
  return false;
}
