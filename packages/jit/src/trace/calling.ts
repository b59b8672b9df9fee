/** How a function is called with its examples, in order or by name, when a trace knows them as one flat list. */
import { ArgumentError, TorchError } from '@sconce/core';
import { Tensor } from '../ops/core.ts';
import { namedParameters, parameterNames } from './parameters.ts';

// biome-ignore lint/suspicious/noExplicitAny: a user's function takes and gives what it likes
export type Traceable = (...args: any[]) => unknown;

/** One example, or an array of them: the arguments of one call. */
export type ExampleInputs = unknown;

/** Examples by the names of the parameters. */
export type KeywordInputs = Readonly<Record<string, unknown>>;

export interface Calling {
  /** What the graph's inputs are named. */
  readonly names: readonly string[] | undefined;
  /** The flat list of what one example stands for. */
  flat(inputs: ExampleInputs): readonly unknown[];
  /** Calls with a flat list. */
  call(fn: Traceable, args: readonly unknown[]): unknown;
}

/** In order; `fn` is asked for the names only. */
export function inOrder(fn: Traceable): Calling {
  return {
    names: parameterNames(fn),
    flat: (inputs) => (Array.isArray(inputs) ? inputs : [inputs]),
    call: (callee, args) => callee(...args),
  };
}

const isKeywordInputs = (value: unknown): value is KeywordInputs =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Tensor);

/** By name: each goes to the parameter of its name, or into the object that the last parameter takes apart. */
export function byName(fn: Traceable, what: string, example: unknown): Calling {
  if (!isKeywordInputs(example)) throw new TorchError('example_kwarg_inputs should be a dict');
  const parameters = namedParameters(fn);
  if (!parameters)
    throw new ArgumentError(
      `${what}(): the names of its parameters are not to be had from its source, so its examples cannot be given by name; give them in order`,
    );
  const { positional, keywords } = parameters;
  const stranger = Object.keys(example).find((key) => !positional.includes(key) && !keywords.includes(key));
  if (stranger !== undefined)
    throw new ArgumentError(
      `${what}() got an unexpected keyword argument '${stranger}': its parameters are ${[...positional, ...keywords].join(', ')}`,
    );
  const ordered = positional.filter((name) => name in example);
  const inObject = keywords.filter((name) => name in example);
  const names = [...ordered, ...inObject];
  return {
    names,
    flat(inputs) {
      if (!isKeywordInputs(inputs)) throw new TorchError('example_kwarg_inputs should be a dict');
      const missing = names.find((name) => !(name in inputs));
      if (missing !== undefined)
        throw new ArgumentError(`${what}() missing 1 required argument: '${missing}'`);
      return names.map((name) => inputs[name]);
    },
    call(callee, args) {
      const given = new Map(names.map((name, i) => [name, args[i]]));
      const count =
        inObject.length > 0 ? positional.length : positional.findLastIndex((n) => given.has(n)) + 1;
      const list = positional.slice(0, count).map((name) => given.get(name));
      if (inObject.length > 0) list.push(Object.fromEntries(inObject.map((name) => [name, given.get(name)])));
      return callee(...list);
    },
  };
}
