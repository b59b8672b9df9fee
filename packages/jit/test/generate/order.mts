/** Every operator that programs can name, with its overloads: what order.py reads. */
import { allOperators } from '@sconce/core';
import { absentSchemas } from '../../src/ops/absent.ts';
import { scalarTable } from '../../src/ops/table.ts';

const names = new Map<string, Set<string>>();
const add = ({ namespace, base, overload }: { namespace: string; base: string; overload: string }): void => {
  const name = `${namespace}::${base}`;
  names.set(name, (names.get(name) ?? new Set()).add(overload));
};
for (const { schema } of allOperators()) add(schema);
for (const operators of scalarTable().values()) for (const { schema } of operators) add(schema);
for (const schema of absentSchemas()) add(schema);
process.stdout.write(JSON.stringify(Object.fromEntries([...names].map(([name, set]) => [name, [...set]]))));
