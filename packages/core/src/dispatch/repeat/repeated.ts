/**
 * A place in a program that makes one call again and again. It remembers what calls came to (the kernel, the result's
 * layout) and does just that when operands of the same dtypes and layouts arrive; any other call goes the whole way.
 */
import { callOperator } from '../call.ts';
import type { Operator } from '../operator.ts';
import { Formulas } from './formulas.ts';
import { Launches } from './launches.ts';
import { Windows } from './windows.ts';

/** Calls the operator with its arguments in schema order, all of them present. */
export type Repeated = (args: readonly unknown[]) => unknown;

/** A call of which only the arguments at `varying` change from time to time. */
export function repeated(operator: Operator, varying: readonly number[]): Repeated {
  const { meaning, tensorArgs, listArgs } = operator;
  const onlyTensorsVary = varying.every((i) => tensorArgs.includes(i)) && listArgs.length === 0;
  const formula = meaning.kind === 'inplace' ? meaning.functional.meaning : meaning;
  if (formula.kind === 'pointwise' && onlyTensorsVary) {
    const formulas = new Formulas(operator, formula.elementwise, meaning.kind === 'inplace');
    return (args) => formulas.call(args);
  }
  if (meaning.kind === 'view') {
    const windows = new Windows(operator, meaning.view);
    return (args) => windows.call(args);
  }
  // Operands stand in one row: of two lists it could not be told where one ends.
  if (meaning.kind === 'define' && meaning.followsLayouts && listArgs.length <= 1) {
    const launches = new Launches(operator, varying);
    return (args) => launches.call(args);
  }
  return (args) => callOperator(operator, args);
}
