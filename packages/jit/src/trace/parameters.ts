/** The names of a JavaScript function's parameters, as its source has them. */
import type { Pattern } from 'acorn';
import { FunctionText } from '../javascript/text.ts';

function nameOf(pattern: Pattern): string | undefined {
  if (pattern.type === 'Identifier') return pattern.name;
  return pattern.type === 'AssignmentPattern' ? nameOf(pattern.left) : undefined;
}

/** The names, or undefined where the source is not to be had or a parameter has none. */
export function parameterNames(fn: (...args: never[]) => unknown): string[] | undefined {
  let params: readonly Pattern[];
  try {
    params = new FunctionText(fn.name, Function.prototype.toString.call(fn)).node.params;
  } catch {
    return undefined;
  }
  const names = params.map(nameOf);
  return names.every((name) => name !== undefined) ? names : undefined;
}
