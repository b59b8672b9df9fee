/** Python's way of passing arguments: in order, or by name in a trailing object. */
import { ArgumentError, Tensor } from '@sconce/core';

const isOptions = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' &&
  value !== null &&
  !(value instanceof Tensor) &&
  Object.getPrototypeOf(value) === Object.prototype;

/** Arguments by name. Throws for one that is unknown, given twice, or too many. */
export function keywords<T>(
  what: string,
  names: readonly (keyof T & string)[],
  args: readonly unknown[],
): Partial<T> {
  const last = args[args.length - 1];
  const [positional, named] = isOptions(last) ? [args.slice(0, -1), last] : [args, {}];
  if (positional.length > names.length)
    throw new ArgumentError(
      `${what}() takes at most ${names.length} of these arguments (${names.join(', ')}), but ${positional.length} were given`,
    );
  const out: Record<string, unknown> = {};
  positional.forEach((value, i) => {
    out[names[i]] = value;
  });
  for (const [name, value] of Object.entries(named)) {
    if (!(names as readonly string[]).includes(name))
      throw new ArgumentError(
        `${what}() got an unexpected keyword argument '${name}'; it takes ${names.join(', ')}`,
      );
    if (name in out) throw new ArgumentError(`${what}() got multiple values for argument '${name}'`);
    out[name] = value;
  }
  for (const name of Object.keys(out)) if (out[name] === undefined) delete out[name];
  return out as Partial<T>;
}
