/** All operators that a program can name: core's for tensors, then the jit's own. */
import type { AnyOperator } from '../ir/graph.ts';
import { findOperators } from './core.ts';
import { scalarTable } from './table.ts';

interface Known {
  readonly count: number;
  readonly last: AnyOperator | undefined;
  readonly all: readonly AnyOperator[];
}

const cache = new Map<string, Known>();

/** The overloads of `aten::add`, in the order that resolution tries them; empty for an unknown name. */
export function operatorsNamed(name: string): readonly AnyOperator[] {
  const core = findOperators(name);
  const known = cache.get(name);
  // Core's operators may change: a user registers more, or takes one back and registers another.
  const last = core[core.length - 1];
  if (known && known.count === core.length && known.last === last) return known.all;
  const own = scalarTable().get(name) ?? [];
  const taken = new Set(own.map((operator) => operator.schema.name));
  const all =
    own.length === 0 ? core : [...core.filter((operator) => !taken.has(operator.schema.name)), ...own];
  cache.set(name, { count: core.length, last, all });
  return all;
}
