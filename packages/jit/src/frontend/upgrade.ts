/** What operators meant in old archives: calls of those that have changed since, in terms of today's. */
import type { Value } from '../ir/graph.ts';
import { IntT, type JitType, StrT } from '../ir/types.ts';
import type { NamedValue } from './match.ts';
import type { Range } from './source.ts';

export interface UpgradeContext {
  readonly call: (name: string, args: readonly NamedValue[], kwargs: readonly NamedValue[]) => Value;
  readonly constant: (value: unknown, type: JitType) => Value;
  readonly choose: (condition: Value, whenTrue: () => Value, whenFalse: () => Value) => Value;
  readonly range: Range;
}

/** The result of a call as an archive of this version means it; undefined where it means what it says. */
export function upgrade(
  name: string,
  version: number,
  args: readonly NamedValue[],
  kwargs: readonly NamedValue[],
  self: Value | undefined,
  context: UpgradeContext,
): Value | undefined {
  const { call, constant, choose, range } = context;
  const all = self ? [{ value: self, range }, ...args] : args;
  const has = (keyword: string) => kwargs.some((kwarg) => kwarg.name === keyword);
  if (version <= 3 && (name === 'aten::div' || name === 'aten::div_')) {
    // Integer tensors divided without rest, towards zero.
    const [dividend, divisor] = all;
    if (all.length !== 2 || kwargs.length > 0 || dividend.value.type.kind !== 'Tensor') return undefined;
    if (divisor.value.type.kind === 'float') return undefined;
    const exact = () => call(name, all, []);
    const truncated = () =>
      call(name, all, [{ name: 'rounding_mode', value: constant('trunc', StrT), range }]);
    const isFloat = (operand: NamedValue) => call('aten::is_floating_point', [operand], []);
    const ofDivisor = () =>
      divisor.value.type.kind === 'Tensor' ? choose(isFloat(divisor), exact, truncated) : truncated();
    return choose(isFloat(dividend), exact, ofDivisor);
  }
  if (version <= 4 && name === 'aten::full' && !has('dtype') && all.length === 2) {
    // A whole number made floats.
    const [size, fill] = all;
    if (fill.value.type.kind !== 'int' && fill.value.type.kind !== 'bool') return undefined;
    return call(name, [size, { value: call('aten::Float', [fill], []), range }], kwargs);
  }
  const steps = name === 'aten::linspace' ? 7 : name === 'aten::logspace' ? 8 : 0;
  if (version <= steps && all.length >= 2) {
    // How many was optional, and a hundred.
    const given = all[2] ?? kwargs.find(({ name: keyword }) => keyword === 'steps');
    if (given && given.value.type.kind !== 'None') return undefined;
    const rest = kwargs.filter((kwarg) => kwarg !== given);
    return call(name, [all[0], all[1], { value: constant(100, IntT), range }, ...all.slice(3)], rest);
  }
  return undefined;
}
