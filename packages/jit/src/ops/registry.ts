/** All operators that a program can name: core's for tensors, then the jit's own. */
import { NotSupportedError } from '@sconce/core';
import type { AnyOperator } from '../ir/graph.ts';
import { absentOperators } from './absent.ts';
import { findOperators } from './core.ts';
import { scalarOperators } from './operator.ts';
import { overloadOrder } from './order.ts';
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
  const found =
    own.length === 0 ? core : [...core.filter((operator) => !taken.has(operator.schema.name)), ...own];
  const all = inOrder(name, found);
  cache.set(name, { count: core.length, last, all });
  return all;
}

/** The same for a compiler, which also knows some names that are refused only when they are called. */
export function candidatesNamed(name: string): readonly AnyOperator[] {
  const known = operatorsNamed(name);
  return known.length > 0 ? known : inOrder(name, absentOperators(name));
}

/** What stands at each place of an operator's list: an overload of ours by name, or the schema of one that is absent. */
type Place = { readonly overload: string } | { readonly schema: string };

let orders: Map<string, Place[]> | undefined;

function readOrders(): Map<string, Place[]> {
  const read = new Map<string, Place[]>();
  let places: Place[] = [];
  for (const line of overloadOrder.trim().split('\n')) {
    if (line.startsWith(' ')) {
      const at = places.findIndex((place) => 'schema' in place && place.schema === '');
      places[at] = { schema: line.trim() };
      continue;
    }
    const [name, ...overloads] = line.split(' ');
    places = overloads.map((overload) =>
      overload === '|' ? { schema: '' } : { overload: overload === '-' ? '' : overload },
    );
    read.set(name, places);
  }
  return read;
}

/** As torch::jit tries them; those that only it has take part in that, and are refused where they are chosen. */
function inOrder(name: string, found: readonly AnyOperator[]): readonly AnyOperator[] {
  orders ??= readOrders();
  const places = orders.get(name);
  if (!places || found.length === 0) return found;
  const ordered = places.flatMap((place): AnyOperator[] => {
    if ('schema' in place) return [absent(place.schema)];
    const operator = found.find(({ schema }) => schema.overload === place.overload);
    return operator ? [operator] : [];
  });
  return [...ordered, ...found.filter((operator) => !ordered.includes(operator))];
}

function absent(text: string): AnyOperator {
  const refuse = () => {
    throw new NotSupportedError(`${text.slice(0, text.indexOf('('))}: Sconce does not have this overload`);
  };
  const [operator] = scalarOperators([[text, refuse]]);
  return { ...operator, absent: true };
}
