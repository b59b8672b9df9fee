/** The parameters of a JavaScript function, as its source names them. */
import type { Pattern } from 'acorn';
import { FunctionText } from '../javascript/text.ts';

function nameOf(pattern: Pattern): string | undefined {
  if (pattern.type === 'Identifier') return pattern.name;
  return pattern.type === 'AssignmentPattern' ? nameOf(pattern.left) : undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: a user's function takes what it likes
type AnyFunction = (...args: any[]) => unknown;

function patternsOf(fn: AnyFunction): readonly Pattern[] | undefined {
  try {
    return new FunctionText(fn.name, Function.prototype.toString.call(fn)).node.params;
  } catch {
    return undefined;
  }
}

/** The names, or undefined where the source is not to be had or a parameter has none. */
export function parameterNames(fn: AnyFunction): string[] | undefined {
  const names = patternsOf(fn)?.map(nameOf);
  return names?.every((name) => name !== undefined) ? names : undefined;
}

export interface NamedParameters {
  /** Those that stand in order. */
  readonly positional: readonly string[];
  /** The keys of an object in the last place: `forward(x, { mask })`. */
  readonly keywords: readonly string[];
}

/** What may be given by name: parameters, and the keys that the last one takes apart. */
export function namedParameters(fn: AnyFunction): NamedParameters | undefined {
  const patterns = patternsOf(fn);
  if (patterns === undefined) return undefined;
  const last = patterns[patterns.length - 1];
  const object = last?.type === 'AssignmentPattern' ? last.left : last;
  const keywords: string[] = [];
  if (object?.type === 'ObjectPattern')
    for (const property of object.properties)
      if (property.type === 'Property' && property.key.type === 'Identifier')
        keywords.push(property.key.name);
  const positional = (object?.type === 'ObjectPattern' ? patterns.slice(0, -1) : patterns).map(nameOf);
  return positional.every((name) => name !== undefined) ? { positional, keywords } : undefined;
}
